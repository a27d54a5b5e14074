"""What ``zchat send`` does: send one message, or each line of the input, and see them stored.

Owns that way; and for one message, asking to how many people it went and who of them lags behind. Does not know how lag
is known (the broker) nor sockets. Pure; used by the receive thread alone.
"""

from __future__ import annotations

from ..common import limits, messages as m
from ..common.clock import Now
from ..common.errors import Code, NotAcked, RefusedError, ZchatError
from ..common.rules import refuse_text
from ..common.text import clean
from . import render, wording
from .actions import Action, Answer, End, Held, Notice, Print, PutOff, Refusal, Stored
from .core import ClientCore
from .programs import Quiet, refused

_PATIENCE = 2.0
"""Seconds that the answer to who lags behind may take; the message is stored anyway."""


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
            again = "".join(f" --id {say.id}" for say in self.core.waiting_says)
            detail = (
                "The message was sent but not confirmed in time. It may be stored or not:"
                f" send it again with{again}, and it will be there once."
            )
            return [End(self._put_off or NotAcked(detail))]
        return super().tick(now)


class Reporter(Sender):
    """Send one message; print as JSON, or to standard error, where it went."""

    _ack: m.Ack | None = None
    _tell_by = 0.0

    def _stored(self, say: m.Say, ack: m.Ack) -> list[Action]:
        self._ack, self._ack_by = ack, None
        return []

    def _end_if_done(self) -> list[Action]:
        return super()._end_if_done() if self._ack is None else []

    def notice(self, notice: Notice, now: Now) -> list[Action]:
        """Once stored, ask who is there."""
        match notice:
            case Answer(event=m.Roster(users)):
                return self._report(users)
            case Refusal(m.Who()) | PutOff(m.Who()):
                return self._report(None)
        actions = super().notice(notice, now)
        if self._ack is None or self._tell_by:
            return actions
        self._tell_by = now.mono + _PATIENCE
        room = None if self._to is not None else self._room
        return [*actions, *self.core.ask(m.Who(room=room, nick=self._to), now)]

    def tick(self, now: Now) -> list[Action]:
        """Without an answer there is nothing to tell of the others."""
        return self._report(None) if self._ack is not None and now.mono > self._tell_by else super().tick(now)

    def _report(self, users: list[m.UserInfo] | None) -> list[Action]:
        ack, say = self._ack, self._say
        assert ack is not None
        assert say is not None
        me = self.core.nick
        behind = None if users is None else [user for user in users if user.lag and user.nick != me]
        if self._json:
            line = Print(render.ack_json(say, ack, me, None if behind is None else [user.nick for user in behind]))
        else:
            line = Print(f"zchat: {self._told(ack, behind or [])}", aside=True)
        return [line, *self.core.leave(), End()]

    def _told(self, ack: m.Ack, behind: list[m.UserInfo]) -> str:
        lags = "".join(f", {clean(user.nick)} is {user.lag} behind" for user in behind)
        stored = f"Stored{' before' if ack.duplicate else ''} as {ack.seq}"
        if self._to is not None:
            where = "here" if ack.delivered else "not here, so it waits"
            away = "" if ack.away is None else f", away ({clean(ack.away)})" if ack.away else ", away"
            return f"{stored} for {clean(self._to)}, who is {where}{away}{lags}."
        count = ack.delivered
        others = "nobody else is" if not count else "1 other is" if count == 1 else f"{count} others are"
        return f"{stored} in {clean(self._room or '')}; {others} there{lags}."
