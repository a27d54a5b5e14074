"""Clients who do nothing: they join, present, and then only give signs of life; what comes they throw away.

Owns one process's share of a crowd, since all its sockets are more than one process may open. Each client has a key,
a DEALER, a SUB, and the timing of our own client (`zchat.client.heartbeat`). Does not know what is measured (`idle`).
One thread, beside libzmq's own.

    python -m bench.idlers LINK FIRST LAST ROOM

plays the clients from number FIRST up to LAST, so many in each ROOM. It says ``in`` once all of them are and hear the
broker by both sockets, ends with its input, and says then, as JSON, what it has done.
"""

from __future__ import annotations

import json
import select
import sys
import time
from collections.abc import Iterable

import zmq

from zchat.client.heartbeat import Heartbeat
from zchat.common import wire
from zchat.common.errors import WireError
from zchat.common.keys import KeyPair, Link
from zchat.common.messages import Beacon, Entered, Event, Join, Ping, Pong, Refused, Unknown, Welcome

from .wires import Context, hello, open_socket

AT_ONCE = 25
"""How many are on their way in at the same time."""
TURN = 0.1
"""The longest wait for something to come, in seconds."""
_POLLIN = int(zmq.POLLIN)


class Idler:
    """One client, which dials as it is made."""

    def __init__(self, context: Context, link: Link, number: int, room: int) -> None:
        self._context, self._link, self._room = context, link, f"room{number // room}"
        self._key, self._ref = KeyPair.generate(), 2
        self._heartbeat = Heartbeat()
        self._seen: dict[str, int] = {}
        """What no ping has told yet."""
        self.due = time.monotonic()
        """When to look whether it is time for a sign of life."""
        self.dealer = open_socket(context, zmq.DEALER, link, self._key)
        self.sub: zmq.Socket[bytes] | None = None
        self.entered = False
        self.pings = self.heard = 0
        """How often it gave a sign of life, and how much it heard by SUB."""
        self.dealer.send(hello(f"idler{number}"))

    @property
    def is_in(self) -> bool:
        """Whether it has joined, and hears."""
        return self.entered and self.heard > 0

    def lost(self, now: float) -> bool:
        """Whether a real client would have given up its connection, or opened SUB anew."""
        return now >= self._heartbeat.dead_at or self._heartbeat.deaf(now)

    def tick(self, now: float) -> None:
        """Give a sign of life if it is time."""
        if self.entered and self._heartbeat.due(news=bool(self._seen)) <= now:
            self._ref, self.pings = self._ref + 1, self.pings + 1
            self.dealer.send(wire.encode(Ping(seen=self._seen, ref=self._ref)))
            self._seen = {}
            self._heartbeat.pinged(now, self._ref)
            # Sending may swallow what the descriptor had to tell (zmq_getsockopt(3), ZMQ_FD).
            self.receive(now)
        self.due = self._heartbeat.due(news=bool(self._seen))

    def receive(self, now: float) -> None:
        """Take all that has come."""
        while _holds_something(self.dealer):
            self._take(wire.decode_events(self.dealer.recv()), now)
        while self.sub is not None and _holds_something(self.sub):
            topic, body = self.sub.recv_multipart()
            self.heard += 1
            self._take(wire.decode_events(body) if topic == wire.BEACON_TOPIC else (), now)

    def _take(self, events: Iterable[Event | Unknown | WireError], now: float) -> None:
        self._heartbeat.heard(now)
        for event in events:
            match event:
                case Welcome(pace=pace):
                    self._heartbeat.pace = pace
                    self._listen(now)
                    self.dealer.send(wire.encode(Join(room=self._room, ref=2)))
                case Entered(room=room, after=after):
                    self._seen, self.entered, self.due = {room: after}, True, now
                case Pong(ref=ref):
                    self._heartbeat.ponged(now, ref)
                case Beacon(pace=pace):
                    self._heartbeat.beacon(now, pace)
                case Refused(detail=detail):
                    raise SystemExit(f"bench: the broker refused: {detail}")

    def _listen(self, now: float) -> None:
        self._heartbeat.begin(now)
        self._heartbeat.listen(now)
        self.sub = open_socket(self._context, zmq.SUB, self._link, self._key)
        for topic in (wire.BEACON_TOPIC, wire.topic(self._room)):
            self.sub.subscribe(topic)


def _holds_something(socket: zmq.Socket[bytes]) -> bool:
    return bool(int(socket.getsockopt(zmq.EVENTS)) & _POLLIN)


class Share:
    """All clients of this process."""

    def __init__(self, link: Link, numbers: range, room: int) -> None:
        self._context: Context = zmq.Context()
        self._context.set(zmq.MAX_SOCKETS, 2 * len(numbers) + 10)
        self._epoll = select.epoll()
        self._epoll.register(sys.stdin, select.EPOLLIN)
        self._outside = (Idler(self._context, link, number, room) for number in numbers)
        self._coming: list[Idler] = []
        self._idlers: list[Idler] = []
        self._by_descriptor: dict[int, Idler] = {}

    def run(self) -> None:
        """Play them, until the input ends."""
        ready = False
        while True:
            self._let_in()
            if not ready and not self._coming and all(idler.is_in for idler in self._idlers):
                ready = True
                print("in", flush=True)
            for descriptor, _ in self._epoll.poll(TURN):
                if descriptor == sys.stdin.fileno():
                    return
                self._receive(self._by_descriptor[descriptor])
            now = time.monotonic()
            for idler in [idler for idler in self._idlers if idler.due <= now]:
                idler.tick(now)

    def _let_in(self) -> None:
        self._coming = [idler for idler in self._coming if not idler.entered]
        while len(self._coming) < AT_ONCE and (idler := next(self._outside, None)) is not None:
            self._coming.append(idler)
            self._idlers.append(idler)
            self._register(idler, idler.dealer)
            self._receive(idler)

    def _receive(self, idler: Idler) -> None:
        listens = idler.sub is not None
        idler.receive(time.monotonic())
        if idler.sub is not None and not listens:
            self._register(idler, idler.sub)
            self._receive(idler)  # what came before is not told by the descriptor any more

    def _register(self, idler: Idler, socket: zmq.Socket[bytes]) -> None:
        descriptor = socket.fileno()
        self._by_descriptor[descriptor] = idler
        self._epoll.register(descriptor, select.EPOLLIN)

    def done(self) -> dict[str, int]:
        """What they have done so far, and how many would have given up."""
        now = time.monotonic()
        return {
            "pings": sum(idler.pings for idler in self._idlers),
            "heard": sum(idler.heard for idler in self._idlers),
            "lost": sum(idler.lost(now) for idler in self._idlers),
        }

    def close(self) -> None:
        """Leave without a word."""
        self._epoll.close()
        self._context.destroy(linger=0)


def main() -> None:
    """Play those that the command line names."""
    link, *numbers = sys.argv[1:]
    first, last, room = map(int, numbers)
    share = Share(Link.parse(link), range(first, last), room)
    try:
        share.run()
        print(json.dumps(share.done()), flush=True)
    finally:
        share.close()


if __name__ == "__main__":
    main()
