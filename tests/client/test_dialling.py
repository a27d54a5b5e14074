"""When the client's core dials, and what it says first."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from zchat.client import actions as a
from zchat.client.rooms import Start
from zchat.common import limits, messages as m
from zchat.common.errors import Code

from .shell import STEP, Shell, say


# --- dialling -------------------------------------------------------------------------------------------------
def backoffs(shell: Shell, count: int) -> list[float]:
    """How long the core waits after each of so many failures in a row."""
    waits = []
    for _ in range(count):
        shell.lose()
        waits.append(shell.until(a.Dial))
    return waits


def test_a_client_dials_and_says_hello_at_once(shell: Shell) -> None:
    """The first try waits for nothing."""
    assert [type(action) for action in shell.actions] == [a.Dial, a.Send]
    assert shell.hello == m.Hello(
        nick="alice", instance="instance", agent="test", present=True, private=True, ref=shell.hello.ref
    )


def test_the_pauses_between_tries_double_up_to_a_limit(shell: Shell) -> None:
    """A broker that is away is tried soon, then ever more rarely, but never less than every few seconds."""
    expected = [min(limits.BACKOFF_CAP, limits.BACKOFF_FIRST * 2**failures) for failures in range(40)]

    assert backoffs(shell, 40) == pytest.approx(expected, abs=2 * STEP)
    assert limits.BACKOFF_CAP <= 5


@given(st.binary(min_size=1, max_size=1))
def test_the_pauses_are_spread_by_chance(byte: bytes) -> None:
    """A thousand clients of a broker that restarts come back at different moments, within half of the pause."""
    shell = Shell(lambda size: byte * size)
    factor = 0.5 + byte[0] / 510
    expected = [factor * pause for pause in (0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0)]

    assert backoffs(shell, 7) == pytest.approx(expected, abs=2 * STEP)


def test_of_several_brokers_the_next_is_tried_soon() -> None:
    """The pauses grow only when all of them have failed, and one that goes down does not keep anybody waiting."""
    shell = Shell(brokers=3)
    expected = [0.1, 0.1, 0.1, 0.2, 0.2, 0.2, 0.4]

    assert backoffs(shell, 7) == pytest.approx(expected, abs=2 * STEP)

    shell.welcome()
    shell.receive(m.Closing(reason="it is being stopped", retry=3.0))
    assert shell.until(a.Dial) == pytest.approx(0.1, abs=2 * STEP)


def test_a_welcome_ends_the_doubling(shell: Shell) -> None:
    """After a connection that worked the next loss is tried again soon; one that only was dialled does not count."""
    backoffs(shell, 10)
    shell.welcome()

    assert backoffs(shell, 3) == pytest.approx([0.1, 0.2, 0.4], abs=2 * STEP)


def test_a_loss_can_be_made_to_last(shell: Shell) -> None:
    """A pause that is asked for comes before the usual one."""
    shell.welcome()
    shell.do(shell.core.lost("cut", shell.now, 7.0))

    assert shell.until(a.Dial) == pytest.approx(7.1, abs=2 * STEP)


def test_a_loss_is_told_once(live: Shell) -> None:
    """Who was connected is told that the broker is gone and what waits; failed tries to come back are not news."""
    say(live, "one")
    backoffs(live, 5)

    assert live.shown(a.Disconnected) == [a.Disconnected("it broke", 1)]
    assert live.core.waiting == 1


def test_closing_leads_to_another_try(live: Shell) -> None:
    """A broker that says it is going down is hung up on, told as gone, and dialled again soon."""
    live.receive(m.Closing(reason="it is being stopped"))

    assert live.actions == [a.HangUp(), a.Show(a.Disconnected("it is being stopped", 0))]
    assert live.until(a.Dial) < 0.2
    assert live.sent(m.Hello)


@pytest.mark.parametrize(("retry", "last"), [(3.0, 6.0), (1e9, limits.RETRY_CAP)])
def test_a_broker_that_closes_says_when_to_come_back(live: Shell, retry: float, last: float) -> None:
    """Its clients spread over that time and as much again, here the last of them; none is put off for ever."""
    live.receive(m.Closing(reason="it is being stopped", retry=retry))

    assert live.until(a.Dial, limit=200) == pytest.approx(last + limits.BACKOFF_FIRST, abs=2 * STEP)


def test_nothing_is_sent_while_there_is_no_broker(live: Shell) -> None:
    """What is said, asked and joined in between waits for the welcome."""
    live.lose()
    live.clear()
    say(live, "one")
    live.do(live.core.ask(m.Who(), live.now))
    live.do(live.core.join("dev", Start(), live.now))
    live.do(live.core.part("lobby"))
    live.do(live.core.leave("bye"))

    assert live.actions == []


# --- hello ----------------------------------------------------------------------------------------------------
def test_an_unanswered_hello_is_repeated(shell: Shell) -> None:
    """A hello that was lost is said again on the same connection."""
    shell.clear()
    shell.pass_time(limits.REQUEST_AFTER * 2.5, alive=False)

    assert [type(action) for action in shell.actions] == [a.Send, a.Send]
    assert len(shell.sent(m.Hello)) == 2


def test_only_the_last_hello_is_answered(shell: Shell) -> None:
    """A welcome for a connection that is gone opens nothing, and a second welcome changes nothing."""
    old = shell.hello
    shell.lose()
    shell.welcome()
    assert not shell.core.live
    shell.until(a.Dial)
    new, shell.hello = shell.hello, old
    shell.welcome()
    assert not shell.core.live
    shell.hello = new
    shell.welcome()
    assert shell.core.live
    shell.clear()
    shell.welcome(history="another")

    assert shell.actions == []


def test_a_broker_that_forgot_us_is_greeted_again(live: Shell) -> None:
    """`hello_first` leads to one hello, not to one for each refused command, and to no lost connection."""
    say(live, "one")
    for _ in range(3):
        live.receive(m.Refused(code=Code.HELLO_FIRST, detail="", id="id-one"))
    assert len(live.sent(m.Hello)) == 1
    live.clear()
    live.welcome()

    assert [type(action) for action in live.actions[:2]] == [a.Show, a.Listen]
    assert [command.room for command in live.sent(m.Join)] == ["lobby"]
    assert live.sent(m.Say) == [m.Say(id="id-one", text="one", room="lobby")]
    assert live.shown(a.Refusal) == []


def test_a_ping_from_before_a_new_hello_is_owed_no_answer(live: Shell) -> None:
    """A broker that forgot us will not answer the ping of before, and is not given up for that."""
    live.until(a.Send)
    assert live.sent(m.Ping)
    live.mono += limits.SILENCE + 1
    live.receive(m.Refused(code=Code.HELLO_FIRST, detail=""))
    live.welcome()
    live.pass_time(1)

    assert not any(isinstance(action, a.HangUp) for action in live.actions)


def test_a_refused_hello_is_told_and_not_repeated(shell: Shell) -> None:
    """The program decides what to do about a nick that is taken."""
    assert shell.hello is not None
    refused = m.Refused(code=Code.NICK_TAKEN, detail="taken", ref=shell.hello.ref)
    shell.clear()
    shell.receive(refused)
    shell.pass_time(30, alive=False)

    assert [type(action) for action in shell.actions] == [a.Show]
    (refusal,) = shell.shown(a.Refusal)
    assert isinstance(refusal, a.Refusal)
    assert isinstance(refusal.command, m.Hello)
    assert refusal.refused.code == Code.NICK_TAKEN
