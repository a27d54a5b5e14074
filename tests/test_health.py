"""`zchat status`, `top` and `doctor` on real brokers: well, dead, strange, hostile, and half out of reach."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from zchat.common.keys import KeyPair, Link

from .inside import run
from .processes import Broker, Process
from .terminals import Terminal

HERE, FRONT = "127.0.0.1", "127.0.0.2"
"""On Linux all of 127/8 is this machine."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The account that runs the broker."""
    return tmp_path_factory.mktemp("health") / "home"


@pytest.fixture(scope="module")
def broker(home: Path) -> Iterator[Broker]:
    """One broker for all of this, in which something was said and something refused."""
    with Broker(home, "--name", "лаба") as broker:
        assert run(home, "send", "привет 🐙", nick="alice").returncode == 0
        assert run(home, "send", "-t", "nobody", "hello", nick="alice").returncode == 6
        yield broker


def findings(home: Path, *arguments: object) -> tuple[int, dict[str, str], str]:
    """What `zchat doctor` ends with, the state of each check, and the detail of the last one."""
    done = run(home, "doctor", "--json", *arguments, nick="bob")
    objects = [json.loads(line) for line in done.stdout.splitlines()]
    found = [each for each in objects if "check" in each]
    assert (done.returncode == 0) == (len(found) == len(objects)), done
    assert "Traceback" not in done.stderr
    return done.returncode, {each["check"]: each["state"] for each in found}, found[-1]["detail"]


# --- status and top -------------------------------------------------------------------------------------------
def test_an_operator_sees_the_numbers(home: Path, broker: Broker) -> None:
    """What was said and refused is counted, and the machine's part is told."""
    done = run(home, "status", "--json")
    told = json.loads(done.stdout)
    numbers = told["numbers"]

    assert (done.returncode, done.stderr, told["broker"]) == (0, "", "лаба")
    assert numbers["totals"]["messages"] == 1
    assert numbers["refusals"]["no_such_user"] == 1
    assert numbers["latencies"]["ack"]["p99"] > 0
    assert numbers["gauges"]["resident_memory_bytes"] > 1_000_000
    assert numbers["gauges"]["history_bytes"] > 0
    assert any("no_such_user" in trouble["text"] for trouble in numbers["troubles"])
    lines = run(home, "status").stdout
    assert lines.startswith(f"лаба at {HERE}:{broker.port}: zchat ")
    assert "messages in" in lines


def test_everybody_else_sees_that_it_lives(home: Path, broker: Broker) -> None:
    """Version and uptime, no numbers, and where to get them; top is refused with code 4."""
    done, top = run(home, "status", nick="bob"), run(home, "top", nick="bob")

    assert done.returncode == 0
    assert "messages in" not in done.stdout
    assert done.stderr.startswith("Its numbers are for operators")
    assert (top.returncode, top.stdout) == (4, "")
    assert json.loads(run(home, "status", "--json", nick="bob").stdout)["numbers"] is None


def test_top_prints_lines_where_there_is_no_screen(home: Path, broker: Broker) -> None:
    """One a second, until it is ended."""
    with Process(home, "top") as top:
        top.wait_for("/s in", times=2)
        assert top.err == ""


def test_top_fills_the_terminal_until_q(home: Path, broker: Broker) -> None:
    """It is drawn anew when the size changes, ends with 0, and gives the terminal back as it was."""
    with Terminal(home, "top", columns=80, rows=24) as top:
        top.wait_for("messages in", "acks")
        top.wait_for("lobby")
        top.wait_for("no_such_user 1")
        top.resize(40, 24)
        top.wait_until(lambda lines: any(line.startswith("acks") for line in lines), "one table under the other")
        top.type("q")
        assert top.wait() == 0
        assert b"\x1b[?1049l" in top.bytes


# --- doctor ---------------------------------------------------------------------------------------------------
def test_all_is_well(home: Path, broker: Broker) -> None:
    """Each check is told once, and the exit code is 0."""
    checks = ("config", "data", "state", "keys", "broker", "name", "port", "handshake", "access", "clock", "versions")
    code, states, _ = findings(home)

    assert code == 0
    assert states == dict.fromkeys((*checks, "latency", "pub"), "ok")


def test_a_dead_broker(tmp_path: Path) -> None:
    """The port is closed: 3, and nothing after it is tried."""
    with socket.socket() as taken:
        taken.bind((HERE, 0))  # nobody listens, and nobody else can take it
        code, states, detail = findings(tmp_path, "-b", Link(HERE, taken.getsockname()[1], bytes(32)))

    assert code == 3
    assert list(states) == ["config", "data", "state", "broker", "name", "port"]
    assert "connection refused" in detail


def test_one_of_two_brokers_is_dead(tmp_path: Path, broker: Broker) -> None:
    """A link of two brokers leads to the one that lives; doctor tells of both, and goes on with that one."""
    with socket.socket() as taken:
        taken.bind((HERE, 0))
        link = Link.parse(broker.link)
        several = Link(HERE, taken.getsockname()[1], link.key).beside([link.place])
        code, states, _ = findings(tmp_path, "-b", several, "-u", "finn")
        sent = run(tmp_path, "send", "-b", several, "hello", nick="erin")

    assert sent.returncode == 0, sent.stderr
    assert code == 3
    assert states["pub"] == states["latency"] == "ok"


def test_a_name_that_is_none(tmp_path: Path) -> None:
    """A host that does not resolve is told before any port is tried."""
    code, states, detail = findings(tmp_path, "-b", Link("no-such-host.invalid", 5555, bytes(32)))

    assert (code, states["name"]) == (3, "fail")
    assert "no-such-host.invalid" in detail


def test_a_broker_with_another_key(tmp_path: Path, broker: Broker) -> None:
    """The handshake comes to nothing: 3."""
    code, states, detail = findings(tmp_path, "-b", Link(HERE, broker.port, KeyPair.generate().public))

    assert (code, states["port"], states["handshake"]) == (3, "ok", "fail")
    assert "link" in detail


def test_a_key_that_has_changed(tmp_path: Path, broker: Broker) -> None:
    """What is pinned counts: 4, before anything is sent there."""
    assert run(tmp_path, "who", "-b", broker.link, nick="bea").returncode == 0
    code, states, detail = findings(tmp_path, "-b", Link(HERE, broker.port, KeyPair.generate().public))

    assert (code, states["broker"]) == (4, "fail")
    assert "HAS CHANGED" in detail
    assert "name" not in states


def test_who_is_banned(tmp_path: Path, home: Path, broker: Broker) -> None:
    """The gate says no: 4, and what the operator can do."""
    assert run(tmp_path, "who", "-b", broker.link, "-u", "mallory").returncode == 0
    assert run(home, "admin", "ban", "mallory").returncode == 0
    code, states, detail = findings(tmp_path, "-b", broker.link, "-u", "mallory")

    assert (code, states["port"], states["access"]) == (4, "ok", "fail")
    assert "unban" in detail


class Forwarder:
    """A port of `FRONT` before a broker's first one; the second one is forgotten, as by a firewall's owner."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._listener = socket.create_server((FRONT, port))
        self._sockets: list[socket.socket] = [self._listener]
        self._threads = [threading.Thread(target=self._accept)]

    def __enter__(self) -> None:
        self._threads[0].start()

    def __exit__(self, *_: object) -> None:
        for each in self._sockets:
            with_shutdown(each)
        for thread in self._threads:
            thread.join()
        for each in self._sockets:
            each.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            far = socket.create_connection((HERE, self._port))
            self._sockets += [near, far]
            for source, sink in ((near, far), (far, near)):
                self._threads.append(threading.Thread(target=pump, args=(source, sink)))
                self._threads[-1].start()


def with_shutdown(each: socket.socket) -> None:
    """Wake whoever waits for this socket."""
    try:
        each.shutdown(socket.SHUT_RDWR)
    except OSError:
        return


def pump(source: socket.socket, sink: socket.socket) -> None:
    """Pass on what comes until one side ends."""
    try:
        while data := source.recv(65_536):
            sink.sendall(data)
    except OSError:
        pass
    with_shutdown(sink)


def test_a_second_port_that_is_blocked(tmp_path: Path, broker: Broker) -> None:
    """The broker can be talked to, but PUB cannot be reached: 3, and which port to open."""
    link = Link.parse(broker.link)
    with Forwarder(broker.port):
        code, states, detail = findings(tmp_path, "-b", Link(FRONT, broker.port, link.key), "-u", "carl")

    assert (code, states["access"], states["latency"], states["pub"]) == (3, "ok", "ok", "fail")
    assert f"TCP port {broker.port + 1}" in detail


def test_files_that_others_can_read_and_a_faulty_configuration(tmp_path: Path, broker: Broker) -> None:
    """The configuration's fault is a failed check, 2; modes are warned of; the rest is looked at all the same."""
    assert run(tmp_path, "who", "-b", broker.link, "-u", "dora").returncode == 0
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "config.toml").write_text("[client]\nnik = 'dora'\n", encoding="utf-8")
    (tmp_path / "state").chmod(0o755)
    for key in (tmp_path / "data" / "keys").iterdir():
        key.chmod(0o644)
    code, states, _ = findings(tmp_path, "-b", broker.link, "-u", "dora")

    assert code == 2
    assert {check for check, state in states.items() if state != "ok"} == {"config", "state", "keys"}
    assert (states["config"], states["state"], states["keys"]) == ("fail", "warn", "warn")


def test_a_folder_that_cannot_be_used(tmp_path: Path, broker: Broker) -> None:
    """Where a file stands in the way it is told, and nobody comes in without a key; the network is looked at."""
    (tmp_path / "data").touch()
    code, states, _ = findings(tmp_path, "-b", broker.link)

    assert code == 1
    assert (states["data"], states["state"], states["port"]) == ("fail", "ok", "ok")
    assert "access" not in states
