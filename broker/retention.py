"""Retention: which rooms are looked at for entries that are too old, or too many.

Owns the round through the rooms. Does not know how entries are removed (`history`). Pure; used by the broker's thread
alone.
"""

from __future__ import annotations

from collections import deque

from ..common import limits
from ..common.clock import Now
from .actions import Action, Store, Trimming
from .history import Outcome, Trim, Trimmed
from .policy import Policy
from .roster import Roster


class Retention:
    """What has to go, a little at a time."""

    def __init__(self, roster: Roster, policy: Policy) -> None:
        self._roster = roster
        self._policy = policy
        self._round: deque[str] = deque()
        """Rooms still to be looked at before the round begins again."""

    def tick(self, now: Now) -> list[Action]:
        """Look at the next few rooms."""
        keep, before = self._policy.keep_messages, 0
        if self._policy.keep:
            before = now.wall - round(self._policy.keep * 1_000)
        if not keep and not before:
            return []
        if not self._round:
            self._round.extend(room.id for room in self._roster.rooms.values() if room.head > room.floor)
        forget = max(0, before or now.wall) - round(limits.IDS_KEPT * 1_000)
        rooms = [self._round.popleft() for _ in range(min(limits.TRIM_ROOMS, len(self._round)))]
        return [Store(Trim(room, before, keep, forget), Trimming(room)) for room in rooms]

    def trimmed(self, trimming: Trimming, outcome: Outcome) -> None:
        """A room was looked at; when there is more to remove it is the next one."""
        if isinstance(outcome, Trimmed):
            self._roster.rooms[trimming.room].floor = outcome.floor
            if outcome.more:
                self._round.appendleft(trimming.room)
