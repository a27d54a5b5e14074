"""What the library tells its users: messages, comings and goings, users, rooms, and how the connection stands.

Owns these values and how they are made of what the broker says. Does not know how they get to whoever wants them
(`library_inbox`). Pure; any thread.

Texts and names are as others wrote them. `str` of a value is one or more lines that are safe to print: through
`text.clean`, as everything that reaches a terminal.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from ..common import messages as m
from ..common.errors import InputError
from ..common.names import PRIVATE_MARK, fold
from ..common.rules import ACTS
from ..common.text import clean, clean_lines
from . import rooms
from .rooms import Start

Since = int | str | dt.timedelta | dt.datetime
"""Where in a history to begin: so many messages, a time that long ago, a moment, or as ``--since`` takes it:
``20``, ``10m``, ``all``, ``unread``, a message's id; and ``now``."""

_CHANGES = frozenset(("topic", "delete", "deleted", *ACTS))
"""Kinds of entries in which nobody says anything; a kind that is not known is a message, as the protocol has it."""


class Event:
    """Something that iterating over a client brings."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry(Event):
    """One line of a history."""

    id: str
    room: str | None
    """The room's name; None when it is private."""
    to: str | None
    """The nick of whom a private message is for, or to whom something is done."""
    nick: str
    """Who said or did it, as they were called then."""
    key: str
    """Their fingerprint, which tells who somebody is whatever they are called."""
    seq: int
    """Its place in the room's history."""
    time: dt.datetime
    """When the broker stored it, in UTC."""
    text: str
    kind: str
    replay: bool
    """It comes from the history."""
    mine: bool
    """It was said with our own key: by this client, or on another screen of the same user."""

    @property
    def place(self) -> str:
        """The room, or the nick of the other one of a private message."""
        return self.room if self.room is not None else str(self.to) if self.mine else self.nick


@dataclass(frozen=True, slots=True, kw_only=True)
class Message(Entry):
    """Somebody said something; `kind` is ``message`` or ``me``."""

    def __str__(self) -> str:
        head = f"[{clean(self.room)}] " if self.room is not None else ""
        nick = clean(self.nick) if self.room is not None else f"{clean(self.nick)} -> {clean(self.to or '?')}"
        return "\n".join(f"{head}{nick}: {line}" for line in clean_lines(self.text))


@dataclass(frozen=True, slots=True, kw_only=True)
class Question(Entry):
    """Somebody asks, and the first answer counts; `Client.answer` gives one."""

    choices: tuple[str, ...]
    """What it can be answered with."""

    def chosen(self, choice: str | int) -> str:
        """The choice that is meant: by its text, in whatever case, or by its number from 0; raises `InputError`."""
        for number, offered in enumerate(self.choices):
            if (isinstance(choice, str) and fold(choice) == fold(offered)) or choice == number:
                return offered
        raise InputError(f"The choices are {', '.join(map(clean, self.choices))}. Take one of them.")

    def __str__(self) -> str:
        choices = "/".join(clean(choice) for choice in self.choices)
        return f"[{clean(self.place)}] {clean(self.nick)} asks: {' '.join(clean_lines(self.text))} ({choices})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered(Entry):
    """Somebody has answered a question; `text` is the choice."""

    about: int
    """The sequence of the question."""

    def __str__(self) -> str:
        return f"[{clean(self.place)}] {clean(self.nick)} answers: {clean(self.text)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change(Entry):
    """Something was done in a room; `kind` tells what: ``topic``, ``delete``, ``kick``, ``ban``, …"""

    about: int
    """With ``delete``: the sequence of the message."""

    def __str__(self) -> str:
        about = " ".join(clean(word) for word in (self.kind, self.to or "", self.text) if word)
        return f"[{clean(self.place)}] -- {clean(self.nick)}: {about}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Presence(Event):
    """Somebody came, went or is away: a state, not history, so one may be missed where many are; `who` is right."""

    room: str
    nick: str
    key: str
    change: str
    """``joined``, ``left``, ``renamed``, ``away`` or ``back``."""
    time: dt.datetime
    reason: str
    """Why they left, or their word for being away."""
    old: str
    """The nick before, when it is renamed."""
    mine: bool

    def __str__(self) -> str:
        renamed, stays = self.change == "renamed", self.change in ("away", "back")
        what = f"is {clean(self.nick)} now" if renamed else f"{'is ' if stays else ''}{clean(self.change)}"
        reason = f" ({clean(self.reason)})" if self.reason else ""
        return f"[{clean(self.room)}] -- {clean(self.old or self.nick)} {what}{reason}"


@dataclass(frozen=True, slots=True)
class Connected(Event):
    """The broker is there, at first or `again`."""

    nick: str
    """What it calls us."""
    broker: str
    """What it calls itself."""
    again: bool

    def __str__(self) -> str:
        return f"-- Connected to {clean(self.broker)} as {clean(self.nick)}{' again' if self.again else ''}"


@dataclass(frozen=True, slots=True)
class Disconnected(Event):
    """The broker is gone; the client looks for it until it is back."""

    reason: str

    def __str__(self) -> str:
        return f"-- The broker is gone ({clean(self.reason) or 'no reason known'})"


@dataclass(frozen=True, slots=True)
class Removed(Event):
    """We were put out of a room."""

    room: str
    reason: str

    def __str__(self) -> str:
        return f"[{clean(self.room)}] -- removed ({clean(self.reason)})"


@dataclass(frozen=True, slots=True)
class Invited(Event):
    """Somebody lets us into a private room; join it to read it."""

    room: str
    nick: str

    def __str__(self) -> str:
        return f"[{clean(self.room)}] -- invited by {clean(self.nick)}"


@dataclass(frozen=True, slots=True)
class Renamed(Event):
    """We are called differently from now on."""

    old: str
    nick: str

    def __str__(self) -> str:
        return f"-- called {clean(self.nick)} now"


@dataclass(frozen=True, slots=True)
class Restarted(Event):
    """A room's history was replaced, as by a restore: what follows of it comes from its beginning."""

    room: str | None

    def __str__(self) -> str:
        return f"[{clean(self.room or 'private')}] -- another history, from its beginning"


@dataclass(frozen=True, slots=True)
class NotKept(Event):
    """So many entries of a room are no longer kept, between what was told of it and what comes now."""

    room: str | None
    count: int

    def __str__(self) -> str:
        return f"[{clean(self.room or 'private')}] -- {self.count} messages are no longer kept"


@dataclass(frozen=True, slots=True)
class Sent:
    """A message is on the broker's disk."""

    id: str
    seq: int
    time: dt.datetime
    delivered: int
    """How many other people it went to."""
    duplicate: bool
    """It had been stored before under this id; `seq` and `time` are of that."""
    away: str | None = None
    """Of a private message: the other one is away, with their word for it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a question was answered with."""

    choice: str
    number: int
    """Which of the choices that is, counted from 0."""
    nick: str
    """Who answered, as they were called then."""
    key: str
    """Their fingerprint."""
    time: dt.datetime
    id: str
    """The question's: asked again under it, the same question brings the same answer."""


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who is present."""

    nick: str
    key: str
    rooms: tuple[str, ...]
    idle: float
    """Seconds since they last said or joined something."""
    since: dt.datetime
    sessions: int
    operator: bool
    bot: bool
    """A program."""
    away: str | None
    """Since they are away: why, "" when they did not say."""


@dataclass(frozen=True, slots=True)
class Room:
    """A room that we may read."""

    name: str
    online: int
    topic: str
    seq: int
    """Where its history stands."""
    private: bool
    members: int


# --- made of what the broker says -----------------------------------------------------------------------------
def moment(millis: int) -> dt.datetime:
    """The broker's time as a datetime in UTC."""
    return dt.datetime.fromtimestamp(millis // 1_000, dt.UTC).replace(microsecond=millis % 1_000 * 1_000)


def told(entry: m.Entry, room: str, *, replay: bool, key: str) -> Entry:
    """An entry of a room, by its name, for the owner of a key (its fingerprint)."""
    fields: dict[str, Any] = {
        "id": entry.id,
        "room": None if room.startswith(PRIVATE_MARK) else room,
        "to": entry.to,
        "nick": entry.nick,
        "key": entry.key,
        "seq": entry.seq,
        "time": moment(entry.time),
        "text": entry.text,
        "kind": entry.kind,
        "replay": replay,
        "mine": entry.key == key,
    }
    match entry.kind:
        case "ask":
            return Question(**fields, choices=tuple(entry.choices))
        case "answer":
            return Answered(**fields, about=entry.about)
        case kind if kind in _CHANGES:
            return Change(**fields, about=entry.about)
    return Message(**fields)


def presence(event: m.Presence, room: str, *, key: str) -> Presence:
    """Somebody's presence, in a room by its name."""
    return Presence(
        room=room,
        nick=event.nick,
        key=event.key,
        change=event.change,
        time=moment(event.time),
        reason=event.reason,
        old=event.old,
        mine=event.key == key,
    )


def sent(ack: m.Ack) -> Sent:
    """An ack."""
    return Sent(ack.id, ack.seq, moment(ack.time), ack.delivered, ack.duplicate, ack.away)


def answer(entry: m.Entry, question: m.Say) -> Answer:
    """The entry that answers a question of ours."""
    number = question.choices.index(entry.text)
    return Answer(entry.text, number, entry.nick, entry.key, moment(entry.time), question.id)


def user(info: m.UserInfo) -> User:
    """A line of the roster."""
    rooms = tuple(info.rooms)
    since = moment(info.since)
    return User(info.nick, info.key, rooms, info.idle, since, info.sessions, info.operator, info.bot, info.away)


def room(info: m.RoomInfo) -> Room:
    """A line of the list of rooms."""
    return Room(info.room, info.online, info.topic, info.seq, info.private, info.members)


# --- where to begin -------------------------------------------------------------------------------------------
def start_of(since: Since, wall: int) -> Start:
    """Where a room is begun, at a time in milliseconds; raises `InputError` for what is no such place."""
    match since:
        case "now":
            return Start()
        case int() if 0 <= since <= 1_000_000:
            return Start(last=int(since))
        case dt.timedelta():
            return Start(since=max(0, wall - since // dt.timedelta(milliseconds=1)))
        case dt.datetime():
            return Start(since=max(0, int(since.timestamp() * 1_000)))
        case str() if (start := rooms.start_of(since, wall)) is not None:
            return start
    raise InputError(
        f"{since!r} is no place to begin. Give a number of messages, a timedelta, a datetime, '10m', 'all', 'unread',"
        " 'now' or a message's id."
    )
