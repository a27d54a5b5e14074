"""No broker, or not the one that was meant: said in time, and nothing hangs."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import zmq

from zchat.common import limits
from zchat.common.errors import ExitCode
from zchat.common.keys import KeyPair, Link

from .. import processes
from ..peer import mute_broker
from ..processes import PATIENCE, Broker
from .lines import Done, Zchat, assert_one_line


class Web(BaseHTTPRequestHandler):
    """A web server."""

    def log_message(self, *_: object) -> None:
        """Not into the tests' output."""


@contextlib.contextmanager
def web_server() -> Iterator[int]:
    """Its port."""
    with HTTPServer(("127.0.0.1", 0), Web) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@contextlib.contextmanager
def plain_router() -> Iterator[int]:
    """The port of a ZeroMQ socket without encryption."""
    with zmq.Context() as context, context.socket(zmq.ROUTER) as router:
        router.linger = 0
        yield router.bind_to_random_port("tcp://127.0.0.1")


@contextlib.contextmanager
def listener(*, banner: bytes | None = None) -> Iterator[int]:
    """The port of a server that takes connections and says nothing, or only its banner before it hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        if banner is None:
            yield port
            return

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    with connection:
                        connection.sendall(banner)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield port
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


@contextlib.contextmanager
def closed_port() -> Iterator[int]:
    """A port on which nobody listens, kept from others meanwhile."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]


Timed = tuple[Done, float]
Ends = dict[str, Future[Timed]]


@pytest.fixture(scope="module", autouse=True)
def ends(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ends]:
    """Commands that wait for a broker in vain: how each ended, and after how long. They wait side by side."""
    away = tmp_path_factory.mktemp("away")
    key = KeyPair.generate().public
    with contextlib.ExitStack() as stack, ThreadPoolExecutor(20) as pool:
        nobody = stack.enter_context(closed_port())
        silent = stack.enter_context(listener())
        mute = stack.enter_context(mute_broker())
        with Broker(away / "note", data=away / "data") as dead:
            dead.kill()

        def link(port: int) -> Link:
            return Link("127.0.0.1", port, key)

        def timed(name: str, *arguments: object) -> Timed:
            began = time.monotonic()
            return processes.run(away / name, *arguments, nick="lost", timeout=30), time.monotonic() - began

        commands: dict[str, list[object]] = {
            "nobody": ["who", "-b", link(nobody)],
            "nobody, join": ["join", "-b", link(nobody)],
            "nobody, send": ["send", "-b", link(nobody), "hello"],
            "nobody, tail": ["tail", "-b", link(nobody)],
            "nobody, json": ["who", "--json", "-b", link(nobody)],
            "note": ["who"],
            "name": ["who", "-b", Link("no-such-host.invalid", 5555, key)],
            "web": ["who", "-b", link(stack.enter_context(web_server()))],
            "silent": ["who", "-b", link(silent)],
            "ssh": ["who", "-b", link(stack.enter_context(listener(banner=b"SSH-2.0-OpenSSH_9.6\r\n")))],
            "router": ["who", "-b", link(stack.enter_context(plain_router()))],
            "wrong key": ["who", "-b", link(broker.port)],
            "timeout": ["who", "--timeout", "1", "-b", link(silent)],
            "mute, timeout": ["who", "--timeout", "1", "-b", mute],
            "mute": ["who", "-b", mute],
            "mute, tail": ["tail", "--no-follow", "-b", mute],
            "mute, send": ["send", "-b", mute, "hello"],
        }
        yield {name: pool.submit(timed, name, *arguments) for name, arguments in commands.items()}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nobody", ["refused", "zchat broker"]),
        ("nobody, join", ["refused", "zchat broker"]),
        ("nobody, send", ["refused", "zchat broker"]),
        ("nobody, tail", ["refused", "zchat broker"]),
        ("note", ["refused", "zchat broker"]),
        ("name", ["no-such-host.invalid", "address"]),
        ("web", ["port"]),
        ("silent", ["says nothing", "port"]),
    ],
)
def test_a_broker_that_cannot_be_reached_is_said_in_time(ends: Ends, name: str, words: list[str]) -> None:
    """When its patience is over the line tells what was found at that place; the code is 3."""
    done, seconds = ends[name].result()

    assert_one_line(done, ExitCode.UNREACHABLE, *words)
    assert limits.CONNECT_PATIENCE <= seconds < limits.CONNECT_PATIENCE + PATIENCE


@pytest.mark.parametrize("name", ["ssh", "router", "wrong key"])
def test_what_is_not_the_broker_is_said_at_once(ends: Ends, name: str) -> None:
    """Something that answers, but not as the broker that is meant, is not waited for as a silent one is."""
    done, seconds = ends[name].result()
    _, waited = ends["silent"].result()  # started with it, on a machine that is as busy

    assert_one_line(done, ExitCode.UNREACHABLE, "not as the zchat broker", "port", "link")
    assert seconds < waited - 1


def test_a_broker_that_cannot_be_reached_is_an_object_too(ends: Ends) -> None:
    """Programs are told as well, with --json."""
    done, _ = ends["nobody, json"].result()

    assert json.loads(done.stdout)["error"] == "unreachable"


@pytest.mark.parametrize("name", ["timeout", "mute, timeout"])
def test_a_time_that_runs_out_is_said(ends: Ends, name: str) -> None:
    """With --timeout it is the user who says how long; the code is 124."""
    done, seconds = ends[name].result()

    assert_one_line(done, ExitCode.TIMEOUT, "--timeout")
    assert 1 <= seconds < 1 + PATIENCE


@pytest.mark.parametrize(
    ("name", "code", "word"),
    [
        ("mute", ExitCode.UNREACHABLE, "does not answer"),
        ("mute, tail", ExitCode.UNREACHABLE, "does not answer"),
        ("mute, send", ExitCode.NOT_ACKED, "--id"),
    ],
)
def test_a_broker_that_does_nothing_is_given_up(ends: Ends, name: str, code: int, word: str) -> None:
    """A broker that hangs does not make commands hang; `send` says how to send again safely."""
    done, _ = ends[name].result()

    assert_one_line(done, code, word)


def test_a_time_runs_out_while_all_is_well(zchat: Zchat) -> None:
    """What follows for ever ends when its time is up."""
    assert_one_line(zchat("tail", "-r", "quiet", "--timeout", "0.5"), ExitCode.TIMEOUT, "0.5 s")


def test_without_a_broker_the_line_says_how_to_start_one(tmp_path: Path) -> None:
    """An account that never had a broker is told at once, by every command."""
    for command in (["who"], ["join"], ["send", "hello"], ["link"], ["key"]):
        assert_one_line(processes.run(tmp_path, *command), ExitCode.UNREACHABLE, "zchat broker", "--broker")


def test_a_changed_key_is_refused_until_it_is_forgotten(home: Path, tmp_path: Path) -> None:
    """A broker that has another key than last time is refused loudly; `key forget` accepts it."""
    account = tmp_path / "account"
    with Broker(tmp_path / "host", data=tmp_path / "one") as broker:
        assert processes.run(account, "who", "-b", broker.link).returncode == 0
        broker.stop()
        broker.data = tmp_path / "two"
        broker.start()
        place = Link.parse(broker.link).place

        assert_one_line(
            processes.run(account, "who", "-b", broker.link),
            ExitCode.NOT_ALLOWED,
            "CHANGED",
            f"zchat key forget {place}",
        )
        assert processes.run(account, "key", "forget", place).returncode == 0
        assert processes.run(account, "who", "-b", broker.link).returncode == 0
        assert processes.run(account, "who", "-b", place).returncode == 0
