"""Where the broker's log goes: standard error, a file, or syslog.

Owns the handlers and the form of a line. Remote words pass `text.clean` here, once, so that no log can be forged or
do anything to a terminal. Used by the main thread at start; logging itself may come from any thread.
"""

from __future__ import annotations

import contextlib
import logging
import logging.handlers
import os
import queue
import threading
from pathlib import Path

from ..common import files
from ..common.errors import InputError
from ..common.text import clean

SYSLOG_PLACES = ("/dev/log", "/var/run/syslog")
LINES_A_SECOND = 100
LINES_WAITING = 10_000
LINE, DATE = "%(asctime)s %(levelname)s %(message)s", "%Y-%m-%d %H:%M:%S"
MESSAGES = "zchat.messages"
"""The logger of what is said."""


class CleanFormatter(logging.Formatter):
    """One line a record, whatever is in it; a traceback of ours follows on lines of its own."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        """The record's line."""
        record.message = clean(record.message)
        return super().formatMessage(record)


class StandardError(logging.Handler):
    """Writes to the descriptor itself, for one thread: one that waits in Python's own stream would hold locks that the
    end of the process needs."""

    def createLock(self) -> None:
        """None is needed."""
        self.lock = None

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line."""
        with contextlib.suppress(OSError):
            os.write(2, f"{self.format(record)}\n".encode("utf-8", "replace"))


class Background(logging.handlers.QueueHandler):
    """Lets a thread of its own write, and drops what it cannot keep up with: standard error may be a pipe that nobody
    reads, and the broker must not wait for it."""

    def __init__(self, handler: logging.Handler) -> None:
        waiting: queue.Queue[logging.LogRecord | None] = queue.Queue(LINES_WAITING)
        super().__init__(waiting)
        self._waiting = waiting
        self._handler = handler
        self._thread = threading.Thread(target=self._write, name="zchat-log", daemon=True)
        self._thread.start()

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        """As it is: it stays in this process."""
        return record

    def enqueue(self, record: logging.LogRecord) -> None:
        """Keep the record, if there is room."""
        with contextlib.suppress(queue.Full):
            self._waiting.put_nowait(record)

    def _write(self) -> None:
        while (record := self._waiting.get()) is not None:
            self._handler.handle(record)

    def close(self) -> None:
        """Let what waits be written, as far as somebody reads it."""
        with contextlib.suppress(queue.Full):
            self._waiting.put_nowait(None)
        self._thread.join(1.0)
        super().close()


class Throttle(logging.Filter):
    """Lets so many lines a second through, and counts the rest: nobody can fill the disk by coming and going.

    What is said is not counted: who has it logged wants all of it.
    """

    def __init__(self, most: int = LINES_A_SECOND) -> None:
        super().__init__()
        self._most = most
        self._second = 0
        self._passed = 0
        self._dropped = 0

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is written; the first one after a flood tells how many were not."""
        if record.name == MESSAGES:
            return True
        if int(record.created) != self._second:
            self._second, self._passed = int(record.created), 0
        self._passed += 1
        if self._passed > self._most:
            self._dropped += 1
            return False
        if self._dropped:
            record.msg = f"{record.msg} (and {self._dropped} more lines that were not written)"
            self._dropped = 0
        return True


def open_log(where: str, *, messages: bool, syslog_places: tuple[str, ...] = SYSLOG_PLACES) -> logging.Handler:
    """Send the log to ``-`` (standard error), ``syslog`` or a file; raises `InputError` when that cannot be had."""
    handler = _handler(where, syslog_places)
    # A log that cannot be written any more (disk full, syslog gone) must neither stop the chat nor fill its errors.
    logging.raiseExceptions = False
    root = logging.getLogger("zchat")
    for old in list(root.handlers):
        root.removeHandler(old)
        old.close()
    handler.addFilter(Throttle())
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    root.propagate = False
    logging.getLogger(MESSAGES).setLevel(logging.INFO if messages else logging.WARNING)
    return handler


def _handler(where: str, syslog_places: tuple[str, ...]) -> logging.Handler:
    if where == "syslog":
        return _syslog(syslog_places)
    handler: logging.Handler
    if where == "-":
        handler = StandardError()
        handler.setFormatter(CleanFormatter(LINE, DATE))
        return Background(handler)
    path = Path(where)
    try:
        files.make_folder(path.parent)
        # 0600: what is said may stand in it.
        os.close(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600))
        handler = logging.FileHandler(path, encoding="utf-8")
    except OSError as error:
        raise InputError(f"The log {where} cannot be written ({error.strerror}). Name another with --log.") from None
    handler.setFormatter(CleanFormatter(LINE, DATE))
    return handler


def _syslog(places: tuple[str, ...]) -> logging.Handler:
    for place in places:
        handler = logging.handlers.SysLogHandler(address=place, facility="daemon")
        try:
            # The handler itself does not mind when nobody listens; its types do not tell that it has a socket.
            handler.socket.getpeername()  # type: ignore[attr-defined]
        except OSError:
            handler.close()
            continue
        handler.setFormatter(CleanFormatter("zchat[%(process)d]: %(message)s"))
        return handler
    raise InputError(f"No syslog listens at {' or '.join(places)}. Start one, or log to a file with --log FILE.")
