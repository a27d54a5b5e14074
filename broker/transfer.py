"""Export of a room to a file of lines, and import of such a file.

Owns the copying between the history and the lines (`common.exported`). Does not know options (`transfer_cli`). Runs in
a process of its own.

Both work on the broker's folder, as a backup does: who may read that may read everything, so nobody gets more rights by
it. An export reads, at one moment, whatever the broker does meanwhile. An import writes, and so it wants the folder for
itself: a running broker keeps rooms and sequences in its memory.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import sys
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import msgspec
from msgspec.structs import replace

from ..common import exported, names
from ..common.errors import Code, InputError, RefusedError, ZchatError
from ..common.exported import ExportedMember, ExportedRoom
from ..common.messages import Entry
from ..common.names import LOBBY
from ..common.text import shown
from . import schema
from .history import Append, Appended, BadHistory, Outcome, Put, Resolve, Reused, Together
from .home import HISTORY, Home
from .rooms import MEMBERS, ROOMS, RoomState, put_member
from .roster import Member
from .schema import place_of
from .sqlite import ENTRIES, SqliteHistory, entry_of

_BATCH = 500
"""Entries that are stored in one transaction."""


# --- export -----------------------------------------------------------------------------------------------------
def export(history: Path, name: str, file: Path | None) -> int:
    """Write a room, all that is kept of it, to a new file or to standard output; returns how many entries it has.

    Raises `ZchatError`; an unfinished file is removed.
    """
    if not history.exists():
        raise InputError(f"There is no history {history}. Name the broker's folder with --data.")
    id_ = names.fold(names.parse_room(name))
    try:
        with contextlib.closing(_open(history)) as db:
            room = _room(db, id_, name)
            lines = _lines(db, id_, room)
            return _count(lines, sys.stdout) if file is None else _write(lines, file)
    except sqlite3.Error as error:
        raise BadHistory(f"The history {history} cannot be read ({error}). Start its broker once.") from None


def _open(history: Path) -> sqlite3.Connection:
    db = sqlite3.connect(f"{history.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)
    try:
        if db.execute("PRAGMA application_id").fetchone()[0] != schema.APPLICATION_ID:
            raise BadHistory(f"The file {history} is no history of zchat. Name another folder with --data.")
        if db.execute("PRAGMA user_version").fetchone()[0] != schema.VERSION:
            raise BadHistory(f"The history {history} is another version's. Start its broker once with this one.")
        db.execute("BEGIN")  # all that follows is of one moment
    except BaseException:
        db.close()
        raise
    return db


def _room(db: sqlite3.Connection, id_: str, name: str) -> ExportedRoom:
    row = db.execute("SELECT value FROM state WHERE kind = ? AND name = ?", (ROOMS, id_)).fetchone()
    if row is None:
        raise RefusedError(Code.NO_SUCH_ROOM, f"There is no room {shown(name)} in this history. See: zchat rooms.")
    state = msgspec.msgpack.decode(row[0], type=RoomState)
    members = []
    for row, value in db.execute(
        "SELECT name, value FROM state WHERE kind = ? AND name >= ? AND name < ?", (MEMBERS, f"{id_} ", f"{id_}!")
    ):
        m = msgspec.msgpack.decode(value, type=Member)
        members.append(ExportedMember(row.removeprefix(f"{id_} "), m.role, m.since, m.banned, m.muted))
    return ExportedRoom(state.name, state.private, state.by, members)


def _lines(db: sqlite3.Connection, id_: str, room: ExportedRoom) -> Iterator[str]:
    yield exported.encode_room(room)
    number, floor = db.execute("SELECT number, floor FROM room WHERE room = ?", (id_,)).fetchone() or (0, 0)
    for row in db.execute(
        f"{ENTRIES} WHERE e.place > ? AND e.place < ? ORDER BY e.place",
        (place_of(number, floor), place_of(number + 1, 0)),
    ):
        yield exported.encode_entry(entry_of(row), room.room)


def _write(lines: Iterator[str], file: Path) -> int:
    if file.exists():
        raise InputError(f"The file {file} is there already. Name another one, or move it away.")
    fresh = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as target:
            count = _count(lines, target)
            target.flush()
            os.fsync(target.fileno())
        fresh.rename(file)
    except OSError as error:
        raise ZchatError(f"The export {file} cannot be written ({error.strerror}). Name another place.") from None
    finally:
        fresh.unlink(missing_ok=True)
    return count


def _count(lines: Iterator[str], target: TextIO) -> int:
    count = -1  # the room's own line
    for line in lines:
        target.write(f"{line}\n")
        count += 1
    return count


# --- import -----------------------------------------------------------------------------------------------------
@dataclass(slots=True)
class Imported:
    """What came of an import."""

    room: str
    added: int = 0
    known: int = 0
    """They were there already."""
    other: int = 0
    """Another text stands there under the same id; it stays."""


def import_(data: Path, file: Path, name: str | None) -> Imported:
    """Put the entries of an export at the end of a room of a stopped broker, which is made if it is not there.

    Raises `ZchatError`. The whole file is looked at before anything is stored; a repeat adds nothing.
    """
    room, readable = _survey(file)
    state = RoomState(names.parse_room(name if name is not None else room.room), room.private, room.owner)
    if not (data / HISTORY).exists():
        raise InputError(f"There is no history in {data}. Name the broker's folder with --data, or start it once.")
    with contextlib.closing(Home(data)) as home, contextlib.closing(SqliteHistory(home.history)) as history:
        private = _make(history, state, room, readable)
        work = _Import(history, Imported(state.name), names.fold(state.name), () if private else None)
        with file.open("rb") as lines:
            entries = exported.decode(lines)
            next(entries)
            for entry in entries:
                assert isinstance(entry, Entry)
                work.take(entry)
        work.store()
        return work.result


def _survey(file: Path) -> tuple[ExportedRoom, list[int]]:
    """The room, once every line was looked at, and of each member how many entries they may not read."""
    try:
        with file.open("rb") as lines:
            entries = exported.decode(lines)
            room = next(entries)
            assert isinstance(room, ExportedRoom)
            hidden = [0] * len(room.members)
            for entry in entries:
                assert isinstance(entry, Entry)
                for number, member in enumerate(room.members):
                    hidden[number] += entry.seq <= member.since
    except OSError as error:
        raise InputError(f"The file {file} cannot be read ({error.strerror}). Name an export.") from None
    return room, hidden


def _make(history: SqliteHistory, state: RoomState, room: ExportedRoom, hidden: list[int]) -> bool:
    """Make the room unless it is there; whether it is private."""
    id_ = names.fold(state.name)
    known = history.table(ROOMS).get(id_)
    if known is not None:
        there = msgspec.msgpack.decode(known[0], type=RoomState)
        if room.private and not there.private:
            detail = f"What is exported of {room.room} was private, and {there.name} is public."
            raise InputError(f"{detail} Name another room with --room.")
        return there.private
    if id_ == LOBBY and room.private:
        raise InputError(f"The {LOBBY} is public, and {room.room} was private. Name another room with --room.")
    members = [
        put_member(id_, m.key, Member(m.role, since, m.banned, m.muted))
        for m, since in zip(room.members, hidden, strict=True)
    ]
    history.commit([Together((Put(ROOMS, id_, msgspec.msgpack.encode(state), expect=0), *members))])
    return state.private


class _Import:
    """Entries on their way into a room."""

    def __init__(self, history: SqliteHistory, result: Imported, room: str, readers: tuple[str, ...] | None) -> None:
        self._history = history
        self.result = result
        self._room = room
        self._readers = readers
        self._batch: list[tuple[int, Append]] = []
        """The sequences that they had, and what they become."""
        self._old: list[int] = []
        self._new: list[int] = []
        """Where runs of sequences begin, as they were and as they are (0: nowhere): in a run both grow alike."""
        self._last = 0
        """The last old sequence."""

    def take(self, entry: Entry) -> None:
        """The next one."""
        if entry.about:
            self.store()  # what it is about may be on its way
        about = self._seq(entry.about)
        e, kind = entry, entry.kind
        if kind == "answer" and not about:
            kind = "message"  # to what, is not kept
        append = Append(
            self._room, e.key, e.id, e.nick, e.text, e.time, kind, e.to, e.target, about, e.until, tuple(e.choices),
            self._readers,
        )  # fmt: skip
        if kind == "answer":
            self._answer(entry.seq, append)
            return
        self._batch.append((entry.seq, append))
        if len(self._batch) >= _BATCH:
            self.store()

    def _answer(self, old: int, append: Append) -> None:
        """An answer; where its question takes none any more it is a message."""
        resolve = Resolve(append.room, append.about, append.author, append.text)
        (outcome,) = self._history.commit([Together((append, resolve))])
        if not isinstance(outcome, Appended):
            (outcome,) = self._history.commit([replace(append, kind="message", about=0)])
        self._note(old, outcome)

    def store(self) -> None:
        """Store what has been taken."""
        outcomes = self._history.commit([append for _, append in self._batch])
        for (old, _), outcome in zip(self._batch, outcomes, strict=True):
            self._note(old, outcome)
        self._batch.clear()

    def _note(self, old: int, outcome: Outcome) -> None:
        if old != self._last + 1:
            self._begin_run(self._last + 1, 0)
        self._last = old
        if not isinstance(outcome, Appended):
            self.result.other += isinstance(outcome, Reused)
            self._begin_run(old, 0)
            return
        self.result.known += outcome.duplicate
        self.result.added += not outcome.duplicate
        if self._seq(old) != outcome.seq:
            self._begin_run(old, outcome.seq)

    def _begin_run(self, old: int, new: int) -> None:
        self._old.append(old)
        self._new.append(new)

    def _seq(self, old: int) -> int:
        """The sequence that an entry has now; 0: none that is known."""
        run = bisect_right(self._old, old) - 1
        return self._new[run] + old - self._old[run] if run >= 0 and self._new[run] else 0
