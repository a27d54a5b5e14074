"""What a record of the log looks like: a line for people, an object for machines, a message of syslog.

Owns the forms. Remote words are made harmless here, once, so that no log can be forged or do anything to a terminal:
in a line by `text.clean`, in an object by JSON's escapes, which lose nothing. Used by the thread that writes the log.
"""

from __future__ import annotations

import datetime as dt
import json
import logging
import re
import socket

from ..common.text import clean

LINE, DATE = "%(asctime)s %(levelname)s %(message)s", "%Y-%m-%d %H:%M:%S"
_DAEMON = 3
_SEVERITIES = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4))
"""Facility and severities of RFC 5424, section 6.2.1."""


class CleanFormatter(logging.Formatter):
    """One line a record, whatever is in it; a traceback of ours follows on lines of its own."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        """The record's line."""
        record.message = clean(record.message)
        return super().formatMessage(record)


class JsonFormatter(logging.Formatter):
    """An object a record: ``time``, ``level``, ``event``, ``text``, then the fields of that event."""

    def format(self, record: logging.LogRecord) -> str:
        """The record's object, on one line of printable characters."""
        told: dict[str, object] = {
            "time": _moment(record, "milliseconds"),
            "level": record.levelname.lower(),
            "event": getattr(record, "event", "") or "other",
            "text": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            told["traceback"] = self.formatException(record.exc_info)
        text = json.dumps(told, ensure_ascii=False, default=str)
        return re.sub("[^ -~]", lambda char: char[0] if char[0].isprintable() else json.dumps(char[0])[1:-1], text)


class OneLine(logging.Formatter):
    """What another formatter makes, on one line even with a traceback: behind the tag that a local syslog expects."""

    def __init__(self, inner: logging.Formatter) -> None:
        super().__init__()
        self._inner = inner

    def format(self, record: logging.LogRecord) -> str:
        """``zchat[PID]: TEXT``."""
        return f"zchat[{record.process}]: {clean(self._inner.format(record))}"


class Syslog(logging.Formatter):
    """A message of RFC 5424, without structured data; the event is its MSGID."""

    def __init__(self, inner: logging.Formatter) -> None:
        super().__init__()
        self._inner = inner
        self._host = re.sub("[^!-~]", "?", socket.gethostname())[:255] or "-"

    def format(self, record: logging.LogRecord) -> str:
        """The whole message."""
        severity = next((number for level, number in _SEVERITIES if record.levelno >= level), 6)
        event = getattr(record, "event", "") or "-"
        return (
            f"<{_DAEMON * 8 + severity}>1 {_moment(record, 'microseconds')} {self._host} zchat {record.process}"
            f" {event} - {clean(self._inner.format(record))}"
        )


def _moment(record: logging.LogRecord, precision: str) -> str:
    return dt.datetime.fromtimestamp(record.created, dt.UTC).isoformat(timespec=precision).replace("+00:00", "Z")
