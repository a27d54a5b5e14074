"""Signs of life: when to ping, and whether the broker and its PUB socket still answer.

Owns the timing. Does not know what a ping carries (`core`). Pure; times are monotonic seconds; used by the receive
thread alone.
"""

from __future__ import annotations

from ..common.limits import BEACON_SILENCE, PING_INTERVAL, PING_SOON, SILENCE


class Heartbeat:
    """The heartbeat of one connection."""

    def __init__(self) -> None:
        self._ping_at = 0.0
        self._soon: list[float] = []
        """Pings out of turn, ascending."""
        self._unanswered: float | None = None
        """When the oldest ping without an answer was sent."""
        self._beacon_at = 0.0

    def begin(self, now: float) -> None:
        """A connection is welcomed, or about to be: nothing has been asked of it yet."""
        self._ping_at = now + PING_INTERVAL
        self._soon.clear()
        self._unanswered = None

    def ping_soon(self, now: float) -> None:
        """Something was subscribed to: ask once that has taken effect."""
        self._soon = [now + delay for delay in PING_SOON]

    def listen(self, now: float) -> None:
        """SUB was opened."""
        self._beacon_at = now
        self.ping_soon(now)

    def beacon(self, now: float) -> None:
        """A beacon came by SUB."""
        self._beacon_at = now

    def pinged(self, now: float) -> None:
        """A ping was sent."""
        self._soon = [at for at in self._soon if at > now]
        self._ping_at = now + PING_INTERVAL
        if self._unanswered is None:
            self._unanswered = now

    def ponged(self) -> None:
        """The broker has answered."""
        self._unanswered = None

    @property
    def due(self) -> float:
        """When the next ping is due."""
        return min([self._ping_at, *self._soon])

    def dead(self, now: float) -> bool:
        """Whether the broker has answered nothing for too long, though its connection stands."""
        return self._unanswered is not None and now - self._unanswered > SILENCE

    def deaf(self, now: float) -> bool:
        """Whether SUB has brought nothing for too long."""
        return now - self._beacon_at > BEACON_SILENCE
