"""What is stored many at a time is stored as if it had come one by one; and a file of the version before that."""

from __future__ import annotations

import contextlib
import random
import sqlite3
from pathlib import Path

import pytest

from zchat.broker import schema
from zchat.broker.history import (
    Append,
    Appended,
    BadHistory,
    Change,
    Erase,
    Found,
    Index,
    Put,
    Read,
    Recall,
    Resolve,
    Reused,
    Settled,
    Together,
    Trim,
)
from zchat.broker.index import WordIndex
from zchat.broker.sqlite import SqliteHistory
from zchat.broker.writing import Writing

from .test_history import first_version


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


def test_a_sqlite_that_cannot_do_it_is_named() -> None:
    """A SQLite that is too old, or was built without full-text search, is refused with what to take instead."""
    old = pytest.raises(BadHistory, match=r"SQLite 3\.7\.15.*too old.*3\.24\.0 or newer")
    with old, contextlib.closing(sqlite3.connect(":memory:")) as db:
        schema.check_engine(db, (3, 7, 15))
    with contextlib.closing(sqlite3.connect(":memory:")) as db:
        db.set_authorizer(
            lambda action, *_: sqlite3.SQLITE_DENY if action == sqlite3.SQLITE_CREATE_VTABLE else sqlite3.SQLITE_OK
        )
        with pytest.raises(BadHistory, match=r"not authorized.*FTS5"):
            schema.check_engine(db)


def test_a_room_of_which_nothing_is_left_keeps_its_sequence(tmp_path: Path) -> None:
    """Where all was removed, the next entry follows the last one that was there, after a restart too."""
    history = SqliteHistory(tmp_path / "history.sqlite")
    history.commit([Append("lobby", "alice", str(number), "alice", "text", number) for number in range(1, 8)])
    history.commit([Trim("lobby", before=9, keep=0, forget=9)])
    history.close()
    history = SqliteHistory(tmp_path / "history.sqlite")

    assert history.heads() == {"lobby": 7}
    assert history.commit([Append("lobby", "alice", "8", "alice", "text", 8)]) == [Appended(8, 7, 8)]
    history.close()


def fourth_version(path: Path) -> None:
    """A history as the version wrote it that named entries by two numbers."""
    first_version(path)
    db = sqlite3.connect(path)
    db.create_function("is_private", 1, lambda _: False, deterministic=True)
    for version in (1, 2, 3):
        db.executescript(schema._MIGRATIONS[version])
    db.executescript("""
        INSERT INTO author VALUES (2, 'bob');
        INSERT INTO entry VALUES (1, 3, 'q', 1, 7, 'ask', 'alice', NULL, 'tea?', NULL, 0, 0, 'yes' || char(10) || 'no');
        INSERT INTO entry VALUES (1, 4, 'r', 2, 8, 'answer', 'bob', NULL, 'yes', NULL, 3, 0, '');
        UPDATE room SET head = 4, floor = 1;
        DELETE FROM entry WHERE seq = 1;
        INSERT INTO gone VALUES (1, 'id-a', 1, 1, 5, x'');
        INSERT INTO room (number, room, head, floor) VALUES (2, 'bare', 9, 9);
        PRAGMA user_version = 4;
    """)
    db.close()


def test_what_was_named_by_two_numbers_is_taken_over(tmp_path: Path) -> None:
    """Entries, what was removed, answers, floors and heads are as they were, and are found."""
    fourth_version(tmp_path / "history.sqlite")
    history = SqliteHistory(tmp_path / "history.sqlite")
    found = history.answer(Read("lobby", after=0, limit=9))
    assert isinstance(found, Found)
    assert [(entry.seq, entry.prev, entry.kind, entry.about, entry.choices) for entry in found.entries] == [
        (2, 1, "topic", 0, []),
        (3, 2, "ask", 0, ["yes", "no"]),
        (4, 3, "answer", 3, []),
    ]
    assert (history.heads(), history.floors()) == ({"lobby": 4, "bare": 9}, {"lobby": 1, "bare": 9})
    assert history.topics() == {"lobby": "tea"}

    def said(id_: str, text: str, author: str = "alice", **how: object) -> Append:
        return Append("lobby", author, id_, author, text, 9, **how)  # type: ignore[arg-type]

    late = Together((said("l", "no", "bob", kind="answer", about=3), Resolve("lobby", 3, "bob", "no")))
    assert history.commit([said("id-a", "a"), said("q", "other"), late, said("b", "b"), Index(9)])[:4] == [
        Appended(1, 0, 5, duplicate=True),
        Reused(),
        Settled("alice", ("yes", "no"), "bob", "yes"),
        Appended(5, 4, 9),
    ]
    assert history.answer(Recall("lobby", "bob", "r", "answer", "yes")) == Appended(4, 3, 8, duplicate=True)
    history.close()


def test_an_id_that_many_use_costs_no_more() -> None:
    """A repeat, and a look whether there is one, take the same few steps however many rooms have such an id."""
    history = SqliteHistory(":memory:")
    steps, counted = 0, []

    def step() -> int:
        nonlocal steps
        steps += 1
        return 0

    for rooms in (2, 2_000):
        history.commit([Append(f"room-{number}", "alice", "same", "alice", "x", 0) for number in range(rooms)])
        history.commit([Erase(f"room-{number}", 1, "alice") for number in range(0, rooms, 2)])
        history._db.set_progress_handler(step, 1)
        for room in ("room-0", "room-1"):
            assert history.commit([Append(room, "alice", "same", "alice", "x", 0)]) == [
                Appended(1, 0, 0, duplicate=True)
            ]
            assert history.answer(Recall(room, "alice", "same", "message", "x")) == Appended(1, 0, 0, duplicate=True)
        history._db.set_progress_handler(None, 0)
        counted.append(steps)
        steps = 0
    history.close()

    assert counted[1] <= counted[0] + 50
