"""The contract of `History`, on every adapter there is."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from zchat.broker.history import (
    Append,
    Appended,
    Conflict,
    Disown,
    Disowned,
    Done,
    Erase,
    Found,
    History,
    Locate,
    Located,
    Missing,
    Put,
    Read,
    Reused,
    Together,
    Trim,
)
from zchat.common import limits

from .histories import news, read, said


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
    assert history.commit([Put("nick", "alice", b"2", expect=0)]) == [Conflict("nick", "alice", b"1", 1)]
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


# --- erasing --------------------------------------------------------------------------------------------------
def test_an_erased_text_is_gone(history: History) -> None:
    """The entry keeps its place, id, author and time, so that readers see that there was something."""
    history.commit([said("a"), said("secret", time=5), said("c")])
    assert history.commit([Erase("lobby", 2, "alice")]) == [Done()]
    found = history.answer(Read("lobby", after=0, limit=9))
    assert isinstance(found, Found)

    assert [(entry.kind, entry.text) for entry in found.entries] == [
        ("message", "a"),
        ("deleted", ""),
        ("message", "c"),
    ]
    assert (found.entries[1].id, found.entries[1].time, found.entries[1].prev) == ("id-secret", 5, 1)


@pytest.mark.parametrize(
    "erase",
    [
        Erase("lobby", 0, None),
        Erase("lobby", 3, None),
        Erase("nowhere", 1, None),
        Erase("lobby", 1, "bob"),
        Erase("lobby", 2, None),
        Erase("dev", 1, "alice"),
    ],
)
def test_only_ones_own_words_are_erased(history: History, erase: Erase) -> None:
    """Nothing that is not there, is another author's, or was never said; without an author it is anybody's."""
    history.commit(
        [said("a"), Append("lobby", "alice", "t", "alice", "tea", 0, "topic"), said("x", room="dev", author="bob")]
    )

    assert history.commit([erase]) == [Missing()]
    assert read(history, after=0) == ["a", "tea"]
    assert history.commit([Erase("dev", 1, None), Erase("dev", 1, None)]) == [Done(), Missing()]


def test_a_topic_that_was_taken_out_is_told_again(history: History) -> None:
    """Whoever does the work again, since the one that did it died over it, is told as much of topics as that one."""
    history.commit(
        [
            msgspec.structs.replace(said("hers"), kind="topic"),
            msgspec.structs.replace(said("his", author="bob"), kind="topic"),
            said("his too", author="bob", room="dev"),
        ]
    )
    told = [history.commit([Disown("bob", "somebody")]) for _ in range(2)]

    assert [[outcome.topics for outcome in outcomes if isinstance(outcome, Disowned)] for outcomes in told] == [
        [{"lobby": "hers"}],
        [{"lobby": "hers", "dev": ""}],
    ]


# --- all or none ----------------------------------------------------------------------------------------------
def test_together_is_one_change(history: History) -> None:
    """The outcome is that of the entry; without one it is that it is done."""
    both = Together((said("a"), Put("member", "x", b"1"), Put("member", "y", b"1", expect=0)))

    assert history.commit([both]) == [Appended(1, 0, 0)]
    assert history.commit([Together((Put("member", "x", b"2", expect=1), Put("member", "z", b"1")))]) == [Done()]
    assert history.table("member") == {"x": (b"2", 2), "y": (b"1", 1), "z": (b"1", 1)}


@pytest.mark.parametrize(
    ("change", "outcome"),
    [
        (Put("t", "stands", b"new", expect=0), Conflict("t", "stands", b"old", 1)),
        (Put("t", "absent", b"new", expect=3), Conflict("t", "absent", b"", 0)),
        (Erase("lobby", 9, None), Missing()),
    ],
)
@pytest.mark.parametrize("first", [True, False])
def test_together_is_all_or_none(history: History, change: Put | Erase, outcome: object, first: bool) -> None:
    """What cannot be is told, with the table and name that stood in the way, and nothing of the rest is done."""
    history.commit([Put("t", "stands", b"old")])
    others = (said("a"), Put("t", "other", b"1"))
    changes = (change, *others) if first else (*others, change)

    assert history.commit([Together(changes), said("b")]) == [outcome, Appended(1, 0, 0)]
    assert read(history, after=0) == ["b"]
    assert set(history.table("t")) == {"stands"}


def test_a_repeat_does_nothing_again(history: History) -> None:
    """Where the entry stands already, the rest that was stored with it is not done a second time."""
    both = Together((said("a"), Put("member", "x", b"banned")))
    history.commit([both, Put("member", "x", b"lifted")])

    assert history.commit([both]) == [Appended(1, 0, 0, duplicate=True)]
    assert history.table("member") == {"x": (b"lifted", 2)}
    assert history.commit([Together((said("other", id="id-a"), Put("member", "x", b"banned")))]) == [Reused()]
    assert history.table("member") == {"x": (b"lifted", 2)}


def test_what_belongs_together_sees_what_came_before(history: History) -> None:
    """Of two in one batch that want the same, the second finds what the first left."""
    claim = Together((Put("nick", "alice", b"1", expect=0), Put("invite", "h", b"1", expect=0)))

    assert history.commit([claim, claim]) == [Done(), Conflict("nick", "alice", b"1", 1)]
    assert history.commit([said("a"), Together((said("gone"), Erase("lobby", 1, "alice")))])[-1] == Appended(2, 1, 0)
    assert read(history, after=0) == ["", "gone"]


def test_everything_done_to_somebody_comes_back(reopen: Callable[[], History]) -> None:
    """Target, end, and what an entry is about, after a restart too."""
    history = reopen()
    history.commit([Append("dev", "a", "1", "a", "why", 5, "ban", "bob", target="key-b", until=2**47, about=7)])
    found = reopen().answer(Read("dev", after=0))
    assert isinstance(found, Found)

    (entry,) = found.entries
    assert (entry.to, entry.target, entry.until, entry.about) == ("bob", "key-b", 2**47, 7)


# --- what may be read -----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("where", "texts", "more"),
    [
        ({"after": 0}, ["5", "6", "7", "8"], True),
        ({"after": 6}, ["7", "8", "9", "10"], False),
        ({"before": 99}, ["7", "8", "9", "10"], True),
        ({"before": 9}, ["5", "6", "7", "8"], False),
        ({"before": 7}, ["5", "6"], False),
        ({"before": 5}, [], False),
        ({"before": 2}, [], False),
        ({}, ["5", "6", "7", "8"], True),
    ],
)
def test_nothing_up_to_the_floor_is_read(history: History, where: dict[str, int], texts: list[str], more: bool) -> None:
    """Forwards or backwards; nor is it told that there is more below."""
    history.commit([said(str(number)) for number in range(1, 11)])
    found = history.answer(Read("lobby", limit=4, floor=4, **where))

    assert isinstance(found, Found)
    assert ([entry.text for entry in found.entries], found.more) == (texts, more)


# --- news -----------------------------------------------------------------------------------------------------
def test_news_begin_with_everything(history: History) -> None:
    """The cursor 0 stands before all that was ever stored."""
    history.commit([said("a"), said("b"), said("x", room="dev"), Put("t", "n", b"1"), Trim("lobby", 0, 1, 0)])
    told = news(history, 0)

    assert (told.heads, told.state, told.floors) == ({"lobby": 2, "dev": 1}, [("t", "n", b"1", 1)], {"lobby": 1})


def test_news_are_what_came_after_the_cursor(history: History) -> None:
    """Rooms in which something was stored or trimmed and values that were set, as they stand; whatever set them."""
    history.commit([said("a"), said("x", room="dev"), Put("t", "old", b"1"), Put("t", "n", b"1")])
    first = news(history, 0)
    history.commit([said("b")])
    history.commit([Together((said("c"), Put("t", "n", b"2"))), Put("u", "m", b"3")])
    second = news(history, first.after)
    history.commit([Trim("dev", before=9, keep=0, forget=0)])
    third = news(history, second.after)

    # Some of what was told before may be told again.
    assert second.heads.items() >= {"lobby": 3}.items()
    assert {*second.state} >= {("t", "n", b"2", 2), ("u", "m", b"3", 1)}
    assert (third.heads.items() >= {"dev": 1}.items(), third.floors) == (True, {"dev": 1})
    assert third.after > second.after > first.after > 0
