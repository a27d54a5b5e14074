"""Readers and senders of one room over ZeroMQ, at zchat or at the bare relay.

Owns the sockets: each reader has a SUB of its own, and at zchat a key, a DEALER, a session and its pings, as a real
client has. Counts entries without looking into them. Does not know what is measured (`workloads`). One thread, beside
libzmq's own. `crowds` has the same for raw TCP.
"""

from __future__ import annotations

import contextlib
import itertools
import secrets
import select
import time
import uuid
from collections.abc import Sequence
from typing import Self

import msgspec
import zmq

from zchat.common import wire
from zchat.common.keys import KeyPair, Link
from zchat.common.limits import PACE_SESSIONS, PACK_BYTES, PING_IDLE, PING_INTERVAL
from zchat.common.messages import Entries, Ping, Say, Welcome

from .crowds import Delivered
from .dialects import ROOM, text
from .relay import TOPIC
from .servers import PATIENCE, Failed, Running
from .wires import Context, enter, hello, open_socket, receive

_ID = str(uuid.UUID(int=0))


class _Ids(msgspec.Struct):
    """Of a batch, how many it has; the rest is skipped."""

    ids: bytes | list[str] = b""

    def __len__(self) -> int:
        return len(self.ids) // 16 if isinstance(self.ids, bytes) else len(self.ids)


class _Counted(msgspec.Struct):
    """Of an event, how many entries or acks it has."""

    type: str
    batch: _Ids | None = None
    acks: list[_Ids] = []


_counts = msgspec.msgpack.Decoder(_Counted | list[_Counted])


def _counted(body: bytes) -> list[_Counted]:
    events = _counts.decode(memoryview(body)[1:])
    return events if isinstance(events, list) else [events]


class Bodies:
    """Messages of one sender, each with an id of its own, a UUID as a client makes it."""

    def __init__(self, sender: object, room: str | None = ROOM, to: str | None = None) -> None:
        said = wire.encode(Say(id=_ID, room=room, to=to, text=text("m")))
        self._before, self._after = said.split(_ID.encode())
        start = str(uuid.uuid5(uuid.NAMESPACE_OID, f"{time.time_ns()} {sender}"))
        self._before += start[:24].encode()
        self._numbers = itertools.count()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        return b"%b%012x%b" % (self._before, next(self._numbers), self._after)


class ZmqCrowd:
    """Everybody at zchat or at the relay."""

    def __init__(
        self,
        running: Running,
        readers: int,
        senders: int = 1,
        *,
        room: str = ROOM,
        beside: Sequence[ZmqCrowd] = (),
    ) -> None:
        """They come in one after the other, while those `beside` them give signs of life."""
        assert running.link is not None
        self._beside = beside
        self._link, self._is_zchat, self._room = running.link, running.server.dialect == "zchat", room
        self._curve = running.server.dialect != "relay"
        self._context: Context = zmq.Context()
        self._context.set(zmq.MAX_SOCKETS, 60_000)
        self._epoll = select.epoll()
        self._pings: list[zmq.Socket[bytes]] = []
        self._ping_at, self._next_ping = 0.0, 0
        self._crowd = secrets.token_hex(3)
        """Part of the nicks: those of a crowd before this one belong to its keys."""
        self._bodies = [Bodies(number, room) for number in range(senders)]
        self._plain = text("m").encode()
        self.acked = [0] * senders
        self._heard_at = 0.0
        self.frames = 0
        """How many the readers got, each with one entry or more."""
        self.senders = [self._enter(f"sender{number}-{self._crowd}", KeyPair.generate()) for number in range(senders)]
        self.readers = self._listen(readers)
        self._numbers = {sock.fileno(): number for number, sock in enumerate(self.readers)}
        self._senders = {sock.fileno(): number for number, sock in enumerate(self.senders)}
        for descriptor in (*self._numbers, *self._senders):
            self._epoll.register(descriptor, select.EPOLLIN)
        if readers:
            self._settle()
        self._beside = ()

    def close(self) -> None:
        """Leave without a word."""
        self._epoll.close()
        self._context.destroy(linger=0)

    def fileno(self) -> int:
        """What is readable when something has come."""
        return self._epoll.fileno()

    # --- coming in --------------------------------------------------------------------------------------------
    def _open(self, kind: int, key: KeyPair) -> zmq.Socket[bytes]:
        return open_socket(self._context, kind, self._link, key, curve=self._curve)

    def _enter(self, nick: str, key: KeyPair) -> zmq.Socket[bytes]:
        if not self._is_zchat:
            return self._open(zmq.DEALER, key)
        self._pings.append(enter(self._context, self._link, nick, self._room, key, present=False))
        return self._pings[-1]

    def _listen(self, readers: int) -> list[zmq.Socket[bytes]]:
        listening = []
        for number in range(readers):
            key = KeyPair.generate()
            if self._is_zchat:
                self._enter(f"reader{number}-{self._crowd}", key)
                self.together()
            sub = self._open(zmq.SUB, key)
            sub.subscribe(wire.topic(self._room) if self._is_zchat else TOPIC)
            listening.append(sub)
        return listening

    def _settle(self) -> None:
        """Until everybody hears everything that is said."""
        deadline = time.monotonic() + PATIENCE + len(self.readers) / 50
        deaf = set(range(len(self.readers)))
        while deaf:
            self.send(1)
            deaf -= {reader for reader, _ in self.receive(0.05)}
            if time.monotonic() > deadline:
                raise Failed(f"{len(deaf)} of {len(self.readers)} readers hear nothing")
        quiet_at = time.monotonic() + 0.5
        while time.monotonic() < quiet_at:
            if self.receive(0.1):
                quiet_at = time.monotonic() + 0.5

    # --- talking ----------------------------------------------------------------------------------------------
    def send(self, count: int, sender: int = 0) -> None:
        """Say so many messages."""
        sock, bodies = self.senders[sender], self._bodies[sender]
        if self._is_zchat:
            for frame in wire.pack(itertools.islice(bodies, count), PACK_BYTES):
                sock.send(frame)
        else:
            for _ in range(count):
                sock.send(self._plain)
        # Sending may swallow what the descriptor had to tell (zmq_getsockopt(3), ZMQ_FD).
        self._take_acks(sender)

    def receive(self, timeout: float) -> Delivered:
        """Wait so long for what comes, and take it."""
        delivered: Delivered = []
        for descriptor, _ in self._epoll.poll(timeout):
            number = self._numbers.get(descriptor)
            if number is None:
                self._take_acks(self._senders[descriptor])
            elif count := self._take(self.readers[number]):
                delivered.append((number, count))
        self.together()
        return delivered

    def _take(self, sub: zmq.Socket[bytes]) -> int:
        count = 0
        with contextlib.suppress(zmq.Again):
            while True:
                body = sub.recv_multipart(zmq.NOBLOCK)[1]
                self.frames += 1
                self._heard_at = time.monotonic()
                count += sum(len(event.batch or ()) for event in _counted(body)) if self._is_zchat else 1
        return count

    def _take_acks(self, sender: int) -> None:
        with contextlib.suppress(zmq.Again):
            while True:
                for event in _counted(self.senders[sender].recv(zmq.NOBLOCK)):
                    if event.type == "refused":
                        raise Failed("a message was refused")
                    self.acked[sender] += sum(map(len, event.acks))

    def together(self) -> None:
        """Give signs of life, one client after the other; throw away what the readers' DEALERs got."""
        for crowd in self._beside:
            crowd.together()
        now = time.monotonic()
        while self._pings and now >= self._ping_at:
            number = self._next_ping % len(self._pings)
            dealer = self._pings[number]
            dealer.send(wire.encode(Ping()))
            if number < len(self.senders):
                self._take_acks(number)
            else:
                with contextlib.suppress(zmq.Again):
                    while True:
                        dealer.recv(zmq.NOBLOCK)
            self._next_ping += 1
            # As our client: who has heard something tells it, and the more there are, the more rarely.
            pause = PING_INTERVAL if now - self._heard_at < PING_INTERVAL else PING_IDLE
            pause *= 1 + len(self._pings) // PACE_SESSIONS
            self._ping_at = max(self._ping_at, now - pause) + pause / len(self._pings)


def round_trips(running: Running, seconds: float, rate: float) -> Sequence[float]:
    """How long a private message and its private answer take, so many times a second."""
    assert running.link is not None
    is_zchat, taken = running.server.dialect == "zchat", []
    with contextlib.closing(_Pair(running.link, is_zchat, running.server.dialect != "relay")) as pair:
        started = time.perf_counter()
        for number in range(int(seconds * rate)):
            time.sleep(max(0.0, started + number / rate - time.perf_counter()))
            sent = time.perf_counter()
            pair.say(0)
            pair.hear(1)
            pair.say(1)
            pair.hear(0)
            taken.append(time.perf_counter() - sent)
    return taken


class _Pair:
    """Two who talk in private."""

    def __init__(self, link: Link, is_zchat: bool, curve: bool) -> None:
        self._context: Context = zmq.Context()
        self._is_zchat = is_zchat
        self._dealers, self._bodies = [], []
        for number in (0, 1):
            dealer = open_socket(
                self._context, zmq.DEALER, link, KeyPair.generate(), curve=curve, identity=f"n{number}"
            )
            if is_zchat:
                dealer.send(hello(f"n{number}"))
                receive(dealer, Welcome)
            self._dealers.append(dealer)
            self._bodies.append(Bodies(number, room=None, to=f"n{1 - number}"))
        self._pinged = time.monotonic()
        if not is_zchat:
            # Until the relay knows both: what is for somebody it does not know is lost.
            for number in (0, 1):
                dealer = self._dealers[number]
                while not dealer.poll(100):
                    dealer.send(f"@n{number} {text('p')}".encode())
            for number in (0, 1):
                while self._dealers[number].poll(300):
                    self._dealers[number].recv()

    def say(self, who: int) -> None:
        """Say something to the other."""
        if self._is_zchat:
            self._dealers[who].send(next(self._bodies[who]))
            if time.monotonic() - self._pinged > PING_INTERVAL:
                self._pinged = time.monotonic()
                for dealer in self._dealers:
                    dealer.send(wire.encode(Ping()))
        else:
            self._dealers[who].send(f"@n{1 - who} {text('p')}".encode())

    def hear(self, who: int) -> None:
        """Until the other's next message is there; not one's own echo."""
        while True:
            if not self._dealers[who].poll(int(PATIENCE * 1_000)):
                raise Failed("a private message did not come")
            body = self._dealers[who].recv()
            if not self._is_zchat:
                return
            if b"batch" not in body:
                continue
            for event in wire.decode_events(body):
                if isinstance(event, Entries) and any(entry.nick == f"n{1 - who}" for entry in event.entries):
                    return

    def close(self) -> None:
        """Leave without a word."""
        self._context.destroy(linger=0)
