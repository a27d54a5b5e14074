"""The ids of messages, which their author makes.

Pure: time and randomness are arguments; any thread.
"""

from __future__ import annotations

import re
import uuid

from .limits import ID_CHARACTERS

_LEGAL = re.compile(rf"[A-Za-z0-9._:-]{{1,{ID_CHARACTERS}}}")


def message_id(wall_ms: int, random: bytes) -> str:
    """A UUID of version 7 (RFC 9562 §5.7) from milliseconds and 10 random bytes."""
    value = (wall_ms & (2**48 - 1)) << 80 | int.from_bytes(random[:10], "big")
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return str(uuid.UUID(int=value))


def is_message_id(text: str) -> bool:
    """Whether it can be a message's id."""
    return _LEGAL.fullmatch(text) is not None
