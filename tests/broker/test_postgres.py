"""What the history in PostgreSQL does beyond the contract: several brokers at once, and a database that fails."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from zchat.broker import postgres_link
from zchat.broker.history import (
    Append,
    Appended,
    BadHistory,
    Conflict,
    Done,
    Find,
    Found,
    FoundIn,
    Locate,
    Located,
    NotStored,
    Put,
    Read,
    Together,
)
from zchat.broker.postgres import PostgresHistory
from zchat.broker.postgres_link import Connection
from zchat.common.searching import parse_search

from ..postgres import PATIENCE, Postgres
from ..processes import until
from .histories import news, read, said

Open = Callable[..., PostgresHistory]


@pytest.fixture
def open_one(database: str) -> Iterator[Open]:
    """Opens the same history once more, as another broker does."""
    with contextlib.ExitStack() as stack:
        yield lambda **how: stack.enter_context(contextlib.closing(PostgresHistory(database, **how)))


@pytest.fixture
def history(open_one: Open) -> PostgresHistory:
    """An empty history."""
    return open_one()


@pytest.fixture
def sql(history: PostgresHistory, database: str) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """What an administrator does meanwhile."""
    with psycopg.connect(database, autocommit=True) as db:
        db.execute("SET search_path = zchat")
        yield db


# --- several brokers at once ----------------------------------------------------------------------------------
def test_sequences_are_dense_whoever_writes(open_one: Open) -> None:
    """Of brokers that write into the same rooms at once, in whatever order, each entry gets the next sequence."""
    rooms = [f"room{number}" for number in range(5)]

    def write(broker: int) -> list[int]:
        history = open_one()
        seqs = []
        for round_ in range(25):
            named = rooms if (broker + round_) % 2 else rooms[::-1]
            batch = [said(f"{broker}-{round_}", room=room, author=f"a{broker}") for room in named]
            seqs += [outcome.seq for outcome in history.commit(batch) if isinstance(outcome, Appended)]
        return seqs

    with ThreadPoolExecutor(4) as pool:
        seqs = [seq for one in pool.map(write, range(4)) for seq in one]
    history = open_one()

    assert sorted(seqs) == sorted(list(range(1, 101)) * 5)
    assert history.heads() == dict.fromkeys(rooms, 100)
    assert len({*read(history, room="room3", after=0, limit=200)}) == 100


def test_the_same_message_to_two_brokers_is_stored_once(open_one: Open) -> None:
    """Who sends again over another broker is told of the first time."""
    one, other = open_one(), open_one()

    assert one.commit([said("a")]) == [Appended(1, 0, 0)]
    assert other.commit([said("a"), said("b")]) == [Appended(1, 0, 0, duplicate=True), Appended(2, 1, 0)]
    assert one.commit([said("b"), said("c")]) == [Appended(2, 1, 0, duplicate=True), Appended(3, 2, 0)]


def test_of_two_that_claim_the_same_one_gets_it(open_one: Open) -> None:
    """A value that is not there yet is made once, however many brokers try at the same moment."""
    histories = [open_one() for _ in range(3)]
    together = threading.Barrier(3)

    def claim(broker: int) -> list[object]:
        outcomes: list[object] = []
        for number in range(10):
            together.wait(PATIENCE)
            outcomes += histories[broker].commit([Put("nick", f"n{number}", bytes([broker]), expect=0)])
        return outcomes

    with ThreadPoolExecutor(3) as pool:
        rounds = list(zip(*pool.map(claim, range(3)), strict=True))

    assert [sum(outcome == Done(1) for outcome in one) for one in rounds] == [1] * 10
    assert all(isinstance(outcome, Conflict) or outcome == Done(1) for one in rounds for outcome in one)


def test_a_slow_transaction_is_news_when_it_ends(
    history: PostgresHistory, sql: psycopg.Connection, database: str
) -> None:
    """What was written first and committed last is told, though what was written after it has been told before."""
    history.commit([said("a"), said("x", room="dev")])
    with psycopg.connect(database) as slow:
        slow.execute("UPDATE zchat.room SET head = 7, changed = pg_current_xact_id() WHERE room = 'dev'")
        history.commit([said("b")])
        before = news(history, 0)
        later = news(history, before.after)
        slow.commit()
    after = news(history, later.after)

    assert (before.heads["lobby"], before.heads["dev"]) == (2, 1)
    assert after.heads["dev"] == 7


def test_a_copy_from_another_server_is_news_once(
    history: PostgresHistory, sql: psycopg.Connection[tuple[object, ...]], open_one: Open
) -> None:
    """What was written by transactions that this server has not had yet is told at the beginning, and not again."""
    history.commit([said("a"), said("x", room="dev"), Put("t", "n", b"1")])
    sql.execute("UPDATE room SET changed = '999999999999' WHERE room = 'dev'")
    sql.execute("UPDATE state SET changed = '999999999999'")
    other = open_one()
    first = news(other, 0)
    other.commit([said("b")])
    second = news(other, first.after)

    assert (first.heads, first.state) == ({"lobby": 1, "dev": 1}, [("t", "n", b"1", 1)])
    assert (second.heads, second.state) == ({"lobby": 2}, [])


def test_another_broker_is_told(open_one: Open) -> None:
    """Soon after a commit the other brokers hear that there is something new, and who has stored it does not."""
    heard = {name: threading.Semaphore(0) for name in ("one", "other")}
    one, other = (open_one(hear=semaphore.release) for semaphore in heard.values())
    assert all(semaphore.acquire(timeout=PATIENCE) for semaphore in heard.values())  # each when it begins to listen
    one.commit([said("a")])
    assert heard["other"].acquire(timeout=PATIENCE)
    other.commit([said("b")])
    assert heard["one"].acquire(timeout=PATIENCE)

    assert not heard["one"].acquire(blocking=False)


def test_the_database_is_measured(open_one: Open) -> None:
    """What it takes is known when hints begin; who hears none does not know."""
    measured, deaf = threading.Semaphore(0), open_one()
    one = open_one(hear=measured.release)
    assert measured.acquire(timeout=PATIENCE)

    assert one.size() > 1_000_000
    assert deaf.size() == 0


# --- a database that fails ------------------------------------------------------------------------------------
def test_a_lost_connection_is_made_anew(history: PostgresHistory, sql: psycopg.Connection) -> None:
    """Nobody notices a connection that has ended while nothing was stored; a new one begins with all the news."""
    history.commit([said("a")])
    cursor = news(history, 0).after
    others = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'zchat'"
    sql.execute(others)
    assert history.commit([said("b")]) == [Appended(2, 1, 0)]
    sql.execute(others)

    assert read(history, after=0) == ["a", "b"]
    assert news(history, cursor + 1_000_000).heads == {"lobby": 2}


def test_a_connection_lost_in_a_commit(history: PostgresHistory, sql: psycopg.Connection) -> None:
    """What became of it nobody knows: it is told as not stored, and who sends it again gets one entry."""
    history.commit([said("a")])
    sql.execute(
        "CREATE FUNCTION zchat.die() RETURNS trigger LANGUAGE plpgsql AS"
        " 'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END'"
    )
    sql.execute(
        "CREATE CONSTRAINT TRIGGER die AFTER INSERT ON entry DEFERRABLE INITIALLY DEFERRED"
        " FOR EACH ROW EXECUTE FUNCTION zchat.die()"
    )
    try:
        with pytest.raises(NotStored, match="cannot be written"):
            history.commit([said("b"), Put("t", "n", b"1", expect=0)])
    finally:
        sql.execute("DROP FUNCTION zchat.die CASCADE")

    assert history.commit([said("b"), Put("t", "n", b"1", expect=0)]) == [Appended(2, 1, 0), Done(1)]


@pytest.mark.parametrize("code", ["disk_full", "out_of_memory", "read_only_sql_transaction", "query_canceled"])
def test_what_the_database_refuses_is_not_stored(history: PostgresHistory, sql: psycopg.Connection, code: str) -> None:
    """Nothing of the batch is there, and the next one is stored as soon as it can be."""
    history.commit([said("a")])
    sql.execute(
        "CREATE FUNCTION zchat.refuse() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$BEGIN RAISE EXCEPTION USING ERRCODE = '{code}', MESSAGE = E'no room\\nat all'; END$$"
    )
    sql.execute("CREATE TRIGGER refuse BEFORE INSERT ON entry EXECUTE FUNCTION zchat.refuse()")
    try:
        with pytest.raises(NotStored) as refused:
            history.commit([Put("t", "n", b"1"), said("b"), said("x", room="dev")])
        assert read(history, after=0) == ["a"]
    finally:
        sql.execute("DROP FUNCTION zchat.refuse CASCADE")

    assert str(refused.value) == "The history cannot be written (no room)."
    assert history.commit([said("b"), said("x", room="dev")]) == [Appended(2, 1, 0), Appended(1, 0, 0)]
    assert history.table("t") == {}


def test_a_room_that_another_holds_is_waited_for_in_vain(
    history: PostgresHistory, sql: psycopg.Connection, database: str
) -> None:
    """After some time it is not stored, and the connection is still good."""
    history.commit([said("a")])
    history._link.connect().execute("SET lock_timeout = '50ms'")
    with psycopg.connect(database) as holder:
        holder.execute("SELECT 1 FROM zchat.room FOR UPDATE")
        with pytest.raises(NotStored, match="lock timeout"):
            history.commit([said("b")])

    assert history.commit([said("b")]) == [Appended(2, 1, 0)]


def test_who_stops_within_what_they_send_holds_no_room_for_ever(
    history: PostgresHistory, open_one: Open, sql: psycopg.Connection, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A broker cut off when it had sent half of a transaction is given up by the others, and nobody else is."""
    history.commit([said("a")])
    beside = open_one()
    monkeypatch.setattr(postgres_link, "STOPPED_SECONDS", 0.1)
    history._link.connect().execute("SET lock_timeout = '500ms'")
    with contextlib.closing(psycopg.connect(database, application_name="zchat")) as cut_off:
        half = cut_off.pgconn
        half.enter_pipeline_mode()
        for statement in (b"BEGIN", b"SELECT 1 FROM zchat.room FOR UPDATE"):
            half.send_query_params(statement, None)
        half.send_flush_request()
        half.flush()
        waits = "SELECT 1 FROM pg_stat_activity JOIN pg_locks USING (pid) WHERE pid = %s AND wait_event = 'ClientRead'"
        until(lambda: sql.execute(f"{waits} AND mode = 'RowShareLock'", (half.backend_pid,)).fetchone())
        with pytest.raises(NotStored, match="lock timeout"):
            history.commit([said("b")])

        assert history.commit([said("b")]) == [Appended(2, 1, 0)]
    alive = sql.execute("SELECT pid FROM pg_stat_activity WHERE application_name = 'zchat'").fetchall()
    assert (beside._link.connect().info.backend_pid,) in alive


def test_a_database_that_does_not_answer_is_given_up(history: PostgresHistory, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that takes what is sent and says nothing holds nobody up for ever."""
    history.commit([said("a")])
    monkeypatch.setattr(Connection, "patience", 0.3)
    backend = history._link.connect().info.backend_pid
    os.kill(backend, signal.SIGSTOP)
    try:
        with pytest.raises(NotStored, match="does not answer"):
            history.commit([said("b")])
    finally:
        os.kill(backend, signal.SIGCONT)
    monkeypatch.undo()

    assert history.commit([said("b")])[0] in (Appended(2, 1, 0), Appended(2, 1, 0, duplicate=True))


def test_a_database_that_is_restarted(history: PostgresHistory, postgres: Postgres) -> None:
    """While it is away nothing is stored and nothing hangs; when it is back all goes on where it was."""
    history.commit([said("a")])
    postgres.stop(signal.SIGQUIT)
    try:
        for _ in range(2):
            with pytest.raises(NotStored, match="cannot be written"):
                history.commit([said("b")])
        with pytest.raises(NotStored, match="cannot be read"):
            history.answer(Read("lobby"))
    finally:
        postgres.start()
    history._link._retry_at = 0.0  # as if a second had passed

    assert history.commit([said("a"), said("b")]) == [Appended(1, 0, 0, duplicate=True), Appended(2, 1, 0)]


def test_durability_is_what_the_guarantees_say(history: PostgresHistory, postgres: Postgres) -> None:
    """A commit waits for the disk, whatever the database's own default is, and the tests' server writes for real."""
    with psycopg.connect(postgres.url(), autocommit=True) as db:
        db.execute("ALTER ROLE zchat SET synchronous_commit = off")
        try:
            other = PostgresHistory(postgres.url())
            rows = other._link.connect().execute(
                "SELECT current_setting('synchronous_commit'), current_setting('fsync')"
            )
            assert rows.fetchone() == ("on", "on")
            other.close()
        finally:
            db.execute("ALTER ROLE zchat RESET synchronous_commit")


# --- what can be stored ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("odd", ["\0", "\ud800"])
def test_what_no_database_holds_is_replaced(history: PostgresHistory, odd: str) -> None:
    """NUL and lone surrogates, which the rules let nobody say, are stored as U+FFFD, and all else beside them."""
    append = Append("lobby", "a", f"i{odd}", f"n{odd}", f"t{odd}", 0, to=f"b{odd}", choices=(f"c{odd}", "d"))
    batch = [append, said("b"), Together((said("c"), Put("t", f"n{odd}", odd.encode("utf-8", "surrogatepass"))))]
    assert history.commit(batch) == [Appended(1, 0, 0), Appended(2, 1, 0), Appended(3, 2, 0)]
    assert history.commit([append])[0] == Appended(1, 0, 0, duplicate=True)
    found = history.answer(Read("lobby", after=0, limit=1))

    assert isinstance(found, Found)
    (entry,) = found.entries
    assert (entry.id, entry.nick, entry.text, entry.to) == ("i\ufffd", "n\ufffd", "t\ufffd", "b\ufffd")
    assert history.table("t") == {"n\ufffd": (odd.encode("utf-8", "surrogatepass"), 1)}
    assert history.answer(Locate("lobby", since_id=f"x{odd}")) == Located(None)
    assert history.answer(Read(f"no{odd}room")) == Found([], more=False)


def test_long_words_are_found_by_their_beginnings(history: PostgresHistory) -> None:
    """A word longer than the database's own limit is indexed as far as anybody can search for it."""
    history.commit([said("x" * 9_000), said("Ж" * 4_000)])

    def found(words: str) -> int:
        outcome = history.answer(Find(parse_search(words), ("",), {}, 9))
        assert isinstance(outcome, FoundIn)
        return len(outcome.entries)

    assert [found("xxx*"), found("x" * 255 + "*"), found("жж*"), found("xxx")] == [1, 1, 1, 0]


def test_a_search_that_takes_too_long_ends(history: PostgresHistory, open_one: Open) -> None:
    """It tells what it has found by then, and the connection is good for more."""
    history.commit([said(f"tea {number} {'x ' * 2_000}") for number in range(200)])
    hasty = open_one(patience=0)
    found = hasty.answer(Find(parse_search('"tea x"'), ("",), {}, 50))

    assert isinstance(found, FoundIn)
    assert found == FoundIn([], more=True, too_long=True)
    assert hasty.commit([said("a")]) == [Appended(201, 200, 0)]


# --- at the start ---------------------------------------------------------------------------------------------
def refused(url: str) -> str:
    """What is told of a database that cannot be used."""
    with pytest.raises(BadHistory) as caught:
        PostgresHistory(url)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_database_that_cannot_be_used_is_said_in_a_line(postgres: Postgres) -> None:
    """What is wrong and what to do, and never the password."""
    lines = [
        refused("postgresql://me:secret@127.0.0.1:1/chat"),
        refused(postgres.url("nowhere")),
        refused(postgres.url(user="nobody")),
        refused("postgresql://me:secret@host/chat?colour=red"),
        refused("postgresql://me:secret%zz@host/chat"),
    ]

    assert "chat at 127.0.0.1:1 cannot be used" in lines[0]
    assert "does not exist). Make it" in lines[1]
    assert "does not exist). Make it" in lines[2]
    assert all("cannot be read" in line for line in lines[3:])
    assert not any("secret" in line for line in lines)


def test_a_newer_history_is_refused_and_left_alone(history: PostgresHistory, sql: psycopg.Connection) -> None:
    """Its version says so."""
    sql.execute("UPDATE about SET value = '99' WHERE name = 'version'")
    try:
        assert "newer zchat" in refused(sql.info.dsn)
        assert sql.execute("SELECT value FROM about WHERE name = 'version'").fetchone() == ("99",)
    finally:
        sql.execute("UPDATE about SET value = '1' WHERE name = 'version'")


def test_a_database_that_takes_nothing_is_refused(history: PostgresHistory, sql: psycopg.Connection) -> None:
    """A standby, or whatever else only reads, is no place for a history."""
    sql.execute("ALTER ROLE zchat SET default_transaction_read_only = on")
    try:
        assert "read-only" in refused(sql.info.dsn)
    finally:
        sql.execute("SET default_transaction_read_only = off")
        sql.execute("ALTER ROLE zchat RESET default_transaction_read_only")
