"""Colour: when it is wanted, how much of it a terminal has, and which one somebody has.

Owns these rules. Does not know what is coloured. Pure; any thread.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

TRUE = 1 << 24
"""Colours of a terminal that takes any; others have 256, 16 or none (0)."""

_SIXTEEN = (31, 32, 33, 34, 35, 36, 91, 92, 93, 94, 95, 96)
_LEVELS = (95, 135, 175, 215)
"""Of red, green and blue in the 256 colours (xterm's cube): those that can be read on black and on white."""


class Stream(Protocol):
    """What is written to."""

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        ...


def wanted(stream: Stream, option: str, environ: Mapping[str, str]) -> int:
    """How many colours to use on a stream: 0, 16, 256 or `TRUE`; `option`: auto, always or never."""
    term = environ.get("TERM", "")
    if option == "never":
        return 0
    if option == "auto" and (environ.get("NO_COLOR") or not stream.isatty() or term == "dumb"):
        return 0
    if environ.get("COLORTERM") in ("truecolor", "24bit") or "WT_SESSION" in environ or term.endswith("-direct"):
        return TRUE
    if "256color" in term:
        return 256
    return 16 if term or option == "always" else 0


def paint(text: str, key: str, depth: int) -> str:
    """A cleaned text in the colour of whoever has this key, by its fingerprint."""
    return f"\x1b[{_code(key, depth)}m{text}\x1b[39m" if depth and text else text


def _code(key: str, depth: int) -> str:
    number = int.from_bytes(key[:6].encode())  # a fingerprint is random from its first letter on
    if depth < 256:
        return str(_SIXTEEN[number % len(_SIXTEEN)])
    # One of the three stays dark or one bright, so that no grey comes out, which says nothing.
    levels = [_LEVELS[number // 4**place % 4] for place in range(3)]
    levels[number % 3], levels[(number + 1) % 3] = _LEVELS[0], _LEVELS[3]
    red, green, blue = levels
    if depth == 256:
        return f"38;5;{16 + sum(weight * (level - 55) // 40 for weight, level in zip((36, 6, 1), levels, strict=True))}"
    return f"38;2;{red};{green};{blue}"
