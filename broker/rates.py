"""How fast one key may go: a budget that fills up again, charged for everything it asks of the broker.

Owns the budgets and what things cost. Does not know what is said, nor what follows from a refusal (`core`). Pure;
used by the broker's thread alone. The budgets are token buckets: each holds so much for a burst, and gains so much a
second.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..common import limits, messages as m
from ..common.clock import Now
from ..common.rules import ACTS
from .policy import Policy

COSTS: dict[type[m.Message], int] = {
    m.Hello: 50,
    m.Join: 10,
    m.Rename: 500,
    m.Replay: 30,
    m.Search: 500,
    m.Away: 100,
    m.Rooms: 50,
    m.Who: 50,
    m.Inspect: 50,
}
"""What a command costs, in messages of up to 1 kB; 1 for those not listed. About what it takes of the broker."""
WEIGHTY = frozenset(COSTS) | {m.Ping}
"""What may take long; a ping does where its session follows many rooms."""
PINGED_ROOMS = 25
"""So many rooms, told by a ping or looked at for its answer, cost as much as a message."""
LISTED = 4
"""So many users that are listed cost as much."""
HEARERS = 10
"""To tell a message to so many, each by itself where PUB would do it at once for all, costs as much as a message."""
TOLD = 5
"""What being away or back costs for each session and room that is told of it."""
LONG_SEARCH = 20_000
"""What a search costs besides that takes as long as it may: one key has a small part of the broker's time for these."""


@dataclass(slots=True)
class Bucket:
    """A budget."""

    level: float
    at: float

    def take(self, cost: float, burst: float, rate: float, now: float) -> bool:
        """Whether there is enough; then it is taken."""
        level = self.level + (now - self.at) * rate
        if level > burst:
            level = burst
        self.at = now
        enough = level >= cost
        self.level = level - cost if enough else level
        return enough


@dataclass(slots=True)
class _Budgets:
    commands: Bucket
    rooms: Bucket
    strikes: Bucket

    def full(self, policy: Policy, now: float) -> bool:
        """Whether there is nothing to remember."""
        idle = now - max(self.commands.at, self.rooms.at, self.strikes.at)
        slowest = max(
            policy.burst / policy.rate, policy.room_burst / policy.room_rate, limits.STRIKES / limits.STRIKE_RATE
        )
        return idle > slowest


class Rates:
    """The budgets of all keys that have done something lately."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._keys: dict[str, _Budgets] = {}

    def charge(self, key: str, command: m.Command | m.Unknown, size: int, now: Now, brokers: int = 1) -> bool:
        """Whether this key may do that now, in so many bytes; at several brokers each counts what it does for all."""
        cost = COSTS.get(type(command), 1) + size // 1_024
        if isinstance(command, m.Say):
            cost += 50 if command.kind in ACTS else 0  # somebody is told of each
        elif isinstance(command, m.Ping):
            cost += len(command.seen) // PINGED_ROOMS
        cost *= brokers
        policy = self._policy
        return self._of(key, now).commands.take(min(cost, policy.burst), policy.burst, policy.rate, now.mono)

    def charge_all(self, key: str, messages: int, size: int, hearers: int, now: Now, brokers: int = 1) -> bool:
        """Whether this key may say so many messages now, of so many bytes each and each told to so many by itself.

        Else it is charged for none.
        """
        policy = self._policy
        cost = messages * (min(brokers * (1 + size // 1_024), policy.burst) + hearers / HEARERS)
        return self._of(key, now).commands.take(cost, policy.burst, policy.rate, now.mono)

    def owe(self, key: str, cost: float, now: Now) -> None:
        """Charge for what has been taken on already, so that the next may have to wait."""
        self._of(key, now).commands.level -= cost

    def make_room(self, key: str, now: Now) -> bool:
        """Whether this key may make one more room now."""
        return self._of(key, now).rooms.take(1, self._policy.room_burst, self._policy.room_rate, now.mono)

    def strike(self, key: str, weight: int, now: Now) -> bool:
        """Note something that should not have been sent; False when it was once too often."""
        return self._of(key, now).strikes.take(weight, limits.STRIKES, limits.STRIKE_RATE, now.mono)

    def forget(self, now: Now) -> None:
        """Let go of keys that have done nothing for long."""
        for key in [key for key, budgets in self._keys.items() if budgets.full(self._policy, now.mono)]:
            del self._keys[key]

    def _of(self, key: str, now: Now) -> _Budgets:
        budgets = self._keys.get(key)
        if budgets is None:
            policy = self._policy
            budgets = self._keys[key] = _Budgets(
                Bucket(policy.burst, now.mono), Bucket(policy.room_burst, now.mono), Bucket(limits.STRIKES, now.mono)
            )
        return budgets
