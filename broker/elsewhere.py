"""Who is at the other brokers of the same chat, as if they were here; and what this broker tells of who is here.

Owns the rows by which brokers tell each other of their sessions, and the shadows that they become in the roster, so
that who is present where, who is away and to how many something went spans all brokers. Does not know who asks for
that, nor which brokers live (`leases`). Pure; used by the broker's thread alone.

A client that goes to another broker is at both for a while, as one that has lost its connection: nobody sees it go.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from itertools import islice

import msgspec

from ..common import limits
from ..common.clock import Now
from . import rights
from .absence import tell_away
from .actions import Action, OwnStep, Store
from .history import Conflict, Done, Outcome, Put, Rows, Together
from .leases import Leases
from .rooms import Rooms, announce
from .roster import Room, Roster, Session, User

PRESENCE = "presence"
"""Table of the small state: ``BROKER SLOT`` → `Stay`. Slots are used again, so there are never more than there were
sessions at a time."""


class Stay(msgspec.Struct, frozen=True, omit_defaults=True):
    """One session, as the other brokers need to know it."""

    broker: str
    """The random id of the broker that told this: what another one left under its number is void."""
    key: str
    instance: str
    over: bool = False
    farewell: str = ""
    """Why it ended."""
    present: bool = False
    private: bool = False
    bot: bool = False
    since: int = 0
    idle: float = 0.0
    rooms: tuple[str, ...] = ()
    away: str | None = None
    away_said: int = 0


class Elsewhere:
    """Our rows, and those of the others."""

    def __init__(self, roster: Roster, rooms: Rooms, leases: Leases) -> None:
        self._roster = roster
        self._rooms = rooms
        self._leases = leases
        roster.changed = {}
        self._changed = roster.changed
        self._told_by = leases.broker
        self._slots: dict[Session, int] = {}
        self._free: list[int] = []
        self._told: dict[Session, float] = {}
        """When the user had last done something, as the others know it."""
        self._hidden: dict[Session, float] = {}
        """Since when there are those that nobody sees nor writes to: of one that ends soon nobody needs to know."""
        self._storing = False
        self._due = self._retry_at = 0.0
        """When the lease is to be renewed, and when something can be stored again."""
        self._holders: dict[str, str] = {}
        self._theirs: dict[str, Stay] = {}

    # --- what we tell -----------------------------------------------------------------------------------------
    def tick(self, now: Now) -> None:
        """Who has done something lately is not as idle as the others think."""
        for session, active in self._told.items():
            if session.active > active + limits.IDLE_TOLD:
                self._changed[session] = None
        for session, since in self._hidden.items():
            if now.mono - since >= limits.HIDDEN_SECONDS:
                self._changed[session] = None

    def tell(self, now: Now) -> list[Action]:
        """Renew the lease when it is time, and store what has changed with it."""
        waits = now.mono < (self._retry_at if self._changed and self._leases.held else self._due)
        if self._storing or waits:
            return []
        if self._told_by != self._leases.broker:
            self._begin_anew()
        renewal = self._leases.renewal()
        sessions = list(islice(self._changed, limits.PRESENCE_ROWS))
        puts = [put for session in sessions if (put := self._row(session, now)) is not None]
        for session in sessions:
            del self._changed[session]
        self._storing = True

        def stored(outcome: Outcome, now: Now) -> list[Action]:
            self._storing = False
            if isinstance(outcome, Done):
                self._leases.renewed(renewal)
                self._due = now.mono + limits.LEASE_RENEWAL
                self._let_go(sessions)
                return self.tell(now)
            self._changed |= dict.fromkeys(sessions)
            self._due = self._retry_at = now.mono + (0 if isinstance(outcome, Conflict) else limits.NOT_STORED_RETRY)
            return []

        return [Store(Together((renewal, *puts)), OwnStep(stored))]

    def _begin_anew(self) -> None:
        """Under our new id nothing is told yet."""
        self._told_by = self._leases.broker
        self._slots.clear()
        self._free.clear()
        self._told.clear()
        self._changed.clear()
        self._changed |= dict.fromkeys(self._roster.sessions.values())

    def _row(self, session: Session, now: Now) -> Put | None:
        """What there is to tell of a session; of one that nobody sees nor writes to, nothing for a while."""
        here = self._roster.sessions.get((session.user.key, session.instance)) is session
        told = session in self._slots or (here and self._counts(session, now))
        if told or not here:
            self._hidden.pop(session, None)
        if not told:
            return None
        slot = self._slots.get(session)
        if slot is None:
            slot = self._slots[session] = heapq.heappop(self._free) if self._free else len(self._slots)
        user, broker = session.user, self._leases.broker
        if not here:
            stay = Stay(broker, user.key, session.instance, over=True, farewell=session.farewell)
        else:
            self._told[session] = session.active
            stay = Stay(
                broker,
                user.key,
                session.instance,
                present=session.present,
                private=session.private,
                bot=session.bot,
                since=session.since,
                idle=max(0.0, now.mono - session.active),
                rooms=tuple(id_ for id_, room in session.rooms.items() if not room.is_direct),
                away=user.away,
                away_said=user.away_said,
            )
        return Put(PRESENCE, f"{self._leases.number} {slot}", msgspec.msgpack.encode(stay))

    def _counts(self, session: Session, now: Now) -> bool:
        if session.present or session.private or session.rooms:
            return True
        return now.mono - self._hidden.setdefault(session, now.mono) >= limits.HIDDEN_SECONDS

    def _let_go(self, sessions: Iterable[Session]) -> None:
        """The slots of those that are over are free."""
        for session in sessions:
            over = self._roster.sessions.get((session.user.key, session.instance)) is not session
            if over and session not in self._changed and session in self._slots:
                heapq.heappush(self._free, self._slots.pop(session))
                self._told.pop(session, None)

    # --- what the others tell ---------------------------------------------------------------------------------
    def learn(self, rows: Rows, now: Now) -> list[Action]:
        """These rows stand so now."""
        actions: list[Action] = []
        for name, value, _ in rows:
            if name.partition(" ")[0] != self._leases.number:
                self._theirs[name] = msgspec.msgpack.decode(value, type=Stay)
                actions += self._show(name, now)
        return actions

    def judge(self, now: Now) -> list[Action]:
        """Leases were learned: what was told by brokers that are gone is void."""
        if self._holders == self._leases.holders:
            return []
        self._holders = self._leases.holders
        actions: list[Action] = []
        for name, stay in self._theirs.items():
            if self._holds(name, stay) != (name in self._roster.elsewhere) and not stay.over:
                actions += self._show(name, now)
        return actions

    def _holds(self, name: str, stay: Stay) -> bool:
        return self._leases.holds(name.partition(" ")[0], stay.broker) and stay.broker != self._leases.broker

    def _show(self, name: str, now: Now) -> list[Action]:
        """Bring a shadow in line with its row."""
        stay, shadow = self._theirs[name], self._roster.elsewhere.get(name)
        user = self._roster.users.get(stay.key)
        if not self._holds(name, stay) or stay.over or user is None or not user.nick:
            return self._remove(name, shadow, stay, now) if shadow is not None else []
        actions: list[Action] = []
        if shadow is not None and (shadow.user is not user or shadow.instance != stay.instance):
            actions += self._remove(name, shadow, stay, now)
            shadow = None
        if shadow is None:
            shadow = Session(
                user,
                stay.instance,
                name,
                b"",
                stay.present,
                stay.private,
                stay.since,
                now.mono,
                now.mono,
                elsewhere=True,
            )
            self._roster.elsewhere[name] = shadow
            user.sessions.add(shadow)
            _count_brokers(user)
        shadow.bot, shadow.active = stay.bot, now.mono - stay.idle
        actions += self._move(shadow, stay.rooms, now)
        if stay.away_said > user.away_said:
            user.away_said = stay.away_said
            actions += tell_away(user, stay.away, now)
            for own in user.sessions:
                self._roster.note(own)
        return actions

    def _move(self, shadow: Session, ids: Iterable[str], now: Now) -> list[Action]:
        actions: list[Action] = []
        rooms = {id_: room for id_ in ids if (room := self._roster.rooms.get(id_)) is not None}
        for room in [room for room in shadow.rooms.values() if room.id not in rooms]:
            actions += self._leave(shadow, room, "", now)
        for room in rooms.values():
            if self._roster.enter(shadow, room) and room.here:
                actions.append(announce(room, shadow.user, "joined", now))
        return actions

    def _leave(self, shadow: Session, room: Room, reason: str, now: Now) -> list[Action]:
        left = self._rooms.leave(shadow, room, now, reason)
        return left if room.here else []

    def _remove(self, name: str, shadow: Session, stay: Stay, now: Now) -> list[Action]:
        reason = stay.farewell if stay.over else "connection lost"
        actions: list[Action] = []
        for room in list(shadow.rooms.values()):
            silent = rights.why_not_speak(shadow.user, room, now.wall)
            actions += self._leave(shadow, room, "" if silent else reason, now)
        del self._roster.elsewhere[name]
        self._roster.forget(shadow)
        _count_brokers(shadow.user)
        return actions


def _count_brokers(user: User) -> None:
    user.brokers = 1 + len({shadow.number.partition(" ")[0] for shadow in user.sessions if shadow.elsewhere})
