"""The tables of a history in PostgreSQL, and how older ones become what they are now.

Owns the schema and its versions. The words are those of the SQLite history (`schema`), as far as they mean the same.
Does not know what is kept in the tables (`postgres`). Used by the thread of its history.

Everything is in a schema of its own, so that the database may hold other things as well. `changed` is the transaction
that wrote a row last: what `News` looks for.
"""

from __future__ import annotations

from typing import Any

import psycopg

from .history import BadHistory
from .schema import new_id

VERSION = 1
OLDEST_SERVER = 13
"""Transactions have numbers that never come again (xid8) from there on."""
_OURS = 0x7A636874
"""Of the advisory lock under which the tables are made: ``zcht``."""

_TABLES = """
CREATE TABLE about (name text PRIMARY KEY, value text NOT NULL);
CREATE TABLE room (
    number integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, room text NOT NULL UNIQUE, head bigint NOT NULL DEFAULT 0,
    floor bigint NOT NULL DEFAULT 0, readers text, changed xid8 NOT NULL DEFAULT pg_current_xact_id()
);
CREATE INDEX room_changed ON room (changed);
CREATE TABLE entry (
    number bigint GENERATED ALWAYS AS IDENTITY, room integer NOT NULL, seq bigint NOT NULL, id text NOT NULL,
    author text NOT NULL, time bigint NOT NULL, kind text NOT NULL, nick text NOT NULL, addressee text,
    text text NOT NULL, target text, about bigint NOT NULL, until bigint NOT NULL, choices text NOT NULL,
    words tsvector, PRIMARY KEY (room, seq)
);
CREATE UNIQUE INDEX entry_once ON entry (room, id, author);
CREATE UNIQUE INDEX entry_answer ON entry (room, about) WHERE kind = 'answer';
CREATE INDEX entry_topic ON entry (room, seq) WHERE kind = 'topic';
CREATE INDEX entry_newest ON entry (number) WHERE words IS NOT NULL;
CREATE INDEX entry_word ON entry USING gin (words) WITH (gin_pending_list_limit = 256);
CREATE TABLE gone (
    room integer NOT NULL, id text NOT NULL, author text NOT NULL, seq bigint NOT NULL, time bigint NOT NULL,
    digest bytea NOT NULL, PRIMARY KEY (room, id, author)
);
CREATE TABLE state (
    kind text NOT NULL, name text NOT NULL, value bytea NOT NULL, revision bigint NOT NULL,
    changed xid8 NOT NULL DEFAULT pg_current_xact_id(), PRIMARY KEY (kind, name)
);
CREATE INDEX state_changed ON state (changed);
"""
"""`entry.number` grows with the time at which an entry was stored, over all rooms. The list of words that are not in
the index yet is kept short (256 kB), so that no commit waits long while it is emptied."""

_OVERTAKE = """
UPDATE {table} SET changed = pg_current_xact_id() WHERE changed >= pg_snapshot_xmax(pg_current_snapshot())
"""
"""What comes from another server by a dump names transactions that were never here; it would be news for ever."""
_MIGRATIONS: dict[int, str] = {}
"""What makes of each version the next one."""


def prepare(db: psycopg.Connection[Any], place: str) -> str:
    """Make the tables in a database, or bring those of an older version up to date; returns the history's id.

    Raises `BadHistory` for a server that is too old and for a newer zchat's history, and leaves them as they are.
    """
    if db.info.server_version < OLDEST_SERVER * 10_000:
        server = db.info.parameter_status("server_version")
        raise BadHistory(f"The server of {place} is PostgreSQL {server}. Use one from {OLDEST_SERVER} on.")
    db.execute("SET search_path = zchat")
    about = _about(db)
    if about.get("version") == str(VERSION):
        for table in ("room", "state"):
            db.execute(_OVERTAKE.format(table=table))
        return about["history"]
    # Of several brokers one makes them. What others have made is seen for sure from the next transaction on, so the
    # lock stands around it.
    db.execute("SELECT pg_advisory_lock(%s)", (_OURS,))
    try:
        with db.transaction():
            return _make(db, place)
    finally:
        if not db.closed:
            db.execute("SELECT pg_advisory_unlock(%s)", (_OURS,))


def _make(db: psycopg.Connection[Any], place: str) -> str:
    about = _about(db)
    if not about:
        if db.execute("SELECT to_regnamespace('zchat')").fetchone() == (None,):
            db.execute("CREATE SCHEMA zchat")
        db.execute(_TABLES)
        about = {"history": new_id(), "version": str(VERSION)}
        db.execute("INSERT INTO about VALUES ('history', %(history)s), ('version', %(version)s)", about)
    version = int(about["version"])
    if version > VERSION:
        raise BadHistory(f"The history in {place} was written by a newer zchat. Install that version to use it.")
    for older in range(version, VERSION):
        db.execute(_MIGRATIONS[older])
        db.execute("UPDATE about SET value = %s WHERE name = 'version'", (str(older + 1),))
    return about["history"]


def _about(db: psycopg.Connection[Any]) -> dict[str, str]:
    """What is noted about the history; empty where there is none."""
    if db.execute("SELECT to_regclass('zchat.about')").fetchone() == (None,):
        return {}
    return dict(db.execute("SELECT name, value FROM about").fetchall())
