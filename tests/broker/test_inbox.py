"""What one wake-up brings: what stands alone, whose turn it is, and faults that cost only themselves."""

from __future__ import annotations

import pytest

from zchat.broker.actions import Ask, Reply, Store
from zchat.broker.core import Core
from zchat.broker.inbox import Frame, groups
from zchat.broker.policy import Policy
from zchat.broker.turns import WEIGHTS, Turns
from zchat.common import limits, messages as m, wire
from zchat.common.names import OPERATOR

from .house import TOO_FAST, House, codes, events, hello, only


@pytest.fixture
def house() -> House:
    """A broker with its operator, alice and bob in the lobby."""
    house = House()
    house.enter(OPERATOR, "alice", "bob")
    house.join("lobby", "alice", "bob")
    return house


def say(id_: str, *, room: str = "lobby") -> m.Say:
    """A message that has an id."""
    return m.Say(id=id_, text="x", room=room)


def stored(house: House, *commands: tuple[str, m.Command]) -> list[int]:
    """How many changes each group of one wake-up has; the groups are carried out as they come."""
    frames = [house.frame(user, wire.encode(command)) for user, command in commands]
    counts = []
    for actions in groups(house.core, frames, house.now):
        counts.append(sum(isinstance(action, Store) for action in actions))
        house.carry_out(actions)
    return counts


# --- groups ---------------------------------------------------------------------------------------------------
def test_what_is_said_shares_a_commit(house: House) -> None:
    """Of any number of users, in rooms that are there."""
    assert stored(house, *(("alice", say(str(number))) for number in range(9)), ("bob", say("b"))) == [10]


@pytest.mark.parametrize(
    "command",
    [
        ("bob", m.Rename(nick="robert")),
        (OPERATOR, m.Admin(verb="ban", target="bob")),
        ("carol", hello("carol")),
        ("bob", m.Join(room="new")),
        ("bob", m.Join(room="new", private=True)),
        ("bob", m.Say(id="new", text="x", room="new")),
        (OPERATOR, m.Say(id="do", kind="mute", to="bob", room="lobby", text="")),
    ],
    ids=lambda command: type(command[1]).__name__,
)
def test_what_changes_rights_or_names_stands_alone(house: House, command: tuple[str, m.Command]) -> None:
    """All before it is stored first, and all after it is judged by it."""
    counts = stored(house, ("alice", say("1")), ("alice", say("2")), command, ("alice", say("3")), ("alice", say("4")))

    assert counts[0] == 2
    assert counts[1] >= 1
    assert counts[-1] == 2
    assert [entry.id for entry in house.page("alice", "lobby") if entry.kind == "message"] == ["1", "2", "3", "4"]


@pytest.mark.parametrize(
    "command", [hello("alice"), m.Join(room="lobby"), m.Ping(), m.Goodbye(), m.Part(room="lobby")], ids=repr
)
def test_the_rest_does_not(house: House, command: m.Command) -> None:
    """A hello of who is known, or entering a room that is there, costs no commit of its own."""
    assert stored(house, ("bob", say("1")), ("alice", command), ("bob", say("2"))) == [2]


def test_a_quiet_wake_up_stores_nothing(house: House) -> None:
    """No frames, no changes."""
    assert stored(house) == [0]


# --- faults ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("body", [None, b"", b"\xff", b"\x01", wire.encode(m.Pong()), wire.encode(say("1"))[:-1]])
def test_garbage_costs_only_itself(house: House, body: bytes | None) -> None:
    """It is refused to whom it came from, and all around it is answered as ever."""
    frames = [
        house.frame("alice", wire.encode(say("1"))),
        house.frame("alice", body),
        house.frame("bob", wire.encode(say("2"))),
        house.frame("alice", wire.encode(say("3"))),
    ]
    sent = [reply for actions in groups(house.core, frames, house.now) for reply in house.carry_out(actions)]

    assert len(codes(sent, "alice")) <= 1
    assert codes(sent, "bob") == []
    assert [entry.id for entry in house.page("bob", "lobby")] == ["1", "2", "3"]


class Faulty(Core):
    """A core with a fault that one message finds."""

    def handle(self, *arguments: object, **more: object) -> list[object]:  # type: ignore[override]
        """Fail at the message ``bug``."""
        if getattr(arguments[2], "id", "") == "bug":
            raise RuntimeError("a fault")
        return super().handle(*arguments, **more)  # type: ignore[arg-type,return-value]


@pytest.mark.parametrize("room", ["lobby", "new"])
def test_a_fault_of_ours_costs_only_itself(house: House, room: str) -> None:
    """Whoever found it is refused, the log has where it was, and the others' chat goes on."""
    house.core.__class__ = Faulty
    sent = house.send(("alice", say("1")), ("alice", say("bug", room=room)), ("bob", say("2")), ("alice", say("3")))

    assert len(codes(sent, "alice")) == 1
    assert [ack.id for event in events(sent, m.Acked, to="alice") for ack in event.acks] == ["1", "3"]
    assert any("RuntimeError: a fault" in line for line in house.logged)
    assert [entry.id for entry in house.page("bob", "lobby")] == ["1", "2", "3"]


def test_a_refused_message_is_named_when_we_failed(house: House) -> None:
    """So that its author's client knows which one it was, and does not send it for ever."""
    house.core.__class__ = Faulty
    refused = only(house.send(("alice", say("bug"))), m.Refused, to="alice")

    assert refused.id == "bug"


# --- turns ----------------------------------------------------------------------------------------------------
def asked(house: House, *questions: tuple[str, m.Command]) -> list[str]:
    """Users ask: who is answered, in order."""
    for user, question in questions:
        house.core.handle(user.encode(), house.frame(user, None).user, question, house.now)
    order = []
    while house.core.has_turns:
        for action in house.core.turn(house.now):
            identities = action.identities if isinstance(action, Reply) else (getattr(action.purpose, "identity", b""),)  # type: ignore[union-attr]
            order += [identity.decode() for identity in identities]
    return order


def test_everyone_has_a_turn(house: House) -> None:
    """Who asks much does not hold up who asks little; each gets the answers in the order of the questions."""
    many = [("alice", m.Replay(room="lobby", ref=number)) for number in range(20)]
    order = asked(house, *many, ("bob", m.Replay(room="lobby")), ("bob", m.Replay(room="lobby")))

    assert order[:4] == ["alice", "bob", "alice", "bob"]
    assert order.count("alice") == 20


def test_answers_keep_the_order_of_questions(house: House) -> None:
    """Those of one key, over all its sessions."""
    house.enter("alice/2")
    for number in range(30):
        user = "alice/2" if number % 2 else "alice"
        house.core.handle(user.encode(), house.frame("alice", None).user, m.Who(ref=number), house.now)
    refs = []
    while house.core.has_turns:
        refs += [action.event.ref for action in house.core.turn(house.now) if isinstance(action, Reply)]  # type: ignore[union-attr]

    assert refs == list(range(30))


def test_a_turn_is_bounded(house: House) -> None:
    """Between two looks at the network so many pages are answered, or one list."""
    for number in range(20):
        house.core.handle(b"alice", house.frame("alice", None).user, m.Replay(room="lobby", ref=number), house.now)
    assert len([action for action in house.core.turn(house.now) if isinstance(action, Ask)]) == limits.TURN_QUESTIONS
    while house.core.has_turns:
        house.core.turn(house.now)
    for number in range(3):
        house.core.handle(b"bob", house.frame("bob", None).user, m.Rooms(ref=number), house.now)
    parts = [len(house.core.turn(house.now)) for _ in range(3)]

    assert parts == [1, 1, 1]
    assert max(WEIGHTS.values()) <= limits.TURN_QUESTIONS
    assert not house.core.has_turns


def test_too_many_questions_are_refused() -> None:
    """Those of a key, which is told to ask again later; others may still ask."""
    house = House(Policy(open_questions=3))
    house.enter("alice", "bob")
    sent = house.send(*(("alice", m.Who(ref=number)) for number in range(1, 6)), ("bob", m.Who(ref=9)))

    assert [roster.ref for roster in events(sent, m.Roster, to="alice")] == [1, 2, 3]
    refused = events(sent, m.Refused, to="alice")
    assert [(each.code, each.ref) for each in refused] == [(TOO_FAST, 4), (TOO_FAST, 5)]
    assert all(each.retry > 0 for each in refused)
    assert only(sent, m.Roster, to="bob").ref == 9


def test_who_is_gone_is_not_answered(house: House) -> None:
    """Neither who left or was put out, nor who is away; who came back meanwhile is, where they are now."""
    house.enter("carol", "dave", "erin")
    for user in ("alice", "bob", "carol", "dave", "erin"):
        house.core.handle(user.encode(), house.frame(user, None).user, m.Who(ref=1), house.now)
    house.carry_out(house.core.handle(b"alice", house.frame("alice", None).user, m.Goodbye(), house.now))
    house.core.disconnect(b"carol", house.now)
    house.core.disconnect(b"erin", house.now)
    back = Frame(b"elsewhere", house.frame("erin", None).user, "", wire.encode(hello("erin")))
    for actions in groups(house.core, [back], house.now):
        house.carry_out(actions)
    answered = set(asked(house))

    assert answered <= {"bob", "dave", "elsewhere"}
    assert house.core._turns._queues == {}


def test_an_empty_queue_is_no_queue() -> None:
    """Nothing is kept of who has been answered."""
    turns = Turns(Policy(open_questions=2))

    assert not turns
    assert turns.take(8) == []
