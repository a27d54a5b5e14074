"""What an operator may set about who comes in and how much each may do.

Owns the names, defaults and bounds of these settings. Does not know where they are read from (`settings`). Pure; any
thread.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from ..common import limits

Mode = Literal["open", "invite", "closed"]
Count = Annotated[int, Meta(ge=1, le=10_000_000)]
Rate = Annotated[float, Meta(gt=0, le=10_000_000)]


class Policy(msgspec.Struct, forbid_unknown_fields=True):
    """The settings of one broker, which all who need them share; `options` has the reason of each default."""

    access: Mode = "open"
    """Who comes in: ``open`` all, ``invite`` who is known, allowed or invited, ``closed`` who is known or allowed."""
    message_bytes: Annotated[int, Meta(ge=256, le=limits.MESSAGE_BYTES)] = limits.MESSAGE_BYTES
    message_lines: Annotated[int, Meta(ge=1, le=limits.MESSAGE_LINES)] = limits.MESSAGE_LINES
    burst: Count = limits.BURST
    rate: Rate = limits.RATE
    room_burst: Count = limits.ROOM_BURST
    room_rate: Rate = limits.ROOM_RATE
    owned_rooms: Count = limits.OWNED_ROOMS
    rooms: Annotated[int, Meta(ge=1, le=limits.ROOMS_HIGHEST)] = limits.ROOMS
    user_rooms: Count = limits.USER_ROOMS
    sessions: Count = limits.SESSIONS
    subscriptions: Count = limits.SUBSCRIPTIONS
    open_questions: Count = limits.OPEN_QUESTIONS
    page_entries: Annotated[int, Meta(ge=1, le=10_000)] = limits.PAGE_ENTRIES
    keep: Annotated[float, Meta(ge=0, le=2**33)] = 0.0
    """Seconds for which entries are kept; 0: for ever."""
    keep_messages: Annotated[int, Meta(ge=0, le=2**53)] = 0
    """Entries kept of each room; 0: all."""
    connection_burst: Count = limits.CONNECTION_BURST
    connection_rate: Rate = limits.CONNECTION_RATE
    handshake: Annotated[float, Meta(ge=0.5, le=60)] = limits.BROKER_HANDSHAKE
    hello_patience: Annotated[float, Meta(ge=1, le=3_600)] = limits.HELLO_PATIENCE

    def become(self, other: Policy) -> None:
        """Take over the values of another one, for all who share this one; called by the broker's thread alone."""
        for name in self.__struct_fields__:
            setattr(self, name, getattr(other, name))
