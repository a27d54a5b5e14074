"""What operators order and what takes a while: a person's words are erased, and free pages are given back."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from zchat.broker.history import History, Read
from zchat.broker.policy import Policy
from zchat.broker.postgres import PostgresHistory
from zchat.broker.sqlite import SqliteHistory
from zchat.common import messages as m

from .house import NOT_ALLOWED, OPERATOR, House, codes, direct, key


@pytest.fixture
def house(history: History) -> House:
    """Alice has said something in every way there is, and others spoke to her and of her."""
    house = House(history=history)
    house.enter(OPERATOR, "alice", "bob")
    house.join("lobby", OPERATOR, "alice", "bob")
    house.say("bob", "of alice", room="lobby")
    house.say("alice", "her word", "another", room="lobby")
    house.send(("bob", m.Say(id="t1", kind="topic", text="bob's topic", room="lobby")))
    house.send(("alice", m.Say(id="t2", kind="topic", text="her topic", room="lobby")))
    house.send(("alice", m.Say(id="q1", kind="ask", text="her question", room="lobby", choices=["hers", "theirs"])))
    house.send(("bob", m.Say(id="q2", kind="ask", text="his question", room="lobby", choices=["yes", "no"])))
    house.send(("alice", m.Say(id="a1", kind="answer", text="yes", room="lobby", about=7)))
    house.say("alice", "her secret", to="bob")
    house.say("bob", "his secret", to="alice")
    house.do(OPERATOR, "mute", "bob", "lobby", text="why")
    house.do(OPERATOR, "mute", "alice", "lobby", text="rude")
    return house


def work(house: House) -> None:
    """Time passes until what was ordered is done."""
    for _ in range(50):
        house.advance(0.2)  # all of it within a session's patience
        house.tick()


def rest(house: House, room: str = "lobby", to: str | None = None) -> list[tuple[str, str, str]]:
    """Kind, nick and text of what bob reads."""
    return [(entry.kind, entry.nick, entry.text) for entry in house.page("bob", room, to=to)]


NAME = key("alice")[:8]


def test_a_persons_words_are_erased_everywhere(house: House) -> None:
    """In rooms and in private messages nothing of their words, topics and questions is left, all else is."""
    first = house.administer("forget", "alice")
    work(house)

    assert first.more
    assert rest(house)[:8] == [
        ("message", "bob", "of alice"),
        ("deleted", NAME, ""),
        ("deleted", NAME, ""),
        ("topic", "bob", "bob's topic"),
        ("deleted", NAME, ""),
        ("deleted", NAME, ""),
        ("ask", "bob", "his question"),
        ("answer", NAME, "yes"),
    ]
    private = house.history.answer(Read(direct("alice", "bob"), after=0, limit=100)).entries  # type: ignore[union-attr]
    assert [(entry.nick, entry.to, entry.text) for entry in private] == [(NAME, "bob", ""), ("bob", NAME, "his secret")]
    assert house.page("bob", "lobby")[-1].to == NAME
    assert house.page("bob", "lobby")[-1].text == "rude"
    assert house.page("bob", "lobby")[5].choices == []


def test_what_is_told_at_the_end(house: House) -> None:
    """The operator who asks again by the key is told how many entries it were, and what stays; the log has it, too."""
    house.administer("forget", "alice")
    work(house)
    done = house.administer("forget", key("alice"))

    assert not done.more
    assert "6 entries" in done.detail
    assert "backups" in done.detail
    assert f"the words of {key('alice')} are erased: 6 entries" in house.logged
    assert any("is forgotten" in line for line in house.logged)


def test_the_nick_is_free_and_the_person_gone(house: House) -> None:
    """Their sessions end, anybody may have the nick, and nobody may speak as they did."""
    sent = house.admin("forget", "alice")
    assert codes(sent, "alice") == [NOT_ALLOWED]
    assert house.nick("alice") == ""
    house.send(("bob", m.Rename(nick="alice")))

    assert house.nick("bob") == "alice"


def test_the_topic_is_the_one_before(house: House) -> None:
    """A room whose topic was theirs has the last one that somebody else set."""
    house.administer("forget", "alice")
    work(house)

    assert house.ask("bob", m.Join(room="lobby"), m.Entered).topic == "bob's topic"
    house.restart()
    house.enter("bob")
    assert house.ask("bob", m.Join(room="lobby"), m.Entered).topic == "bob's topic"


def test_a_repeat_brings_nothing_back(house: House) -> None:
    """Who comes back and sends the same again gets its first sequence; the text stays erased."""
    house.administer("forget", "alice")
    work(house)
    house.enter("alice")
    acks = [ack for action in house.say("alice", "her secret", to="bob") for ack in getattr(action.event, "acks", ())]

    assert [(ack.seq, ack.duplicate) for ack in acks] == [(1, True)]


def test_a_restart_does_not_end_the_work(tmp_path: Path) -> None:
    """What was begun is finished after a restart, however long it takes; nothing of it is in the files then."""
    path = tmp_path / "history.sqlite"
    house = House(Policy(burst=10_000), SqliteHistory(path))
    house.enter(OPERATOR, "alice", "bob")
    for number in range(600):
        house.send(("alice", m.Say(id=f"i{number}", text=f"herword {number}", room="lobby")))
    house.say("bob", "other", room="lobby")
    house.tick()
    house.administer("forget", "alice")
    assert "herword 599" in house.texts("bob", "lobby")[-2]
    house.restart()
    work(house)
    house.enter("bob")
    texts = house.texts("bob", "lobby")
    left = b"".join(file.read_bytes() for file in tmp_path.glob("history.sqlite*"))
    house.history.close()

    assert set(texts) == {"", "other"}
    assert b"herword" not in left
    assert b"other" in left


@pytest.mark.parametrize("verb", ["forget", "vacuum"])
def test_only_operators_may(house: House, verb: str) -> None:
    """Anybody else is refused, and nothing happens."""
    assert codes(house.admin(verb, "alice", user="bob"), "bob") == [NOT_ALLOWED]
    work(house)
    assert "her word" in house.texts("bob", "lobby")


def test_the_operators_own_key_is_not_forgotten(house: House) -> None:
    """Nothing can be done to that key."""
    assert codes(house.admin("forget", OPERATOR), OPERATOR) == [NOT_ALLOWED]


# --- free pages -------------------------------------------------------------------------------------------------
def test_free_pages_are_given_back_a_little_at_a_time(tmp_path: Path) -> None:
    """The file becomes smaller by what is told, in steps, and what is said meanwhile is stored."""
    path = tmp_path / "history.sqlite"
    house = House(history=SqliteHistory(path))
    house.enter(OPERATOR, "alice")
    house.history._db.execute("CREATE TABLE ballast (x)")
    house.history._db.execute("INSERT INTO ballast VALUES (zeroblob(6000000))")
    house.history._db.execute("DROP TABLE ballast")
    house.history._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    before = path.stat().st_size
    first = house.administer("vacuum")
    house.say("alice", "meanwhile", room="lobby")
    work(house)
    last = house.administer("vacuum")
    after = path.stat().st_size

    assert first.more
    assert not last.more
    assert before - after > 5_900_000
    freed = int(last.detail.split()[0].replace(",", ""))
    assert abs(freed - (before - after)) < 100_000
    assert f"{freed} bytes of the history's file were given back" in house.logged
    assert house.texts("alice", "lobby") == ["meanwhile"]
    house.history.close()


def test_a_database_gives_room_back_by_itself(database: str) -> None:
    """An operator is told so, and what else could be done."""
    house = House(history=PostgresHistory(database))
    house.enter(OPERATOR)
    refused = house.refused(OPERATOR, m.Admin(verb="vacuum", ref=1))
    house.history.close()

    assert refused == NOT_ALLOWED


def test_an_older_file_says_what_to_do(tmp_path: Path) -> None:
    """A history that was not made for it cannot give room back while it is used."""
    path = tmp_path / "history.sqlite"
    SqliteHistory(path).close()
    with sqlite3.connect(path) as db:
        db.executescript("PRAGMA journal_mode = DELETE; PRAGMA auto_vacuum = NONE; VACUUM;")
    db.close()
    house = House(history=SqliteHistory(path))
    house.enter(OPERATOR)

    assert codes(house.admin("vacuum"), OPERATOR) == [NOT_ALLOWED]
    house.history.close()
