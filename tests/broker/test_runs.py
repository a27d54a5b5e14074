"""Runs: plain messages of one frame are judged, stored and told at once, as they would be one by one."""

from __future__ import annotations

import pytest
from hypothesis import given, settings, strategies as st

from zchat.broker.actions import StoreRun
from zchat.broker.core import Core
from zchat.broker.inbox import groups
from zchat.broker.policy import Policy
from zchat.common import limits, messages as m, rules, wire

from .house import TOO_FAST, House, Sent, codes, events, key, only

TEXTS = st.one_of(
    st.sampled_from(["", " ", "x", "two\nlines", "a\0b", "ж" * 40, "x" * 90, "\n" * 3]), st.text(max_size=30)
)


def a_house(policy: Policy | None = None) -> House:
    """Alice and bob in two rooms, in one of which bob is muted; alice has a private room."""
    house = House(policy)
    house.enter("alice", "bob")
    for room in ("lobby", "quiet"):
        house.join(room, "alice", "bob")
    house.join("secret", "alice", private=True)
    house.send(("alice", m.Say(id="mute", kind="mute", to="bob", room="quiet", text="")))
    return house


def pack(*says: m.Say) -> bytes:
    """Messages as one frame."""
    (body,) = wire.pack(map(wire.encode, says), limits.ROUTER_FRAME_BYTES)
    return body


def say(number: int, text: str = "x", room: str = "lobby") -> m.Say:
    """A message, and an id that fits its number."""
    return m.Say(id=f"id{number}", text=text, room=room)


def take(house: House, *bodies: bytes, user: str = "alice") -> tuple[int, Sent]:
    """Frames that reach the broker together: how many runs there are, and what is sent."""
    runs, sent = 0, []
    for group in groups(house.core, [house.frame(user, body) for body in bodies], house.now):
        runs += sum(isinstance(action, StoreRun) for action in group.actions)
        sent += house.carry_out(group.actions)
    return runs, sent


def told(sent: Sent, user: str = "alice") -> dict[str, list[object]]:
    """What is sent to this user and to all, by kind, whatever is packed together."""
    acks = [ack for event in events(sent, m.Acked, to=user) for ack in event.acks]
    both = [*events(sent, m.Entries), *events(sent, m.Entries, to=user)]
    entries = [entry for event in both for entry in event.entries]
    return {"acks": acks, "entries": entries, "refused": events(sent, m.Refused, to=user)}


def test_a_run_is_one_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is done for each message of what can be judged and told at once."""
    house = a_house()
    monkeypatch.delattr(Core, "handle")
    monkeypatch.setattr("zchat.broker.talk.Talk.stored", None)

    runs, sent = take(house, pack(*map(say, range(50))))

    assert runs == 1
    assert [ack.id for ack in only(sent, m.Acked, to="alice").acks] == [f"id{number}" for number in range(50)]
    assert {ack.delivered for ack in only(sent, m.Acked, to="alice").acks} == {1}
    assert [entry.seq - entry.prev for entry in only(sent, m.Entries).entries] == [1] * 50


@settings(max_examples=150, deadline=None)
@given(
    user=st.sampled_from(["alice", "bob", "nobody"]),
    says=st.lists(
        st.builds(say, st.integers(0, 8), TEXTS, st.sampled_from(["lobby"] * 4 + ["quiet", "secret", "nowhere", " "])),
        min_size=2,
        max_size=9,
    ),
    one_room=st.booleans(),
    burst=st.sampled_from([4, 1_000]),
)
def test_it_is_told_as_if_it_had_come_one_by_one(user: str, says: list[m.Say], *, one_room: bool, burst: int) -> None:
    """Whatever is said by whom and where, acked, repeated, refused and too fast alike."""
    if one_room:
        says = [m.Say(id=each.id, text=each.text, room=says[0].room) for each in says]
    policy = Policy(room_burst=20, owned_rooms=20)
    together, alone = a_house(policy), a_house(policy)
    for house in (together, alone):
        house.restart(Policy(rate=1, burst=70 + burst, room_burst=20, owned_rooms=20))
        house.enter("alice", "bob")
        for room in ("lobby", "quiet"):
            house.join(room, "alice", "bob")

    for _ in range(2):
        at_once, by_itself = take(together, pack(*says), user=user), take(alone, *map(wire.encode, says), user=user)
        assert told(at_once[1], user) == told(by_itself[1], user)
    for house in (together, alone):
        house.advance(1_000)
    for room in ("lobby", "secret"):
        assert together.page("alice", room) == alone.page("alice", room)


def test_what_is_not_stored_is_refused_once() -> None:
    """The first is refused, those after it wait for it; sent again, all are taken."""
    house = a_house()
    frame = pack(*map(say, range(5)))
    with house.full_disk():
        runs, sent = take(house, frame)
    again = take(house, frame)

    assert runs == 1
    assert [refused.id for refused in events(sent, m.Refused, to="alice")] == ["id0"]
    assert not events(sent, m.Entries)
    assert [ack.id for ack in only(again[1], m.Acked, to="alice").acks] == [f"id{number}" for number in range(5)]


def test_a_run_of_repeats_is_acked_and_not_told_again() -> None:
    """Some of which stand right before what is new."""
    house = a_house()
    take(house, pack(*map(say, range(3))))

    _, sent = take(house, pack(*map(say, range(5))))

    acks = only(sent, m.Acked, to="alice").acks
    assert [(ack.id, ack.duplicate) for ack in acks] == [(f"id{number}", number < 3) for number in range(5)]
    assert [entry.id for entry in only(sent, m.Entries).entries] == ["id3", "id4"]


def test_an_id_twice_in_one_run_is_one_entry() -> None:
    """The second is a repeat of the first."""
    house = a_house()

    _, sent = take(house, pack(say(1), say(2), say(1)))

    assert [ack.duplicate for ack in only(sent, m.Acked, to="alice").acks] == [False, False, True]
    assert [entry.id for entry in only(sent, m.Entries).entries] == ["id1", "id2"]


def test_a_run_pays_for_each_message() -> None:
    """A budget holds as many messages, in one frame or in many."""
    house = House(Policy(burst=100, rate=1))
    house.enter("alice")
    house.join("lobby", "alice")
    frames = [pack(*(say(10 * start + number) for number in range(10))) for start in range(10)]

    _, sent = take(house, *frames)

    assert len(told(sent)["acks"]) == 100 - 50 - 10  # what hello and join have cost
    assert set(codes(sent, "alice")) == {TOO_FAST}


@pytest.mark.parametrize("together", [True, False])
def test_a_run_to_a_private_room_pays_for_its_readers(together: bool) -> None:
    """Each of whom gets it by itself: ten of them cost as much again, before more is taken than the budget holds."""
    house = House()
    readers = [f"reader{number}" for number in range(9)]
    house.enter("alice", *readers)
    house.join("secret", "alice", private=True)
    for reader in readers:
        house.send(("alice", m.Say(id=reader, kind="invite", to=reader, room="secret", text="")))
    house.join("secret", *readers)
    house.restart(Policy(burst=100, rate=1))
    house.enter("alice", *readers)
    house.join("secret", "alice", *readers)
    says = [say(number, room="secret") for number in range(30)]

    _, sent = take(house, *([pack(*says)] if together else map(wire.encode, says)))

    assert len(told(sent)["acks"]) == (100 - 50 - 10) / 2  # what hello and join have cost
    assert set(codes(sent, "alice")) == {TOO_FAST}


def test_a_fault_in_judging_a_run_costs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are judged one by one then, and the log has the fault."""
    house = a_house()
    house.faulty = True
    monkeypatch.setattr("zchat.broker.talk.Talk.run", None)

    runs, sent = take(house, pack(*map(say, range(3))))

    assert runs == 0
    assert [line.splitlines()[0] for line in house.logged[-1:]] == ["Traceback (most recent call last):"]
    assert len(told(sent)["acks"]) == 3
    assert house.page("alice", "lobby")[0].key == key("alice")


@given(texts=st.lists(TEXTS, min_size=1, max_size=5), most=st.integers(1, 200))
def test_what_looks_plain_would_not_be_refused(texts: list[str], most: int) -> None:
    """Of many texts at once, a quick look says yes only if each would pass."""
    if rules.are_plain(texts, most):
        assert not any(rules.refuse_text(text, "message", most) for text in texts)


def test_lines_of_letters_look_plain() -> None:
    """In any alphabet."""
    assert rules.are_plain(["one line", "строка", "一行"])
    assert not rules.are_plain(["fine", "\ud800"])
