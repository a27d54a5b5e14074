"""What a command does with a broker: what all of these programs have in common, and those that put one question.

Owns when a program gives up, and what it says of a broker that is gone. Does not know sockets (`connection`), the rules
(`core`) nor options. Pure; used by the receive thread alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..common import limits, messages as m
from ..common.clock import Now
from ..common.errors import BrokerUnreachable, RefusedError, TimedOut, ZchatError
from ..common.text import clean
from . import wording
from .actions import (
    Action,
    Answer,
    Connected,
    Disconnected,
    End,
    Held,
    Notice,
    Print,
    PutOff,
    Refusal,
    TurnedAway,
)
from .core import ClientCore


class Quiet:
    """What every program begins with: it takes no lines, and ends when it is refused or its time is up."""

    tells_gone = False
    """Whether it says beside its output that the broker is gone, once that lasts, and that it is back."""

    def __init__(self, core: ClientCore, *, timeout: float | None = None) -> None:
        self.core = core
        self.timeout = timeout
        self._deadline: float | None = None
        self._quiet_since = 0.0
        """When the broker last told something that was asked for, or was first asked."""
        self._put_off: ZchatError | None = None
        """What the broker said when it wanted to be asked, or to be joined, again later."""
        self._gone: tuple[float, str] | None = None
        """Since when the broker is gone, and why."""
        self._gone_told = False

    def start(self, now: Now) -> list[Action]:
        """Before the first connection."""
        self._quiet_since = now.mono
        if self.timeout is not None:
            self._deadline = now.mono + self.timeout
        return self.begin(now)

    def begin(self, now: Now) -> list[Action]:
        """What the program wants first."""
        return []

    @property
    def wants_input(self) -> bool:
        """Whether it can take another line now."""
        return False

    @property
    def persistent(self) -> bool:
        """Whether it rides through a broker's death, however long that lasts."""
        return False

    def line(self, text: str, now: Now) -> list[Action]:
        """A line from the input thread."""
        return []

    def end_of_input(self, now: Now) -> list[Action]:
        """The input thread has no more lines."""
        return []

    def notice(self, notice: Notice, now: Now) -> list[Action]:
        """The core tells something."""
        match notice:
            case Refusal():
                return [End(refused(notice))]
            case PutOff():
                self._put_off = refused(notice)
            case TurnedAway(error) if self.persistent:
                return [Print(f"zchat: {error}", aside=True)]
            case TurnedAway(error):
                self._put_off = error
            case Disconnected(reason):
                self._gone = now.mono, reason
        return []

    def tick(self, now: Now) -> list[Action]:
        """Now and then."""
        if self._deadline is not None and now.mono >= self._deadline:
            do = self._put_off or "Try again, or give it a longer --timeout."
            return [End(TimedOut(f"The time of {self.timeout:g} s ran out. {do}"))]
        quiet = now.mono - self._quiet_since
        if self._deadline is None and not self.persistent and quiet >= limits.ANSWER_PATIENCE:
            silent = BrokerUnreachable("The broker is there but does not answer. Try again, or restart it.")
            return [End(self._put_off or silent)]
        return self._tell_gone(now) if self.tells_gone and self._gone is not None else []

    def _tell_gone(self, now: Now) -> list[Action]:
        """A restart is no news; but whoever waits longer does not know for what."""
        assert self._gone is not None
        since, why = self._gone
        if self.core.live:
            told, self._gone, self._gone_told = self._gone_told, None, False
            return [Print("zchat: The broker is back.", aside=True)] if told else []
        if self._gone_told or now.mono - since < limits.GONE_TOLD:
            return []
        self._gone_told = True
        return [Print(f"zchat: {wording.gone(clean(why), self.core.waiting)}", aside=True)]


def refused(refusal: Refusal | Held | PutOff) -> RefusedError:
    """A refusal by the broker as the error that ends a command; its text is made safe for the terminal."""
    return RefusedError(refusal.refused.code, clean(refusal.refused.detail))


class OneQuestion(Quiet):
    """Put one question, print what `show` makes of the answer."""

    def __init__(
        self,
        core: ClientCore,
        question: m.Who | m.Rooms | m.Inspect | m.Admin,
        show: Callable[[m.Event], Sequence[str | Print]],
        *,
        timeout: float | None = None,
    ) -> None:
        super().__init__(core, timeout=timeout)
        self._question = question
        self._show = show

    def begin(self, now: Now) -> list[Action]:
        """The question waits for the connection."""
        return self.core.ask(self._question, now)

    def notice(self, notice: Notice, now: Now) -> list[Action]:
        """The answer ends it."""
        if isinstance(notice, Answer):
            shown = [Print(line) if isinstance(line, str) else line for line in self._show(notice.event)]
            return [*shown, *self.core.leave(), End()]
        return super().notice(notice, now)


class Pinger(Quiet):
    """Ask for a sign of life and tell how long it took."""

    def __init__(self, core: ClientCore, show: Callable[[m.Welcome, float], str], *, timeout: float | None) -> None:
        super().__init__(core, timeout=timeout)
        self._show = show
        self._asked = 0.0

    def notice(self, notice: Notice, now: Now) -> list[Action]:
        """Ask when connected; the answer ends it."""
        match notice:
            case Connected():
                self._asked = now.mono
                return self.core.ask(m.Ping(), now)
            case Answer():
                assert self.core.welcome is not None
                return [Print(self._show(self.core.welcome, now.mono - self._asked)), *self.core.leave(), End()]
        return super().notice(notice, now)
