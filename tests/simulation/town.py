"""Several brokers over one history, in the same virtual time: each a `World` of its own with clients in common.

Brokers crash, are cut from the history and are stopped, each by itself; a client that has lost one goes to another. Who
has stored something hints at it to the others, later or not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from math import inf
from random import Random
from typing import Any

from zchat.broker.core import Core
from zchat.broker.history import Change, Outcome
from zchat.common.clock import Now

from .disk import Disk
from .network import START, WALL
from .party import Party
from .performance import Performance
from .script import Event, Script, compose
from .store import MemoryHistory
from .world import World

HINT = 0.5
"""Seconds that a hint takes at most."""
HINTS_LOST = 0.3
PAUSE_STEP = 0.2
"""Seconds between two looks whether a broker goes on."""


class Hinting(MemoryHistory):
    """A shared history that tells when one of its users has stored something."""

    def __init__(self, disk: Disk) -> None:
        super().__init__(disk, shared=True)
        self.hint: Callable[[], None] = lambda: None

    def commit(self, batch: Sequence[Change]) -> list[Outcome]:
        """Store, then hint."""
        outcomes = super().commit(batch)
        self.hint()
        return outcomes


class Station(World):
    """One broker of a town, and the ways to it."""

    def __init__(self, town: Town | None, number: int, disk: Disk, **how: Any) -> None:
        self.town: Any = town or self
        self.number = number
        self.paused_until = 0.0
        self._hinted = False
        history = self.town.library(disk)
        history.hint = lambda: self.town.hint(self)
        super().__init__(history=history, **how)

    @property
    def stations(self) -> Sequence[World]:
        """All brokers."""
        return self.town.all  # type: ignore[no-any-return]

    def connected(self) -> Sequence[Party]:
        """Whose connections lead here."""
        return [party for party in self.parties if party.world is self]

    def next_for(self, party: Party) -> World:
        """Mostly another broker than the last one; at first any."""
        stations = self.stations
        step = int(self.draw(b"next", party.number + party.connection) * (len(stations) + 1))
        return stations[(self.number + step) % len(stations)]

    def fresh_core(self, word: Callable[[], str]) -> Core:
        """A core whose random words are no other broker's."""
        return super().fresh_core(lambda: f"{self.number}{word()}")

    # --- what befalls a broker --------------------------------------------------------------------------------
    def pause_for(self, seconds: float) -> None:
        """It does nothing at all, and goes on then as if no time had passed."""
        self.paused_until = self.now.mono + seconds
        if seconds:
            self.count("brokers stopped")

    def _wake_up(self, *, is_tick: bool) -> None:
        if self.now.mono < self.paused_until:
            starts = self.starts
            self.later(PAUSE_STEP, lambda: self._wake_up(is_tick=is_tick) if starts == self.running else None)
            return
        super()._wake_up(is_tick=is_tick)

    def hinted(self) -> None:
        """Another broker has stored something."""
        self._hinted = False
        if self.broker is not None and self.now.mono >= self.paused_until:
            self._carry_out(self.flow.take(self.broker.hinted(self.now)))
            self._store()

    def hint_soon(self, chance: float) -> None:
        """A hint sets out, unless one is under way."""
        if not self._hinted and chance > HINTS_LOST:
            self._hinted = True
            self.later(chance * HINT, self.hinted)


class Town(Station):
    """All of them; the first one is the town itself, as the script and the checker see it."""

    all: list[Station]
    library = Hinting
    """How each broker reads and writes the history that they share."""

    def __init__(self, *, brokers: int, history: MemoryHistory | None = None, **how: Any) -> None:
        disk = history.disk if history is not None else Disk()
        self.all = [self]
        self._hints = 0
        super().__init__(None, 0, disk, **how)
        self.all += [Annex(self, number, disk, **how) for number in range(1, brokers)]

    def advance(self, until: float) -> None:
        """Let time pass for all."""
        while True:
            station = min(self.all, key=lambda station: station._ways[0][0] if station._ways else inf)
            at = station._ways[0][0] if station._ways else inf
            if at > until:
                break
            World.advance(station, max(at, self.now.mono))
        self.now = Now(until, WALL + round((until - START) * 1_000))

    def hint(self, teller: Station) -> None:
        """One broker has stored something."""
        self._hints += 1
        for station in self.all:
            if station is not teller:
                station.hint_soon(self.draw(b"hint", self._hints * len(self.all) + station.number))


def _common(name: str) -> Any:
    return property(lambda self: getattr(self.town, name), lambda self, value: setattr(self.town, name, value))


class Annex(Station):
    """Any other one: time, weather and clients are those of the town."""

    now = _common("now")
    weather = _common("weather")
    calm = _common("calm")
    salt = _common("salt")
    steps = _common("steps")
    parties = _common("parties")
    slots = _common("slots")
    nicks = _common("nicks")
    said = _common("said")
    wrongs = _common("wrongs")
    happened = _common("happened")


def compose_town(seed: int, length: int = 120) -> Script:
    """The script of a seed, with brokers that are stopped for a while in it, and clients that lose theirs."""
    script, random = compose(seed, length), Random(seed * 7 + 1)
    last = script.events[-1].at
    stops = [
        Event(
            round(random.random() * last, 3),
            random.getrandbits(32),
            "pause",
            "",
            (),
            (round(random.random() * random.choice((2, 12, 60)), 3),),
        )
        for _ in range(random.choice((0, 1, 3)))
    ]
    moves = [
        Event(round(random.random() * last, 3), random.getrandbits(32), "cut", random.choice(script.roles).slot)
        for _ in range(random.choice((0, 3, 10)))
    ]
    events = sorted((*script.events, *stops, *moves), key=lambda event: event.at)
    return replace(script, events=tuple(events), brokers=2 + seed // 2 % 2)


def stage(script: Script, town: type[Town] = Town) -> Performance:
    """A script as it is played, with as many brokers as it has."""
    return Performance(script, world=partial(town, brokers=script.brokers) if script.brokers > 1 else World)
