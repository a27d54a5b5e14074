"""The broker's log: where it goes, and that nothing said by others can forge it."""

from __future__ import annotations

import logging
import re
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given, strategies as st

from zchat.broker.log_forms import CleanFormatter
from zchat.broker.log_sinks import LOCAL_SYSLOG
from zchat.broker.logs import MESSAGES, open_log
from zchat.common.errors import InputError

LINE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d (INFO|WARNING|ERROR) ")

broker_log = logging.getLogger("zchat.broker")
message_log = logging.getLogger(MESSAGES)


@pytest.fixture(autouse=True)
def settings() -> Iterator[None]:
    """Logging is the process's own: it is afterwards as it was."""
    loggers = [logging.getLogger(name) for name in ("zchat", MESSAGES)]
    before = [(logger, logger.level, logger.propagate, logger.handlers[:]) for logger in loggers]
    yield
    for logger, level, propagate, handlers in before:
        for handler in set(logger.handlers) - set(handlers):
            handler.close()
        logger.setLevel(level)
        logger.propagate = propagate
        logger.handlers[:] = handlers


def written(path: Path) -> str:
    """What stands in a log file, once all of it is written; the log ends with that."""
    for handler in logging.getLogger("zchat").handlers:
        handler.close()
    return path.read_text(encoding="utf-8")


def test_a_log_file_is_appended_to(tmp_path: Path) -> None:
    """A restart goes on where the last log ended; each record is a line with time and level."""
    path = tmp_path / "new" / "broker.log"
    open_log(str(path), messages=False)
    broker_log.info("one")
    open_log(str(path), messages=False)
    broker_log.warning("%s", "zwei ü")
    lines = written(path).split("\n")

    assert [LINE.sub(r"\1 ", line) for line in lines] == ["INFO one", "WARNING zwei ü", ""]
    assert all(LINE.match(line) for line in lines[:-1])


def test_a_new_log_file_is_its_owners_alone(tmp_path: Path) -> None:
    """What is said may stand in it; a file that is there keeps the rights that its owner gave it."""
    fresh, shared = tmp_path / "fresh.log", tmp_path / "shared.log"
    shared.touch(mode=0o640)
    shared.chmod(0o640)
    for path in (fresh, shared):
        open_log(str(path), messages=True)

    assert [stat.S_IMODE(path.stat().st_mode) for path in (fresh, shared)] == [0o600, 0o640]


@pytest.mark.parametrize("messages", [True, False])
def test_what_is_said_is_logged_only_when_it_is_wanted(tmp_path: Path, messages: bool) -> None:
    """Without --log-messages the log tells who came and went, and not a word of what was said."""
    path = tmp_path / "broker.log"
    open_log(str(path), messages=messages)
    broker_log.info("alice came")
    message_log.info("[%s] %s: %s", "lobby", "alice", "my words")

    text = written(path)
    assert ("my words" in text) == messages
    assert "alice came" in text


def test_a_log_does_not_appear_elsewhere(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Opening another log closes the one before, and the root logger of whoever embeds us sees nothing."""
    first, second = tmp_path / "first.log", tmp_path / "second.log"
    open_log(str(first), messages=False)
    open_log(str(second), messages=False)
    broker_log.info("hello")

    assert first.read_text() == ""
    assert written(second).endswith("hello\n")
    assert caplog.records == []


def test_a_dash_is_standard_error(capfd: pytest.CaptureFixture[str]) -> None:
    """The default log is cleaned like a file: it may be a terminal."""
    handler = open_log("-", messages=True)
    message_log.info("[%s] %s: %s", "lobby", "alice", "\x1b[2Jhi")
    handler.close()
    printed = capfd.readouterr()

    assert printed.out == ""
    assert LINE.sub("", printed.err) == "[lobby] alice: ␛[2Jhi\n"


@pytest.mark.parametrize(
    "text",
    [
        "one\n2026-01-31 12:00:00 WARNING the operator key is on the wall",
        "one\r2026-01-31 12:00:00 WARNING",
        "\x1b]0;title\x07\x9b2J",
        "a\u2028b\u2029c\x85d\x0be\x0cf",
        "\u202egnorw",
        "nul\0",
        "%s %d %(levelname)s {0}",
        "\udcff",
    ],
)
def test_nothing_said_can_forge_the_log(tmp_path: Path, text: str) -> None:
    """Room, nick and text with newlines and escapes stay within their one line, and reach no terminal as commands."""
    path = tmp_path / "broker.log"
    open_log(str(path), messages=True)
    message_log.info("[%s] %s: %s", text, text, text)
    broker_log.warning("%s", text)
    lines = written(path).splitlines()

    assert len(lines) == 2
    for line in lines:
        assert LINE.match(line)
        assert line.isprintable()


@given(st.text() | st.text(alphabet="\n\r\x1b\x00\x85\u2028 %sd(){}"), st.text())
@example("\n", "%s")
def test_any_record_is_one_line(template_word: str, word: str) -> None:
    """Whatever the words, a record is one line without control characters."""
    record = logging.LogRecord("zchat", logging.INFO, "", 0, "%s: %s", (template_word, word), None)
    line = CleanFormatter("%(levelname)s %(message)s").format(record)

    assert line.startswith("INFO ")
    assert len(f"{line}x".splitlines()) == 1
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e]", line)


@pytest.mark.parametrize("where", ["", ".", "file/below.log", "/dev/null/broker.log"])
def test_a_log_that_cannot_be_written_is_an_input_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """A folder, or a place below a file, is refused in one sentence that names it, and the old log goes on."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    open_log("good.log", messages=False)
    with pytest.raises(InputError, match=r"cannot be written \(.+\)\. Name another with --log\.") as caught:
        open_log(where, messages=False)
    broker_log.info("still here")

    assert where in str(caught.value)
    assert "still here" in written(tmp_path / "good.log")


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="a syslog listens at a Unix socket")
def test_syslog_is_found_and_told(tmp_path: Path) -> None:
    """The log goes to the first syslog that listens, one datagram a record, cleaned."""
    place = str(tmp_path / "log")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as syslog:
        syslog.bind(place)
        syslog.settimeout(10)
        open_log("syslog", messages=False, syslog_paths=(str(tmp_path / "nowhere"), place))
        broker_log.info("%s", "one\ntwo")
        datagram = syslog.recv(1_000).rstrip(b"\0").decode()

    assert re.fullmatch(r"<30>zchat\[\d+\]: one␤two", datagram)


def test_no_syslog_is_an_input_error(tmp_path: Path) -> None:
    """Where nobody listens the error names the places and the way out."""
    stale = tmp_path / "stale"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as syslog:
        syslog.bind(str(stale))
    with pytest.raises(InputError, match=r"No syslog listens at .*nowhere or .*stale\. .*--log FILE"):
        open_log("syslog", messages=False, syslog_paths=(str(tmp_path / "nowhere"), str(stale)))

    assert LOCAL_SYSLOG
