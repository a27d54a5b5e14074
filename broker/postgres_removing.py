"""What takes things out of a PostgreSQL history: entries that are too old, and a person's words.

Owns the SQL of that. Does not know why, nor how often (`retention`, `upkeep`); each call is one short step of a
transaction that has locked the rooms (`postgres_writing`). Used by the thread of its history.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..common.limits import INDEX_BYTES
from ..common.names import PRIVATE_MARK
from .history import Disown, Disowned, Outcome, Trim, Trimmed
from .postgres_link import Connection
from .remains import MAYBE_TOPIC, digest_of, up_to_bytes, what_stays

_STEP = 500
"""Entries that are removed or changed at once: some milliseconds, so that nobody waits for it."""
_END = (2**31 - 1, 2**62)

NOTE_GONE = """
INSERT INTO gone SELECT * FROM unnest(%b::integer[], %b::text[], %b::text[], %b::bigint[], %b::bigint[], %b::bytea[])
ON CONFLICT (room, id, author) DO NOTHING
"""
_OLDEST = """
SELECT seq, time, id, author, text, kind, target, about, choices
FROM (SELECT * FROM entry WHERE room = %s AND seq > %s ORDER BY seq LIMIT %s) AS first
WHERE seq <= %s OR time < %s ORDER BY seq
"""
_FORGET = "DELETE FROM gone WHERE room = %s AND time < %s AND seq <= %s"
_REMOVE = """
DELETE FROM entry WHERE room = %s AND seq <= %s
AND seq IS DISTINCT FROM (SELECT max(seq) FROM entry WHERE room = %s AND kind = 'topic')
"""
_MOVE_FLOOR = "UPDATE room SET floor = %s, changed = pg_current_xact_id() WHERE number = %s"
_STEP_END = "SELECT room, seq FROM entry WHERE (room, seq) > (%s, %s) ORDER BY room, seq LIMIT 1 OFFSET %s"
_DIRECT_ROOMS = "SELECT number, room FROM room WHERE room LIKE %s AND position(%s IN room) > 0"
_CONCERNED = """
SELECT room, seq, author, kind, text FROM entry WHERE (room, seq) > (%s, %s) AND (room, seq) <= (%s, %s)
AND (author = %s OR target = %s OR room = ANY(%b::integer[])) ORDER BY room, seq LIMIT %s FOR UPDATE
"""
_DISOWN = """
UPDATE entry SET nick = new.nick, kind = new.kind, text = new.text, choices = '',
    words = CASE WHEN new.kind = 'answer' THEN words END
FROM unnest(%b::integer[], %b::bigint[], %b::text[], %b::text[], %b::text[]) AS new (room, seq, nick, kind, text)
WHERE entry.room = new.room AND entry.seq = new.seq
"""
_UNNAME = """
UPDATE entry SET addressee = %s FROM unnest(%b::integer[], %b::bigint[]) AS old (room, seq)
WHERE entry.room = old.room AND entry.seq = old.seq AND addressee IS NOT NULL
"""
_TOPICS_OF = """
SELECT room.room, coalesce((
    SELECT text FROM entry e WHERE e.room = room.number AND kind = 'topic' ORDER BY seq DESC LIMIT 1
), '') FROM room WHERE room.number = ANY(%s)
"""


@dataclass(slots=True)
class LockedRoom:
    """A room that nobody else writes to until the commit."""

    number: int
    head: int
    floor: int


def trim(db: Connection, known: Mapping[str, LockedRoom], trims: Sequence[Trim]) -> list[Outcome]:
    """Remove the oldest entries of rooms, as far as they may go; those of a few hundred that were looked at."""
    if len({one.room for one in trims}) < len(trims):
        return [outcome for one in trims for outcome in trim(db, known, [one])]
    rooms = [known.get(one.room, LockedRoom(0, 0, 0)) for one in trims]
    with db.pipeline():
        found = []
        for one, room in zip(trims, rooms, strict=True):
            last_kept = room.head - one.keep if one.keep else 0
            found.append(db.execute(_OLDEST, (room.number, room.floor, _STEP, last_kept, one.before)))
            db.execute(_FORGET, (room.number, one.forget, room.floor))
    oldest = [cursor.fetchall() for cursor in found]
    with db.pipeline():
        return [_trim(db, *what) for what in zip(trims, rooms, oldest, strict=True)]


def _trim(db: Connection, trim: Trim, room: LockedRoom, oldest: list[tuple[Any, ...]]) -> Trimmed:
    some = list(up_to_bytes(oldest, INDEX_BYTES, lambda row: str(row[4])))
    # Where the clock has stepped back, an old one behind one that is kept is kept, too.
    old = [row for next_, row in enumerate(some, room.floor + 1) if row[0] == next_]
    if not old:
        return Trimmed(room.floor, more=False)
    room.floor = old[-1][0]
    gone = [
        (room.number, id_, author, seq, time, b"" if kind == "deleted" else digest_of(text, kind, target, *more))
        for seq, time, id_, author, text, kind, target, *more in old
        if time >= trim.forget
    ]
    if gone:
        db.execute(NOTE_GONE, columns(gone))
    # A room's topic is its last topic entry, however old: it stays, below the floor, where nobody reads it.
    db.execute(_REMOVE, (room.number, room.floor, room.number))
    db.execute(_MOVE_FLOOR, (room.floor, room.number))
    cut = len(some) < len(oldest) or len(oldest) == _STEP
    return Trimmed(room.floor, more=cut and len(old) == len(some) and room.floor < room.head)


def disown(db: Connection, disown: Disown) -> Disowned:
    """One step through all rooms, by number and sequence."""
    key = disown.author
    if disown.after == (0, 0):
        # Whoever has the disk could guess short texts by their digests.
        db.execute("UPDATE gone SET digest = '' WHERE author = %s AND digest != ''", (key,))
    last = db.execute(_STEP_END, (*disown.after, disown.limit - 1)).fetchone()
    mine = dict(db.execute(_DIRECT_ROOMS, (f"{PRIVATE_MARK}%", key)).fetchall())
    rows = db.execute(_CONCERNED, (*disown.after, *(last or _END), key, key, list(mine), _STEP)).fetchall()
    own = [row for row in rows if row[2] == key]
    if own:
        kept = [(room, seq, disown.nick, *what_stays(kind, text)) for room, seq, _, kind, text in own]
        db.execute(_DISOWN, columns(kept))
    # Who is told something, or to whom something is done, unless it is somebody else.
    to_self = {number for number, room in mine.items() if room == f"{PRIVATE_MARK}{key}.{key}"}
    told = [(room, seq) for room, seq, by, *_ in rows if by != key or room in to_self]
    if told:
        db.execute(_UNNAME, (disown.nick, *columns(told)))
    topics = sorted({room for room, _, _, kind, _ in own if kind in MAYBE_TOPIC})
    now = dict(db.execute(_TOPICS_OF, (topics,)).fetchall()) if topics else {}
    return Disowned(len(own), rows[-1][:2] if len(rows) == _STEP else last, now)


def columns(rows: Iterable[tuple[Any, ...]]) -> list[list[Any]]:
    """Rows as one array a column."""
    return [list(column) for column in zip(*rows, strict=True)]
