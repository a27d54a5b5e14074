"""Brokers that cannot start: on files, folders, ports and addresses that are not for them."""

from __future__ import annotations

import contextlib
import functools
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from zchat.common.errors import ExitCode

from .. import processes
from ..processes import Broker
from .lines import BYTE, Zchat, assert_one_line


@pytest.fixture
def zchat(home: Path) -> Zchat:
    """A broker is a process of its own, also one that does not start."""
    return functools.partial(processes.run, home, nick="me")


def database(path: Path, *, application: int = 0, version: int = 0) -> None:
    """A SQLite file that is not what it should be."""
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.executescript(
            f"CREATE TABLE other (x); PRAGMA application_id = {application}; PRAGMA user_version = {version};"
        )


OURS = 0x7A636874
DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "another program's database": (lambda data: database(data / "history.sqlite"), "another program"),
    "a newer history": (lambda data: database(data / "history.sqlite", application=OURS, version=99), "newer zchat"),
    "a history without its tables": (
        lambda data: database(data / "history.sqlite", application=OURS, version=1),
        "cannot be used",
    ),
    "a history of rubbish": (lambda data: (data / "history.sqlite").write_bytes(b"rubbish " * 999), "cannot be used"),
    "a history that is a folder": (lambda data: (data / "history.sqlite").mkdir(), "history.sqlite"),
    "an empty key": (lambda data: (data / "broker.key").write_bytes(b""), "not a zchat key"),
    "a key of rubbish": (lambda data: (data / "broker.key").write_bytes(b"\xff" * 99), "broker.key"),
    "a key that is a folder": (lambda data: (data / "broker.key").mkdir(), "broker.key"),
    "a lock of rubbish": (lambda data: (data / "lock").write_bytes(b"rubbish " * 999), "cannot be used"),
}


@pytest.mark.parametrize(("damage", "word"), DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_folder_is_said_and_left_alone(
    zchat: Zchat, tmp_path: Path, damage: Callable[[Path], object], word: str
) -> None:
    """A broker does not start on files that it does not understand, and puts nothing in their place."""
    damage(tmp_path)
    damaged = sorted(path.name for path in tmp_path.iterdir())
    done = zchat("broker", "--port", 0, "--data", tmp_path)

    assert done.returncode in (ExitCode.OTHER, ExitCode.USAGE)
    assert_one_line(done, done.returncode, word)
    assert set(damaged) <= {path.name for path in tmp_path.iterdir()}


def test_a_second_broker_on_a_folder_is_refused(zchat: Zchat, broker: Broker) -> None:
    """The first one goes on; the second one is told of it."""
    assert_one_line(zchat("broker", "--port", 0, "--data", broker.data), ExitCode.OTHER, "Another broker", "--data")


@pytest.mark.parametrize("step", [-1, 0, 1])
def test_a_second_broker_on_a_port_is_refused(zchat: Zchat, broker: Broker, tmp_path: Path, step: int) -> None:
    """Both ports must be free: ROUTER's and the next one."""
    done = zchat("broker", "--port", broker.port + step, "--data", tmp_path)

    assert_one_line(done, ExitCode.OTHER, str(broker.port + step), "in use", "--port")


@pytest.mark.parametrize(
    ("host", "word"),
    [
        ("192.0.2.1", "no address 192.0.2.1"),
        ("no-such-host.invalid", "no-such-host.invalid"),
        ("", "address ''"),
        ("127.0.0.1:5555", "127.0.0.1:5555"),
        ("h" * 300, "hhh"),
        (BYTE, "address"),
    ],
    ids=["not ours", "unknown", "empty", "with a port", "too long", "not UTF-8"],
)
def test_an_address_that_is_not_here_is_refused(zchat: Zchat, tmp_path: Path, host: str, word: str) -> None:
    """The line names the address and the option."""
    done = zchat("broker", "--port", 0, "--data", tmp_path, "--bind", host)

    assert_one_line(done, ExitCode.OTHER, word, "--bind")


def test_a_data_folder_that_cannot_be_is_refused(zchat: Zchat, tmp_path: Path) -> None:
    """Neither a file nor a place below one is a folder."""
    file = tmp_path / "file"
    file.write_text("")

    assert_one_line(zchat("broker", "--data", file), ExitCode.USAGE, "--data", str(file))
    assert_one_line(zchat("broker", "--data", file / "below"), ExitCode.OTHER, "--data", str(file))


def test_a_log_that_cannot_be_written_is_refused(zchat: Zchat, tmp_path: Path) -> None:
    """A broker without the log that was asked for does not start."""
    file = tmp_path / "file"
    file.write_text("")
    for place in (tmp_path, file / "below"):
        done = zchat("broker", "--port", 0, "--data", tmp_path / "data", "--log", place)
        assert_one_line(done, ExitCode.USAGE, "--log", str(place))
