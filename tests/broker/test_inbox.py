"""What one wake-up brings: what stands alone, whose turn it is, and faults that cost only themselves."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from zchat.broker.actions import Ask, Reply, Store
from zchat.broker.core import Core
from zchat.broker.inbox import Frame, groups
from zchat.broker.policy import Policy
from zchat.broker.turns import WEIGHTS, Turns
from zchat.common import limits, messages as m, wire
from zchat.common.names import OPERATOR

from .house import TOO_FAST, House, acked, codes, events, hello, only, say


@pytest.fixture
def house() -> House:
    """A broker with its operator, alice and bob in the lobby."""
    house = House()
    house.enter(OPERATOR, "alice", "bob")
    house.join("lobby", "alice", "bob")
    return house


def stored(house: House, *commands: tuple[str, m.Command]) -> list[int]:
    """How many changes each group of one wake-up has; the groups are carried out as they come."""
    frames = [house.frame(user, wire.encode(command)) for user, command in commands]
    counts = []
    for group in groups(house.core, frames, house.now):
        counts.append(sum(isinstance(action, Store) for action in group.actions))
        house.carry_out(group.actions)
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


# --- packs ----------------------------------------------------------------------------------------------------
def pack(*commands: m.Command) -> bytes:
    """Commands as one frame."""
    (body,) = wire.pack(map(wire.encode, commands), limits.ROUTER_FRAME_BYTES)
    return body


def taken(house: House, *frames: tuple[str, bytes]) -> tuple[list[int], list[Reply]]:
    """How many changes each group of one wake-up has, and what is replied."""
    counts, sent = [], []
    for group in groups(house.core, [house.frame(user, body) for user, body in frames], house.now):
        counts.append(sum(isinstance(action, Store) for action in group.actions))
        sent += house.carry_out(group.actions)
    return counts, sent


def test_a_pack_is_its_commands(house: House) -> None:
    """It is taken as if they had come one by one: one commit for all that is said, one frame of acks."""
    counts, sent = taken(
        house, ("alice", pack(*(say(str(n)) for n in range(100)), m.Ping(ref=7))), ("bob", pack(say("b")))
    )

    assert counts == [101]
    assert only(sent, m.Pong, to="alice").ref == 7
    assert [ack.id for ack in only(sent, m.Acked, to="alice").acks] == [str(n) for n in range(100)]
    assert [entry.id for entry in house.page("bob", "lobby")] == [*(str(n) for n in range(100)), "b"]


def test_what_changes_rights_stands_alone_in_a_pack(house: House) -> None:
    """What was said before it in the same frame is stored before it, what comes after it is judged by it."""
    mute = m.Say(id="do", kind="mute", to="alice", room="lobby", text="")
    counts, sent = taken(
        house, ("alice", pack(say("1"))), (OPERATOR, pack(say("2"), mute, say("3"))), ("alice", pack(say("4")))
    )

    assert counts[:2] == [2, 1]
    assert codes(sent, "alice") == ["not_allowed"]
    assert [entry.id for entry in house.page("bob", "lobby")] == ["1", "2", "do", "3"]


def test_a_bad_command_of_a_pack_costs_only_itself(house: House) -> None:
    """Whether it cannot be read, is none that we know, or finds a fault of ours."""
    house.core.__class__, house.faulty = Faulty, True
    bad = [{"type": "say", "id": "bad", "room": "lobby", "text": 7}, {"type": "dance"}, [], None]
    good = [{"type": "say", "id": id_, "room": "lobby", "text": "x"} for id_ in ("1", "bug", "2")]
    raw = [good[0], *bad, good[1], good[2]]
    _, sent = taken(house, ("alice", b"\x01" + msgspec.msgpack.encode(raw)))

    assert sorted(refused.id or "" for refused in events(sent, m.Refused, to="alice")) == ["", "", "bad", "bug"]
    assert [entry.id for entry in house.page("bob", "lobby")] == ["1", "2"]


def test_each_message_of_a_pack_is_charged() -> None:
    """A pack of many small ones costs as many, and one of large ones as much as its bytes."""
    many = House(Policy(burst=200, rate=0.001))
    many.enter("alice")
    many.join("lobby", "alice")
    small = [say(str(number)) for number in range(250)]
    _, sent = taken(many, ("alice", pack(*small)))
    few = House(Policy(burst=200, rate=0.001))
    few.enter("alice")
    few.join("lobby", "alice")
    large = [m.Say(id=str(number), text="x" * 7_000, room="lobby") for number in range(5)]
    _, more = taken(few, *[("alice", pack(*large))] * 6)

    assert len(only(sent, m.Acked, to="alice").acks) == 200 - 50 - 10  # a hello costs 50, a join 10
    assert codes(sent, "alice") == [TOO_FAST]
    assert 140 // 8 <= len(only(more, m.Acked, to="alice").acks) <= 140 // 7


@pytest.mark.parametrize(
    "command",
    [
        lambda number: m.Join(room=f"room-{number}", ref=number + 1),
        lambda number: m.Replay(room="lobby", ref=number + 1),
        lambda number: hello("alice"),
        lambda number: m.Away(ref=number + 1),
        lambda number: m.Ping(ref=number + 1),
    ],
    ids=["joins", "replays", "hellos", "aways", "pings"],
)
def test_weighty_commands_of_a_pack_are_bounded(house: House, command: Callable[[int], m.Command]) -> None:
    """One frame has so many done that keep the others waiting; the rest is to come again."""
    _, sent = taken(house, ("alice", pack(*map(command, range(limits.PACK_WEIGHTY + 5)))))
    refused = events(sent, m.Refused, to="alice")

    assert [each.code for each in refused] == [TOO_FAST] * 5
    assert all(each.retry > 0 for each in refused)


def test_the_order_is_kept_when_a_pack_is_cut_short(house: House) -> None:
    """Messages that make too many rooms wait, and so does all that was said after the first of them."""
    first = limits.PACK_WEIGHTY
    says = [*(say(str(number), room=f"room-{number}") for number in range(first + 3)), say("last")]
    _, sent = taken(house, ("alice", pack(*says)))
    held = only(sent, m.Refused, to="alice")
    _, again = taken(house, ("alice", pack(*says[first:])))

    assert (held.id, held.code) == (str(first), TOO_FAST)
    assert len(events(sent, m.Acked, to="alice")) == first
    assert acked(again, "alice") == [s.id for s in says[first:]]


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
    sent = [reply for actions in house.groups(frames) for reply in house.carry_out(actions)]

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
    house.core.__class__, house.faulty = Faulty, True
    sent = house.send(("alice", say("1")), ("alice", say("bug", room=room)), ("bob", say("2")), ("alice", say("3")))

    assert len(codes(sent, "alice")) == 1
    assert acked(sent, "alice") == ["1", "3"]
    assert any("RuntimeError: a fault" in line for line in house.logged)
    assert [entry.id for entry in house.page("bob", "lobby")] == ["1", "2", "3"]


def test_a_refused_message_is_named_when_we_failed(house: House) -> None:
    """So that its author's client knows which one it was, and does not send it for ever."""
    house.core.__class__, house.faulty = Faulty, True
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
    for actions in house.groups([back]):
        house.carry_out(actions)
    answered = set(asked(house))

    assert answered <= {"bob", "dave", "elsewhere"}
    assert house.core._turns._queues == {}


def test_an_empty_queue_is_no_queue() -> None:
    """Nothing is kept of who has been answered."""
    turns = Turns(Policy(open_questions=2))

    assert not turns
    assert turns.take(8) == []
