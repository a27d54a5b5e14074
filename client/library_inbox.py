"""The inbox of a client of the library: what was told and is not yet taken.

Owns the queue between the receive thread, which puts, and whoever takes, in any thread. Does not know what is told.

It is bounded. When it is full `put` says so, and the receive thread takes no more from the broker's histories until
half of it is taken; nothing is lost by that, since the broker keeps it. A little more than `size` may come at the end:
what one frame brought.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TypeVar

from ..common.errors import Closed, ZchatError
from .library_events import Event

E = TypeVar("E", bound=Event)


class Inbox:
    """A bounded queue of events; `more` is called by a taker's thread when there is room again."""

    def __init__(self, size: int, more: Callable[[], object]) -> None:
        self._size = size
        self._more = more
        self._events: deque[Event] = deque()
        self._changed = threading.Condition()
        self._full = False
        self._ended: ZchatError | None = None
        self.arrived: Callable[[], None] = lambda: None
        """Called by the receive thread when something is there to be taken, or nothing will come any more."""

    def __len__(self) -> int:
        return len(self._events)

    def put(self, event: Event, *, optional: bool = False) -> bool:
        """Take an event in, an optional one only while there is room; False when it is full now."""
        with self._changed:
            if not (optional and self._full):
                self._events.append(event)
                self._changed.notify()
            self._full = self._full or len(self._events) >= self._size
            full = self._full
        self.arrived()
        return not full

    def take(self, timeout: float | None = None) -> Event | None:
        """The next event; None when none came in so many seconds. Raises what the client ended with."""
        with self._changed:
            self._changed.wait_for(lambda: self._events or self._ended, timeout)
            event = self._events.popleft() if self._events else None
            if event is None and self._ended is not None:
                raise self._ended.with_traceback(None)  # it is raised again and again
            more = self._full and len(self._events) <= self._size // 2
            self._full = self._full and not more
        if more:
            self._more()
        return event

    def take_of(self, kind: type[E], timeout: float | None = None) -> E | None:
        """The next event of a kind, as `take`; others are passed over."""
        end = None if timeout is None else time.monotonic() + timeout
        while (event := self.take(None if end is None else max(0.0, end - time.monotonic()))) is not None:
            if isinstance(event, kind):
                return event
        return None

    def end(self, error: ZchatError) -> None:
        """Nothing will come any more; what is there is given away unless the client was closed."""
        with self._changed:
            self._ended, self._full = error, False
            if isinstance(error, Closed):
                self._events.clear()
            self._changed.notify_all()
        self.arrived()

    def forked(self, error: ZchatError) -> None:
        """We are in a child of the process in which something is put."""
        self._changed = threading.Condition()  # the parent's may be held by a thread that is not here
        self._ended = error
        self._events.clear()
