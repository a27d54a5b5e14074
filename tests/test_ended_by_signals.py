"""Ctrl-C and the signals that end a process: at once, with the right exit code, and the others see who has gone."""

from __future__ import annotations

import os
import pty
import select
import signal
import termios
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from zchat.common.errors import ExitCode

from .processes import PATIENCE, ZCHAT, Broker, LineMode, Process, started
from .terminals import Terminal


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One account for all of this."""
    return tmp_path_factory.mktemp("signals") / "home"


@pytest.fixture(scope="module", autouse=True)
def broker(home: Path) -> Iterator[Broker]:
    """One broker for all of this."""
    with Broker(home) as broker:
        yield broker


NOBODY = f"zchat://127.0.0.1:1/{'a' * 52}"
WAITING: dict[str, tuple[str, ...]] = {
    "join": ("join", "-r", "signals"),
    "tail": ("tail", "-r", "signals"),
    "send": ("send", "-r", "signals"),
    "send --each-line": ("send", "-r", "signals", "--each-line"),
    "who, unreached": ("who", "-b", NOBODY),
    "join, unreached": ("join", "-b", NOBODY),
}


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (signal.SIGINT, ExitCode.INTERRUPTED),
        (signal.SIGTERM, 128 + signal.SIGTERM),
        (signal.SIGHUP, 128 + signal.SIGHUP),
    ],
    ids=["Ctrl-C", "SIGTERM", "SIGHUP"],
)
@pytest.mark.parametrize("arguments", WAITING.values(), ids=WAITING)
def test_a_signal_ends_what_waits(home: Path, arguments: tuple[str, ...], number: signal.Signals, code: int) -> None:
    """Ctrl-C gives 130 and the others what shells give, at once and without a traceback."""
    with Process(home, *arguments, nick="waiting") as process:
        until_blocked(process)
        process.send_signal(number)

        assert process.wait() == code
        assert "Traceback" not in process.err


def until_blocked(process: Process) -> None:
    """Until the process catches SIGTERM, so that it is in our hands and no longer Python's start."""
    deadline = time.monotonic() + PATIENCE
    nothing = threading.Event()
    while not caught(process.pid) & 1 << (signal.SIGTERM - 1):
        assert time.monotonic() < deadline
        nothing.wait(0.01)


def caught(pid: int) -> int:
    """The signals that a process has handlers for."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("SigCgt:")[2].split()[0], 16)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_who_is_ended_has_left(spawn_join: Callable[..., LineMode], number: signal.Signals) -> None:
    """A chat that a signal ends says goodbye first: the others see it go at once."""
    room = f"leaving-{number}"
    watcher, leaver = spawn_join("watcher", "-r", room), spawn_join("leaver", "-r", room)
    watcher.wait_for("leaver joined")
    leaver.send_signal(number)

    watcher.wait_for("leaver left")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_the_terminal_as_it_was(home: Path, number: signal.Signals) -> None:
    """A shell in the same terminal can be used after it."""
    ours, theirs = pty.openpty()
    before = termios.tcgetattr(theirs)
    with started([ZCHAT, "join"], home, stdin=theirs, stdout=theirs, stderr=theirs) as chat:
        shown = b""
        while b"lobby>" not in shown:
            assert select.select([ours], [], [], PATIENCE)[0], shown
            shown += os.read(ours, 65_536)
        assert termios.tcgetattr(theirs) != before
        chat.send_signal(number)

        assert chat.wait(PATIENCE) == 128 + number
        assert termios.tcgetattr(theirs) == before
    os.close(ours)
    os.close(theirs)


def test_ctrl_c_leaves_the_chat(home: Path) -> None:
    """At a terminal Ctrl-C ends with 130."""
    with Terminal(home, "join", "-r", "tty", nick="typist") as terminal:
        terminal.wait_for("tty>")
        terminal.type("\x03")

        assert terminal.wait() == ExitCode.INTERRUPTED
        assert "Traceback" not in "\n".join(terminal.lines)
