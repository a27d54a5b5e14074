"""A message object as environment variables, for the commands that users have run for messages.

Owns their names. Does not know the commands. Pure; any thread.
"""

from __future__ import annotations

import json

from ..common.limits import MESSAGE_BYTES

NAMES = ("kind", "room", "from", "text", "id", "seq", "time", "to")
"""Keys of the message object; ``from`` becomes ``ZCHAT_FROM``."""


def environment(event: str) -> dict[str, str]:
    """The variables of a message object: what it does not have is empty, and no value holds a NUL.

    A value is no longer than a message may be: systems refuse to start a command with a very long one, and what a
    broker sends is not to be trusted. The object has all of it.
    """
    message = json.loads(event)
    return {f"ZCHAT_{name.upper()}": _value(message.get(name)) for name in NAMES}


def _value(value: object) -> str:
    text = "" if value is None else str(value).replace("\0", "")
    return text.encode("utf-8", "replace")[:MESSAGE_BYTES].decode("utf-8", "ignore")
