"""`Broker`: a broker inside another program, such as a test, in a thread of its own.

Owns that thread. Does not know sockets (`server`). Any thread may start and stop it.

It is as real as the one of ``zchat broker``, but takes only what it is given: it reads no configuration, and leaves no
note by which this account's clients would find it, unless it is told to.
"""

from __future__ import annotations

import contextlib
import tempfile
import threading
from pathlib import Path
from typing import Self

from ..common.errors import ZchatError
from ..common.signals import uninterrupted
from .policy import Policy
from .server import Server, Setup


class Broker:
    """A broker in a thread of this process; use it in a `with` block, or call `start` and `stop`.

    `port` 0 is a free adjacent pair. Without `data` it keeps its files in a temporary folder, until it is closed.
    `policy` is who comes in, and how much each may do. With `note`, clients of this account find it by themselves.
    Raises `ZchatError` when the folder or the ports cannot be had.
    """

    def __init__(
        self,
        data: Path | str | None = None,
        *,
        port: int = 0,
        bind: str = "127.0.0.1",
        advertise: str | None = None,
        name: str = "zchat",
        policy: Policy | None = None,
        note: bool = False,
    ) -> None:
        self._data = Path(data) if data is not None else None
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._port, self._bind, self._advertise, self._name = port, bind, advertise, name
        self._policy, self._note = policy or Policy(), note
        self._server: Server | None = None
        self._thread: threading.Thread | None = None
        self.link = ""
        """What clients need to join it, once it has started; it stays the same."""

    @property
    def data(self) -> Path:
        """Where its files are, such as its operator's key; a temporary folder is there from `start` to `close`."""
        if self._data is None:
            raise ZchatError("This broker has no folder now. Start it first.")
        return self._data

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    @uninterrupted()
    def start(self) -> Self:
        """Serve; after a `stop` on the same ports, with the same history."""
        if self._thread is not None:
            return self
        if self._data is None:
            self._folder = tempfile.TemporaryDirectory(prefix="zchat-broker-")
            self._data = Path(self._folder.name)
        self._server = server = Server(
            Setup(
                data=self._data,
                bind=self._bind,
                port=self._port,
                advertise=self._advertise,
                name=self._name,
                policy=self._policy,
                note=self._note,
                descriptors=False,
            )
        )
        self._port, self.link = server.link.port, str(server.link)
        self._thread = threading.Thread(target=_serve, args=(server,), name="zchat-broker", daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        """Tell the clients, and end; `start` goes on from there."""
        if self._server is not None and self._thread is not None:
            self._server.stop()
            self._thread.join()
        self._server = self._thread = None

    def close(self) -> None:
        """Stop for good, and remove the temporary folder if it had one."""
        self.stop()
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = self._data = None


def _serve(server: Server) -> None:
    with contextlib.closing(server):
        server.run()
