"""A whole history moves from a file into a database, and is the same there."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from zchat.broker.backup import backup
from zchat.broker.history import Append, Appended, Disown, Find, Found, FoundIn, History, Read, Reused, Trim
from zchat.broker.home import HISTORY, Home
from zchat.broker.moving import move
from zchat.broker.postgres import PostgresHistory
from zchat.broker.sqlite import SqliteHistory
from zchat.common import messages as m
from zchat.common.errors import InputError, ZchatError
from zchat.common.searching import parse_search

from .house import OPERATOR, House, direct, hello, key

TABLES = ("nick", "room", "member", "read", "access", "ban", "invite", "operator", "forgotten")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """The folder of a broker at which a bit of everything has happened, which is stopped."""
    (tmp_path / "data").mkdir()
    house = House(history=SqliteHistory(tmp_path / "data" / HISTORY))
    house.enter(OPERATOR, "alice", "bob", "carol", "eve", "mallory")
    house.join("lobby", "alice", "bob")
    house.join("Builds", "alice", "bob", "mallory")
    house.say("alice", "first tea", room="lobby")
    house.say("alice", "one", "два 👋 Tee\nlines", room="builds")
    house.send(("alice", m.Say(id="q", kind="ask", text="ship the tea?", room="builds", choices=["yes", "no"])))
    house.send(("bob", m.Say(id="a", kind="answer", text="no", room="builds", about=3)))
    house.send(("alice", m.Say(id="d", kind="delete", text="", room="builds", about=1)))
    house.send(("alice", m.Say(id="t", kind="topic", text="what we build, tea", room="builds")))
    house.done("alice", "mute", "bob", "builds", seconds=1_000_000)
    house.join("secret", "alice", private=True)
    house.say("alice", "tea before bob", room="secret")
    house.done("alice", "invite", "bob", "secret")
    house.say("alice", "tea after bob", room="secret")
    house.say("bob", "tea between us", to="alice")
    house.say("bob", *(f"old {number}" for number in range(20)), room="lobby")
    house.say("mallory", "my tea", room="builds")
    house.send(("alice", m.Ping(seen={"lobby": 3, "builds": 2})), ("carol", m.Rename(nick="carola")))
    house.tick()
    house.administer("ban", "eve", reason="spam")
    house.administer("invite", uses=2)
    house.administer("allow", key("dave"))
    house.administer("op", "bob")
    house.administer("forget", "mallory")
    for _ in range(5):
        house.advance(1)
        house.tick()
    house.history.commit([Trim("lobby", before=0, keep=15, forget=0)])
    house.say("carol", "last tea", room="lobby")
    house.history.close()
    return tmp_path / "data"


@pytest.fixture
def histories(data: Path, database: str) -> Iterator[tuple[History, History]]:
    """That history, and the one that was made of its backup in a database."""
    file = data.parent / "backup.sqlite"
    backup(data / HISTORY, file)
    place, count = move(data, file, database)
    assert "postgres at " in place
    pair = SqliteHistory(data / HISTORY), PostgresHistory(database)
    assert count == sum(pair[0].heads().values()) - sum(pair[0].floors().values()) > 25
    yield pair
    for history in pair:
        history.close()


def test_everything_comes_along(histories: tuple[History, History]) -> None:
    """Rooms, entries with their sequences, topics, members, rights, nicks, bans, invitations, and what was read."""
    one, other = histories
    assert other.heads() == one.heads()
    assert other.floors() == one.floors() == {"lobby": 6}
    assert other.topics() == one.topics()
    for table in TABLES:
        assert one.table(table), table
        assert other.table(table) == one.table(table)
    for room in one.heads():
        pages = [history.answer(Read(room, after=0, limit=500)) for history in histories]
        assert isinstance(pages[0], Found)
        assert pages[0] == pages[1]
    assert other.id != one.id


def test_the_same_is_found_in_the_same_order(histories: tuple[History, History]) -> None:
    """By everybody, by a member, and by one of two; a page after the other."""
    where: list[tuple[tuple[str, ...], dict[str, int]]] = [
        (("",), {}),
        (("", key("alice")), {"secret": 0}),
        (("",), {"secret": 2}),
        ((), {"builds": 0}),
    ]
    for (readers, rooms), limit in itertools.product(where, (2, 100)):
        found = []
        for history in histories:
            outcome = history.answer(Find(parse_search("te*"), readers, rooms, limit))
            assert isinstance(outcome, FoundIn)
            found.append(outcome)
            if outcome.more:
                room, entry = outcome.entries[0]
                found.append(history.answer(Find(parse_search("te*"), readers, rooms, limit, (room, entry.seq))))
        half = len(found) // 2
        assert found[:half] == found[half:]
        assert found[0].entries


def test_what_was_said_is_known_by_its_id(histories: tuple[History, History]) -> None:
    """Also where it was deleted, removed or erased: neither a repeat nor another text under the id gets in."""
    repeats = [
        Append("lobby", key("alice"), "alice_lobby_first_tea", "alice", "first tea", 0),
        Append("lobby", key("bob"), "bob_lobby_old_2", "bob", "another", 0),
        Append("builds", key("alice"), "alice_builds_one", "alice", "one", 0),
        Append("builds", key("alice"), "alice_builds_one", "alice", "two", 0),
        Append("builds", key("mallory"), "mallory_builds_my_tea", "mallory", "my tea", 0),
        Append(direct("alice", "bob"), key("bob"), "bob_alice_tea_between_us", "bob", "tea between us", 0),
    ]
    one, other = ([history.commit([append])[0] for append in repeats] for history in histories)

    assert [type(outcome) for outcome in other] == [Appended, Reused, Appended, Reused, Appended, Appended]
    assert other == one
    assert all(outcome.duplicate for outcome in other if isinstance(outcome, Appended))
    new = [history.commit([Append("lobby", "a", "new", "a", "new", 1), Disown("a", "b")])[0] for history in histories]
    assert new[0] == new[1]


def test_a_broker_goes_on_over_it(histories: tuple[History, History]) -> None:
    """Whoever could come in, read and speak can, and nobody else."""
    house = House(history=histories[1])
    house.enter(OPERATOR, "alice", "bob")
    house.send(("carol", hello("carol", "carola")))

    assert house.refused("eve", hello("eve")) == "not_allowed"
    assert house.texts("bob", "secret") == ["", "tea after bob"]
    house.join("builds", "alice", "bob")
    assert (house.may_speak("alice", "builds"), house.may_speak("bob", "builds")) == (True, False)


# --- refused --------------------------------------------------------------------------------------------------
def test_a_database_with_a_history_is_left_alone(data: Path, database: str) -> None:
    """Nothing of two histories is mixed."""
    file = data.parent / "backup.sqlite"
    backup(data / HISTORY, file)
    move(data, file, database)
    with psycopg.connect(database) as db:
        before = db.execute("SELECT count(*) FROM zchat.entry").fetchone()
        with pytest.raises(InputError, match="has a history already"):
            move(data, file, database)
        assert db.execute("SELECT count(*) FROM zchat.entry").fetchone() == before


def test_all_of_it_moves_or_nothing(data: Path, database: str) -> None:
    """What the database does not take leaves nothing there, nor a copy in the folder."""
    file = data.parent / "backup.sqlite"
    backup(data / HISTORY, file)
    PostgresHistory(database).close()
    with psycopg.connect(database, autocommit=True) as db:
        db.execute("ALTER TABLE zchat.state ADD CONSTRAINT no CHECK (kind != 'nick')")
        try:
            with pytest.raises(ZchatError, match="nothing is stored"):
                move(data, file, database)
        finally:
            db.execute("ALTER TABLE zchat.state DROP CONSTRAINT no")
        assert db.execute("SELECT count(*) FROM zchat.room").fetchone() == (0,)

    assert not list(data.glob("*moving*"))


def test_a_running_broker_is_not_moved(data: Path, database: str) -> None:
    """It would go on writing into its file."""
    file = data.parent / "backup.sqlite"
    backup(data / HISTORY, file)
    home = Home(data)
    try:
        with pytest.raises(ZchatError, match="Another broker uses the folder"):
            move(data, file, database)
    finally:
        home.close()
