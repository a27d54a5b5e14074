"""Messages that have no ack yet.

Owns the rule that a message is kept, and sent again with the same id, until the broker has acked or refused it; and
the hold: while the broker takes none, all of them wait. Does not know rooms or connections. Pure; used by the receive
thread alone.

A broker that refuses a message for now refuses all that follow it, until that one comes again. So what was on its way
is refused too, one by one, and some of that is heard after the hold: it is no news until the message that began the
hold has been answered again.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import dropwhile
from math import inf

from ..common.limits import RESEND_AFTER
from ..common.messages import Say


@dataclass(slots=True)
class _Pending:
    say: Say
    sent: float | None
    """When it was last sent, in monotonic seconds; None while there is no broker, or it takes nothing."""


class Outbox:
    """What was said and is not known to be stored, in the order in which it was said."""

    def __init__(self) -> None:
        self._pending: dict[str, _Pending] = {}
        self.free_at = inf
        """When the hold is over, in monotonic seconds; infinity while there is none."""
        self._first = ""
        """The id of the message that began the last hold, until it is answered again."""

    def __len__(self) -> int:
        return len(self._pending)

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of the messages."""
        return tuple(self._pending)

    @property
    def says(self) -> list[Say]:
        """The messages."""
        return [pending.say for pending in self._pending.values()]

    @property
    def held(self) -> bool:
        """Whether nothing is to be sent for now."""
        return self.free_at < inf

    def add(self, say: Say, sent: float | None) -> None:
        """Keep a message."""
        self._pending[say.id] = _Pending(say, sent)

    def remove(self, id_: str) -> Say | None:
        """A message was acked or refused for good; None when it is not waiting."""
        if id_ == self._first:
            self._first = ""
        pending = self._pending.pop(id_, None)
        return pending.say if pending is not None else None

    def put_off(self, id_: str, now: float, retry: float) -> Say | None:
        """A message was refused for so many seconds; the message, if a hold begins with it."""
        if self.held or id_ not in self._pending or self._first not in ("", id_):
            return None
        self._first, self.free_at = id_, now + retry
        self._unsend()
        return self._pending[id_].say

    def lost(self) -> None:
        """The connection is gone, and with it the hold: nothing counts as sent."""
        self._first, self.free_at = "", inf
        self._unsend()

    def _unsend(self) -> None:
        for pending in self._pending.values():
            pending.sent = None

    def unsent(self, now: float) -> list[Say]:
        """What must be sent now: new, held until now, or sent too long ago without an ack."""
        if now < self.free_at < inf:
            return []
        self.free_at = inf
        # From the first that is overdue on, all: those behind it may have been passed over without a word.
        due = list(dropwhile(lambda p: p.sent is not None and now - p.sent <= RESEND_AFTER, self._pending.values()))
        for pending in due:
            pending.sent = now
        return [pending.say for pending in due]
