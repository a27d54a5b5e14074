"""Files of earlier and later versions of zchat, and files that are no history."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from zchat.broker import schema
from zchat.broker.history import (
    Append,
    Appended,
    BadHistory,
    Erase,
    Find,
    Found,
    FoundIn,
    History,
    Index,
    Read,
    Recall,
    Resolve,
    Reused,
    Settled,
    Together,
)
from zchat.broker.schema import VERSION as SCHEMA_VERSION
from zchat.broker.sqlite import SqliteHistory
from zchat.common import messages as m
from zchat.common.searching import parse_search

from .histories import read, said
from .house import House, key

VERSION_1 = """
CREATE TABLE about (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE room (number INTEGER PRIMARY KEY, room TEXT NOT NULL UNIQUE, head INTEGER NOT NULL);
CREATE TABLE author (number INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE);
CREATE TABLE entry (
    room INTEGER NOT NULL, seq INTEGER NOT NULL, id TEXT NOT NULL, author INTEGER NOT NULL, time INTEGER NOT NULL,
    kind TEXT NOT NULL, nick TEXT NOT NULL, addressee TEXT, text TEXT NOT NULL,
    PRIMARY KEY (room, seq)
) WITHOUT ROWID;
CREATE UNIQUE INDEX entry_once ON entry (room, id, author);
CREATE INDEX entry_topic ON entry (room, seq) WHERE kind = 'topic';
CREATE TABLE state (
    kind TEXT NOT NULL, name TEXT NOT NULL, value BLOB NOT NULL, revision INTEGER NOT NULL,
    PRIMARY KEY (kind, name)
) WITHOUT ROWID;
INSERT INTO about VALUES ('history', 'old-id');
INSERT INTO room VALUES (1, 'lobby', 2);
INSERT INTO author VALUES (1, 'alice');
INSERT INTO entry VALUES (1, 1, 'id-a', 1, 5, 'message', 'alice', NULL, 'a');
INSERT INTO entry VALUES (1, 2, 'id-t', 1, 6, 'topic', 'alice', 'bob', 'tea');
PRAGMA application_id = 0x7A636874;
PRAGMA user_version = 1;
"""


def first_version(path: Path, *states: tuple[str, str, object]) -> None:
    """A history as the first version of zchat wrote it."""
    db = sqlite3.connect(path)
    db.executescript(VERSION_1)
    db.executemany(
        "INSERT INTO state VALUES (?, ?, ?, 1)",
        [(kind, name, msgspec.msgpack.encode(value)) for kind, name, value in states],
    )
    db.commit()
    db.close()


@pytest.mark.parametrize("reopen", ["sqlite"], indirect=True)
def test_an_older_history_is_taken_over(tmp_path: Path, reopen: Callable[[], History]) -> None:
    """Everything is there as it was, repeats are known, and the file is of this version from then on."""
    first_version(tmp_path / "history.sqlite", ("nick", "alice", 1))
    for _ in range(2):
        history = reopen()
        found = history.answer(Read("lobby", after=0, limit=2))
        assert isinstance(found, Found)
        assert [(entry.text, entry.kind, entry.to) for entry in found.entries] == [
            ("a", "message", None),
            ("tea", "topic", "bob"),
        ]
        assert [(entry.target, entry.about, entry.until) for entry in found.entries] == [(None, 0, 0)] * 2
        assert (history.id, history.topics()) == ("old-id", {"lobby": "tea"})
        assert history.commit([said("a")]) == [Appended(1, 0, 5, duplicate=True)]
        history.close()
    history = reopen()
    mute = Append("lobby", "alice", "m", "alice", "", 7, "mute", "bob", target="key-b", until=9)

    assert history.commit([Together((mute, Erase("lobby", 1, "alice")))]) == [Appended(3, 2, 7)]
    assert read(history, after=0) == ["", "tea", ""]


def test_a_core_starts_from_an_older_history(tmp_path: Path) -> None:
    """Users keep their nicks, rooms are public and nobody's, and everything goes on from there."""
    alice = key("alice")
    first_version(
        tmp_path / "history.sqlite",
        ("nick", "alice", {"nick": "Alice", "key": alice, "since": 5}),
        ("room", "lobby", {"name": "Lobby"}),
        ("room", "dev", {"name": "Dev"}),
    )
    house = House(history=SqliteHistory(tmp_path / "history.sqlite"))
    assert house.enter("alice", "bob")[0].nick == "Alice"
    house.join("dev", "alice", "bob")

    assert house.texts("bob", "lobby") == ["a", "tea"]
    assert house.refused("alice", house.doing("kick", "bob", "dev")) == "not_allowed"
    assert house.refused("mallory", m.Hello(nick="a1ice", instance="i")) == "nick_taken"
    house.history.close()


def test_a_migration_that_fails_changes_nothing(tmp_path: Path) -> None:
    """The file stays one of the older version, which the older zchat still reads."""
    path = tmp_path / "history.sqlite"
    first_version(path)
    db = sqlite3.connect(path)
    db.execute("ALTER TABLE entry ADD COLUMN until TEXT")  # in the way of the last step
    db.commit()
    db.close()
    with pytest.raises(BadHistory):
        SqliteHistory(path)
    db = sqlite3.connect(path)
    version = db.execute("PRAGMA user_version").fetchone()[0]
    columns = [row[1] for row in db.execute("PRAGMA table_info(entry)")]
    db.close()

    assert version == 1
    assert "target" not in columns


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


def test_an_older_history_is_indexed_when_it_is_opened(tmp_path: Path) -> None:
    """What was said before there was a search is found, private rooms by their members alone."""
    path = tmp_path / "history.sqlite"
    first_version(path, ("room", "den", {"name": "den", "private": True, "by": "alice"}))
    db = sqlite3.connect(path)
    db.execute("INSERT INTO room VALUES (2, 'den', 1), (3, '@alice.bob', 1)")
    db.execute("INSERT INTO entry VALUES (2, 1, 'x', 1, 7, 'message', 'alice', NULL, 'tea in the den')")
    db.execute("INSERT INTO entry VALUES (3, 1, 'x', 1, 8, 'message', 'alice', 'bob', 'tea for two')")
    db.commit()
    db.close()
    history = SqliteHistory(path)

    def found(*readers: str, **rooms: int) -> list[str]:
        outcome = history.answer(Find(parse_search("tea"), readers, rooms, 9))
        assert isinstance(outcome, FoundIn)
        return [entry.text for _, entry in outcome.entries]

    assert found("") == ["tea"]
    assert found("bob") == ["tea for two"]
    assert found(den=0) == ["tea in the den"]
    history.close()


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
