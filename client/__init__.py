"""The client: one user's view of the chat, for people in a terminal and for programs.

`Client` and `AsyncClient` are what programs use (docs/library.md); they are loaded when they are asked for, since every
command of `zchat` imports this package.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .library import Client as Client
    from .library_async import AsyncClient as AsyncClient
    from .library_events import (
        Answer as Answer,
        Answered as Answered,
        Change as Change,
        Connected as Connected,
        Disconnected as Disconnected,
        Entry as Entry,
        Event as Event,
        Invited as Invited,
        Message as Message,
        NotKept as NotKept,
        Presence as Presence,
        Question as Question,
        Removed as Removed,
        Renamed as Renamed,
        Restarted as Restarted,
        Room as Room,
        Sent as Sent,
        User as User,
    )
    from .library_thread import Pending as Pending

_CLIENTS = {"Client": "library", "AsyncClient": "library_async", "Pending": "library_thread"}
_VALUES = (
    *("Answer", "Answered", "Change", "Connected", "Disconnected", "Entry", "Event", "Invited", "Message", "NotKept"),
    *("Presence", "Question", "Removed", "Renamed", "Restarted", "Room", "Sent", "User"),
)

__all__ = sorted([*_CLIENTS, *_VALUES])


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f".{_CLIENTS.get(name, 'library_events')}", __name__), name)
