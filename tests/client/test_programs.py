"""What programs do when the broker says later, no, or get out."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from zchat.client import actions as a
from zchat.client.core import ClientCore
from zchat.client.programs import OneQuestion, Quiet
from zchat.client.rooms import Start
from zchat.client.sending import Sender
from zchat.client.tailing import Tailer
from zchat.common import limits, messages as m
from zchat.common.errors import BrokerUnreachable, Code, RefusedError, ZchatError

from .shell import Player, Shell


class Play(Player):
    """A program on a core that is in, and what it printed."""

    def __init__(self, program: Callable[[ClientCore], Quiet], *, welcome: bool = True) -> None:
        self.shell = Shell(private=None)
        self.program = program(self.shell.core)
        self.printed: list[a.Print] = []
        self.ended: a.End | None = None
        self.do(self.program.start(self.shell.now))
        if welcome:
            self.react(self.shell.welcome())

    def note(self, action: a.Action) -> None:
        """What the program prints, and with what it ends."""
        match action:
            case a.Print():
                self.printed.append(action)
            case a.End():
                self.ended = self.ended or action

    def refuse(self, code: str, retry: float, id_: str | None = None) -> None:
        """The broker refuses the last message for now."""
        (*_, last) = [command.id for command in self.shell.sent(m.Say) if isinstance(command, m.Say)]
        self.hear(m.Refused(code=code, detail="Something is wrong.", id=id_ or last, retry=retry))

    def ack(self) -> None:
        """The broker stores all that waits."""
        for say in self.shell.core.waiting_says:
            self.hear(m.Acked(acks=[m.Ack(id=say.id, room="lobby", seq=1, time=0)]))

    def wait(self, seconds: float) -> None:
        """Time passes."""
        for _ in range(round(seconds * 4)):
            self.shell.mono += 0.25
            now = self.shell.now
            self.do([*self.shell.core.tick(now), *self.program.tick(now)])
            if self.shell.core.live:
                self.hear(m.Pong())

    @property
    def error(self) -> ZchatError | None:
        """What it ended with."""
        assert self.ended is not None, "it has not ended"
        return self.ended.error


def one_shot(core: ClientCore) -> Sender:
    """`zchat send hello`."""
    return Sender(core, room="lobby", to=None, text="hello")


def each_line(core: ClientCore) -> Sender:
    """`zchat send --each-line`."""
    return Sender(core, room="lobby", to=None, text=None)


# --- send -----------------------------------------------------------------------------------------------------
def test_a_message_that_cannot_be_stored_fails_at_once() -> None:
    """Nobody waits for a disk: the code is in the error."""
    play = Play(one_shot)
    play.refuse(Code.NOT_STORED, 5.0)

    assert isinstance(play.error, RefusedError)
    assert (play.error.code, play.error.exit_code, str(play.error)) == (Code.NOT_STORED, 7, "Something is wrong.")


def test_a_message_that_came_too_fast_is_waited_for() -> None:
    """Within the patience of a single message it goes out when its time has come."""
    play = Play(one_shot)
    play.refuse(Code.TOO_FAST, 3.0)
    play.wait(4.0)
    play.ack()

    assert play.error is None
    assert play.printed == []


def test_a_message_that_comes_too_fast_for_too_long_fails() -> None:
    """With what the broker said, not with a guess about an ack."""
    play = Play(one_shot)
    play.refuse(Code.TOO_FAST, 60.0)
    play.wait(limits.ACK_PATIENCE + 1)

    assert isinstance(play.error, RefusedError)
    assert (play.error.code, play.error.exit_code) == (Code.TOO_FAST, 8)


def test_a_pipe_waits_without_end_and_tells_once_that_nothing_is_stored() -> None:
    """However often it is refused; after something was stored it is told again."""
    play = Play(each_line)
    play.do(play.program.line("one", play.shell.now))
    for _ in range(3):
        play.refuse(Code.NOT_STORED, 5.0)
        play.wait(6.0)
    assert [line.aside for line in play.printed] == [True]
    assert play.printed[0].text == (
        "zchat: The broker takes no messages for the moment (Something is wrong). 1 message waits."
    )
    play.ack()
    play.do(play.program.line("two", play.shell.now))
    play.refuse(Code.NOT_STORED, 5.0)

    assert len(play.printed) == 2
    assert play.ended is None


def test_a_pipe_that_is_too_fast_slows_down_silently() -> None:
    """That is what pipes do."""
    play = Play(each_line)
    play.do(play.program.line("one", play.shell.now))
    play.do(play.program.end_of_input(play.shell.now))
    play.refuse(Code.TOO_FAST, 100.0)
    play.wait(99.0)
    assert play.ended is None
    play.wait(2.0)
    play.ack()

    assert play.error is None
    assert play.printed == []


def test_what_was_done_to_somebody_is_printed_when_it_is_stored() -> None:
    """As a sentence, or as an object."""
    say = m.Say(id="", text="", room="lobby", to="bob", kind="kick")
    for json, expected in ((False, "bob is out."), (True, '{"done":"bob is out."}')):

        def program(core: ClientCore, json: bool = json) -> Sender:
            return Sender(core, room=None, to=None, text=None, say=say, done="bob is out.", json=json)

        play = Play(program)
        play.ack()

        assert [line.text for line in play.printed] == [expected]
        assert play.error is None


# --- questions ------------------------------------------------------------------------------------------------
def test_a_question_that_is_put_off_for_too_long_fails_with_what_the_broker_said() -> None:
    """Not with a broker that does not answer."""
    play = Play(lambda core: OneQuestion(core, m.Who(), lambda _: []))
    (who,) = play.shell.sent(m.Who)
    play.hear(m.Refused(code=Code.TOO_MANY, detail="Too many.", ref=getattr(who, "ref", 0), retry=60.0))
    play.wait(limits.ANSWER_PATIENCE + 1)

    assert isinstance(play.error, RefusedError)
    assert play.error.code == Code.TOO_MANY


def test_who_is_shut_out_ends_with_the_reason() -> None:
    """Programs that go on, too."""
    for program in (each_line, lambda core: Tailer(core, rooms=["lobby"], start=Start(), follow=True, json=False)):
        play = Play(program)
        play.hear(m.Refused(code=Code.NOT_ALLOWED, detail="You were shut out by bob."))

        assert isinstance(play.error, RefusedError)
        assert (play.error.exit_code, str(play.error)) == (4, "You were shut out by bob.")


def test_only_what_goes_on_waits_to_be_let_in() -> None:
    """A single message is given up by the connection as long as it was never sent; a pipe says once why it waits."""
    error = BrokerUnreachable("No more.")
    for program, persistent in ((one_shot, False), (each_line, True)):
        play = Play(program, welcome=False)
        assert play.program.persistent is persistent
        for _ in range(2):
            play.do(play.shell.core.turned_away(error, play.shell.now))

        assert [line.text for line in play.printed] == (["zchat: No more."] if persistent else [])


# --- tail -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("follow", [True, False])
def test_a_tail_ends_when_it_is_put_out_of_its_last_room(follow: bool) -> None:
    """Out of one of several it says so and goes on."""

    def program(core: ClientCore) -> Tailer:
        return Tailer(core, rooms=["den", "lobby"], start=Start(), follow=follow, json=False)

    play = Play(program)
    play.hear(m.Parted(room="den", reason="kicked by bob"))
    assert [line.text for line in play.printed] == ["zchat: You were removed from den (kicked by bob)."]
    assert play.ended is None
    play.hear(m.Parted(room="lobby", reason="kicked by bob"))

    assert isinstance(play.error, RefusedError)
    assert (play.error.exit_code, str(play.error)) == (4, "You were removed from lobby (kicked by bob).")


@pytest.mark.parametrize("program", [one_shot, lambda core: OneQuestion(core, m.Who(), lambda _: ["all"], timeout=3.0)])
def test_who_was_let_in_nowhere_is_told_why(program: Callable[[ClientCore], Quiet]) -> None:
    """A command whose time runs out names the last refusal to let it in."""
    play = Play(program, welcome=False)
    play.program.timeout = 3.0
    play.do(play.program.start(play.shell.now))
    hello = play.shell.sent(m.Hello)[-1]
    assert isinstance(hello, m.Hello)
    play.hear(m.Refused(code=Code.NOT_STORED, detail="The disk is full.", ref=hello.ref, retry=5.0))
    play.wait(3.25)

    assert play.error is not None
    assert (play.error.exit_code, str(play.error)) == (124, "The time of 3 s ran out. The disk is full.")


@pytest.mark.parametrize(
    "program",
    [each_line, lambda core: Tailer(core, rooms=["lobby"], start=Start(), follow=True, json=True)],
    ids=["send", "tail"],
)
def test_a_pipe_says_that_its_broker_stays_away(program: Callable[[ClientCore], Quiet]) -> None:
    """Beside its output, once, when that takes longer than a restart; then also that it is back."""
    play = Play(program)
    for seconds in (limits.GONE_TOLD - 0.5, limits.GONE_TOLD + 7):
        play.do(play.shell.core.lost("it broke", play.shell.now))
        play.wait(seconds)
        play.do(play.shell.core.dialled(play.shell.now))
        play.react(play.shell.welcome())
        play.wait(0.5)

    assert [(line.text, line.aside) for line in play.printed] == [
        ("zchat: The broker is gone (it broke). Trying to get back.", True),
        ("zchat: The broker is back.", True),
    ]
