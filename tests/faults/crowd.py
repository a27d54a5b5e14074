"""Many bare peers in one process: `python -m tests.faults.crowd LINK ROOM NAME COUNT SPEAKERS PAUSE`.

Each peer has a key, a DEALER and a SUB of its own, follows the room from its beginning by the rules of
`docs/protocol.md`, and comes back by libzmq's own reconnecting, at once. The first SPEAKERS of them say a message
whenever they were let in, and another one each PAUSE seconds (0: never). Prints `{"in": COUNT}` whenever all of them
have entered the room and seen something new there, with the moment of the last one. After a line of input nobody
says anything more, and it prints `{"quiet": COUNT}` once all has its ack; when its input ends, what each of them said,
had acked and saw.
"""

from __future__ import annotations

import json
import os
import secrets
import sys
import time
from collections.abc import Iterator

import zmq
from zmq.utils import z85

from zchat.common import wire
from zchat.common.keys import KeyPair, Link
from zchat.common.messages import (
    Ack,
    Acked,
    Command,
    Entered,
    Entries,
    Entry,
    Hello,
    Join,
    Page,
    Ping,
    Pong,
    Refused,
    Replay,
    Say,
    Welcome,
)

LOOK = 0.1
"""Seconds between two looks at what is due."""
PING = 3.0
AGAIN = 3.0
"""Seconds until what was not answered is asked again."""
PATIENCE = 20.0
"""Seconds for what is missing in the end."""
SOON = 0.5
"""A ping comes so long after a subscription, which takes effect without an answer."""


class Member:
    """One peer."""

    def __init__(
        self, context: zmq.Context[zmq.Socket[bytes]], link: Link, room: str, name: str, speaks: bool, pause: float
    ) -> None:
        self.name = name
        self._context, self._link, self._room, self._speaks, self._pause = context, link, room, speaks, pause
        self._key = KeyPair.generate()
        self._instance = secrets.token_hex(8)
        self.dealer = self._socket(zmq.DEALER)
        self.dealer.immediate = True  # so that it is writable while there is a connection, and only then
        self.dealer.connect(f"tcp://{link.place}")
        self.sub: zmq.Socket[bytes] | None = None
        self._connected = self._welcome = self._entered = False
        self._ref = 0
        self._asked_at = self._ping_at = self._speak_at = 0.0
        self._replaying = False
        self._last_ping = 0
        """The ref of the ping whose answer tells that all was seen; 0 while there is more to come."""
        self._last_heard = 0
        self._cursor = self._head = self._head_then = 0
        self._kept: dict[int, Entry] = {}
        self._outbox: dict[str, Say] = {}
        self.in_since = 0.0
        """When it saw something new after it came; 0 while it has not."""
        self.said: list[str] = []
        self.acked: list[Ack] = []
        self.shown: list[Entry] = []

    def _socket(self, kind: zmq.SocketType) -> zmq.Socket[bytes]:
        sock = self._context.socket(kind)
        sock.linger = 0
        sock.curve_serverkey = z85.encode(self._link.key)
        sock.curve_publickey = z85.encode(self._key.public)
        sock.curve_secretkey = z85.encode(self._key.secret)
        sock.reconnect_ivl = 100
        return sock

    def _send(self, command: Command) -> None:
        try:
            self.dealer.send(wire.encode(command), zmq.NOBLOCK)
        except zmq.Again:  # no connection: all of it is said again after the next welcome
            self._connected = False

    def _next_ref(self) -> int:
        self._ref += 1
        return self._ref

    def tick(self, now: float) -> None:
        """What is due."""
        writable = bool(self.dealer.poll(0, zmq.POLLOUT))
        if writable != self._connected:
            self._connected, self._welcome, self._entered, self.in_since = writable, False, False, 0.0
            self._asked_at = 0.0
        if not self._connected:
            return
        if not self._welcome:
            if now - self._asked_at > AGAIN:
                self._hello(now)
        elif not self._entered:
            if now - self._asked_at > AGAIN:
                self._join(now)
        elif self._replaying and now - self._asked_at > AGAIN:
            self._replay(now)
        if self._welcome and now >= self._ping_at:
            self._ping(now)
        if self._welcome and self._speaks and self._pause and now >= self._speak_at:
            self._say(now)

    def _ping(self, now: float) -> None:
        self._ping_at = now + PING
        self._send(Ping(seen={self._room: self._cursor}, ref=self._next_ref()))

    def _hello(self, now: float) -> None:
        self._asked_at, self._welcome, self._entered, self.in_since = now, False, False, 0.0
        self._send(Hello(nick=self.name, instance=self._instance, ref=self._next_ref()))

    def _join(self, now: float) -> None:
        self._asked_at = now
        self._send(Join(room=self._room, ref=self._next_ref(), after=self._cursor, resumed=bool(self._cursor)))

    def _replay(self, now: float) -> None:
        self._asked_at, self._replaying = now, True
        self._send(Replay(room=self._room, ref=self._next_ref(), after=self._cursor))

    def take(self, body: bytes, now: float) -> None:
        """One frame."""
        for event in wire.decode_events(body):
            self._take(event, now)

    def _take(self, event: object, now: float) -> None:
        match event:
            case Entries(entries=entries):
                self._show(entries, now)
            case Pong(heads=heads, ref=ref):
                self._last_heard = max(self._last_heard, ref)
                self._head = max(self._head, heads.get(self._room, 0))
                self._catch_up(now)
            case Page() as page if page.ref == self._ref or self._replaying:
                self._replaying = False
                self._show(page.entries, now)
            case Acked(acks=acks):
                self.acked += [ack for ack in acks if self._outbox.pop(ack.id, None)]
            case Refused(code="hello_first") if self._welcome or now - self._asked_at > LOOK:
                self._hello(now)
            case Refused(code=code, detail=detail) if code != "hello_first":
                print(f"{self.name}: {code}: {detail}", file=sys.stderr, flush=True)
            case Welcome() if not self._welcome:
                self._welcome, self._ping_at = True, now + SOON
                self._listen()
                self._join(now)
                self._speak(now)
            case Entered(head=head) if not self._entered:
                self._entered, self._replaying = True, False
                self._head_then = head
                self._head = max(self._head, head)
                self._catch_up(now)

    def _listen(self) -> None:
        if self.sub is not None:
            self.sub.close()
        self.sub = self._socket(zmq.SUB)
        for topic in (wire.topic(self._room), wire.BEACON_TOPIC):
            self.sub.subscribe(topic)
        self.sub.connect(f"tcp://{self._link.host}:{self._link.port + 1}")

    def _speak(self, now: float) -> None:
        for say in self._outbox.values():
            self._send(say)
        if self._speaks:
            self._say(now)

    def _say(self, now: float) -> None:
        self._speak_at = now + self._pause
        say = Say(id=secrets.token_hex(8), room=self._room, text=f"{self.name} says {len(self.said)}")
        self.said.append(say.text)
        self._outbox[say.id] = say
        self._send(say)

    def _show(self, entries: list[Entry], now: float) -> None:
        for entry in entries:
            self._head = max(self._head, entry.seq)
            if entry.seq > self._cursor:
                self._kept[entry.prev] = entry
        while (entry_next := self._kept.pop(self._cursor, None)) is not None:
            self._cursor = entry_next.seq
            self.shown.append(entry_next)
        self._kept = {prev: entry for prev, entry in self._kept.items() if entry.seq > self._cursor}
        if self._entered and not self.in_since and self._cursor > self._head_then:
            self.in_since = now
        self._catch_up(now)

    def _catch_up(self, now: float) -> None:
        if self._entered and not self._replaying and self._cursor < self._head:
            self._replay(now)

    def hush(self) -> None:
        """It says nothing more."""
        self._speaks = False

    @property
    def quiet(self) -> bool:
        """Whether it says nothing more, and has an ack for all that it said."""
        return not self._speaks and not self._outbox

    def finish(self, now: float) -> None:
        """Nobody says anything any more: ask for what is still missing."""
        self._ping(now)
        self._last_ping = self._ref

    @property
    def finished(self) -> bool:
        """Whether it has seen everything."""
        heard = 0 < self._last_ping <= self._last_heard
        return heard and not self._outbox and not self._replaying and self._cursor >= self._head

    def end(self) -> dict[str, object]:
        """Close its sockets; what it said, had acked and saw."""
        self.dealer.close()
        if self.sub is not None:
            self.sub.close()
        return {
            "name": self.name,
            "said": self.said,
            "acked": [[ack.id, ack.seq] for ack in self.acked],
            "waiting": len(self._outbox),
            "shown": [[entry.seq, entry.id, entry.text] for entry in self.shown],
        }


def bodies(sock: zmq.Socket[bytes]) -> Iterator[bytes]:
    """What has come, without waiting."""
    while True:
        try:
            yield sock.recv_multipart(zmq.NOBLOCK)[-1]
        except zmq.Again:
            return


def main(link: str, room: str, name: str, count: int, speakers: int, pause: float) -> None:
    """Until the input ends."""
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    context.max_sockets = 4 * count + 16
    at = Link.parse(link)
    members = [Member(context, at, room, f"{name}x{number}", number < speakers, pause) for number in range(count)]
    told = hushed = False
    tick_at = end_at = 0.0
    while not end_at or not (all(member.finished for member in members) or time.monotonic() > end_at):
        poller = zmq.Poller()
        if not end_at:
            poller.register(sys.stdin.fileno(), zmq.POLLIN)
        owners: dict[zmq.Socket[bytes], Member] = {}
        for member in members:
            for sock in (member.dealer, member.sub):
                if sock is not None:
                    poller.register(sock, zmq.POLLIN)
                    owners[sock] = member
        ready = dict(poller.poll(int(LOOK * 1_000)))
        if sys.stdin.fileno() in ready:
            ends = not os.read(sys.stdin.fileno(), 1_024)
            for member in members:
                member.hush()
                if ends:
                    member.finish(time.monotonic())
            end_at = time.monotonic() + PATIENCE if ends else 0.0
        now = time.monotonic()
        for sock, member in owners.items():
            if sock in ready and not sock.closed:
                for body in bodies(sock):
                    member.take(body, time.monotonic())
                    if sock.closed:
                        break
        if now >= tick_at:
            tick_at = now + LOOK
            for member in members:
                member.tick(now)
        all_in = all(member.in_since for member in members)
        if all_in and not told:
            print(json.dumps({"in": count, "at": max(member.in_since for member in members)}), flush=True)
        told = all_in
        if not hushed and all(member.quiet for member in members):
            hushed = True
            print(json.dumps({"quiet": count}), flush=True)
    for member in members:
        print(json.dumps(member.end()), flush=True)
    context.term()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5]), float(sys.argv[6]))
