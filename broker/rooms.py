"""Rooms: finding, making, entering and leaving them.

Owns the rules of who follows what from where. Does not know what is said in them. Pure; used by the broker's thread
alone.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from ..common import limits, messages as m, names, wire
from ..common.clock import Now
from ..common.errors import Code, InputError
from ..common.names import PRIVATE_MARK
from .actions import Action, Announce, Ask, Await, Create, Publish, Reply, Start, Store
from .history import Locate, Located, NotStored, Outcome, Put
from .refusals import Refusal, no_room, refuse, why_not
from .roster import Room, Roster, Session, User, partners

ROOMS = "room"
"""Table of the small state: folded name → `RoomState`."""


class RoomState(msgspec.Struct):
    """A public room."""

    name: str


class Rooms:
    """The rooms and who follows them."""

    def __init__(self, roster: Roster, reads: Mapping[tuple[str, str], int], started: float) -> None:
        self._roster = roster
        self._reads = reads
        """(key, private room) → the last sequence that this user has seen."""
        self._started = started

    def load(self, table: Mapping[str, tuple[bytes, int]], heads: Mapping[str, int], topics: Mapping[str, str]) -> None:
        """Take over the rooms that the history holds; after the users."""
        for folded, (value, _) in table.items():
            self._roster.add_room(folded, msgspec.msgpack.decode(value, type=RoomState).name)
        for id_, head in heads.items():
            room = self._roster.rooms.get(id_) or self._roster.add_private(id_)
            if room is not None:
                room.head, room.topic = head, topics.get(id_, "")

    def join(self, session: Session, join: m.Join, now: Now) -> list[Action]:
        """`Join`: find or make the room, find where to begin, then `enter`."""
        identity = session.identity
        room = self.find(session, join.room)
        if isinstance(room, Refusal):
            if room.code == Code.NO_SUCH_ROOM and join.create and not join.room.startswith(PRIVATE_MARK):
                return [self.create(join.room, identity, join)]
            return [refuse(identity, join, *room)]
        if join.last is not None or join.since is not None or join.since_id is not None:
            where = Locate(room.id, join.last, join.since, join.since_id)
            return [Ask(where, Start(identity, room.id, join))]
        return self.enter(session, room, join, self._begin(session, room) if join.after is None else join.after, now)

    def _begin(self, session: Session, room: Room) -> int:
        return self._reads.get((session.user.key, room.id), 0) if room.is_private else room.head

    def create(self, name: str, identity: bytes, join: m.Join | None) -> Store:
        """Make a public room; raises `InputError` for an illegal name."""
        name = names.parse_room(name)
        value = msgspec.msgpack.encode(RoomState(name))
        return Store(Put(ROOMS, names.fold(name), value, expect=0), Create(name, identity, join))

    def created(self, create: Create, outcome: Outcome, now: Now) -> list[Action]:
        """The room is stored (or was there already): go on with the join that wanted it."""
        session = self._roster.by_identity.get(create.identity)
        if isinstance(outcome, NotStored):
            if session is None or create.join is None:
                return []
            return [refuse(create.identity, create.join, *why_not(outcome))]
        # A conflict means that somebody made it a moment ago: then it is there, which is all that was asked.
        self._roster.add_room(names.fold(create.room), create.room)
        return self.join(session, create.join, now) if session and create.join else []

    def started_at(self, start: Start, outcome: Outcome, now: Now) -> list[Action]:
        """Storage has found where the join begins."""
        session = self._roster.by_identity.get(start.identity)
        if session is None:
            return []
        if not isinstance(outcome, Located):
            return [refuse(start.identity, start.join, *why_not(outcome))]
        if outcome.after is None:
            detail = f"No message there has the id {start.join.since_id}. Take another, a number, or a time as 10m."
            return [refuse(start.identity, start.join, Code.NO_SUCH_MESSAGE, detail)]
        return self.enter(session, self._roster.rooms[start.room], start.join, outcome.after, now)

    def enter(self, session: Session, room: Room, join: m.Join, after: int, now: Now) -> list[Action]:
        """The session follows the room from `after` on; a user who thereby becomes present is announced."""
        public = sum(not followed.is_private for followed in session.rooms.values())
        if public >= limits.USER_ROOMS and room.id not in session.rooms and not room.is_private:
            detail = f"You follow {limits.USER_ROOMS} rooms already. Leave one first."
            return [refuse(session.identity, join, Code.TOO_MANY, detail)]
        actions: list[Action] = []
        session.active = now.mono
        session.seen[room.id] = after
        if self._roster.enter(session, room) and not room.is_private:
            # Right after a restart everyone comes back: that is no news.
            back = join.resumed and now.mono - self._started < limits.SESSION_EXPIRY
            if not back:
                actions.append(_notice(room, session.user, "joined", now))
        online = [user.nick for user in list(room.present)[:100]]
        entered = m.Entered(
            room=room.id, name=room.name, head=room.head, after=after, topic=room.topic, online=online, ref=join.ref
        )
        return [Reply((session.identity,), entered), *actions]

    def part(self, session: Session, part: m.Part, now: Now) -> list[Action]:
        """`Part`."""
        room = self.find(session, part.room)
        if not isinstance(room, Room) or room.id not in session.rooms:
            return [refuse(session.identity, part, Code.NO_SUCH_ROOM, f"You are not in the room {part.room}.")]
        reply = Reply((session.identity,), m.Parted(room=room.id, ref=part.ref))
        return [reply, *self.leave(session, room, now)]

    def leave(self, session: Session, room: Room, now: Now, reason: str = "") -> list[Action]:
        """The session follows the room no more; a user who thereby is no longer present is announced."""
        if not self._roster.leave(session, room) or room.is_private:
            return []
        return [_notice(room, session.user, "left", now, reason)]

    def find(self, session: Session, name: str) -> Room | Refusal:
        """The room that this session may read under this name or id."""
        if name.startswith(PRIVATE_MARK):
            room = self._roster.rooms.get(name) if session.user.key in partners(name) else None
            return room or no_room(name)
        if name in self._roster.rooms:
            return self._roster.rooms[name]  # not every id is a legal name: folding takes some letters apart
        try:
            return self._roster.rooms.get(names.fold(names.parse_room(name))) or no_room(name)
        except InputError as error:
            return Refusal(Code.ROOM_INVALID, str(error))


def _notice(room: Room, user: User, change: str, now: Now, reason: str = "") -> Await:
    reason = reason[: limits.REASON_CHARACTERS]
    notice = m.Presence(room=room.id, nick=user.nick, key=user.key, change=change, time=now.wall, reason=reason)
    return Await(Announce(room.id, Publish(wire.topic(room.id), notice)))
