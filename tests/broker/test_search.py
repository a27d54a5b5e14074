"""Searching: what is found by whom, and what it costs."""

from __future__ import annotations

import pytest
from hypothesis import given, settings, strategies as st

from zchat.broker.policy import Policy
from zchat.broker.sqlite import SqliteHistory
from zchat.common import limits, messages as m

from .house import NO_ROOM, House, direct, key, only


def search(house: House, user: str, words: str = "tea", **how: object) -> list[str]:
    """The texts that a user finds."""
    matches = house.ask(user, m.Search(words=words, **how), m.Matches).matches  # type: ignore[arg-type]
    return [match.entry.text for match in matches]


@pytest.fixture
def house() -> House:
    """Alice owns a private room and has written to bob; carol knows neither."""
    house = House()
    house.enter("alice", "bob", "carol")
    house.join("den", "alice", private=True)
    house.say("alice", "tea for all", room="lobby")
    house.say("alice", "tea in the den", room="den")
    house.say("alice", "tea for bob", to="bob")
    return house


def test_one_finds_what_one_may_read(house: House) -> None:
    """Public rooms, one's own private rooms, one's own private messages, and nothing else."""
    assert search(house, "alice") == ["tea for all", "tea in the den", "tea for bob"]
    assert search(house, "bob") == ["tea for all", "tea for bob"]
    assert search(house, "carol") == ["tea for all"]
    assert search(house, "carol", to="alice") == []
    assert search(house, "alice", to="bob") == ["tea for bob"]
    assert search(house, "alice", room="DEN") == ["tea in the den"]


def test_what_one_may_not_read_does_not_exist(house: House) -> None:
    """Neither a private room nor private messages can be named in a search, or be used to tell when they were said."""
    for room in ("den", direct("alice", "bob"), "nowhere"):
        assert house.refused("carol", m.Search(words="tea", room=room)) == NO_ROOM
        assert house.refused("carol", m.Search(words="tea", before_room=room, before=1)) == NO_ROOM
    assert house.refused("carol", m.Search(words="tea", to="nobody")) == "no_such_user"


def test_a_member_finds_from_the_invitation_on(house: House) -> None:
    """What was said before is not found; who is put out finds nothing there; and anew after another invitation."""
    house.done("alice", "invite", "carol", "den")
    house.say("alice", "more tea in the den", room="den")
    assert search(house, "carol") == ["tea for all", "more tea in the den"]
    assert search(house, "carol", room="den") == ["more tea in the den"]
    assert search(house, "carol", before_room="den", before=1) == ["tea for all"]
    house.done("alice", "kick", "carol", "den")
    assert search(house, "carol") == ["tea for all"]
    house.done("alice", "invite", "carol", "den")
    house.say("alice", "tea again", room="den")

    assert search(house, "carol") == ["tea for all", "tea again"]


def test_invitations_into_very_many_rooms_hide_nothing(house: House) -> None:
    """Who is invited into more rooms than a search looks through finds what stands in those where most was said."""
    house.say("alice", "more", "and more", room="den")
    house.enter("mallory")
    for number in range(limits.USER_ROOMS + limits.SEARCH_ROOMS + 1):
        house.join(f"trap{number}", "mallory", private=True)
        house.done("mallory", "invite", "alice", f"trap{number}")
        house.send(("mallory", m.Part(room=f"trap{number}")))

    assert search(house, "alice") == ["tea for all", "tea in the den", "tea for bob"]
    looked_at = house.core._searches._private_rooms(house.core._roster.users[key("alice")])
    assert len(looked_at) <= limits.USER_ROOMS + limits.SEARCH_ROOMS


def test_kinds_that_are_found(house: House) -> None:
    """What is said, asked and set as a topic is found; reasons are not."""
    house.send(("alice", m.Say(id="1", text="tea topic", room="lobby", kind="topic")))
    house.send(("alice", m.Say(id="2", text="tea?", room="lobby", kind="ask", choices=["yes", "no"])))
    house.join("dev", "alice", "bob")
    house.done("alice", "mute", "bob", "dev")
    house.do("alice", "mute", "bob", "dev", text="tea")

    assert search(house, "alice", room="lobby") == ["tea for all", "tea topic", "tea?"]
    assert search(house, "alice", room="dev") == []


def test_a_search_sees_all_that_was_said_before_it(house: House) -> None:
    """What is not indexed yet is indexed first, in steps, however much it is."""
    texts = [f"flood {number}" for number in range(3 * limits.INDEX_ENTRIES // 2)]
    house.say("alice", *texts, room="lobby")
    found = house.ask("bob", m.Search(words="flood"), m.Matches)

    assert [match.entry.text for match in found.matches] == texts[-len(found.matches) :]
    assert found.more


def test_indexing_waits_while_much_is_said(house: House) -> None:
    """A tick that follows a flood indexes nothing; the next quiet one does."""
    house.tick()
    house.say("alice", *(f"flood {number}" for number in range(limits.INDEX_BUSY + 1)), room="lobby")
    house.tick()
    assert indexed(house) == 3
    house.tick()

    assert indexed(house) == limits.INDEX_BUSY + 4


def indexed(house: House) -> int:
    """How many entries the history has indexed."""
    return int(house.history._db.execute("SELECT count(*) FROM indexed").fetchone()[0])


def test_a_full_disk_leaves_what_was_indexed(house: House) -> None:
    """A search that cannot be brought up to date finds what it can."""
    search(house, "bob")
    house.say("alice", "late tea", room="lobby")
    with house.full_disk():
        assert search(house, "bob") == ["tea for all", "tea for bob"]

    assert search(house, "bob") == ["tea for all", "tea for bob", "late tea"]


@pytest.fixture(scope="module")
def talkative() -> House:
    """A broker that has much patience, and one message."""
    house = House(Policy(burst=10_000_000))
    house.enter("alice")
    house.say("alice", 'some AND words OR "others" NEAR(x) text:y', room="lobby")
    return house


@given(st.text(max_size=60))
@settings(max_examples=300, deadline=None)
def test_no_words_are_a_syntax_error(talkative: House, words: str) -> None:
    """Whatever is typed is a search or refused in words; the database never complains."""
    sent = talkative.send(("alice", m.Search(words=words, ref=1)))
    (event,) = [action.event for action in sent]

    assert isinstance(event, m.Matches) or (isinstance(event, m.Refused) and event.code == "search_invalid")


def test_searching_much_is_paid_for() -> None:
    """A search costs as much as many messages."""
    house = House(Policy(burst=1_100, rate=1))
    house.enter("alice")
    sent = [house.refused("alice", m.Search(words="tea", ref=1)) for _ in range(4)]

    assert sent == ["", "", "too_fast", "too_fast"]


class Slow(SqliteHistory):
    """A history in which every search that takes some steps takes too long."""

    def __init__(self) -> None:
        super().__init__(":memory:", patience=0)


def test_a_search_that_takes_too_long_ends() -> None:
    """Whatever is looked for, nobody is held up: who searches is told, pays for it, and what comes next is heard."""
    house = House(Policy(burst=41_600, rate=1), history=Slow())
    house.enter("alice")
    text = f"bb {'aa ' * 5_000}cc bb"
    house.say("alice", *(f"{text} {number}" for number in range(10)), room="lobby")
    refusal = only(house.send(("alice", m.Search(words='"aa aa bb"', ref=7))), m.Refused, to="alice")

    assert (refusal.code, refusal.ref, "too long" in refusal.detail) == ("search_invalid", 7, True)
    assert house.may_speak("alice", "lobby")
    assert house.refused("alice", m.Search(words='"aa aa bb"', ref=8)) == "search_invalid"
    assert house.refused("alice", m.Search(words='"aa aa bb"', ref=9)) == "too_fast"
