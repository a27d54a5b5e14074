"""`History` in one SQLite file: the default, with nothing to set up.

Owns the schema and the SQL. Does not know what rooms or nicks mean. Used by the broker's thread alone.

Durable means WAL with ``synchronous=FULL``: a commit returns after fsync of the log (sqlite.org, "Write-Ahead
Logging" and "PRAGMA synchronous"). A whole batch is one transaction. Sequences are dense per room here, so an
entry's `prev` is not stored.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from ..common import limits, wire
from ..common.messages import Entry
from .history import (
    Append,
    Appended,
    BadHistory,
    Change,
    Conflict,
    Done,
    Erase,
    Found,
    Locate,
    Located,
    Missing,
    NotStored,
    Outcome,
    Put,
    Question,
    Read,
    Recall,
    Reused,
    Together,
)

APPLICATION_ID = 0x7A636874
"""``zcht`` in the file's header, so that a foreign database is never written to."""
SCHEMA_VERSION = 2

_SCHEMA = """
CREATE TABLE about (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE room (number INTEGER PRIMARY KEY, room TEXT NOT NULL UNIQUE, head INTEGER NOT NULL);
CREATE TABLE author (number INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE);
CREATE TABLE entry (
    room INTEGER NOT NULL, seq INTEGER NOT NULL, id TEXT NOT NULL, author INTEGER NOT NULL, time INTEGER NOT NULL,
    kind TEXT NOT NULL, nick TEXT NOT NULL, addressee TEXT, text TEXT NOT NULL,
    target TEXT, about INTEGER NOT NULL DEFAULT 0, until INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (room, seq)
) WITHOUT ROWID;
CREATE UNIQUE INDEX entry_once ON entry (room, id, author);
CREATE INDEX entry_topic ON entry (room, seq) WHERE kind = 'topic';
CREATE TABLE state (
    kind TEXT NOT NULL, name TEXT NOT NULL, value BLOB NOT NULL, revision INTEGER NOT NULL,
    PRIMARY KEY (kind, name)
) WITHOUT ROWID;
"""

# What makes of each version the next one.
_MIGRATIONS = {
    1: """
ALTER TABLE entry ADD COLUMN target TEXT;
ALTER TABLE entry ADD COLUMN about INTEGER NOT NULL DEFAULT 0;
ALTER TABLE entry ADD COLUMN until INTEGER NOT NULL DEFAULT 0;
""",
}

_ENTRY = (
    "SELECT e.seq, e.id, e.time, e.nick, a.key, e.text, e.kind, e.addressee, e.target, e.about, e.until"
    " FROM entry e JOIN author a ON a.number = e.author WHERE e.room = ?"
)


class SqliteHistory:
    """The history in a SQLite file; ``:memory:`` for tests.

    Raises `BadHistory` when the file is not ours, is damaged, or was written by a newer zchat.
    """

    def __init__(self, path: Path | str) -> None:
        self._path = str(path)
        try:
            if self._path != ":memory:":
                # Made by us first, so that only its owner reads it; SQLite's side files take over its mode.
                os.close(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600))
            # isolation_level=None: this module says BEGIN and COMMIT itself.
            self._db = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        except (sqlite3.Error, OSError) as error:
            raise BadHistory(f"The history {self._path} cannot be opened ({error}). Check the folder.") from None
        try:
            self._open()
        except sqlite3.Error as error:
            self._db.close()
            raise BadHistory(
                f"The history {self._path} cannot be used ({error}). Restore it from a copy or name another --data."
            ) from None
        except BadHistory:
            self._db.close()
            raise

    def _open(self) -> None:
        self._db.execute("PRAGMA busy_timeout = 5000")
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        application = self._db.execute("PRAGMA application_id").fetchone()[0]
        tables = self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if tables and application != APPLICATION_ID:
            raise BadHistory(
                f"The file {self._path} is a database of another program. Name another folder with --data."
            )
        if version > SCHEMA_VERSION:
            raise BadHistory(f"The history {self._path} was written by a newer zchat. Install that version to use it.")
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        if not tables:
            self._create()
        for older in range(version, SCHEMA_VERSION) if tables else ():
            self._db.executescript(f"BEGIN; {_MIGRATIONS[older]} PRAGMA user_version = {older + 1}; COMMIT;")
        rows = self._db.execute("SELECT value FROM about WHERE name = 'history'").fetchone()
        self.id: str = rows[0]
        self._rooms: dict[str, tuple[int, int]] = {
            room: (number, head) for room, number, head in self._db.execute("SELECT room, number, head FROM room")
        }
        self._authors: dict[str, int] = dict(self._db.execute("SELECT key, number FROM author"))

    def _create(self) -> None:
        self._db.executescript(
            f"BEGIN; PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {SCHEMA_VERSION};"
            f"{_SCHEMA} INSERT INTO about VALUES ('history', '{secrets.token_hex(8)}'); COMMIT;"
        )

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    # --- writing ----------------------------------------------------------------------------------------------
    def commit(self, batch: Sequence[Change]) -> list[Outcome]:
        """Make all changes in one transaction, durable on return; raises `NotStored`."""
        # New rooms, authors and heads reach the maps only after the commit, so that a failure leaves them true.
        writing = _Writing(self._db, self._rooms, self._authors)
        try:
            self._db.execute("BEGIN IMMEDIATE")
            outcomes = [writing.make(change) for change in batch]
            self._db.executemany(
                "UPDATE room SET head = ? WHERE number = ?",
                [(head, number) for number, head in writing.rooms.values()],
            )
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise NotStored(f"The history cannot be written ({error}).") from None
        self._rooms |= writing.rooms
        self._authors |= writing.authors
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
        except sqlite3.Error as error:
            raise NotStored(f"The history cannot be read ({error}).") from None

    def _read(self, read: Read) -> Found:
        number, head = self._rooms.get(read.room, (0, 0))
        backwards = read.before is not None
        bound = read.before if read.before is not None else (read.after or 0)
        order = "e.seq < ? ORDER BY e.seq DESC" if backwards else "e.seq > ? ORDER BY e.seq"
        rows = self._db.execute(
            f"{_ENTRY} AND e.seq > ? AND {order} LIMIT ?", (number, read.floor, min(bound, 2**63 - 1), read.limit)
        )
        entries: list[Entry] = []
        size = 0
        for seq, id_, time, nick, key, text, kind, to, target, about, until in rows:
            entry = Entry(
                seq=seq,
                prev=seq - 1,
                id=id_,
                time=time,
                nick=nick,
                key=key,
                text=text,
                kind=kind,
                to=to,
                target=target,
                about=about,
                until=until,
            )
            size += wire.entry_size(entry)
            if entries and size > limits.FRAME_BYTES:
                break
            entries.append(entry)
        rows.close()
        if backwards:
            entries.reverse()
            return Found(entries, more=bool(entries) and entries[0].prev > read.floor)
        return Found(entries, more=bool(entries) and entries[-1].seq < head)

    def _recall(self, recall: Recall) -> Appended | Missing:
        number, _ = self._rooms.get(recall.room, (0, 0))
        row = self._db.execute(
            "SELECT seq, time FROM entry WHERE room = ? AND id = ? AND author = ? AND kind = ? AND text = ?",
            (number, recall.id, self._authors.get(recall.author, 0), recall.kind, recall.text),
        ).fetchone()
        return Missing() if row is None else Appended(row[0], row[0] - 1, row[1], duplicate=True)

    def _locate(self, locate: Locate) -> Located:
        number, head = self._rooms.get(locate.room, (0, 0))
        if locate.last is not None:
            return Located(max(0, head - locate.last))
        if locate.since_id is not None:
            row = self._db.execute(
                "SELECT max(seq) FROM entry WHERE room = ? AND id = ?", (number, locate.since_id)
            ).fetchone()
            return Located(row[0])
        return Located(self._before_time(number, head, locate.since or 0))

    def _before_time(self, number: int, head: int, since: int) -> int:
        # Halving over sequences: times are labels and may step back with the clock, so this is exact only where
        # they do not; a reader then gets a few entries more or fewer, never a gap.
        low, high = 0, head
        while low < high:
            middle = (low + high + 1) // 2
            row = self._db.execute("SELECT time FROM entry WHERE room = ? AND seq = ?", (number, middle)).fetchone()
            if row is not None and row[0] >= since:
                high = middle - 1
            else:
                low = middle
        return low

    def heads(self) -> dict[str, int]:
        """The last sequence of every room that has entries."""
        return {room: head for room, (_, head) in self._rooms.items()}

    def topics(self) -> dict[str, str]:
        """The text of the last topic entry of every room that has one."""
        # Of a bare column SQLite gives the row that max() chose (sqlite.org, "SELECT", section 2.5).
        rows = self._db.execute(
            "SELECT r.room, e.text, max(e.seq) FROM entry e JOIN room r ON r.number = e.room"
            " WHERE e.kind = 'topic' GROUP BY e.room"
        )
        return {room: text for room, text, _ in rows}

    def table(self, table: str) -> dict[str, tuple[bytes, int]]:
        """One table of the small state: name → (value, revision)."""
        rows = self._db.execute("SELECT name, value, revision FROM state WHERE kind = ?", (table,))
        return {name: (value, revision) for name, value, revision in rows}


class _Writing:
    """One transaction under way: `rooms` and `authors` are what it adds to those known before."""

    def __init__(
        self, db: sqlite3.Connection, known_rooms: dict[str, tuple[int, int]], known_authors: dict[str, int]
    ) -> None:
        self._db = db
        self._known_rooms = known_rooms
        self._known_authors = known_authors
        self.rooms: dict[str, tuple[int, int]] = {}
        self.authors: dict[str, int] = {}

    def make(self, change: Change) -> Outcome:
        match change:
            case Append():
                return self.append(change)
            case Put():
                return self._fault(change) or self._put(change)
            case Erase():
                return self._fault(change) or self._erase(change)
            case Together(changes):
                return self._together(changes)

    def _together(self, changes: tuple[Append | Put | Erase, ...]) -> Outcome:
        """Look first at all that could fail, so that nothing has to be undone."""
        append = next((change for change in changes if isinstance(change, Append)), None)
        repeat = append and self._repeat(append)
        fault = repeat or next((fault for change in changes if (fault := self._fault(change))), None)
        if fault is not None:
            return fault
        outcomes = {type(change): self.make(change) for change in changes}
        return outcomes[Append] if append is not None else Done()

    def _fault(self, change: Append | Put | Erase) -> Outcome | None:
        """Why a change cannot be made."""
        match change:
            case Put(table, name, _, expect) if expect is not None:
                value, revision = self._state(table, name)
                return Conflict(table, name, value, revision) if revision != expect else None
            case Erase(room, seq, author):
                row = self._db.execute(
                    "SELECT a.key FROM entry e JOIN author a ON a.number = e.author"
                    " WHERE e.room = ? AND e.seq = ? AND e.kind IN ('message', 'me')",
                    (self._room(room)[0], seq),
                ).fetchone()
                return Missing() if row is None or author not in (None, row[0]) else None
        return None

    def _room(self, room: str) -> tuple[int, int]:
        return self.rooms.get(room) or self._known_rooms.get(room) or (0, 0)

    def _author(self, key: str) -> int:
        return self._known_authors.get(key) or self.authors.get(key) or 0

    def _repeat(self, append: Append) -> Outcome | None:
        """What stands there already under this id."""
        number, author = self._room(append.room)[0], self._author(append.author)
        row = self._db.execute(
            "SELECT seq, time, text, kind, target, about FROM entry WHERE room = ? AND id = ? AND author = ?",
            (number, append.id, author),
        ).fetchone()
        if row is None:
            return None
        seq, time, *what = row
        if what[1] != "deleted" and what != [append.text, append.kind, append.target, append.about]:
            return Reused()
        return Appended(seq, seq - 1, time, duplicate=True)

    def append(self, append: Append) -> Outcome:
        number, head = self._room(append.room)
        if not number:
            number, head = self._new_room(append.room)
        author = self._author(append.author) or self._new_author(append.author)
        a = append
        cursor = self._db.execute(
            "INSERT INTO entry (room, seq, id, author, time, kind, nick, addressee, text, target, about, until)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (room, id, author) DO NOTHING",
            (number, head + 1, a.id, author, a.time, a.kind, a.nick, a.to, a.text, a.target, a.about, a.until),
        )
        if not cursor.rowcount:
            repeat = self._repeat(append)
            assert repeat is not None
            return repeat
        self.rooms[append.room] = (number, head + 1)
        return Appended(head + 1, head, append.time)

    def _new_room(self, room: str) -> tuple[int, int]:
        cursor = self._db.execute("INSERT INTO room (room, head) VALUES (?, 0)", (room,))
        self.rooms[room] = (cursor.lastrowid or 0, 0)
        return self.rooms[room]

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
        self._db.execute(
            "UPDATE entry SET text = '', kind = 'deleted' WHERE room = ? AND seq = ?",
            (self._room(erase.room)[0], erase.seq),
        )
        return Done()
