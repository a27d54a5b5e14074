"""Signs of life: when to ping, and whether the broker and its PUB socket still answer.

Owns the timing. Does not know what a ping carries (`core`). Pure; times are monotonic seconds; used by the receive
thread alone.
"""

from __future__ import annotations

from math import inf

from ..common.limits import (
    BACKOFF_CAP,
    BEACON_INTERVAL,
    BEACON_SILENCE,
    DEAF,
    HUSH,
    PING_IDLE,
    PING_INTERVAL,
    PING_SOON,
    SILENCE,
)

LISTEN_AGAIN = 0.5
"""At most so many seconds until a SUB that broke is opened anew, then doubling up to `BACKOFF_CAP`."""


class Heartbeat:
    """The heartbeat of one connection."""

    def __init__(self) -> None:
        self.pace = 1
        """How many times longer than usual the pauses are, as the broker told last."""
        self._idle_at = 0.0
        """When to ping though there is nothing to tell."""
        self._heard_at = 0.0
        """When anything last came."""
        self._soon: list[float] = []
        """Pings out of turn, ascending."""
        self._unanswered: float | None = None
        """When the oldest ping without an answer was sent."""
        self._last = (0, 0.0)
        """The ref of the last ping, and when it was sent."""
        self.rtt = 0.0
        """Milliseconds that the last answered ping took; 0: none was."""
        self._beacon_at = 0.0
        self.listen_at = inf
        """When SUB is to be opened anew, since it broke; infinity while it stands."""
        self._deafened = 0
        """How often it broke since the last beacon."""

    def begin(self, now: float) -> None:
        """A connection is welcomed, or about to be: nothing has been asked of it yet."""
        self._idle_at, self._heard_at = now + PING_IDLE * self.pace, now
        self._soon.clear()
        self._unanswered = None

    def heard(self, now: float) -> None:
        """Something came, by whichever socket."""
        self._heard_at = now

    def ping_soon(self, now: float) -> None:
        """Something was subscribed to: ask once that has taken effect."""
        self._soon = [now + delay for delay in PING_SOON]

    def ping_now(self, now: float) -> None:
        """There is something that the broker should know at once."""
        self._soon = [now, *self._soon]

    def listen(self, now: float) -> None:
        """SUB was opened."""
        self._beacon_at, self.listen_at = now, inf
        self.ping_soon(now)

    def beacon(self, now: float, pace: int) -> None:
        """A beacon came by SUB, and told the pace."""
        self._beacon_at, self._deafened, self.pace = now, 0, pace

    def deafened(self, now: float, chance: float) -> None:
        """SUB broke or was refused: it is opened anew after a pause, drawn by a chance between 0 and 1."""
        ceiling = min(BACKOFF_CAP, LISTEN_AGAIN * 2 ** min(self._deafened, 10))
        self._deafened += 1
        self.listen_at = now + ceiling * (0.2 + 0.8 * chance)

    def pinged(self, now: float, ref: int) -> None:
        """A ping was sent."""
        self._last = (ref, now)
        self._soon = [at for at in self._soon if at > now]
        self._idle_at = now + PING_IDLE * self.pace
        if self._unanswered is None:
            self._unanswered = now

    def ponged(self, now: float, ref: int) -> None:
        """The broker has answered."""
        self._unanswered = None
        if ref == self._last[0]:
            self.rtt = round((now - self._last[1]) * 1_000, 1)

    def due(self, *, news: bool) -> float:
        """When the next ping is due; `news`: there is something to tell."""
        asked_at = self._last[1]
        hush = max(
            self._heard_at + HUSH + self._longer, asked_at + PING_INTERVAL if self._unanswered is not None else 0.0
        )
        return min([self._idle_at, hush, *([asked_at + PING_INTERVAL * self.pace] if news else []), *self._soon])

    @property
    def dead_at(self) -> float:
        """When the broker is given up, though its connection stands: it has answered nothing for too long."""
        if self._unanswered is None:
            return inf
        hushed = max(self._heard_at + DEAF + self._longer, self._unanswered + DEAF - HUSH - 0.1)
        return min(hushed, self._unanswered + SILENCE)

    def deaf(self, now: float) -> bool:
        """Whether SUB has brought nothing for too long, or broke long enough ago."""
        return now >= self.listen_at if self.listen_at < inf else now - self._beacon_at > BEACON_SILENCE * self.pace

    @property
    def _longer(self) -> float:
        """Seconds by which a beacon is rarer than usual."""
        return (self.pace - 1) * BEACON_INTERVAL
