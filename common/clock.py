"""Time as an argument: what every core is told instead of looking at a clock.

Pure but for `read`, which only shells call; any thread.
"""

from __future__ import annotations

import time
from typing import NamedTuple


class Now(NamedTuple):
    """The time of an input: `mono` in seconds for timeouts, `wall` in milliseconds since 1970 as a label."""

    mono: float
    wall: int


def read() -> Now:
    """The time now."""
    return Now(time.monotonic(), time.time_ns() // 1_000_000)
