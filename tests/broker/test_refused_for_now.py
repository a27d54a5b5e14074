"""What is refused for now, since somebody is too fast or the disk is full, comes again in its order."""

from __future__ import annotations

import pytest
from hypothesis import given, settings, strategies as st

from zchat.broker.policy import Policy
from zchat.common import limits, messages as m

from .house import NOT_STORED, TOO_FAST, House, acked, events, hello, key, only, refusals, say

SLOW = Policy(burst=200, rate=1, room_burst=100)


@pytest.fixture
def house() -> House:
    """A slow broker with alice, who has used up her budget, and bob, who has not."""
    house = House(SLOW)
    house.enter("alice", "bob")
    house.join("lobby", "alice", "bob")
    used_up(house, "alice")
    return house


def used_up(house: House, user: str) -> None:
    """A user sends until they are told that they are too fast; one more cannot be paid."""
    for number in range(1_000):
        if house.refused(user, m.Ping(ref=number)):
            return
    raise AssertionError("never too fast")


# --- too fast -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "command",
    [
        m.Ping(ref=7),
        m.Join(room="lobby", ref=7),
        m.Replay(room="lobby", ref=7),
        m.Who(ref=7),
        m.Rooms(ref=7),
        m.Rename(nick="anna", ref=7),
        m.Hello(nick="alice", instance="i", ref=7),
        m.Admin(verb="invite", ref=7),
    ],
    ids=lambda command: type(command).__name__,
)
def test_who_is_too_fast_is_told_when_to_come_again(house: House, command: m.Command) -> None:
    """Every command is refused with its number and a time; nothing else comes of it, and others go on."""
    sent = house.send(("alice", command))
    refused = only(sent, m.Refused, to="alice")

    assert (refused.code, refused.ref, refused.retry, len(sent)) == (TOO_FAST, 7, limits.TOO_FAST_RETRY, 1)
    assert house.may_speak("bob", "lobby")


def test_budgets_fill_up_again(house: House) -> None:
    """With time, at the rate that is set, up to the burst and no further."""
    house.advance(10)
    sent = house.send(*(("alice", m.Ping(ref=number)) for number in range(20)))
    assert len(events(sent, m.Pong, to="alice")) == 10
    house.advance(10_000)
    sent = house.send(*(("alice", m.Ping(ref=number)) for number in range(200)))

    assert len(events(sent, m.Pong, to="alice")) == SLOW.burst


def test_a_budget_is_a_keys() -> None:
    """Another screen, or a new connection, brings no new one."""
    house = House(SLOW)
    house.enter("alice", "alice/2")
    used_up(house, "alice")

    assert house.refused("alice/2", m.Ping()) == TOO_FAST
    assert house.refused("alice/3", hello("alice/3")) == TOO_FAST


# --- the order of messages ------------------------------------------------------------------------------------
def test_what_follows_a_refused_message_waits_for_it(house: House) -> None:
    """Though it could be paid by then: until the first one comes again none is taken, then all are, in order."""
    assert refusals(house.send(("alice", say("1"))), "alice") == {"1": TOO_FAST}
    house.advance(3)
    others = say("2"), say("3", room="other"), m.Say(id="4", text="x", to="bob"), say("5", room="new")
    assert house.send(*(("alice", each) for each in others)) == []
    assert house.page("bob", "lobby") == house.page("bob", to="alice") == []
    again = house.send(("alice", say("1")), ("alice", say("2")))

    assert acked(again, "alice") == ["1", "2"]
    assert [entry.id for entry in house.page("bob", "lobby")] == ["1", "2"]


def test_what_is_still_too_fast_waits_on(house: House) -> None:
    """When the first comes again too soon it is refused again, and the others wait with it."""
    for _ in range(3):
        sent = house.send(("alice", say("1")), ("alice", say("2")))
        assert refusals(sent, "alice") == {"1": TOO_FAST}
        assert len(sent) == 1
        house.advance(0.2)
    house.advance(3)

    assert acked(house.send(("alice", say("1")), ("alice", say("2"))), "alice") == ["1", "2"]


def test_other_sessions_do_not_wait(house: House) -> None:
    """The order is one of a session; another screen of the same user goes on."""
    house.advance(90)
    house.enter("alice/2")
    used_up(house, "alice")
    house.send(("alice", say("1")))
    house.advance(3)
    assert acked(house.send(("alice/2", say("5")), ("bob", say("6"))), "alice/2") == ["5"]

    assert house.send(("alice", say("2"))) == []


def test_waiting_is_given_up_in_the_end(house: House) -> None:
    """A client that never sends the first one again may speak after a while."""
    house.send(("alice", say("1")))
    house.advance(limits.TOO_FAST_RETRY + 2 * limits.RESEND_AFTER - 0.1)
    assert house.send(("alice", say("2"))) == []
    house.advance(0.2)

    assert acked(house.send(("alice", say("2")), ("alice", say("3"))), "alice") == ["2", "3"]


def test_a_hello_ends_the_waiting(house: House) -> None:
    """A client that connects again sends what it has from the start."""
    house.send(("alice", say("1")))
    house.core._rates._keys[key("alice")].commands.level = 60
    assert house.send(("alice", say("2"))) == []
    house.enter("alice")

    assert acked(house.send(("alice", say("2"))), "alice") == ["2"]


def test_questions_do_not_wait_for_messages(house: House) -> None:
    """Who waits may read and come and go meanwhile."""
    house.send(("alice", say("1")))
    house.advance(5)
    house.core._rates._keys[key("alice")].commands.level = 60
    assert house.send(("alice", say("2"))) == []

    assert house.page("alice", "lobby") == []
    assert house.ask("alice", m.Ping(), m.Pong)


# --- not stored -----------------------------------------------------------------------------------------------
def test_what_was_not_stored_keeps_its_order() -> None:
    """After a full disk the first of them must come again before any other, also with others of one moment."""
    house = House()
    house.enter("alice", "bob")
    house.join("lobby", "alice", "bob")
    with house.full_disk():
        sent = house.send(("alice", say("1")), ("alice", say("2")), ("bob", say("3")))
        assert refusals(sent, "alice") == {"1": NOT_STORED}
        assert refusals(sent, "bob") == {"3": NOT_STORED}
        assert all(refused.retry > 0 for user in ("alice", "bob") for refused in events(sent, m.Refused, to=user))
        assert events(sent, m.Entries) == []
    assert house.send(("alice", say("2"))) == []
    sent = house.send(("alice", say("1")), ("alice", say("2")), ("bob", say("3")))

    assert (acked(sent, "alice"), acked(sent, "bob")) == (["1", "2"], ["3"])
    assert [entry.id for entry in house.page("bob", "lobby")] == ["1", "2", "3"]


def test_a_room_that_is_not_stored_keeps_the_order_too() -> None:
    """The first message of a new room, with the room."""
    house = House()
    house.enter("alice")
    with house.full_disk():
        sent = house.send(("alice", say("1", room="new")), ("alice", say("2", room="new")))
        assert refusals(sent, "alice") == {"1": NOT_STORED}
    sent = house.send(("alice", say("2", room="new")), ("alice", say("1", room="new")), ("alice", say("2", room="new")))

    assert acked(sent, "alice") == ["1", "2"]


def test_the_first_that_was_not_taken_counts() -> None:
    """Of a message that was not stored and a later one that was too fast, the first has to come again first."""
    house = House(Policy(burst=200, rate=1))
    house.enter("alice")
    house.join("lobby", "alice")
    used_up(house, "alice")
    house.advance(1)
    with house.full_disk():
        sent = house.send(("alice", say("1")), ("alice", say("2")))
    assert "1" in refusals(sent, "alice")
    house.advance(2)
    sent = house.send(("alice", say("1")), ("alice", say("2")))

    assert acked(sent, "alice") == ["1", "2"]


@given(
    st.lists(
        st.tuples(st.sampled_from(["fine", "full", "fast"]), st.integers(1, 4), st.sampled_from([0, 0.5, 2])),
        max_size=12,
    )
)
@settings(max_examples=80, deadline=None)
def test_a_patient_client_keeps_its_order(moments: list[tuple[str, int, float]]) -> None:
    """Who sends all that is not acked again, in order, has everything stored once and in order in the end."""
    house = House(Policy(burst=200, rate=5))
    house.enter("alice")
    outbox: list[m.Say] = []
    for number, (trouble, count, pause) in enumerate([*moments, ("fine", 1, 60.0), ("fine", 0, 60.0)]):
        outbox += [say(f"{number}-{each}", room=f"room{number % 2}") for each in range(count)]
        if trouble == "fast":
            used_up(house, "alice")
        frames = [("alice", each) for each in outbox]
        if trouble == "full":
            with house.full_disk():
                sent = house.send(*frames)
        else:
            sent = house.send(*frames)
        stored = set(acked(sent, "alice"))
        outbox = [each for each in outbox if each.id not in stored]
        house.advance(pause)
        if pause > limits.SESSION_EXPIRY:
            house.enter("alice")
    rows = house.history._db.execute("SELECT place >> 40, id FROM entry ORDER BY place").fetchall()
    ids = [[id_ for room, id_ in rows if room == wanted] for wanted in {room for room, _ in rows}]

    assert outbox == []
    for each in ids:
        assert each == sorted(each, key=lambda id_: [int(part) for part in id_.split("-")])
    house.history.close()


def test_a_message_to_a_room_that_is_made_too_fast_keeps_its_order() -> None:
    """What is said after it, there or elsewhere, waits for it like after any other refusal for the moment."""
    house = House(Policy(room_burst=1, room_rate=0.1))
    house.enter("alice")
    house.join("one", "alice")
    sent = house.send(("alice", say("1", room="two")), ("alice", say("2", room="one")))
    assert refusals(sent, "alice") == {"1": TOO_FAST}
    assert acked(sent, "alice") == []
    house.advance(events(sent, m.Refused, to="alice")[0].retry)
    sent = house.send(("alice", say("3", room="two")), ("alice", say("1", room="two")), ("alice", say("3", room="two")))

    assert acked(sent, "alice") == ["1", "3"]
