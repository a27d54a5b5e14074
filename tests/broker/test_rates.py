"""Who goes too fast: refusals that keep the order of messages, budgets, and who floods."""

from __future__ import annotations

import pytest
from hypothesis import given, settings, strategies as st

from zchat.broker.policy import Policy
from zchat.broker.rates import COSTS, Bucket, Rates
from zchat.broker.schema import SEQ_MASK, place_of
from zchat.common import limits, messages as m
from zchat.common.clock import Now
from zchat.common.errors import Code, WireError
from zchat.common.names import OPERATOR

from .house import NOT_STORED, NOW, TOO_FAST, House, Sent, events, hello, key, only

BAD = WireError("it is garbage")
SLOW = Policy(burst=200, rate=1, room_burst=100)


def say(id_: str, *, room: str = "lobby", to: str | None = None, text: str = "x") -> m.Say:
    """A message that has an id."""
    return m.Say(id=id_, text=text, room=None if to else room, to=to)


def acked(sent: Sent, user: str) -> list[str]:
    """The ids of a user's messages that are stored."""
    return [ack.id for event in events(sent, m.Acked, to=user) for ack in event.acks]


def refusals(sent: Sent, user: str) -> dict[str | None, str]:
    """Which messages of a user were refused, and with which code."""
    return {refused.id: refused.code for refused in events(sent, m.Refused, to=user)}


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
            while house.refused("alice", m.Ping()) == "":
                pass
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


# --- floods ---------------------------------------------------------------------------------------------------
def flood(house: House, user: str) -> None:
    """A user sends garbage until they are shut out."""
    for _ in range(limits.STRIKES + 10):
        house.carry_out(house.core.refuse_frame(user.encode(), key(user), BAD, house.now))
        if house.cut:
            return
    raise AssertionError("never shut out")


@pytest.fixture
def flooded(monkeypatch: pytest.MonkeyPatch) -> House:
    """A broker at which mallory, who had two sessions, has been shut out for flooding."""
    monkeypatch.setattr(limits, "STRIKES", 50)
    house = House()
    house.enter(OPERATOR, "alice", "mallory", "mallory/2")
    house.join("lobby", "alice", "mallory")
    house.published.clear()
    flood(house, "mallory")
    return house


def test_who_floods_is_shut_out(flooded: House) -> None:
    """Their sessions end, rooms hear why, the connections are cut, and the gate knows."""
    (left,) = [each.event for each in flooded.published if isinstance(each.event, m.Presence)]

    assert (left.nick, left.change) == ("mallory", "left")
    assert left.reason
    assert flooded.cut == [key("mallory")]
    assert flooded.core.admission.locked_out(key("mallory"), flooded.now)
    assert key("mallory") not in flooded.core.admission.live
    assert not flooded.core.admission.locked_out(key("alice"), flooded.now)
    assert flooded.may_speak("alice", "lobby")


def test_who_is_shut_out_does_not_come_back_at_once(flooded: House) -> None:
    """Also not over a connection that is still open; they are told to come later."""
    refused = only(flooded.send(("mallory", hello("mallory"))), m.Refused, to="mallory")

    assert (refused.code, refused.ref) == (TOO_FAST, 1)
    assert refused.retry > 0
    assert key("mallory") not in flooded.core.admission.live


def test_who_goes_on_flooding_makes_no_noise(flooded: House) -> None:
    """They are cut once and logged once, however much is still on its way."""
    before = len([line for line in flooded.logged if "floods" in line])
    for _ in range(500):
        flooded.carry_out(flooded.core.refuse_frame(b"mallory", key("mallory"), BAD, flooded.now))

    assert before == len([line for line in flooded.logged if "floods" in line]) == 1
    assert flooded.cut == [key("mallory")]


def test_a_flood_is_forgiven(flooded: House) -> None:
    """After a while they may come again, and nothing is remembered."""
    flooded.advance(limits.LOCKOUT)
    assert not flooded.core.admission.locked_out(key("mallory"), flooded.now)
    flooded.tick()
    assert flooded.core.admission.floods == {}

    flooded.enter("mallory")
    assert flooded.may_speak("mallory", "lobby")


def test_what_counts_as_a_flood(monkeypatch: pytest.MonkeyPatch) -> None:
    """Going on after being refused for being too fast, and speaking before hello; not what is merely refused."""
    monkeypatch.setattr(limits, "STRIKES", 50)
    house = House(Policy(burst=300, rate=0.001))
    house.enter("alice", "mallory")
    for number in range(90):
        house.send(("alice", m.Say(id=str(number), text="", room="lobby")))
    assert house.cut == []
    for _ in range(400):
        house.send(("mallory", m.Ping()))
    assert house.cut == [key("mallory")]
    for _ in range(60):
        house.send(("stranger", m.Ping()))

    assert house.cut == [key("mallory"), key("stranger")]


def test_an_obedient_client_is_never_shut_out() -> None:
    """A full window that is refused, sent again as often as it is allowed to, is no flood."""
    house = House(Policy(burst=50, rate=1))
    house.enter("alice")
    for _ in range(20):
        house.send(*(("alice", say(f"{number}", room="lobby")) for number in range(limits.WINDOW)))
        house.advance(limits.TOO_FAST_RETRY)

    assert house.cut == []


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


# --- what waits to be read ------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("waiting", "out"),
    [
        ({"alice": limits.PILE, "bob": 1}, set()),
        ({"alice": limits.PILE + 1, "bob": limits.PILE - 1}, {"alice"}),
        ({"alice": limits.PILE - 1, "bob": limits.PILE, "carol": 9}, {"bob"}),
        ({"alice": 10, "unknown": limits.PILES + 1}, {"unknown"}),
    ],
)
def test_who_piles_up_too_much_is_shut_out(waiting: dict[str, int], out: set[str]) -> None:
    """One who sends more than can be read, or where it is too much of all together those who send the most."""
    house = House()
    house.enter("alice", "bob", "carol")

    house.carry_out(house.core.piled({key(user): size for user, size in waiting.items()}, house.now))

    assert set(house.cut) == {key(user) for user in out}
    assert {user for user in waiting if house.core.admission.locked_out(key(user), house.now)} == out


def test_what_somebody_who_is_shut_out_has_piled_up_is_not_heard() -> None:
    """It gets no answer, until the time is over."""
    house = House()
    house.enter("alice")
    house.carry_out(house.core.piled({key("alice"): limits.PILE + 1}, house.now))
    late = m.Say(id="1", room="lobby", text="x")
    assert house.send(("alice", late), ("alice", m.Ping(ref=1))) == []

    house.advance(limits.LOCKOUT + 1)
    assert house.refused("alice", late) == Code.HELLO_FIRST
