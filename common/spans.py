"""Time spans as people type them: ``30s``, ``10m``, ``2h``, ``7d``.

Owns their form. Does not know what they are for. Pure; any thread.
"""

from __future__ import annotations

import re

from .errors import InputError

LONGEST = 2.0**33
"""Some 270 years: what the protocol can tell."""

_SPAN = re.compile(r"([0-9]{1,9})([smhd])")
_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


def seconds_of(text: str) -> float | None:
    """The seconds of a span, at most `LONGEST`; None when the text is none."""
    match = _SPAN.fullmatch(text)
    return min(LONGEST, float(int(match[1]) * _UNITS[match[2]])) if match is not None else None


def parse_span(text: str, what: str) -> float:
    """The seconds of a span that is not empty; raises `InputError`, which says what it is for."""
    seconds = seconds_of(text)
    if not seconds:
        raise InputError(f"{what} takes a time as 30s, 10m, 2h or 7d. Check it.")
    return seconds
