"""What the broker's core asks of the server: replies, broadcasts, storage, log lines.

Owns these words only. Pure; any thread.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ..common.clock import Now
from ..common.messages import Command, Event, Inspect, Join, Presence, Replay, Say, Search
from .history import Append, Change, Outcome, Question


@dataclass(frozen=True, slots=True)
class Reply:
    """Send one event by ROUTER to each identity; it is encoded once."""

    identities: tuple[bytes, ...]
    event: Event


@dataclass(frozen=True, slots=True)
class Publish:
    """Send one event by PUB to all who subscribed to the topic."""

    topic: bytes
    event: Event


@dataclass(frozen=True, slots=True)
class Log:
    """Tell the operator; all of it may hold remote words, which must be cleaned before they are shown."""

    text: str
    warning: bool = False
    event: str = ""
    """One word for what happened, and what it happened to, for programs that read the log."""
    fields: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Tell:
    """Send a report of the broker by ROUTER, with the numbers or without."""

    identity: bytes
    question: Inspect
    numbers: bool


@dataclass(frozen=True, slots=True)
class Cut:
    """End all connections of a key or of a network."""

    key: str = ""
    network: str = ""
    spare: str = ""
    """A key whose connections stay, in any network."""
    at_once: bool = False
    """Else those of ROUTER end somewhat later, so that they read why."""


# --- why something is stored or read: the core gets it back with the outcome -------------------------------------
@dataclass(frozen=True, slots=True)
class Create:
    """A room is made; `join` follows, if that was the reason."""

    user: str
    room: str
    private: bool
    identity: bytes
    join: Join | None


@dataclass(frozen=True, slots=True)
class Start:
    """Where a join begins to read."""

    identity: bytes
    room: str
    join: Join


@dataclass(frozen=True, slots=True)
class Said:
    """A user said something, or did something in a room; then `follow` tells what comes of it once it is stored."""

    identity: bytes
    user: str
    say: Say
    append: Append
    follow: Callable[[Now], list[Action]] | None = None


@dataclass(frozen=True, slots=True)
class Doubted:
    """A message that cannot be taken, unless it is a repeat of one that was."""

    identity: bytes
    say: Say
    room: str
    otherwise: Reply
    """What it is answered then."""


@dataclass(frozen=True, slots=True)
class Then:
    """A command that changes what is allowed or how somebody is called; `follow` tells what comes of it."""

    identity: bytes
    command: Command
    follow: Callable[[Outcome, Now], list[Action]]


@dataclass(frozen=True, slots=True)
class Paging:
    """A page of history was asked for."""

    identity: bytes
    replay: Replay
    room: str


@dataclass(frozen=True, slots=True)
class Indexing:
    """Entries are made findable; a search waits for it, if there is one."""

    identity: bytes = b""
    search: Search | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """Somebody searches."""

    identity: bytes
    search: Search


@dataclass(frozen=True, slots=True)
class Mark:
    """A user has seen a room up to a sequence."""

    user: str
    room: str


@dataclass(frozen=True, slots=True)
class Trimming:
    """What is too old of a room is removed."""

    room: str


@dataclass(frozen=True, slots=True)
class Announce:
    """Somebody came or went: told in the order in which it happened, after what was said before it."""

    room: str
    presence: Presence


Purpose = Create | Start | Said | Doubted | Then | Paging | Indexing | Finding | Mark | Trimming | Announce


@dataclass(frozen=True, slots=True)
class Store:
    """Make a change in the next commit; the outcome comes back with `purpose`."""

    change: Change
    purpose: Purpose


@dataclass(frozen=True, slots=True)
class Ask:
    """Read from the history after the next commit; the outcome comes back with `purpose`."""

    question: Question
    purpose: Purpose


@dataclass(frozen=True, slots=True)
class Await:
    """Nothing to store, but it must keep its place among what is: `purpose` comes back in order."""

    purpose: Purpose


Action = Reply | Publish | Tell | Log | Cut | Store | Await | Ask
