"""The tables of the SQLite history, and how older ones become what they are now.

Owns the schema, its versions, and what tells our file from another program's. Does not know what is kept in the tables
(`sqlite`). Used by the thread of the history alone.

An entry's row is named by its **place**: its room's number and its sequence in one integer, SQLite's own key of a row.
So what is appended to a room lies side by side and is read in one go. One index has all entries, by id: ids grow with
time, so it grows at its end, too.
"""

from __future__ import annotations

import logging
import secrets
import sqlite3

import msgspec

from .history import BadHistory

log = logging.getLogger("zchat.broker")

APPLICATION_ID = 0x7A636874
"""``zcht`` in the file's header, so that a foreign database is never written to."""
VERSION = 5
LEAST_SQLITE = 3, 24, 0
"""The first with ``ON CONFLICT DO UPDATE``."""
ROOM_BITS = 40
"""A place is a room's number above so many bits, and a sequence in them. 2^23 rooms are more than a chat may have."""
SEQ_MASK = (1 << ROOM_BITS) - 1

_ENTRY = """
CREATE TABLE entry (
    place INTEGER PRIMARY KEY, author INTEGER NOT NULL, time INTEGER NOT NULL, id TEXT NOT NULL, kind TEXT NOT NULL,
    nick TEXT NOT NULL, text TEXT NOT NULL, addressee TEXT, target TEXT, about INTEGER NOT NULL DEFAULT 0,
    until INTEGER NOT NULL DEFAULT 0, choices TEXT NOT NULL DEFAULT ''
);
"""
_ENTRY_INDEXES = """
CREATE INDEX entry_id ON entry (id);
CREATE INDEX entry_topic ON entry (place) WHERE kind = 'topic';
CREATE UNIQUE INDEX entry_answer ON entry (place >> 40, about) WHERE kind = 'answer';
"""
_GONE = """
CREATE TABLE gone (
    place INTEGER PRIMARY KEY, id TEXT NOT NULL, author INTEGER NOT NULL, time INTEGER NOT NULL, digest BLOB NOT NULL
);
CREATE INDEX gone_id ON gone (id);
"""
_ROOM = """
CREATE TABLE room (
    number INTEGER PRIMARY KEY, room TEXT NOT NULL UNIQUE, floor INTEGER NOT NULL DEFAULT 0,
    indexed INTEGER NOT NULL DEFAULT 0, readers TEXT
);
"""
_INDEX = """
CREATE TABLE indexed (number INTEGER PRIMARY KEY, room INTEGER NOT NULL, seq INTEGER NOT NULL, UNIQUE (room, seq));
CREATE VIRTUAL TABLE word USING fts5(
    text, room, content='', tokenize='unicode61 remove_diacritics 2'
);
"""
"""Of `word` a row's text is not stored, only where each word stands; `indexed` tells whose row it is."""

_TABLES = f"""
CREATE TABLE about (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE author (number INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE);
{_ROOM} {_ENTRY} {_ENTRY_INDEXES} {_GONE} {_INDEX}
CREATE TABLE state (
    kind TEXT NOT NULL, name TEXT NOT NULL, value BLOB NOT NULL, revision INTEGER NOT NULL,
    PRIMARY KEY (kind, name)
) WITHOUT ROWID;
"""

_MIGRATIONS = {
    1: """
ALTER TABLE entry ADD COLUMN target TEXT;
ALTER TABLE entry ADD COLUMN about INTEGER NOT NULL DEFAULT 0;
ALTER TABLE entry ADD COLUMN until INTEGER NOT NULL DEFAULT 0;
""",
    2: """
ALTER TABLE room ADD COLUMN floor INTEGER NOT NULL DEFAULT 0;
CREATE TABLE gone (
    room INTEGER NOT NULL, id TEXT NOT NULL, author INTEGER NOT NULL, seq INTEGER NOT NULL, time INTEGER NOT NULL,
    digest BLOB NOT NULL, PRIMARY KEY (room, id, author)
) WITHOUT ROWID;
""",
    3: f"""
ALTER TABLE room ADD COLUMN indexed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE room ADD COLUMN readers TEXT;
UPDATE room SET readers = replace(substr(room, 2), '.', ' ') WHERE room LIKE '@%';
UPDATE room SET readers = '' WHERE room IN (
    SELECT name FROM state WHERE kind = 'room' AND is_private(value)
);
ALTER TABLE entry ADD COLUMN choices TEXT NOT NULL DEFAULT '';
CREATE UNIQUE INDEX entry_answer ON entry (room, about) WHERE kind = 'answer';
{_INDEX}
""",
    4: f"""
ALTER TABLE entry RENAME TO entry_4;
{_ENTRY}
INSERT INTO entry SELECT
    room << 40 | seq, author, time, id, kind, nick, text, addressee, target, about, until, choices
    FROM entry_4 ORDER BY room, seq;
DROP TABLE entry_4;
{_ENTRY_INDEXES}
ALTER TABLE gone RENAME TO gone_4;
{_GONE}
INSERT OR IGNORE INTO gone SELECT room << 40 | seq, id, author, time, digest FROM gone_4 ORDER BY room, seq;
DROP TABLE gone_4;
ALTER TABLE room RENAME TO room_4;
{_ROOM}
INSERT INTO room SELECT number, room, floor, indexed, readers FROM room_4;
DROP TABLE room_4;
""",
}
"""What makes of each version the next one."""


def prepare(db: sqlite3.Connection, path: str) -> None:
    """Make the tables in an empty file, or bring those of an older version up to date.

    Raises `BadHistory` for a file of another program or of a newer zchat, and leaves it as it is.
    """
    version = db.execute("PRAGMA user_version").fetchone()[0]
    application = db.execute("PRAGMA application_id").fetchone()[0]
    tables = db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if tables and application != APPLICATION_ID:
        raise BadHistory(f"The file {path} is a database of another program. Name another folder with --data.")
    if version > VERSION:
        raise BadHistory(f"The history {path} was written by a newer zchat. Install that version to use it.")
    if not tables:
        db.execute("PRAGMA auto_vacuum = INCREMENTAL")  # only an empty file can be made so
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    db.execute("PRAGMA secure_delete = ON")  # what was deleted is overwritten in the file
    if not tables:
        db.executescript(
            f"BEGIN; PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {VERSION};"
            f"{_TABLES} INSERT INTO about VALUES ('history', '{new_id()}'); COMMIT;"
        )
    db.create_function("is_private", 1, _is_private, deterministic=True)
    if tables and version < VERSION:
        if db.execute("SELECT EXISTS (SELECT 1 FROM entry)").fetchone()[0]:
            log.info("the history %s is made one of this version", path, extra={"event": "upgrading"})
        for older in range(version, VERSION):
            db.executescript(f"BEGIN; {_MIGRATIONS[older]} PRAGMA user_version = {older + 1}; COMMIT;")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()


def check_engine(db: sqlite3.Connection, version: tuple[int, int, int] = sqlite3.sqlite_version_info) -> None:
    """Raise `BadHistory` when this SQLite cannot do what is asked of it here; tried in an empty database."""
    lacks = "" if version >= LEAST_SQLITE else "it is too old"
    try:
        db.execute("SELECT json_array(1)")
        db.execute("CREATE VIRTUAL TABLE trial USING fts5(text)")
    except sqlite3.Error as error:
        lacks = lacks or str(error)
    if lacks:
        raise BadHistory(
            f"The history needs more than SQLite {'.'.join(map(str, version))}, which this Python has ({lacks})."
            f" Take a Python with SQLite {'.'.join(map(str, LEAST_SQLITE))} or newer, FTS5 and JSON in it."
        )


def place_of(room: int, seq: int) -> int:
    """The place of an entry."""
    return room << ROOM_BITS | seq


def seq_of(place: int) -> int:
    """The sequence of the entry at a place."""
    return place & SEQ_MASK


def _is_private(room: bytes) -> bool:
    """Whether the third version kept a room as a private one."""
    state = msgspec.msgpack.decode(room)
    return isinstance(state, dict) and bool(state.get("private"))


def new_id() -> str:
    """A random word by which cursors know a history."""
    return secrets.token_hex(8)
