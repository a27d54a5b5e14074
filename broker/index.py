"""The index of words in the SQLite history: which entries hold which words.

Owns the tables `indexed` and `word` (SQLite's FTS5), what they are asked, and how far each room is indexed. Does
not know who may read what, nor where transactions begin and end (`sqlite`). Used by the thread of the history alone.

Entries are indexed some time after they were stored, many at once, since that costs a fraction of one by one. A row's
number grows with the time of its entry, so the newest are found first. Its text is not kept there: to take a row out,
the same text is given once more. What is taken out disappears from the file when the parts of the index are merged,
which is done in steps.
"""

from __future__ import annotations

import heapq
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby, islice

from ..common.limits import INDEX_BYTES, SCRUB_PAGES
from ..common.rules import SEARCHED
from ..common.searching import Term
from .history import Find, Indexed
from .remains import up_to_bytes
from .schema import ROOM_BITS, SEQ_MASK, place_of

_EVERYBODY = "all"
_ROWS = 16
"""Entries of a room that are read at once, so that no statement stays open: writing beside thousands takes seconds."""


class WordIndex:
    """What is indexed, and how far; what a transaction changes counts once it is committed."""

    def __init__(self, db: sqlite3.Connection, rooms: Mapping[int, tuple[int, int]]) -> None:
        self._db = db
        self._left = {number: (at, head) for number, (at, head) in rooms.items() if at < head}
        """Number of a room that is not all indexed → how far it is, and its head."""
        self._fresh: dict[int, int] = {}
        """How far rooms are indexed by the transaction under way."""
        scrub = db.execute("SELECT value FROM about WHERE name = 'scrub'").fetchone()
        self._scrub = self._scrub_before = scrub[0] if scrub else ""
        """``begin`` when something was taken out that still stands in the file, ``go on`` while that is wiped out."""

    @property
    def dirty(self) -> bool:
        """Whether something that was taken out still stands in the file."""
        return bool(self._scrub)

    # --- transactions -----------------------------------------------------------------------------------------
    def committed(self, rooms: Iterable[tuple[int, int]]) -> None:
        """The transaction has succeeded, and left these rooms (number, head) with new entries."""
        heads = {number: self._left[number][1] for number in self._fresh if number in self._left} | dict(rooms)
        for number, head in heads.items():
            if number in self._fresh:
                self._left.pop(number, None)  # the others have their turn first
                at = self._fresh[number]
            else:
                at = self._left[number][0] if number in self._left else self._indexed(number)
            if at < head:
                self._left[number] = at, head
        self._fresh.clear()
        self._scrub_before = self._scrub

    def roll_back(self) -> None:
        """Nothing of the transaction holds."""
        self._fresh.clear()
        self._scrub = self._scrub_before

    def _unfinished(self, rooms: Iterable[tuple[int, int]]) -> dict[int, tuple[int, int]]:
        """The rooms that are not all indexed, with what the transaction under way has done."""
        left = {number: (self._fresh.get(number, at), head) for number, (at, head) in self._left.items()}
        for number, head in rooms:
            at = left[number][0] if number in left else self._indexed(number)
            left[number] = (at, head)
        return left

    def _indexed(self, number: int) -> int:
        return int(self._db.execute("SELECT indexed FROM room WHERE number = ?", (number,)).fetchone()[0])

    # --- putting in and taking out ----------------------------------------------------------------------------
    def go_on(self, limit: int, rooms: Iterable[tuple[int, int]]) -> Indexed:
        """Index so many entries, about the oldest first; when there are none left, wipe out some of what was taken out.

        `rooms` (number, head) are those that got new entries in the transaction under way.
        """
        left = self._unfinished(rooms)
        some = dict(_enough(left, limit))
        rest = heapq.merge(*map(self._unindexed, some.items()))
        rows = list(up_to_bytes(islice(rest, limit), INDEX_BYTES, lambda row: row[4]))
        ends = {room: seq for _, room, seq, _, _ in rows}
        if next(rest, None) is None:  # what is missing was removed before it was indexed
            ends = {number: head for number, (_, head) in some.items()}
        if rows:
            self._put_in([(room, seq, text) for _, room, seq, kind, text in rows if kind in SEARCHED])
        elif self._scrub:
            self._wipe()
        self._fresh |= ends
        self._db.executemany("UPDATE room SET indexed = ? WHERE number = ?", [(at, room) for room, at in ends.items()])
        return Indexed(sum(head - ends.get(number, at) for number, (at, head) in left.items()), self.dirty)

    def _unindexed(self, room: tuple[int, tuple[int, int]]) -> Iterator[tuple[int, int, int, str, str]]:
        """Entries of a room as (time, room, sequence, kind, text), in the order of their sequences."""
        number, (at, head) = room
        (floor,) = self._db.execute("SELECT floor FROM room WHERE number = ?", (number,)).fetchone()
        at = max(at, floor)
        while at < head:
            rows = self._db.execute(
                f"SELECT time, place >> {ROOM_BITS}, place & {SEQ_MASK}, kind, text FROM entry"
                " WHERE place > ? AND place <= ? ORDER BY place LIMIT ?",
                (place_of(number, at), place_of(number, head), _ROWS),
            ).fetchall()
            yield from rows
            at = rows[-1][2] if rows else head

    def _put_in(self, rows: Sequence[tuple[int, int, str]]) -> None:
        """Index entries, as (room, sequence, text)."""
        (last,) = self._db.execute("SELECT coalesce(max(number), 0) FROM indexed").fetchone()
        scopes = {room: self._scope(room) for room in {room for room, _, _ in rows}}
        self._db.executemany(
            "INSERT INTO indexed VALUES (?, ?, ?)",
            [(number, room, seq) for number, (room, seq, _) in enumerate(rows, last + 1)],
        )
        self._db.executemany(
            "INSERT INTO word (rowid, text, room) VALUES (?, ?, ?)",
            [(number, text, scopes[room]) for number, (room, _, text) in enumerate(rows, last + 1)],
        )

    def _scope(self, room: int) -> str:
        """The words by which a room is told from others: its number, and its readers."""
        (readers,) = self._db.execute("SELECT readers FROM room WHERE number = ?", (room,)).fetchone()
        return " ".join([_room(room), *([_EVERYBODY] if readers is None else map(_reader, readers.split()))])

    def remove(self, room: int, texts: Sequence[tuple[int, str]]) -> None:
        """Take entries of a room out, whose texts are still as they were; those that are not in it are passed over."""
        scope = self._scope(room)
        numbers = {
            seq: number
            for number, seq in self._db.execute(
                "SELECT number, seq FROM indexed WHERE room = ? AND seq BETWEEN ? AND ?",
                (room, texts[0][0], texts[-1][0]),
            )
        }
        out = [(numbers[seq], text, scope) for seq, text in texts if seq in numbers]
        if out:
            self._db.executemany("INSERT INTO word (word, rowid, text, room) VALUES ('delete', ?, ?, ?)", out)
            self._db.executemany("DELETE FROM indexed WHERE number = ?", [(number,) for number, _, _ in out])
            self._note("begin")

    def _wipe(self) -> None:
        """One step of merging all parts of the index into one (sqlite.org, "FTS5", section 6.9)."""
        before = self._db.total_changes
        pages = -SCRUB_PAGES if self._scrub == "begin" else SCRUB_PAGES
        self._db.execute("INSERT INTO word (word, rank) VALUES ('merge', ?)", (pages,))
        self._note("go on" if self._db.total_changes - before >= 2 else "")

    def _note(self, scrub: str) -> None:
        if scrub != self._scrub:
            self._db.execute("INSERT OR REPLACE INTO about VALUES ('scrub', ?)", (scrub,))
        self._scrub = scrub

    # --- finding ----------------------------------------------------------------------------------------------
    def find(self, find: Find, numbers: Mapping[str, int], before: tuple[int, int] | None) -> Iterator[tuple[int, int]]:
        """Room and sequence of what is found, the newest first; `numbers` are those of the rooms it names."""
        words = f"text : ({' AND '.join(map(_phrase, find.terms))})"
        end = self._number("min", *before) or 2**62 if before is not None else 2**62
        whole = [_reader(reader) if reader else _EVERYBODY for reader in find.readers]
        whole += [_room(numbers[room]) for room, floor in find.rooms.items() if room in numbers and not floor]
        floors = [(numbers[room], floor) for room, floor in find.rooms.items() if room in numbers and floor]
        searches = [(whole, 0)] if whole else []
        searches += [([_room(room)], self._number("max", room, floor)) for room, floor in floors]
        found = [self._matching(f"{words} AND room : ({' OR '.join(rooms)})", start, end) for rooms, start in searches]
        for place, _ in groupby(heapq.merge(*found, reverse=True)):
            _, room, seq = place
            yield room, seq

    def _matching(self, words: str, start: int, end: int) -> Iterator[tuple[int, int, int]]:
        yield from self._db.execute(
            "SELECT i.number, i.room, i.seq FROM word w CROSS JOIN indexed i ON i.number = w.rowid"
            " WHERE word MATCH ? AND w.rowid > ? AND w.rowid < ? ORDER BY w.rowid DESC",
            (words, start, end),
        )

    def _number(self, which: str, room: int, seq: int) -> int:
        """The number of an entry; where it is not indexed, of the one after (``min``) or before it (``max``), or 0."""
        compare = ">=" if which == "min" else "<="
        (number,) = self._db.execute(
            f"SELECT {which}(number) FROM indexed WHERE room = ? AND seq {compare} ?", (room, seq)
        ).fetchone()
        return number or 0


def _enough(left: Mapping[int, tuple[int, int]], limit: int) -> Iterator[tuple[int, tuple[int, int]]]:
    """The first rooms, until so many of their entries are to be indexed."""
    for number, (at, head) in left.items():
        yield number, (at, head)
        limit -= head - at
        if limit <= 0:
            return


def _phrase(term: Term) -> str:
    """A term in quotes, within which FTS5 knows no syntax."""
    return '"' + term.text.replace('"', " ").replace("\0", " ") + '"' + (" *" if term.prefix else "")


def _room(number: int) -> str:
    return f"r{number}"


def _reader(reader: str) -> str:
    # In hex, since a word of the index is letters and digits only.
    return f"u{reader.encode().hex()}"
