"""Broken words of somebody who was let in: what a peer with a key says to ROUTER, and sends as topics to PUB.

Owns how messages of one or many frames are made, from a seeded source. Does not know sockets.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import msgspec

from zchat.common import limits, wire

PREFIX = bytes([wire.VERSION])
SUBSCRIBE, UNSUBSCRIBE = b"\1", b"\0"

pack = msgspec.msgpack.encode


class Words:
    """Makes messages; the same ones from the same seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._makers: list[Callable[[], list[bytes]]] = [
            self._right,
            self._other_values,
            self._flipped,
            self._cut,
            self._spliced,
            self._stuffed,
            self._another_version,
            self._many_parts,
            self._empty,
            self._large,
            self._nested,
            self._lying_lengths,
            self._packed,
        ]

    def command(self) -> list[bytes]:
        """The frames of one message for ROUTER."""
        return self._random.choice(self._makers)()

    def topic(self) -> list[bytes]:
        """The frames of one message for PUB, most of them a topic to subscribe to or to give up."""
        source = self._random
        name = source.choice(
            [
                f"room-{source.randrange(1_000)}\0".encode(),
                b"lobby\0",
                b"lobby",
                b"\0",
                b"",
                b"@" + source.randbytes(32) + b"\0",
                source.randbytes(source.randint(1, 300)),
                "ö".encode() * source.randint(1, 100),
                b"\xff" * source.randint(1, 300),
            ]
        )
        sign = source.choice([SUBSCRIBE, SUBSCRIBE, UNSUBSCRIBE, source.randbytes(1), b""])
        return [sign + name] if source.random() < 0.9 else [sign + name, *self._parts()]

    def _raw(self) -> dict[str, Any]:
        """A right command as a map."""
        source = self._random
        room = f"room-{source.randrange(200)}"
        number = source.randrange(2**63)
        return source.choice(
            [
                {"type": "hello", "nick": f"peer-{source.randrange(50)}", "instance": "1", "present": True, "ref": 1},
                {"type": "goodbye", "reason": "tea"},
                {"type": "ping", "seen": {room: number}, "ref": number},
                {"type": "join", "room": room, "after": number, "ref": number},
                {"type": "join", "room": room, "last": 20, "create": True, "ref": number},
                {"type": "part", "room": room, "ref": number},
                {"type": "say", "id": f"id-{source.getrandbits(64)}", "room": room, "text": "hello\nyou"},
                {"type": "say", "id": f"id-{source.getrandbits(64)}", "to": "peer-1", "text": "hello", "kind": "me"},
                {"type": "replay", "room": room, "after": number, "limit": 500, "ref": number},
                {"type": "replay", "to": "peer-1", "before": number, "ref": number},
                {"type": "who", "room": room, "ref": number},
                {"type": "rooms", "ref": number},
            ]
        )

    def _body(self) -> bytes:
        return PREFIX + pack(self._raw())

    def _value(self) -> Any:
        source = self._random
        return source.choice(
            [
                None,
                True,
                -1,
                2**63,
                2**64 - 1,
                -(2**63),
                float("nan"),
                1e300,
                "",
                "\0",
                "\x1b]2;title\x07\r\n",
                "x" * source.choice([65, 129, 1_025, 20_000, 65_537]),
                "\U0001f469\u200d" * 100,
                "@" + "a" * 32 + "." + "b" * 32,
                "..",
                b"\xff\xfe",
                [],
                {},
                [1] * 1_000,
                {str(number): number for number in range(limits.PING_ROOMS + 1)},
                msgspec.msgpack.Ext(source.randrange(128), source.randbytes(20)),
            ]
        )

    def _right(self) -> list[bytes]:
        return [self._body()]

    def _other_values(self) -> list[bytes]:
        raw = self._raw()
        for _ in range(self._random.randint(1, 2)):
            raw[self._random.choice([*raw, "to", "seen", "unknown"])] = self._value()
        return [PREFIX + pack(raw)]

    def _flipped(self) -> list[bytes]:
        body = bytearray(self._body())
        for _ in range(self._random.randint(1, 6)):
            body[self._random.randrange(len(body))] ^= 1 << self._random.randrange(8)
        return [bytes(body)]

    def _cut(self) -> list[bytes]:
        body = self._body()
        return [body[: self._random.randrange(len(body))]]

    def _spliced(self) -> list[bytes]:
        one, other = self._body(), self._body()
        return [one[: self._random.randrange(len(one))] + other[self._random.randrange(len(other)) :]]

    def _stuffed(self) -> list[bytes]:
        body, place = self._body(), self._random.randrange(1, 10)
        return [body[:place] + self._random.randbytes(self._random.randint(1, 20)) + body[place:]]

    def _another_version(self) -> list[bytes]:
        return [bytes([self._random.randrange(256)]) + self._body()[1:]]

    def _parts(self) -> list[bytes]:
        return [
            self._random.choice([b"", b"x", self._body()])
            for _ in range(self._random.choice([2, 3, 10, self._random.randrange(2, 500)]))
        ]

    def _many_parts(self) -> list[bytes]:
        return self._parts()

    def _empty(self) -> list[bytes]:
        return [self._random.choice([b"", PREFIX, PREFIX + b"\x80", b"\0"])]

    def _large(self) -> list[bytes]:
        if self._random.random() < 0.8:  # most of the time is for many, not for much
            return [self._random.choice([b"", PREFIX]) + self._random.randbytes(self._random.randrange(5_000))]
        return [
            self._random.choice(
                [
                    PREFIX + pack({**self._raw(), "text": "x" * 100_000}),
                    PREFIX + pack({**self._raw(), "unknown": bytes(100_000)}),
                    PREFIX + bytes(100_000),
                    self._random.randbytes(100_000),
                ]
            )
        ]

    def _nested(self) -> list[bytes]:
        deep = self._random.choice([b"\x91", b"\x81\xa1x", b"\x81", b"\xdc\0\1"]) * self._random.choice(
            [10, 900, 30_000]
        )
        return [PREFIX + b"\x82\xa4type\xa4ping\xa1x" + deep + self._random.choice([b"", b"\xc0"])]

    def _packed(self) -> list[bytes]:
        source = self._random
        count = source.choice([0, 1, 3, 20, 200, limits.PACK_MESSAGES + 1])
        parts = [self._body()[1:] if source.random() < 0.9 else pack(self._value()) for _ in range(min(count, 20))]
        said = max(0, count + source.choice([0, 0, 0, 1, -1]))
        inside = b"".join(source.choice(parts) for _ in range(count)) if count else b""
        return [PREFIX + b"\xdc" + said.to_bytes(2, "big") + inside]

    def _lying_lengths(self) -> list[bytes]:
        said = self._random.choice([b"\xdf", b"\xdd", b"\xdb", b"\xc6", b"\xc9"])
        length = self._random.choice([b"\xff" * 4, b"\x7f" + b"\xff" * 3, b"\0\0\xff\xff", b"\0\x01\0\0"])
        head = self._random.choice([b"\x82\xa4type\xa4ping\xa4seen", b"\x82\xa4type\xa3say\xa4text", b""])
        return [PREFIX + head + said + length + self._random.randbytes(50)]
