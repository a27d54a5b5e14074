"""A bad network between many clients and whoever they talk to, in virtual time.

Time jumps from one thing that happens to the next.

Each client has three ways: commands (DEALER to ROUTER), replies (ROUTER to DEALER) and broadcasts (PUB to SUB), and
each may drop, double, delay and reorder. In an `orderly` world commands are neither dropped nor doubled nor reordered
within a connection, as TCP has it, and an end of a connection costs only the last of them: without that nothing could
be promised about the order of what somebody says. Whether a body suffers is drawn from its bytes and the salt of the
last event, so it does not depend on what else happens; a script without some of its events fails as the whole one did.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from zlib import crc32

from zchat.common.clock import Now

from .party import Party
from .ways import BROADCASTS, COMMANDS, LATENCY, REPLIES, WAYS, Box, Weather

START = 1_000.0
WALL = 1_700_000_000_000
HEARTBEAT = 2.5
"""A connection that is cut both ways is noticed by then."""

_TICK, SUBSCRIPTION, _CALL = range(BROADCASTS + 1, BROADCASTS + 4)


class Network:
    """The clock, and what is under way."""

    def __init__(self, *, orderly: bool) -> None:
        self.orderly = orderly
        self.now = Now(START, WALL)
        self.weather = [Weather(), Weather(), Weather()]
        self.calm = [True, True, True]
        self.salt = 0
        self.happened: dict[str, int] = {}
        """How often what went wrong."""
        self._ways: list[tuple[float, int, int, int, Party | None, int, object]] = []
        self._count = 0

    def arrive(self, party: Party, connection: int, box: Box) -> None:
        """A body from a client has come to where it was sent to."""
        raise NotImplementedError

    # --- time -------------------------------------------------------------------------------------------------
    def advance(self, until: float) -> None:
        """Let time pass."""
        ways = self._ways
        pop = heapq.heappop
        while ways and ways[0][0] <= until:
            at, _, _, kind, party, connection, what = pop(ways)
            if at > self.now.mono:
                self.now = Now(at, WALL + round((at - START) * 1_000))
            if kind == _TICK:
                assert party is not None
                if at == party.tick_at and party.ended is None and not party.stalled:
                    party.turn()
            elif kind == COMMANDS:
                assert party is not None
                self.arrive(party, connection, what)  # type: ignore[arg-type]
            elif kind in (REPLIES, BROADCASTS):
                assert party is not None
                party.receive(kind, connection, what)  # type: ignore[arg-type]
            elif kind == SUBSCRIPTION:
                assert party is not None
                if party.sub == connection and party.ended is None:
                    topic, on = what  # type: ignore[misc]
                    (party.topics.add if on else party.topics.discard)(topic)
            else:
                what()  # type: ignore[operator]
        self.now = Now(until, WALL + round((until - START) * 1_000))

    def later(self, seconds: float, call: Callable[[], None], *, order: int = 0) -> None:
        """Do something after a while; of what happens at one moment, in this order."""
        self._push(self.now.mono + seconds, order, _CALL, None, 0, call)

    def tick_at(self, party: Party, at: float) -> None:
        """When this client has something to do; a tick too many does no harm."""
        if at < party.tick_at or party.tick_at <= self.now.mono:
            party.tick_at = at
            self._push(at, party.number, _TICK, party, 0, None)

    def _push(self, at: float, order: int, kind: int, party: Party | None, connection: int, what: object) -> None:
        self._count += 1
        heapq.heappush(self._ways, (at, order, self._count, kind, party, connection, what))

    def draw(self, body: bytes, number: int) -> float:
        """A chance between 0 and 1, the same for the same body since the last event."""
        mixed = (crc32(body, self.salt + number * 0x9E37) * 0x9E3779B1) & 0xFFFFFFFF
        return (((mixed ^ (mixed >> 15)) * 0x85EBCA6B) & 0xFFFFFFFF) / 0x100000000

    # --- the ways ---------------------------------------------------------------------------------------------
    def send(self, party: Party, way: int, connection: int, box: Box, *, again: bool = False) -> None:
        """A body sets out."""
        out = way == COMMANDS
        if party.blocked[not out] and not again:
            # What TCP carries waits for the end of the partition; elsewhere it is lost.
            if self.orderly:
                party.held.append((way, connection, box))
            return
        mono = self.now.mono
        if self.calm[way]:
            at = mono + LATENCY
            if at < party.last_at[way]:
                at = party.last_at[way]
            self._push(at, party.number, way, party, connection, box)
            return
        weather = self.weather[way]
        chance = self.draw(box.body, party.number * 4 + way)
        if chance < weather.drop and not (out and self.orderly):
            self.count(f"{WAYS[way]} dropped")
            return
        chance = (chance * 7_919) % 1.0
        copies = 2 if chance < weather.double and not (out and self.orderly) else 1
        for _ in range(copies):
            chance = (chance * 7_919) % 1.0
            if weather.spread and not (out and self.orderly):
                at = mono + LATENCY + chance * weather.spread
            else:
                at = max(mono + LATENCY + chance * weather.delay, party.last_at[way])
                party.last_at[way] = at
            self._push(at, party.number, way, party, connection, box)
        if copies == 2:
            self.count(f"{WAYS[way]} doubled")

    def subscribe(self, party: Party, topic: bytes, on: bool) -> None:
        """A subscription, or its end, sets out."""
        if party.blocked[0]:
            party.held.append((SUBSCRIPTION, party.sub, (topic, on)))
            return
        delay = LATENCY + self.draw(topic, party.number) * 0.08
        at = self.now.mono + (delay if on else 0.08)
        self._push(at, party.number, SUBSCRIPTION, party, party.sub, (topic, on))

    def block(self, parties: Sequence[Party], out: bool, in_: bool) -> None:
        """Nothing gets through to or from these, until `unblock`."""
        for party in parties:
            party.blocked = (party.blocked[0] or out, party.blocked[1] or in_)
            if out and in_ and party.dialled:
                self.later(HEARTBEAT, lambda party=party, connection=party.connection: self._starve(party, connection))

    def _starve(self, party: Party, connection: int) -> None:
        if party.dialled and party.connection == connection and all(party.blocked):
            self.count("connections starved")
            party.lost("no answer")

    def unblock(self, party: Party) -> None:
        """The partition is over: what waited goes on, unless its connection is no more."""
        party.blocked = (False, False)
        held, party.held = party.held, []
        late = self.draw(b"late", party.number) < 0.5
        for way, connection, what in held:
            if way == SUBSCRIPTION:
                self._push(self.now.mono + LATENCY, party.number, SUBSCRIPTION, party, connection, what)
                continue
            if way == COMMANDS and late and connection not in party.severed:
                party.ghosts_until[connection] = self.now.mono + 1.0
            assert isinstance(what, Box)
            self.send(party, way, connection, what, again=True)

    def count(self, what: str) -> None:
        """Something went wrong on purpose."""
        self.happened[what] = self.happened.get(what, 0) + 1
