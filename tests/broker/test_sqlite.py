"""What the history in SQLite does beyond the contract: what is on the disk, and what it costs."""

from __future__ import annotations

import contextlib
import sqlite3
import stat
from pathlib import Path

import pytest

from zchat.broker import schema
from zchat.broker.history import Append, Appended, BadHistory, Erase, NotStored, Read, Recall
from zchat.broker.sqlite import SqliteHistory
from zchat.common import limits

from .histories import read, said


@pytest.mark.parametrize("length", [2_048, 2_049, limits.MESSAGE_BYTES])
def test_a_page_takes_little_more_than_it_gives(length: int) -> None:
    """What odd characters take on the way out of SQLite is bounded, however long the messages behind the page are."""
    history = SqliteHistory(":memory:")
    texts = ["short", *(f"{number:03}".ljust(length, "\1") for number in range(99)), "short"]
    history.commit([said(text, id=str(number)) for number, text in enumerate(texts)])
    history._db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 13 * limits.FRAME_BYTES)
    pages = [history.answer(Read("lobby", **where, limit=99)) for where in ({"after": 0}, {"before": 2**63 - 1})]  # type: ignore[arg-type]
    history.close()

    assert [entry.text for entry in pages[0].entries] == texts[: len(pages[0].entries)]  # type: ignore[union-attr]
    assert [entry.text for entry in pages[1].entries] == texts[-len(pages[1].entries) :]  # type: ignore[union-attr]


def test_what_another_process_holds_is_not_stored_and_costs_nothing(tmp_path: Path) -> None:
    """A commit that fails is refused whole, and the next one goes on where the last good one was."""
    history = SqliteHistory(tmp_path / "history.sqlite")
    history.commit([said("a")])
    history._db.execute("PRAGMA busy_timeout = 0")
    blocker = sqlite3.connect(tmp_path / "history.sqlite", isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    with pytest.raises(NotStored):
        history.commit([said("b"), said("x", room="dev", author="bob")])
    assert read(history, after=0) == ["a"]
    blocker.execute("ROLLBACK")
    blocker.close()

    assert history.commit([said("b"), said("x", room="dev", author="bob")]) == [Appended(2, 1, 0), Appended(1, 0, 0)]
    history.close()


def test_durability_is_what_the_guarantees_say(tmp_path: Path) -> None:
    """WAL with synchronous=FULL, on the connection that writes; the file is the owner's alone."""
    path = tmp_path / "history.sqlite"
    history = SqliteHistory(path)
    pragmas = [history._db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")]
    history.close()

    assert pragmas == ["wal", 2]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_what_was_erased_is_nowhere_in_the_file(tmp_path: Path) -> None:
    """After the broker has closed the history, its files hold the text no more."""
    history = SqliteHistory(tmp_path / "history.sqlite")
    history.commit([said("very-secret-words" * 20, id="1"), said("kept", id="2")])
    history.commit([Erase("lobby", 1, None)])
    history.close()

    assert not any(b"very-secret-words" in path.read_bytes() for path in tmp_path.iterdir())


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
