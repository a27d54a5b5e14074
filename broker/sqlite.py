"""`History` in one SQLite file: the default, with nothing to set up.

Owns the file and what is read of it; `schema` has the tables, `writing` what one transaction does. Does not know what
rooms or nicks mean. Used by one thread at a time.

Durable means WAL with ``synchronous=FULL``: a commit returns after fsync of the log (sqlite.org, "Write-Ahead
Logging" and "PRAGMA synchronous"). A whole batch is one transaction. Sequences are dense per room here, so an
entry's `prev` is not stored.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from ..common import limits, wire
from ..common.files import out_of_room
from ..common.messages import Entry
from . import schema
from .erasing import checkpoint
from .history import (
    Appended,
    BadHistory,
    Change,
    Checkpoint,
    Find,
    Found,
    FoundIn,
    Index,
    Indexed,
    Locate,
    Located,
    Missing,
    News,
    NotStored,
    Outcome,
    Question,
    Read,
    Recall,
    Told,
    page_of,
)
from .index import WordIndex
from .remains import digest_of
from .schema import place_of
from .touched import Touched
from .writing import ONCE, Writing, known, once

log = logging.getLogger("zchat.broker")

_SEQ = f"e.place & {schema.SEQ_MASK}"
_COLUMNS = f"{_SEQ}, ({_SEQ}) - 1, e.id, e.time, e.nick, a.key, e.text, e.kind, e.addressee, e.target, e.about, e.until"
_OF_ALL = "FROM entry e CROSS JOIN author a ON a.number = e.author"
ENTRIES = f"SELECT {_COLUMNS}, e.choices {_OF_ALL}"
"""Rows for `entry_of`."""
_LONG = 2_048
"""Characters of a text that is read by itself: few of these fill a page, and in JSON some characters take six bytes."""
_SHORT = f"CASE WHEN length(e.text) <= {_LONG} THEN e.text END"
_LINES = f"SELECT json_array({_COLUMNS.replace('e.text', _SHORT)}, e.choices) AS line {_OF_ALL}"
_TEXT = _COLUMNS.split(", ").index("e.text")
_ROWS = 64
"""Entries that are read at once."""
_rows = msgspec.json.Decoder(list[list[int | str | None]])

_ROOMS = f"""
SELECT room, number, floor, indexed, (
    SELECT max(place) & {schema.SEQ_MASK} FROM entry
    WHERE place > number << {schema.ROOM_BITS} AND place < number + 1 << {schema.ROOM_BITS}
) FROM room
"""
_LOOK = 10
"""Steps of SQLite's machine between two looks at the time that a search has taken."""
_CATCH_UP = 5_000
"""Entries that are indexed in one transaction at the start."""


class SqliteHistory:
    """The history in a SQLite file; ``:memory:`` for tests. A search takes `patience` seconds of the processor at most.

    Raises `BadHistory` when the file is not ours, is damaged, or was written by a newer zchat.
    """

    shared = False

    def __init__(self, path: Path | str, patience: float = limits.SEARCH_SECONDS) -> None:
        self._path = str(path)
        self._patience = patience
        with contextlib.closing(sqlite3.connect(":memory:")) as empty:
            schema.check_engine(empty)
        try:
            if self._path != ":memory:":
                # Made by us first, so that only its owner reads it; SQLite's side files take over its mode.
                os.close(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600))
            # isolation_level=None: this module says BEGIN and COMMIT itself.
            self._db = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        except (sqlite3.Error, OSError) as error:
            raise BadHistory(
                out_of_room(Path(self._path).parent, error)
                or f"The history {self._path} cannot be opened ({error}). Check the folder."
            ) from None
        try:
            self._open()
        except sqlite3.Error as error:
            self._db.close()
            raise BadHistory(
                out_of_room(Path(self._path).parent, error)
                or f"The history {self._path} cannot be used ({error}). Restore it from a copy or name another --data."
            ) from None
        except BadHistory:
            self._db.close()
            raise

    def _open(self) -> None:
        self._db.execute("PRAGMA busy_timeout = 1000")
        schema.prepare(self._db, self._path)
        rows = self._db.execute("SELECT value FROM about WHERE name = 'history'").fetchone()
        self.id: str = rows[0]
        rooms = self._db.execute(_ROOMS).fetchall()
        self._rooms: dict[str, tuple[int, int]] = {
            room: (number, max(floor, last or 0)) for room, number, floor, _, last in rooms
        }
        """Room → its number and its head; the head is where its entries end, so it is kept nowhere else."""
        self._floors: dict[str, int] = {room: floor for room, _, floor, _, _ in rooms if floor}
        self._gone: bool = self._db.execute("SELECT EXISTS (SELECT 1 FROM gone)").fetchone()[0]
        """Whether anything was removed that is still known by its id."""
        self._authors: dict[str, int] = dict(self._db.execute("SELECT key, number FROM author"))
        indexed = {number: at for _, number, _, at, _ in rooms}
        self._index = WordIndex(self._db, {number: (indexed[number], head) for number, head in self._rooms.values()})
        self._touched = Touched()
        self._catch_up()

    def _catch_up(self) -> None:
        """Index what is not indexed yet: little as a rule, everything once in the file of an older version."""
        with contextlib.suppress(NotStored):  # a full disk does not keep the broker from starting
            while self.commit([Index(_CATCH_UP)]) != [Indexed(0, self._index.dirty)]:
                pass

    def size(self) -> int:
        """What the file takes, with what SQLite keeps beside it."""
        files = Path(self._path), Path(f"{self._path}-wal")
        return sum(file.stat().st_size for file in files if file.exists())

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    # --- writing ----------------------------------------------------------------------------------------------
    def commit(self, batch: Sequence[Change]) -> list[Outcome]:
        """Make all changes in one transaction, durable on return; raises `NotStored`."""
        # New rooms, authors and heads reach the maps only after the commit, so that a failure leaves them true.
        writing = Writing(self._db, self._index, self._rooms, self._authors, self._gone)
        try:
            self._db.execute("BEGIN IMMEDIATE")
            outcomes = writing.make_all(batch)
            self._db.execute("COMMIT")
        except BaseException as error:
            self._index.roll_back()
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            if isinstance(error, sqlite3.Error):
                raise NotStored(f"The history cannot be written ({error}).") from None
            if not isinstance(error, Exception):
                raise
            # A fault of ours; that nothing is stored is as true.
            log.exception("a batch could not be stored", extra={"event": "fault"})
            raise NotStored(f"The history cannot be written ({error!r}).") from None
        self._index.committed(writing.rooms.values())
        self._touched.take(batch, writing.rooms)
        self._rooms |= writing.rooms
        self._authors |= writing.authors
        self._floors |= writing.floors
        self._gone = writing.gone
        return outcomes

    # --- reading ----------------------------------------------------------------------------------------------
    def answer(self, question: Question) -> Outcome:
        """Read; sees everything committed. Raises `NotStored` when the file cannot be read."""
        try:
            match question:
                case Read():
                    return self._read(question)
                case Locate():
                    return self._locate(question)
                case Recall():
                    return self._recall(question)
                case Find():
                    return self._find(question)
                case Checkpoint():
                    return checkpoint(self._db)
                case News(after):
                    return self._news(after)
        except sqlite3.Error as error:
            raise NotStored(f"The history cannot be read ({error}).") from None

    def _read(self, read: Read) -> Found:
        number, head = self._rooms.get(read.room, (0, 0))
        floor = max(read.floor, self._floors.get(read.room, 0))
        backwards = read.before is not None
        above = floor if backwards else max(floor, read.after or 0)
        below = min(read.before, head + 1) if read.before is not None else head + 1
        low, high = place_of(number, min(above, head)), place_of(number, below)
        entries = self._between(low, high, read.limit, backwards=backwards)
        return page_of(entries, floor, head, backwards=backwards)

    def _between(self, low: int, high: int, most: int, *, backwards: bool) -> Iterator[Entry]:
        """Entries at places between two, the first or the last ones."""
        # Each row that SQLite hands out is a wait for Python's lock while the broker's loop is busy, so many are one.
        some = f"{_LINES} WHERE e.place > ? AND e.place < ? ORDER BY e.place {'DESC' if backwards else 'ASC'} LIMIT ?"
        query = f"SELECT '[' || ifnull(group_concat(line), '') || ']' FROM ({some})"
        while most > 0:
            rows: list[list[Any]] = _rows.decode(self._db.execute(query, (low, high, min(most, _ROWS))).fetchone()[0])
            room = low >> schema.ROOM_BITS
            for row in rows:
                if row[_TEXT] is None:
                    where = (place_of(room, row[0]),)
                    (row[_TEXT],) = self._db.execute("SELECT text FROM entry WHERE place = ?", where).fetchone()
                yield entry_of(row)
            if len(rows) < _ROWS:
                return
            most -= len(rows)
            last = place_of(room, rows[-1][0])
            low, high = (low, last) if backwards else (last, high)

    def _find(self, find: Find) -> FoundIn:
        """As many as fit, or are found in time."""
        found: list[tuple[str, Entry]] = []
        end = time.thread_time() + self._patience
        self._db.set_progress_handler(lambda: time.thread_time() >= end, _LOOK)
        try:
            more = self._find_some(find, found)
        except sqlite3.OperationalError:
            if time.thread_time() < end:
                raise
            return FoundIn(found[::-1], more=True, too_long=True)
        finally:
            self._db.set_progress_handler(None, 0)
        return FoundIn(found[::-1], more)

    def _find_some(self, find: Find, found: list[tuple[str, Entry]]) -> bool:
        """Put what is found into a list, the newest first; whether there is more."""
        size = 0
        numbers = {room: number for room, (number, _) in self._rooms.items() if room in find.rooms}
        before = (self._rooms.get(find.before[0], (0, 0))[0], find.before[1]) if find.before is not None else None
        places = self._index.find(find, numbers, before)
        for room, seq in places:
            (name,) = self._db.execute("SELECT room FROM room WHERE number = ?", (room,)).fetchone()
            entry = entry_of(self._db.execute(f"{ENTRIES} WHERE e.place = ?", (place_of(room, seq),)).fetchone())
            size += wire.entry_size(entry) + len(name.encode())
            if found and (len(found) == find.limit or size > limits.FRAME_BYTES):
                return True
            found.append((name, entry))
        return False

    def _recall(self, recall: Recall) -> Appended | Missing:
        number, _ = self._rooms.get(recall.room, (0, 0))
        where = once(recall.id, number, self._authors.get(recall.author, 0))
        row = (
            self._db.execute(
                f"SELECT place, time FROM entry WHERE {ONCE} AND kind = ? AND text = ?",
                (*where, recall.kind, recall.text),
            ).fetchone()
            or self._db.execute(
                f"SELECT place, time FROM gone WHERE {ONCE} AND digest = ?",
                (*where, digest_of(recall.text, recall.kind, None, 0, "")),
            ).fetchone()
        )
        return Missing() if row is None else known(*row)

    def _locate(self, locate: Locate) -> Located:
        number, head = self._rooms.get(locate.room, (0, 0))
        if locate.last is not None:
            return Located(max(0, head - locate.last))
        if locate.since_id is not None:
            row = self._db.execute(
                "SELECT max(place) FROM entry WHERE id = ? AND place > ? AND place <= ?",
                (locate.since_id, place_of(number, self._floors.get(locate.room, 0)), place_of(number, head)),
            ).fetchone()
            return Located(schema.seq_of(row[0]) if row[0] is not None else None)
        return Located(self._before_time(number, head, locate.since or 0))

    def _before_time(self, number: int, head: int, since: int) -> int:
        # Halving over sequences: times are labels and may step back with the clock, so this is exact only where
        # they do not; a reader then gets a few entries more or fewer, never a gap.
        low, high = 0, head
        while low < high:
            middle = (low + high + 1) // 2
            row = self._db.execute("SELECT time FROM entry WHERE place = ?", (place_of(number, middle),)).fetchone()
            if row is not None and row[0] >= since:
                high = middle - 1
            else:
                low = middle
        return low

    def _news(self, after: int) -> Told:
        # Nobody else writes into the file, so what this process has done is all there is.
        touched = self._touched.since(after)
        rooms = self._rooms if touched is None else touched[0]
        heads = {room: self._rooms[room][1] for room in rooms if room in self._rooms}
        query = "SELECT kind, name, value, revision FROM state"
        if touched is None:
            state = self._db.execute(query).fetchall()
        else:
            one = f"{query} WHERE kind = ? AND name = ?"
            state = [row for name in touched[1] for row in self._db.execute(one, name)]
        floors = {room: self._floors[room] for room in rooms if room in self._floors}
        return Told(self._touched.cursor, state, heads, floors)

    def heads(self) -> dict[str, int]:
        """The last sequence of every room that has entries."""
        return {room: head for room, (_, head) in self._rooms.items()}

    def floors(self) -> dict[str, int]:
        """The sequence up to which nothing is kept, of every room of which something was removed."""
        return dict(self._floors)

    def topics(self) -> dict[str, str]:
        """The text of the last topic entry of every room that has one."""
        rows = self._db.execute(
            "SELECT r.room, e.text FROM entry e INDEXED BY entry_topic"
            f" JOIN room r ON r.number = e.place >> {schema.ROOM_BITS} WHERE e.kind = 'topic' ORDER BY e.place"
        )
        return dict(rows)  # of each room the last one stays

    def table(self, table: str) -> dict[str, tuple[bytes, int]]:
        """One table of the small state: name → (value, revision)."""
        rows = self._db.execute("SELECT name, value, revision FROM state WHERE kind = ?", (table,))
        return {name: (value, revision) for name, value, revision in rows}


def entry_of(row: Sequence[Any]) -> Entry:
    """An entry from a row of `ENTRIES`, whose columns stand in the order of its fields."""
    entry: list[Any] = [*row]
    if entry[-1]:
        entry[-1] = entry[-1].split("\n")
    else:
        del entry[-1]
    return Entry(*entry)
