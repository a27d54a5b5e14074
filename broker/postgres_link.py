"""The way to a PostgreSQL database: how it is named, reached and given up, and what is said when it is not there.

Owns connections and the words about their faults. Does not know the tables (`postgres`). Used by the thread of its
history, and by that of the hints.

Whoever waits for the database waits for a bounded time: connecting, a statement, and a lock have their limits, and a
server that takes what is sent and never answers is given up.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import Any

import psycopg
import psycopg.errors
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import TransactionStatus

from ..common.text import clean
from .history import BadHistory, NotStored

ANSWER_SECONDS = 10.0
"""Until a server that does not answer is given up; it gives up a statement itself before (`_SETTINGS`)."""
STOPPED_SECONDS = 8.0
"""Until a broker that sends nothing more, in the middle of a transaction, is given up by the others."""
RETRY_SECONDS = 1.0
"""After the database could not be reached nobody waits for it again for so long."""

_DEFAULTS = {
    "connect_timeout": 3,
    "application_name": "zchat",
    # Of several hosts the one that takes what is written: the primary, wherever it has moved.
    "target_session_attrs": "read-write",
    # A server that has gone without a word is noticed within ten seconds.
    "keepalives_idle": 4,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
_SETTINGS = """
SELECT set_config(name, value, false) FROM (VALUES
    ('synchronous_commit', 'on'), ('statement_timeout', '8s'), ('lock_timeout', '4s'),
    ('idle_in_transaction_session_timeout', '8s'), ('client_min_messages', 'warning'),
    ('tcp_keepalives_idle', '4'), ('tcp_keepalives_interval', '2'), ('tcp_keepalives_count', '3')
) AS setting (name, value)
"""
"""A commit returns when it is on the disk. A broker that is stopped within a transaction holds its rooms no longer than
others wait, and one that has gone without a word is noticed by the server."""
_END_STOPPED = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()
    AND application_name = current_setting('application_name')
    AND state = 'active' AND wait_event = 'ClientRead' AND state_change < clock_timestamp() - make_interval(secs => %s)
"""

_TO_DO = {
    "password": "Check the user, and its password in ~/.pgpass or PGPASSFILE.",
    "does not exist": "Make it, or name another one.",
    "pg_hba": "Allow it in the server's pg_hba.conf.",
    "permission denied": "Let the broker's user own what is there, or name another database.",
    "read-only": "Name the primary, or all hosts: postgresql://ONE,OTHER/DATABASE.",
}


class Silence(psycopg.OperationalError):
    """The server took what was sent and did not answer in time."""


class Connection(psycopg.Connection[tuple[Any, ...]]):
    """A connection on which nothing takes longer than its patience, in seconds."""

    patience = ANSWER_SECONDS
    silent = False
    """It was given up in the middle of something, and is of no use any more."""

    def wait(self, gen: Generator[Any, Any, Any], *args: Any, **kwargs: Any) -> Any:
        """As its base, but not for ever; raises `Silence`."""
        try:
            return super().wait(_in_time(gen, time.monotonic() + self.patience), *args, **kwargs)
        except Silence:
            self.silent = True  # the library may make another error of it, on its way out of a pipeline
            self.pgconn.finish()
            raise


def _in_time(waits: Generator[Any, Any, Any], end: float) -> Generator[Any, Any, Any]:
    """The same waits, until it is too late; what waits wakes up ten times a second."""
    ready = None
    while True:
        try:
            wait = waits.send(ready)
        except StopIteration as done:
            return done.value
        ready = yield wait
        if not ready and time.monotonic() > end:
            raise Silence("it does not answer")


class Link:
    """One connection at a time, made anew when it is gone; raises `BadHistory` for a URL that cannot be read."""

    def __init__(self, url: str) -> None:
        try:
            said = conninfo_to_dict(url)
        except psycopg.ProgrammingError:
            # What it says may hold the password.
            raise BadHistory(
                "The database's URL cannot be read. It is postgresql://USER@HOST:PORT/DATABASE, with %40 for an @."
            ) from None
        self.place = place_of(said)
        settings: dict[str, Any] = {**_DEFAULTS, **said}
        self._conninfo = make_conninfo("", **settings)
        self._db: Connection | None = None
        self._retry_at = 0.0
        self._fault = ""

    @property
    def open(self) -> bool:
        """Whether there is a connection, as far as is known."""
        return self._db is not None

    @property
    def silent(self) -> bool:
        """Whether the database has not answered in time."""
        return self._db is not None and self._db.silent

    def connect(self) -> Connection:
        """The connection; raises `psycopg.Error`."""
        if self._db is None:
            if time.monotonic() < self._retry_at:
                raise psycopg.OperationalError(self._fault)
            try:
                db = Connection.connect(self._conninfo, autocommit=True)
            except psycopg.Error as error:
                self._retry_at, self._fault = time.monotonic() + RETRY_SECONDS, words(error)
                raise
            try:
                db.execute(_SETTINGS)
                db.execute("SET search_path = zchat")
            except BaseException:
                db.close()
                raise
            self._db = db
        return self._db

    def end_stopped(self) -> None:
        """End the sessions of brokers that have stopped, or were cut off, in the middle of sending a transaction.

        While the server waits for the rest, none of its limits counts (PostgreSQL, ``statement_timeout``), and what
        the transaction has locked stays locked for as long as the connection lasts. Raises `psycopg.Error`.
        """
        self.connect().execute(_END_STOPPED, (STOPPED_SECONDS,))

    def roll_back(self, error: psycopg.Error) -> bool:
        """Nothing of the transaction that failed holds; False when the connection is gone, too."""
        db = self._db
        if db is None or db.closed or isinstance(error, psycopg.errors.ReadOnlySqlTransaction):
            self.give_up()
            return False
        try:
            if db.info.transaction_status in (TransactionStatus.INTRANS, TransactionStatus.INERROR):
                db.rollback()
            if not db.closed and db.info.transaction_status == TransactionStatus.IDLE:
                return True
        except psycopg.Error:
            pass
        self.give_up()
        return False

    def give_up(self) -> None:
        """Close the connection; the next one is another."""
        if self._db is not None:
            self._db.close()
            self._db = None


def place_of(said: dict[str, Any]) -> str:
    """Where a database is, without who asks and with which password."""
    if "service" in said and "host" not in said:
        return f"the service {clean(str(said['service']))}"
    hosts = str(said.get("host") or said.get("hostaddr") or "localhost")
    ports = str(said.get("port") or "")
    place = f"{hosts}:{ports}" if ports and not hosts.startswith("/") else hosts
    return clean(f"{said.get('dbname') or said.get('user') or 'postgres'} at {place}")


def words(error: psycopg.Error) -> str:
    """What an error of the database says, in part of a line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = (lines or [type(error).__name__])[0]
    for before in ("FATAL: ", "failed: "):  # what stands before it names the server, which we name ourselves
        text = text.rpartition(before)[2].strip()
    return clean(text.rstrip("."))[:200]


def bad_history(place: str, error: psycopg.Error) -> BadHistory:
    """Why a broker cannot start with a database, and what to do."""
    said = words(error)
    todo = next((todo for word, todo in _TO_DO.items() if word in said), "Check that it runs and can be reached.")
    return BadHistory(f"The database {place} cannot be used ({said}). {todo}")


def not_stored(error: psycopg.Error) -> NotStored:
    """Why something is not stored."""
    return NotStored(f"The history cannot be written ({words(error)}).")


def not_read(error: psycopg.Error) -> NotStored:
    """Why something cannot be read."""
    return NotStored(f"The history cannot be read ({words(error)}).")
