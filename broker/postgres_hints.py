"""Hints between brokers over one PostgreSQL database: that there is something new, and no more.

Owns a connection of its own and the thread that waits on it, which also measures the database now and then, since it
has nothing else to do. Does not know what is new: whoever hears a hint asks the history (`News`), and asks it now and
then anyway, since hints may be lost. `tell` and `close` are called by another thread.

NOTIFY is not part of the transaction of which it tells, since all that hold one are committed one after the other
(PostgreSQL, "NOTIFY"): it follows the commit, and one stands for all commits since the one before.
"""

from __future__ import annotations

import contextlib
import secrets
import select
import socket
import threading
import time
from collections.abc import Callable

import psycopg

from .postgres_link import RETRY_SECONDS, Connection, Link

MEASURE_SECONDS = 60.0
"""How often the database is measured, which looks at each of its files."""


class Hints:
    """Tells other brokers, and calls `heard`, in its own thread, whenever one of them may have told something."""

    def __init__(self, url: str, heard: Callable[[], object]) -> None:
        self._link = Link(url)
        self._heard = heard
        self._name = secrets.token_hex(8)
        self._stopping = False
        self.size = 0
        """The bytes of the database when it was measured last."""
        self._measure_at = 0.0
        self._wake, self._woken = socket.socketpair()
        for end in (self._wake, self._woken):
            end.setblocking(False)
        self._thread = threading.Thread(target=self._run, name="zchat-hints", daemon=True)
        self._thread.start()

    def tell(self) -> None:
        """There is something new."""
        with contextlib.suppress(BlockingIOError):  # then it is awake enough
            self._wake.send(b"x")

    def close(self) -> None:
        """End the thread; waits for it, as long as connecting takes at most."""
        self._stopping = True
        self.tell()
        self._thread.join()
        for end in (self._wake, self._woken):
            end.close()

    def _run(self) -> None:
        while not self._stopping:
            try:
                self._listen(self._link.connect())
            except psycopg.Error:
                self._link.give_up()
                self._wait(self._woken.fileno(), seconds=RETRY_SECONDS)
                self._told()  # what is new then will be asked for by itself
        self._link.give_up()

    def _listen(self, db: Connection) -> None:
        db.execute("SET synchronous_commit = off")  # a hint may be lost
        db.execute("LISTEN zchat")
        self._measure(db)
        self._heard()  # whatever was told before
        while not self._stopping:
            self._measure(db)
            self._wait(db.fileno(), self._woken.fileno(), seconds=MEASURE_SECONDS)
            if self._told() and not self._stopping:
                db.execute("SELECT pg_notify('zchat', %s)", (self._name,))
            if any(notice.payload != self._name for notice in list(db.notifies(timeout=0))):
                self._heard()

    def _measure(self, db: Connection) -> None:
        if time.monotonic() >= self._measure_at:
            self._measure_at = time.monotonic() + MEASURE_SECONDS
            (self.size,) = db.execute("SELECT pg_database_size(current_database())").fetchone() or (0,)

    def _told(self) -> bool:
        """Whether `tell` was called."""
        with contextlib.suppress(BlockingIOError):
            return bool(self._woken.recv(65_536))
        return False

    def _wait(self, *descriptors: int, seconds: float | None = None) -> None:
        """Until there is something to be read."""
        poller = select.poll()
        for descriptor in descriptors:
            poller.register(descriptor, select.POLLIN)
        poller.poll(seconds and seconds * 1_000)
