"""Questions: pings, pages of history, who is here, which rooms there are.

Owns the answers that change nothing (but for what a user has read). Pure; used by the broker's thread alone.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from ..common import limits, messages as m, names
from ..common.clock import Now
from ..common.errors import Code
from .actions import Action, Ask, Note, Paging, Reply, Store
from .history import Found, Outcome, Put, Read
from .refusals import no_room, refuse, why_not
from .rooms import Rooms
from .roster import Room, Roster, Session, User

READS = "read"
"""Table of the small state: ``KEY ROOM`` → the last sequence that this user has seen of these private messages."""


class Questions:
    """What clients ask."""

    def __init__(self, roster: Roster, rooms: Rooms) -> None:
        self._roster = roster
        self._rooms = rooms
        self.reads: dict[str, int] = {}

    def load(self, table: Mapping[str, tuple[bytes, int]]) -> None:
        """Take over what was read."""
        for name, (value, _) in table.items():
            self.reads[name] = msgspec.msgpack.decode(value, type=int)

    def ping(self, session: Session, ping: m.Ping) -> list[Action]:
        """`Ping`: note what was seen, answer with the rooms in which there is more."""
        actions: list[Action] = []
        rooms = session.rooms
        if session.private:
            # Also those that began after the Welcome: their first message may have been lost.
            rooms = rooms | {id_: self._roster.rooms[id_] for id_ in session.user.private}
        for room, seq in ping.seen.items():
            known = rooms.get(room)
            if known is None or seq > known.head:
                continue
            session.seen[room] = seq
            name = f"{session.user.key} {room}"
            if known.is_private and session.present and seq > self.reads.get(name, 0):
                self.reads[name] = seq
                actions.append(Store(Put(READS, name, msgspec.msgpack.encode(seq)), Note()))
        heads = {id_: room.head for id_, room in rooms.items() if room.head > session.seen.get(id_, 0)}
        return [*actions, Reply((session.identity,), m.Pong(heads=heads, ref=ping.ref))]

    def replay(self, session: Session, replay: m.Replay) -> list[Action]:
        """`Replay`: have a page read."""
        room = self._rooms.find(session, replay.room)
        if not isinstance(room, Room):
            return [refuse(session.identity, replay, Code.NO_SUCH_ROOM, no_room(replay.room))]
        limit = min(replay.limit, limits.PAGE_ENTRIES)
        read = Read(room.id, replay.after, replay.before, limit)
        return [Ask(read, Paging(session.identity, replay))]

    def page(self, paging: Paging, outcome: Outcome) -> list[Action]:
        """The page was read."""
        replay, identity = paging.replay, paging.identity
        if not isinstance(outcome, Found):
            return [refuse(identity, replay, *why_not(outcome))]
        session = self._roster.by_identity.get(identity)
        room = self._rooms.find(session, replay.room) if session else None
        if not isinstance(room, Room):
            return []
        page = m.Page(room=room.name, entries=outcome.entries, head=room.head, more=outcome.more, ref=replay.ref)
        return [Reply((identity,), page)]

    def who(self, session: Session, who: m.Who, now: Now) -> list[Action]:
        """`Who`: the present users, by nick."""
        users = list({session.user for session in self._roster.sessions.values() if session.present})
        if who.room is not None:
            room = self._rooms.find(session, who.room)
            if not isinstance(room, Room) or room.is_private:
                return [refuse(session.identity, who, Code.NO_SUCH_ROOM, no_room(who.room))]
            users = list(room.present)
        infos = [_user_info(user, now) for user in sorted(users, key=lambda user: names.fold(user.nick))]
        return [Reply((session.identity,), m.Roster(users=infos, ref=who.ref))]

    def rooms(self, session: Session, command: m.Rooms) -> list[Action]:
        """`Rooms`: the public rooms, by name."""
        public = sorted((room for room in self._roster.rooms.values() if not room.is_private), key=lambda r: r.id)
        infos = [
            m.RoomInfo(
                room=room.name, online=len(room.present), topic=room.topic, seq=room.head, members=len(room.present)
            )
            for room in public
        ]
        return [Reply((session.identity,), m.RoomList(rooms=infos, ref=command.ref))]


def _user_info(user: User, now: Now) -> m.UserInfo:
    present = [session for session in user.sessions if session.present]
    rooms = {room.name for session in present for room in session.rooms.values() if not room.is_private}
    return m.UserInfo(
        nick=user.nick,
        key=user.key,
        rooms=sorted(rooms),
        idle=max(0.0, now.mono - max(session.active for session in present)),
        since=min(session.since for session in present),
        sessions=len(present),
    )
