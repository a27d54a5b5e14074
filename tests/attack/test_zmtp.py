"""Thousands of broken streams at both ports of a real broker, by strangers and by those who were let in.

`make attack` sends 50,000 of each; the tests by themselves send a few. ATTACK_STREAMS says how many, ATTACK_SEED
repeats a run.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
import random
import resource
import secrets
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import zmq

from zchat.common import wire
from zchat.common.keys import Link
from zchat.common.messages import Acked, Entered, Hello, Join, Ping, Pong, Say

from ..inside import run
from ..peer import Peer, events_of
from ..processes import PATIENCE, Broker, LineMode, descriptors, resident, until
from .streams import Stream, Streams, real_client, real_hello, relay, send
from .words import Words

STREAMS = int(os.environ.get("ATTACK_STREAMS", "2000"))
"""How many connections of strangers, and how many messages of those let in."""
SEED = 20_260_131
SOON = 0.02
"""Seconds between two looks."""
A_STAY = 100
"""Messages of one connection of somebody who was let in."""
MEMORY = 30_000_000
"""Bytes that the broker may have grown by in the end."""
ROOM = "echo"
SILENT = 500
"""Connections to each port that say nothing."""

pytestmark = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts descriptors as Linux shows them")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The account of the broker and of who asks whether it is well."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def broker(home: Path) -> Iterator[Broker]:
    """One broker for all of this; that it outlives it is the point."""
    with Broker(home) as broker:
        yield broker
        assert broker.stop() == 0
        assert "Traceback" not in broker.log
        assert "a command failed" not in broker.log


@pytest.fixture
def seed() -> int:
    """What the attack is made of; shown when a test fails."""
    campaign = "ATTACK_STREAMS" in os.environ
    seed = int(os.environ.get("ATTACK_SEED", secrets.randbelow(2**32) if campaign else SEED))
    print(f"ATTACK_SEED={seed} ATTACK_STREAMS={STREAMS}")
    return seed


@pytest.fixture
def unharmed(broker: Broker, home: Path) -> Iterator[None]:
    """After the test the broker answers, and has given back what the attack took."""
    open_before, memory_before = descriptors(broker), resident(broker)
    yield
    answer = run(home, "ping")
    assert answer.returncode == 0, answer.stderr
    until(lambda: descriptors(broker) <= open_before + 2, "the end of the connections")
    grown = resident(broker) - memory_before
    print(f"the broker grew by {grown / 1e6:.1f} MB")
    assert grown < MEMORY


# --- strangers ------------------------------------------------------------------------------------------------
@pytest.mark.usefixtures("unharmed")
def test_broken_streams_do_no_harm(broker: Broker, seed: int) -> None:
    """Whatever strangers write to either port, their connections end, and the broker is as it was."""
    link = Link.parse(broker.link)
    ports = itertools.cycle((link.port, link.port + 1))
    streams: Iterator[Stream] = itertools.islice(Streams(seed, real_hello(link)), STREAMS)

    send((stream, (link.host, next(ports))) for stream in streams)


@pytest.mark.usefixtures("unharmed")
def test_real_clients_with_broken_wires_do_no_harm(broker: Broker, seed: int) -> None:
    """What real clients say may be changed anywhere on its way, also once it is encrypted."""
    link, source = Link.parse(broker.link), random.Random(seed)

    with Peer(broker.link) as peer:
        peer.hello("relayed")  # PUB may ask for a session
        for number in range(STREAMS // 20):
            relay(source, link, (zmq.DEALER, zmq.SUB)[number % 2], peer.key)
            peer.send(Ping(ref=number + 1))
            peer.receive(Pong)


# --- those who were let in ------------------------------------------------------------------------------------
@pytest.mark.usefixtures("unharmed")
def test_broken_words_do_no_harm(broker: Broker, seed: int) -> None:
    """Whatever somebody with a key says to the broker, it is refused at most, and nobody else notices."""
    link, words = Link.parse(broker.link), Words(seed)

    for number in range(STREAMS // A_STAY):
        with (
            zmq.Context() as context,
            real_client(context, zmq.DEALER, link) as peer,
            peer.get_monitor_socket(zmq.EVENT_DISCONNECTED) as gone,
        ):
            peer.connect(f"tcp://{link.place}")
            for message in range(A_STAY):
                if message % 10 == 0:  # among the words may be a farewell
                    peer.send(wire.encode(Hello(nick=f"peer-{number}", instance="1", ref=1)))
                peer.send_multipart(words.command())
                drop(peer)
            heard_out(peer, gone)
            peer.disable_monitor()


def drop(peer: zmq.Socket[bytes]) -> None:
    """Pass over what has come."""
    with contextlib.suppress(zmq.Again):
        while True:
            peer.recv_multipart(zmq.NOBLOCK)


def heard_out(peer: zmq.Socket[bytes], gone: zmq.Socket[bytes]) -> None:
    """Until the broker has dealt with all that was said, or has hung up."""
    last = 2**62
    peer.send(wire.encode(Ping(ref=last)))
    poller = zmq.Poller()
    poller.register(peer, zmq.POLLIN)
    poller.register(gone, zmq.POLLIN)
    while True:
        ready = dict(poller.poll(int(PATIENCE * 1_000)))
        assert ready, "the broker neither answers nor hangs up"
        if gone in ready or any(getattr(event, "ref", 0) == last for event in events_of(peer.recv())):
            return


@pytest.mark.usefixtures("unharmed")
def test_broken_topics_do_no_harm(broker: Broker, seed: int) -> None:
    """Whatever somebody with a key sends to PUB, others hear what is said afterwards; they themselves may be cut."""
    link, words = Link.parse(broker.link), Words(seed)

    with Peer(broker.link) as speaker, zmq.Context() as context:
        speaker.hello("speaker")
        speaker.send(Join(room=ROOM, ref=2))
        speaker.receive(Entered)
        with real_client(context, zmq.SUB, link, speaker.key) as listener:
            listener.subscribe(wire.topic(ROOM))
            listener.connect(f"tcp://{link.host}:{link.port + 1}")
            until(functools.partial(is_heard, speaker, listener), "a message on PUB")
            for number in range(STREAMS // A_STAY):
                # A key of its own for each stay: who is cut again and again is shut out.
                with Peer(broker.link) as babbler:
                    babbler.hello(f"babbler-{number}")
                    with real_client(context, zmq.XSUB, link, babbler.key) as peer:
                        peer.connect(f"tcp://{link.host}:{link.port + 1}")
                        for _ in range(A_STAY):
                            peer.send_multipart(words.topic())
                        until(functools.partial(is_heard, speaker, listener), "a message on PUB")


def is_heard(speaker: Peer, listener: zmq.Socket[bytes]) -> bool:
    """Whether what somebody says in the room reaches a subscriber."""
    speaker.send(Say(id=secrets.token_hex(8), room=ROOM, text="still here"))
    speaker.receive(Acked)
    while listener.poll(int(SOON * 1_000)):
        if listener.recv_multipart()[0] == wire.topic(ROOM):
            return True
    return False


# --- the silent -----------------------------------------------------------------------------------------------
@pytest.fixture
def _files() -> Iterator[None]:
    """As many open files as the test needs."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 4 * SILENT:
        pytest.skip(f"no more than {hard} open files are allowed here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 4 * SILENT), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("_files", "unharmed")
def test_a_thousand_silent_connections_hold_up_nobody(
    broker: Broker, home: Path, spawn_join: Callable[..., LineMode]
) -> None:
    """While 500 connections to each port say nothing, people talk and come in; then the broker closes them all."""
    link = Link.parse(broker.link)
    alice, bob = spawn_join("alice", "-r", "calm"), spawn_join("bob", "-r", "calm")
    before = descriptors(broker)
    with contextlib.ExitStack() as stack:
        silent = [
            stack.enter_context(socket.create_connection((link.host, link.port + number % 2), PATIENCE))
            for number in range(2 * SILENT)
        ]
        until(lambda: descriptors(broker) >= before + 2 * SILENT, "the connections")
        assert run(home, "who", nick="carol").returncode == 0
        numbers = itertools.count(1)

        def all_are_closed() -> bool:
            word = f"word-{next(numbers)}."
            alice.type(word)
            bob.wait_for("alice: ", word)
            return descriptors(broker) <= before + 2

        until(all_are_closed, "the end of the connections")
        assert all(is_closed(one) for one in silent)


def is_closed(connection: socket.socket) -> bool:
    """Whether the other side has closed the connection, which said its greeting at most."""
    connection.settimeout(PATIENCE)
    with contextlib.suppress(ConnectionResetError):
        while connection.recv(4_096):
            pass
    return True
