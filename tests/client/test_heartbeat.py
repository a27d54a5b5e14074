"""The client's core by itself: when it gives signs of life, and when it has heard none for too long."""

from __future__ import annotations

import pytest
from hypothesis import given, settings, strategies as st

from zchat.client import actions as a
from zchat.client.rooms import Start
from zchat.common import limits, messages as m
from zchat.common.clock import Now
from zchat.common.errors import Code

from .shell import STEP, Shell, say


# --- pings ----------------------------------------------------------------------------------------------------
def ping_times(shell: Shell, seconds: float) -> list[float]:
    """When pings are sent to a broker that answers, counted from now."""
    began, times = shell.mono, []
    for _ in range(round(seconds / STEP)):
        shell.mono += STEP
        actions = shell.do(shell.core.tick(shell.now))
        times += [
            shell.mono - began
            for action in actions
            if isinstance(action, a.Send) and isinstance(action.command, m.Ping)
        ]
        shell.answer_pings(actions)
    return times


def test_pings_come_soon_after_the_welcome_then_evenly(shell: Shell) -> None:
    """SUB and DEALER settle apart, so the first pings come early; then, with nothing to tell, one now and then."""
    shell.welcome()
    last_soon = limits.PING_SOON[-1]
    expected = [*limits.PING_SOON, *(last_soon + limits.PING_IDLE * number for number in (1, 2, 3))]

    assert ping_times(shell, last_soon + 3.5 * limits.PING_IDLE) == pytest.approx(expected, abs=6 * STEP)
    assert limits.PING_IDLE * 3 <= limits.SESSION_SILENCE


def test_entering_a_room_brings_early_pings(live: Shell) -> None:
    """What is said in a room while its subscription is on its way is found soon."""
    live.do(live.core.join("dev", Start(), live.now))

    assert ping_times(live, 1) == pytest.approx(limits.PING_SOON, abs=2 * STEP)


def test_who_has_caught_up_says_so_at_once(shell: Shell) -> None:
    """Who was shown the history of a room when they entered it is not taken to be behind any longer."""
    shell.welcome()
    shell.do(shell.core.join("dev", Start(after=0), shell.now))
    asked = shell.sent(m.Join)[-1]
    assert isinstance(asked, m.Join)
    shell.receive(m.Entered(room="dev", name="dev", head=1, after=0, ref=asked.ref))
    replay = shell.sent(m.Replay)[-1]
    assert isinstance(replay, m.Replay)
    entry = m.Entry(seq=1, prev=0, id="1", time=0, nick="bob", key="b", text="x")
    shell.receive(m.Page(room="dev", entries=[entry], head=1, ref=replay.ref))
    shell.clear()
    shell.do(shell.core.tick(shell.now))

    assert [command.seen for command in shell.sent(m.Ping) if isinstance(command, m.Ping)] == [{"dev": 1}]


def test_a_ping_tells_a_cursor_once(live: Shell) -> None:
    """What was seen is told soon, with one ping, and again only when it has grown."""
    told = []
    for prev in (0, 0, 1):
        entry = m.Entry(seq=prev + 1, prev=prev, id=f"{prev}", time=0, nick="bob", key="b", text="x")
        live.receive(m.Entries(room="lobby", entries=[entry]))
        live.clear()
        live.pass_time(limits.PING_INTERVAL + 0.1)
        told += [command.seen for command in live.sent(m.Ping) if isinstance(command, m.Ping)]

    assert told == [{"lobby": 1}, {"lobby": 2}]


def test_a_cursor_is_told_until_the_ping_that_carried_it_is_answered(live: Shell) -> None:
    """The answer to an earlier ping says nothing of a later one, which may have been refused."""
    live.do(live.core.tick(live.now))
    live.clear()
    for prev in (0, 1):
        entry = m.Entry(seq=prev + 1, prev=prev, id=f"{prev}", time=0, nick="bob", key="b", text="x")
        live.receive(m.Entries(room="lobby", entries=[entry]))
        live.pass_time(limits.PING_INTERVAL + 0.1, alive=False)
    pings = [command for command in live.sent(m.Ping) if isinstance(command, m.Ping) and command.seen]
    assert [ping.seen["lobby"] for ping in pings] == [1, 1, 2]

    live.receive(m.Pong(ref=pings[1].ref))
    live.clear()
    live.pass_time(2 * limits.PING_IDLE)
    told = [command.seen for command in live.sent(m.Ping) if isinstance(command, m.Ping)]
    assert told[0] == {"lobby": 2}
    assert not any(told[1:])


def test_a_broker_of_which_nothing_is_heard_is_asked_and_given_up_within_four_seconds(live: Shell) -> None:
    """A wire that falls silent, or a broker that stands still, is noticed by its silence alone."""
    live.receive(m.Beacon(time=0))
    live.clear()
    silent_at = live.mono
    while not any(isinstance(action, a.HangUp) for action in live.actions):
        live.pass_time(STEP, alive=False)
        assert live.mono - silent_at < 4

    assert live.sent(m.Ping)
    assert live.shown(a.Disconnected) == [a.Disconnected("it does not answer", 0)]


def test_signs_of_life_come_as_rarely_as_the_broker_wants(live: Shell) -> None:
    """With a pace of 5 a quiet client pings five times more rarely, and waits for the beacon that comes as rarely."""
    between = 5 * limits.BEACON_INTERVAL

    def beacons(count: int) -> int:
        """How many pings are sent in the time of so many beacons."""
        live.clear()
        for step in range(round(count * between / STEP)):
            live.mono += STEP
            if step % round(between / STEP) == 0:
                live.receive(m.Beacon(time=0, pace=5))
            for action in live.do(live.core.tick(live.now)):
                if isinstance(action, a.Send) and isinstance(action.command, m.Ping):
                    live.receive(m.Pong())
        return len(live.sent(m.Ping))

    assert beacons(1) == 1  # that was due before the pace was told
    assert beacons(15) == 3

    live.receive(m.Beacon(time=0, pace=5))
    live.clear()
    began = live.mono
    while not any(isinstance(action, a.HangUp) for action in live.actions):
        live.pass_time(STEP, alive=False)
    assert live.mono - began == pytest.approx(between + limits.DEAF - limits.BEACON_INTERVAL, abs=3 * STEP)


def test_a_broker_that_answers_no_ping_is_given_up_in_time(live: Shell) -> None:
    """Silence is counted from the first ping without an answer, and other events do not hide it."""
    live.until(a.Send)
    asked = live.mono
    while not any(isinstance(action, a.HangUp) for action in live.actions):
        live.receive(m.Beacon(time=0))
        live.pass_time(STEP, alive=False)
        assert live.mono - asked < limits.SILENCE + 1

    assert live.mono - asked > limits.SILENCE - 1
    assert live.shown(a.Disconnected) == [a.Disconnected("it does not answer", 0)]


def test_a_late_pong_is_good_enough(live: Shell) -> None:
    """A slow broker that is heard, and answers in the end, is kept."""
    for _ in range(5):
        live.until(a.Send)
        for _ in range(2 * int(limits.SILENCE) - 2):
            live.pass_time(0.5, alive=False)
            live.receive(m.Beacon(time=0))
        live.receive(m.Pong())

    assert not any(isinstance(action, a.HangUp) for action in live.actions)


# --- due ------------------------------------------------------------------------------------------------------
def test_the_shell_wakes_in_time_for_everything(shell: Shell) -> None:
    """A shell that sleeps exactly until `due` dials, greets and pings as one that looks all the time."""
    moments: list[tuple[float, str]] = []
    shell.lose()
    began = shell.mono
    welcome_at = 0.0
    while shell.mono - began < 12:
        shell.mono = max(shell.core.due(shell.now), shell.mono + 1e-9)
        actions = shell.do(shell.core.tick(shell.now))
        moments += [(shell.mono - began, type(action).__name__) for action in actions]
        shell.answer_pings(actions)
        if not welcome_at and moments:
            shell.welcome()
            welcome_at = shell.mono - began
        elif len(moments) == 3:
            shell.mono += 0.3  # something else woke it
    expected = [welcome_at + after for after in (*limits.PING_SOON, limits.PING_SOON[-1] + limits.PING_IDLE)]

    assert moments[0] == (pytest.approx(limits.BACKOFF_FIRST), "Dial")
    assert [at for at, what in moments if what == "Send"] == pytest.approx(expected)


happenings = st.sampled_from(["welcome", "sleep", "wait"] * 4 + ["lose", "cut", "join", "say", "ask", "forget", "pong"])
"""Things that happen to a client."""


@given(st.lists(st.tuples(happenings, st.floats(0, 20)), min_size=5, max_size=30))
@settings(max_examples=200)
def test_due_is_never_far_off_nor_too_late(story: list[tuple[str, float]]) -> None:
    """Whatever happened, the shell looks in at least once a second, and never after the next try is due."""
    shell = Shell()
    for what, seconds in story:
        match what:
            case "lose":
                shell.lose()
            case "cut":
                shell.do(shell.core.lost("cut", shell.now, seconds))
            case "welcome":
                shell.welcome()
            case "join":
                shell.do(shell.core.join("lobby", Start(), shell.now))
            case "say":
                say(shell, "x")
            case "ask":
                shell.do(shell.core.ask(m.Who(), shell.now))
            case "forget":
                shell.receive(m.Refused(code=Code.HELLO_FIRST, detail=""))
            case "pong":
                shell.receive(m.Pong())
            case "sleep":
                shell.mono += seconds
                shell.do(shell.core.tick(shell.now))
            case _:
                shell.mono = shell.core.due(shell.now)
                shell.do(shell.core.tick(shell.now))
        due = shell.core.due(shell.now)
        assert due <= shell.mono + 1.0
        if due > shell.mono + 1e-9:  # else there is no number between the two
            just_before = Now(shell.mono + 0.999 * (due - shell.mono), 0)
            actions = shell.core.tick(just_before)
            assert not any(isinstance(action, a.Dial) for action in actions)
            assert not any(isinstance(action, a.Send) and isinstance(action.command, m.Ping) for action in actions)
            shell.do(actions)
