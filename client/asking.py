"""The command ``ask``: put a question, wait for the first answer, whatever happens to the broker meanwhile.

Owns that way. Does not know who may answer (the broker) nor sockets. Pure; used by the receive thread alone.
"""

from __future__ import annotations

from ..common import messages as m
from ..common.clock import Now
from ..common.errors import Code, RefusedError, ZchatError
from ..common.text import clean
from . import render
from .actions import Action, End, Heard, Notice, NotKept, Print, Removed
from .core import ClientCore
from .rooms import Start
from .sending import Sender

FIRST_EXIT = 10
"""The exit code of choice k is this and k more; of the first one, 0."""


class Asker(Sender):
    """Put one question and end with its answer; `exit_code` tells which choice it was."""

    def __init__(self, core: ClientCore, question: m.Say, *, json: bool = False, timeout: float | None = None) -> None:
        super().__init__(core, room=question.room, to=question.to, text=None, say=question, json=json, timeout=timeout)
        self._question = question
        self._stands_at: tuple[str, int] | None = None
        """The room and sequence of the question, once it is stored."""
        self._now = Now(0.0, 0)
        self.exit_code = 0

    def _stored(self, say: m.Say, ack: m.Ack) -> list[Action]:
        self._stands_at, self._ack_by = (ack.room, ack.seq), None
        told = []
        if not ack.delivered and not ack.duplicate:
            nobody = f"{clean(say.to)} is not here" if say.to is not None else "Nobody else is there"
            told.append(Print(f"zchat: {nobody}; the question waits.", aside=True))
        return [*told, *self.core.join(ack.room, Start(after=ack.seq), self._now, create=False)]

    def _end_if_done(self) -> list[Action]:
        return super()._end_if_done() if self._stands_at is None else []

    def notice(self, notice: Notice, now: Now) -> list[Action]:
        """The first answer ends it, and so does the end of the question."""
        self._now = now
        match notice:
            case Heard(room, entry, replay) if self._stands_at == (room, entry.about):
                return self._settled(room, entry, replay)
            case Removed(room, reason):
                return [End(RefusedError(Code.NOT_ALLOWED, f"You were removed from {clean(room)} ({clean(reason)})."))]
            case NotKept(room) if self._stands_at is not None and room == self._stands_at[0]:
                return [*self.core.leave(), End(ZchatError("The question is no longer kept. Ask it again."))]
        return super().notice(notice, now)

    def _settled(self, room: str, entry: m.Entry, replay: bool) -> list[Action]:
        if entry.kind == "delete":
            return [*self.core.leave(), End(ZchatError("The question was deleted. Ask it again."))]
        if entry.kind != "answer" or entry.text not in self._question.choices:
            return []
        chosen = self._question.choices.index(entry.text)
        self.exit_code = FIRST_EXIT + chosen if chosen else 0
        line = render.entry_json(entry, self.core.name_of(room), replay=replay) if self._json else clean(entry.text)
        return [Print(line), *self.core.leave(), End()]
