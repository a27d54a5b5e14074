"""The tables of the SQLite history, and how older ones become what they are now.

Owns the schema, its versions, and what tells our file from another program's. Does not know what is kept in the tables
(`sqlite`). Used by the broker's thread alone.
"""

from __future__ import annotations

import secrets
import sqlite3

import msgspec

from .history import BadHistory

APPLICATION_ID = 0x7A636874
"""``zcht`` in the file's header, so that a foreign database is never written to."""
VERSION = 4

_INDEX = """
CREATE UNIQUE INDEX entry_answer ON entry (room, about) WHERE kind = 'answer';
CREATE TABLE indexed (number INTEGER PRIMARY KEY, room INTEGER NOT NULL, seq INTEGER NOT NULL, UNIQUE (room, seq));
CREATE VIRTUAL TABLE word USING fts5(
    text, room, content='', tokenize='unicode61 remove_diacritics 2'
);
"""
"""Of `word` a row's text is not stored, only where each word stands; `indexed` tells whose row it is."""

_TABLES = f"""
CREATE TABLE about (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE room (
    number INTEGER PRIMARY KEY, room TEXT NOT NULL UNIQUE, head INTEGER NOT NULL, floor INTEGER NOT NULL DEFAULT 0,
    indexed INTEGER NOT NULL DEFAULT 0, readers TEXT
);
CREATE TABLE author (number INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE);
CREATE TABLE entry (
    room INTEGER NOT NULL, seq INTEGER NOT NULL, id TEXT NOT NULL, author INTEGER NOT NULL, time INTEGER NOT NULL,
    kind TEXT NOT NULL, nick TEXT NOT NULL, addressee TEXT, text TEXT NOT NULL,
    target TEXT, about INTEGER NOT NULL DEFAULT 0, until INTEGER NOT NULL DEFAULT 0,
    choices TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (room, seq)
) WITHOUT ROWID;
CREATE UNIQUE INDEX entry_once ON entry (room, id, author);
CREATE INDEX entry_topic ON entry (room, seq) WHERE kind = 'topic';
CREATE TABLE gone (
    room INTEGER NOT NULL, id TEXT NOT NULL, author INTEGER NOT NULL, seq INTEGER NOT NULL, time INTEGER NOT NULL,
    digest BLOB NOT NULL, PRIMARY KEY (room, id, author)
) WITHOUT ROWID;
{_INDEX}
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
{_INDEX}
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
    for older in range(version, VERSION) if tables else ():
        db.executescript(f"BEGIN; {_MIGRATIONS[older]} PRAGMA user_version = {older + 1}; COMMIT;")


def _is_private(room: bytes) -> bool:
    """Whether the third version kept a room as a private one."""
    state = msgspec.msgpack.decode(room)
    return isinstance(state, dict) and bool(state.get("private"))


def new_id() -> str:
    """A random word by which cursors know a history."""
    return secrets.token_hex(8)
