"""What the broker's core asks of the server: replies, broadcasts, storage, log lines.

Owns these words only. Pure; any thread.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..common.messages import Event, Hello, Join, Replay, Say
from .history import Change, Question


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
    """Tell the operator; `text` may hold remote words and must be cleaned before it is shown."""

    text: str
    warning: bool = False


# --- why something is stored or read: the core gets it back with the outcome -------------------------------------
@dataclass(frozen=True, slots=True)
class Claim:
    """A nick is claimed by a new user."""

    identity: bytes
    user: str
    hello: Hello


@dataclass(frozen=True, slots=True)
class Create:
    """A public room is made; `join` follows, if that was the reason."""

    room: str
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
    """A user said something."""

    identity: bytes
    user: str
    nick: str
    room: str
    say: Say
    time: int


@dataclass(frozen=True, slots=True)
class Paging:
    """A page of history was asked for."""

    identity: bytes
    replay: Replay
    room: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A user has seen private messages up to a sequence."""

    user: str
    room: str
    seq: int


@dataclass(frozen=True, slots=True)
class Announce:
    """Somebody came or went: told in the order in which it happened, after what was said before it."""

    room: str
    publish: Publish


Purpose = Claim | Create | Start | Said | Paging | Mark | Announce


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


Action = Reply | Publish | Log | Store | Await | Ask
