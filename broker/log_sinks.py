"""Where the log is written: standard error, a file that is rotated, a syslog here or elsewhere.

Owns descriptors and sockets of the log. Does not know what a record looks like (`log_forms`) nor who waits for it
(`logs`): each sink may wait as long as it likes, since one thread of its own writes there, and does nothing else.
"""

from __future__ import annotations

import contextlib
import logging
import logging.handlers
import os
import select
import socket
import threading
from io import TextIOWrapper
from pathlib import Path
from typing import IO, Any

from ..common import files
from ..common.errors import InputError
from .endpoints import parse_place

LOCAL_SYSLOG = ("/dev/log", "/var/run/syslog")
UDP, TCP = "syslog://", "syslog+tcp://"
UDP_PORT, TCP_PORT = 514, 601
"""RFC 5426, section 3.3, and what is registered for syslog over TCP."""
DATAGRAM_BYTES = 60_000
"""What fits one datagram; a longer record is cut."""
NETWORK_PATIENCE = 3.0
"""Seconds for a connection to be made, or for what is sent to be taken."""
RETRY_FIRST, RETRY_CAP = 0.5, 15.0
"""Seconds between two tries to reach a syslog."""


class _Unlocked:
    """No lock: one thread writes, and the end of the process must not wait for it."""

    def acquire(self) -> None:
        """Nothing to wait for."""

    def release(self) -> None:
        """Nothing to give up."""

    __enter__ = acquire

    def __exit__(self, *_: object) -> None:
        self.release()


class Sink(logging.Handler):
    """A handler for one thread, which counts what it could not write."""

    failed = 0
    """Records that were not written."""

    def createLock(self) -> None:
        """None is needed."""
        self.lock = _Unlocked()  # type: ignore[assignment]

    def handleError(self, record: logging.LogRecord) -> None:
        """A log that cannot be written (disk full, syslog gone) must neither stop the chat nor fill its errors."""
        self.failed += 1

    def stop(self) -> None:
        """Give up trying; called from another thread."""


class StandardError(Sink):
    """Writes to the descriptor itself: who waits in Python's stream holds locks that the end of the process needs."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line."""
        try:
            os.write(2, f"{self.format(record)}\n".encode("utf-8", "replace"))
        except OSError:
            self.handleError(record)


class LogFile(Sink, logging.handlers.RotatingFileHandler):
    """A file for its owner alone, since what is said may stand in it; so are those that it is renamed to."""

    def _open(self) -> TextIOWrapper:
        path = self.baseFilename
        file: IO[str] = open(path, "a", encoding="utf-8", errors="replace", opener=_closed_to_others)  # noqa: SIM115 - it stays open
        assert isinstance(file, TextIOWrapper)
        return file

    def handleError(self, record: logging.LogRecord) -> None:
        """Begin anew with the next record: what is still in the stream's buffer would follow much later."""
        super().handleError(record)
        if self.stream is not None:
            with contextlib.suppress(OSError):
                self.stream.close()
            self.stream = None


def _closed_to_others(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


class LocalSyslog(Sink, logging.handlers.SysLogHandler):
    """The syslog of this machine, by its Unix socket, in the form that those expect."""


class SyslogDatagrams(Sink):
    """A syslog elsewhere, a datagram a record (RFC 5426): what gets lost is lost."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__()
        self._target = _resolve(host, port, socket.SOCK_DGRAM)
        self._socket = socket.socket(self._target[0], socket.SOCK_DGRAM)
        self._socket.settimeout(NETWORK_PATIENCE)

    def emit(self, record: logging.LogRecord) -> None:
        """Send one datagram."""
        try:
            text = self.format(record).encode("utf-8", "replace")[:DATAGRAM_BYTES]
            self._socket.sendto(text.decode("utf-8", "ignore").encode(), self._target[1])
        except OSError:
            self.handleError(record)

    def close(self) -> None:
        """Give up the socket."""
        self._socket.close()
        super().close()


class SyslogStream(Sink):
    """A syslog elsewhere, over TCP with octet counting (RFC 6587, section 3.4.1); it is waited for while it is away."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__()
        _resolve(host, port, socket.SOCK_STREAM)
        self._where = host, port
        self._connection: socket.socket | None = None
        self._stopped = threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        """Send one record, as soon as there is somebody to take it."""
        text = self.format(record).encode("utf-8", "replace")
        frame = b"%d %s" % (len(text), text)
        pause = RETRY_FIRST
        while not self._sent(frame):
            if self._stopped.wait(pause):
                return self.handleError(record)
            pause = min(RETRY_CAP, 2 * pause)
        return None

    def _sent(self, frame: bytes) -> bool:
        try:
            if self._connection is not None and select.select([self._connection], [], [], 0)[0]:
                # A syslog says nothing: what can be read is the end. What is sent after it would be lost in silence.
                self._hang_up()
            if self._connection is None:
                self._connection = socket.create_connection(self._where, NETWORK_PATIENCE)
            self._connection.sendall(frame)
            return True
        except OSError:
            self._hang_up()  # half a record ends with its connection
            return False

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def stop(self) -> None:
        """Give up trying."""
        self._stopped.set()

    def close(self) -> None:
        """Give up the connection."""
        self._hang_up()
        super().close()


def _resolve(host: str, port: int, kind: socket.SocketKind) -> tuple[socket.AddressFamily, tuple[Any, ...]]:
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=kind)[0]
    except (OSError, UnicodeError) as error:
        raise InputError(f"The syslog's host {host} is not known ({error}). Check --log.") from None
    return family, address


def check_sink(where: str) -> None:
    """Raise `InputError` for a sink that cannot be meant; nothing is opened."""
    for scheme, port in ((UDP, UDP_PORT), (TCP, TCP_PORT)):
        if where.startswith(scheme):
            parse_place(where.removeprefix(scheme), "--log", port=port)
            return
    if "://" in where:
        raise InputError(f"A log cannot be sent to {where}. Name FILE, syslog, {UDP}HOST or {TCP}HOST with --log.")


def sink_for(where: str, *, file_bytes: int, file_count: int, local: tuple[str, ...]) -> Sink:
    """The sink that is named so; raises `InputError` when it cannot be had."""
    check_sink(where)
    if where == "-":
        return StandardError()
    if where == "syslog":
        return _local_syslog(local)
    if where.startswith(UDP):
        return SyslogDatagrams(*parse_place(where.removeprefix(UDP), "--log", port=UDP_PORT))
    if where.startswith(TCP):
        return SyslogStream(*parse_place(where.removeprefix(TCP), "--log", port=TCP_PORT))
    path = Path(where)
    try:
        files.make_folder(path.parent)
        return LogFile(path, maxBytes=file_bytes, backupCount=file_count)
    except OSError as error:
        raise InputError(f"The log {where} cannot be written ({error.strerror}). Name another with --log.") from None


def _local_syslog(paths: tuple[str, ...]) -> Sink:
    for path in paths:
        handler = LocalSyslog(address=path, facility="daemon")
        try:
            # The handler itself does not mind when nobody listens; its types do not tell that it has a socket.
            handler.socket.getpeername()  # type: ignore[attr-defined]
        except OSError:
            handler.close()
            continue
        return handler
    raise InputError(f"No syslog listens at {' or '.join(paths)}. Start one, or log to a file with --log FILE.")
