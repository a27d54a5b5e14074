"""The contract of `History`, on every adapter there is."""

from __future__ import annotations

import sqlite3
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from zchat.broker.history import (
    Append,
    Appended,
    BadHistory,
    Conflict,
    Done,
    Found,
    History,
    Locate,
    Located,
    NotStored,
    Put,
    Read,
    Reused,
)
from zchat.broker.sqlite import SCHEMA_VERSION, SqliteHistory
from zchat.common import limits


@pytest.fixture
def reopen(tmp_path: Path) -> Iterator[Callable[[], History]]:
    """Opens the same history again, as after a restart."""
    opened: list[History] = []

    def open_() -> History:
        opened.append(SqliteHistory(tmp_path / "history.sqlite"))
        return opened[-1]

    yield open_
    for history in opened:
        history.close()


@pytest.fixture
def history(reopen: Callable[[], History]) -> History:
    """An empty history."""
    return reopen()


def said(text: str, *, room: str = "lobby", author: str = "alice", id: str | None = None, time: int = 0) -> Append:
    """One message to append."""
    return Append(room, author, id or f"id-{text}", author, text, time)


def read(history: History, **where: int | str) -> list[str]:
    """The texts that a `Read` finds."""
    found = history.answer(Read(**{"room": "lobby", "limit": 100, **where}))  # type: ignore[arg-type]
    assert isinstance(found, Found)
    return [entry.text for entry in found.entries]


def test_sequences_grow_by_room_and_name_their_predecessor(history: History) -> None:
    """Each entry gets the next sequence of its room, and knows the one before it."""
    outcomes = history.commit([said("a"), said("b"), said("x", room="dev"), said("c")])

    assert outcomes == [Appended(1, 0, 0), Appended(2, 1, 0), Appended(1, 0, 0), Appended(3, 2, 0)]
    assert history.heads() == {"lobby": 3, "dev": 1}


def test_a_repeat_returns_the_first_sequence(history: History) -> None:
    """The same id of the same author in the same room is stored once, in one batch or in two."""
    first = history.commit([said("a", time=5), said("a", time=6), said("b")])
    again = history.commit([said("a", time=7), said("c")])

    assert first == [Appended(1, 0, 5), Appended(1, 0, 5, duplicate=True), Appended(2, 1, 0)]
    assert again == [Appended(1, 0, 5, duplicate=True), Appended(3, 2, 0)]
    assert read(history, after=0) == ["a", "b", "c"]


def test_another_text_under_a_used_id_is_refused(history: History) -> None:
    """An id stands for one text; the rest of the batch is stored."""
    outcomes = history.commit([said("a", id="1"), said("b", id="1"), said("c")])

    assert outcomes == [Appended(1, 0, 0), Reused(), Appended(2, 1, 0)]


def test_an_id_belongs_to_its_author_and_room(history: History) -> None:
    """Other authors and other rooms may use the same id."""
    outcomes = history.commit([said("a", id="1"), said("b", id="1", author="bob"), said("c", id="1", room="dev")])

    assert outcomes == [Appended(1, 0, 0), Appended(2, 1, 0), Appended(1, 0, 0)]


def test_reading_forwards_and_backwards(history: History) -> None:
    """A page holds the entries after a sequence, or the last ones before it, ascending both ways."""
    history.commit([said(str(number)) for number in range(1, 11)])

    assert read(history, after=7) == ["8", "9", "10"]
    assert read(history, after=0, limit=2) == ["1", "2"]
    assert read(history, before=4, limit=2) == ["2", "3"]
    assert read(history, before=99, limit=3) == ["8", "9", "10"]
    assert read(history, after=10) == read(history, room="nowhere") == []


def test_a_page_says_whether_there_is_more(history: History) -> None:
    """`more` is true exactly when the direction asked for holds more entries."""
    history.commit([said(str(number)) for number in range(1, 6)])

    def more(**where: int) -> bool:
        found = history.answer(Read("lobby", **{"limit": 2, **where}))
        assert isinstance(found, Found)
        return found.more

    assert [more(after=0), more(after=3), more(before=6), more(before=3), more(after=5)] == [
        True,
        False,
        True,
        False,
        False,
    ]


def test_a_page_fits_a_frame(history: History) -> None:
    """However long the messages, a page stays near one frame's size and never is empty."""
    history.commit([said("x" * limits.MESSAGE_BYTES, id=str(number)) for number in range(10)])
    pages, after = [], 0
    while True:
        found = history.answer(Read("lobby", after=after, limit=limits.PAGE_ENTRIES))
        assert isinstance(found, Found)
        pages.append(len(found.entries))
        after = found.entries[-1].seq
        if not found.more:
            break

    assert sum(pages) == 10
    assert max(pages) * limits.MESSAGE_BYTES <= limits.FRAME_BYTES


def test_everything_of_an_entry_comes_back(history: History) -> None:
    """Author, nick, kind, addressee, time and any text, after a restart too."""
    text = "Привет 👋\n\u202e zero\u200bwidth '; DROP TABLE entry; --"
    history.commit([Append("@a.b", "key-a", "id-1", "Алиса", text, 1_700_000_000_123, "me", "боб")])
    found = history.answer(Read("@a.b", after=0, limit=1))

    assert isinstance(found, Found)
    (entry,) = found.entries
    assert (entry.key, entry.nick, entry.kind, entry.to) == ("key-a", "Алиса", "me", "боб")
    assert (entry.text, entry.time, entry.id, entry.seq, entry.prev) == (text, 1_700_000_000_123, "id-1", 1, 0)


@pytest.mark.parametrize(
    ("locate", "after"),
    [
        (Locate("lobby", last=3), 7),
        (Locate("lobby", last=99), 0),
        (Locate("lobby", last=0), 10),
        (Locate("lobby", since=0), 0),
        (Locate("lobby", since=500), 4),
        (Locate("lobby", since=501), 5),
        (Locate("lobby", since=9_999), 10),
        (Locate("lobby", since_id="id-6"), 6),
        (Locate("lobby", since_id="unknown"), None),
        (Locate("nowhere", last=3), 0),
    ],
)
def test_locating_a_start(history: History, locate: Locate, after: int | None) -> None:
    """The last N, a time, or an id name the sequence after which to read."""
    history.commit([said(str(number), time=number * 100) for number in range(1, 11)])

    assert history.answer(locate) == Located(after)


def test_state_is_compared_and_set(history: History) -> None:
    """A value is set only at the revision that is expected; a conflict tells what stands there."""
    assert history.commit([Put("nick", "alice", b"1", expect=0)]) == [Done(1)]
    assert history.commit([Put("nick", "alice", b"2", expect=0)]) == [Conflict(b"1", 1)]
    assert history.commit([Put("nick", "alice", b"3", expect=1), Put("room", "alice", b"4")]) == [Done(2), Done(1)]
    assert history.commit([Put("nick", "alice", b"5")]) == [Done(3)]
    assert history.table("nick") == {"alice": (b"5", 3)}


def test_everything_survives_a_restart(reopen: Callable[[], History]) -> None:
    """Id, heads, entries and state are there again."""
    first = reopen()
    first.commit([said("a"), Put("room", "lobby", b"x")])
    first.close()
    second = reopen()

    assert second.id == first.id
    assert second.heads() == {"lobby": 1}
    assert second.table("room") == {"lobby": (b"x", 1)}
    assert second.commit([said("a"), said("b")]) == [Appended(1, 0, 0, duplicate=True), Appended(2, 1, 0)]


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


def foreign(path: Path) -> None:
    """Another program's database."""
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE t (x)")
    db.commit()
    db.close()


def newer(path: Path) -> None:
    """A history of a later zchat."""
    SqliteHistory(path).close()
    db = sqlite3.connect(path)
    db.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    db.close()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (foreign, "another program"),
        (newer, "newer zchat"),
        (lambda path: path.write_bytes(b"not a database, by far" * 100), "cannot be used"),
        (lambda path: path.mkdir(), "cannot be opened"),
    ],
)
def test_a_file_that_is_not_ours_is_refused_and_left_alone(
    tmp_path: Path, spoil: Callable[[Path], object], words: str
) -> None:
    """A foreign, damaged or newer file is refused with a reason, and not changed."""
    path = tmp_path / "history.sqlite"
    spoil(path)
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(BadHistory, match=words):
        SqliteHistory(path)

    assert (path.read_bytes() if path.is_file() else None) == before
