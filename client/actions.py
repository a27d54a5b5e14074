"""What the client's core and programs ask of the connection, and what the core tells the program.

Owns these words only. Pure; any thread.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from ..common.errors import ZchatError
from ..common.messages import Ack, Command, Entered, Entry, Event, Presence, Refused, Say, Welcome
from .told import Alert, Status, Told


# --- actions: for the connection ------------------------------------------------------------------------------
class Dial(msgspec.Struct, frozen=True):
    """Open a DEALER to the broker; a former one is closed."""


class HangUp(msgspec.Struct, frozen=True):
    """Close DEALER and SUB."""


class Send(msgspec.Struct, frozen=True):
    """Send one command by DEALER."""

    command: Command


class Listen(msgspec.Struct, frozen=True):
    """Open a new SUB to this port of the broker's host with these topics; a former one is closed."""

    port: int
    topics: tuple[bytes, ...]


class Subscribe(msgspec.Struct, frozen=True):
    """Add a topic to SUB."""

    topic: bytes


class Unsubscribe(msgspec.Struct, frozen=True):
    """Take a topic from SUB."""

    topic: bytes


class Show(msgspec.Struct, frozen=True):
    """Tell the program."""

    notice: Notice


class Print(msgspec.Struct, frozen=True):
    """Write a line: data to standard output, or with `aside` a notice to standard error."""

    text: str
    aside: bool = False
    author: tuple[int, int, str] | None = None
    """Where in it a nick begins and ends, and its owner's key, which gives it a colour."""
    marks: tuple[tuple[int, int], ...] = ()
    """Where what was searched for stands in `text`, as (start, end), for a screen that can show it."""


class Reached(msgspec.Struct, frozen=True):
    """What was printed so far covers these rooms up to these sequences, in this history."""

    history: str
    seqs: Mapping[str, int]


class Run(msgspec.Struct, frozen=True):
    """Run the command that the user wants run for messages, for this message object."""

    message: str


class End(msgspec.Struct, frozen=True):
    """The program is done, well or with an error."""

    error: ZchatError | None = None


Output = Print | Reached | Run | Told | Status | Alert
"""What goes to whoever writes the lines, in this order."""
Action = Dial | HangUp | Send | Listen | Subscribe | Unsubscribe | Show | Output | End


# --- notices: from the core to the program --------------------------------------------------------------------
class Connected(msgspec.Struct, frozen=True):
    """The broker welcomed us; `again` when we had been there before."""

    welcome: Welcome
    again: bool


class Disconnected(msgspec.Struct, frozen=True):
    """The broker is gone, for a reason; the core keeps trying."""

    reason: str
    waiting: int
    """How many messages wait for it."""


class InRoom(msgspec.Struct, frozen=True):
    """We are in a room that was asked for."""

    entered: Entered


class Heard(msgspec.Struct, frozen=True):
    """One entry, in order and once; `replay` when it came from the history."""

    room: str
    entry: Entry
    replay: bool


class CaughtUp(msgspec.Struct, frozen=True):
    """Everything that stood in the room when we entered has been shown."""

    room: str


class CameOrWent(msgspec.Struct, frozen=True):
    """Somebody joined, left or is called differently."""

    presence: Presence


class Stored(msgspec.Struct, frozen=True):
    """A message of ours is on the broker's disk."""

    say: Say
    ack: Ack


class Refusal(msgspec.Struct, frozen=True):
    """The broker said no to this command."""

    command: Command
    refused: Refused


class Held(msgspec.Struct, frozen=True):
    """The broker takes no messages for the moment, as it said to this one; they wait and are sent again."""

    say: Say
    refused: Refused


class PutOff(msgspec.Struct, frozen=True):
    """The broker will answer this question or join later; it is asked again."""

    command: Command
    refused: Refused


class TurnedAway(msgspec.Struct, frozen=True):
    """The broker does not let us in for the moment; the core keeps trying. Told once, until we are in."""

    error: ZchatError


class Removed(msgspec.Struct, frozen=True):
    """We were put out of a room."""

    room: str
    """Its name."""
    reason: str


class NickChanged(msgspec.Struct, frozen=True):
    """We are called differently from now on."""

    old: str
    new: str


class AwayChanged(msgspec.Struct, frozen=True):
    """We count as away from now on, or as back."""

    away: bool
    text: str
    """Our word for it."""


class InvitedTo(msgspec.Struct, frozen=True):
    """Somebody lets us into a private room."""

    room: str
    name: str
    nick: str
    """Who it was."""


class Answer(msgspec.Struct, frozen=True):
    """The answer to a question of the program."""

    question: Command
    event: Event


class Restarted(msgspec.Struct, frozen=True):
    """The room's history is another one than before: it is shown from its beginning."""

    room: str


class NotKept(msgspec.Struct, frozen=True):
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
