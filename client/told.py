"""What a chat tells a terminal: lines by what they are, and where things stand; not how they look.

Owns these words only. Does not know widths and colours (`layout`, `status`) nor who tells them (`screen_chat`). Texts
are as they came: whoever shows them cleans them. Pure; any thread.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["message", "me", "event", "notice", "text", "rule"]
"""Said; done (/me); what somebody did in a room; what the client itself tells; a row of a list; a heading."""


@dataclass(frozen=True, slots=True)
class Told:
    """One thing to show, of one line or several."""

    kind: Kind
    text: str
    time: int = 0
    """Wall-clock milliseconds; 0: none is shown."""
    nick: str = ""
    key: str = ""
    """Who said it, by fingerprint: their colour is made of it."""
    to: str = ""
    """Of a private message: who gets it."""
    mine: bool = False
    mention: bool = False
    """It names us."""
    again: bool = False
    """It was told before."""
    seq: int = 0
    """Of an entry: its place in the history."""
    marks: tuple[tuple[int, int], ...] = ()
    """Where what was searched for stands in a row of a list, as (start, end), in ascending order."""


@dataclass(frozen=True, slots=True)
class Alert:
    """A message that is to be announced by a bell and a notification, whatever is shown."""

    nick: str
    text: str
    room: str = ""
    """Where we were mentioned; "" for a private message."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message of our own that is not stored: on its way, or refused."""

    text: str
    refused: str = ""
    """Why; "" while it is on its way."""


@dataclass(frozen=True, slots=True)
class PlaceStatus:
    """One room or private partner, as the status line tells of it."""

    id: str
    name: str
    private: bool = False
    unread: int = 0
    mentions: int = 0


@dataclass(frozen=True, slots=True)
class Status:
    """Where things stand."""

    here: str = ""
    """The id of the place that typed text goes to, "" when there is none."""
    where: str = ""
    """What the prompt calls it."""
    places: tuple[PlaceStatus, ...] = ()
    people: int | None = None
    """How many are in the room, oneself too; None: not known."""
    crowd: bool = False
    """There may be more."""
    trouble: str = ""
    """Why there is no broker, or why it takes nothing; "" when all is well."""
    since: int = 0
    """Since when, in wall-clock milliseconds."""
    waiting: tuple[Waiting, ...] = ()
    """The refused ones and the oldest of the others, as many as are shown."""
    waiting_more: int = 0
    """How many others there are."""
    nicks: tuple[str, ...] = ()
    """Whom a half-typed nick can mean, those first who spoke last."""
    rooms: tuple[str, ...] = ()
    """Rooms that we have heard of, and are not in."""
    choices: tuple[str, ...] = ()
    """What can be answered to the last question."""
    heard: int = 0
    """How many typed lines were taken; what is told of the place holds once all of them are."""
