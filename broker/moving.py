"""A history out of a backup into a PostgreSQL database: from one broker to several.

Owns the copying of rows from the tables of the one (`schema`) into those of the other (`postgres_schema`). Does not
know options (`backup_cli`), nor what rooms or nicks mean. Runs in a process of its own.

Everything comes along as it is: sequences, ids, times, what was removed, and the small state with its revisions. The
history has a new id, as after any restore: what was said since the backup is not in it.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg

from ..common import files
from ..common.errors import InputError, ZchatError
from ..common.rules import SEARCHED
from .backup import copy
from .history import Append, BadHistory
from .home import Home
from .postgres_link import Connection, Link, words
from .postgres_removing import NOTE_GONE, columns
from .postgres_schema import prepare
from .postgres_search import lexemes
from .postgres_text import fit
from .postgres_writing import ADD_ENTRIES, MAKE_STATE
from .schema import ROOM_BITS, SEQ_MASK
from .sqlite import SqliteHistory

_ROWS = 1_000
"""Rows that are sent to the database at once."""
_ADD_ROOM = "INSERT INTO room (room, head, floor, readers) VALUES (%s, %s, %s, %s) RETURNING number"
_PLACE = f"e.place >> {ROOM_BITS}, e.place & {SEQ_MASK}"
_COLUMNS = f"{_PLACE}, e.id, a.key, e.time, e.kind, e.nick, e.addressee, e.text, e.target, e.about, e.until, e.choices"
_ENTRIES = (
    # What is found is numbered by its age, over all rooms; the rest is found by its place alone.
    f"SELECT {_COLUMNS} FROM indexed i JOIN entry e ON e.place = i.room << {ROOM_BITS} | i.seq"
    " JOIN author a ON a.number = e.author ORDER BY i.number",
    f"SELECT {_COLUMNS} FROM entry e JOIN author a ON a.number = e.author WHERE NOT EXISTS ("
    f"SELECT 1 FROM indexed WHERE room = e.place >> {ROOM_BITS} AND seq = e.place & {SEQ_MASK}) ORDER BY e.place",
)
_GONE = f"SELECT {_PLACE.replace('e.', '')}, id, key, time, digest FROM gone JOIN author ON author.number = author"


def move(data: Path, file: Path, url: str) -> tuple[str, int]:
    """Put a backup into a database that has no history yet; returns where that is, and how many entries it has.

    Raises `ZchatError`: also when the broker of the folder runs. All of it is stored or nothing.
    """
    if not file.exists():
        raise InputError(f"There is no file {file}. Name a backup.")
    link = Link(url)
    with contextlib.closing(Home(data)) as home:  # who moves must not go on writing into the file
        fresh = home.history.with_name("history.moving")
        try:
            files.make_folder(data)
            _remove(fresh)
            os.close(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
            copy(file, fresh)
            with contextlib.closing(SqliteHistory(fresh)) as history:  # the tables of this version, all indexed
                return link.place, _fill(link, fresh, history)
        except OSError as error:
            raise ZchatError(f"The folder {data} has no room for a copy ({error.strerror}).") from None
        except sqlite3.Error as error:
            raise BadHistory(f"The file {file} is no whole history ({error}). Name another backup.") from None
        except psycopg.Error as error:
            why = f"The database {link.place} could not take it ({words(error)}); nothing is stored."
            raise ZchatError(f"{why} Mend that, and try again.") from None
        finally:
            link.give_up()
            _remove(fresh)


def _remove(fresh: Path) -> None:
    for ending in ("", "-wal", "-shm"):
        fresh.with_name(fresh.name + ending).unlink(missing_ok=True)


def _fill(link: Link, file: Path, history: SqliteHistory) -> int:
    target = link.connect()
    prepare(target, link.place)
    with (
        contextlib.closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as source,
        target.transaction(),
    ):
        target.execute("LOCK TABLE room, state IN ACCESS EXCLUSIVE MODE")  # no broker begins meanwhile
        there = target.execute("SELECT EXISTS (SELECT 1 FROM room) OR EXISTS (SELECT 1 FROM state)").fetchone()
        if there != (False,):
            raise InputError(f"The database {link.place} has a history already. Name an empty one.")
        return _copy(source, target, history)


def _copy(source: sqlite3.Connection, target: Connection, history: SqliteHistory) -> int:
    heads, floors = history.heads(), history.floors()
    rooms: dict[int, tuple[int, str, str | None]] = {}
    for old, room, readers in source.execute("SELECT number, room, readers FROM room ORDER BY number"):
        where = (room, heads.get(room, 0), floors.get(room, 0), readers)
        (new,) = target.execute(_ADD_ROOM, where).fetchone() or (0,)
        rooms[old] = new, room, readers
    count = 0
    for query in _ENTRIES:
        for rows in _some(source, query):
            target.execute(ADD_ENTRIES, columns(_entry(row, *rooms[row[0]]) for row in rows))
            count += len(rows)
    for rows in _some(source, _GONE):
        gone = [(rooms[old][0], id_, key, seq, time, digest) for old, seq, id_, key, time, digest in rows]
        target.execute(NOTE_GONE, columns(gone))
    for rows in _some(source, "SELECT kind, name, value, revision FROM state"):
        target.execute(MAKE_STATE, columns(rows))
    return count


def _some(source: sqlite3.Connection, query: str) -> Iterator[list[tuple[Any, ...]]]:
    cursor = source.execute(query)
    while rows := cursor.fetchmany(_ROWS):
        yield rows


def _entry(row: tuple[Any, ...], number: int, room: str, readers: str | None) -> tuple[Any, ...]:
    """A row of one as a row of the other."""
    _, seq, id_, key, time, kind, nick, to, text, target, about, until, choices = row
    who = tuple(readers.split()) if readers is not None else None
    a = fit(Append(room, key, id_, nick, text, time, kind, to, target, about, until, tuple(choices.split("\n")), who))
    found = lexemes(a, number) if kind in SEARCHED else None
    return (
        number,
        seq,
        a.id,
        a.author,
        time,
        kind,
        a.nick,
        a.to,
        a.text,
        a.target,
        about,
        until,
        "\n".join(a.choices),
        found,
    )
