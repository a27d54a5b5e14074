"""One transaction of the SQLite history: what each change does to its tables.

Owns the SQL that writes. Does not begin or commit (`sqlite`). Used by the broker's thread alone.
"""

from __future__ import annotations

import hashlib
import itertools
import sqlite3
from collections.abc import Mapping, Set

from ..common.limits import INDEX_BYTES
from ..common.rules import WORDS
from .erasing import disown, shrink
from .history import (
    Append,
    Appended,
    Change,
    Conflict,
    Disown,
    Done,
    Erase,
    Index,
    Missing,
    Outcome,
    Put,
    Resolve,
    Reused,
    Settled,
    Shrink,
    Together,
    Trim,
    Trimmed,
)
from .index import WordIndex, up_to_bytes

_TRIM_ENTRIES = 500
"""Entries removed at once: some milliseconds, so that nobody waits for it."""
_SAID = ", ".join(f"'{kind}'" for kind in WORDS)


class Writing:
    """One transaction under way; its tables are what it adds to those known before."""

    def __init__(
        self,
        db: sqlite3.Connection,
        index: WordIndex,
        known_rooms: Mapping[str, tuple[int, int]],
        known_authors: Mapping[str, int],
        known_gone: Set[int],
    ) -> None:
        self._db = db
        self._index = index
        self._known_rooms = known_rooms
        self._known_authors = known_authors
        self._known_gone = known_gone
        self.rooms: dict[str, tuple[int, int]] = {}
        self.authors: dict[str, int] = {}
        self.floors: dict[str, int] = {}
        self.gone: set[int] = set()

    def make(self, change: Change) -> Outcome:
        """Make one change; its outcome."""
        match change:
            case Trim():
                return self._trim(change)
            case Append():
                return self.append(change)
            case Put():
                return self._fault(change) or self._put(change)
            case Erase():
                return self._fault(change) or self._erase(change)
            case Resolve():
                return self._fault(change) or Done()
            case Index(limit):
                return self._index.go_on(limit, self.rooms.values())
            case Disown():
                rooms = {number: room for room, (number, _) in {**self._known_rooms, **self.rooms}.items()}
                return disown(self._db, self._index, rooms, self._author(change.author), change)
            case Shrink(pages):
                return shrink(self._db, pages)
            case Together(changes):
                return self._together(changes)

    def _together(self, changes: tuple[Append | Put | Erase | Resolve, ...]) -> Outcome:
        """Look first at all that could fail, so that nothing has to be undone."""
        append = next((change for change in changes if isinstance(change, Append)), None)
        repeat = append and self._repeat(append)
        fault = repeat or next((fault for change in changes if (fault := self._fault(change))), None)
        if fault is not None:
            return fault
        outcomes = {type(change): self.make(change) for change in changes}
        return outcomes[Append] if append is not None else Done()

    def _fault(self, change: Append | Put | Erase | Resolve) -> Outcome | None:
        """Why a change cannot be made."""
        match change:
            case Put(table, name, _, expect) if expect is not None:
                value, revision = self._state(table, name)
                return Conflict(table, name, value, revision) if revision != expect else None
            case Erase(room, seq, author):
                row = self._db.execute(
                    "SELECT a.key FROM entry e JOIN author a ON a.number = e.author"
                    f" WHERE e.room = ? AND e.seq = ? AND e.kind IN ({_SAID})",
                    (self._room(room)[0], seq),
                ).fetchone()
                return Missing() if row is None or author not in (None, row[0]) else None
            case Resolve():
                return self._unresolved(change)
        return None

    def _unresolved(self, resolve: Resolve) -> Missing | Settled | None:
        where = (self._room(resolve.room)[0], resolve.seq)
        question = self._db.execute(
            "SELECT a.key, e.choices FROM entry e JOIN author a ON a.number = e.author"
            " WHERE e.room = ? AND e.seq = ? AND e.kind = 'ask'",
            where,
        ).fetchone()
        if question is None:
            return Missing()
        asker, choices = question[0], tuple(question[1].split("\n"))
        answer = self._db.execute(
            "SELECT nick, text FROM entry WHERE room = ? AND about = ? AND kind = 'answer'", where
        ).fetchone()
        if answer is None and asker != resolve.author and resolve.choice in choices:
            return None
        return Settled(asker, choices, *(answer or ()))

    def _room(self, room: str) -> tuple[int, int]:
        return self.rooms.get(room) or self._known_rooms.get(room) or (0, 0)

    def _author(self, key: str) -> int:
        return self._known_authors.get(key) or self.authors.get(key) or 0

    def _repeat(self, append: Append) -> Outcome | None:
        """What stands there already under this id."""
        number, author = self._room(append.room)[0], self._author(append.author)
        where = (number, append.id, author)
        row = self._db.execute(
            "SELECT seq, time, text, kind, target, about, choices FROM entry WHERE room = ? AND id = ? AND author = ?",
            where,
        ).fetchone()
        if row is None:
            return self._repeat_of_gone(append, where)
        seq, time, *what = row
        if what[1] == "deleted":
            return self._repeat_of_gone(append, where) or Appended(seq, seq - 1, time, duplicate=True)
        if what != [append.text, append.kind, append.target, append.about, "\n".join(append.choices)]:
            return Reused()
        return Appended(seq, seq - 1, time, duplicate=True)

    def _repeat_of_gone(self, append: Append, where: tuple[int, str, int]) -> Outcome | None:
        if where[0] not in self._known_gone and where[0] not in self.gone:
            return None
        row = self._db.execute(
            "SELECT seq, time, digest FROM gone WHERE room = ? AND id = ? AND author = ?", where
        ).fetchone()
        if row is None:
            return None
        seq, time, digest = row
        a = append
        what = digest_of(a.text, a.kind, a.target, a.about, "\n".join(a.choices))
        if digest not in (b"", what) and a.kind != "deleted":  # of what is imported as deleted the text is not known
            return Reused()
        return Appended(seq, seq - 1, time, duplicate=True)

    def append(self, append: Append) -> Outcome:
        number, head = self._room(append.room)
        if not number:
            number, head = self._new_room(append)
        author = self._author(append.author) or self._new_author(append.author)
        repeat = self._repeat_of_gone(append, (number, append.id, author))
        if repeat is not None:
            return repeat
        a = append
        cursor = self._db.execute(
            "INSERT INTO entry"
            " (room, seq, id, author, time, kind, nick, addressee, text, target, about, until, choices)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (room, id, author) DO NOTHING",
            (
                *(number, head + 1, a.id, author, a.time, a.kind, a.nick, a.to, a.text),
                *(a.target, a.about, a.until, "\n".join(a.choices) if a.choices else ""),
            ),
        )
        if not cursor.rowcount:
            repeat = self._repeat(append)
            assert repeat is not None
            return repeat
        self.rooms[append.room] = (number, head + 1)
        return Appended(head + 1, head, append.time)

    def _new_room(self, append: Append) -> tuple[int, int]:
        readers = None if append.readers is None else " ".join(append.readers)
        cursor = self._db.execute("INSERT INTO room (room, head, readers) VALUES (?, 0, ?)", (append.room, readers))
        self.rooms[append.room] = (cursor.lastrowid or 0, 0)
        return self.rooms[append.room]

    def _new_author(self, key: str) -> int:
        cursor = self._db.execute("INSERT INTO author (key) VALUES (?)", (key,))
        self.authors[key] = cursor.lastrowid or 0
        return self.authors[key]

    def _state(self, table: str, name: str) -> tuple[bytes, int]:
        row = self._db.execute(
            "SELECT value, revision FROM state WHERE kind = ? AND name = ?", (table, name)
        ).fetchone()
        return row or (b"", 0)

    def _put(self, put: Put) -> Outcome:
        _, revision = self._state(put.table, put.name)
        self._db.execute(
            "INSERT INTO state VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET value = excluded.value,"
            " revision = excluded.revision",
            (put.table, put.name, put.value, revision + 1),
        )
        return Done(revision + 1)

    def _erase(self, erase: Erase) -> Outcome:
        number = self._room(erase.room)[0]
        where = (number, erase.seq)
        id_, author, time, text, kind, target, about, choices = self._db.execute(
            "SELECT id, author, time, text, kind, target, about, choices FROM entry WHERE room = ? AND seq = ?", where
        ).fetchone()
        # A repeat is still known, and another text under the id is not taken for it.
        gone = (number, id_, author, erase.seq, time, digest_of(text, kind, target, about, choices))
        self._db.execute("INSERT OR REPLACE INTO gone VALUES (?, ?, ?, ?, ?, ?)", gone)
        self._index.remove(number, [(erase.seq, text)])
        self._db.execute("UPDATE entry SET text = '', kind = 'deleted', choices = '' WHERE room = ? AND seq = ?", where)
        self.gone.add(number)
        return Done()

    def _trim(self, trim: Trim) -> Trimmed:
        """Remove a room's oldest entries, as far as they may go; those of a few hundred that were looked at."""
        number, head = self._room(trim.room)
        (floor,) = self._db.execute("SELECT floor FROM room WHERE number = ?", (number,)).fetchone()
        last_kept = head - trim.keep if trim.keep else 0
        rows = self._db.execute(
            "SELECT seq, time, id, author, text, kind, target, about, choices FROM entry WHERE room = ? AND seq > ?"
            " ORDER BY seq LIMIT ?",
            (number, floor, _TRIM_ENTRIES),
        )
        some = list(up_to_bytes(rows, INDEX_BYTES, lambda row: row[4]))
        old = list(itertools.takewhile(lambda row: row[0] <= last_kept or row[1] < trim.before, some))
        self._db.execute("DELETE FROM gone WHERE room = ? AND time < ? AND seq <= ?", (number, trim.forget, floor))
        if not old:
            return Trimmed(floor, more=False)
        end = old[-1][0]
        self._db.executemany(
            "INSERT OR IGNORE INTO gone VALUES (?, ?, ?, ?, ?, ?)",
            [
                (number, id_, author, seq, time, b"" if kind == "deleted" else digest_of(text, kind, target, *more))
                for seq, time, id_, author, text, kind, target, *more in old
                if time >= trim.forget
            ],
        )
        self._index.remove(number, [(seq, text) for seq, _, _, _, text, *_ in old])
        # A room's topic is its last topic entry, however old: it stays, below the floor, where nobody reads it.
        self._db.execute(
            "DELETE FROM entry WHERE room = ? AND seq <= ? AND seq IS NOT"
            " (SELECT max(seq) FROM entry WHERE room = ? AND kind = 'topic')",
            (number, end, number),
        )
        self._db.execute("UPDATE room SET floor = ? WHERE number = ?", (end, number))
        self.floors[trim.room] = end
        self.gone.add(number)
        return Trimmed(end, more=len(old) == len(some) and end < head)


def digest_of(text: str, kind: str, target: str | None, about: int, choices: str) -> bytes:
    """What is kept of an entry to tell a repeat of it from another text under its id."""
    choices = f"{choices}\n" if choices else ""
    return hashlib.blake2b(f"{kind} {target} {about} {choices}{text}".encode(), digest_size=16).digest()
