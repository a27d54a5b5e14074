"""Entries and presence as what is told at a terminal.

Owns which of them are messages, with a name in the column of nicks, and which only tell what happened; the sentences of
these are those of `render`. Does not know columns and colours (`layout`). Pure; used by the receive thread.
"""

from __future__ import annotations

from ..common.messages import Entry, Presence
from ..common.rules import WORDS
from ..common.text import clean
from . import render
from .mentions import mentions
from .told import Told


def of_entry(entry: Entry, *, me: str, mine: bool, author: str = "", aside: bool = False) -> Told:
    """One entry; `aside`: a private message outside of its own place, which must say to whom it goes."""
    e = entry
    mention = not mine and e.kind in WORDS and mentions(e.text, me)
    lines = [_without_time(line, e.time) for line in render.entry_lines(e, "", name_room=False, author=author)]
    if e.kind != "me" and not lines[0].startswith(f"{_whole_name(e)}: "):
        text = "\n".join(line.removeprefix("-- ") for line in lines)
        return Told("event", text, e.time, mention=mention, seq=e.seq)
    return Told(
        "me" if e.kind == "me" else "message",
        "(deleted)" if e.kind == "deleted" else e.text,
        e.time,
        e.nick,
        e.key,
        (e.to or "") if aside else "",
        mine=mine,
        mention=mention,
        seq=e.seq,
    )


def _whole_name(entry: Entry) -> str:
    return clean(entry.nick) + (f" -> {clean(entry.to)}" if entry.to is not None else "")


def of_presence(presence: Presence, room: str) -> Told:
    """Somebody came, went or changed their name."""
    line = _without_time(render.presence_line(presence, room), presence.time)
    return Told("event", line.removeprefix("-- "), presence.time)


def _without_time(line: str, time: int) -> str:
    return line.removeprefix(f"{render.local_minute(time)} ")
