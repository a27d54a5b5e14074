"""What the commands other than ``join`` do with a broker: send, tail, and put one question.

Owns these small programs. Does not know sockets (`connection`), the rules (`core`) nor options (`cli`). Pure; used by
the receive thread alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ..common import limits, messages as m, names
from ..common.clock import Now
from ..common.errors import BrokerUnreachable, Code, NotAcked, RefusedError, TimedOut, ZchatError
from ..common.rules import refuse_text
from ..common.text import clean
from . import render, wording
from .actions import (
    Action,
    Answer,
    CameOrWent,
    CaughtUp,
    Connected,
    Disconnected,
    End,
    Heard,
    Held,
    InRoom,
    Notice,
    NotKept,
    Print,
    PutOff,
    Reached,
    Refusal,
    Removed,
    Restarted,
    Stored,
    TurnedAway,
)
from .core import ClientCore
from .rooms import Start

_TICK = 3.0
"""Seconds; the loop turns at least once in each of them."""


class Quiet:
    """A program that takes no lines, and ends when it is refused or its time is up."""

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


class Sender(Quiet):
    """Send one text, or each line of the input as it comes, and end when all are acked.

    `say` is sent instead of a text, and `done` printed when that is stored.
    """

    tells_gone = True

    def __init__(
        self,
        core: ClientCore,
        *,
        room: str | None,
        to: str | None,
        text: str | None,
        id: str | None = None,
        say: m.Say | None = None,
        done: str | None = None,
        json: bool = False,
        timeout: float | None = None,
    ) -> None:
        super().__init__(core, timeout=timeout)
        self._room, self._to, self._json, self._done = room, to, json, done
        self._say = say if text is None else m.Say(id=id or "", text=text, room=room, to=to)
        """The only message; None when each line is one."""
        self._input_ended = self._say is not None
        self._lines = 0
        self._failed: ZchatError | None = None
        self._ack_by: float | None = None
        self._held_told = False
        """Since something was last stored it was told that the broker stores nothing."""

    def begin(self, now: Now) -> list[Action]:
        """A single text is sent at once."""
        if self._say is None:
            return []
        self._ack_by = now.mono + limits.ACK_PATIENCE
        return self.core.put(self._say, now)

    @property
    def persistent(self) -> bool:
        """A pipe goes on; a single message, once it was sent, has its own patience."""
        return self._say is None or self.core.welcome is not None

    @property
    def wants_input(self) -> bool:
        """While not too many messages wait for their acks."""
        return not self._input_ended and self.core.waiting < limits.WINDOW

    def line(self, text: str, now: Now) -> list[Action]:
        """One message a line; blank lines are passed over."""
        self._lines += 1
        if not text.strip():
            return []
        refusal = refuse_text(text)
        if refusal is not None:
            code, detail = refusal
            return self._fail(RefusedError(code, f"Line {self._lines} was not sent. {detail}"))
        return self.core.say(text, now, room=self._room, to=self._to)

    def end_of_input(self, now: Now) -> list[Action]:
        """Then only acks are waited for."""
        self._input_ended = True
        return self._end_if_done()

    def notice(self, notice: Notice, now: Now) -> list[Action]:
        """Acks and refusals."""
        match notice:
            case Stored(say, ack):
                self._held_told, self._put_off = False, None
                return [*self._stored(say, ack), *self._end_if_done()]
            case Held():
                return self._held(notice)
            case Refusal(command) if isinstance(command, m.Say):
                return [*self._fail(refused(notice)), *self._end_if_done()]
        return super().notice(notice, now)

    def _stored(self, say: m.Say, ack: m.Ack) -> list[Action]:
        if self._done is not None:
            return [Print(render.done_json(self._done) if self._json else self._done)]
        return [Print(render.ack_json(say, ack, self.core.nick))] if self._json else []

    def _held(self, held: Held) -> list[Action]:
        """A pipe waits; a single message waits while it has patience, but not for a disk."""
        self._put_off = error = refused(held)
        stuck = error.code == Code.NOT_STORED
        if self._say is not None:
            return [*self.core.leave(), End(error)] if stuck else []
        told, self._held_told = self._held_told, stuck or self._held_told
        if told or not stuck:
            return []
        return [Print(f"zchat: {wording.held(str(error), self.core.waiting)}", aside=True)]

    def _fail(self, error: ZchatError) -> list[Action]:
        """The first failure is what the command ends with; the others are told as they come."""
        if self._failed is None:
            self._failed = error
            return []
        return [Print(f"zchat: {error}", aside=True)]

    def _end_if_done(self) -> list[Action]:
        if self._input_ended and not self.core.waiting:
            return [*self.core.leave(), End(self._failed)]
        return []

    def tick(self, now: Now) -> list[Action]:
        """A single message has `limits.ACK_PATIENCE` to be acked."""
        if self._ack_by is not None and now.mono >= self._ack_by and self.timeout is None:
            again = "".join(f" --id {id_}" for id_ in self.core.unacked)
            detail = (
                "The message was sent but not confirmed in time. It may be stored or not:"
                f" send it again with{again}, and it will be there once."
            )
            return [End(self._put_off or NotAcked(detail))]
        return super().tick(now)


class Tailer(Quiet):
    """Print what rooms hold and, if it follows, what is said from then on.

    With `keep` it tells after each line how far that is.
    """

    tells_gone = True

    def __init__(
        self,
        core: ClientCore,
        *,
        rooms: Sequence[str],
        start: Start,
        follow: bool,
        json: bool,
        keep: bool = False,
        timeout: float | None = None,
    ) -> None:
        super().__init__(core, timeout=timeout)
        self._rooms, self._start, self._follow, self._json, self._keep = rooms, start, follow, json, keep
        self._behind: set[str] | None = None
        """Rooms whose history is not all printed yet; None before the first welcome."""
        self._ticked = 0.0

    @property
    def persistent(self) -> bool:
        """Who follows, goes on."""
        return self._follow

    def begin(self, now: Now) -> list[Action]:
        """Follow the rooms; the core sends it once connected."""
        return [
            action for room in self._rooms for action in self.core.join(room, self._start, now, create=self._follow)
        ]

    def notice(self, notice: Notice, now: Now) -> list[Action]:
        """Print what is heard."""
        match notice:
            case Heard(room, entry, replay):
                self._quiet_since = now.mono
                return self._entry(room, entry, replay)
            case CameOrWent(presence) if self._follow:
                room = self.core.name_of(presence.room)
                return [Print((render.presence_json if self._json else render.presence_line)(presence, room))]
            case Connected():
                if self._behind is None:
                    self._behind = set(self.core.rooms)
                return [*self._reached(), *self._end_if_done()]
            case InRoom(entered) if entered.room not in self.core.profile.stopped.cursors:
                return self._cover({entered.room: entered.after})
            case CaughtUp(room):
                if self._behind is not None:
                    self._behind.discard(room)
                return self._end_if_done()
            case Removed():
                return self._removed(notice)
            case Restarted(room):
                return [Print(f"zchat: {clean(wording.restarted(room))}", aside=True)]
            case NotKept(room, count):
                return [Print(f"zchat: {clean(wording.not_kept(self.core.name_of(room), count))}", aside=True)]
        return super().notice(notice, now)

    def tick(self, now: Now) -> list[Action]:
        """Now and then; what was printed covers all that was heard."""
        if now.mono - self._ticked > _TICK:
            # It was our own reader who held us up, so nobody can say that the broker was silent.
            self._quiet_since = max(self._quiet_since, now.mono)
        self._ticked = now.mono
        return [*self._reached(), *super().tick(now)]

    def _reached(self) -> list[Action]:
        seqs = {view.id: view.cursor for view in self.core.rooms.values() if view.cursor is not None}
        return self._cover(seqs) if self._keep else []

    def _cover(self, seqs: Mapping[str, int]) -> list[Action]:
        return [Reached(self.core.welcome.history, seqs)] if self._keep and self.core.welcome is not None else []

    def _removed(self, removed: Removed) -> list[Action]:
        """Go on while there is anything to follow."""
        told = clean(wording.removed(removed.room, removed.reason))
        if not self.core.rooms and self.core.profile.private is None:
            return [*self.core.leave(), End(RefusedError(Code.NOT_ALLOWED, told))]
        if self._behind is not None:
            self._behind.discard(names.fold(removed.room))
        return [Print(f"zchat: {told}", aside=True), *self._end_if_done()]

    def _entry(self, room: str, entry: m.Entry, replay: bool) -> list[Action]:
        name = self.core.name_of(room)
        if self._json:
            lines = [Print(render.entry_json(entry, name, replay=replay))]
        else:
            several = len(self._rooms) > 1
            author = render.author_span(entry, name, name_room=several)
            lines = [Print(line, author=author) for line in render.entry_lines(entry, name, name_room=several)]
        return [*lines, *self._cover({room: entry.seq})]

    def _end_if_done(self) -> list[Action]:
        return [*self.core.leave(), End()] if not self._follow and not self._behind else []
