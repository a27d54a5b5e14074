"""What a client makes of a broker's gate: refused for good, for a while, or on SUB alone."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import zmq
from zmq.utils import z85

from zchat.client.actions import Action, End, Notice, Print, TurnedAway
from zchat.client.connection import Connection
from zchat.client.core import ClientCore
from zchat.client.programs import Quiet
from zchat.client.session import Profile
from zchat.common import limits, messages as m, wire
from zchat.common.errors import BrokerUnreachable, RefusedError
from zchat.common.keys import KeyPair, Link

PATIENCE_MS = 20_000


class Gate:
    """A ROUTER and a PUB that welcome everybody whom the gate lets in; `codes` is what it says, one after the other."""

    def __init__(self, *codes: str) -> None:
        self._codes = list(codes)
        self.asked = 0
        self._key = KeyPair.generate()
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._zap = self._context.socket(zmq.REP)
        self._zap.bind("inproc://zeromq.zap.01")
        self._sockets = [self._context.socket(kind) for kind in (zmq.ROUTER, zmq.XPUB)]
        for socket in self._sockets:
            socket.linger = 0
            socket.curve_server = True
            socket.curve_secretkey = z85.encode(self._key.secret)
        self._router, self._pub = self._sockets
        self.port, self._pub_port = (socket.bind_to_random_port("tcp://127.0.0.1") for socket in self._sockets)
        self._stopped, self._stopping = (self._context.socket(zmq.PAIR) for _ in range(2))
        self._stopped.bind("inproc://stop")
        self._stopping.connect("inproc://stop")
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def link(self) -> Link:
        """Where it is."""
        return Link("127.0.0.1", self.port, self._key.public)

    def _run(self) -> None:
        poller = zmq.Poller()
        for socket in (self._zap, self._router, self._pub, self._stopped):
            poller.register(socket, zmq.POLLIN)
        while True:
            ready = dict(poller.poll(PATIENCE_MS))
            if self._zap in ready:
                self._answer_zap()
            if self._router in ready:
                self._welcome()
            if self._pub in ready:
                topic = self._pub.recv()[1:]
                self._pub.send_multipart([topic, wire.encode(m.Beacon(time=0))])
            if self._stopped in ready or not ready:
                break
        for socket in (self._zap, *self._sockets, self._stopped):
            socket.close(linger=0)

    def _answer_zap(self) -> None:
        version, request, *_ = self._zap.recv_multipart()
        self.asked += 1
        code = self._codes.pop(0) if self._codes else "200"
        self._zap.send_multipart([version, request, code.encode(), b"", b"user", b""])

    def _welcome(self) -> None:
        identity, body = self._router.recv_multipart()
        command = wire.decode_command(body)
        if isinstance(command, m.Hello):
            welcome = m.Welcome(
                nick=command.nick,
                key="k",
                session="s",
                broker="gate",
                history="h",
                pub=self._pub_port,
                time=0,
                ref=command.ref,
            )
            self._router.send_multipart([identity, wire.encode(welcome)])

    def end(self) -> None:
        """Stop it."""
        self._stopping.send(b"")
        self._thread.join()
        self._stopping.close(linger=0)
        self._context.term()


@contextmanager
def gate(*codes: str) -> Iterator[Gate]:
    """A running gate."""
    gate = Gate(*codes)
    try:
        yield gate
    finally:
        gate.end()


class Visitor(Quiet):
    """Ends when a beacon has come by SUB."""

    def __init__(self, core: ClientCore, *, goes_on: bool = True) -> None:
        super().__init__(core)
        self._goes_on = goes_on
        self.heard: list[Notice] = []

    @property
    def persistent(self) -> bool:
        return self._goes_on

    def notice(self, notice: Notice, now: object) -> list[Action]:
        self.heard.append(notice)
        return []


class Listener(ClientCore):
    """A core that ends the program with the first beacon."""

    def receive(self, event: m.Event | m.Unknown, now: object) -> list[Action]:
        return [End()] if isinstance(event, m.Beacon) else super().receive(event, now)  # type: ignore[arg-type]


def visit(link: Link, *, goes_on: bool = True) -> tuple[Visitor, KeyPair, list[Print]]:
    """Run a client until it ends."""
    core = Listener(Profile("alice", "i", "test"), secrets.token_bytes)
    visitor, key, lines = Visitor(core, goes_on=goes_on), KeyPair.generate(), []
    connection = Connection(link, key, core, visitor, write=lines.extend, met=lambda _: None)
    try:
        connection.run()
    finally:
        connection.close()
    return visitor, key, lines


@pytest.mark.parametrize("goes_on", [True, False])
def test_who_is_banned_ends_at_once(goes_on: bool) -> None:
    """Also a program that rides through everything else; the error names the key, and the exit code is 4."""
    with gate("400") as here, pytest.raises(RefusedError) as caught:
        visit(here.link, goes_on=goes_on)

    assert caught.value.exit_code == 4
    assert f"127.0.0.1:{here.port} does not let this key in (" in str(caught.value)
    assert "zchat admin unban" in str(caught.value)
    assert here.asked == 1


def test_who_comes_too_often_tries_again() -> None:
    """A program that goes on tells it once, and gets in when the gate lets it."""
    with gate("500", "500", "500") as here:
        visitor, _, _ = visit(here.link)

    told = [notice for notice in visitor.heard if isinstance(notice, TurnedAway)]
    assert len(told) == 1
    assert "takes no more connections from this address for the moment" in str(told[0].error)


def test_who_comes_too_often_fails_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that does not go on says so when its patience is over."""
    monkeypatch.setattr(limits, "CONNECT_PATIENCE", 0.3)
    with gate(*["500"] * 100) as here, pytest.raises(BrokerUnreachable, match="takes no more connections"):
        visit(here.link, goes_on=False)


@pytest.mark.parametrize("code", ["400", "500"])
def test_a_sub_that_is_refused_is_opened_again(code: str) -> None:
    """The session stands, and nobody is told: SUB is tried until it hears."""
    with gate("200", code, code) as here:
        visitor, _, lines = visit(here.link)

    assert here.asked == 4
    assert lines == []
    assert len(visitor.heard) == 1
