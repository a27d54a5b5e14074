"""Events: what the broker tells clients.

Owns their shapes. Does not know what a client makes of them (`client.core`). Pure; any thread.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from .parts import (
    Ack,
    Entry,
    Match,
    Message,
    Millis,
    Numbers,
    Pace,
    PrivateHead,
    Ref,
    RoomInfo,
    Ruling,
    Seconds,
    Seq,
    UserInfo,
)


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
