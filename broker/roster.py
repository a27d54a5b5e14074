"""Who is here: users, their sessions, and the rooms they follow.

Owns the tables and their consistency. Does not know the protocol's answers (`core`) nor storage. Pure; used
by the broker's thread alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import msgspec

from ..common import limits
from ..common.keys import fingerprint_of
from ..common.names import PRIVATE_MARK, fold
from ..common.skeleton import skeletons
from .admission import Keys

Role = Literal["", "member", "operator", "owner"]


@dataclass(slots=True, eq=False)
class User:
    """One key: its nick and its sessions."""

    key: str
    nick: str
    """Empty when an operator has taken it away; a user without a nick has no session."""
    claimed: int = 0
    """When the nick was claimed, in milliseconds."""
    former: str = ""
    """How they were called before an operator took their nick away."""
    sessions: set[Session] = field(default_factory=set)
    direct: dict[str, User] = field(default_factory=dict)
    """Direct room → the partner."""
    operator: bool = False
    """Whether they are an operator of the broker."""
    away: str | None = None
    """Their word for being away; None when they have not said that they are."""
    away_said: int = 0
    """Grows whenever they say that, or that they are back: of two brokers, who knows the greater one is right."""
    brokers: int = 1
    """At how many of the chat they are, this one counted: each gives them its part of what one key may do."""

    @property
    def present(self) -> list[Session]:
        """Their sessions that others see."""
        return [session for session in self.sessions if session.present]

    @property
    def bot(self) -> bool:
        """Whether all of these are programs."""
        present = self.present
        return bool(present) and all(session.bot for session in present)


@dataclass(slots=True, eq=False)
class Session:
    """One client process at the broker, through any number of connections."""

    user: User
    instance: str
    number: str
    identity: bytes
    """Where to reply; empty while the client is away."""
    present: bool
    private: bool
    since: int
    heard: float
    active: float
    """When the user last did something, for their idle time."""
    address: str = ""
    """Where the client runs."""
    stall: Stall | None = None
    seen: dict[str, int] = field(default_factory=dict)
    rooms: dict[str, Room] = field(default_factory=dict)
    whole: set[str] = field(default_factory=set)
    """Rooms of which it once had everything: what it asks for from then on, it has missed."""
    bot: bool = False
    pinged: float = 0.0
    """When the last ping came."""
    behind: dict[str, int] = field(default_factory=dict)
    """Room → how many entries it had not shown at that time, where there were any."""
    rtt: float = 0.0
    """What the client measures, in milliseconds."""
    elsewhere: bool = False
    """It is at another broker of the same chat; nothing is sent to it from here."""
    farewell: str = ""
    """Why it ended."""

    def lag(self, room: Room, now: float, pace: int) -> int:
        """How many entries of a room it has not shown: as it said lately, or by now when it is silent."""
        if now - self.pinged > limits.PING_OVERDUE * pace and room.id in self.seen:
            return max(0, room.head - self.seen[room.id])
        return self.behind.get(room.id, 0)


@dataclass(frozen=True, slots=True)
class Stall:
    """A message that was refused for the moment: until it comes again, none after it is taken, to keep their order."""

    id: str
    until: float
    """When it is given up, in monotonic seconds."""


class Member(msgspec.Struct, frozen=True):
    """What somebody is in a room, and may not; kept in the small state. Times are milliseconds."""

    role: Role = ""
    since: int = 0
    """In a private room: the sequence after which they may read."""
    banned: int | None = None
    """Until when they may not come in nor speak; 0: until it is lifted, None: they may."""
    muted: int | None = None
    """Until when they may not speak; as `banned`."""


STRANGER = Member()


@dataclass(slots=True, eq=False)
class Room:
    """One room; `id` is its folded name, or a direct room's id."""

    id: str
    name: str
    topic: str = ""
    private: bool = False
    """For its members only."""
    head: int = 0
    floor: int = 0
    """Up to here nothing is kept."""
    members: dict[str, Member] = field(default_factory=dict)
    """Key → what this user is here; who is nothing special in a public room is not listed."""
    followers: dict[User, int] = field(default_factory=dict)
    """How many sessions of each user follow it."""
    present: dict[User, int] = field(default_factory=dict)
    """How many present sessions of each user are in it."""
    here: int = 0
    """How many sessions of this broker follow it."""
    revisions: dict[str, int] = field(default_factory=dict)
    """Key → the revision under which its `Member` is stored."""
    is_direct: bool = field(init=False)
    """Whether it holds the private messages of two users."""
    is_public: bool = field(init=False)
    """Whether everyone may read it, so that it goes over PUB."""
    readers: tuple[str, ...] | None = field(init=False)
    """Whose searches look through it without naming it; None: everybody's."""

    def __post_init__(self) -> None:
        self.is_direct = self.id.startswith(PRIVATE_MARK)
        self.is_public = not self.private and not self.is_direct
        self.readers = partners(self.id) if self.is_direct else () if self.private else None

    def member(self, user: User) -> Member:
        """What a user is here."""
        return self.member_of(user.key)

    def member_of(self, key: str) -> Member:
        """What the holder of a key is here."""
        return self.members.get(key, STRANGER)


def direct_room(one: str, other: str) -> str:
    """The id of the direct room for the private messages of two keys, the same from both sides."""
    first, second = sorted((one, other))
    return f"{PRIVATE_MARK}{first}.{second}"


def readers_of(id_: str, room: Room | None) -> tuple[str, ...] | None:
    """`Room.readers` of a room that need not be there yet, but will then be public or a direct one."""
    return room.readers if room is not None else Room(id_, id_).readers


def unnamed(key: str) -> str:
    """What somebody without a nick is called."""
    return key[:8]


def partners(room: str) -> tuple[str, str]:
    """The two keys of a direct room's id."""
    first, _, second = room.removeprefix(PRIVATE_MARK).partition(".")
    return first, second


class Roster:
    """The tables of users, sessions and rooms."""

    def __init__(self) -> None:
        self.users: dict[str, User] = {}
        self.nicks: dict[str, User] = {}
        """Folded nick → its owner."""
        self.look_alikes: dict[str, User] = {}
        """Skeleton → the owner of a nick that looks like that."""
        self.rooms: dict[str, Room] = {}
        self.sessions: dict[tuple[str, str], Session] = {}
        """(key, instance) → session of this broker."""
        self.elsewhere: dict[str, Session] = {}
        """Name in the small state → session at another broker."""
        self.changed: dict[Session, None] | None = None
        """Sessions that came, went or changed what others see of them; None: nobody wants to know."""
        self.by_identity: dict[bytes, Session] = {}
        self.live = Keys()
        """Those that have a session of this broker."""

    def add_user(self, key: str, nick: str, folded: str, claimed: int, *, alias: bool = False) -> User:
        """A user to whom a nick belongs; with `alias` it is a former one of theirs."""
        user = self.users.get(key)
        if user is None:
            user = self.users[key] = User(key, "")
        if not alias:
            user.nick, user.claimed = nick, claimed
        self.nicks[folded] = user
        self.look_alikes |= dict.fromkeys(skeletons(nick), user)
        return user

    def drop_nick(self, nick: str, folded: str) -> None:
        """A nick that belongs to nobody any more."""
        user = self.nicks.pop(folded)
        for form in skeletons(nick) - skeletons(user.nick):
            if self.look_alikes.get(form) is user:
                del self.look_alikes[form]

    def add_room(self, room: str, name: str, *, private: bool = False) -> Room:
        """A public or private room that is stored; one that is known stays as it is."""
        return self.rooms.setdefault(room, Room(room, name, private=private))

    def add_direct(self, room: str) -> Room:
        """The room of two users' private messages; one of them may have no nick any more."""
        known = self.rooms.get(room)
        if known is not None:
            return known
        one, other = (self.users.setdefault(key, User(key, "", former=unnamed(key))) for key in partners(room))
        one.direct[room], other.direct[room] = other, one
        self.rooms[room] = Room(room, room)
        return self.rooms[room]

    def named(self, name: str) -> User | None:
        """Who is meant by a nick, a fingerprint or a public key."""
        user = self.nicks.get(fold(name)) or self.users.get(fingerprint_of(name) or "")
        return user if user is not None and user.nick else None

    def hearers(self, room: Room) -> tuple[bytes, ...]:
        """Where what happens in a room that is not public is to be sent."""
        if room.is_direct:
            both = {s for key in partners(room.id) for s in self.users[key].sessions}
            sessions = {s for s in both if s.private or room.id in s.rooms}
        else:
            sessions = {s for user in room.followers for s in user.sessions if room.id in s.rooms}
        return tuple(session.identity for session in sessions if session.identity)

    def connect(self, session: Session, identity: bytes) -> None:
        """The session is reached by this identity from now on."""
        self.by_identity.pop(session.identity, None)
        before = self.by_identity.get(identity)
        if before is not None:
            before.identity = b""
        session.identity = identity
        self.by_identity[identity] = session

    def disconnect(self, identity: bytes, now: float) -> None:
        """Nothing can be sent there any more; the session stays until it expires."""
        session = self.by_identity.pop(identity, None)
        if session is not None:
            session.identity, session.heard = b"", now

    def stood_still(self, seconds: float) -> None:
        """The broker itself was stopped for so long: nobody could be heard meanwhile."""
        for session in self.sessions.values():
            session.heard += seconds

    @property
    def pace(self) -> int:
        """How many times longer than usual the pauses between signs of life are now."""
        return 1 + len(self.sessions) // limits.PACE_SESSIONS

    def add_session(self, session: Session) -> None:
        """A new session; its identity is set by `connect`."""
        self.sessions[session.user.key, session.instance] = session
        self.live = self.live.plus(session.user.key)
        session.user.sessions.add(session)
        self.note(session)

    def remove_session(self, session: Session) -> None:
        """A session of this broker that has left all rooms."""
        del self.sessions[session.user.key, session.instance]
        self.by_identity.pop(session.identity, None)
        self.note(session)
        self.forget(session)
        if all(other.elsewhere for other in session.user.sessions):
            self.live = self.live.minus(session.user.key)

    def forget(self, session: Session) -> None:
        """A session that has left all rooms, here or elsewhere, is its user's no more."""
        assert not session.rooms
        session.user.sessions.discard(session)
        if not session.user.sessions:
            session.user.away, session.user.away_said = None, 0

    def note(self, session: Session) -> None:
        """What others see of a session has changed."""
        if self.changed is not None and not session.elsewhere:
            self.changed[session] = None

    def enter(self, session: Session, room: Room) -> bool:
        """The session follows the room; True when its user has thereby become present in it."""
        if room.id in session.rooms:
            return False
        session.rooms[room.id] = room
        room.here += not session.elsewhere
        self.note(session)
        _count(room.followers, session.user, 1)
        return session.present and _count(room.present, session.user, 1) == 1

    def leave(self, session: Session, room: Room) -> bool:
        """The session follows the room no more; True when its user is thereby no longer present in it."""
        del session.rooms[room.id]
        session.seen.pop(room.id, None)
        session.whole.discard(room.id)
        room.here -= not session.elsewhere
        self.note(session)
        _count(room.followers, session.user, -1)
        return session.present and _count(room.present, session.user, -1) == 0


def _count(table: dict[User, int], user: User, step: int) -> int:
    count = table.get(user, 0) + step
    if count:
        table[user] = count
    else:
        table.pop(user, None)
    return count
