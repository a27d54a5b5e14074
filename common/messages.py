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
Choice = Annotated[str, Meta(max_length=128)]
EntryKind = Literal[
    "message",
    "me",
    "topic",
    "ask",
    "answer",
    "delete",
    "invite",
    "kick",
    "ban",
    "unban",
    "mute",
    "unmute",
    "op",
    "deop",
]
"""What is said (the first five), or done to a message (delete) or to somebody in the room."""
AdminVerb = Literal[
    "allow", "deny", "kick", "ban", "unban", "op", "deop", "reset", "invite", "revoke", "list", "forget", "vacuum"
]
Seconds = Annotated[float, Meta(ge=0, le=2**33)]
Pace = Annotated[int, Meta(ge=1, le=1_000)]
"""How many times longer than usual the pauses between signs of life are, since there are so many clients."""
Roundtrip = Annotated[float, Meta(ge=0, le=2**20)]
"""Milliseconds from a question to its answer; 0: not measured."""
PerSecond = Annotated[float, Meta(ge=0, le=2**40)]
Invite = Annotated[str, Meta(max_length=64)]
Target = Annotated[str, Meta(max_length=64)]
"""Somebody: a nick, a fingerprint, a public key in base32, or an address or network."""


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
    """One of `EntryKind`, or ``deleted``; a reader shows a kind it does not know as a message."""
    to: str | None = None
    """The nick of whom a private message is for, or to whom something is done."""
    target: str | None = None
    """The fingerprint of whom something is done to."""
    about: Seq = 0
    """The sequence of the message that is deleted, or of the question that is answered."""
    until: Millis = 0
    """When a ban or mute ends; 0: when it is lifted."""
    choices: list[str] = []
    """What a question can be answered with."""


class Ack(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One message is on the broker's disk; it travels with others (`batches`)."""

    id: str
    room: str
    seq: Seq
    time: Millis
    delivered: int = 0
    """How many other people it went to."""
    duplicate: bool = False
    """It had been stored before; `seq` and `time` are those of the first time."""
    away: str | None = None
    """Of a private message: the addressee is away, with their word for it."""


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
    """When they came; of who is away, when they claimed their nick."""
    sessions: int
    """How many of their clients are here; 0: they are away."""
    claimed: Millis = 0
    """When they claimed their nick."""
    operator: bool = False
    """Whether they are an operator of the broker."""
    away: str | None = None
    """They said that they are away, with their word for it; None: they did not."""
    bot: bool = False
    """All their clients that are here are programs."""
    lag: Annotated[int, Meta(ge=0, le=2**63 - 1)] = 0
    """How many entries they have not been shown yet, in the rooms that the asker may read."""
    rtt: Roundtrip = 0.0
    """Between their client and the broker, in milliseconds; 0: not known."""


class RoomInfo(Value, frozen=True):
    """One room that the asker may read."""

    room: str
    online: int
    topic: str
    seq: Seq
    private: bool = False
    members: int = 0


class Ruling(Value, frozen=True):
    """One thing that operators have decided, and that is in force."""

    kind: str
    """``ban``, ``allowed``, ``denied``, ``operator`` or ``invitation``."""
    name: str
    """The key or network it is about; of an invitation, how it is named when it is revoked."""
    nick: str = ""
    """The nick of that key, if it has one."""
    until: Millis = 0
    """When it ends; 0: it does not."""
    uses: int = 0
    """How often an invitation can still be used."""
    by: str = ""
    """The nick, or else the fingerprint, of who decided it."""
    reason: str = ""


class Match(Value, frozen=True):
    """One entry that a search found."""

    room: str
    """The room's id."""
    name: str
    """Its name as it was first given; of a direct room its id."""
    entry: Entry


class Latency(Value, frozen=True):
    """How long something took lately, in milliseconds."""

    p50: PerSecond
    """Half of them took at most so long."""
    p99: PerSecond
    count: int
    """How many there were."""


class Trouble(Value, frozen=True):
    """A warning of the broker's log."""

    time: Millis
    event: str
    """The word for it in the log."""
    text: str


class Numbers(Value, frozen=True):
    """What the broker counts and measures, by the names of its metrics."""

    seconds: Seconds
    """Over how long rates and latencies were taken."""
    gauges: dict[str, int] = {}
    totals: dict[str, int] = {}
    """Since the broker started."""
    rates: dict[str, PerSecond] = {}
    """How fast the totals grew."""
    latencies: dict[str, Latency] = {}
    refusals: dict[str, int] = {}
    """Code → how often it was given since the broker started."""
    storing: bool = True
    """Whether the last commit succeeded."""
    troubles: list[Trouble] = []
    """The last of them, the newest at the end."""


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
    invite: Invite = ""
    """The token of an invitation, for a key that is not known yet."""
    bot: bool = False
    """A program speaks here, not a person."""
    ref: Ref = 0


class Goodbye(Message, frozen=True):
    """I leave now; no grace time."""

    reason: Short = ""


class Ping(Message, frozen=True):
    """I am here, and this is what I have seen since my last ping."""

    seen: Annotated[dict[RoomId, Seq], Meta(max_length=limits.PING_ROOMS)] = {}
    rtt: Roundtrip = 0.0
    """How long the last ping took to be answered, in milliseconds."""
    ref: Ref = 0


class Join(Message, frozen=True):
    """Follow a room from a place in its history; present clients are announced.

    At most one of `after`, `last`, `since`, `since_id`, `unread` is given; none means from now on, and in private
    messages from what was read on any screen.
    """

    room: RoomId
    ref: Ref = 0
    after: Seq | None = None
    last: Annotated[int, Meta(ge=0, le=1_000_000)] | None = None
    since: Millis | None = None
    since_id: MessageId | None = None
    unread: bool = False
    """Begin after what was seen on any screen; where nothing was, from now on."""
    create: bool = True
    private: bool = False
    """Make it a private room; one that is there and public is refused."""
    resumed: bool = False
    """This instance was in the room before it lost the broker."""


class Part(Message, frozen=True):
    """Stop following a room."""

    room: RoomId
    ref: Ref = 0


class Say(Message, frozen=True):
    """Put an entry into a room (`room`) or into the private messages with a user (`to`).

    What is done to somebody in a room has both, with the reason as its text.
    """

    id: MessageId
    text: Text
    room: RoomId | None = None
    to: Target | None = None
    kind: EntryKind = "message"
    about: Seq = 0
    """The sequence of the message to delete, or of the question to answer."""
    seconds: Seconds = 0
    """How long a ban or mute lasts; 0: until it is lifted."""
    choices: Annotated[list[Choice], Meta(max_length=limits.CHOICES)] = []
    """What a question can be answered with."""


class Rename(Message, frozen=True):
    """Call me so from now on."""

    nick: Nick
    ref: Ref = 0


class Replay(Message, frozen=True):
    """Give me a page of history: entries after a sequence, or the last ones before it."""

    room: RoomId = ""
    ref: Ref = 0
    after: Seq | None = None
    before: Seq | None = None
    to: Nick | None = None
    """Instead of a room: the private messages with this user."""
    limit: Annotated[int, Meta(ge=1, le=1_000_000)] = limits.PAGE_ENTRIES


class Search(Message, frozen=True):
    """Find what was said, in one room or in all that I may read: the newest entries with all these words."""

    words: Annotated[str, Meta(max_length=limits.SEARCH_CHARACTERS)]
    """As they are typed: ``dep*`` for beginnings, quotes around what stands together."""
    ref: Ref = 0
    room: RoomId | None = None
    to: Nick | None = None
    """Instead of a room: the private messages with this user."""
    before: Seq | None = None
    """Only what stands before this entry of the room `before_room`: the first one of the answer before."""
    before_room: RoomId = ""
    limit: Annotated[int, Meta(ge=1, le=1_000_000)] = limits.PAGE_ENTRIES


class Away(Message, frozen=True):
    """I am away, or back again; so it stays while any session of mine lives."""

    away: bool = True
    text: Short = ""
    """My word for it."""
    ref: Ref = 0


class Who(Message, frozen=True):
    """Who is here, or in one room; or who is this one, here or away."""

    ref: Ref = 0
    room: RoomId | None = None
    nick: Target | None = None


class Rooms(Message, frozen=True):
    """Which rooms are there."""

    ref: Ref = 0


class Inspect(Message, frozen=True):
    """How is the broker?"""

    seconds: Seconds = 60
    """Over how long rates and latencies are wanted; the broker keeps those of the last minute."""
    ref: Ref = 0


class Admin(Message, frozen=True):
    """What only an operator of the broker may do."""

    verb: AdminVerb
    target: Target = ""
    """Whom it is done to; nobody for ``invite`` and ``list``; with ``revoke`` the invitation's name."""
    seconds: Seconds = 0
    """How long a ban lasts or an invitation holds; 0: until it is lifted, or spent."""
    uses: Annotated[int, Meta(ge=1, le=100_000)] = 1
    """How many may come in by the invitation."""
    key: Target = ""
    """With ``reset``: the fingerprint or public key that gets the nick."""
    reason: Short = ""
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
    pace: Pace = 1
    ref: Ref = 0


class Refused(Message, frozen=True):
    """No, and why."""

    code: str
    detail: str
    ref: Ref = 0
    id: str | None = None
    """The message that is refused, when it was a `Say`."""
    retry: Seconds = 0
    """Try the same again after so many seconds; 0: it will not help."""


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
    private: bool = False
    """For its members only; nothing of it goes over PUB."""
    role: str = ""
    """What you are in it: ``owner``, ``operator``, ``member`` (of a private room) or nothing."""
    read: Seq | None = None
    """The last sequence that you have seen on any screen; of a room that was empty then, 0."""
    ref: Ref = 0


class Parted(Message, frozen=True):
    """You no longer follow this room; unasked for, with the reason, when you were removed."""

    room: str
    reason: str = ""
    ref: Ref = 0


class Invited(Message, frozen=True):
    """Somebody made you a member of a private room; join it to read it."""

    room: str
    name: str
    """The room's name as it was first given."""
    nick: str
    """Who invited you."""


class Renamed(Message, frozen=True):
    """You are called so from now on: the answer to `Rename`, and unasked for when another session of yours did it."""

    nick: str
    ref: Ref = 0


class Entries(Message, frozen=True):
    """New entries of one room, in order: by PUB for a public room, by ROUTER for any other."""

    room: str
    entries: list[Entry]
    head: Seq = 0
    """Where the room stands, told soon after something was said, without entries: who has not seen that missed it."""


class Page(Message, frozen=True):
    """The answer to `Replay`."""

    room: str
    entries: list[Entry]
    head: Seq
    more: bool = False
    """There is more in the direction that was asked for."""
    floor: Seq = 0
    """Entries up to this one are no longer kept."""
    ref: Ref = 0


class Matches(Message, frozen=True):
    """The answer to `Search`: what was found, the newest last."""

    matches: list[Match]
    more: bool = False
    """There is more before these."""
    ref: Ref = 0


class Absence(Message, frozen=True):
    """You are away now, or back: the answer to `Away`, and unasked for when another session of yours said it."""

    away: bool
    text: str = ""
    ref: Ref = 0


class Acked(Message, frozen=True):
    """These messages are stored."""

    acks: list[Ack]


class Presence(Message, frozen=True):
    """Somebody came, went or is away; a state, not history: it has no sequence."""

    room: str
    nick: str
    key: str
    change: str
    """``joined``, ``left``, ``renamed``, ``away`` or ``back``."""
    time: Millis
    reason: str = ""
    """Why they left, or their word for being away."""
    old: str = ""
    """The nick before this one, when it is renamed."""
    bot: bool = False
    """They are a program."""


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


class Administered(Message, frozen=True):
    """The answer to `Admin`: what was done."""

    detail: str
    invite: str = ""
    """The token of the invitation that was made."""
    rulings: list[Ruling] = []
    """With ``list``: what is in force, up to 500."""
    more: bool = False
    """It is not finished: ask again a second later."""
    ref: Ref = 0


class Report(Message, frozen=True):
    """The answer to `Inspect`."""

    version: str
    """The broker's program."""
    libzmq: str
    uptime: Seconds
    time: Millis
    numbers: Numbers | None = None
    """For operators only."""
    ref: Ref = 0


class Pong(Message, frozen=True):
    """The answer to `Ping`, with the heads of rooms in which you are behind."""

    heads: dict[str, Seq] = {}
    following: Annotated[int, Meta(ge=0, le=2**32 - 1)] | None = None
    """Which rooms you are in, as `wire.digest`; private messages are not counted."""
    ref: Ref = 0


class Beacon(Message, frozen=True):
    """The broker's sign of life on PUB."""

    time: Millis
    pace: Pace = 1


class Closing(Message, frozen=True):
    """The broker closes this connection; come back later."""

    reason: str = ""
    retry: Seconds = 0
    """After so many seconds; the broker has hardly gone before."""


class Unknown(Message, frozen=True):
    """A message of a kind that this version does not know; by the forward rule it is ignored."""

    kind: str


Command = Hello | Goodbye | Ping | Join | Part | Say | Rename | Replay | Search | Away | Who | Rooms | Inspect | Admin
Event = (
    Welcome
    | Refused
    | Entered
    | Parted
    | Invited
    | Renamed
    | Entries
    | Page
    | Matches
    | Absence
    | Acked
    | Presence
    | Roster
    | RoomList
    | Administered
    | Report
    | Pong
    | Beacon
    | Closing
)
