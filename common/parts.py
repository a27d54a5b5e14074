"""What messages are made of: bounded numbers and texts, and the values that stand inside.

Owns these shapes and their bounds. Does not know in which message they travel (`commands`, `events`). Pure; any thread.

Bounds here only keep absurd values out of the program (a sequence that no database holds, a map of a million
keys). What a user may do wrong in good faith, such as a message that is too long, is decided by the broker's
core, which can then say so.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from . import limits
from .rules import Act

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
EntryKind = Literal["message", "me", "topic", "ask", "answer", "delete", Act]
"""What is said (the first five), or done to a message (delete) or to somebody."""
AdminVerb = Literal[
    "allow", "deny", "kick", "ban", "unban", "op", "deop", "reset", "invite", "revoke", "list", "forget", "vacuum"
]
Seconds = Annotated[float, Meta(ge=0, le=2**33)]
Pace = Annotated[int, Meta(ge=1, le=1_000)]
"""How many times longer than usual the pauses between signs of life are, since there are so many clients."""
Roundtrip = Annotated[float, Meta(ge=0, le=2**20)]
"""Milliseconds from a question to its answer; 0: not measured."""
Amount = Annotated[float, Meta(ge=0, le=2**40)]
"""Something measured; the field tells in what."""
Invite = Annotated[str, Meta(max_length=64)]
Target = Annotated[str, Meta(max_length=64)]
"""Somebody: a nick, a fingerprint, a public key in base32, or an address or network."""


class Message(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type", tag=str.lower, gc=False):
    """Base of everything that travels; its ``type`` on the wire is the class name in lower case."""


class Value(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Base of what stands inside a message."""


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
    idle: Amount
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

    p50: Amount
    """Half of them took at most so long."""
    p99: Amount
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
    rates: dict[str, Amount] = {}
    """How fast the totals grew, a second."""
    latencies: dict[str, Latency] = {}
    refusals: dict[str, int] = {}
    """Code → how often it was given since the broker started."""
    storing: bool = True
    """Whether the last commit succeeded."""
    troubles: list[Trouble] = []
    """The last of them, the newest at the end."""
