"""One client that floods a broker, in a process of its own: `python -m bench.flood KIND LINK ROOM SECONDS`.

It has one key and one connection, and says one kind of thing as fast as the connection takes it, whatever the broker
answers. When the broker cuts it off it comes back at once with the same key and goes on. It prints `flooding` when it
begins, and at the end one JSON object: how many commands it gave to libzmq, how many the broker answered, how many it
refused, how often it hung up or would not let in.

At most 5,000 are unanswered at a time, and of `replays` 2,000, whose answers are long: more would fill this client's
memory and not press the broker harder. Subscriptions are never answered.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import secrets
import sys
import time
from collections.abc import Callable, Iterator

import zmq

from zchat.common import wire
from zchat.common.errors import WireError
from zchat.common.keys import KeyPair, Link
from zchat.common.messages import (
    Acked,
    Away,
    Beacon,
    Command,
    Entries,
    Join,
    Page,
    Ping,
    Presence,
    Refused,
    Replay,
    Rooms,
    Say,
    Search,
    Welcome,
    Who,
)

from .wires import hello, open_socket

ROOM = "flood"
IN_FLIGHT, REPLAYS_IN_FLIGHT = 5_000, 2_000
BATCH = 100
"""Commands between two looks at what has come; the first ones follow the answer to the hello."""
STUCK = 0.5
"""Seconds without an answer after which what is unanswered counts no more: the broker may drop what it likes."""


def messages(_: str) -> Iterator[Command]:
    """Messages of 100 characters to one room."""
    yield Join(room=ROOM, ref=1)
    for number in itertools.count():
        yield Say(id=f"{secrets.token_hex(8)}-{number}", room=ROOM, text="x" * 100)


def joins(_: str) -> Iterator[Command]:
    """New rooms, each of them entered."""
    word = secrets.token_hex(4)
    return (Join(room=f"{word}-{number}", ref=number + 1) for number in itertools.count())


def replays(room: str) -> Iterator[Command]:
    """The first page of a long history, again and again."""
    return (Replay(room=room, after=0, limit=500, ref=number + 1) for number in itertools.count())


def questions(_: str) -> Iterator[Command]:
    """Who is here, and which rooms there are: 200, in all of which this client is."""
    yield from itertools.islice(joins(""), 200)
    for number in itertools.count():
        yield Who(ref=number + 1)
        yield Rooms(ref=number + 1)


def pings(_: str) -> Iterator[Command]:
    """Signs of life."""
    return (Ping(ref=number + 1) for number in itertools.count())


def searches(_: str) -> Iterator[Command]:
    """Searches that take as long as they may: a phrase that very many words of long messages begin."""
    yield Join(room=ROOM, ref=1)
    text = f"bb {'aa ' * 5_400}cc bb"
    for number in range(400):
        yield Say(id=f"{secrets.token_hex(8)}-{number}", room=ROOM, text=text)
    for number in itertools.count():
        yield Search(words='"aa aa aa aa aa aa aa bb"', ref=number + 2)


def aways(_: str) -> Iterator[Command]:
    """Away and back again, in 200 rooms."""
    yield from itertools.islice(joins(""), 200)
    for number in itertools.count():
        yield Away(text="x" * 300, away=number % 2 == 0, ref=number + 1)


COMMANDS: dict[str, Callable[[str], Iterator[Command]]] = {
    "messages": messages,
    "joins": joins,
    "replays": replays,
    "questions": questions,
    "pings": pings,
    "searches": searches,
    "aways": aways,
}
KINDS = ("messages", "joins", "subscriptions", "replays", "questions", "pings", "searches", "aways")
UNASKED = (Beacon, Entries, Presence, Welcome)


class Flooder:
    """The client."""

    def __init__(self, kind: str, link: Link, room: str) -> None:
        self._link = link
        self._key = KeyPair.generate()
        self._nick = f"flooder-{secrets.token_hex(3)}"
        self._topics = kind == "subscriptions"
        self._most = REPLAYS_IN_FLIGHT if kind == "replays" else IN_FLIGHT
        self._bodies = self._subscriptions() if self._topics else map(wire.encode, COMMANDS[kind](room))
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._unanswered = 0
        self._heard = time.monotonic()
        self.commands = self.answers = self.refused = self.cuts = 0
        self._dial()

    def _subscriptions(self) -> Iterator[bytes]:
        return (b"\1" + wire.topic(f"{self._nick}-{number}") for number in itertools.count())

    def _dial(self) -> None:
        self._dealer = open_socket(self._context, zmq.DEALER, self._link, self._key)
        self._watch(self._dealer)
        self._dealer.send(hello(self._nick))
        self._socket = self._dealer
        """Where the flood goes."""
        self._unanswered, self._heard, self._may_speak = 0, time.monotonic(), False

    def _watch(self, socket: zmq.Socket[bytes]) -> None:
        self._gone = socket.get_monitor_socket(
            zmq.EVENT_DISCONNECTED
            | zmq.EVENT_CLOSED
            | zmq.EVENT_HANDSHAKE_FAILED_AUTH
            | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
            | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
        )

    def _begin(self) -> None:
        """The hello was answered, or will not be: go on."""
        self._may_speak = True
        if self._topics and self._socket is self._dealer:
            # PUB takes only those who have a session.
            self._dealer.disable_monitor()
            self._gone.close()
            self._socket = open_socket(self._context, zmq.XSUB, self._link, self._key)
            self._watch(self._socket)

    def close(self) -> None:
        """Leave without a word."""
        self._hang_up()
        self._context.term()

    def _hang_up(self) -> None:
        self._socket.disable_monitor()
        self._gone.close()
        self._socket.close()
        self._dealer.close()

    def flood(self, seconds: float) -> None:
        """Press as hard as one connection can."""
        end = time.monotonic() + seconds
        poller = zmq.Poller()
        while time.monotonic() < end:
            if self._gone.poll(0):
                self.cuts += 1
                self._hang_up()
                self._dial()
            full = self._press()
            self._listen()
            if full:
                poller.register(self._socket, zmq.POLLIN | (0 if self._too_many() else zmq.POLLOUT))
                poller.register(self._gone, zmq.POLLIN)
                poller.poll(50)
                poller.unregister(self._socket)
                poller.unregister(self._gone)

    def _too_many(self) -> bool:
        return self._unanswered >= self._most or not self._may_speak

    def _press(self) -> bool:
        """Say some more; whether no more is taken now."""
        if self._too_many() and time.monotonic() - self._heard > STUCK:
            self._unanswered = 0
            self._begin()
        for _ in range(BATCH):
            if self._too_many():
                return True
            try:
                self._socket.send(next(self._bodies), zmq.NOBLOCK)
            except zmq.Again:
                return True
            self.commands += 1
            self._unanswered += not self._topics
        return False

    def _listen(self) -> None:
        """Count what has come."""
        with contextlib.suppress(zmq.Again):
            while True:
                body = self._socket.recv_multipart(zmq.NOBLOCK)[-1]
                self._heard = time.monotonic()
                for event in wire.decode_events(body):
                    self._count(event)

    def _count(self, event: object) -> None:
        if isinstance(event, WireError):
            return
        if not self._may_speak:
            self._begin()
        if isinstance(event, UNASKED):
            return
        answers = len(event.acks) if isinstance(event, Acked) else 1
        self.refused += isinstance(event, Refused)
        if not getattr(event, "more", False) or isinstance(event, Page):
            self.answers += answers
            self._unanswered = max(0, self._unanswered - answers)


def main() -> None:
    """Flood, and tell what came of it."""
    kind, link, room, seconds = sys.argv[1:]
    flooder = Flooder(kind, Link.parse(link), room)
    print("flooding", flush=True)
    flooder.flood(float(seconds))
    counts = {name: getattr(flooder, name) for name in ("commands", "answers", "refused", "cuts")}
    print(json.dumps(counts), flush=True)
    flooder.close()


if __name__ == "__main__":
    main()
