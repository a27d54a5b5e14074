"""Commands: what a client tells the broker.

Owns their shapes. Does not know who may say them (`broker.core`). Pure; any thread.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from . import limits
from .parts import (
    AdminVerb,
    Choice,
    EntryKind,
    Invite,
    Message,
    MessageId,
    Millis,
    Nick,
    Ref,
    RoomId,
    Roundtrip,
    Seconds,
    Seq,
    Short,
    Target,
    Text,
)


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


Command = Hello | Goodbye | Ping | Join | Part | Say | Rename | Replay | Search | Away | Who | Rooms | Inspect | Admin
