"""Which brokers share the chat: each holds a lease, and renews it; who has not for long counts as gone.

Owns the numbers of brokers, what is stored to keep one's own, and how long the others have been silent. That is
measured by how often this broker looked and found nothing renewed, never by comparing clocks: two brokers may be an
hour apart, and one that was stopped, or cut from the history, must not take the others for gone. Pure; used by the
broker's thread alone.

What a broker tells of its sessions is stored together with its lease, so who has lost it tells nothing by mistake.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import count

import msgspec

from ..common import limits
from ..common.clock import Now
from .actions import Action, Log, OwnStep, Store
from .history import Done, Outcome, Put, Rows

BROKERS = "broker"
"""Table of the small state: a broker's number → its `Lease`; empty: the number is nobody's."""


class Lease(msgspec.Struct, frozen=True):
    """A broker holds this number."""

    broker: str
    """Its random id."""


@dataclass(slots=True)
class _Observed:
    """What stands under a number, and how long it has."""

    broker: str
    revision: int
    silent: float = 0.0
    releasing: bool = False


class Leases:
    """Our own lease, and those of others."""

    def __init__(self, word: Callable[[], str]) -> None:
        self._word = word
        self.broker = word()
        """Our random id; another one whenever the lease was lost."""
        self.number = ""
        """The number that we hold, or are about to claim."""
        self.held = False
        self._numbers: dict[str, _Observed] = {}
        self._told_at: float | None = None

    def learn(self, rows: Rows) -> list[Action]:
        """These leases stand so now."""
        actions: list[Action] = []
        for number, value, revision in rows:
            broker = msgspec.msgpack.decode(value, type=Lease).broker if value else ""
            before = self._numbers.get(number)
            if before is None or before.revision != revision:
                self._numbers[number] = _Observed(broker, revision)
            if number == self.number and broker != self.broker:
                actions += self._lost()
        return actions

    def _lost(self) -> list[Action]:
        was_held, self.held, self.number = self.held, False, ""
        if not was_held:
            return []  # another one was faster to claim it
        self.broker = self._word()
        text = "the other brokers took this one for gone: it tells them anew who is here"
        return [Log(text, True, "lease_lost")]

    @property
    def holders(self) -> dict[str, str]:
        """Who lives, by number."""
        return {number: observed.broker for number, observed in self._numbers.items() if observed.broker}

    def holds(self, number: str, broker: str) -> bool:
        """Whether this broker lives, under this number."""
        observed = self._numbers.get(number)
        return observed is not None and observed.broker == broker

    def renewal(self) -> Put:
        """What keeps our lease, or claims one under the lowest number that is free."""
        if not self.number:
            self.number = next(n for n in map(str, count(1)) if n not in self._numbers or not self._numbers[n].broker)
        observed = self._numbers.get(self.number)
        value = msgspec.msgpack.encode(Lease(self.broker))
        return Put(BROKERS, self.number, value, expect=observed.revision if observed is not None else 0)

    def renewed(self, put: Put) -> None:
        """That is stored."""
        assert put.expect is not None
        self.held = True
        self._numbers[put.name] = _Observed(self.broker, put.expect + 1)

    def looked(self, now: Now) -> list[Action]:
        """We have just learned all there is: release the numbers of those that have been silent for too long."""
        # While we were stopped, or could not read, nobody's silence counts.
        passed = 0.0 if self._told_at is None else min(now.mono - self._told_at, 2 * limits.NEWS_INTERVAL)
        self._told_at = now.mono
        actions: list[Action] = []
        for number, observed in self._numbers.items():
            if observed.broker in ("", self.broker) or observed.releasing:
                continue
            observed.silent += passed
            if observed.silent > limits.LEASE:
                observed.releasing = True
                actions.append(self._release(number, observed))
        return actions

    def _release(self, number: str, observed: _Observed) -> Store:
        def released(outcome: Outcome, now: Now) -> list[Action]:
            observed.releasing = False
            if not isinstance(outcome, Done):
                return []  # it lives, or another one was faster: what stands there is learned
            text = f"broker {number} is gone: it has not renewed its lease for {limits.LEASE:g} s"
            return [Log(text, True, "broker_gone", {"broker": number})]

        return Store(Put(BROKERS, number, b"", expect=observed.revision), OwnStep(released))
