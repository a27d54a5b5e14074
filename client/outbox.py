"""Messages that have no ack yet.

Owns the rule that a message is kept, and sent again with the same id, until the broker has acked or refused it. Does
not know rooms or connections. Pure; used by the receive thread alone.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..common.limits import RESEND_AFTER
from ..common.messages import Say


@dataclass(slots=True)
class _Pending:
    say: Say
    sent: float | None
    """When it was last sent, in monotonic seconds; None while there is no broker."""


class Outbox:
    """What was said and is not known to be stored, in the order in which it was said."""

    def __init__(self) -> None:
        self._pending: dict[str, _Pending] = {}

    def __len__(self) -> int:
        return len(self._pending)

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of the messages."""
        return tuple(self._pending)

    def add(self, say: Say, sent: float | None) -> None:
        """Keep a message."""
        self._pending[say.id] = _Pending(say, sent)

    def remove(self, id_: str) -> Say | None:
        """A message was acked or refused; None when it is not waiting."""
        pending = self._pending.pop(id_, None)
        return pending.say if pending is not None else None

    def lost(self) -> None:
        """The connection is gone: nothing counts as sent."""
        for pending in self._pending.values():
            pending.sent = None

    def unsent(self, now: float) -> list[Say]:
        """What must be sent now: new, or sent too long ago without an ack."""
        due = [p for p in self._pending.values() if p.sent is None or now - p.sent > RESEND_AFTER]
        for pending in due:
            pending.sent = now
        return [pending.say for pending in due]
