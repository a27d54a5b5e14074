"""What is stored many at a time is stored as if it had come one by one."""

from __future__ import annotations

import contextlib
import random
import sqlite3

import pytest

from zchat.broker import schema
from zchat.broker.history import Append, Appended, Change, Erase, Put, Read, Resolve, Together, Trim
from zchat.broker.index import WordIndex
from zchat.broker.sqlite import SqliteHistory
from zchat.broker.writing import Writing


def some_change(draw: random.Random, number: int) -> Change:
    """Mostly something said, now and then under an id that was used; sometimes what changes what was said."""
    room, author = draw.choice(("lobby", "dev")), draw.choice(("alice", "bob"))
    used = f"id-{draw.randrange(number + 1)}"
    match draw.randrange(20):
        case 0:
            return Erase(room, draw.randrange(1, number + 2), None)
        case 1:
            return Together((Append(room, author, used, author, "both", number), Put("t", draw.choice("ab"), b"x")))
        case 2:
            ask = draw.randrange(1, number + 2)
            answer = Append(room, author, f"a-{number}", author, "yes", number, "answer", about=ask)
            return Together((answer, Resolve(room, ask, author, "yes")))
        case 3:
            return Trim(room, before=0, keep=draw.randrange(1, 50), forget=0)
        case 4 | 5:
            return Append(room, author, used, author, f"text {number % 3}", number)
        case 6:
            return Append(room, author, f"id-{number}", author, "tea?", number, "ask", choices=("yes", "no"))
        case 7:
            return Append(room, author, f"id-{number}", author, "tea", number, "topic")
    return Append(room, author, f"id-{number}", author, f"text {number}", number)


@pytest.mark.parametrize("seed", range(6))
def test_a_batch_is_its_changes_one_after_the_other(seed: int) -> None:
    """Whatever is in a batch and however long it is, each change has the outcome it would have had by itself."""
    draw = random.Random(seed)
    history, one_by_one = SqliteHistory(":memory:"), SqliteHistory(":memory:")
    number = 0
    for each in (history, one_by_one):
        each.commit([Append(room, "alice", "first", "alice", "first", 0) for room in ("lobby", "dev")])
    for size in (1, 2, 30, 700, 90, 1):
        batch = [some_change(draw, number + place) for place in range(size)]
        number += size
        assert history.commit(batch) == [outcome for change in batch for outcome in one_by_one.commit([change])]
    for room in ("lobby", "dev"):
        for after in range(0, 600, 100):
            read = Read(room, after=after, limit=100)
            assert history.answer(read) == one_by_one.answer(read)
    assert (history.heads(), history.floors(), history.topics()) == (
        one_by_one.heads(),
        one_by_one.floors(),
        one_by_one.topics(),
    )
    history.close()
    one_by_one.close()


def test_a_batch_fits_whatever_sqlite_takes_at_once() -> None:
    """A batch is stored whole by a SQLite whose statements take 999 values, as before its version 3.32."""
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        schema.prepare(db, ":memory:")
        db.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, 999)
        batch = [
            Append("lobby", "alice", f"id-{number}", "alice", "text", number, to="bob" if number % 2 else None)
            for number in range(4_000)
        ]
        outcomes = Writing(db, WordIndex(db, {}), {}, {}, gone=True).make_all(batch)
        times = db.execute("SELECT time FROM entry ORDER BY place").fetchall()

    assert outcomes == [Appended(seq, seq - 1, seq - 1) for seq in range(1, 4_001)]
    assert times == [(number,) for number in range(4_000)]
