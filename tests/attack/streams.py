"""Broken ZMTP on bare TCP: what a stranger without a key, without libzmq and without manners writes to a port.

Owns how streams are made (`Streams`, from a seeded source) and how they are sent, many at once (`send`, `relay`).
Does not know what the broker should make of them.
"""

from __future__ import annotations

import contextlib
import itertools
import random
import select
import selectors
import socket
import struct
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal

import zmq
from zmq.utils import z85

from zchat.common import wire
from zchat.common.keys import KeyPair, Link
from zchat.common.messages import Hello, Ping

from ..processes import PATIENCE

AT_ONCE = 100
"""Connections that are open at the same time."""
IDLE = 30
"""Milliseconds after which a real client that says nothing more has said all."""
SIGNATURE = b"\xff" + bytes(8) + b"\x7f"
GREETING_BYTES, HELLO_BYTES = 64, 202
MORE, LONG, COMMAND = 1, 2, 4
"""Flags of a ZMTP frame (RFC 23)."""

Ending = Literal["fin", "reset", "stay"]
"""What follows the last byte: the end of our side, a reset, or silence until the broker hangs up."""


@dataclass(frozen=True)
class Stream:
    """What one connection writes, each chunk with a call of its own, and how it ends."""

    kind: str
    chunks: list[bytes]
    ending: Ending = "fin"


def greeting(mechanism: bytes = b"CURVE", *, version: bytes = b"\3\1", as_server: int = 0) -> bytes:
    """How ZMTP 3 begins."""
    return SIGNATURE + version + mechanism.ljust(20, b"\0")[:20] + bytes([as_server]) + bytes(31)


def frame(body: bytes, flags: int = COMMAND, *, length: int | None = None) -> bytes:
    """A frame, which may say another length than it has."""
    said = len(body) if length is None else length
    if said > 255 or flags & LONG:
        return bytes([flags | LONG]) + struct.pack(">Q", said) + body
    return bytes([flags, said]) + body


def command(name: bytes, data: bytes = b"", *, name_length: int | None = None) -> bytes:
    """The body of a command, which may say another length of its name than it has."""
    return bytes([len(name) if name_length is None else name_length]) + name + data


def real_hello(link: Link) -> bytes:
    """A right CURVE HELLO for this broker, as a frame: libzmq says it to anybody who greets like the broker."""
    with socket.create_server(("127.0.0.1", 0)) as server, zmq.Context() as context:
        server.settimeout(PATIENCE)
        client = real_client(context, zmq.DEALER, link)
        with client:
            client.connect("tcp://{}:{}".format(*server.getsockname()))
            connection, _ = server.accept()
            with connection:
                connection.settimeout(PATIENCE)
                connection.sendall(greeting(as_server=1))
                data = b""
                while len(data) < GREETING_BYTES + HELLO_BYTES:
                    data += connection.recv(4_096)
    hello = data[GREETING_BYTES:]
    assert hello[1:8] == b"\xc8\x05HELLO"
    return hello


def real_client(
    context: zmq.Context[zmq.Socket[bytes]], kind: int, link: Link, key: KeyPair | None = None
) -> zmq.Socket[bytes]:
    """A socket that speaks CURVE with this broker and does not come back when it is cut off."""
    key = key or KeyPair.generate()
    client = context.socket(kind)
    client.linger = 0
    client.reconnect_ivl = 3_600_000
    client.curve_serverkey = z85.encode(link.key)
    client.curve_publickey = z85.encode(key.public)
    client.curve_secretkey = z85.encode(key.secret)
    return client


class Streams:
    """Makes streams; the same ones from the same seed, but for the keys in `hello`."""

    def __init__(self, seed: int, hello: bytes) -> None:
        self._random = random.Random(seed)
        self._hello = hello
        self._kinds: dict[str, Callable[[], list[bytes]]] = {
            "random bytes": self._noise,
            "truncated greeting": self._truncated,
            "damaged greeting": self._damaged_greeting,
            "another mechanism": self._mechanism,
            "an old version": self._old,
            "HELLO with flipped bits": self._flipped_hello,
            "HELLO of a wrong length": self._wrong_length,
            "a huge length": self._huge,
            "a long command": self._long_command,
            "commands out of order": self._disorder,
            "HELLO, then a wrong INITIATE": self._initiate,
            "half-open": self._half_open,
            "byte by byte": self._bytewise,
        }

    def __iter__(self) -> Iterator[Stream]:
        """Streams without end, the kinds in turn."""
        while True:
            for kind, make in self._kinds.items():
                yield Stream(kind, [chunk for chunk in make() if chunk], self._ending(kind))

    def _ending(self, kind: str) -> Ending:
        return "reset" if kind == "half-open" else self._random.choices(["fin", "reset", "stay"], [90, 9, 1])[0]

    def _bytes(self, most: int) -> bytes:
        return self._random.randbytes(self._random.randint(1, most))

    def _flipped(self, data: bytes, most: int = 8) -> bytes:
        """A few bits the other way round."""
        flipped = bytearray(data)
        for _ in range(self._random.randint(1, most)):
            flipped[self._random.randrange(len(flipped))] ^= 1 << self._random.randrange(8)
        return bytes(flipped)

    def _greeting(self) -> bytes:
        return greeting(version=self._random.choice([b"\3\0", b"\3\1", b"\3\xff", b"\4\0"]))

    def _noise(self) -> list[bytes]:
        noise = self._bytes(self._random.choice([10, 1_000, 100_000]))
        return [self._random.choice([b"", b"\xff", SIGNATURE, greeting()]) + noise]

    def _truncated(self) -> list[bytes]:
        return [greeting()[: self._random.randrange(GREETING_BYTES)]]

    def _damaged_greeting(self) -> list[bytes]:
        return [self._flipped(greeting()), self._hello]

    def _mechanism(self) -> list[bytes]:
        ready = command(b"READY", b"\x0bSocket-Type\0\0\0\x06DEALER\x08Identity" + struct.pack(">I", 5) + b"admin")
        name, said = self._random.choice(
            [
                (b"NULL", ready),
                (b"NULL", self._flipped(ready)),
                (b"NULL", command(b"READY", b"\x0bSocket-Type\xff\xff\xff\xffDEALER")),
                (b"PLAIN", command(b"HELLO", b"\x05admin\x05admin")),
                (b"PLAIN", command(b"HELLO", b"\xff" + self._bytes(300))),
                (b"GSSAPI", command(b"INITIATE", self._bytes(300))),
                (b"curve", self._hello[2:]),
                (b"CURVE\0NULL", self._hello[2:]),
                (self._random.randbytes(20), self._bytes(300)),
            ]
        )
        as_server = self._random.randrange(2)
        return [greeting(name, as_server=as_server), frame(said), frame(wire.encode(Ping()), 0)]

    def _old(self) -> list[bytes]:
        identity = self._bytes(20)
        return [
            self._random.choice(
                [
                    bytes([1 + len(identity), 0]) + identity,  # ZMTP 1.0
                    SIGNATURE + bytes([0, 5]) + frame(identity, 0),  # 2.0
                    SIGNATURE + bytes([1, 5]) + frame(identity, 0),
                    SIGNATURE + bytes([2, self._random.randrange(256)]),
                    b"\xff" + struct.pack(">Q", self._random.getrandbits(64)) + b"\x7f" + identity,
                    b"\xff" + struct.pack(">Q", self._random.getrandbits(64)) + identity,
                ]
            ),
            self._bytes(300),
        ]

    def _flipped_hello(self) -> list[bytes]:
        return [self._greeting(), self._hello[:2] + self._flipped(self._hello[2:])]

    def _wrong_length(self) -> list[bytes]:
        body = self._hello[2:]
        said = self._random.choice([0, 1, 5, 199, 201, 254, 255, 256, 1_000, 65_536])
        return self._random.choice(
            [
                [self._greeting(), frame(body, length=said)],
                [self._greeting(), frame(body[:said])],
                [self._greeting(), frame(body + self._bytes(1_000))],
                [self._greeting(), frame(command(b"HELLO", body[6:], name_length=self._random.randrange(256)))],
            ]
        )

    def _huge(self) -> list[bytes]:
        length = self._random.choice([2**63, 2**64 - 1, 2**31, 2**32, 2**40, self._random.getrandbits(64)])
        flags = self._random.choice([COMMAND, 0, MORE, COMMAND | MORE, 0xF8])
        before = self._random.choice([b"", self._hello])
        return [self._greeting(), before, frame(self._bytes(2_000), flags | LONG, length=length)]

    def _long_command(self) -> list[bytes]:
        name = self._random.choice([b"HELLO", b"INITIATE", b"MESSAGE", b"READY", b"ERROR", b"PING", b"x" * 255, b""])
        before = self._random.choice([b"", self._hello])
        size = self._random.choice([300, 5_000, 500_000])
        return [self._greeting(), before, frame(command(name, self._random.randbytes(size)))]

    def _disorder(self) -> list[bytes]:
        said = [
            self._hello,
            frame(command(b"INITIATE", self._random.randbytes(248))),
            frame(command(b"MESSAGE", self._random.randbytes(40))),
            frame(command(b"WELCOME", self._random.randbytes(160))),
            frame(command(b"READY", self._random.randbytes(40))),
            frame(command(b"ERROR", b"\x03400")),
            frame(command(b"PING", b"\0\0ping")),
            frame(command(b"SUBSCRIBE", b"lobby")),
            frame(wire.encode(Ping()), 0),
            frame(b"", MORE) * 50,
        ]
        return [self._greeting(), *self._random.choices(said, k=self._random.randint(1, 6))]

    def _initiate(self) -> list[bytes]:
        size = self._random.choice([0, 100, 248, 249, 400, 2_000])
        initiate = command(b"INITIATE", self._random.randbytes(size))
        return [self._greeting(), self._hello, frame(self._random.choice([initiate, self._flipped(initiate)]))]

    def _half_open(self) -> list[bytes]:
        return [(greeting() + self._hello)[: self._random.choice([0, 0, 1, 10, 12, GREETING_BYTES, 100])]]

    def _bytewise(self) -> list[bytes]:
        whole = self._greeting() + self._random.choice([self._hello, self._flipped(self._hello)])
        return [whole[place : place + 1] for place in range(self._random.randint(1, len(whole)))]


# --- sending --------------------------------------------------------------------------------------------------
@dataclass(eq=False)
class _Flight:
    """One stream on its way."""

    stream: Stream
    connection: socket.socket
    left: list[bytes]
    deadline: float = field(default_factory=lambda: time.monotonic() + PATIENCE)

    def write(self) -> int:
        """Send the next chunk, or as much of it as is taken; what is to be waited for then, 0 when this is the end."""
        if self.left:
            sent = self.connection.send(self.left[0])
            self.left[:1] = [self.left[0][sent:]] if sent < len(self.left[0]) else []
        if self.left:
            return selectors.EVENT_READ | selectors.EVENT_WRITE
        if self.stream.ending == "reset":
            return 0
        if self.stream.ending == "fin":
            self.connection.shutdown(socket.SHUT_WR)
        return selectors.EVENT_READ

    def turn(self, events: int, waited: int) -> int:
        """Do what can be done now; what is to be waited for then, 0 when the connection has come to its end."""
        try:
            if events & selectors.EVENT_READ and not self.connection.recv(65_536):
                return 0
            if events & selectors.EVENT_WRITE:
                return self.write()
        except BlockingIOError:
            pass
        except OSError:  # hung up on while it still spoke
            return 0
        return waited

    def close(self) -> None:
        """Reset the connection, so that nothing of it stays."""
        with contextlib.suppress(OSError):
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()


def send(streams: Iterator[tuple[Stream, tuple[str, int]]]) -> None:
    """Send each stream to its address, many at once; fails when the broker does not end a connection in time."""
    with selectors.DefaultSelector() as selector:
        try:
            while True:
                for stream, address in itertools.islice(streams, AT_ONCE - len(selector.get_map())):
                    _take_off(selector, stream, address)
                if not selector.get_map():
                    return
                for key, events in selector.select(1.0):
                    _fly(selector, key.data, key.events, events)
                late = [key.data for key in selector.get_map().values() if key.data.deadline < time.monotonic()]
                assert not late, f"the broker keeps a connection open: {late[0].stream}"
        finally:
            for key in list(selector.get_map().values()):
                key.data.close()


def _take_off(selector: selectors.BaseSelector, stream: Stream, address: tuple[str, int]) -> None:
    connection = socket.create_connection(address, PATIENCE)
    connection.setblocking(False)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    flight = _Flight(stream, connection, list(stream.chunks))
    selector.register(connection, selectors.EVENT_READ | selectors.EVENT_WRITE, flight)


def _fly(selector: selectors.BaseSelector, flight: _Flight, waited: int, events: int) -> None:
    wanted = flight.turn(events, waited)
    if not wanted:
        selector.unregister(flight.connection)
        flight.close()
    elif wanted != waited:
        selector.modify(flight.connection, wanted, flight)


def relay(source: random.Random, link: Link, kind: int, key: KeyPair) -> None:
    """A real client and the broker come together, and what the client writes is changed on its way, at one place."""
    address = link.host, link.port + (kind == zmq.SUB)
    place = source.choice([source.randrange(GREETING_BYTES), source.randrange(600), source.randrange(1_200)])
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        server.settimeout(PATIENCE)
        context = stack.enter_context(zmq.Context())
        client = stack.enter_context(real_client(context, kind, link, key))
        client.connect("tcp://{}:{}".format(*server.getsockname()))
        if kind == zmq.SUB:
            for number in range(5):
                client.subscribe(f"room{number}\0")
        else:
            client.send(wire.encode(Hello(nick="relayed", instance="1", ref=1)))
            for number in range(5):
                client.send(wire.encode(Ping(ref=number)))
        near = stack.enter_context(server.accept()[0])
        far = stack.enter_context(socket.create_connection(address, PATIENCE))
        done = 0
        with contextlib.suppress(OSError):  # hung up on while it still spoke
            while readable := select.select([near, far], [], [], IDLE / 1_000)[0]:
                for one, other in ((near, far), (far, near)):
                    if one not in readable:
                        continue
                    data = one.recv(65_536)
                    if not data:
                        return
                    if one is near and done <= place < done + len(data):
                        data = _changed(source, data, place - done)
                    done += len(data) if one is near else 0
                    other.sendall(data)


def _changed(source: random.Random, data: bytes, place: int) -> bytes:
    before, after = data[:place], data[place:]
    flipped = bytes([after[0] ^ 1 << source.randrange(8)]) + after[1:]
    noise = source.randbytes(source.randint(1, 300))
    return before + source.choice(
        [flipped, flipped, after[source.randint(1, 40) :], noise + after, noise, after + after]
    )
