"""A broker as a service: what signals do to it, what it tells its supervisor, and how it ends."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import signal
import socket
import subprocess
import termios
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import SimpleQueue

import pytest

from zchat.broker.actions import Log
from zchat.broker.server import Server, Setup
from zchat.broker.supervisor import Supervisor
from zchat.common import clock, limits
from zchat.common.errors import ExitCode
from zchat.common.ids import message_id
from zchat.common.messages import Acked, Closing, Goodbye, Say

from .peer import Peer
from .processes import PATIENCE, ZCHAT, Broker, Process, environment

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")
Command = Callable[..., subprocess.CompletedProcess[str]]
MANY = 500


@pytest.fixture
def configuration(tmp_path: Path) -> Path:
    """A file that sets a limit."""
    path = tmp_path / "broker.toml"
    path.write_text("[limits]\nmessage_bytes = 1000\n")
    return path


@pytest.fixture
def configured(home: Path, configuration: Path) -> Iterator[Broker]:
    """A broker that runs by this file."""
    with Broker(home, "--config", configuration) as broker:
        yield broker


# --- SIGHUP ---------------------------------------------------------------------------------------------------
def test_sighup_brings_new_limits_into_force(configured: Broker, configuration: Path, zchat: Command) -> None:
    """The file is read again while people are connected; the log says what is new, and what takes a restart."""
    assert zchat("send", "x" * 500).returncode == 0
    configuration.write_text("[broker]\nport = 7000\nname = 'other'\n[limits]\nmessage_bytes = 300\n")
    configured.process.send_signal(signal.SIGHUP)
    configured.process.wait_for("the configuration was read again; new: message_bytes")
    configured.process.wait_for("these hold from the next start on: name")

    assert zchat("send", "x" * 500).returncode == ExitCode.LIMIT
    assert zchat("send", "x" * 200).returncode == 0


def test_a_configuration_with_a_fault_changes_nothing(configured: Broker, configuration: Path, zchat: Command) -> None:
    """The broker goes on as before, and its log says what is wrong; the next one that is in order is taken."""
    configuration.write_text("[limits]\nmesage_bytes = 300\n")
    configured.process.send_signal(signal.SIGHUP)
    configured.process.wait_for("the configuration was not taken", "Did you mean message_bytes?")
    assert zchat("send", "x" * 500).returncode == 0

    configuration.write_text("[limits]\nmessage_bytes = 300\n")
    configured.process.send_signal(signal.SIGHUP)
    configured.process.wait_for("the configuration was read again; new: message_bytes")
    assert zchat("send", "x" * 500).returncode == ExitCode.LIMIT


def test_sighup_opens_the_log_anew(home: Path, tmp_path: Path) -> None:
    """After logrotate has renamed the log and sent SIGHUP, a new file has what follows; its form may change, too."""
    log, configuration = tmp_path / "broker.log", tmp_path / "broker.toml"
    configuration.write_text("")
    with Broker(home, "--log", log, "--config", configuration) as broker:
        log.rename(tmp_path / "old.log")
        configuration.write_text('[broker]\nlog_format = "json"\n')
        broker.process.send_signal(signal.SIGHUP)
        deadline = time.monotonic() + PATIENCE
        while not log.exists() or not log.stat().st_size:
            assert time.monotonic() < deadline
        broker.stop()
    told = [json.loads(line) for line in log.read_text().splitlines()]

    assert [each["event"] for each in told] == ["config_read", "stopping"]
    assert "started" not in log.read_text()
    assert "serves" in (tmp_path / "old.log").read_text()


def test_a_broker_ends_with_its_terminal(home: Path) -> None:
    """Closing the window in which a broker runs ends it in order, though a SIGHUP from elsewhere does not."""
    ours, theirs = pty.openpty()
    started = subprocess.Popen(
        [ZCHAT, "broker", "--port", "0"],
        env=environment(home),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )
    os.close(theirs)
    try:
        _read_until(ours, b"is ready")
        started.send_signal(signal.SIGHUP)
        _read_until(ours, b"read again")
        os.close(ours)

        assert started.wait(PATIENCE) == 0
    finally:
        started.kill()
        started.wait()


def _read_until(terminal: int, words: bytes) -> None:
    shown = b""
    while words not in shown:
        shown += os.read(terminal, 4_096)


# --- the end --------------------------------------------------------------------------------------------------
def test_what_was_sent_before_a_stop_is_acked(broker: Broker) -> None:
    """What has reached the broker when SIGTERM comes is stored and acked first; then it says when to come back."""
    with Peer(broker.link) as peer:
        peer.hello("alice")
        broker.process.send_signal(signal.SIGSTOP)
        ids = [message_id(number, bytes(10)) for number in range(MANY)]
        for id_ in ids:
            peer.send(Say(id=id_, text="hello", room="lobby"))
        broker.process.send_signal(signal.SIGTERM)
        began = time.monotonic()
        broker.process.send_signal(signal.SIGCONT)
        closing = peer.receive(Closing)

        assert broker.process.wait() == 0
        assert time.monotonic() - began < 5
    acked = [ack.id for event in peer.heard if isinstance(event, Acked) for ack in event.acks]
    assert acked == ids
    assert closing.retry == limits.CLOSING_RETRY


def test_a_stop_under_load_loses_nothing(broker: Broker, home: Path, zchat: Command) -> None:
    """A program that sends all the time rides through stops and starts: each line is stored once, in order."""
    lines = [str(number) for number in range(6_000)]
    with Process(home, "send", "-r", "load", "--each-line", "--json", nick="writer") as sender:
        for part in range(3):
            chunk = lines[part * 2_000 : (part + 1) * 2_000]
            sender.type(*chunk)
            sender.wait_until(lambda first=chunk[0]: f'"{first}"' in sender.out, "the first")  # type: ignore[misc]
            began = time.monotonic()
            assert broker.stop() == 0
            assert time.monotonic() - began < 5
            broker.start()
        sender.end_input()
        assert sender.wait() == 0
    tail = zchat("tail", "-r", "load", "--since", "all", "--no-follow", "--json")

    assert [json.loads(line)["text"] for line in tail.stdout.splitlines()] == lines


# --- the supervisor -------------------------------------------------------------------------------------------
@contextlib.contextmanager
def told(tmp_path: Path) -> Iterator[tuple[socket.socket, dict[str, str]]]:
    """A supervisor's socket, and what it puts into the environment."""
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as supervisor:
        supervisor.bind(str(path))
        supervisor.settimeout(PATIENCE)
        yield supervisor, {"NOTIFY_SOCKET": str(path), "WATCHDOG_USEC": "30000000"}


def test_a_supervisor_hears_how_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """systemd hears when the broker can be joined, that its loop turns, and that it stops; nothing while it hangs."""
    monkeypatch.setenv("ZCHAT_HOME", str(tmp_path / "home"))
    with told(tmp_path) as (supervisor, variables):
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        broker = Server(Setup(data=tmp_path / "data", port=0, supervised=True))
        thread = threading.Thread(target=broker.run)
        thread.start()
        words = [supervisor.recv(100) for _ in range(3)]
        hangs, go_on = threading.Event(), threading.Event()
        broker.post(lambda: (hangs.set(), go_on.wait(PATIENCE)))
        assert hangs.wait(PATIENCE)
        supervisor.settimeout(1.5)
        with contextlib.suppress(TimeoutError):
            while True:
                assert supervisor.recv(100) == b"WATCHDOG=1"  # what was said before it hung
                supervisor.settimeout(1.5)
        go_on.set()
        supervisor.settimeout(PATIENCE)
        assert supervisor.recv(100) == b"WATCHDOG=1"
        broker.stop()
        thread.join()
        broker.close()
        while (word := supervisor.recv(100)) == b"WATCHDOG=1":
            pass

    assert words == [b"READY=1", b"WATCHDOG=1", b"WATCHDOG=1"]
    assert word == b"STOPPING=1"


def test_a_last_word_is_heard_though_its_connection_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who says goodbye and hangs up at once has left, also when the broker learns of the end first."""
    monkeypatch.setenv("ZCHAT_HOME", str(tmp_path / "home"))
    broker = Server(Setup(data=tmp_path / "data", port=0))
    thread = threading.Thread(target=broker.run)
    thread.start()
    held, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        held.set()
        go_on.wait(PATIENCE)
        broker._carry_out([Log("something is told meanwhile")], clock.read())

    with Peer(str(broker.link)) as peer:
        peer.hello("alice")
        broker.post(hold)
        assert held.wait(PATIENCE)
        peer.socket.linger = 10_000
        peer.send(Goodbye())
    while broker._speakers.monitor.poll(0) == 0:  # what ROUTER has read of it by then, it holds
        assert thread.is_alive()
    go_on.set()
    left: SimpleQueue[int] = SimpleQueue()
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        broker.post(lambda: left.put(broker._core.census[0]))
        if (sessions := left.get()) == 0:
            break
    broker.stop()
    thread.join()
    broker.close()

    assert sessions == 0


def test_a_watchdog_for_another_process_is_not_fed(tmp_path: Path) -> None:
    """WATCHDOG_PID names whom it waits for; and without a supervisor, or with one that is gone, nothing is told."""
    with told(tmp_path) as (supervisor, variables):
        other = Supervisor({**variables, "WATCHDOG_PID": "1"})
        other.alive()
        other.ready()

        assert supervisor.recv(100) == b"READY=1"
    for environment_ in ({}, variables, {"NOTIFY_SOCKET": "@zchat-nobody"}):
        Supervisor(environment_).ready()


# --- the log --------------------------------------------------------------------------------------------------
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is always full")
def test_a_full_log_disk_does_not_stop_the_chat(home: Path, tmp_path: Path, zchat: Command) -> None:
    """With no room for a single line of the log people are served, and the broker ends in order."""
    log = tmp_path / "broker.log"
    log.symlink_to("/dev/full")
    with Broker(home, "--log", log, "--log-messages") as broker:
        assert [zchat("send", text).returncode for text in ("one", "two")] == [0, 0]
        assert broker.stop() == 0
        assert broker.log == ""
