"""What the broker's core asks of the server: replies, broadcasts, storage, log lines.

Owns these words only. Pure; any thread.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from ..common.clock import Now
from ..common.messages import Command, Event, Inspect, Join, Presence, Replay, Say, Search
from .history import Append, Change, Outcome, Question


class Reply(msgspec.Struct, frozen=True):
    """Send one event by ROUTER to each identity; it is encoded once."""

    identities: tuple[bytes, ...]
    event: Event


class Publish(msgspec.Struct, frozen=True):
    """Send one event by PUB to all who subscribed to the topic."""

    topic: bytes
    event: Event


class Log(msgspec.Struct, frozen=True):
    """Tell the operator; all of it may hold remote words, which must be cleaned before they are shown."""

    text: str
    warning: bool = False
    event: str = ""
    """One word for what happened, and what it happened to, for programs that read the log."""
    fields: Mapping[str, object] = {}


class Report(msgspec.Struct, frozen=True):
    """Send a report of the broker by ROUTER, with the numbers or without."""

    identity: bytes
    question: Inspect
    numbers: bool


class Cut(msgspec.Struct, frozen=True):
    """End all connections of a key or of a network."""

    key: str = ""
    network: str = ""
    spare: str = ""
    """A key whose connections stay, in any network."""
    at_once: bool = False
    """Else those of ROUTER end somewhat later, so that they read why."""


# --- why something is stored or read: the core gets it back with the outcome -------------------------------------
class Create(msgspec.Struct, frozen=True):
    """A room is made; `join` follows, if that was the reason."""

    user: str
    room: str
    private: bool
    identity: bytes
    join: Join | None


class Start(msgspec.Struct, frozen=True):
    """Where a join begins to read."""

    identity: bytes
    room: str
    join: Join


class Said(msgspec.Struct, frozen=True):
    """A user said something, or did something in a room; then `follow` tells what comes of it once it is stored."""

    identity: bytes
    user: str
    say: Say
    append: Append
    follow: Follow | None = None


class Run(msgspec.Struct, frozen=True):
    """Messages of one user that came together for one room: judged at once, and told at once.

    The outcome is that of the first when all of them are new, and so stand one after the other; else each comes back
    as it would have come by itself.
    """

    identity: bytes
    user: str
    says: list[Say]
    appends: list[Append]

    def each(self) -> list[Said]:
        """The messages one by one."""
        pairs = zip(self.says, self.appends, strict=True)
        return [Said(self.identity, self.user, say, append) for say, append in pairs]


class Doubted(msgspec.Struct, frozen=True):
    """A message that cannot be taken, unless it is a repeat of one that was."""

    identity: bytes
    say: Say
    room: str
    otherwise: Reply
    """What it is answered then."""


class Then(msgspec.Struct, frozen=True):
    """A command that changes what is allowed or how somebody is called; `follow` tells what comes of it."""

    identity: bytes
    command: Command
    follow: FollowOutcome


class OwnStep(msgspec.Struct, frozen=True):
    """The broker itself wants it, at nobody's command; `follow` tells what comes of it."""

    follow: FollowOutcome = lambda outcome, now: []


class Paging(msgspec.Struct, frozen=True):
    """A page of history was asked for."""

    identity: bytes
    replay: Replay
    room: str


class Indexing(msgspec.Struct, frozen=True):
    """Entries are made findable; a search waits for it, if there is one."""

    identity: bytes = b""
    search: Search | None = None


class Finding(msgspec.Struct, frozen=True):
    """Somebody searches."""

    identity: bytes
    search: Search


class Mark(msgspec.Struct, frozen=True):
    """A user has seen a room up to a sequence."""

    user: str
    room: str


class Trimming(msgspec.Struct, frozen=True):
    """What is too old of a room is removed."""

    room: str


class Announce(msgspec.Struct, frozen=True):
    """Somebody came or went: told in the order in which it happened, after what was said before it."""

    room: str
    presence: Presence


Purpose = (
    Create | Start | Said | Run | Doubted | Then | OwnStep | Paging | Indexing | Finding | Mark | Trimming | Announce
)


class Store(msgspec.Struct, frozen=True):
    """Make a change in the next commit; the outcome comes back with `purpose`."""

    change: Change
    purpose: Purpose


class StoreRun(msgspec.Struct, frozen=True):
    """Append all of a run in the next commit; the outcome comes back with it, or one for each of its messages."""

    run: Run


class Ask(msgspec.Struct, frozen=True):
    """Read from the history after the next commit; the outcome comes back with `purpose`."""

    question: Question
    purpose: Purpose


class Repaired(msgspec.Struct, frozen=True):
    """A client that had all of a room missed something, and has been sent it again: so many entries."""

    identity: bytes
    entries: int


class Await(msgspec.Struct, frozen=True):
    """Nothing to store, but it must keep its place among what is: `purpose` comes back in order."""

    purpose: Purpose


Action = Reply | Publish | Report | Log | Cut | Repaired | Store | StoreRun | Await | Ask
Follow = Callable[[Now], list[Action]]
"""What comes of something that is so now."""
FollowOutcome = Callable[[Outcome, Now], list[Action]]
"""What comes of an outcome."""
