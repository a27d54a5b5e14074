"""When the client's core opens a SUB, and what it subscribes to."""

from __future__ import annotations

import pytest

from zchat.client import actions as a
from zchat.client.rooms import Start
from zchat.common import limits, messages as m, wire

from .shell import STEP, Shell


def test_a_silent_pub_is_opened_anew(live: Shell) -> None:
    """No beacon while pings are answered: SUB is opened again with the rooms of now, and then given time again."""
    live.do(live.core.join("dev", Start(), live.now))
    live.clear()
    opened = []
    for _ in range(round(2.5 * limits.BEACON_SILENCE / STEP)):
        live.mono += STEP
        for action in live.do(live.core.tick(live.now)):
            if isinstance(action, a.Send) and isinstance(action.command, m.Ping):
                live.receive(m.Pong())
            if isinstance(action, a.Listen):
                opened.append(action)

    assert opened == [a.Listen(5556, (wire.topic("lobby"), wire.topic("dev"), wire.BEACON_TOPIC))] * 2
    assert not any(isinstance(action, a.HangUp) for action in live.actions)


def test_a_pub_that_is_heard_is_left_alone(live: Shell) -> None:
    """A beacon now and then is enough."""
    live.pass_time(3 * limits.BEACON_SILENCE)

    assert not any(isinstance(action, a.Listen) for action in live.actions)


def test_every_welcome_opens_a_new_sub(live: Shell) -> None:
    """libzmq never retries a SUB that was refused, so each welcome opens one, at the port that it names."""
    live.lose()
    live.until(a.Dial)
    live.welcome(pub=7_777)

    assert [action for action in live.actions if isinstance(action, a.Listen)] == [
        a.Listen(7_777, (wire.topic("lobby"), wire.BEACON_TOPIC))
    ]


def test_private_rooms_are_never_subscribed_to(live: Shell) -> None:
    """They come by DEALER: their ids, which tell who talks to whom, are not even named on PUB."""
    entry = m.Entry(seq=1, prev=0, id="x", time=0, nick="bob", key="b", text="psst", to="alice")
    live.receive(m.Entries(room="@a.b", entries=[entry]))
    assert "@a.b" in live.core.rooms
    live.lose()
    live.until(a.Dial)
    live.welcome()

    topics = [topic for action in live.actions if isinstance(action, a.Listen) for topic in action.topics]
    assert topics == [wire.topic("lobby"), wire.BEACON_TOPIC]
    assert not any(isinstance(action, a.Subscribe) for action in live.actions)


def enter_private(live: Shell, *, asked: bool) -> None:
    """Enter the private room plans, which was asked for as such or not."""
    live.do(live.core.join("plans", Start(), live.now, private=asked))
    join = live.sent(m.Join)[-1]
    assert isinstance(join, m.Join)
    assert join.private is asked
    live.receive(m.Entered(room="plans", name="plans", head=0, after=0, private=True, role="owner", ref=join.ref))


def test_a_private_room_is_not_heard_by_sub(live: Shell) -> None:
    """As soon as the broker says that it is one, its name leaves SUB, and it never comes back there."""
    enter_private(live, asked=False)
    topic = wire.topic("plans")
    on_sub = [action for action in live.actions if isinstance(action, a.Subscribe | a.Unsubscribe)]
    assert on_sub == [a.Subscribe(topic), a.Unsubscribe(topic)]
    live.lose()
    live.until(a.Dial)
    live.clear()
    live.welcome()
    assert [topic in action.topics for action in live.actions if isinstance(action, a.Listen)] == [False]
    joins = {join.room: join.private for join in live.sent(m.Join) if isinstance(join, m.Join)}

    assert joins == {"lobby": False, "plans": True}


def test_a_room_made_private_is_never_subscribed_to(live: Shell) -> None:
    """Its name does not reach PUB even for a moment, coming or going."""
    enter_private(live, asked=True)
    live.do(live.core.part("plans"))

    assert not [action for action in live.actions if isinstance(action, a.Subscribe | a.Unsubscribe)]


def listens(shell: Shell, seconds: float) -> list[float]:
    """When SUB is opened, counted from now, if each one breaks at once and DEALER is fine."""
    began, times = shell.mono, []
    for _ in range(round(seconds / STEP)):
        shell.mono += STEP
        for action in shell.do(shell.core.tick(shell.now)):
            if isinstance(action, a.Send) and isinstance(action.command, m.Ping):
                shell.receive(m.Pong())
            if isinstance(action, a.Listen):
                times.append(shell.mono - began)
                shell.do(shell.core.deafened(shell.now))
    return times


def test_a_sub_that_breaks_is_opened_anew_ever_more_rarely(live: Shell) -> None:
    """After half a second at most, then after pauses that double up to the limit; the broker is not given up."""
    live.do(live.core.deafened(live.now))
    times = listens(live, 25)
    pauses = [after - before for before, after in zip([0.0, *times], times, strict=False)]

    assert pauses == pytest.approx([0.5, 1, 2, 4, 5, 5, 5], abs=2 * STEP)
    assert live.core.live


def test_a_beacon_ends_the_doubling(live: Shell) -> None:
    """A SUB that worked and breaks is opened soon again, and the shell wakes for it."""
    live.do(live.core.deafened(live.now))
    listens(live, 8)
    live.receive(m.Beacon(time=0))
    live.do(live.core.deafened(live.now))

    assert live.core.due(live.now) <= live.mono + 0.5
    assert listens(live, 1)[0] == pytest.approx(0.5, abs=2 * STEP)


@pytest.mark.parametrize(("byte", "pause"), [(b"\x00", 0.1), (b"\xff", 0.5)])
def test_the_pause_before_a_new_sub_is_spread_by_chance(byte: bytes, pause: float) -> None:
    """The clients of a PUB that restarts do not come back at the same moment."""
    shell = Shell(lambda size: byte * size)
    shell.welcome()
    shell.do(shell.core.deafened(shell.now))

    assert listens(shell, 1)[0] == pytest.approx(pause, abs=2 * STEP)


def test_a_sub_that_breaks_with_the_connection_waits_for_the_welcome(live: Shell) -> None:
    """While there is no broker none is opened."""
    live.lose()
    live.clear()
    live.do(live.core.deafened(live.now))
    live.until(a.Dial)

    assert not [action for action in live.actions if isinstance(action, a.Listen)]
