"""Questions: pings, pages of history, who is here, which rooms there are.

Owns the answers that change nothing (but for what a user has read). Pure; used by the broker's thread alone.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace
from operator import attrgetter
from typing import TypeVar

import msgspec

from ..common import limits, messages as m, names, wire
from ..common.clock import Now
from . import rights
from .actions import Action, Ask, Mark, Paging, Repaired, Reply, Store
from .history import Done, Found, Outcome, Put, Read, Rows, Table
from .policy import Policy
from .rates import LISTED, Rates
from .refusals import Refusal, no_room, no_user, refuse, why_not
from .rooms import Rooms
from .roster import Room, Roster, Session, User, direct_room
from .turns import Listing, Turns

READS = "read"
"""Table of the small state: ``KEY ROOM`` → the last sequence that this user has seen of it on any screen."""


T = TypeVar("T")
_ACTIVE, _SINCE, _RTT = map(attrgetter, ("active", "since", "rtt"))


class Questions:
    """What clients ask."""

    def __init__(
        self,
        roster: Roster,
        rooms: Rooms,
        reads: dict[tuple[str, str], int],
        turns: Turns,
        rates: Rates,
        policy: Policy,
    ) -> None:
        self._roster = roster
        self._rooms = rooms
        self._turns = turns
        self._rates = rates
        self._policy = policy
        self._reads = reads
        """(key, room) → the last sequence that this user has seen on any screen."""
        self._unstored: dict[tuple[str, str], None] = {}
        """Those that are not on the disk yet, the oldest first."""

    def load(self, table: Table) -> None:
        """Take over what was read."""
        for name, (value, _) in table.items():
            key, _, room = name.partition(" ")
            self._reads[key, room] = msgspec.msgpack.decode(value, type=int)

    def learn(self, rows: Rows, now: Now) -> list[Action]:
        """What was read at other brokers; marks that went back there are set again."""
        for name, value, _ in rows:
            key, _, room = name.partition(" ")
            read = msgspec.msgpack.decode(value, type=int)
            if read < self._reads.get((key, room), -1):
                self._unstored[key, room] = None
            else:
                self._reads[key, room] = read
        return []

    def ping(self, session: Session, ping: m.Ping, now: Now) -> list[Action]:
        """`Ping`: note what was seen, answer with the rooms in which there is more."""
        for id_, seq in ping.seen.items():
            room = self._followed(session, id_)
            if room is None or seq > room.head:
                continue
            session.seen[id_] = seq
            if seq == room.head:
                session.whole.add(id_)
            if session.present and seq > self._reads.get((session.user.key, id_), -1):
                self._reads[session.user.key, id_] = seq
                self._unstored[session.user.key, id_] = None
        behind = dict(itertools.islice(self._behind(session), limits.PONG_ROOMS))
        heads = {id_: head for id_, (head, _) in behind.items()}
        session.behind = {id_: head - seen for id_, (head, seen) in behind.items()}
        session.pinged, session.rtt = now.mono, ping.rtt
        following = wire.digest(id_ for id_, room in session.rooms.items() if not room.is_direct)
        return [Reply((session.identity,), m.Pong(heads=heads, following=following, ref=ping.ref))]

    def _followed(self, session: Session, id_: str) -> Room | None:
        """A room whose entries this session gets: entered, or private messages if it wants them."""
        if session.private and id_ in session.user.direct:
            return self._roster.rooms[id_]
        return session.rooms.get(id_)

    def tick(self) -> list[Action]:
        """Store what was seen lately, many marks at once."""
        marks = list(itertools.islice(self._unstored, limits.MARKS))
        for mark in marks:
            del self._unstored[mark]
        return [
            Store(Put(READS, " ".join(mark), msgspec.msgpack.encode(self._reads[mark])), Mark(*mark)) for mark in marks
        ]

    def marked(self, mark: Mark, outcome: Outcome) -> None:
        """A mark is stored, or has to be tried again."""
        if not isinstance(outcome, Done):
            self._unstored[mark.user, mark.room] = None

    def _behind(self, session: Session) -> Iterator[tuple[str, tuple[int, int]]]:
        """The rooms that hold more than this session has seen, with their heads and what it has seen."""
        for id_, room in session.rooms.items():
            seen = session.seen.get(id_, 0)
            if room.head > seen:
                yield id_, (room.head, seen)
        if session.private:
            # Also those that it has not entered: their first message may have been lost on the way.
            for id_ in session.user.direct:
                room, read = self._roster.rooms[id_], self._reads.get((session.user.key, id_), 0)
                seen = session.seen.get(id_, read)
                if id_ not in session.rooms and room.head > seen:
                    yield id_, (room.head, seen)

    def answer(self, session: Session, question: m.Replay | m.Who | m.Rooms | Listing, now: Now) -> list[Action]:
        """A question whose turn it is."""
        match question:
            case m.Replay():
                return self._replay(session, question)
            case m.Who():
                return self._who(session, question, now)
            case m.Rooms():
                return self._rooms_of(session, question)
            case Listing():
                return self._list(session, question, now)

    def _replay(self, session: Session, replay: m.Replay) -> list[Action]:
        """`Replay`: have a page read."""
        room = self._readable(session.user, replay)
        if isinstance(room, Refusal):
            return [refuse(session.identity, replay, *room)]
        known = self._roster.rooms.get(room)
        floor = rights.floor(session.user, known) if known is not None else 0
        limit = min(replay.limit, self._policy.page_entries)
        read = Read(room, replay.after, replay.before, limit, floor)
        return [Ask(read, Paging(session.identity, replay, room))]

    def _readable(self, user: User, replay: m.Replay) -> str | Refusal:
        """The id of the room to read; of private messages there need not be any yet."""
        if replay.to is not None:
            other = self._roster.nicks.get(names.fold(replay.to))
            return direct_room(user.key, other.key) if other is not None else no_user(replay.to)
        room = self._rooms.find(user, replay.room)
        return room.id if isinstance(room, Room) else room

    def page(self, paging: Paging, outcome: Outcome) -> list[Action]:
        """The page was read; who may no longer see it by now gets none."""
        if not isinstance(outcome, Found):
            return [refuse(paging.identity, paging.replay, *why_not(outcome))]
        session = self._roster.by_identity.get(paging.identity)
        room = self._roster.rooms.get(paging.room)
        if session is None or (room is not None and rights.why_not_read(session.user, room)):
            return []
        page = m.Page(
            room=paging.room,
            entries=outcome.entries,
            head=room.head if room is not None else 0,
            more=outcome.more,
            floor=room.floor if room is not None else 0,
            ref=paging.replay.ref,
        )
        reply: list[Action] = [Reply((paging.identity,), page)]
        if paging.replay.after is None or self._followed(session, paging.room) is None:
            return reply
        if paging.room in session.whole and page.entries:
            reply.append(Repaired(paging.identity, len(page.entries)))
        if not page.more:
            session.whole.add(paging.room)
        return reply

    def _who(self, session: Session, who: m.Who, now: Now) -> list[Action]:
        """`Who`: the present users by nick, or one user."""
        if who.nick is not None:
            user = self._roster.named(who.nick)
            if user is None:
                return [refuse(session.identity, who, *no_user(who.nick))]
            return [
                Reply(
                    (session.identity,),
                    m.Roster(users=[_user_info(user, session.user, now, self._roster.pace)], ref=who.ref),
                )
            ]
        room: Room | None = None
        sessions = itertools.chain(self._roster.sessions.values(), self._roster.elsewhere.values())
        users = {other.user for other in sessions if other.present}
        if who.room is not None:
            found = self._rooms.find(session.user, who.room)
            if isinstance(found, Refusal) or found.is_direct:
                no = found if isinstance(found, Refusal) else no_room(who.room)
                return [refuse(session.identity, who, *no)]
            room, users = found, set(found.present)
        by_nick = sorted(users, key=lambda user: names.fold(user.nick))
        return self._list(session, Listing(who, by_nick, room=room), now)

    def _list(self, session: Session, listing: Listing, now: Now) -> list[Action]:
        """Tell of some users; of the others with the next turn of this key, so that nobody waits for a long list."""
        first, last = listing.start, listing.start + limits.LISTED_USERS
        users = listing.users[first:last]
        infos = [_user_info(user, session.user, now, self._roster.pace, listing.room) for user in users]
        self._rates.owe(session.user.key, len(infos) // LISTED, now)
        goes_on = last < len(listing.users)
        if goes_on:
            self._turns.go_on(session, replace(listing, start=last))
        ref = listing.who.ref
        return [
            Reply((session.identity,), m.Roster(users=part, start=first + start, more=more or goes_on, ref=ref))
            for part, start, more in _parts(infos)
        ]

    def _rooms_of(self, session: Session, command: m.Rooms) -> list[Action]:
        """`Rooms`: those that the asker may read, by name."""
        readable = [room for room in self._roster.rooms.values() if _shown(room, session.user)]
        infos = [
            m.RoomInfo(
                room=room.name,
                online=len(room.present),
                topic=room.topic,
                seq=room.head,
                private=room.private,
                members=sum(bool(member.role) for member in room.members.values())
                if room.private
                else len(room.present),
            )
            for room in sorted(readable, key=lambda room: room.id)
        ]
        return [
            Reply((session.identity,), m.RoomList(rooms=part, start=start, more=more, ref=command.ref))
            for part, start, more in _parts(infos)
        ]


def _shown(room: Room, asker: User) -> bool:
    """Whether a room is listed to somebody."""
    return not room.is_direct and rights.why_not_read(asker, room) is None


def _parts(infos: Sequence[T]) -> Iterator[tuple[list[T], int, bool]]:
    """A list in parts that fit frames, each with where it starts and whether another follows; at least one."""
    start, part, size = 0, list[T](), 0
    for info in infos:
        bytes_ = len(msgspec.msgpack.encode(info))
        if part and size + bytes_ > limits.FRAME_BYTES:
            yield part, start, True
            start, part, size = start + len(part), [], 0
        part.append(info)
        size += bytes_
    yield part, start, False


def _user_info(user: User, asker: User, now: Now, pace: int, where: Room | None = None) -> m.UserInfo:
    """A user, as somebody may see them; how far they are behind in one room, or in all that the asker reads too."""
    present = user.present
    lags: dict[Room, int] = {}
    for session in present:
        for room in session.rooms.values():
            if _shown(room, asker) or (asker.direct.get(room.id) is user is not asker):
                lag = session.lag(room, now.mono, pace)
                lags[room] = min(lag, lags.get(room, lag))
    return m.UserInfo(
        nick=user.nick,
        key=user.key,
        rooms=sorted(room.name for room in lags if not room.is_direct)[: limits.USER_ROOMS],
        idle=max(0.0, now.mono - max(map(_ACTIVE, present), default=now.mono)),
        since=min(map(_SINCE, present), default=user.claimed),
        sessions=len(present),
        claimed=user.claimed,
        operator=user.operator,
        away=user.away,
        bot=user.bot,
        lag=sum(lags.values()) if where is None else lags.get(where, 0),
        rtt=min(filter(None, map(_RTT, present)), default=0.0),
    )
