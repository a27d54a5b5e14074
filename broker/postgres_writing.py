"""One transaction of a history in PostgreSQL: what a batch finds there, what each change makes of it, what is written.

Owns the SQL that writes, from BEGIN to COMMIT. Does not know what to do when that fails (`postgres`). Used by the
thread of its history.

A batch takes two trips to the database however long it is: what its changes depend on is looked up at once, they are
decided here one after the other, and what they come to is written at once. All rooms of a batch are locked first, in
the order of their numbers, so several brokers that write at once wait for each other and never in a circle. Values of
the small state are locked after them; one that is not there cannot be locked, so of two that make it one fails and
begins anew (`psycopg.errors.UniqueViolation`).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..common.rules import SEARCHED, WORDS
from .history import (
    Append,
    Appended,
    Change,
    Conflict,
    Disown,
    Done,
    Erase,
    Index,
    Indexed,
    Missing,
    Outcome,
    Put,
    Resolve,
    Reused,
    Settled,
    Shrink,
    Shrunk,
    Together,
    Trim,
    make_together,
)
from .postgres_link import Connection
from .postgres_removing import NOTE_GONE, LockedRoom, columns, disown, trim
from .postgres_search import lexemes
from .remains import digest_of

_INSTEAD = "The database gives room back by itself (autovacuum). For more: VACUUM FULL in psql, while nobody writes."

_MAKE_ROOMS = """
INSERT INTO room (room, readers) SELECT * FROM unnest(%b::text[], %b::text[]) AS new (room, readers) ORDER BY room
ON CONFLICT DO NOTHING
"""
_LOCK_ROOMS = "SELECT room, number, head, floor FROM room WHERE room = ANY(%s) ORDER BY number FOR UPDATE"
_LOCK_STATE = """
SELECT kind, name, value, revision FROM state
WHERE (kind, name) IN (SELECT * FROM unnest(%b::text[], %b::text[])) ORDER BY kind, name FOR UPDATE
"""
_FIND_IDS = """
SELECT asked.room, asked.author, asked.id, had.* FROM unnest(%b::text[], %b::text[], %b::text[])
    AS asked (room, author, id)
JOIN room ON room.room = asked.room
CROSS JOIN LATERAL (
    SELECT seq, time, kind, text, target, about, choices, NULL::bytea FROM entry
    WHERE room = room.number AND id = asked.id AND author = asked.author
    UNION ALL
    SELECT seq, time, '', '', NULL, 0, '', digest FROM gone
    WHERE room = room.number AND id = asked.id AND author = asked.author
    LIMIT 2
) AS had
"""
_FIND_PLACES = """
SELECT asked.room, e.* FROM unnest(%b::text[], %b::bigint[]) AS asked (room, seq)
JOIN room ON room.room = asked.room
CROSS JOIN LATERAL (
    SELECT seq, id, author, time, kind, nick, text, target, about, choices FROM entry
    WHERE room = room.number AND seq = asked.seq LIMIT 1
) AS e
"""
_FIND_ANSWERS = """
SELECT asked.room, asked.about, e.* FROM unnest(%b::text[], %b::bigint[]) AS asked (room, about)
JOIN room ON room.room = asked.room
CROSS JOIN LATERAL (
    SELECT nick, text FROM entry WHERE room = room.number AND about = asked.about AND kind = 'answer' LIMIT 1
) AS e
"""
ADD_ENTRIES = """
INSERT INTO entry (room, seq, id, author, time, kind, nick, addressee, text, target, about, until, choices, words)
SELECT room, seq, id, author, time, kind, nick, addressee, text, target, about, until, choices,
    array_to_tsvector(string_to_array(words, ' '))
FROM unnest(%b::integer[], %b::bigint[], %b::text[], %b::text[], %b::bigint[], %b::text[], %b::text[], %b::text[],
    %b::text[], %b::text[], %b::bigint[], %b::bigint[], %b::text[], %b::text[])
    AS new (room, seq, id, author, time, kind, nick, addressee, text, target, about, until, choices, words)
"""
_MOVE_HEADS = """
UPDATE room SET head = new.head, changed = pg_current_xact_id()
FROM unnest(%b::integer[], %b::bigint[]) AS new (number, head) WHERE room.number = new.number
"""
_ERASE = """
UPDATE entry SET text = '', kind = 'deleted', choices = '', words = NULL
FROM unnest(%b::integer[], %b::bigint[]) AS old (room, seq) WHERE entry.room = old.room AND entry.seq = old.seq
"""
_SET_STATE = """
UPDATE state SET value = new.value, revision = new.revision, changed = pg_current_xact_id()
FROM unnest(%b::text[], %b::text[], %b::bytea[], %b::bigint[]) AS new (kind, name, value, revision)
WHERE state.kind = new.kind AND state.name = new.name
"""
MAKE_STATE = """
INSERT INTO state (kind, name, value, revision)
SELECT * FROM unnest(%b::text[], %b::text[], %b::bytea[], %b::bigint[]) AS new (kind, name, value, revision)
ORDER BY kind, name
"""


@dataclass(slots=True)
class _Entry:
    """What is known of an entry that stands there, or is about to."""

    room: str
    seq: int
    id: str
    author: str
    time: int
    kind: str
    nick: str
    text: str
    target: str | None
    about: int
    choices: str
    to: str | None = None
    until: int = 0
    words: str | None = None

    @property
    def digest(self) -> bytes:
        return digest_of(self.text, self.kind, self.target, self.about, self.choices)


@dataclass(slots=True)
class _Known:
    """An id that was used: where, when, and for what (empty: that is not known any more)."""

    seq: int
    time: int
    digest: bytes
    gone: bool = False
    new: _Entry | None = None
    """The entry, if this transaction made it; most ids are never asked for again."""


class Writing:
    """A transaction; `known_rooms` (room → number) are those that are surely there."""

    def __init__(self, db: Connection, known_rooms: Mapping[str, int]) -> None:
        self._db = db
        self._known_rooms = known_rooms
        self.committing = False
        """COMMIT is on its way: if the connection is lost now, nobody knows what became of it."""
        self.rooms: dict[str, LockedRoom] = {}
        self._clear()

    def _clear(self) -> None:
        """Forget what was looked up, and what is written by now."""
        self._state: dict[tuple[str, str], tuple[bytes, int]] = {}
        self._ids: dict[tuple[str, str, str], _Known] = {}
        self._entries: dict[tuple[str, int], _Entry] = {}
        self._answers: dict[tuple[str, int], tuple[str, str]] = {}
        self._new: list[_Entry] = []
        self._erased: list[tuple[str, int]] = []
        self._gone: list[tuple[str, str, str, int, int, bytes]] = []
        self._put: dict[tuple[str, str], bool] = {}
        """Values to be written; whether there was one before."""

    def commit(self, batch: Sequence[Change]) -> list[Outcome]:
        """Make all changes; durable on return. Raises `psycopg.Error`."""
        runs = [(kind, list(changes)) for kind, changes in itertools.groupby(batch, key=_kind)]
        self._lock(batch, runs[0][1] if runs[0][0] is Append else [])
        outcomes: list[Outcome] = []
        for number, (kind, changes) in enumerate(runs):
            if kind is Append:
                if number:
                    with self._db.pipeline():
                        self._look_up(changes)
                self._take_in()
                outcomes += [self._make(change) for change in changes]
                with self._db.pipeline():
                    self._write()
                    if number == len(runs) - 1:
                        self._commit()
            elif kind is Trim:
                outcomes += trim(self._db, self.rooms, [change for change in changes if isinstance(change, Trim)])
            else:
                outcomes += [self._work(change) for change in changes]
        if runs[-1][0] is not Append:
            self._commit()
        return outcomes

    def _commit(self) -> None:
        self.committing = True
        self._db.execute("COMMIT")

    # --- what is looked up ------------------------------------------------------------------------------------
    def _lock(self, batch: Sequence[Change], first: Sequence[Change]) -> None:
        """Lock all rooms, so that what is found there is so until the commit; make those that are new."""
        flat = list(_flat(batch))
        new = {c.room: c.readers for c in flat if isinstance(c, Append) and c.room not in self._known_rooms}
        names = {change.room for change in flat if isinstance(change, Append | Erase | Resolve | Trim)}
        with self._db.pipeline():
            self._db.execute("BEGIN")
            if new:
                readers = [None if who is None else " ".join(who) for who in new.values()]
                self._db.execute(_MAKE_ROOMS, ([*new], readers))
            locked = self._db.execute(_LOCK_ROOMS, (list(names),)) if names else None
            self._look_up(first)
        self.rooms = {name: LockedRoom(*rest) for name, *rest in locked or ()}

    def _look_up(self, changes: Sequence[Change]) -> None:
        """Ask for all that the changes depend on."""
        flat = list(_flat(changes))
        ids = [(c.room, c.author, c.id) for c in flat if isinstance(c, Append)]
        places = [(c.room, c.seq) for c in flat if isinstance(c, Erase | Resolve)]
        questions = [(c.room, c.seq) for c in flat if isinstance(c, Resolve)]
        values = {(c.table, c.name) for c in flat if isinstance(c, Put)}
        self._asked = [
            self._db.execute(query, columns(rows)) if rows else ()
            for query, rows in (
                (_FIND_IDS, ids),
                (_FIND_PLACES, places),
                (_FIND_ANSWERS, questions),
                (_LOCK_STATE, list(values)),
            )
        ]

    def _take_in(self) -> None:
        """What was found."""
        self._clear()
        ids, places, answers, state = self._asked
        for room, author, id_, seq, time, kind, *what, digest in ids:
            name = (room, author, id_)
            if digest is None and kind != "deleted":
                self._ids[name] = _Known(seq, time, digest_of(what[0], kind, *what[1:]))
            elif digest is not None and not (name in self._ids and self._ids[name].digest):
                self._ids[name] = _Known(seq, time, digest, gone=True)
            else:
                self._ids.setdefault(name, _Known(seq, time, b""))
        self._entries = {(room, seq): _Entry(room, seq, *rest) for room, seq, *rest in places}
        self._answers = {(room, about): (nick, text) for room, about, nick, text in answers}
        self._state = {(kind, name): (value, revision) for kind, name, value, revision in state}

    # --- what is decided --------------------------------------------------------------------------------------
    def _make(self, change: Change) -> Outcome:
        match change:
            case Append():
                return self._repeat(change) or self._append(change)
            case Put():
                return self._fault(change) or self._set(change)
            case Erase():
                return self._fault(change) or self._erase(change)
            case Resolve():
                return self._fault(change) or Done()
            case Together():
                return make_together(change, self._repeat, self._fault, self._make)
        raise AssertionError(change)

    def _fault(self, change: Append | Put | Erase | Resolve) -> Outcome | None:
        """Why a change cannot be made."""
        match change:
            case Put(table, name, _, expect) if expect is not None:
                value, revision = self._state.get((table, name), (b"", 0))
                return Conflict(table, name, value, revision) if revision != expect else None
            case Erase(room, seq, author):
                entry = self._entries.get((room, seq))
                if entry is None or entry.kind not in WORDS or author not in (None, entry.author):
                    return Missing()
            case Resolve(room, seq, author, choice):
                asked = self._entries.get((room, seq))
                if asked is None or asked.kind != "ask":
                    return Missing()
                answer, choices = self._answers.get((room, seq)), tuple(asked.choices.split("\n"))
                if answer is not None or asked.author == author or choice not in choices:
                    return Settled(asked.author, choices, *(answer or ()))
        return None

    def _repeat(self, append: Append) -> Outcome | None:
        """What stands there already under this id."""
        known = self._ids.get((append.room, append.author, append.id))
        if known is None:
            return None
        a = append
        digest = digest_of(a.text, a.kind, a.target, a.about, "\n".join(a.choices))
        used_for = known.new.digest if known.new is not None else known.digest
        # Of what is imported as deleted the text is not known.
        if used_for not in (b"", digest) and not (known.gone and a.kind == "deleted"):
            return Reused()
        return Appended(known.seq, known.seq - 1, known.time, duplicate=True)

    def _append(self, a: Append) -> Appended:
        room = self.rooms[a.room]
        room.head = seq = room.head + 1
        entry = _Entry(
            *(a.room, seq, a.id, a.author, a.time, a.kind, a.nick, a.text, a.target, a.about, "\n".join(a.choices)),
            *(a.to, a.until, lexemes(a, room.number) if a.kind in SEARCHED else None),
        )
        self._new.append(entry)
        self._entries[a.room, seq] = entry
        self._ids[a.room, a.author, a.id] = _Known(seq, a.time, b"", new=entry)
        if a.kind == "answer":
            self._answers[a.room, a.about] = (a.nick, a.text)
        return Appended(seq, seq - 1, a.time)

    def _set(self, put: Put) -> Done:
        place = (put.table, put.name)
        _, revision = self._state.get(place, (b"", 0))
        self._put.setdefault(place, revision > 0)
        self._state[place] = (put.value, revision + 1)
        return Done(revision + 1)

    def _erase(self, erase: Erase) -> Done:
        entry = self._entries[erase.room, erase.seq]
        self._gone.append((entry.room, entry.id, entry.author, entry.seq, entry.time, entry.digest))
        self._ids[entry.room, entry.author, entry.id] = _Known(entry.seq, entry.time, entry.digest, gone=True)
        entry.kind, entry.text, entry.choices, entry.words = "deleted", "", "", None
        self._erased.append((entry.room, entry.seq))
        return Done()

    # --- what is written --------------------------------------------------------------------------------------
    def _write(self) -> None:
        """Write what was decided."""
        number = {name: room.number for name, room in self.rooms.items()}
        if self._new:
            entries = [
                (
                    *(number[e.room], e.seq, e.id, e.author, e.time, e.kind, e.nick, e.to, e.text),
                    *(e.target, e.about, e.until, e.choices, e.words),
                )
                for e in self._new
            ]
            heads = sorted({entry.room for entry in self._new})
            self._db.execute(ADD_ENTRIES, columns(entries))
            self._db.execute(_MOVE_HEADS, columns([(number[room], self.rooms[room].head) for room in heads]))
        if self._erased:
            self._db.execute(_ERASE, columns([(number[room], seq) for room, seq in self._erased]))
            self._db.execute(NOTE_GONE, columns([(number[room], *rest) for room, *rest in self._gone]))
        for query, there in ((_SET_STATE, True), (MAKE_STATE, False)):
            rows = [(*place, *self._state[place]) for place, was in self._put.items() if was is there]
            if rows:
                self._db.execute(query, columns(rows))

    # --- works ------------------------------------------------------------------------------------------------
    def _work(self, change: Change) -> Outcome:
        match change:
            case Index():
                return Indexed(0)  # everything is findable from its commit on
            case Shrink():
                return Shrunk(0, 0, able=False, instead=_INSTEAD)
            case Disown():
                return disown(self._db, change)
        raise AssertionError(change)


def _kind(change: Change) -> type:
    """What is decided together: what people say and do, removals, and each other work by itself."""
    return type(change) if isinstance(change, Trim | Index | Shrink | Disown) else Append


def _flat(changes: Iterable[Change]) -> Iterator[Change]:
    for change in changes:
        if isinstance(change, Together):
            yield from change.changes
        else:
            yield change
