"""Entries in a PostgreSQL history as they are read: pages, places and ids.

Owns the SQL that reads them. Does not know what rooms mean (`postgres` asks). Used by the thread of its history.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..common import limits
from ..common.messages import Entry
from .history import Appended, Found, Locate, Located, Missing, Read, Recall, Told, page_of
from .postgres_link import Connection
from .remains import digest_of

COLUMNS = "e.seq, e.id, e.time, e.nick, e.author, e.text, e.kind, e.addressee, e.target, e.about, e.until, e.choices"
"""Of an entry `e`, for `entry_of`."""
_LAST = 2**63 - 1

_PAGE = """
SELECT room.head, greatest(room.floor, %(floor)s), {columns} FROM room LEFT JOIN LATERAL (
    SELECT *, sum(octet_length(text)) OVER (ORDER BY seq {order}) - octet_length(text) AS before FROM (
        SELECT * FROM entry WHERE room = room.number AND seq > greatest(room.floor, %(floor)s, %(after)s)
        AND seq < %(below)s ORDER BY seq {order} LIMIT %(limit)s
    ) AS page
) AS e ON e.before <= %(bytes)s WHERE room.room = %(room)s ORDER BY e.seq {order}
"""
"""No more text than a page holds: it is counted without being read."""
_PAGES = {order: _PAGE.format(columns=COLUMNS, order=order) for order in ("ASC", "DESC")}
_HEAD = "SELECT head FROM room WHERE room = %s"
_SINCE_ID = """
SELECT max(seq) FROM entry e JOIN room ON room.number = e.room WHERE room.room = %s AND id = %s AND seq > floor
"""
_SINCE_TIME = """
WITH RECURSIVE half (room, low, high) AS (
    SELECT number, 0::bigint, head FROM room WHERE room = %s
    UNION ALL
    SELECT room, CASE WHEN late THEN low ELSE middle END, CASE WHEN late THEN middle - 1 ELSE high END
    FROM (
        SELECT half.*, middle, coalesce((
            SELECT time >= %s FROM entry e WHERE e.room = half.room AND e.seq = middle
        ), false) AS late FROM half, LATERAL (SELECT (low + high + 1) / 2 AS middle) AS m WHERE low < high
    ) AS step
) SELECT low FROM half WHERE low = high
"""
"""Halving over sequences: times are labels and may step back with the clock, so this is exact only where they do not; a
reader then gets a few entries more or fewer, never a gap."""
_RECALL = """
SELECT seq, time, NULL::bytea FROM entry e JOIN room ON room.number = e.room
WHERE room.room = %(room)s AND e.id = %(id)s AND author = %(author)s AND kind = %(kind)s AND text = %(text)s
UNION ALL
SELECT seq, time, digest FROM gone g JOIN room ON room.number = g.room
WHERE room.room = %(room)s AND g.id = %(id)s AND author = %(author)s AND digest = %(digest)s
"""
_NEWS_CURSOR = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
_NEWS_STATE = "SELECT kind, name, value, revision FROM state WHERE changed >= %s::text::xid8"
_NEWS_ROOMS = "SELECT room, head, floor FROM room WHERE changed >= %s::text::xid8"


def entry_of(row: Sequence[Any]) -> Entry:
    """An entry from a row of `COLUMNS`."""
    seq, id_, time, nick, key, text, kind, to, target, about, until, choices = row
    return Entry(
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
        choices=choices.split("\n") if choices else [],
    )


def read(db: Connection, read: Read) -> Found:
    """A page of a room."""
    backwards = read.before is not None
    where = {
        "room": read.room,
        "floor": read.floor,
        "after": 0 if backwards else read.after or 0,
        "below": read.before if read.before is not None else _LAST,
        "limit": read.limit,
        "bytes": limits.FRAME_BYTES,
    }
    rows = db.execute(_PAGES["DESC" if backwards else "ASC"], where).fetchall()
    head, floor = rows[0][:2] if rows else (0, 0)
    # The room's own row stands alone where no entry is.
    entries = (entry_of(row) for _, _, *row in rows if row[0] is not None)
    return page_of(entries, floor, head, backwards=backwards)


def locate(db: Connection, locate: Locate) -> Located:
    """Where the last ones, or those since a time or an id begin."""
    if locate.last is not None:
        row = db.execute(_HEAD, (locate.room,)).fetchone()
        return Located(max(0, row[0] - locate.last) if row is not None else 0)
    if locate.since_id is not None:
        row = db.execute(_SINCE_ID, (locate.room, locate.since_id)).fetchone()
        return Located(row[0] if row is not None else None)
    row = db.execute(_SINCE_TIME, (locate.room, locate.since or 0)).fetchone()
    return Located(row[0] if row is not None else 0)


def recall(db: Connection, recall: Recall) -> Appended | Missing:
    """Whether an entry stands there, or stood."""
    r = recall
    digest = digest_of(r.text, r.kind, None, 0, "")
    where = {"room": r.room, "id": r.id, "author": r.author, "kind": r.kind, "text": r.text, "digest": digest}
    row = db.execute(_RECALL, where).fetchone()
    return Missing() if row is None else Appended(row[0], row[0] - 1, row[1], duplicate=True)


def news(db: Connection, after: int) -> Told:
    """What was written by transactions from a number on.

    Transactions end in another order than they begin. So the number to go on with is that of the oldest one that had
    not ended at the moment that is looked at (PostgreSQL, "Transaction ID and Snapshot Information Functions"):
    whatever is not seen at that moment has that number or a higher one.
    """
    with db.pipeline():
        db.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")  # all at one moment
        cursor = db.execute(_NEWS_CURSOR)
        state = db.execute(_NEWS_STATE, (after,))
        rooms = db.execute(_NEWS_ROOMS, (after,))
        db.execute("COMMIT")
    (oldest,) = cursor.fetchone() or (0,)
    moved = rooms.fetchall()
    heads = {room: head for room, head, _ in moved if head}
    return Told(oldest, state.fetchall(), heads, {room: floor for room, _, floor in moved if floor})
