"""What is said to the servers that are compared, in bytes: how to come in, to listen, to say something, to be answered.

Owns the bytes of each protocol, as far as a benchmark needs them. Does not know sockets (`crowds`). Pure; any thread.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

ROOM = "bench"
TEXT_BYTES = 100


def text(word: str) -> str:
    """A message that begins with a word, of the length that all messages have."""
    return f"{word} ".ljust(TEXT_BYTES, "x")


class Dialect(Protocol):
    """One protocol."""

    @property
    def greeting(self) -> bytes:
        """How the server begins before TLS, if it does."""

    @property
    def ack(self) -> bytes:
        """What is counted in the answers to find out how many messages were acked; empty: nothing is acked."""

    @property
    def senders_listen(self) -> bool:
        """Whether a sender has to do what makes others hear."""

    def enter(self, number: int) -> tuple[bytes, bytes]:
        """What a connection says first, and what the answer to it holds."""
        ...

    def listen(self, number: int) -> tuple[bytes, bytes]:
        """What makes it hear the room and what is said to it alone, and what the answer to that holds."""
        ...

    def say(self, text: str, to: int | None = None) -> bytes:
        """A message to the room, or to one connection alone."""
        ...


@dataclass(frozen=True)
class Irc:
    """RFC 2812; who speaks in a channel is in it, and does not hear their own words."""

    greeting = ack = b""
    senders_listen = True

    def enter(self, number: int) -> tuple[bytes, bytes]:
        """Nick and user, until the end of the message of the day: what is said before it waits for a second."""
        return f"NICK n{number}\r\nUSER n 0 * :n\r\n".encode(), b" :End of"

    def listen(self, number: int) -> tuple[bytes, bytes]:
        """Join; until the end of the names."""
        return f"JOIN #{ROOM}\r\n".encode(), b" 366 "

    def say(self, text: str, to: int | None = None) -> bytes:
        """PRIVMSG."""
        return f"PRIVMSG {f'#{ROOM}' if to is None else f'n{to}'} :{text}\r\n".encode()


@dataclass(frozen=True)
class Redis:
    """RESP2, pub/sub."""

    greeting = ack = b""
    senders_listen = False

    def enter(self, number: int) -> tuple[bytes, bytes]:
        """A sign of life."""
        return b"PING\r\n", b"PONG"

    def listen(self, number: int) -> tuple[bytes, bytes]:
        """Subscribe."""
        return f"SUBSCRIBE {ROOM}\r\n".encode(), b":1\r\n"

    def say(self, text: str, to: int | None = None) -> bytes:
        """Publish."""
        return f"*3\r\n$7\r\nPUBLISH\r\n$5\r\n{ROOM}\r\n${len(text)}\r\n{text}\r\n".encode()


@dataclass(frozen=True)
class RedisStream(Redis):
    """A stream in a file that is synced before the answer."""

    greeting, ack = b"", b"$"

    def listen(self, number: int) -> tuple[bytes, bytes]:
        """Nobody listens; a sign of life."""
        return self.enter(number)

    def say(self, text: str, to: int | None = None) -> bytes:
        """XADD."""
        return f"*5\r\n$4\r\nXADD\r\n$5\r\n{ROOM}\r\n$1\r\n*\r\n$1\r\nt\r\n${len(text)}\r\n{text}\r\n".encode()


@dataclass(frozen=True)
class Nats:
    """The NATS protocol."""

    greeting, ack = b"INFO", b""
    senders_listen = False

    def enter(self, number: int) -> tuple[bytes, bytes]:
        """Connect."""
        return b'CONNECT {"verbose":false,"pedantic":false}\r\nPING\r\n', b"PONG\r\n"

    def listen(self, number: int) -> tuple[bytes, bytes]:
        """Subscribe to the room and to one's own subject."""
        return f"SUB {ROOM} 1\r\nSUB n.{number} 2\r\nPING\r\n".encode(), b"PONG\r\n"

    def say(self, text: str, to: int | None = None) -> bytes:
        """Publish."""
        return f"PUB {ROOM if to is None else f'n.{to}'} {len(text)}\r\n{text}\r\n".encode()


@dataclass(frozen=True)
class JetStream(Nats):
    """NATS with a stream in files, which acks what it has stored."""

    greeting, ack = b"INFO", b'"seq"'
    senders_listen = True

    def enter(self, number: int) -> tuple[bytes, bytes]:
        """Connect, and see to it that the stream is there."""
        stream = f'{{"name":"S","subjects":["{ROOM}"],"storage":"file","retention":"limits"}}'
        connect = b'CONNECT {"verbose":false,"pedantic":false,"headers":true}\r\nSUB r 9\r\n'
        return connect + f"PUB $JS.API.STREAM.CREATE.S r {len(stream)}\r\n{stream}\r\n".encode(), b"stream_create"

    def listen(self, number: int) -> tuple[bytes, bytes]:
        """The acks; each holds ``"seq"``."""
        return f"UNSUB 9\r\nSUB a.{number} 3\r\nPING\r\n".encode(), b"PONG\r\n"

    def say(self, text: str, to: int | None = None) -> bytes:
        """Publish, to be acked to one connection."""
        return f"PUB {ROOM} a.{to} {len(text)}\r\n{text}\r\n".encode()


@dataclass(frozen=True)
class Mqtt:
    """MQTT 3.1.1; with `acked` it is QoS 1."""

    acked: bool = False
    greeting = b""
    senders_listen = False

    @property
    def ack(self) -> bytes:
        """PUBACK of the one id that is used."""
        return b"\x40\x02\x00\x01" if self.acked else b""

    def enter(self, number: int) -> tuple[bytes, bytes]:
        """CONNECT without a keepalive."""
        name = f"n{number}".encode()
        body = b"\x00\x04MQTT\x04\x02\x00\x00" + len(name).to_bytes(2, "big") + name
        return bytes((0x10, len(body))) + body, b"\x20\x02\x00\x00"

    def listen(self, number: int) -> tuple[bytes, bytes]:
        """SUBSCRIBE at QoS 0."""
        body = b"\x00\x01" + len(ROOM).to_bytes(2, "big") + ROOM.encode() + b"\x00"
        return bytes((0x82, len(body))) + body, b"\x90\x03"

    def say(self, text: str, to: int | None = None) -> bytes:
        """PUBLISH."""
        body = len(ROOM).to_bytes(2, "big") + ROOM.encode() + (b"\x00\x01" if self.acked else b"") + text.encode()
        assert len(body) < 128, "its length is one byte"
        return bytes((0x32 if self.acked else 0x30, len(body))) + body


DIALECTS: dict[str, Dialect] = {
    "irc": Irc(),
    "redis": Redis(),
    "redis_stream": RedisStream(),
    "nats": Nats(),
    "jetstream": JetStream(),
    "mqtt": Mqtt(),
    "mqtt_acked": Mqtt(acked=True),
}
