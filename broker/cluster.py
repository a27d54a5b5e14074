"""Several brokers over one history: what a core does besides, so that they are one chat.

Owns how the parts of it work together: `learning` what others have stored, `relaying` what they have put into rooms,
telling who is here and knowing who is `elsewhere` under `leases`. Over a history that is nobody else's it does nothing.
Pure; used by the broker's thread alone.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from ..common.clock import Now
from .access import ACCESS, BANS, INVITES, OPERATORS
from .actions import Action, Follow, FollowOutcome, OwnStep, Store
from .elsewhere import PRESENCE, Elsewhere
from .governing import Governing
from .history import Conflict, History, Put, Rows, Table
from .learning import Learn, Learning
from .leases import BROKERS, Leases
from .lockouts import LOCKOUTS, LockOuts
from .memberships import Memberships
from .nicks import NICKS
from .questions import READS, Questions
from .relaying import Relay
from .rooms import MEMBERS, ROOMS, TOPICS, Rooms, put_topic
from .roster import Room, Roster
from .talk import Talk
from .upkeep import FORGOTTEN, Upkeep


class Cluster:
    """This broker among the others."""

    def __init__(
        self,
        history: History,
        roster: Roster,
        rooms: Rooms,
        talk: Talk,
        questions: Questions,
        governing: Governing,
        upkeep: Upkeep,
        lockouts: LockOuts,
        topics: Table,
        word: Callable[[], str],
        now: Now,
    ) -> None:
        """Take over what the history holds of the other brokers, and the `topics` they know; after everything else."""
        self.shared = talk.shared = upkeep.shared = lockouts.shared = history.shared
        self._relay = Relay(roster, rooms, talk)
        self._talk = talk
        self._stale: list[Put] = []
        """Topics that the other brokers were not told of: the one that erased their author's words died over it."""
        self._upkeep = upkeep
        self._lockouts = lockouts
        self._memberships = Memberships(roster, rooms)
        tables: dict[str, Learn] = {
            NICKS: governing.learn_nicks,
            FORGOTTEN: upkeep.learn,
            OPERATORS: governing.learn_operators,
            ACCESS: governing.learn_access,
            BANS: governing.learn_bans,
            INVITES: governing.learn_invites,
            ROOMS: rooms.learn,
            MEMBERS: self._memberships.learn,
            TOPICS: upkeep.learn_topics,
            READS: questions.learn,
            LOCKOUTS: lockouts.learn,
        }
        self._learning = Learning(self.shared, tables, self._relay.moved, self._looked)
        if self.shared:
            self._leases = Leases(word)
            self._elsewhere = Elsewhere(roster, rooms, self._leases)
            tables |= {BROKERS: self._learn_leases, PRESENCE: self._elsewhere.learn}
            self._stale = [
                put_topic(id_, roster.rooms[id_].topic, revision)
                for id_, (value, revision) in topics.items()
                if id_ in roster.rooms and msgspec.msgpack.decode(value) != roster.rooms[id_].topic
            ]
            for table in (BROKERS, PRESENCE):
                tables[table]([(name, *row) for name, row in history.table(table).items()], now)

    # --- time -------------------------------------------------------------------------------------------------
    def tick(self, now: Now) -> list[Action]:
        """Look what there is, and tell who is here."""
        if not self.shared:
            return []
        self._relay.tick()
        self._elsewhere.tick(now)
        stale, self._stale = self._stale, []
        topics = [Store(put, OwnStep()) for put in stale]
        return [
            *topics,
            *self._memberships.tick(),
            *self._lockouts.tell(),
            *self._learning.tick(now),
            *self._elsewhere.tell(now),
            *self.read(),
        ]

    def turn(self, now: Now) -> list[Action]:
        """Tell who has come and gone."""
        return self._elsewhere.tell(now) if self.shared else []

    def hinted(self, now: Now) -> list[Action]:
        """Another broker has stored something."""
        return self._learning.hinted(now)

    # --- what is judged by what stands now --------------------------------------------------------------------
    def surely(self, then: Follow, otherwise: FollowOutcome, now: Now) -> list[Action]:
        """Judge something once all is known that other brokers have stored."""
        return self._learning.surely(then, otherwise, now)

    def stands(self, conflict: Conflict, now: Now) -> list[Action]:
        """Another broker was faster."""
        return self._learning.stands(conflict, now)

    def reached(self, room: Room | None, head: int) -> None:
        """A room is known to hold entries up to this one."""
        if room is not None and head > room.head:
            self._relay.reached(room, head)

    def read(self) -> list[Action]:
        """Have read what others have put into rooms, and was not told here."""
        return self._relay.read(self._learning) if self._talk.untold else []

    # --- leases -----------------------------------------------------------------------------------------------
    def _learn_leases(self, rows: Rows, now: Now) -> list[Action]:
        before = self._leases.holders
        actions = [*self._leases.learn(rows), *self._elsewhere.judge(now)]
        if before.items() - self._leases.holders.items():
            self._upkeep.take_over()
        return actions

    def _looked(self, now: Now) -> list[Action]:
        return self._leases.looked(now) if self.shared else []
