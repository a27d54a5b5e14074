"""What operators of rooms have done at other brokers: who may read, speak and come in there.

Owns the learning of it. Does not know how rights are given here (`moderation`), nor who is put out of a room by them:
that comes of the entry that tells of it (`relaying`). Pure; used by the broker's thread alone.

A new member of a private room reads from the invitation on. Where it stands only the room's history says for sure, so
that is read first.
"""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from ..common import limits
from ..common.clock import Now
from .actions import Action, Ask, OwnStep
from .history import Found, Outcome, Read, Rows
from .moderation import invited
from .rooms import Rooms
from .roster import Member, Room, Roster


class Memberships:
    """Those that are known but for where they begin."""

    def __init__(self, roster: Roster, rooms: Rooms) -> None:
        self._roster = roster
        self._rooms = rooms
        self._failed: dict[tuple[str, str], Member] = {}
        """Room and key → a member whose invitation could not be read."""

    def learn(self, rows: Rows, now: Now) -> list[Action]:
        """These members stand so now."""
        actions: list[Action] = []
        for name, value, revision in rows:
            id_, _, key = name.partition(" ")
            room = self._roster.rooms.get(id_)
            if room is None or revision <= room.revisions.get(key, 0):
                continue
            member = msgspec.msgpack.decode(value, type=Member)
            if room.private and member.role not in ("", "owner") and not room.member_of(key).role:
                self._rooms.set_member(room, key, replace(member, role=""), revision)
                actions.append(self._read(room, key, member, member.since))
            else:
                self._rooms.set_member(room, key, member, revision)
        return actions

    def tick(self) -> list[Action]:
        """What could not be read is tried again."""
        failed, self._failed = self._failed, {}
        return [self._read(self._roster.rooms[id_], key, member, member.since) for (id_, key), member in failed.items()]

    def _read(self, room: Room, key: str, member: Member, after: int) -> Ask:
        revision = room.revisions[key]

        def read(outcome: Outcome, now: Now) -> list[Action]:
            if room.revisions[key] != revision:
                return []  # it has been changed since
            if not isinstance(outcome, Found):
                self._failed[room.id, key] = member
                return []
            found = [entry for entry in outcome.entries if entry.kind == "invite" and entry.target == key]
            if outcome.more and not found:
                return [self._read(room, key, member, outcome.entries[-1].seq)]
            since = found[0].prev if found else member.since
            self._rooms.set_member(room, key, replace(member, since=max(since, member.since)), revision)
            user = self._roster.users.get(key)
            return invited(user, room, found[0].nick) if found and user is not None else []

        return Ask(Read(room.id, after=after, limit=limits.PAGE_ENTRIES), OwnStep(read))
