"""The index of words: what every history finds, and that it follows what is stored a few entries at a time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from zchat.broker.history import Append, Erase, Find, FoundIn, History, Index, Indexed, Trim, Trimmed
from zchat.broker.sqlite import SqliteHistory
from zchat.common import limits
from zchat.common.searching import parse_search

from .histories import said, search


def find(history: History, words: str, *readers: str, limit: int = 100, **rooms: int) -> list[str]:
    """The texts that are found, after all was indexed."""
    return [entry.text for _, entry in search(history, words, *readers, limit=limit, **rooms).entries]


# --- the contract of every history ----------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("words", "texts"),
    [
        ("deploy", ["Deploy now", "the deploy, done"]),
        ("now deploy", ["Deploy now"]),
        ("dep*", ["Deploy now", "deployed", "the deploy, done"]),
        ('"the deploy"', ["the deploy, done"]),
        ('"deploy the"', []),
        ('"the dep"*', ["the deploy, done"]),
        ("uber", ["Über Straße"]),
        ("straße", ["Über Straße"]),
        ("привет", ["Привет, мир"]),
        ("missing", []),
        ("42", ["see a-b_c #42"]),
        ("a-b", ["see a-b_c #42"]),
        ("b-a", []),
    ],
)
def test_words_are_found(history: History, words: str, texts: list[str]) -> None:
    """All words, in any order and case, with or without accents; beginnings and phrases as they are typed."""
    history.commit(
        [
            said("Deploy now"),
            said("deployed"),
            said("the deploy, done"),
            said("Über Straße"),
            said("Привет, мир"),
            said("see a-b_c #42"),
        ]
    )

    assert find(history, words) == texts


def test_the_newest_are_found_first_over_all_rooms(history: History) -> None:
    """A page holds the newest, in the order in which they were said, and says whether there is more before."""
    for number in range(6):
        history.commit([said(f"tea {number}", room=f"room-{number % 2}", time=number)])
    page = search(history, "tea", limit=4)
    first = page.entries[0]
    rest = search(history, "tea", limit=4, before=(first[0], first[1].seq))

    assert [entry.text for _, entry in page.entries] == ["tea 2", "tea 3", "tea 4", "tea 5"]
    assert [(room, entry.text) for room, entry in rest.entries] == [("room-0", "tea 0"), ("room-1", "tea 1")]
    assert (page.more, rest.more) == (True, False)


def test_a_page_of_matches_fits_a_frame(history: History) -> None:
    """Long texts make a shorter page."""
    history.commit([said("tea " + str(number) * 16_000) for number in range(9)])
    page = search(history, "tea")

    assert 1 < len(page.entries) < 9
    assert page.more


def test_rooms_are_found_by_their_readers(history: History) -> None:
    """A room of some readers is looked through for them, a room of none for who names it, from a floor on."""
    for time in (1, 2):
        for room, readers in (("open", None), ("@a.b", ("key-a", "key-b")), ("den", ())):
            text = f"tea in {room} {time}"
            history.commit([Append(room, "alice", f"id-{time}", "alice", text, time, readers=readers)])

    assert find(history, "tea", "") == ["tea in open 1", "tea in open 2"]
    assert find(history, "tea", "key-a") == find(history, "tea", "key-b") == ["tea in @a.b 1", "tea in @a.b 2"]
    assert find(history, "tea", "key-c") == find(history, "tea", "key") == []
    assert find(history, "tea", "", den=0) == ["tea in open 1", "tea in den 1", "tea in open 2", "tea in den 2"]
    assert find(history, "tea", den=1) == ["tea in den 2"]
    assert find(history, "tea", nowhere=0) == []


def test_what_is_gone_is_not_found(history: History) -> None:
    """What was erased or trimmed is not found from that moment on, whether or not it was indexed."""
    history.commit([said("tea one"), said("tea two")])
    assert find(history, "tea") == ["tea one", "tea two"]
    history.commit(
        [said("tea three"), said("tea four"), said("tea five"), Erase("lobby", 1, None), Erase("lobby", 3, None)]
    )
    assert find(history, "tea") == ["tea two", "tea four", "tea five"]
    history.commit([Trim("lobby", before=0, keep=1, forget=0)])

    assert find(history, "tea") == ["tea five"]
    history.commit([Trim("lobby", before=9, keep=0, forget=0), said("tea six")])
    assert find(history, "tea") == ["tea six"]


def test_what_is_indexed_survives_a_restart(reopen: Callable[[], History]) -> None:
    """Nothing is found twice or not at all, wherever the indexing stopped."""
    history = reopen()
    history.commit([said("tea 1"), said("tea 2"), said("tea 3")])
    history.commit([Index(2)])
    history.close()
    history = reopen()
    history.commit([said("tea 4")])

    assert find(history, "tea") == ["tea 1", "tea 2", "tea 3", "tea 4"]


# --- the file -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("trim", [False, True])
def test_words_that_were_removed_are_nowhere_in_the_file(tmp_path: Path, trim: bool) -> None:
    """Some steps after a message was deleted or trimmed, the index holds its words no more, though it holds others."""
    history = SqliteHistory(tmp_path / "history.sqlite")
    history.commit([said("verysecretword", id="1"), said("kept words", id="2"), Index(9)])
    history.commit([Trim("lobby", 0, 1, 0) if trim else Erase("lobby", 1, None)])
    steps = 0
    while history.commit([Index(9)]) != [Indexed(0)]:
        steps += 1
    assert 0 < steps < 20
    assert find(history, "kept") == ["kept words"]
    history.close()

    assert not any(b"verysecret" in path.read_bytes() for path in tmp_path.iterdir())


def test_long_texts_are_indexed_and_removed_a_few_at_a_time() -> None:
    """However many entries may be dealt with at once, of their texts it is a quarter of a megabyte at most."""
    history = SqliteHistory(":memory:")
    fit = limits.INDEX_BYTES // limits.MESSAGE_BYTES
    text = ("tea " * limits.MESSAGE_BYTES)[: limits.MESSAGE_BYTES]
    history.commit([Append("open", "k", f"id-{n}", "k", text, n) for n in range(2 * fit + 1)])

    assert [history.commit([Index(1_000)]) for _ in range(3)] == [[Indexed(fit + 1)], [Indexed(1)], [Indexed(0)]]
    trim = Trim("open", before=0, keep=1, forget=0)
    assert [history.commit([trim]) for _ in range(2)] == [[Trimmed(fit, True)], [Trimmed(2 * fit, True)]]
    assert history.commit([trim]) == [Trimmed(2 * fit, False)]
    assert len(search(history, "tea").entries) == 1
    history.close()


def test_many_rooms_are_indexed_a_few_at_a_time() -> None:
    """A step looks at no more rooms than it takes entries, whoever else waits; in the end all is found."""
    history = SqliteHistory(":memory:", patience=60)
    history.commit([said("tea", id=f"{number}", room=f"room-{number}") for number in range(500)])
    asked: list[str] = []
    history._db.set_trace_callback(asked.append)
    (first,) = history.commit([Index(10)])
    history._db.set_trace_callback(None)
    history.commit([said("tea", id="more", room="room-0")])
    left = [first.left]  # type: ignore[union-attr]
    while left[-1]:
        left.append(history.commit([Index(100)])[0].left)  # type: ignore[union-attr]
    found = find(history, "tea", "", limit=1_000)
    history.close()

    assert sum("FROM entry" in statement for statement in asked) <= 20
    assert left == [490, 391, 291, 191, 91, 0]
    assert len(found) == 501


def test_a_room_that_is_flooded_keeps_no_other_from_being_indexed() -> None:
    """Rooms take turns: what was said in another is findable soon, though more comes to this one than is indexed."""
    history = SqliteHistory(":memory:", patience=60)
    ids = iter(range(1_000))

    def flood() -> None:
        numbers = [next(ids) for _ in range(50)]
        history.commit([Append("flooded", "key", str(number), "nick", "noise", number) for number in numbers])

    flood()
    history.commit([Append("quiet", "key", "tea", "nick", "tea", 50)])
    for _ in range(4):
        flood()
        history.commit([Index(20)])
    found = history.answer(Find(parse_search("tea"), ("",), {}, limit=9))
    history.close()

    assert isinstance(found, FoundIn)
    assert [room for room, _ in found.entries] == ["quiet"]
