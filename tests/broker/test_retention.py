"""What is too old is removed, a little at a time; its ids are still known, and who is behind is told."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from zchat.broker.history import Append, Appended, History, Read, Reused, Trim, Trimmed
from zchat.broker.policy import Policy
from zchat.common import limits, messages as m

from .house import House

DAY = 86_400.0
FOR_EVER = -1
"""No id is old enough to be forgotten."""


@pytest.fixture
def history(reopen: Callable[[], History]) -> History:
    """A room with 2,000 entries, one a millisecond."""
    history = reopen()
    history.commit([said(number) for number in range(1, 2_001)])
    return history


def said(number: int, *, id: str = "", kind: str = "message") -> Append:
    """The entry with a number, said at that millisecond."""
    return Append("lobby", "key", id or f"i{number}", "alice", f"text {number}", number, kind)


def trimmed(history: History, before: int = 0, keep: int = 0, forget: int = FOR_EVER) -> int:
    """Trim until there is no more to remove; the floor then."""
    for _ in range(100):
        (outcome,) = history.commit([Trim("lobby", before, keep, forget)])
        assert isinstance(outcome, Trimmed)
        if not outcome.more:
            return outcome.floor
    raise AssertionError("there is no end to it")


def texts(history: History, **read: int) -> list[str]:
    """What can be read."""
    return [entry.text for entry in history.answer(Read("lobby", limit=5_000, **read)).entries]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("before", "keep", "floor"), [(501, 0, 500), (0, 100, 1_900), (501, 100, 1_900), (0, 3_000, 0)]
)
def test_the_oldest_go(history: History, before: int, keep: int, floor: int) -> None:
    """Entries from before a time, or all but the last ones, are removed; sequences stay what they were."""
    assert trimmed(history, before, keep) == floor
    assert texts(history, after=0)[0] == f"text {floor + 1}"
    assert texts(history, before=2_001)[-1] == "text 2000"
    assert history.floors().get("lobby", 0) == floor
    assert history.commit([said(2_001)]) == [Appended(2_001, 2_000, 2_001)]


def test_a_clock_that_was_wrong_removes_nothing_newer(history: History) -> None:
    """An entry with an old time behind a newer one stays until that one goes: order is the sequence, not the time."""
    history.commit([said(2_001, id="late"), Append("lobby", "key", "odd", "alice", "odd", 1)])

    assert trimmed(history, before=1_000) == 999
    assert texts(history, before=2_003)[-1] == "odd"


def test_pages_end_at_the_floor(history: History) -> None:
    """Backwards there is nothing more before what is kept."""
    trimmed(history, keep=10)
    found = history.answer(Read("lobby", before=2_001, limit=10))

    assert [entry.seq for entry in found.entries] == list(range(1_991, 2_001))  # type: ignore[union-attr]
    assert not found.more  # type: ignore[union-attr]


def test_a_removed_message_is_known_by_its_id(history: History) -> None:
    """A repeat gets its first sequence, another text is refused, until the id is old enough to be forgotten."""
    trimmed(history, keep=10)
    other = Append("lobby", "key", "i5", "alice", "another text", 9_999)
    assert history.commit([said(5)]) == [Appended(5, 4, 5, duplicate=True)]
    assert history.commit([other]) == [Reused()]
    trimmed(history, keep=10, forget=1_000)

    assert history.commit([said(5)]) == [Appended(2_001, 2_000, 5)]
    assert history.commit([said(1_500)]) == [Appended(1_500, 1_499, 1_500, duplicate=True)]


def test_a_topic_outlives_its_entry(history: History) -> None:
    """The topic of a room stays, though nobody can page back to when it was set."""
    history.commit([Append("lobby", "key", "t1", "alice", "old topic", 1, "topic")])
    history.commit([Append("lobby", "key", "t2", "alice", "topic", 1, "topic")])
    history.commit([said(number) for number in range(3_000, 3_100)])
    trimmed(history, keep=5)

    assert history.topics() == {"lobby": "topic"}
    assert len(texts(history, after=0)) == 5


def test_it_survives_a_restart(history: History, reopen: Callable[[], History]) -> None:
    """Floor, topic and known ids are on the disk."""
    trimmed(history, keep=10)
    history.close()
    history = reopen()

    assert history.floors() == {"lobby": 1_990}
    assert history.commit([said(5)]) == [Appended(5, 4, 5, duplicate=True)]


def test_a_room_of_which_nothing_is_left_keeps_its_sequence(history: History, reopen: Callable[[], History]) -> None:
    """Where all was removed, the next entry follows the last one that was there, after a restart too."""
    trimmed(history, before=3_000, forget=3_000)
    history.close()
    history = reopen()

    assert history.heads() == {"lobby": 2_000}
    assert history.commit([said(2_001)]) == [Appended(2_001, 2_000, 2_001)]


# --- in the broker ----------------------------------------------------------------------------------------------
def test_the_broker_removes_what_is_too_old_and_says_so() -> None:
    """After the time is over a page begins where the kept ones begin, and tells up to where there is nothing."""
    house = House(policy=Policy(keep=DAY))
    house.enter("alice")
    house.say("alice", "one", "two", room="lobby")
    house.advance(DAY + 1)
    house.enter("alice")
    house.say("alice", "three", room="lobby")
    house.tick()
    page = house.ask("alice", m.Replay(room="lobby", after=1, ref=9), m.Page)

    assert [entry.text for entry in page.entries] == ["three"]
    assert (page.floor, page.head) == (2, 3)


def test_every_room_has_its_turn() -> None:
    """However many rooms there are, each keeps only its last messages before long."""
    house = House(policy=Policy(keep_messages=2, owned_rooms=1_000, room_burst=1_000))
    house.enter("alice")
    for number in range(3 * limits.TRIM_ROOMS):
        house.say("alice", "one", "two", "three", "four", room=f"room-{number}")
    for _ in range(4):
        house.tick()

    assert set(house.history.floors().values()) == {2}
    assert len(house.history.floors()) == 3 * limits.TRIM_ROOMS


# --- what was read ----------------------------------------------------------------------------------------------
def test_what_was_read_on_one_screen_is_known_on_the_other() -> None:
    """Joining tells how far one has read anywhere, also after a restart, and one can begin there."""
    house = House()
    house.enter("alice", "alice/2", "bob")
    house.join("lobby", "alice", "bob")
    house.say("bob", "one", "two", "three", room="lobby")
    house.send(("alice", m.Ping(seen={"lobby": 2})))
    entered = house.ask("alice/2", m.Join(room="lobby", unread=True, ref=5), m.Entered)
    assert (entered.after, entered.read, entered.head) == (2, 2, 3)
    house.tick()
    house.restart()
    house.enter("alice")

    assert house.ask("alice", m.Join(room="lobby", ref=6), m.Entered).read == 2
    assert house.ask("alice", m.Join(room="lobby", ref=6), m.Entered).after == 3


def test_what_came_after_a_room_was_seen_empty_is_unread() -> None:
    """Who was the first in a room finds what was said while they were away, also after a restart of the broker."""
    house = House()
    house.enter("alice", "bob")
    assert house.ask("alice", m.Join(room="ops", ref=5), m.Entered).read is None
    house.send(("alice", m.Ping(seen={"ops": 0})), ("alice", m.Goodbye()))
    house.join("ops", "bob")
    house.say("bob", "one", "two", room="ops")
    house.tick()
    house.restart()
    house.enter("alice")
    entered = house.ask("alice", m.Join(room="ops", unread=True, ref=6), m.Entered)

    assert (entered.after, entered.read, entered.head) == (0, 0, 2)


def test_where_nothing_was_read_one_begins_from_now_on() -> None:
    """A room that one has never been in has no unread messages."""
    house = House()
    house.enter("alice", "bob")
    house.join("lobby", "bob")
    house.say("bob", "one", room="lobby")

    assert house.ask("alice", m.Join(room="lobby", unread=True, ref=5), m.Entered).after == 1
