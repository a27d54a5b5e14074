"""Messages that have no ack yet.

Owns the rule that a message is kept, and sent again with the same id, until the broker has acked or refused it; and
the hold: while the broker takes none, all of them wait. Does not know rooms or connections. Pure; used by the receive
thread alone.

A broker that refuses a message for now takes none that follow it, until that one comes again. It may have refused a
repeat of what it has taken, and acked that meanwhile or just before: it waits for it all the same, and what it passes
over until it gives up waiting would be stored in another order. So the refused one is sent again, acked or not.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import dropwhile
from math import inf

from ..common.limits import RESEND_AFTER, WINDOW
from ..common.messages import Say


@dataclass(slots=True)
class _Pending:
    say: Say
    sent: float | None
    """When it was last sent, in monotonic seconds; None while there is no broker, or it takes nothing."""
    times: int = 0
    """How often it was sent."""


class Outbox:
    """What was said and is not known to be stored, in the order in which it was said."""

    def __init__(self) -> None:
        self._pending: dict[str, _Pending] = {}
        self.free_at = inf
        """When the hold is over, in monotonic seconds; infinity while there is none."""
        self._awaited: Say | None = None
        """What was refused last, until it is sent again."""
        self._repeats: dict[str, Say] = {}
        """What is acked though it was sent more than once, the last of it: a refusal may still be on its way."""

    def __len__(self) -> int:
        return len(self._pending)

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
        self._pending[say.id] = _Pending(say, sent, times=int(sent is not None))

    def remove(self, id_: str) -> Say | None:
        """A message was acked or refused for good; None when it is not waiting."""
        pending = self._pending.pop(id_, None)
        if pending is None:
            return None
        if pending.times > 1:
            self._repeats[id_] = pending.say
            if len(self._repeats) > WINDOW:
                del self._repeats[next(iter(self._repeats))]
        return pending.say

    def drop(self, id_: str) -> None:
        """Nobody wants a message any more."""
        self._pending.pop(id_, None)
        if self._awaited is not None and self._awaited.id == id_:
            self._awaited = None

    def put_off(self, id_: str, now: float, retry: float) -> Say | None:
        """A message was refused for so many seconds; the message, if a hold begins with it."""
        say = self._pending[id_].say if id_ in self._pending else self._repeats.get(id_)
        self._awaited = say or self._awaited
        if self.held or say is None:
            return None
        self.free_at = now + retry
        self._unsend()
        return say

    def lost(self) -> None:
        """The connection is gone, and with it the hold: nothing counts as sent."""
        self._awaited, self.free_at = None, inf
        self._repeats.clear()
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
            pending.sent, pending.times = now, pending.times + 1
        says = [pending.say for pending in due]
        awaited, self._awaited = self._awaited, None
        return says if awaited is None or awaited in says else [awaited, *says]
