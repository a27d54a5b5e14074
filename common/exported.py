"""Lines of an exported room: what one says, and how it is read again.

Owns the form: a line for the room, then one for each entry, which is the message object of ``--json`` with what else
the history knows of it. Does not know files or storage. Pure; any thread.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated, Final, Literal, get_args

import msgspec
from msgspec import Meta

from . import limits
from .clock import millis_of, utc
from .errors import InputError
from .json_line import json_line
from .keys import fingerprint_of
from .messages import Choice, Entry, EntryKind, MessageId, Nick, Seq, Text
from .rules import refuse_text

VERSION: Final = 1
KINDS = (*get_args(EntryKind), "deleted")
_Fingerprint = Annotated[str, Meta(max_length=64)]


class ExportedMember(msgspec.Struct, frozen=True):
    """What somebody is in the room, and may not; as in the broker's own table."""

    key: _Fingerprint
    role: Literal["", "member", "operator", "owner"] = ""
    since: Seq = 0
    banned: Annotated[int, Meta(ge=0, le=2**47)] | None = None
    muted: Annotated[int, Meta(ge=0, le=2**47)] | None = None


class ExportedRoom(msgspec.Struct, frozen=True):
    """The first line: whose room it is, and who may read it."""

    room: Annotated[str, Meta(max_length=128)]
    private: bool
    owner: _Fingerprint
    members: list[ExportedMember]
    v: Literal[1] = VERSION
    kind: Literal["room"] = "room"


class _Line(msgspec.Struct, frozen=True):
    """One entry."""

    v: Literal[1]
    kind: str
    id: MessageId
    room: str
    to: Nick | None
    from_: Nick = msgspec.field(name="from")
    seq: Seq
    time: str
    text: Text
    replay: bool
    key: _Fingerprint
    prev: Seq
    target: _Fingerprint | None = None
    about: Seq = 0
    until: str | None = None
    choices: Annotated[list[Choice], Meta(max_length=limits.CHOICES)] = []


_rooms = msgspec.json.Decoder(ExportedRoom)
_lines = msgspec.json.Decoder(_Line)


def encode_room(room: ExportedRoom) -> str:
    """The first line."""
    return json_line(msgspec.to_builtins(room))


def encode_entry(entry: Entry, room: str) -> str:
    """The line of one entry of a room that is called so."""
    e = entry
    line = _Line(
        v=VERSION,
        kind=e.kind,
        id=e.id,
        room=room,
        to=e.to,
        from_=e.nick,
        seq=e.seq,
        time=utc(e.time),
        text=e.text,
        replay=True,
        key=e.key,
        prev=e.prev,
        target=e.target,
        about=e.about,
        until=utc(e.until) if e.until else None,
        choices=e.choices,
    )
    return json_line(msgspec.to_builtins(line))


def decode(lines: Iterable[bytes]) -> Iterator[ExportedRoom | Entry]:
    """The room, then its entries in order; raises `InputError`, which names the line."""
    last: int | None = None
    for number, line in enumerate(lines, 1):
        try:
            if last is None:
                yield _room(_rooms.decode(line))
                last = 0
                continue
            entry = _entry(_lines.decode(line))
        except (msgspec.MsgspecError, ValueError, OverflowError) as error:
            what = "the first line of an export" if last is None else "an entry of an export"
            raise InputError(f"Line {number} is not {what} ({_brief(error)}). Export the room again.") from None
        if entry.seq <= last:
            raise InputError(f"Line {number} stands out of its order. One file holds one export of one room.")
        last = entry.seq
        yield entry
    if last is None:
        raise InputError("The file is empty. Export the room again.")


def _room(room: ExportedRoom) -> ExportedRoom:
    if any(fingerprint_of(member.key) != member.key for member in room.members):
        raise ValueError("what should be a key is none")
    return room


def _entry(line: _Line) -> Entry:
    if line.kind not in KINDS:
        raise ValueError(f"an unknown kind {line.kind}")
    for key in (line.key, *([line.target] if line.target is not None else [])):
        if fingerprint_of(key) != key:
            raise ValueError("what should be a key is none")
    wrong = bool(line.text) if line.kind == "deleted" else refuse_text(line.text, line.kind)
    if wrong:
        raise ValueError("a text that nobody can have said")
    return Entry(
        seq=line.seq,
        prev=line.prev,
        id=line.id,
        time=millis_of(line.time),
        nick=line.from_,
        key=line.key,
        text=line.text,
        kind=line.kind,
        to=line.to,
        target=line.target,
        about=line.about,
        until=millis_of(line.until) if line.until else 0,
        choices=line.choices,
    )


def _brief(error: Exception) -> str:
    # Parts of the file may be quoted in it, so it is cut and made plain ASCII.
    return ascii(str(error))[1:-1][:200]
