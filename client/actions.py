"""What the client's core and programs ask of the connection, and what the core tells the program.

Owns these words only. Pure; any thread.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..common.errors import ZchatError
from ..common.messages import Ack, Command, Entered, Entry, Event, Presence, Refused, Say, Welcome
from .told import Alert, Status, Told


# --- actions: for the connection ------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Dial:
    """Open a DEALER to the broker; a former one is closed."""


@dataclass(frozen=True, slots=True)
class HangUp:
    """Close DEALER and SUB."""


@dataclass(frozen=True, slots=True)
class Send:
    """Send one command by DEALER."""

    command: Command


@dataclass(frozen=True, slots=True)
class Listen:
    """Open a new SUB to this port of the broker's host with these topics; a former one is closed."""

    port: int
    topics: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Subscribe:
    """Add a topic to SUB."""

    topic: bytes


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    """Take a topic from SUB."""

    topic: bytes


@dataclass(frozen=True, slots=True)
class Show:
    """Tell the program."""

    notice: Notice


@dataclass(frozen=True, slots=True)
class Print:
    """Write a line: data to standard output, or with `aside` a notice to standard error."""

    text: str
    aside: bool = False
    author: tuple[int, int, str] | None = None
    """Where in it a nick begins and ends, and its owner's key, which gives it a colour."""
    marks: tuple[tuple[int, int], ...] = ()
    """Where what was searched for stands in `text`, as (start, end), for a screen that can show it."""


@dataclass(frozen=True, slots=True)
class Reached:
    """What was printed so far covers these rooms up to these sequences, in this history."""

    history: str
    seqs: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Run:
    """Run the command that the user wants run for messages, for this message object."""

    event: str


@dataclass(frozen=True, slots=True)
class End:
    """The program is done, well or with an error."""

    error: ZchatError | None = None


Output = Print | Reached | Run | Told | Status | Alert
"""What goes to whoever writes the lines, in this order."""
Action = Dial | HangUp | Send | Listen | Subscribe | Unsubscribe | Show | Output | End


# --- notices: from the core to the program --------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Connected:
    """The broker welcomed us; `again` when we had been there before."""

    welcome: Welcome
    again: bool


@dataclass(frozen=True, slots=True)
class Disconnected:
    """The broker is gone, for a reason; the core keeps trying."""

    reason: str
    waiting: int
    """How many messages wait for it."""


@dataclass(frozen=True, slots=True)
class InRoom:
    """We are in a room that was asked for."""

    entered: Entered


@dataclass(frozen=True, slots=True)
class Heard:
    """One entry, in order and once; `replay` when it came from the history."""

    room: str
    entry: Entry
    replay: bool


@dataclass(frozen=True, slots=True)
class CaughtUp:
    """Everything that stood in the room when we entered has been shown."""

    room: str


@dataclass(frozen=True, slots=True)
class CameOrWent:
    """Somebody joined, left or is called differently."""

    presence: Presence


@dataclass(frozen=True, slots=True)
class Stored:
    """A message of ours is on the broker's disk."""

    say: Say
    ack: Ack


@dataclass(frozen=True, slots=True)
class Refusal:
    """The broker said no to this command."""

    command: Command
    refused: Refused


@dataclass(frozen=True, slots=True)
class Held:
    """The broker takes no messages for the moment, as it said to this one; they wait and are sent again."""

    say: Say
    refused: Refused


@dataclass(frozen=True, slots=True)
class PutOff:
    """The broker will answer this question or join later; it is asked again."""

    command: Command
    refused: Refused


@dataclass(frozen=True, slots=True)
class TurnedAway:
    """The broker does not let us in for the moment; the core keeps trying. Told once, until we are in."""

    error: ZchatError


@dataclass(frozen=True, slots=True)
class Removed:
    """We were put out of a room."""

    room: str
    """Its name."""
    reason: str


@dataclass(frozen=True, slots=True)
class NickChanged:
    """We are called differently from now on."""

    old: str
    new: str


@dataclass(frozen=True, slots=True)
class AwayChanged:
    """We count as away from now on, or as back."""

    away: bool
    text: str
    """Our word for it."""


@dataclass(frozen=True, slots=True)
class InvitedTo:
    """Somebody lets us into a private room."""

    room: str
    name: str
    nick: str
    """Who it was."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a question of the program."""

    question: Command
    event: Event


@dataclass(frozen=True, slots=True)
class Restarted:
    """The room's history is another one than before: it is shown from its beginning."""

    room: str


@dataclass(frozen=True, slots=True)
class NotKept:
    """So many entries of the room, between what was seen of it and what comes now, are no longer kept."""

    room: str
    count: int


Notice = (
    Connected
    | Disconnected
    | TurnedAway
    | InRoom
    | Removed
    | InvitedTo
    | NickChanged
    | AwayChanged
    | Heard
    | CaughtUp
    | CameOrWent
    | Stored
    | Held
    | PutOff
    | Refusal
    | Answer
    | Restarted
    | NotKept
)
