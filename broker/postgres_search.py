"""Words in a PostgreSQL history: which of them are put into its index, and how that is asked.

Owns both. Does not know who may read what. Used by the thread of its history.

Words are told apart by `common.searching`, not by the database's own parser, so that every history finds the same. The
index holds words without their places: what stands in a phrase is looked at once more in the text itself. With its
words each entry is indexed by its room and that room's readers: words that begin with a colon, as none of a text does.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from psycopg.errors import QueryCanceled

from ..common import limits, wire
from ..common.messages import Entry
from ..common.searching import Term, holds, tokens_of
from .history import Append, Find, FoundIn
from .postgres_link import Connection
from .postgres_rows import COLUMNS, entry_of

_ASCII = re.compile("[a-z0-9]+")
_LONGEST = limits.SEARCH_CHARACTERS
"""Characters of a word in the index: nobody searches for more."""
_EVERYBODY = ":all"
_NOBODY = ":"
_LAST = 2**63 - 1

_PATIENCE = "SELECT set_config('statement_timeout', %s, true)"
_NUMBER = "SELECT number FROM entry WHERE room = %s AND seq >= %s AND words IS NOT NULL ORDER BY seq LIMIT 1"
_CANDIDATES = f"""
SELECT room.room, e.number, {COLUMNS} FROM entry e JOIN room ON room.number = e.room
LEFT JOIN unnest(%b::integer[], %b::bigint[]) AS part (room, floor) ON part.room = e.room
WHERE e.words @@ %s::tsquery AND e.number < %s AND e.seq > room.floor
AND (part.room IS NULL OR e.seq > part.floor OR e.words @@ %s::tsquery) ORDER BY e.number DESC LIMIT %s
"""


def lexemes(append: Append, room: int) -> str:
    """What is indexed of an entry, with blanks between: its words, its room and who reads that."""
    text = append.text
    words = _ASCII.findall(text.lower()) if text.isascii() else [token.word for token in tokens_of(text)]
    readers = [_EVERYBODY] if append.readers is None else map(_reader, append.readers)
    return " ".join({*(word[:_LONGEST] for word in words), _room(room), *readers})


def find(db: Connection, find: Find, numbers: Mapping[str, int], patience: float) -> FoundIn:
    """What is found, or after so many seconds what was found by then; `numbers` are those of the rooms it names.

    Raises `psycopg.Error`.
    """
    found: list[tuple[str, Entry]] = []
    size = 0
    try:
        for room, entry in _candidates(db, find, numbers, time.monotonic() + patience):
            if not holds(entry.text, find.terms):
                continue
            size += wire.entry_size(entry) + len(room.encode())
            if found and (len(found) == find.limit or size > limits.FRAME_BYTES):
                return FoundIn(found[::-1], more=True)
            found.append((room, entry))
    except QueryCanceled:
        db.rollback()
        return FoundIn(found[::-1], more=True, too_long=True)
    return FoundIn(found[::-1], more=False)


def _candidates(db: Connection, find: Find, numbers: Mapping[str, int], end: float) -> Iterator[tuple[str, Entry]]:
    """Entries that hold all the words, though maybe not as they stand in a phrase; the newest first."""
    rooms = {numbers[room]: floor for room, floor in find.rooms.items() if room in numbers}
    whole = [_reader(reader) if reader else _EVERYBODY for reader in find.readers]
    whole += [_room(number) for number, floor in rooms.items() if not floor]
    parts = {number: floor for number, floor in rooms.items() if floor}
    where = _any([*whole, *map(_room, parts)])
    words = f"{' & '.join(map(_all, find.terms))} & {where}"
    below, count = _LAST, find.limit + 1
    if find.before is not None:
        row = db.execute(_NUMBER, (numbers.get(find.before[0], 0), find.before[1])).fetchone()
        below = row[0] if row is not None else below
    while True:
        left = max(1, round(1_000 * (end - time.monotonic())))
        with db.pipeline():
            db.execute("BEGIN READ ONLY")
            db.execute(_PATIENCE, (str(left),))
            asked: tuple[Any, ...] = ([*parts], [*parts.values()], words, below, _any(whole), count)
            # A plan for any words would be the wrong one for rare or for common ones.
            candidates = db.execute(_CANDIDATES, asked, prepare=False)
            db.execute("COMMIT")
        rows = candidates.fetchall()
        yield from ((room, entry_of(rest)) for room, _, *rest in rows)
        if len(rows) < count:
            return
        below = rows[-1][1]


def _all(term: Term) -> str:
    *first, last = [_quoted(token.word[:_LONGEST]) for token in tokens_of(term.text)]
    return " & ".join([*first, f"{last}:*" if term.prefix else last])


def _any(lexemes: Iterable[str]) -> str:
    return f"({' | '.join(map(_quoted, lexemes)) or _quoted(_NOBODY)})"


def _quoted(lexeme: str) -> str:
    return "'" + lexeme.replace("\\", "\\\\").replace("'", "''") + "'"


def _room(number: int) -> str:
    return f":r{number}"


def _reader(key: str) -> str:
    return f":u{key}"
