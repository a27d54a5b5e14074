"""What takes things out of the SQLite history for good: a person's words, and the room that nothing needs any more.

Owns the SQL of that. Does not know why, nor how often (`upkeep`); each call is one short step. Used by the thread of
the history alone.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from itertools import groupby

from ..common.names import PRIVATE_MARK
from .history import Disown, Disowned, Done, Shrunk
from .index import WordIndex
from .remains import MAYBE_TOPIC, what_stays
from .schema import ROOM_BITS, place_of, seq_of

_STEP = 500
"""Entries that are changed at once: some 20 ms."""
_END = 2**63 - 1
_INCREMENTAL = 2
"""The value of ``PRAGMA auto_vacuum`` of a file whose free pages can be given back one by one."""


def disown(db: sqlite3.Connection, index: WordIndex, rooms: Mapping[int, str], author: int, disown: Disown) -> Disowned:
    """One step through all rooms, by number and sequence; `rooms` has their numbers, `author` is that of the key."""
    if disown.after == (0, 0):
        # Whoever has the disk could guess short texts by their digests.
        db.execute("UPDATE gone SET digest = x'' WHERE author = ? AND digest != x''", (author,))
    after = place_of(*disown.after)
    (last,) = db.execute(
        "SELECT place FROM entry WHERE place > ? ORDER BY place LIMIT 1 OFFSET ?", (after, disown.limit - 1)
    ).fetchone() or (None,)
    direct = [number for number, room in rooms.items() if room.startswith(PRIVATE_MARK) and disown.author in room]
    concerned = f"author = ? OR target = ? OR place >> {ROOM_BITS} IN ({', '.join(map(str, direct))})"
    rows = db.execute(
        f"SELECT place, place >> {ROOM_BITS}, author, kind, text FROM entry"
        f" WHERE place > ? AND place <= ? AND ({concerned}) ORDER BY place LIMIT ?",
        (after, last or _END, author, disown.author, _STEP),
    ).fetchall()
    own = [row for row in rows if row[2] == author]
    for room, texts in groupby((row for row in own if row[3] != "answer"), key=lambda row: row[1]):
        index.remove(room, [(seq_of(place), text) for place, _, _, _, text in texts])
    db.executemany(
        "UPDATE entry SET nick = ?, kind = ?, text = ?, choices = '' WHERE place = ?",
        [(disown.nick, *what_stays(kind, text), place) for place, _, _, kind, text in own],
    )
    # Who is told something, or to whom something is done, unless it is somebody else.
    db.executemany(
        "UPDATE entry SET addressee = ? WHERE place = ? AND addressee IS NOT NULL",
        [
            (disown.nick, place)
            for place, room, by, *_ in rows
            if by != author or rooms[room] == f"{PRIVATE_MARK}{disown.author}.{disown.author}"
        ],
    )
    topics = {rooms[room]: _topic(db, room) for _, room, _, kind, _ in own if kind in MAYBE_TOPIC}
    more = rows[-1][0] if len(rows) == _STEP else last
    return Disowned(len(own), (more >> ROOM_BITS, seq_of(more)) if more else None, topics)


def _topic(db: sqlite3.Connection, room: int) -> str:
    row = db.execute(
        "SELECT text FROM entry INDEXED BY entry_topic WHERE kind = 'topic' AND place > ? AND place < ?"
        " ORDER BY place DESC LIMIT 1",
        (place_of(room, 0), place_of(room + 1, 0)),
    ).fetchone()
    return str(row[0]) if row is not None else ""


def shrink(db: sqlite3.Connection, pages: int) -> Shrunk:
    """Give some free pages back; the file itself becomes smaller with the next checkpoint."""
    size, before = _pragma(db, "page_size"), _pragma(db, "freelist_count")
    for _ in range(min(pages, before)):
        # It goes on from row to row, of which Python's module takes only the first, as they have no columns.
        db.execute("PRAGMA incremental_vacuum(1)")
    left = _pragma(db, "freelist_count")
    return Shrunk((before - left) * size, left * size, _pragma(db, "auto_vacuum") == _INCREMENTAL)


def checkpoint(db: sqlite3.Connection) -> Done:
    """Bring everything into the file, and empty the write-ahead log (sqlite.org, "PRAGMA wal_checkpoint")."""
    (patience,) = db.execute("PRAGMA busy_timeout").fetchone()
    db.execute("PRAGMA busy_timeout = 0")  # a reader in another process is not waited for
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    db.execute(f"PRAGMA busy_timeout = {patience}")
    return Done()


def _pragma(db: sqlite3.Connection, name: str) -> int:
    return int(db.execute(f"PRAGMA {name}").fetchone()[0])
