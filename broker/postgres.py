"""`History` in a PostgreSQL database, which several brokers may share.

Owns what is done when the database fails: which faults are tried again, and what is told of the others. `postgres_link`
has the connection, `postgres_schema` the tables, `postgres_writing` what one transaction does, `postgres_rows` and
`postgres_search` what is read. Does not know what rooms or nicks mean. Used by one thread.

Durable means that a commit returns after the database has it on its disk (PostgreSQL, "Write-Ahead Log":
``synchronous_commit``), and on that of its standby if it has one that it waits for. A commit whose end is not known,
since the connection was lost meanwhile, is told as not stored: who sends the same again is told of the first time.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, LiteralString, TypeVar

import psycopg
from psycopg import errors

from .history import (
    Change,
    Checkpoint,
    Done,
    Find,
    Index,
    Indexed,
    Locate,
    News,
    NotStored,
    Outcome,
    Question,
    Read,
    Recall,
)
from .postgres_hints import Hints
from .postgres_link import Connection, Link, Silence, bad_history, not_read, not_stored
from .postgres_rows import locate, news, read, recall
from .postgres_schema import prepare
from .postgres_search import find
from .postgres_text import fit
from .postgres_writing import Writing

SEARCH_SECONDS = 0.25
"""What one search may take: of the database's time, but the broker waits for it."""
_TRIES = 5
"""Of a transaction that got into another's way."""
_IN_THE_WAY = (errors.SerializationFailure, errors.DeadlockDetected, errors.UniqueViolation)

T = TypeVar("T")


class PostgresHistory:
    """The history in a database, named by a URL as libpq reads it; a search takes `patience` seconds at most.

    Who wants to `hear` of what other brokers store there is called from another thread; without that, nobody is told.

    Raises `BadHistory` when the database cannot be used, and `NotStored` whenever it cannot later on.
    """

    shared = True

    def __init__(self, url: str, patience: float = SEARCH_SECONDS, hear: Callable[[], object] | None = None) -> None:
        self._patience = patience
        self._link = Link(url)
        self._rooms: dict[str, int] = {}
        """Numbers of rooms, which never change."""
        self._telling = False
        """This connection has given out a cursor of `News`. One of a connection before may mean another server's
        transactions, that of a standby that has taken over."""
        try:
            self.id = prepare(self._link.connect(), self._link.place)
        except psycopg.Error as error:
            self._link.give_up()
            raise bad_history(self._link.place, error) from None
        except BaseException:
            self._link.give_up()
            raise
        self._hints = Hints(url, hear) if hear is not None else None

    def size(self) -> int:
        """What the database took when it was measured last; 0: it has not been yet."""
        return self._hints.size if self._hints is not None else 0

    def close(self) -> None:
        """Give up the connection."""
        if self._hints is not None:
            self._hints.close()
        self._link.give_up()

    # --- writing ----------------------------------------------------------------------------------------------
    def commit(self, batch: Sequence[Change]) -> list[Outcome]:
        """Make all changes in one transaction, durable on return; raises `NotStored`."""
        if all(isinstance(change, Index) for change in batch):
            return [Indexed(0) for _ in batch]
        writing, outcomes = self._try(partial(self._write, [fit(change) for change in batch]), not_stored)
        self._rooms |= {name: room.number for name, room in writing.rooms.items()}
        if self._hints is not None:
            self._hints.tell()
        return outcomes

    def _write(self, batch: Sequence[Change], db: Connection) -> tuple[Writing, list[Outcome]]:
        writing = Writing(db, self._rooms)
        try:
            return writing, writing.commit(batch)
        except psycopg.Error as error:
            if writing.committing and not isinstance(error, _IN_THE_WAY):
                raise _Unknown(str(error)) from None
            raise

    # --- reading ----------------------------------------------------------------------------------------------
    def answer(self, question: Question) -> Outcome:
        """Read; sees everything committed. Raises `NotStored` when the database cannot be read."""
        return self._try(partial(self._answer, fit(question)), not_read)

    def _answer(self, question: Question, db: Connection) -> Outcome:
        match question:
            case Read():
                return read(db, question)
            case Locate():
                return locate(db, question)
            case Recall():
                return recall(db, question)
            case Find():
                return find(db, question, self._numbers(question, db), self._patience)
            case News(after):
                told = news(db, after if self._telling else 0)
                self._telling = True
                return told
            case Checkpoint():
                return Done()  # what was taken out leaves the database's files with its own upkeep

    def _numbers(self, find: Find, db: Connection) -> dict[str, int]:
        """The numbers of the rooms that a search names, as far as they are there."""
        named = {*find.rooms, *([find.before[0]] if find.before is not None else ())}
        unknown = [room for room in named if room not in self._rooms]
        if unknown:
            rows = db.execute("SELECT room, number FROM room WHERE room = ANY(%s)", (unknown,))
            self._rooms |= dict(rows.fetchall())
        return {room: self._rooms[room] for room in named if room in self._rooms}

    def heads(self) -> dict[str, int]:
        """The last sequence of every room that has entries."""
        return dict(self._rows("SELECT room, head FROM room WHERE head > 0"))

    def floors(self) -> dict[str, int]:
        """The sequence up to which nothing is kept, of every room of which something was removed."""
        return dict(self._rows("SELECT room, floor FROM room WHERE floor > 0"))

    def topics(self) -> dict[str, str]:
        """The text of the last topic entry of every room that has one."""
        return dict(
            self._rows(
                "SELECT DISTINCT ON (e.room) room.room, e.text FROM entry e JOIN room ON room.number = e.room"
                " WHERE e.kind = 'topic' ORDER BY e.room, e.seq DESC"
            )
        )

    def table(self, table: str) -> dict[str, tuple[bytes, int]]:
        """One table of the small state: name → (value, revision)."""
        rows = self._rows("SELECT name, value, revision FROM state WHERE kind = %s", table)
        return {name: (value, revision) for name, value, revision in rows}

    def _rows(self, query: LiteralString, *values: str) -> list[tuple[Any, ...]]:
        return self._try(lambda db: db.execute(query, values).fetchall(), not_read)

    # --- faults -----------------------------------------------------------------------------------------------
    def _try(self, work: Callable[[Connection], T], refusal: Callable[[psycopg.Error], NotStored]) -> T:
        """Do something in the database, again where that is safe; raises the refusal."""
        for left in reversed(range(_TRIES)):
            used = self._link.open
            try:
                return work(self._link.connect())
            except psycopg.Error as fault:
                error = Silence("it does not answer") if self._link.silent else fault
                gone = not self._link.roll_back(error)
                if isinstance(error, errors.LockNotAvailable) and not gone:
                    with contextlib.suppress(psycopg.Error):  # what is told is why nothing is stored
                        self._link.end_stopped()
                self._telling = self._telling and not gone
                # A connection that was there before may have ended long ago: a new one is tried, once.
                stale = gone and used and not isinstance(error, _Unknown | Silence)
                safe = stale or isinstance(error, _IN_THE_WAY)
                if not (safe and left):
                    raise refusal(error) from None
            except BaseException:
                self._link.give_up()
                raise
        raise AssertionError


class _Unknown(psycopg.OperationalError):
    """The connection was lost while a transaction was committed."""
