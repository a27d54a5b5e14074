"""Who is here: users, their sessions, and the rooms they follow.

Owns the tables and their consistency. Does not know the protocol's answers (`broker.core`) nor storage. Pure; used
by the broker's thread alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ..common.names import PRIVATE_MARK
from ..common.skeleton import skeletons


@dataclass(slots=True, eq=False)
class User:
    """One key: its nick and its sessions."""

    key: str
    nick: str
    sessions: set[Session] = field(default_factory=set)
    private: dict[str, User] = field(default_factory=dict)
    """Private room → the partner."""


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
    seen: dict[str, int] = field(default_factory=dict)
    rooms: dict[str, Room] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Room:
    """One room; `id` is its folded name, or a private room's id."""

    id: str
    name: str
    topic: str = ""
    head: int = 0
    followers: dict[User, int] = field(default_factory=dict)
    """How many sessions of each user follow it."""
    present: dict[User, int] = field(default_factory=dict)
    """How many present sessions of each user are in it."""

    @property
    def is_private(self) -> bool:
        """Whether it holds the private messages of two users."""
        return self.id.startswith(PRIVATE_MARK)


def private_room(one: str, other: str) -> str:
    """The id of the room for the private messages of two keys, the same from both sides."""
    first, second = sorted((one, other))
    return f"{PRIVATE_MARK}{first}.{second}"


def partners(room: str) -> tuple[str, str]:
    """The two keys of a private room's id."""
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
        """(key, instance) → session."""
        self.by_identity: dict[bytes, Session] = {}

    def add_user(self, key: str, nick: str, folded: str) -> User:
        """A user whose claim of a nick is stored."""
        user = self.users.get(key)
        if user is None:
            user = self.users[key] = User(key, nick)
        self.nicks[folded] = user
        self.look_alikes |= dict.fromkeys(skeletons(nick), user)
        return user

    def add_room(self, room: str, name: str, topic: str = "") -> Room:
        """A public room that is stored; one that is known stays as it is."""
        return self.rooms.setdefault(room, Room(room, name, topic))

    def add_private(self, room: str) -> Room | None:
        """The room of two users' private messages; None when one of them is not known."""
        known = self.rooms.get(room)
        if known is not None:
            return known
        one, other = (self.users.get(key) for key in partners(room))
        if one is None or other is None:
            return None
        one.private[room], other.private[room] = other, one
        self.rooms[room] = Room(room, room)
        return self.rooms[room]

    def connect(self, session: Session, identity: bytes) -> None:
        """The session is reached by this identity from now on."""
        self.by_identity.pop(session.identity, None)
        session.identity = identity
        self.by_identity[identity] = session

    def disconnect(self, identity: bytes) -> None:
        """Nothing can be sent there any more; the session stays until it expires."""
        session = self.by_identity.pop(identity, None)
        if session is not None:
            session.identity = b""

    def add_session(self, session: Session) -> None:
        """A new session; its identity is set by `connect`."""
        self.sessions[session.user.key, session.instance] = session
        session.user.sessions.add(session)

    def remove_session(self, session: Session) -> None:
        """A session that has left all rooms."""
        assert not session.rooms
        del self.sessions[session.user.key, session.instance]
        session.user.sessions.discard(session)
        self.by_identity.pop(session.identity, None)

    def enter(self, session: Session, room: Room) -> bool:
        """The session follows the room; True when its user has thereby become present in it."""
        if room.id in session.rooms:
            return False
        session.rooms[room.id] = room
        _count(room.followers, session.user, 1)
        return session.present and _count(room.present, session.user, 1) == 1

    def leave(self, session: Session, room: Room) -> bool:
        """The session follows the room no more; True when its user is thereby no longer present in it."""
        del session.rooms[room.id]
        session.seen.pop(room.id, None)
        _count(room.followers, session.user, -1)
        return session.present and _count(room.present, session.user, -1) == 0


def _count(table: dict[User, int], user: User, step: int) -> int:
    count = table.get(user, 0) + step
    if count:
        table[user] = count
    else:
        table.pop(user, None)
    return count
