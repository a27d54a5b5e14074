"""Commands that come while the history stands still."""

from __future__ import annotations

import pytest

from zchat.broker.aside import Aside
from zchat.broker.inbox import Frame
from zchat.common import limits, messages as m, wire

from .house import House, events, hello


@pytest.fixture
def house() -> House:
    """A broker with alice in the lobby."""
    house = House()
    house.enter("alice")
    house.join("lobby", "alice")
    return house


def left(aside: Aside) -> list[Frame]:
    """What waits, in the order in which it will be judged."""
    frames = []
    while aside:
        frames.append(aside.next())
    return frames


def test_a_ping_does_not_wait(house: House) -> None:
    """It is answered at once, with what it tells taken in; all else keeps its order."""
    house.say("alice", "a", room="lobby")
    aside = Aside(house.core)
    frames = [
        house.frame("alice", wire.encode(command))
        for command in (m.Say(id="1", room="lobby", text="x"), m.Ping(seen={"lobby": 1}, ref=7), m.Part(room="lobby"))
    ]
    said = [aside.take(frame, house.now) for frame in frames]
    (pong,) = events(house.carry_out(said[1]), m.Pong, to="alice")

    assert (said[0], said[2]) == ([], [])
    assert (pong.ref, pong.heads) == (7, {})
    assert left(aside) == [frames[0], frames[2]]


def test_who_is_not_in_yet_waits_for_the_hello(house: House) -> None:
    """A ping behind it would be refused. What is a pack, or no command at all, waits as well."""
    aside = Aside(house.core)
    ping = wire.encode(m.Ping(ref=1))
    frames = [
        house.frame("bob", wire.encode(hello("bob"))),
        house.frame("bob", ping),
        house.frame("alice", b"garbage"),
        house.frame("alice", None),
        house.frame("alice", next(wire.pack([ping, ping], limits.PACK_BYTES))),
    ]

    assert [aside.take(frame, house.now) for frame in frames] == [[]] * 5
    assert left(aside) == frames


def test_so_many_wait_and_no_more(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes then is left to the network, pings too."""
    monkeypatch.setattr(limits, "ASIDE_FRAMES", 3)
    aside = Aside(house.core)
    full = []
    for _ in range(3):
        aside.take(house.frame("alice", wire.encode(m.Part(room="lobby"))), house.now)
        full.append(aside.full)

    assert full == [False, False, True]
