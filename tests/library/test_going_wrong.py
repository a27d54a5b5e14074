"""What stops a client of the library: no broker, a refusal, an end, a broker that dies."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from zchat.broker import Broker, Policy
from zchat.client import Client, Connected, Disconnected
from zchat.common.errors import (
    BrokerUnreachable,
    Closed,
    Code,
    InputError,
    NotAcked,
    RefusedError,
    ZchatError,
)
from zchat.common.keys import KeyPair, Link

from .. import processes
from ..processes import PATIENCE, until
from .hearing import next_of, texts


def test_no_broker() -> None:
    """Where nobody answers, opening fails in 5 seconds and leaves nothing behind; without a name, at once."""
    before = set(threading.enumerate())
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        link = Link("127.0.0.1", closed.getsockname()[1], KeyPair.generate().public)
        with pytest.raises(BrokerUnreachable), Client(link, nick="alice"):
            pass
    with pytest.raises(BrokerUnreachable, match="No broker of this account"), Client(nick="alice"):
        pass
    assert set(threading.enumerate()) <= before


def test_another_key(embedded: Broker) -> None:
    """A broker that has another key than the link says is not talked to; one that is known is not even tried."""
    link = Link.parse(embedded.link)
    other = Link(link.host, link.port, KeyPair.generate().public)
    with pytest.raises(BrokerUnreachable, match="with this key"), Client(other, nick="alice"):
        pass
    with Client(link, nick="alice"):
        pass
    with pytest.raises(RefusedError, match="HAS CHANGED"), Client(other, nick="alice"):
        pass


def test_a_key_of_its_own(embedded: Broker, home: Path) -> None:
    """A client that brings its key and a link leaves no trace in the account."""
    with Client(embedded.link, nick="alice", key=KeyPair.generate()) as alice:
        alice.send("hello")
    assert not home.exists()


def test_a_nick_that_is_taken(embedded: Broker, home: Path) -> None:
    """Somebody else's nick is refused, and no key is kept for it."""
    with Client(embedded.link, nick="alice", key=KeyPair.generate()):
        with pytest.raises(RefusedError) as refusal, Client(embedded.link, nick="Alice"):
            pass
        assert refusal.value.code == Code.NICK_TAKEN
    assert list(home.glob("data/nicks/*/alice")) == list(home.glob("data/keys/*")) == []


def test_what_is_refused(embedded: Broker) -> None:
    """Each refusal is an exception with the broker's code; what cannot be right is told before it is sent."""
    with Client(embedded.link, nick="alice", rooms=[]) as alice:
        for code, call in (
            (Code.NO_SUCH_USER, lambda: alice.tell("nobody", "x")),
            (Code.NO_SUCH_ROOM, lambda: alice.who("nowhere")),
            (Code.NO_SUCH_ROOM, lambda: alice.history("nowhere")),
            (Code.NO_SUCH_ROOM, lambda: alice.join("nowhere", create=False)),
            (Code.EMPTY, lambda: alice.send(" ")),
            (Code.TOO_LARGE, lambda: alice.send("x" * 20_000)),
            (Code.NICK_INVALID, lambda: alice.tell("no nick", "x")),
        ):
            with pytest.raises(RefusedError) as refusal:
                call()
            assert refusal.value.code == code
        for call in (
            lambda: alice.send("x", "no room"),
            lambda: alice.send("x", id="no id"),
            lambda: alice.join("dev", "?!"),
        ):
            with pytest.raises(InputError):
                call()
        alice.send("x", id="used")
        with pytest.raises(RefusedError) as refusal:
            alice.send("y", id="used")
        assert refusal.value.code == Code.ID_REUSED


def test_a_client_that_is_not_let_in() -> None:
    """Who may not come in is told when opening, with the broker's code."""
    with Broker(policy=Policy(access="closed")) as closed, pytest.raises(RefusedError) as refusal:
        Client(closed.link, nick="alice").open()
    assert refusal.value.code == Code.NOT_ALLOWED


def test_a_client_that_is_shut_out(home: Path, zchat: Callable[..., object]) -> None:
    """A client that is banned while it runs ends: whoever waits or iterates gets the refusal."""
    with processes.Broker(home) as broker, Client(broker.link, nick="alice") as alice:
        zchat("admin", "ban", "alice")
        for call in (lambda: list(alice), lambda: alice.wait(PATIENCE), lambda: alice.send("x")):
            with pytest.raises(RefusedError) as refusal:
                call()
            assert refusal.value.code == Code.NOT_ALLOWED


def test_a_client_that_is_not_open(embedded: Broker) -> None:
    """Before it is opened and after it is closed a client takes nothing, and it is opened once."""
    alice = Client(embedded.link, nick="alice")
    with pytest.raises(Closed):
        alice.send("x")
    with alice, pytest.raises(Closed):
        alice.open()
    for call in (lambda: alice.send("x"), alice.who, lambda: alice.send_soon("x")):
        with pytest.raises(Closed):
            call()
    assert list(alice) == []
    alice.wait(0)
    alice.close()


def test_closing_while_others_wait(embedded: Broker) -> None:
    """Whoever is blocked in a call when the client is closed gets an exception, with the id of the message."""
    with Client(embedded.link, nick="alice") as alice, ThreadPoolExecutor(3) as pool:
        embedded.stop()
        assert next_of(alice, Disconnected)
        sending = pool.submit(alice.send, "x", id="kept", timeout=PATIENCE)
        asking = pool.submit(alice.who, timeout=PATIENCE)
        reading = pool.submit(list, alice)
        library = alice._running._library
        until(lambda: library._saying and library._asking)
        alice.close()
        with pytest.raises(NotAcked) as lost:
            sending.result(PATIENCE)
        assert lost.value.id == "kept"
        with pytest.raises(Closed):
            asking.result(PATIENCE)
        assert reading.result(PATIENCE) == []


def test_what_took_too_long_is_withdrawn(embedded: Broker) -> None:
    """A message that was given up is not said when the broker is back; said again with its id it is there once."""
    with Client(embedded.link, nick="alice") as alice:
        embedded.stop()
        assert next_of(alice, Disconnected)
        with pytest.raises(NotAcked) as lost:
            alice.send("lost", timeout=0.1)
        with pytest.raises(BrokerUnreachable):
            alice.who(timeout=0.1)
        cancelled = alice.send_soon("cancelled")
        assert cancelled.cancel()
        kept = alice.send_soon("kept")
        embedded.start()
        assert kept.result(PATIENCE).seq == 1
        alice.send("lost", id=lost.value.id)
        assert [entry.text for entry in alice.history()] == ["kept", "lost"]


def test_a_failed_receive_thread_fails_every_call(embedded: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the receive thread should end by a fault of ours, nobody waits for it: calls and iteration raise."""
    with Client(embedded.link, nick="alice") as alice, ThreadPoolExecutor(1) as pool:
        embedded.stop()
        assert next_of(alice, Disconnected)
        sending = pool.submit(alice.send, "x", timeout=PATIENCE)
        monkeypatch.setattr(alice._running._library, "tick", lambda now: 1 / 0)
        with pytest.raises(NotAcked):
            sending.result(PATIENCE)
        for call in (alice.who, lambda: list(alice), lambda: alice.wait(PATIENCE)):
            with pytest.raises(ZchatError, match="ZeroDivisionError"):
                call()


# --- a broker that dies ---


def test_a_killed_broker(home: Path) -> None:
    """Through two kill -9 under load, everything that was sent comes once and in order to who iterates."""
    with (
        processes.Broker(home) as broker,
        Client(broker.link, nick="bob", inbox=100) as bob,
        Client(broker.link, nick="alice") as alice,
        ThreadPoolExecutor(1) as pool,
    ):
        heard = pool.submit(texts, bob, 600)
        pending = []
        for number in range(600):
            pending.append(alice.send_soon(f"m{number}"))
            if number in (200, 400):
                broker.kill()
                broker.start()
        seqs = [one.result(3 * PATIENCE).seq for one in pending]
        assert seqs == sorted(set(seqs))
        assert heard.result(3 * PATIENCE) == [f"m{number}" for number in range(600)]
        assert next_of(alice, Disconnected)
        assert next_of(alice, Connected).again  # type: ignore[attr-defined]
