"""Runs the command of ``zchat tail --exec`` in the main thread, while the receive thread keeps the connection.

Owns the line between the two: message objects come, the ends of their runs go back, one at a time. Does not know
which messages (`executor`). `run` and `end` are for the receive thread.
"""

from __future__ import annotations

import queue
import select
import socket
import sys
from collections.abc import Callable, Mapping

from . import children
from .environment import environment

BACKOFF_FIRST, BACKOFF_CAP = 1.0, 60.0
"""Seconds before a command is run again that has failed; doubled each time."""


class Worker:
    """One command; `more` stands in its environment, too. A run that fails is repeated so often before it is told."""

    def __init__(self, argv: list[str], more: Mapping[str, str], retries: int = 0) -> None:
        self._argv = argv
        self._more = more
        self._retries = retries
        self._messages: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._over = False

    def run(self, message: str) -> str:
        """Have the command run for this message object; returns at once, with nothing to tell."""
        self._messages.put(message)
        return ""

    def end(self) -> None:
        """There will be no more; a run that is under way is ended."""
        self._over = True
        self._messages.put(None)

    def serve(self, take: Callable[[str], bool], ended: socket.socket) -> None:
        """Run what comes, and hand over how each run ended, until there is no more."""
        while (message := self._messages.get()) is not None:
            if not take(self._attempt(message, ended)):
                return

    def _attempt(self, message: str, ended: socket.socket) -> str:
        variables, wait = {**environment(message), **self._more}, BACKOFF_FIRST
        for left in range(self._retries, -1, -1):
            trouble = children.feed(self._argv, message, variables, over=lambda: self._over)
            if not trouble or not left or self._over:
                return trouble
            print(f"zchat: The command {trouble}. It is run again in {wait:g} s.", file=sys.stderr, flush=True)
            select.select([ended], [], [], wait)
            wait = min(2 * wait, BACKOFF_CAP)
        raise AssertionError("the last attempt returns")
