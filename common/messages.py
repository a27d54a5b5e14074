"""The words of the protocol: every command (client → broker) and every event (broker → client).

Owns the shapes and their bounds, as frozen structs that are validated while they are decoded. Does not know how
they become bytes (`wire`), nor who may say them (`broker.core`). Pure; any thread.

Bounds here only keep absurd values out of the program (a sequence that no database holds, a map of a million
keys). What a user may do wrong in good faith, such as a message that is too long, is decided by the broker's
core, which can then say so. `docs/protocol.md` tells the same for people; a test compares the two.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from . import limits

Seq = Annotated[int, Meta(ge=0, le=2**63 - 1)]
"""A sequence, 1 for a room's first entry; 0 stands before it."""
Ref = Annotated[int, Meta(ge=0, le=2**63 - 1)]
"""The client's number for a question; the answer or refusal repeats it."""
Millis = Annotated[int, Meta(ge=0, le=2**47)]
"""Wall-clock milliseconds since 1970, a label only: order is `Seq`. Calendars end at the year 9999; this is 6429."""
RoomId = Annotated[str, Meta(max_length=128)]
"""A room's name, or ``@FINGERPRINT.FINGERPRINT`` for the private messages of two users."""
Nick = Annotated[str, Meta(max_length=64)]
MessageId = Annotated[str, Meta(pattern=rf"^[A-Za-z0-9._:-]{{1,{limits.ID_CHARACTERS}}}\Z")]
Text = Annotated[str, Meta(max_length=65_536)]
Short = Annotated[str, Meta(max_length=1_024)]
EntryKind = Literal["message", "me", "topic"]


class Message(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type", tag=str.lower, gc=False):
    """Base of everything that travels; its ``type`` on the wire is the class name in lower case."""


class Value(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Base of what stands inside a message."""


# --- parts ----------------------------------------------------------------------------------------------------
class Entry(Value, frozen=True):
    """One line of a room's history."""

    seq: Seq
    prev: Seq
    """The sequence before this one in the room; 0 for the first."""
    id: str
    time: Millis
    nick: str
    """The author's nick when it was said."""
    key: str
    """The author's fingerprint."""
    text: str
    kind: str = "message"
    """``message``, ``me`` (an action) or ``topic``; a reader shows a kind it does not know as a message."""
    to: str | None = None
    """The addressee's nick, in a private message."""


class Ack(Value, frozen=True):
    """One message is on the broker's disk."""

    id: str
    room: str
    seq: Seq
    time: Millis
    delivered: int = 0
    """How many other people it went to."""
    duplicate: bool = False
    """It had been stored before; `seq` and `time` are those of the first time."""


class PrivateHead(Value, frozen=True):
    """Where the private messages with one partner stand."""

    nick: str
    head: Seq
    read: Seq = 0
    """The last sequence that this user has seen on any screen."""


class UserInfo(Value, frozen=True):
    """One user who is here."""

    nick: str
    key: str
    rooms: list[str]
    idle: Annotated[float, Meta(ge=0, le=2**40)]
    """Seconds since they last said or joined something."""
    since: Millis
    sessions: int


class RoomInfo(Value, frozen=True):
    """One public room."""

    room: str
    online: int
    topic: str
    seq: Seq
    private: bool = False
    members: int = 0


# --- commands: client → broker --------------------------------------------------------------------------------
class Hello(Message, frozen=True):
    """The first command of a connection: who I am and what kind of client."""

    nick: Nick
    instance: Annotated[str, Meta(min_length=1, max_length=64)]
    """A random word of this process: the same instance returning is the same session."""
    present: bool = False
    """Shown in ``who`` and announced in rooms."""
    private: bool = False
    """Wants private messages."""
    agent: Short = ""
    """Program and version, for the operator's log."""
    ref: Ref = 0


class Goodbye(Message, frozen=True):
    """I leave now; no grace time."""

    reason: Short = ""


class Ping(Message, frozen=True):
    """I am here, and this is what I have seen since my last ping."""

    seen: Annotated[dict[RoomId, Seq], Meta(max_length=limits.PING_ROOMS)] = {}
    ref: Ref = 0


class Join(Message, frozen=True):
    """Follow a room from a place in its history; present clients are announced.

    At most one of `after`, `last`, `since`, `since_id` is given; none means from now on, and in private messages from
    what was read on any screen.
    """

    room: RoomId
    ref: Ref = 0
    after: Seq | None = None
    last: Annotated[int, Meta(ge=0, le=1_000_000)] | None = None
    since: Millis | None = None
    since_id: MessageId | None = None
    create: bool = True
    resumed: bool = False
    """This instance was in the room before it lost the broker."""


class Part(Message, frozen=True):
    """Stop following a room."""

    room: RoomId
    ref: Ref = 0


class Say(Message, frozen=True):
    """Put an entry into a room (`room`) or into the private messages with a user (`to`)."""

    id: MessageId
    text: Text
    room: RoomId | None = None
    to: Nick | None = None
    kind: EntryKind = "message"


class Replay(Message, frozen=True):
    """Give me a page of history: entries after a sequence, or the last ones before it."""

    room: RoomId = ""
    ref: Ref = 0
    after: Seq | None = None
    before: Seq | None = None
    to: Nick | None = None
    """Instead of a room: the private messages with this user."""
    limit: Annotated[int, Meta(ge=1, le=1_000_000)] = limits.PAGE_ENTRIES


class Who(Message, frozen=True):
    """Who is here, or in one room."""

    ref: Ref = 0
    room: RoomId | None = None


class Rooms(Message, frozen=True):
    """Which rooms are there."""

    ref: Ref = 0


# --- events: broker → client ----------------------------------------------------------------------------------
class Welcome(Message, frozen=True):
    """You are in."""

    nick: str
    key: str
    """The fingerprint the broker knows you by."""
    session: str
    broker: str
    """The broker's name, for people."""
    history: str
    """The history's random id: cursors belong to it."""
    pub: Annotated[int, Meta(ge=1, le=65_535)]
    """The PUB socket's port, on the host that the client reached."""
    time: Millis
    private: dict[str, PrivateHead] = {}
    resumed: bool = False
    ref: Ref = 0


class Refused(Message, frozen=True):
    """No, and why."""

    code: str
    detail: str
    ref: Ref = 0
    id: str | None = None
    """The message that is refused, when it was a `Say`."""


class Entered(Message, frozen=True):
    """You follow this room now; replay from `after`."""

    room: str
    """The room's id: its folded name, of which the PUB topic is made."""
    name: str
    """The room's name as it was first given."""
    head: Seq
    after: Seq
    topic: str = ""
    online: list[str] = []
    """Nicks of who is present, up to 100."""
    ref: Ref = 0


class Parted(Message, frozen=True):
    """You no longer follow this room."""

    room: str
    ref: Ref = 0


class Entries(Message, frozen=True):
    """New entries of one room, in order: by PUB for a public room, by ROUTER for private messages."""

    room: str
    entries: list[Entry]


class Page(Message, frozen=True):
    """The answer to `Replay`."""

    room: str
    entries: list[Entry]
    head: Seq
    more: bool = False
    """There is more in the direction that was asked for."""
    ref: Ref = 0


class Acked(Message, frozen=True):
    """These messages are stored."""

    acks: list[Ack]


class Presence(Message, frozen=True):
    """Somebody came or went; a state, not history: it has no sequence."""

    room: str
    nick: str
    key: str
    change: str
    """``joined`` or ``left``."""
    time: Millis
    reason: str = ""


class Roster(Message, frozen=True):
    """The answer to `Who`, in as many parts as fit frames."""

    users: list[UserInfo]
    start: Seq = 0
    """How many stood in the parts before this one."""
    more: bool = False
    """Another part follows."""
    ref: Ref = 0


class RoomList(Message, frozen=True):
    """The answer to `Rooms`, in as many parts as fit frames."""

    rooms: list[RoomInfo]
    start: Seq = 0
    """How many stood in the parts before this one."""
    more: bool = False
    """Another part follows."""
    ref: Ref = 0


class Pong(Message, frozen=True):
    """The answer to `Ping`, with the heads of rooms in which you are behind."""

    heads: dict[str, Seq] = {}
    ref: Ref = 0


class Beacon(Message, frozen=True):
    """The broker's sign of life on PUB."""

    time: Millis


class Closing(Message, frozen=True):
    """The broker is going down; come back later."""

    reason: str = ""


class Unknown(Message, frozen=True):
    """A message of a kind that this version does not know; by the forward rule it is ignored."""

    kind: str


Command = Hello | Goodbye | Ping | Join | Part | Say | Replay | Who | Rooms
Event = (
    Welcome
    | Refused
    | Entered
    | Parted
    | Entries
    | Page
    | Acked
    | Presence
    | Roster
    | RoomList
    | Pong
    | Beacon
    | Closing
)
