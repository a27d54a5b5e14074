"""Two ports in a row for a broker that is stopped and started again, which nobody else gets meanwhile.

Owns two sockets that are bound and do not listen: where one of them stands the system gives the port neither to who
asks for any port nor to a connection that goes out, while a broker may listen there (Linux: bind(2) with SO_REUSEADDR
on both, and none that listens already). Elsewhere nothing is held, and any port is taken.
"""

from __future__ import annotations

import contextlib
import socket
import sys
from typing import Self


class Ports:
    """Two ports, held until they are given back."""

    def __init__(self) -> None:
        self._held: list[socket.socket] = []
        self.first = 0
        """0: any."""

    def __enter__(self) -> Self:
        while sys.platform == "linux" and not self._held:
            with contextlib.ExitStack() as if_it_fails, contextlib.suppress(OSError):
                first = if_it_fails.enter_context(_bound(0))
                self.first = first.getsockname()[1]
                self._held = [first, if_it_fails.enter_context(_bound(self.first + 1))]
                if_it_fails.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        for each in self._held:
            each.close()
        self._held.clear()


def _bound(port: int) -> socket.socket:
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind(("127.0.0.1", port))
    except OSError:
        sock.close()
        raise
    return sock
