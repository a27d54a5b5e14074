"""What the broker tells the supervisor that started it (systemd, sd_notify(3)): ready, alive, stopping.

Owns that socket. Does nothing when nobody has asked to be told. Runs in the broker's thread: the watchdog is fed by the
loop itself, so a loop that hangs is ended and started anew.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Mapping


class Supervisor:
    """The supervisor named in the environment, if there is one."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        path = environment.get("NOTIFY_SOCKET", "")
        # "@" stands for the NUL before an abstract name.
        self._path = f"\0{path[1:]}" if path.startswith("@") else path
        owner = environment.get("WATCHDOG_PID", str(os.getpid()))
        self._watched = bool(environment.get("WATCHDOG_USEC")) and owner == str(os.getpid())

    def ready(self) -> None:
        """The broker can be joined."""
        self._tell("READY=1")

    def alive(self) -> None:
        """The loop turns; said every second, if somebody waits for it."""
        if self._watched:
            self._tell("WATCHDOG=1")

    def stopping(self) -> None:
        """The broker ends in order."""
        self._tell("STOPPING=1")

    def _tell(self, word: str) -> None:
        if not self._path or not hasattr(socket, "AF_UNIX"):
            return
        # A supervisor that does not listen must not hold up the chat.
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
            told.setblocking(False)
            told.sendto(word.encode(), self._path)
