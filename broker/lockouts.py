"""Who is shut out for a while since it floods, at all brokers of a chat.

Owns how one broker tells the others of that, and learns it from them. Does not know what counts as flooding (`rates`),
nor how somebody is kept out (`access`, `gate`). Pure; used by the broker's thread alone.

Each broker lets the key in again by its own clock, so clocks need not agree. A key has one row of few, which other keys
share: what floods from very many keys writes no more than that, and at worst a lock-out counts at one broker alone.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from operator import itemgetter

import msgspec

from ..common import limits
from ..common.clock import Now
from .access import Access
from .actions import Action, Cut, Log, OwnStep, Store
from .history import Done, Outcome, Put, Rows, Table
from .rates import Rates
from .sessions import Sessions

LOCKOUTS = "lockout"
"""Table of the small state: row → the key that was shut out last; empty: it may come in again."""


class LockOuts:
    """Those of this broker, and those of the others."""

    def __init__(self, access: Access, rates: Rates, sessions: Sessions) -> None:
        self._access = access
        self._rates = rates
        self._sessions = sessions
        self.shared = False
        """Whether there are others to be told."""
        self._untold: dict[str, str] = {}
        self._told: dict[str, tuple[str, int]] = {}
        """Row → the key that this broker has written there, with the revision."""
        self._revisions: dict[str, int] = {}

    def load(self, table: Table) -> None:
        """What stands there was told before this broker started, nobody knows when: it does not count here."""
        self._revisions = {row: revision for row, (_, revision) in table.items()}

    def strike(self, key: str, now: Now, weight: int = 1) -> list[Action]:
        """Something came that should not have; who does nothing else is shut out for a while."""
        if self._rates.strike(key, weight, now) or key in self._access.floods:
            return []
        if self.shared:
            self._untold[_row(key)] = key
        return self._shut_out(key, "floods", now)

    def piled(self, waiting: Mapping[str, int], now: Now) -> list[Action]:
        """So many bytes of each key wait to be read: who has too many is shut out, or the most where all have."""
        actions: list[Action] = []
        together = sum(waiting.values())
        for key, size in sorted(waiting.items(), key=itemgetter(1), reverse=True):
            if size > limits.PILE or together > limits.PILES:
                together -= size
                actions += self.strike(key, now, limits.STRIKES + 1)
        return actions

    def _shut_out(self, key: str, why: str, now: Now) -> list[Action]:
        self._access.lock_out(key, now)
        text = f"{key} {why}, and is shut out for {limits.LOCKOUT:g} s"
        actions: list[Action] = [Log(text, True, "locked_out", {"user": key, "seconds": limits.LOCKOUT})]
        for session in self._access.sessions_at(key):
            actions += self._sessions.remove(session, now, "too fast for too long")
        return [*actions, Cut(key, at_once=True)]

    # --- among several brokers --------------------------------------------------------------------------------
    def tell(self) -> list[Action]:
        """At a tick: tell of those that are new, and take away those that are over."""
        floods = self._access.floods
        over = [(row, revision) for row, (key, revision) in self._told.items() if key not in floods]
        new, self._untold = self._untold, {}
        return [
            *(self._store(row, "", revision) for row, revision in over if row not in new),
            *(self._store(row, key) for row, key in new.items()),
        ]

    def _store(self, row: str, key: str, expect: int | None = None) -> Store:
        def stored(outcome: Outcome, now: Now) -> list[Action]:
            if isinstance(outcome, Done):
                self._revisions[row] = outcome.revision
                self._told[row] = key, outcome.revision
                if not key:
                    del self._told[row]
            elif key in self._access.floods:
                self._untold.setdefault(row, key)
            return []

        return Store(Put(LOCKOUTS, row, msgspec.msgpack.encode(key), expect), OwnStep(stored))

    def learn(self, rows: Rows, now: Now) -> list[Action]:
        """What other brokers have told."""
        actions: list[Action] = []
        for row, value, revision in rows:
            if revision <= self._revisions.get(row, 0):
                continue
            self._revisions[row] = revision
            self._told.pop(row, None)
            key = msgspec.msgpack.decode(value, type=str)
            if key and key not in self._access.floods:
                actions += self._shut_out(key, "floods another broker", now)
        return actions


def _row(key: str) -> str:
    return str(zlib.crc32(key.encode()) % limits.LOCKOUT_ROWS)
