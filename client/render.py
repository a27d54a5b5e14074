"""Events as text: plain lines for people, JSON objects for programs.

Owns how things look in line mode and in ``--json``. Does not know where the lines go. Every remote string passes
`text.clean` here, so that it cannot do anything to a terminal. Pure; used by the receive thread.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable

from ..common.messages import Ack, Entry, Presence, RoomInfo, Say, UserInfo
from ..common.names import PRIVATE_MARK
from ..common.text import clean, clean_lines

VERSION = 1
"""Of the JSON objects."""


def local_minute(millis: int) -> str:
    """``YYYY-MM-DD HH:MM`` in local time."""
    return dt.datetime.fromtimestamp(millis / 1_000).strftime("%Y-%m-%d %H:%M")


def utc(millis: int) -> str:
    """``YYYY-MM-DDTHH:MM:SS.mmmZ``."""
    moment = dt.datetime.fromtimestamp(millis // 1_000, dt.UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{millis % 1_000:03d}Z"


def entry_lines(entry: Entry, room: str, *, name_room: bool) -> list[str]:
    """One entry as plain lines; each begins with time and author, so that a text cannot pretend to be another's."""
    nick = clean(entry.nick)
    where = f"[{clean(room)}] " if name_room and not room.startswith(PRIVATE_MARK) else ""
    if entry.to is not None:
        nick = f"{nick} -> {clean(entry.to)}"
    head = f"{local_minute(entry.time)} {where}"
    if entry.kind == "topic":
        topic = clean(entry.text)
        return [f"{head}-- {nick} set the topic: {topic}" if topic else f"{head}-- {nick} removed the topic"]
    prefix = f"{head}* {nick} " if entry.kind == "me" else f"{head}{nick}: "
    return [prefix + line for line in clean_lines(entry.text)]


def presence_line(presence: Presence, room: str) -> str:
    """Somebody came or went."""
    reason = f" ({clean(presence.reason)})" if presence.reason else ""
    return f"{local_minute(presence.time)} -- {clean(presence.nick)} {clean(presence.change)} {clean(room)}{reason}"


def _json(value: object) -> str:
    # ASCII only: what a terminal or a pipe makes of other characters is then their reader's choice.
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"))


def entry_json(entry: Entry, room: str, *, replay: bool) -> str:
    """One entry as the message object."""
    return _json(_message(entry.kind, entry.id, room, entry.to, entry.nick, entry.seq, entry.time, entry.text, replay))


def ack_json(say: Say, ack: Ack, nick: str) -> str:
    """An acked message of ours as the message object, with ``delivered``."""
    message = _message(say.kind, ack.id, say.room or ack.room, say.to, nick, ack.seq, ack.time, say.text, False)
    return _json({**message, "delivered": ack.delivered})


def presence_json(presence: Presence, room: str) -> str:
    """Somebody came or went, as the message object."""
    p = presence
    return _json(_message(p.change, None, room, None, p.nick, None, p.time, p.reason, False))


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


def user_lines(users: Iterable[UserInfo]) -> list[str]:
    """A line a user: nick, rooms, idle time, sessions, in columns."""
    rows = [
        [
            clean(user.nick),
            clean(", ".join(user.rooms)) or "-",
            f"idle {duration(user.idle)}",
            f"{user.sessions} session{'s' if user.sessions != 1 else ''}",
        ]
        for user in users
    ]
    return _columns(rows)


def user_json(user: UserInfo) -> str:
    """One user as an object."""
    return _json(
        {
            "nick": user.nick,
            "rooms": user.rooms,
            "idle": round(user.idle, 1),
            "since": utc(user.since),
            "sessions": user.sessions,
            "fingerprint": user.key,
        }
    )


def room_lines(rooms: Iterable[RoomInfo]) -> list[str]:
    """A line a room: name, how many are in it, topic."""
    return _columns([[clean(room.room), f"{room.online} online", clean(room.topic)] for room in rooms])


def room_json(room: RoomInfo) -> str:
    """One room as an object."""
    return _json(
        {
            "room": room.room,
            "online": room.online,
            "members": room.members,
            "private": room.private,
            "topic": room.topic,
            "seq": room.seq,
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

    widths = [max(map(width, column)) for column in zip(*rows, strict=True)] if rows else []
    return [
        "  ".join(cell + " " * (size - width(cell)) for cell, size in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
