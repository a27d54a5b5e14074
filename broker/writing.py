"""One transaction of the SQLite history: what each change does to its tables.

Owns the SQL that writes. Does not begin or commit (`sqlite`). Used by the thread of the history alone.

What is appended is looked up and put in many at a time: each statement lets go of Python's lock (GIL) and has to wait
for it again, so beside a busy thread their number is what costs.
"""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any, TypeVar

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
    make_together,
)
from .index import WordIndex
from .remains import digest_of, up_to_bytes
from .schema import ROOM_BITS, SEQ_MASK, place_of, seq_of

_TRIM_ENTRIES = 500
"""Entries removed at once: some milliseconds, so that nobody waits for it."""
_AT_ONCE = 512
"""Entries put in by one statement at most."""
_SAID = ", ".join(f"'{kind}'" for kind in WORDS)
ONCE = "id = ? AND place > ? AND place < ? AND author = ?"
"""What is there once at most, of entries and of what is gone: by what `once` makes of its name."""


_INSERT = "INSERT INTO entry", "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_INSERT_PLAIN = "INSERT INTO entry (place, author, time, id, kind, nick, text)", "(?, ?, ?, ?, ?, ?, ?)"


class Writing:
    """One transaction under way; its tables are what it adds to those known before."""

    def __init__(
        self,
        db: sqlite3.Connection,
        index: WordIndex,
        known_rooms: Mapping[str, tuple[int, int]],
        known_authors: Mapping[str, int],
        gone: bool,
    ) -> None:
        self._db = db
        self._variables = db.getlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER)
        """How many values one statement may be given: 999 before SQLite 3.32."""
        self._index = index
        self._known_rooms = known_rooms
        self._known_authors = known_authors
        self._used: set[str] = set()
        """Ids of this batch that stand somewhere already; only for these it is looked up whose and where."""
        self._plain: list[tuple[Any, ...]] = []
        """Entries that have their places, but are not put in yet: those of which there is little to tell."""
        self._others: list[tuple[Any, ...]] = []
        self.rooms: dict[str, tuple[int, int]] = {}
        self.authors: dict[str, int] = {}
        self.floors: dict[str, int] = {}
        self.gone = gone
        """Whether anything was removed that is still known by its id."""

    def make_all(self, batch: Sequence[Change]) -> list[Outcome]:
        """Make all changes in order; their outcomes."""
        self._look_up([change.id for change in batch if isinstance(change, Append)])
        outcomes = [self._append(change) if isinstance(change, Append) else self._make(change) for change in batch]
        self._put_in()
        return outcomes

    def _look_up(self, ids: Sequence[str]) -> None:
        for some in _cut(ids, self._variables):
            self._used.update(id_ for (id_,) in self._db.execute(_select("entry", len(some)), some))
            if self.gone:
                self._used.update(id_ for (id_,) in self._db.execute(_select("gone", len(some)), some))

    def _put_in(self) -> None:
        """Put in the entries that wait for it; before anything else looks at the table or changes it."""
        for insert, rows in ((_INSERT_PLAIN, self._plain), (_INSERT, self._others)):
            for some in _cut(rows, self._variables // insert[1].count("?")):
                values = ", ".join([insert[1]] * len(some))
                self._db.execute(f"{insert[0]} VALUES {values}", list(itertools.chain.from_iterable(some)))
            rows.clear()

    def _make(self, change: Change) -> Outcome:
        """Make one change; its outcome."""
        self._put_in()
        match change:
            case Trim():
                return self._trim(change)
            case Append():
                return self._append(change)
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
            case Together():
                return make_together(change, self._repeat, self._fault, self._make)

    def _fault(self, change: Append | Put | Erase | Resolve) -> Outcome | None:
        """Why a change cannot be made."""
        match change:
            case Put(table, name, _, expect) if expect is not None:
                value, revision = self._state(table, name)
                return Conflict(table, name, value, revision) if revision != expect else None
            case Erase(room, seq, author):
                row = self._db.execute(
                    "SELECT a.key FROM entry e JOIN author a ON a.number = e.author"
                    f" WHERE e.place = ? AND e.kind IN ({_SAID})",
                    (place_of(self._room(room)[0], seq),),
                ).fetchone()
                return Missing() if row is None or author not in (None, row[0]) else None
            case Resolve():
                return self._unresolved(change)
        return None

    def _unresolved(self, resolve: Resolve) -> Missing | Settled | None:
        number = self._room(resolve.room)[0]
        question = self._db.execute(
            "SELECT a.key, e.choices FROM entry e JOIN author a ON a.number = e.author"
            " WHERE e.place = ? AND e.kind = 'ask'",
            (place_of(number, resolve.seq),),
        ).fetchone()
        if question is None:
            return Missing()
        asker, choices = question[0], tuple(question[1].split("\n"))
        answer = self._db.execute(
            "SELECT nick, text FROM entry INDEXED BY entry_answer"
            f" WHERE place >> {ROOM_BITS} = ? AND about = ? AND kind = 'answer'",
            (number, resolve.seq),
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
        self._put_in()
        where = once(append.id, self._room(append.room)[0], self._author(append.author))
        row = self._db.execute(
            f"SELECT place, time, text, kind, target, about, choices FROM entry WHERE {ONCE}", where
        ).fetchone()
        if row is None:
            return self._repeat_of_gone(append, where)
        place, time, *what = row
        if what[1] == "deleted":
            return self._repeat_of_gone(append, where) or known(place, time)
        if what != [append.text, append.kind, append.target, append.about, "\n".join(append.choices)]:
            return Reused()
        return known(place, time)

    def _repeat_of_gone(self, append: Append, where: tuple[str, int, int, int]) -> Outcome | None:
        row = self._db.execute(f"SELECT place, time, digest FROM gone WHERE {ONCE}", where).fetchone()
        if row is None:
            return None
        place, time, digest = row
        a = append
        what = digest_of(a.text, a.kind, a.target, a.about, "\n".join(a.choices))
        if digest not in (b"", what) and a.kind != "deleted":  # of what is imported as deleted the text is not known
            return Reused()
        return known(place, time)

    def _append(self, a: Append) -> Outcome:
        if a.id in self._used:
            repeat = self._repeat(a)
            if repeat is not None:
                return repeat
        self._used.add(a.id)
        number, head = self.rooms.get(a.room) or self._known_rooms.get(a.room) or self._new_room(a)
        author = self._known_authors.get(a.author) or self.authors.get(a.author) or self._new_author(a.author)
        self.rooms[a.room] = number, head + 1
        row = place_of(number, head + 1), author, a.time, a.id, a.kind, a.nick, a.text
        if a.to is None and a.target is None and not (a.about or a.until or a.choices):
            self._plain.append(row)
        else:
            self._others.append((*row, a.to, a.target, a.about, a.until, "\n".join(a.choices)))
        return Appended(head + 1, head, a.time)

    def _new_room(self, append: Append) -> tuple[int, int]:
        readers = None if append.readers is None else " ".join(append.readers)
        cursor = self._db.execute("INSERT INTO room (room, readers) VALUES (?, ?)", (append.room, readers))
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
            "INSERT INTO state VALUES (?, ?, ?, ?) ON CONFLICT (kind, name) DO UPDATE SET value = excluded.value,"
            " revision = excluded.revision",
            (put.table, put.name, put.value, revision + 1),
        )
        return Done(revision + 1)

    def _erase(self, erase: Erase) -> Outcome:
        number = self._room(erase.room)[0]
        place = place_of(number, erase.seq)
        id_, author, time, text, kind, target, about, choices = self._db.execute(
            "SELECT id, author, time, text, kind, target, about, choices FROM entry WHERE place = ?", (place,)
        ).fetchone()
        # A repeat is still known, and another text under the id is not taken for it.
        gone = (place, id_, author, time, digest_of(text, kind, target, about, choices))
        self._db.execute("INSERT OR REPLACE INTO gone VALUES (?, ?, ?, ?, ?)", gone)
        self._index.remove(number, [(erase.seq, text)])
        self._db.execute("UPDATE entry SET text = '', kind = 'deleted', choices = '' WHERE place = ?", (place,))
        self.gone = True
        return Done()

    def _trim(self, trim: Trim) -> Trimmed:
        """Remove a room's oldest entries, as far as they may go; those of a few hundred that were looked at."""
        number, head = self._room(trim.room)
        (floor,) = self._db.execute("SELECT floor FROM room WHERE number = ?", (number,)).fetchone()
        last_kept = head - trim.keep if trim.keep else 0
        rows = self._db.execute(
            f"SELECT place & {SEQ_MASK}, time, id, author, text, kind, target, about, choices FROM entry"
            " WHERE place > ? AND place <= ? ORDER BY place LIMIT ?",
            (place_of(number, floor), place_of(number, head), _TRIM_ENTRIES),
        )
        some = list(up_to_bytes(rows, INDEX_BYTES, lambda row: row[4]))
        rows.close()
        old = list(itertools.takewhile(lambda row: row[0] <= last_kept or row[1] < trim.before, some))
        self._db.execute(
            "DELETE FROM gone WHERE place > ? AND place <= ? AND time < ?",
            (place_of(number, 0), place_of(number, floor), trim.forget),
        )
        if not old:
            return Trimmed(floor, more=False)
        end = old[-1][0]
        self._db.executemany(
            "INSERT OR IGNORE INTO gone VALUES (?, ?, ?, ?, ?)",
            [
                (place_of(number, seq), id_, author, time, b"" if kind == "deleted" else digest_of(text, kind, *more))
                for seq, time, id_, author, text, kind, *more in old
                if time >= trim.forget
            ],
        )
        self._index.remove(number, [(seq, text) for seq, _, _, _, text, *_ in old])
        # A room's topic is its last topic entry, however old: it stays, below the floor, where nobody reads it.
        room = place_of(number, 0), place_of(number, head)
        (topic,) = self._db.execute(
            "SELECT max(place) FROM entry INDEXED BY entry_topic WHERE kind = 'topic' AND place > ? AND place <= ?",
            room,
        ).fetchone()
        self._db.execute(
            "DELETE FROM entry WHERE place > ? AND place <= ? AND place IS NOT ?",
            (place_of(number, 0), place_of(number, end), topic),
        )
        self._db.execute("UPDATE room SET floor = ? WHERE number = ?", (end, number))
        self.floors[trim.room] = end
        self.gone = True
        return Trimmed(end, more=len(old) == len(some) and end < head)


def once(id_: str, room: int, author: int) -> tuple[str, int, int, int]:
    """How `ONCE` names an entry, by the numbers of its room and author: others may use the id in very many rooms."""
    return id_, place_of(room, 0), place_of(room + 1, 0), author


def known(place: int, time: int) -> Appended:
    """What stands already at a place."""
    seq = seq_of(place)
    return Appended(seq, seq - 1, time, duplicate=True)


Some = TypeVar("Some")


def _cut(all_: Sequence[Some], fitting: int) -> Iterator[Sequence[Some]]:
    """In lots of powers of two, the largest first, so that few different statements serve all of them."""
    start, left = 0, len(all_)
    while left:
        size = 1 << min(_AT_ONCE, fitting, left).bit_length() - 1
        yield all_[start : start + size]
        start, left = start + size, left - size


@cache
def _select(table: str, ids: int) -> str:
    asked = f"WITH asked (id) AS (VALUES {', '.join(['(?)'] * ids)})"
    return f"{asked} SELECT id FROM asked WHERE EXISTS (SELECT 1 FROM {table} WHERE {table}.id = asked.id)"
