"""The broker's log, from a record to a thread that writes it.

Owns the way of a record: the throttle, the queue, and the word about what got lost. Does not know what a record looks
like (`log_forms`) nor where it goes (`log_sinks`). `open_log` is called by the thread that runs the broker; logging
itself may come from any thread, and never waits.
"""

from __future__ import annotations

import contextlib
import logging
import logging.handlers
import queue
import threading

from .log_forms import DATE, LINE, CleanFormatter, JsonFormatter, OneLine, Syslog
from .log_sinks import LOCAL_SYSLOG, LocalSyslog, Sink, SyslogDatagrams, SyslogStream, sink_for

LINES_A_SECOND = 100
LINES_WAITING = 10_000
END_PATIENCE = 1.0
"""Seconds that the writing thread has to write what waits, when the log is closed."""
MESSAGES = "zchat.messages"
"""The logger of what is said."""


class Background(logging.handlers.QueueHandler):
    """Lets a thread of its own write, and drops what it cannot keep up with: standard error may be a pipe that nobody
    reads, a disk may be full and a syslog away, and the broker must not wait for any of them."""

    def __init__(self, sink: Sink) -> None:
        waiting: queue.Queue[logging.LogRecord | None] = queue.Queue(LINES_WAITING)
        super().__init__(waiting)
        self.dropped = 0
        """Records that found no room, since it was opened."""
        self._waiting = waiting
        self._sink = sink
        self._thread = threading.Thread(target=self._write, name="zchat-log", daemon=True)
        self._thread.start()

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        """As it is: it stays in this process."""
        return record

    def enqueue(self, record: logging.LogRecord) -> None:
        """Keep the record, if there is room."""
        try:
            self._waiting.put_nowait(record)
        except queue.Full:
            self.dropped += 1

    @property
    def lost(self) -> int:
        """Records that were not written, since it was opened."""
        return self.dropped + self._sink.failed

    def _write(self) -> None:
        told = 0
        while (record := self._waiting.get()) is not None:
            before = self._sink.failed
            self._put(record)
            if self._sink.failed == before and (lost := self.lost - told):
                told += lost
                self._put(_about(lost, record))
        self._sink.close()

    def _put(self, record: logging.LogRecord) -> None:
        try:
            self._sink.emit(record)
        except Exception:  # whatever it is, the next record may do better
            self._sink.handleError(record)

    def close(self) -> None:
        """Let what waits be written, as far as somebody takes it."""
        try:
            self._waiting.put(None, timeout=END_PATIENCE)
        except queue.Full:
            with contextlib.suppress(queue.Empty):
                self._waiting.get_nowait()
                self.dropped += 1
            self._waiting.put_nowait(None)  # nothing is logged here any more, so there is room
        self._thread.join(END_PATIENCE)
        self._sink.stop()
        super().close()


def _about(lost: int, last: logging.LogRecord) -> logging.LogRecord:
    text = f"{lost} lines were not written: the log could not take them"
    record = logging.LogRecord("zchat.broker", logging.WARNING, "", 0, text, None, None)
    record.created, record.event, record.fields = last.created, "log_lost", {"lines": lost}
    return record


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


def open_log(
    where: str,
    *,
    messages: bool,
    form: str = "text",
    file_bytes: int = 0,
    file_count: int = 0,
    syslog_paths: tuple[str, ...] = LOCAL_SYSLOG,
) -> Background:
    """Send the log there from now on, in place of where it went before, whose files are let go of.

    Raises `InputError` when that cannot be had; then nothing changes.
    """
    sink = sink_for(where, file_bytes=file_bytes, file_count=file_count, local=syslog_paths)
    sink.setFormatter(_formatter(sink, form))
    logging.raiseExceptions = False
    root = logging.getLogger("zchat")
    for old in list(root.handlers):
        root.removeHandler(old)
        old.close()
    background = Background(sink)
    background.addFilter(Throttle())
    root.addHandler(background)
    root.setLevel(logging.INFO)
    root.propagate = False
    logging.getLogger(MESSAGES).setLevel(logging.INFO if messages else logging.WARNING)
    return background


def _formatter(sink: Sink, form: str) -> logging.Formatter:
    if isinstance(sink, LocalSyslog | SyslogDatagrams | SyslogStream):
        inner = JsonFormatter() if form == "json" else logging.Formatter("%(message)s")
        return OneLine(inner) if isinstance(sink, LocalSyslog) else Syslog(inner)
    return JsonFormatter() if form == "json" else CleanFormatter(LINE, DATE)
