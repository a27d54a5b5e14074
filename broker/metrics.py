"""The broker's numbers: what has been counted and measured since it started.

Owns the counters and what they are called. Does not know who counts (`watching`) nor who reads them (`exporting`).
Pure. The broker's thread alone changes them; any thread reads them, each number by itself, so no lock is needed.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field

FAST = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
"""Bounds in seconds for what should take milliseconds."""
SIZES = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1_000.0, 2_000.0)
"""Bounds for how much one commit holds."""


class Histogram:
    """How often something was at most so large, for some bounds."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        """Those up to each bound and above the one before it, then those above the last one."""
        self.sum = 0.0

    def observe(self, value: float, times: int = 1) -> None:
        """Something was so large, so many times."""
        self.counts[bisect_left(self.bounds, value)] += times
        self.sum += value * times


def _fast() -> Histogram:
    return Histogram(FAST)


@dataclass(slots=True)
class Metrics:
    """All numbers; counters only grow, gauges are those of the last second."""

    # --- counters
    frames_received: int = 0
    bytes_received: int = 0
    messages: int = 0
    """Stored for the first time."""
    duplicates: int = 0
    """Known already, and acked again."""
    deliveries: int = 0
    """Other people who were in a message's room when it was stored, summed up."""
    frames_sent: int = 0
    frames_published: int = 0
    bytes_sent: int = 0
    bytes_published: int = 0
    replays: int = 0
    replayed: int = 0
    gaps: int = 0
    """Pages of what had been missed by somebody who had all before it."""
    gap_entries: int = 0
    dropped: int = 0
    refusals: dict[str, int] = field(default_factory=dict)
    commits_failed: int = 0
    log_lost: int = 0
    # --- distributions
    ack_seconds: Histogram = field(default_factory=_fast)
    commit_seconds: Histogram = field(default_factory=_fast)
    commit_changes: Histogram = field(default_factory=lambda: Histogram(SIZES))
    turn_seconds: Histogram = field(default_factory=_fast)
    # --- gauges
    turned: float = 0.0
    """When the loop last looked at the network, in monotonic seconds."""
    sessions: int = 0
    users: int = 0
    """Keys that have a session."""
    rooms: int = 0
    connections: int = 0
    """To ROUTER."""
    listeners: int = 0
    """To PUB."""
    storing: bool = True
    """Whether the last commit succeeded."""
