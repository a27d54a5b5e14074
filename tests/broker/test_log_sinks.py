"""Where the broker's log goes when it goes far, grows, or finds no room; and what machines read of it."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import socket
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given, strategies as st

from zchat.broker.actions import Log
from zchat.broker.log_forms import JsonFormatter
from zchat.broker.log_sinks import LogFile, Sink
from zchat.broker.logs import LINES_WAITING, Background, open_log
from zchat.broker.watching import tell
from zchat.common.errors import InputError

PATIENCE = 10.0
RFC5424 = re.compile(r"<(\d+)>1 (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z) (\S+) zchat (\d+) (\S+) - (.*)")


@pytest.fixture(autouse=True)
def root() -> Iterator[logging.Logger]:
    """Logging is the process's own: it is afterwards as it was."""
    root = logging.getLogger("zchat")
    before = root.level, root.propagate, root.handlers[:]
    yield root
    for handler in set(root.handlers) - set(before[2]):
        handler.close()
    root.level, root.propagate, root.handlers[:] = before


def record(text: str, event: str = "", **fields: object) -> logging.LogRecord:
    """A record as the broker makes them."""
    made = logging.LogRecord("zchat.broker", logging.INFO, "", 0, "%s", (text,), None)
    made.event, made.fields = event, fields
    return made


# --- for machines ---------------------------------------------------------------------------------------------
def test_a_machine_reads_an_object_a_line(tmp_path: Path) -> None:
    """With --log-format json each record is an object with time, level, event, text and the event's fields."""
    path = tmp_path / "broker.log"
    handler = open_log(str(path), messages=False, form="json")
    tell("bob was refused", "refused", level=logging.WARNING, user="abc", code="not_allowed")
    handler.close()
    (told,) = map(json.loads, path.read_text().splitlines())

    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", told.pop("time"))
    assert told == {
        "level": "warning",
        "event": "refused",
        "text": "bob was refused",
        "user": "abc",
        "code": "not_allowed",
    }


@given(st.text(), st.text(st.characters()))
@example("\x1b[2J\u202e\n\u2028", "\udcff\x9b\0")
def test_an_object_is_one_harmless_line_and_loses_nothing(text: str, word: str) -> None:
    """Whatever is said, a line holds printable characters alone, and gives it back exactly as it was said."""
    line = JsonFormatter().format(record(text, "message", message=word))
    told = json.loads(line)

    assert line.isprintable()
    assert (told["text"], told["message"]) == (text, word)


def test_a_fault_of_ours_keeps_its_traceback() -> None:
    """An exception is a field of its object, not lines beside it."""
    try:
        raise ValueError("oops")
    except ValueError as error:
        made = record("a fault")
        made.exc_info = (ValueError, error, error.__traceback__)
    line = JsonFormatter().format(made)

    assert "\n" not in line
    assert "oops" in json.loads(line)["traceback"]


def test_the_core_names_what_happened() -> None:
    """An action to log something says in one word what, so that it can be found without reading the text."""
    assert Log("text", event="connected", fields={"nick": "bob"}).fields["nick"] == "bob"


# --- a file ---------------------------------------------------------------------------------------------------
def test_a_log_file_is_rotated_by_size(tmp_path: Path) -> None:
    """A full one is renamed, so many are kept, none is larger than was said, and each is its owner's alone."""
    path = tmp_path / "broker.log"
    before = os.umask(0)
    try:
        handler = open_log(str(path), messages=False, file_bytes=1_000, file_count=2)
        for number in range(60):
            tell(f"line {number:03} " + "x" * 50, "test")
        handler.close()
    finally:
        os.umask(before)
    files = sorted(tmp_path.iterdir())

    assert [file.name for file in files] == ["broker.log", "broker.log.1", "broker.log.2"]
    assert all(0 < file.stat().st_size <= 1_000 for file in files)
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert "line 059" in path.read_text()


def test_a_log_that_is_opened_again_lets_others_rotate_it(tmp_path: Path) -> None:
    """What logrotate has renamed keeps its lines; after SIGHUP the next ones are in a new file."""
    path = tmp_path / "broker.log"
    open_log(str(path), messages=False)
    tell("old", "test")
    path.rename(tmp_path / "renamed")
    handler = open_log(str(path), messages=False)
    tell("new", "test")
    handler.close()

    assert "old" in (tmp_path / "renamed").read_text()
    assert "new" in path.read_text()
    assert "old" not in path.read_text()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is always full")
def test_a_full_disk_is_counted_and_told_later(tmp_path: Path) -> None:
    """Lines that find no room cost nothing but themselves; once there is room, the log tells how many are missing."""
    disk = tmp_path / "broker.log"
    disk.symlink_to("/dev/full")
    place = LogFile(disk)
    for number in range(3):
        place.emit(record(f"lost {number}"))
    disk.unlink()
    background = Background(place)
    background.emit(record("found"))
    background.close()

    assert place.failed == 3
    assert background.lost == 3
    assert disk.read_text().splitlines() == ["found", "3 lines were not written: the log could not take them"]


class Stuck(Sink):
    """A place that takes nothing until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.began, self.go = threading.Event(), threading.Event()
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.began.set()
        assert self.go.wait(PATIENCE)
        self.texts.append(record.getMessage())


def test_what_a_stuck_log_cannot_take_is_dropped_and_counted() -> None:
    """While a place is stuck so many lines wait, in order, and the rest are counted and told; nobody who logs waits."""
    place = Stuck()
    handler = Background(place)
    handler.emit(record("0"))
    assert place.began.wait(PATIENCE)
    for number in range(1, LINES_WAITING + 6):
        handler.emit(record(str(number)))
    assert handler.dropped == 5
    place.go.set()
    handler.close()

    assert place.texts[:3] == ["0", "5 lines were not written: the log could not take them", "1"]


def test_a_stuck_log_can_be_closed() -> None:
    """However full it is, its end is told to the thread that writes it."""
    place = Stuck()
    handler = Background(place)
    for number in range(LINES_WAITING + 10):
        handler.emit(record(str(number)))
    threading.Timer(0.0, place.go.set).start()
    handler.close()
    handler._thread.join(PATIENCE)

    assert not handler._thread.is_alive()


# --- syslog ---------------------------------------------------------------------------------------------------
def test_syslog_by_udp() -> None:
    """A datagram a record, in the form of RFC 5424, on one line whatever is in it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as syslog:
        syslog.bind(("127.0.0.1", 0))
        syslog.settimeout(PATIENCE)
        open_log(f"syslog://127.0.0.1:{syslog.getsockname()[1]}", messages=False)
        tell("alice was refused:\nforged ü", "refused", level=logging.WARNING)
        found = RFC5424.fullmatch(syslog.recv(65_536).decode())

    assert found
    assert (found[1], found[4], found[5]) == (str(3 * 8 + 4), str(os.getpid()), "refused")
    assert found[6] == "alice was refused:␤forged ü"


def test_a_long_record_fits_a_datagram() -> None:
    """It is cut between two characters rather than lost."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as syslog:
        syslog.bind(("127.0.0.1", 0))
        syslog.settimeout(PATIENCE)
        open_log(f"syslog://127.0.0.1:{syslog.getsockname()[1]}", messages=False)
        tell("ü" * 100_000, "test")
        text = syslog.recv(65_536).decode()

    assert text.endswith("ü")


def frames(connection: socket.socket, count: int) -> list[str]:
    """So many records by octet counting."""
    with connection.makefile("rb") as stream:
        found = []
        for _ in range(count):
            length = b""
            while (digit := stream.read(1)) != b" ":
                assert digit.isdigit()
                length += digit
            found.append(stream.read(int(length)).decode())
        return found


def test_syslog_by_tcp_rides_through_its_restart() -> None:
    """Records come in order, each with its length before it; while nobody listens they wait, and follow."""
    with contextlib.ExitStack() as stack:
        listening = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        listening.settimeout(PATIENCE)
        port = listening.getsockname()[1]
        open_log(f"syslog+tcp://127.0.0.1:{port}", messages=False)
        tell("one", "test")
        tell("two\nlines", "test")
        connection, _ = listening.accept()
        first = frames(connection, 2)
        connection.close()
        listening.close()
        tell("three", "test")
        tell("four", "test")
        again = stack.enter_context(socket.create_server(("127.0.0.1", port)))
        again.settimeout(PATIENCE)
        connection, _ = again.accept()
        second = frames(connection, 2)
        connection.close()
    texts = [found[6] for found in map(RFC5424.fullmatch, first + second) if found]

    assert texts == ["one", "two␤lines", "three", "four"]


def test_a_syslog_that_never_comes_holds_up_nobody() -> None:
    """With nobody there the broker logs and ends as ever; the thread that tries gives up when it is told."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    handler = open_log(f"syslog+tcp://127.0.0.1:{port}", messages=False)
    tell("into the void", "test")
    handler.close()
    handler._thread.join(PATIENCE)

    assert not handler._thread.is_alive()
    assert handler.lost == 1


@pytest.mark.parametrize("where", ["syslog+tls://x", "syslog://", "syslog://:5", "syslog://h:port", "udp://h:5"])
def test_a_syslog_that_cannot_be_meant_is_an_input_error(where: str) -> None:
    """Another scheme, no host, or no port that is one; the error names the option."""
    with pytest.raises(InputError, match="--log"):
        open_log(where, messages=False)
