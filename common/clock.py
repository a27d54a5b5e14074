"""Time as an argument: what every core is told instead of looking at a clock; and how a moment is written for programs.

Pure but for `read`, which only shells call; any thread.
"""

from __future__ import annotations

import datetime as dt
import time
from functools import lru_cache
from typing import NamedTuple

_EARLIEST = dt.datetime.fromtimestamp(0, dt.UTC)


class Now(NamedTuple):
    """The time of an input: `mono` in seconds for timeouts, `wall` in milliseconds since 1970 as a label."""

    mono: float
    wall: int


def read() -> Now:
    """The time now."""
    return Now(time.monotonic(), time.time_ns() // 1_000_000)


def utc(millis: int) -> str:
    """``YYYY-MM-DDTHH:MM:SS.mmmZ``."""
    return f"{_utc_second(millis // 1_000)}.{millis % 1_000:03d}Z"


@lru_cache(maxsize=64)
def _utc_second(second: int) -> str:
    return f"{dt.datetime.fromtimestamp(second, dt.UTC):%Y-%m-%dT%H:%M:%S}"


def millis_of(text: str) -> int:
    """The inverse of `utc`; raises ValueError."""
    moment = dt.datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(text)
    millis = (moment - _EARLIEST) // dt.timedelta(milliseconds=1)
    if not 0 <= millis <= 2**47:
        raise ValueError(text)
    return millis
