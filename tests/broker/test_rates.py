"""How much one key may: what things cost, and how many rooms and sessions it has."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from zchat.broker.policy import Policy
from zchat.broker.rates import COSTS, Bucket, Rates
from zchat.broker.schema import SEQ_MASK, place_of
from zchat.common import limits, messages as m
from zchat.common.clock import Now
from zchat.common.names import OPERATOR

from .house import NOW, TOO_FAST, House, acked, events, hello, key, refusals, say


# --- what things cost -----------------------------------------------------------------------------------------
def test_long_texts_cost_more() -> None:
    """A key says about as many kilobytes as short messages."""
    house = House(Policy(burst=130, rate=0.001))
    house.enter("alice")
    sent = house.send(*(("alice", say(str(number), text="x" * 10_240)) for number in range(20)))

    assert 5 <= len(acked(sent, "alice")) <= 8


def test_pings_cost_what_is_looked_at_for_them() -> None:
    """Who follows many rooms, or has private messages with many, has fewer of them answered at once."""
    answered = []
    for rooms in (1, 100):
        house = House(Policy(burst=100, rate=0.001, room_burst=200))
        house.enter("alice", *(f"u{number}" for number in range(rooms // 2)))
        for number in range(rooms // 2):
            house.join(f"room-{number}", f"u{number}")
            house.say(f"u{number}", "x", to="alice")
            house.core._rates._keys.clear()
            house.join(f"room-{number}", "alice")
        house.core._rates._keys.clear()
        sent = house.send(*(("alice", m.Ping(ref=number)) for number in range(200)))
        answered.append(len(events(sent, m.Pong, to="alice")))

    assert answered == [100, 100 // (1 + 4)]


@pytest.mark.parametrize("kind", COSTS, ids=lambda kind: kind.__name__)
def test_every_cost_can_be_paid(kind: type[m.Message]) -> None:
    """At the usual settings nothing costs more than there ever is."""
    assert COSTS[kind] <= limits.BURST


# --- rooms and sessions ---------------------------------------------------------------------------------------
def test_rooms_are_made_so_fast() -> None:
    """One more is refused with a time after which it may be made; entering those that are there is free."""
    house = House(Policy(room_burst=2, room_rate=0.1))
    house.enter("alice", "bob")
    house.join("one", "alice")
    house.join("two", "alice", private=True)
    refused = house.ask("alice", m.Join(room="three", ref=7), m.Refused)
    assert (refused.code, refused.ref) == (TOO_FAST, 7)
    house.join("one", "alice")
    house.join("three", "bob")
    house.advance(refused.retry)

    assert house.ask("alice", m.Join(room="four"), m.Entered)


def test_a_key_owns_so_many_rooms() -> None:
    """One more is refused for good, whatever the pace; a restart does not forget whose they are."""
    house = House(Policy(owned_rooms=2))
    house.enter("alice", "bob")
    house.join("one", "alice")
    house.say("alice", "hello", room="two")
    for _ in range(2):
        refused = house.ask("alice", m.Join(room="three"), m.Refused)
        assert (refused.code, refused.retry) == ("too_many", 0)
        assert refusals(house.send(("alice", say("1", room="three"))), "alice") == {"1": "too_many"}
        house.restart()
        house.enter("alice", "bob")
    house.join("three", "bob")
    house.join("three", "alice")


def test_a_chat_has_so_many_rooms() -> None:
    """Neither a room nor a private conversation is begun beyond that, and what is sent with it is not held up."""
    house = House(Policy(rooms=3))
    house.enter("alice", "bob", "carol")
    house.join("lobby", "alice")
    house.join("one", "alice")
    house.say("alice", "hello", to="bob")
    for _ in range(2):
        sent = house.send(
            ("alice", say("1", room="two")), ("carol", say("2", to="bob")), ("alice", say("3", room="one")),
            ("bob", say("4", to="alice")),
        )  # fmt: skip
        assert (refusals(sent, "alice"), refusals(sent, "carol")) == ({"1": "too_many"}, {"2": "too_many"})
        assert (acked(sent, "alice"), acked(sent, "bob")) == (["3"], ["4"])
        assert house.ask("carol", m.Join(room="two"), m.Refused).code == "too_many"
        house.restart()
        house.enter("alice", "bob", "carol")


def test_what_a_chat_may_have_fits_the_file() -> None:
    """The last room that can be asked for while the one before it is stored has a place for its last entry."""
    last = limits.ROOMS_HIGHEST + 2 * limits.BATCH

    assert place_of(last, SEQ_MASK) < 2**63


def test_a_key_has_so_many_sessions() -> None:
    """One more is refused, those that are there may come back, and others are not concerned."""
    house = House(Policy(sessions=2))
    house.enter("alice", "alice/2")
    assert house.refused("alice/3", hello("alice/3")) == "too_many"
    house.enter("alice/2", "bob")
    house.send(("alice", m.Goodbye()))

    house.enter("alice/3")


# --- budgets by themselves ------------------------------------------------------------------------------------
@given(
    burst=st.floats(1, 1_000),
    rate=st.floats(0.01, 1_000),
    takes=st.lists(st.tuples(st.floats(0, 100), st.floats(0, 50)), max_size=50),
)
def test_a_bucket_gives_no_more_than_it_gains(burst: float, rate: float, takes: list[tuple[float, float]]) -> None:
    """Over any time: at most the burst and what came in since."""
    bucket, now, given_ = Bucket(burst, 0.0), 0.0, 0.0
    for pause, cost in takes:
        now += pause
        given_ += cost if bucket.take(cost, burst, rate, now) else 0
        assert given_ <= (burst + rate * now) * (1 + 1e-9)
        assert 0 <= bucket.level <= burst


def test_many_keys_are_forgotten() -> None:
    """Those who have done nothing for long leave nothing behind; those who wait for a new budget are kept."""
    policy = Policy(burst=10, rate=1, room_burst=5, room_rate=0.1)
    rates = Rates(policy)
    for number in range(5_000):
        rates.charge(f"key{number}", m.Ping(), 0, NOW)
    soon, late = (Now(NOW.mono + seconds, NOW.wall) for seconds in (40, 60))
    while rates.make_room("busy", soon):
        pass
    rates.forget(soon)
    assert len(rates._keys) == 5_001
    rates.forget(late)

    assert set(rates._keys) == {"busy"}
    assert rates.make_room("busy", late)


def test_a_broker_forgets_by_itself() -> None:
    """Strangers who only knocked take no memory in the long run."""
    house = House(Policy(access="closed"))
    for number in range(200):
        house.send((f"u{number}", hello(f"u{number}")))
    for _ in range(3):
        house.advance(3_000)
        house.tick()

    assert house.core._rates._keys == {}
    assert house.core._turns._queues == {}
    assert house.core._roster.users.keys() == {key(OPERATOR)}
