"""One message that is told of: to how many people it went, and who of them lags behind.

Owns asking that once the message is stored. Does not know how lag is known (the broker). Pure; used by the receive
thread alone.
"""

from __future__ import annotations

from ..common import messages as m
from ..common.clock import Now
from ..common.text import clean
from . import render
from .actions import Action, Answer, End, Notice, Print, PutOff, Refusal
from .programs import Sender

_PATIENCE = 2.0
"""Seconds that the answer may take; the message is stored anyway."""


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
