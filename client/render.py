"""Events as text: plain lines for people, JSON objects for programs.

Owns how things look in line mode and in ``--json``. Does not know where the lines go. Every remote string passes
`text.clean` here, so that it cannot do anything to a terminal. Pure; used by the receive thread.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from functools import lru_cache

from msgspec.structs import replace

from ..common.clock import utc
from ..common.json_line import json_line
from ..common.messages import (
    Ack,
    Command,
    Entry,
    Event,
    Presence,
    RoomInfo,
    RoomList,
    Roster,
    Ruling,
    Say,
    UserInfo,
    Who,
)
from ..common.names import PRIVATE_MARK
from ..common.text import clean, clean_lines

VERSION = 1
"""Of the JSON objects."""
COLUMN_CELLS = 40
"""How wide a column of a list gets at most; a longer cell runs over."""


def local_minute(millis: int) -> str:
    """``YYYY-MM-DD HH:MM`` in local time."""
    return _local_minute(millis // 60_000)


@lru_cache(maxsize=64)
def _local_minute(minute: int) -> str:
    return dt.datetime.fromtimestamp(minute * 60).strftime("%Y-%m-%d %H:%M")


DONE = {
    "invite": "invited {}",
    "kick": "kicked {} out",
    "ban": "banned {}",
    "unban": "lifted the ban on {}",
    "mute": "muted {}",
    "unmute": "lets {} speak again",
    "op": "made {} an operator",
    "deop": "made {} an operator no more",
}
"""What somebody did to somebody, by the kind of the entry."""


def author_span(entry: Entry, room: str, *, name_room: bool) -> tuple[int, int, str]:
    """Where the author's nick begins and ends in each of the entry's plain lines, and their key."""
    lead = _head(entry, room, name_room)
    start = len(lead) + (3 if entry.kind in DONE or entry.kind in ("delete", "topic") else 2 * (entry.kind == "me"))
    return start, start + len(clean(entry.nick)), entry.key


def _head(entry: Entry, room: str, name_room: bool) -> str:
    where = f"[{clean(room)}] " if name_room and not room.startswith(PRIVATE_MARK) else ""
    return f"{local_minute(entry.time)} {where}"


def entry_lines(entry: Entry, room: str, *, name_room: bool, author: str = "") -> list[str]:
    """One entry as plain lines; each begins with time and author, so that a text cannot pretend to be another's.

    `author` is who said the message that the entry deletes, when that is known.
    """
    nick = clean(entry.nick)
    head = _head(entry, room, name_room)
    if entry.kind in DONE:
        until = f" until {local_minute(entry.until)}" if entry.until else ""
        reason = f" ({clean(entry.text)})" if entry.text else ""
        return [f"{head}-- {nick} {DONE[entry.kind].format(clean(entry.to or '?'))}{until}{reason}"]
    if entry.kind == "delete":
        return [f"{head}-- {nick} deleted a message{f' of {clean(author)}' if author else ''}"]
    if entry.to is not None:
        nick = f"{nick} -> {clean(entry.to)}"
    if entry.kind == "deleted":
        return [f"{head}{nick}: (deleted)"]
    if entry.kind == "answer":
        return [f"{head}{nick} answers [{entry.about}]: {clean(entry.text)}"]
    if entry.kind == "topic":
        topic = clean(entry.text)
        return [f"{head}-- {nick} set the topic: {topic}" if topic else f"{head}-- {nick} removed the topic"]
    if entry.kind == "ask":
        choices = [clean(choice) for choice in entry.choices] or ["?"]
        *lines, last = clean_lines(entry.text)
        lines.append(f"{last} ({'/'.join(choices)}) — /answer {choices[0]}")
        return [f"{head}{nick} asks [{entry.seq}]: {line}" for line in lines]
    prefix = f"{head}* {nick} " if entry.kind == "me" else f"{head}{nick}: "
    return [prefix + line for line in clean_lines(entry.text)]


def said_lines(entry: Entry, room: str, *, name_room: bool) -> list[tuple[str, str]]:
    """The lines of `entry_lines`, each with the part of it that its author wrote."""
    lines = entry_lines(entry, room, name_room=name_room)
    # It begins where the line of another text would differ.
    other = entry_lines(replace(entry, text="\0"), room, name_room=name_room)[0]
    head = next((place for place, (one, two) in enumerate(zip(lines[0], other, strict=False)) if one != two), 0)
    return [(line, line[head:]) for line in lines]


def presence_line(presence: Presence, room: str) -> str:
    """Somebody came, went, is away or changed their name."""
    if presence.change == "renamed":
        nicks = f"{clean(presence.old)} is now {clean(presence.nick)}"
        return f"{local_minute(presence.time)} -- {nicks} in {clean(room)}"
    reason = f" ({clean(presence.reason)})" if presence.reason else ""
    if presence.change in ("away", "back"):
        return f"{local_minute(presence.time)} -- {clean(presence.nick)} is {presence.change}{reason}"
    return f"{local_minute(presence.time)} -- {clean(presence.nick)} {clean(presence.change)} {clean(room)}{reason}"


def entry_json(entry: Entry, room: str, *, replay: bool) -> str:
    """One entry as the message object; with more behind it for what is done in a room, questions and answers."""
    e = entry
    message = _message(e.kind, e.id, room, e.to, e.nick, e.seq, e.time, e.text, replay)
    if e.kind in DONE or e.kind == "delete":
        message |= {"until": utc(e.until) if e.until else None, "about": e.about or None}
    elif e.kind == "ask":
        message |= {"choices": e.choices}
    elif e.kind == "answer":
        message |= {"about": e.about}
    return json_line(message)


def ack_json(say: Say, ack: Ack, nick: str, lagging: Sequence[str] | None = None) -> str:
    """An acked message of ours as the message object, with ``delivered``, and who lags behind if that is known."""
    message = _message(say.kind, ack.id, say.room or ack.room, say.to, nick, ack.seq, ack.time, say.text, False)
    return json_line({**message, "delivered": ack.delivered, "lagging": lagging})


def done_json(detail: str) -> str:
    """What an operator's command did, as an object."""
    return json_line({"done": detail})


def presence_json(presence: Presence, room: str) -> str:
    """Somebody came, went or changed their name, as the message object."""
    p = presence
    text = p.old if p.change == "renamed" else p.reason
    return json_line(_message(p.change, None, room, None, p.nick, None, p.time, text, False))


def _message(
    kind: str,
    id: str | None,
    room: str,
    to: str | None,
    nick: str,
    seq: int | None,
    time: int,
    text: str,
    replay: bool,
) -> dict[str, object]:
    return {
        "v": VERSION,
        "kind": kind,
        "id": id,
        "room": None if room.startswith(PRIVATE_MARK) else room,
        "to": to,
        "from": nick,
        "seq": seq,
        "time": utc(time),
        "text": text,
        "replay": replay,
    }


def answer_lines(question: Command, event: Event, *, as_json: bool) -> list[str]:
    """The answer to a question about people or rooms."""
    match event:
        case Roster(users) if isinstance(question, Who) and question.nick is not None:
            return [line for user in users for line in ([whois_json(user)] if as_json else whois_lines(user))]
        case Roster(users):
            return [user_json(user) for user in users] if as_json else user_lines(users)
        case RoomList(rooms):
            return [room_json(room) for room in rooms] if as_json else room_lines(rooms)
    return []


def user_lines(users: Iterable[UserInfo]) -> list[str]:
    """A line a user: nick, rooms, idle time, sessions, in columns."""
    rows = [
        [
            clean(user.nick),
            clean(", ".join(user.rooms)) or "-",
            f"idle {duration(user.idle)}",
            f"{user.sessions} session{'s' if user.sessions != 1 else ''}",
            ", ".join(_states(user)),
        ]
        for user in users
    ]
    return _columns(rows)


def _states(user: UserInfo) -> list[str]:
    """What is worth telling of a user besides that they are here."""
    away = [] if user.away is None else [f"away: {clean(user.away)}" if user.away else "away"]
    return [
        *(["bot"] if user.bot else []),
        *away,
        *([f"{user.lag} behind"] if user.lag else []),
        *([f"{user.rtt:.0f} ms"] if user.rtt >= 1 else ["<1 ms"] if user.rtt else []),
    ]


def user_json(user: UserInfo) -> str:
    """One user as an object."""
    return json_line(_user(user))


def _user(user: UserInfo) -> dict[str, object]:
    return {
        "nick": user.nick,
        "rooms": user.rooms,
        "idle": round(user.idle, 1),
        "since": utc(user.since),
        "sessions": user.sessions,
        "fingerprint": user.key,
        "away": user.away,
        "bot": user.bot,
        "lag": user.lag,
        "rtt": user.rtt or None,
    }


def whois_lines(user: UserInfo) -> list[str]:
    """All that is known of one user, a line each."""
    here = user.sessions > 0
    claimed = user.claimed or (0 if here else user.since)
    lines = [
        f"{clean(user.nick)}: fingerprint {clean(user.key)}",
        f"here since {local_minute(user.since)}, idle {duration(user.idle)}" if here else "away",
        *([f"nick claimed {local_minute(claimed)}"] if claimed else []),
        *([f"rooms: {clean(', '.join(user.rooms))}"] if user.rooms else []),
        *(["operator of the broker"] if user.operator else []),
        *([", ".join(_states(user))] if here and _states(user) else []),
    ]
    return [lines[0], *(f"    {line}" for line in lines[1:])]


def whois_json(user: UserInfo) -> str:
    """All that is known of one user as an object."""
    claimed = utc(user.claimed) if user.claimed else None
    return json_line({**_user(user), "claimed": claimed, "operator": user.operator})


def room_lines(rooms: Iterable[RoomInfo]) -> list[str]:
    """A line a room: name, how many are in it, topic."""
    rows = [(room, ", private" if room.private else "") for room in rooms]
    return _columns([[clean(room.room), f"{room.online} online{private}", clean(room.topic)] for room, private in rows])


def room_json(room: RoomInfo) -> str:
    """One room as an object."""
    return json_line(
        {
            "room": room.room,
            "online": room.online,
            "members": room.members,
            "private": room.private,
            "topic": room.topic,
            "seq": room.seq,
        }
    )


def ruling_lines(rulings: Iterable[Ruling]) -> list[str]:
    """A line a ruling: what it is, about whom, until when, how often it can be used, by whom and why, in columns."""
    rows = [
        [
            clean(ruling.kind),
            clean(ruling.nick or ruling.name) or "-",
            f"until {local_minute(ruling.until)}" if ruling.until else "-",
            f"{ruling.uses} use{'s' if ruling.uses != 1 else ''} left" if ruling.uses else "-",
            f"by {clean(ruling.by) or '?'}",
            clean(ruling.reason),
        ]
        for ruling in rulings
    ]
    return _columns(rows)


def ruling_json(ruling: Ruling) -> str:
    """One ruling as an object."""
    return json_line(
        {
            "kind": ruling.kind,
            "name": ruling.name,
            "nick": ruling.nick,
            "until": utc(ruling.until) if ruling.until else None,
            "uses": ruling.uses,
            "by": ruling.by,
            "reason": ruling.reason,
        }
    )


def duration(seconds: float) -> str:
    """A time span in its largest unit: ``5s``, ``3m``, ``2h``, ``4d``."""
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "m")):
        if seconds >= size:
            return f"{int(seconds // size)}{unit}"
    return f"{int(seconds)}s"


def _columns(rows: list[list[str]]) -> list[str]:
    from ..common.text import width

    # One user in very many rooms shall not push everybody's line apart.
    widths = [min(max(map(width, column)), COLUMN_CELLS) for column in zip(*rows, strict=True)] if rows else []
    return [
        "  ".join(cell + " " * (size - width(cell)) for cell, size in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
