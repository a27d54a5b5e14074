"""Rooms: finding, making, entering and leaving them.

Owns the rules of who follows what from where. Does not know what is said in them, nor how rights are given
(`moderation`). Pure; used by the broker's thread alone.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from ..common import limits, messages as m, names, wire
from ..common.clock import Now
from ..common.errors import Code, InputError
from ..common.names import LOBBY, PRIVATE_MARK
from . import rights
from .actions import Action, Announce, Ask, Await, Create, Publish, Reply, Start, Store
from .history import Conflict, Locate, Located, NotStored, Outcome, Put, Rows, Table, Together
from .policy import Policy
from .rates import Rates
from .refusals import Refusal, full, no_room, not_allowed, refuse, why_not
from .roster import Member, Room, Roster, Session, User, partners

ROOMS = "room"
"""Table of the small state: folded name → `RoomState`."""
MEMBERS = "member"
"""Table of the small state: ``ROOM KEY`` → `Member`."""

TOPICS = "topic"
"""Table of the small state, where brokers share it: folded name → the topic."""


class RoomState(msgspec.Struct):
    """A public or private room."""

    name: str
    private: bool = False
    by: str = ""
    """The key that made it."""


class Rooms:
    """The rooms and who follows them."""

    def __init__(
        self, roster: Roster, reads: Mapping[tuple[str, str], int], rates: Rates, policy: Policy, started: float
    ) -> None:
        self._roster = roster
        self._reads = reads
        """(key, room) → the last sequence that this user has seen on any screen."""
        self._rates = rates
        self._policy = policy
        self._started = started
        self._owned: dict[str, int] = {}
        """Key → how many rooms it has made."""

    def load(
        self,
        rooms: Table,
        members: Table,
        heads: Mapping[str, int],
        topics: Mapping[str, str],
        floors: Mapping[str, int],
    ) -> None:
        """Take over the rooms that the history holds; after the users."""
        for value, _ in rooms.values():
            self._add(msgspec.msgpack.decode(value, type=RoomState))
        for name, (value, revision) in members.items():
            id_, _, key = name.partition(" ")
            self.set_member(self._roster.rooms[id_], key, msgspec.msgpack.decode(value, type=Member), revision)
        for id_, head in heads.items():
            room = self._roster.rooms.get(id_) or self._roster.add_direct(id_)
            room.head, room.topic, room.floor = head, topics.get(id_, ""), floors.get(id_, 0)

    def set_member(self, room: Room, key: str, member: Member, revision: int) -> None:
        """What somebody is in a room is stored."""
        room.revisions[key] = revision
        if member == Member():
            room.members.pop(key, None)
        else:
            room.members[key] = member

    def learn(self, rows: Rows, now: Now) -> list[Action]:
        """Another broker made these rooms."""
        for _, value, _ in rows:
            self._add(msgspec.msgpack.decode(value, type=RoomState))
        return []

    def everyone_comes_back(self, now: Now) -> None:
        """From now on for a while those who join are back, and no news: the broker was away."""
        self._started = now.mono

    def _add(self, state: RoomState) -> Room:
        id_ = names.fold(state.name)
        if id_ not in self._roster.rooms:
            self._owned[state.by] = self._owned.get(state.by, 0) + 1
        return self._roster.add_room(id_, state.name, private=state.private)

    # --- finding ----------------------------------------------------------------------------------------------
    def find(self, user: User, name: str) -> Room | Refusal:
        """The room that this user may read under this name or id."""
        if name.startswith(PRIVATE_MARK):
            room = self._roster.rooms.get(name) if user.key in partners(name) else None
            return room or no_room(name)
        room = self._roster.rooms.get(name)  # not every id is a legal name: folding takes some letters apart
        if room is not None and room.is_public:
            return room
        try:
            room = room or self._roster.rooms.get(names.fold(names.parse_room(name)))
        except InputError as error:
            return Refusal(Code.ROOM_INVALID, str(error))
        if room is None or rights.why_not_read(user, room):
            return no_room(name)
        return room

    def exists(self, name: str) -> bool:
        """Whether there is a room of this name, whoever may read it."""
        return name in self._roster.rooms or names.fold(name) in self._roster.rooms

    # --- making -----------------------------------------------------------------------------------------------
    def why_not_one_more(self) -> Refusal | None:
        """The chat may have so many rooms, whoever made them."""
        return full(self._policy.rooms) if len(self._roster.rooms) >= self._policy.rooms else None

    def create(self, name: str, session: Session, join: m.Join | None, now: Now) -> Store | Refusal:
        """Make a room of a name that `find` found none for. Who makes it owns it, but for the lobby."""
        user, id_ = session.user, names.fold(name)
        if self.exists(name):
            # A private room. That it exists is the one thing that others can learn of it.
            return not_allowed(f"The room {name} is not open to you. Choose another name.")
        if id_ == LOBBY and join is not None and join.private:
            return Refusal(Code.ROOM_INVALID, f"The {LOBBY} is public. Choose another name for a private room.")
        no = self.why_not_one_more()
        if no is not None:
            return no
        if self._owned.get(user.key, 0) >= self._policy.owned_rooms:
            return Refusal(Code.TOO_MANY, f"You have made {self._policy.owned_rooms} rooms, the most that is allowed.")
        if not self._rates.make_room(user.key, now):
            detail = f"The room {name} was not made: you make rooms too fast. Try again in a while."
            return Refusal(Code.TOO_FAST, detail, 1 / self._policy.room_rate)
        name = names.parse_room(name)
        private = join is not None and join.private
        puts = [Put(ROOMS, id_, msgspec.msgpack.encode(RoomState(name, private, user.key)), expect=0)]
        if id_ != LOBBY:
            puts.append(put_member(id_, user.key, Member(role="owner"), expect=0))
        return Store(Together(tuple(puts)), Create(user.key, name, private, session.identity, join))

    def created(self, create: Create, outcome: Outcome, now: Now) -> list[Action]:
        """The room is stored (or was there already): go on with the join that wanted it."""
        session = self._roster.by_identity.get(create.identity)
        if isinstance(outcome, NotStored):
            if session is None or create.join is None:
                return []
            return [refuse(create.identity, create.join, *why_not(outcome))]
        if isinstance(outcome, Conflict):
            # Somebody made it a moment ago: then it is there, and may be another one's.
            self._add(msgspec.msgpack.decode(outcome.value, type=RoomState))
        else:
            room = self._add(RoomState(create.room, create.private, create.user))
            if room.id != LOBBY:
                self.set_member(room, create.user, Member(role="owner"), 1)
        return self.join(session, create.join, now) if session and create.join else []

    # --- entering ---------------------------------------------------------------------------------------------
    def join(self, session: Session, join: m.Join, now: Now) -> list[Action]:
        """`Join`: find or make the room, find where to begin, then `enter`."""
        identity = session.identity
        room = self.find(session.user, join.room)
        if isinstance(room, Refusal):
            if room.code == Code.NO_SUCH_ROOM and join.create and not join.room.startswith(PRIVATE_MARK):
                making = self.create(join.room, session, join, now)
                return [refuse(identity, join, *making) if isinstance(making, Refusal) else making]
            return [refuse(identity, join, *room)]
        if join.private and room.is_public:
            detail = f"The room {room.name} is public, and stays so. Choose another name for a private one."
            return [refuse(identity, join, Code.ROOM_INVALID, detail)]
        if join.last is not None or join.since is not None or join.since_id is not None:
            where = Locate(room.id, join.last, join.since, join.since_id)
            return [Ask(where, Start(identity, room.id, join))]
        return self._enter(session, room, join, self._begin(session, room, join), now)

    def _begin(self, session: Session, room: Room, join: m.Join) -> int:
        if join.after is not None:
            return join.after
        read = self._reads.get((session.user.key, room.id))
        if room.is_direct:
            return read or 0
        return read if join.unread and read is not None else room.head

    def started_at(self, start: Start, outcome: Outcome, now: Now) -> list[Action]:
        """Storage has found where the join begins."""
        session = self._roster.by_identity.get(start.identity)
        if session is None:
            return []
        if not isinstance(outcome, Located):
            return [refuse(start.identity, start.join, *why_not(outcome))]
        room = self._roster.rooms[start.room]
        hidden = start.join.since_id is not None and (outcome.after or 0) <= rights.floor(session.user, room)
        if outcome.after is None or hidden:
            detail = f"No message there has the id {start.join.since_id}. Take another, a number, or a time as 10m."
            return [refuse(start.identity, start.join, Code.NO_SUCH_MESSAGE, detail)]
        return self._enter(session, room, start.join, outcome.after, now)

    def _enter(self, session: Session, room: Room, join: m.Join, after: int, now: Now) -> list[Action]:
        """The session follows the room from `after` on; a user who thereby becomes present is announced."""
        refusal = self._why_not(session, room, now)
        if refusal is not None:
            return [refuse(session.identity, join, *refusal)]
        actions: list[Action] = []
        session.active = now.mono
        session.seen[room.id] = after = max(after, rights.floor(session.user, room))
        if self._roster.enter(session, room) and not room.is_direct:
            # Right after a restart everyone comes back: that is no news.
            back = join.resumed and now.mono - self._started < limits.SESSION_EXPIRY
            if not back:
                actions.append(announce(room, session.user, "joined", now))
        entered = m.Entered(
            room=room.id,
            name=room.name,
            head=room.head,
            after=after,
            topic=room.topic,
            online=[user.nick for user in list(room.present)[:100]],
            private=room.private,
            role=room.member(session.user).role,
            read=self._reads.get((session.user.key, room.id)),
            ref=join.ref,
        )
        return [Reply((session.identity,), entered), *actions]

    def _why_not(self, session: Session, room: Room, now: Now) -> Refusal | None:
        if room.is_direct or room.id in session.rooms:
            return None
        most = self._policy.user_rooms
        if sum(not followed.is_direct for followed in session.rooms.values()) >= most:
            return Refusal(Code.TOO_MANY, f"You follow {most} rooms already. Leave one first.")
        return rights.why_not_enter(session.user, room, now.wall)

    # --- leaving ----------------------------------------------------------------------------------------------
    def part(self, session: Session, part: m.Part, now: Now) -> list[Action]:
        """`Part`."""
        room = self.find(session.user, part.room)
        if not isinstance(room, Room) or room.id not in session.rooms:
            return [refuse(session.identity, part, Code.NO_SUCH_ROOM, f"You are not in the room {part.room}.")]
        reply = Reply((session.identity,), m.Parted(room=room.id, ref=part.ref))
        return [reply, *self.leave(session, room, now)]

    def leave(self, session: Session, room: Room, now: Now, reason: str = "") -> list[Action]:
        """The session follows the room no more; a user who thereby is no longer present is announced."""
        if not self._roster.leave(session, room) or room.is_direct:
            return []
        return [announce(room, session.user, "left", now, reason=reason[: limits.REASON_CHARACTERS])]

    def remove(self, user: User, room: Room, reason: str, now: Now) -> list[Action]:
        """All sessions of a user are put out of a room."""
        actions: list[Action] = []
        for session in [session for session in user.sessions if room.id in session.rooms]:
            actions += self.leave(session, room, now, reason)
            if session.identity:
                actions.append(Reply((session.identity,), m.Parted(room=room.id, reason=reason)))
        return actions


def put_topic(room: str, topic: str, expect: int | None = None) -> Put:
    """Tell the other brokers what a room's topic is: who does not follow it does not read it there."""
    return Put(TOPICS, room, msgspec.msgpack.encode(topic), expect)


def put_member(room: str, key: str, member: Member, expect: int | None = None) -> Put:
    """Keep what somebody is in a room."""
    return Put(MEMBERS, f"{room} {key}", msgspec.msgpack.encode(member), expect)


def announce(room: Room, user: User, change: str, now: Now, *, reason: str = "", old: str = "") -> Await:
    """Tell a room that somebody came, went, is away or is called otherwise, after what was said before it."""
    presence = m.Presence(
        room=room.id,
        nick=user.nick,
        key=user.key,
        change=change,
        time=now.wall,
        reason=reason,
        old=old,
        bot=user.bot,
    )
    return Await(Announce(room.id, presence))


def deliver(roster: Roster, room: Room, event: m.Entries | m.Presence) -> Publish | Reply:
    """What happens in a room, to all who hear it: by PUB if everyone may read it, else to each that may."""
    if room.is_public:
        return Publish(wire.topic(room.id), event)
    return Reply(roster.hearers(room), event)
