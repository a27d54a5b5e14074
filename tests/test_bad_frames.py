"""Bytes that no client of ours would send, on both ports of a real broker: refused or dropped, and harmless."""

from __future__ import annotations

import contextlib
import random
import secrets
import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
import zmq
from zmq.utils import z85
from zmq.utils.monitor import parse_monitor_message

from zchat.common import limits, wire
from zchat.common.errors import Code
from zchat.common.keys import KeyPair, Link
from zchat.common.messages import Acked, Command, Entered, Goodbye, Join, Ping, Pong, Refused, Say, Welcome, Who

from .peer import ENDED, IN, Ear, Peer, fate_of, timed_context
from .processes import PATIENCE, Broker, descriptors, resident, until

SEED = 20_260_131
SOON = 20
"""Milliseconds between two looks."""
BYSTANDER = KeyPair.generate()

pytestmark = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts descriptors as Linux shows them")


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """One broker for all of this; that it outlives it is the point."""
    with Broker(tmp_path_factory.mktemp("home")) as broker:
        yield broker
        assert broker.stop() == 0
        assert "Traceback" not in broker.log


@pytest.fixture(scope="module")
def idle(broker: Broker) -> int:
    """How many descriptors the broker has open while nobody is there, once what it opens at its start is closed."""
    nothing = threading.Event()
    return min(descriptors(broker) for _ in range(20) if not nothing.wait(SOON / 1_000))


@pytest.fixture(autouse=True)
def unharmed(broker: Broker, idle: int) -> Iterator[None]:
    """After each test others are served as before."""
    yield
    serves(broker)


def serves(broker: Broker) -> None:
    """Somebody comes, speaks on ROUTER and is heard on PUB."""
    with Peer(broker.link, key=BYSTANDER) as peer:
        peer.hello("bystander")
        peer.send(Join(room="lobby", ref=2))
        peer.receive(Entered)
        with Ear(broker.link, peer.key, wire.topic("lobby")) as ear:
            until(lambda: said(peer) and ear.socket.poll(SOON), "a message on PUB")
        peer.send(Goodbye())  # a key has so many sessions
        peer.socket.linger = round(PATIENCE * 1_000)


def said(peer: Peer) -> bool:
    """Whether the broker has acked another word."""
    peer.send(Say(id=secrets.token_hex(8), room="lobby", text="still here"))
    return bool(peer.receive(Acked).acks)


def body(value: object) -> bytes:
    """Anything at all behind a right version byte."""
    return bytes([wire.VERSION]) + msgspec.msgpack.encode(value)


def noise(size: int) -> bytes:
    """Random bytes, the same in each run."""
    return random.Random(SEED + size).randbytes(size)


# --- ROUTER ---------------------------------------------------------------------------------------------------
HELLO = {"type": "hello", "nick": "mallory", "instance": "1"}
SAY = {"type": "say", "id": "1", "room": "lobby", "text": "x"}
GARBAGE: dict[str, list[bytes]] = {
    "an empty frame": [b""],
    "the version alone": [bytes([wire.VERSION])],
    "another version": [bytes([wire.VERSION + 1]) + wire.encode(Ping())[1:]],
    "random bytes": [noise(1_000)],
    "random bytes behind the version": [bytes([wire.VERSION]) + noise(1_000)],
    "zeros": [bytes(40_000)],
    "text": [b"GET / HTTP/1.1\r\n\r\n"],
    "a cut command": [wire.encode(Say(id="1", room="lobby", text="hello"))[:-3]],
    "a command and more": [wire.encode(Ping()) + b"more"],
    "a command in two frames": [wire.encode(Ping()), wire.encode(Ping())],
    "an empty frame before a command": [b"", wire.encode(Ping())],
    "a thousand frames": [b"x"] * 1_000,
    "no map": [body([1, 2, 3])],
    "a map without type": [body({"nick": "mallory"})],
    "a type that is no text": [body({"type": 1})],
    "a map that says it has four billion keys": [bytes([wire.VERSION]) + b"\xdf\xff\xff\xff\xff"],
    "a text that says it has four billion bytes": [bytes([wire.VERSION]) + b"\x81\xa4type\xdb\xff\xff\xff\xff"],
    "lists in lists": [bytes([wire.VERSION]) + b"\x91" * 40_000],
    "maps in maps": [bytes([wire.VERSION]) + b"\x81\xa1x" * 10_000],
    "lists in lists inside a field unknown": [bytes([wire.VERSION]) + b"\x82\xa4type\xa4ping\xa1x" + b"\x91" * 40_000],
    "no nick": [body({"type": "hello", "instance": "1"})],
    "a nick of 40 kB": [body({**HELLO, "nick": "m" * 40_000})],
    "a nick that is a number": [body({**HELLO, "nick": 7})],
    "a text that is bytes": [body({**SAY, "text": b"\xff"})],
    "a text that is not UTF-8": [bytes([wire.VERSION]) + b"\x82\xa4type\xa3say\xa4text\xa2\xff\xfe"],
    "an id with a line break": [body({**SAY, "id": "a\nb"})],
    "a negative sequence": [body({"type": "replay", "room": "lobby", "after": -1})],
    "a sequence of 2 to the 64": [body({"type": "replay", "room": "lobby", "after": 2**64 - 1})],
    "a sequence that is not a number": [body({"type": "replay", "room": "lobby", "after": float("nan")})],
    "a kind unknown": [body({**SAY, "kind": "shout"})],
    "an empty pack": [body([])],
    "a pack of one message too many": [body([{}] * (limits.PACK_MESSAGES + 1))],
    "a pack that says it has four billion messages": [bytes([wire.VERSION]) + b"\xdd\xff\xff\xff\xff\x80"],
    "a pack that ends too early": [body([HELLO, HELLO])[:-1]],
    "packs in packs": [body([[[HELLO]], [SAY]])],
    "as many empty maps as a pack holds": [body([{}] * limits.PACK_MESSAGES)],
    "a date of the library": [bytes([wire.VERSION]) + b"\x81\xa4type\xd6\xff\x00\x00\x00\x00"],
}


@pytest.mark.parametrize("met", [True, False], ids=["in the chat", "before hello"])
@pytest.mark.parametrize("frames", GARBAGE.values(), ids=GARBAGE)
def test_garbage_is_refused_and_costs_only_itself(broker: Broker, frames: list[bytes], met: bool) -> None:
    """A frame that is no command is answered with what is wrong, and its sender may go on."""
    with Peer(broker.link) as peer:
        if met:
            peer.hello(f"peer-{secrets.token_hex(4)}")
        peer.send(*frames)
        refused = peer.receive(Refused)

        assert refused.code in (Code.BAD_FRAME, Code.BAD_VERSION)
        assert refused.detail.isprintable()
        assert len(refused.detail) < 300
        if not met:
            peer.hello(f"peer-{secrets.token_hex(4)}")
        peer.send(Ping(ref=9))
        assert peer.receive(Pong).ref == 9


@pytest.mark.parametrize(
    "command", [Ping(), Who(), Say(id="1", room="lobby", text="x"), Join(room="lobby")], ids=lambda c: type(c).__name__
)
def test_commands_before_hello_are_refused(broker: Broker, command: Command) -> None:
    """Without a hello nothing is done, and the broker says so."""
    with Peer(broker.link) as peer:
        peer.send(command)

        assert peer.receive(Refused).code == Code.HELLO_FIRST


def test_a_command_of_a_later_version_is_passed_over(broker: Broker) -> None:
    """A kind and a field that this broker does not know are ignored; what brokers say is no command to it either."""
    with Peer(broker.link) as peer:
        peer.hello(f"peer-{secrets.token_hex(4)}")
        peer.send(body({"type": "dance", "with": "bystander"}))
        peer.send(body({"type": "welcome", "nick": "root"}))
        peer.send(body({"type": "ping", "ref": 3, "mood": ["good"]}))

        assert peer.receive(Pong).ref == 3
        assert not any(isinstance(event, Refused) for event in peer.heard)


def test_what_is_wrong_in_a_pack_costs_only_itself(broker: Broker) -> None:
    """The messages around it are taken, and each is answered."""
    with Peer(broker.link) as peer:
        peer.hello(f"peer-{secrets.token_hex(4)}")
        peer.send(body([{"type": "ping", "ref": 3}, {**SAY, "text": 7}, {"type": "dance"}, {**SAY, "id": "2"}]))

        assert peer.receive(Pong).ref == 3
        assert peer.receive(Refused).id == "1"
        assert [ack.id for ack in peer.receive(Acked).acks] == ["2"]


def test_a_pack_of_hellos_is_one_session(broker: Broker) -> None:
    """Who says hello hundreds of times at once is welcomed a few times, told to wait, and may go on."""
    with Peer(broker.link) as peer:
        nick = peer.hello(f"peer-{secrets.token_hex(4)}").nick
        peer.send(body([{**HELLO, "nick": nick, "instance": str(number), "ref": number} for number in range(250)]))
        peer.send(Ping(ref=9))

        assert peer.receive(Refused).retry > 0
        assert peer.receive(Pong).ref == 9
        assert 1 <= sum(isinstance(event, Welcome) for event in peer.heard) <= limits.PACK_WEIGHTY + 1
        serves(broker)


def test_a_frame_too_large_ends_its_connection_only(broker: Broker) -> None:
    """Who sends a megabyte is cut off before the broker holds it; the same key may come again."""
    key, nick = KeyPair.generate(), f"peer-{secrets.token_hex(4)}"
    with Peer(broker.link, key=key) as peer:
        peer.hello(nick)
        gone = peer.socket.get_monitor_socket(zmq.EVENT_DISCONNECTED)
        peer.send(noise(1_000_000))

        assert gone.poll(int(PATIENCE * 1_000))
        peer.socket.disable_monitor()
        gone.close()
    with Peer(broker.link, key=key) as peer:
        assert peer.hello(nick).nick == nick


def test_a_storm_of_garbage_leaves_no_trace(broker: Broker, idle: int) -> None:
    """Ten thousand frames of it cost the broker neither memory nor descriptors."""
    frames = [frame for frames in GARBAGE.values() if len(frames) == 1 for frame in frames if len(frame) < 256]
    memory = resident(broker)
    with Peer(broker.link) as peer:
        for number in range(10_000):
            peer.send(frames[number % len(frames)])
            while peer.socket.poll(0):
                peer.socket.recv()
        peer.hello(f"peer-{secrets.token_hex(4)}")

    until(lambda: descriptors(broker) <= idle, "the end of the connection")
    assert resident(broker) - memory < 30_000_000


# --- PUB ------------------------------------------------------------------------------------------------------
SUBSCRIPTIONS: dict[str, bytes] = {
    "an empty frame": b"",
    "everything": b"\x01",
    "random bytes": noise(1_000),
    "what is no subscription": b"\x07" + noise(100),
    "the end of what never began": b"\x00nothing\0",
    "a topic that is not UTF-8": b"\x01\xff\xfe\0",
    # A much longer one would be too deep for the stack of our own libzmq.
    "a topic of 20 kB": b"\x01" + b"t" * 20_000,
    "a megabyte": b"\x07" + noise(1_000_000),
}


@pytest.mark.parametrize("frame", SUBSCRIPTIONS.values(), ids=SUBSCRIPTIONS)
def test_odd_subscriptions_harm_nobody(broker: Broker, frame: bytes) -> None:
    """Whatever a subscriber sends to PUB, the others hear what is said."""
    with Peer(broker.link) as peer:
        peer.hello(f"odd-{secrets.token_hex(4)}")
        with Ear(broker.link, peer.key, kind=zmq.XSUB) as ear:
            assert fate_of(ear.fate) == IN
            ear.socket.send(frame)
            ear.socket.send_multipart([b"\x01", frame, b"\x01lobby\0"])
            serves(broker)


def test_a_topic_too_long_ends_its_connection(broker: Broker) -> None:
    """A subscription longer than any room's name can be is not kept."""
    with Peer(broker.link) as peer:
        peer.hello(f"odd-{secrets.token_hex(4)}")
        with Ear(broker.link, peer.key, kind=zmq.XSUB) as ear:
            assert fate_of(ear.fate) == IN
            ear.socket.send(b"\x01" + b"t" * (limits.PUB_FRAME_BYTES + 1))

            assert fate_of(ear.fate) == ENDED


# --- both, without a key --------------------------------------------------------------------------------------
GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x00"
"""How ZMTP 3.0 begins (RFC 23); the mechanism's name follows."""


def mechanism(name: bytes, *, server: int = 0) -> bytes:
    """A whole greeting of 64 bytes."""
    return GREETING + name.ljust(20, b"\0") + bytes([server]) + bytes(31)


RAW: dict[str, bytes] = {
    "nothing": b"",
    "one byte": b"\xff",
    "HTTP": b"GET / HTTP/1.1\r\nHost: here\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + noise(500),
    "SSH": b"SSH-2.0-OpenSSH_9.6\r\n",
    "random bytes": noise(40_000),
    "half a greeting": GREETING,
    "a greeting without security": mechanism(b"NULL") + b"\x04\x19\x05READY\x0bSocket-Type\x00\x00\x00\x06DEALER",
    "a greeting with a password": mechanism(b"PLAIN") + b"\x04\x0c\x05HELLO\x01a\x01b",
    "a greeting of nothing known": mechanism(b"\xff" * 20),
    "a greeting as server": mechanism(b"CURVE", server=1),
    "CURVE with an empty hello": mechanism(b"CURVE") + b"\x04\x06\x05HELLO",
    "CURVE with a wrong hello": mechanism(b"CURVE") + b"\x04\xc8\x05HELLO" + noise(194),
    "CURVE with a frame of exabytes": mechanism(b"CURVE") + b"\x06" + struct.pack(">Q", 2**62),
    "an old ZMTP": b"\x01\x00" + noise(50),
}


@pytest.mark.parametrize("port", [0, 1], ids=["ROUTER", "PUB"])
@pytest.mark.parametrize("data", RAW.values(), ids=RAW)
def test_strangers_are_hung_up_on(broker: Broker, idle: int, data: bytes, port: int) -> None:
    """Who does not speak CURVE gets a greeting at most, and its connection is not kept."""
    at = Link.parse(broker.link)
    with (
        contextlib.suppress(OSError),  # hung up on while it still spoke
        socket.create_connection((at.host, at.port + port), PATIENCE) as stranger,
    ):
        stranger.sendall(data)
        stranger.shutdown(socket.SHUT_WR)
        answer = b""
        while chunk := stranger.recv(4_096):
            answer += chunk
        assert len(answer) <= 400

    until(lambda: descriptors(broker) <= idle, "the end of the connection")


@pytest.mark.parametrize(("kind", "port"), [(zmq.DEALER, 0), (zmq.SUB, 1)], ids=["ROUTER", "PUB"])
def test_zeromq_without_a_key_is_refused(broker: Broker, kind: int, port: int) -> None:
    """A client without encryption gets into neither socket."""
    at = Link.parse(broker.link)
    with timed_context() as context, context.socket(kind) as plain:
        plain.linger = 0
        # Which of the failures is told first is a matter of luck.
        outcome = plain.get_monitor_socket(
            zmq.EVENT_HANDSHAKE_SUCCEEDED
            | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
            | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
            | zmq.EVENT_DISCONNECTED
        )
        plain.connect(f"tcp://{at.host}:{at.port + port}")

        assert outcome.poll(int(PATIENCE * 1_000))
        event = parse_monitor_message(outcome.recv_multipart())["event"]
        plain.disable_monitor()
        outcome.close()
    assert event != zmq.EVENT_HANDSHAKE_SUCCEEDED


@pytest.mark.parametrize(("kind", "port"), [(zmq.DEALER, 1), (zmq.SUB, 0), (zmq.REQ, 0), (zmq.PUSH, 0)])
def test_the_wrong_kind_of_socket_harms_nobody(broker: Broker, kind: int, port: int) -> None:
    """A peer with a key but of another kind than the socket takes gets nothing."""
    at, key = Link.parse(broker.link), KeyPair.generate()
    with timed_context() as context, context.socket(kind) as odd:
        odd.linger = 0
        odd.curve_serverkey = z85.encode(at.key)
        odd.curve_publickey = z85.encode(key.public)
        odd.curve_secretkey = z85.encode(key.secret)
        odd.connect(f"tcp://{at.host}:{at.port + port}")
        if kind != zmq.SUB:
            with contextlib.suppress(zmq.Again):
                odd.send(wire.encode(Ping()), zmq.NOBLOCK)
        serves(broker)
