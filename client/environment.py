"""What the commands that users have run for messages find in their environment: the message, and who we are.

Owns their names. Does not know the commands. Pure; any thread.
"""

from __future__ import annotations

import json

from ..common.keys import Link
from ..common.limits import MESSAGE_BYTES

NAMES = ("kind", "room", "from", "text", "id", "seq", "time", "to")
"""Keys of the message object; ``from`` becomes ``ZCHAT_FROM``."""


def environment(message: str) -> dict[str, str]:
    """The variables of a message object: what it does not have is empty, and no value holds a NUL.

    A value is no longer than a message may be: systems refuse to start a command with a very long one, and what a
    broker sends is not to be trusted. The object has all of it.
    """
    values = json.loads(message)
    return {f"ZCHAT_{name.upper()}": _value(values.get(name)) for name in NAMES}


def _value(value: object) -> str:
    text = "" if value is None else str(value).replace("\0", "")
    return text.encode("utf-8", "replace")[:MESSAGE_BYTES].decode("utf-8", "ignore")


def same_user(link: Link, nick: str) -> dict[str, str]:
    """What makes a `zchat` that such a command runs the same user at the same broker."""
    return {"ZCHAT_BROKER": link.place, "ZCHAT_NICK": nick}
