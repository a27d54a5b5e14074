"""Whatever comes, every history says and finds the same."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from hypothesis import Phase, given, settings, strategies as st

from zchat.broker.history import Append, Change, Erase, History, Index, Put, Read, Resolve, Together, Trim
from zchat.broker.postgres import PostgresHistory
from zchat.broker.sqlite import SqliteHistory
from zchat.common import messages as m

from ..postgres import Postgres, emptied
from ..simulation.store import MemoryHistory
from .histories import search

# --- what they find -------------------------------------------------------------------------------------------
TEXTS = st.lists(
    st.sampled_from(["tea", "Tea,", "teapot", "time", "für", "FUR", "x-ray", "10"]), min_size=1, max_size=4
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("say"), st.sampled_from(["open", "den", "@a.b"]), TEXTS.map(" ".join)),
        st.tuples(st.just("erase"), st.sampled_from(["open", "den", "@a.b"]), st.integers(1, 12)),
        st.tuples(st.just("trim"), st.sampled_from(["open", "den", "@a.b"]), st.integers(1, 5)),
        st.tuples(st.just("index"), st.just(""), st.integers(1, 4)),
    ),
    max_size=25,
)
ROOM_READERS: dict[str, tuple[str, ...] | None] = {"open": None, "den": (), "@a.b": ("a", "b")}
WORDS = st.sampled_from(["tea", "te*", "tea tea*", '"tea time"', "fur", "x-ray", "10 tea"])


@given(STEPS, WORDS)
@settings(max_examples=150, deadline=None)
def test_every_history_finds_the_same(steps: list[tuple[str, str, str | int]], words: str) -> None:
    """Whatever is said, erased, trimmed and indexed in between: what is found is what a look at all entries finds."""
    finds_the_same(SqliteHistory(":memory:", patience=60), steps, words)


@given(STEPS, WORDS)
@settings(max_examples=25, deadline=None, phases=set(Phase) - {Phase.shrink})  # each step takes milliseconds
def test_a_database_finds_the_same(postgres: Postgres, steps: list[tuple[str, str, str | int]], words: str) -> None:
    """As above."""
    finds_the_same(PostgresHistory(emptied(postgres.url()), patience=60), steps, words)


def itself(found: tuple[str, m.Entry]) -> tuple[str, int]:
    """The room and sequence of what was found."""
    return found[0], found[1].seq


def finds_the_same(one: History, steps: list[tuple[str, str, str | int]], words: str) -> None:
    """A history finds what that in memory does."""
    histories: list[History] = [one, MemoryHistory()]
    # Rooms take turns at being indexed in parts: then what is found comes only about in the order of time.
    in_parts = any(what == "index" for what, _, _ in steps)
    for time, (what, room, value) in enumerate(steps):
        for history in histories:
            if what == "say":
                append = Append(room, "k", f"id-{time}", "k", str(value), time, readers=ROOM_READERS[room])
                history.commit([append])
            elif what == "index":
                history.commit([Index(int(value))])
            elif what == "erase":
                history.commit([Erase(room, int(value), None)])
            elif history.heads().get(room):
                history.commit([Trim(room, before=0, keep=int(value), forget=0)])
    for readers, rooms in ((("",), {}), (("a",), {}), (("", "b"), {"den": 2}), ((), {"open": 3}), ((), {"den": 0})):
        found = [search(history, words, *readers, limit=100 if in_parts else 3, **rooms) for history in histories]
        entries = [sorted(each.entries, key=itself) if in_parts else each.entries for each in found]
        assert (entries[0], found[0].more) == (entries[1], found[1].more)
    one.close()


# --- what they say --------------------------------------------------------------------------------------------
ROOM = st.sampled_from(["open", "@a.b"])
WHO = st.sampled_from(["a", "b"])
APPEND = st.builds(
    lambda room, who, id_, kind, about: Append(
        room, who, id_, who, f"{kind} {id_}", 0, kind, about=about, choices=("yes", "no") if kind == "ask" else ()
    ),
    *(
        ROOM,
        WHO,
        st.sampled_from("123456"),
        st.sampled_from(["message", "topic", "ask"]),
        st.sampled_from([0, 0, 0, 1]),
    ),
)
PUT = st.builds(Put, st.just("t"), WHO, st.sampled_from([b"1", b"2"]), st.sampled_from([None, 0, 1, 2]))
ERASE = st.builds(Erase, ROOM, st.integers(1, 6), st.sampled_from([None, "a", "b"]))
ANSWER = st.builds(
    lambda room, who, id_, seq, choice: Together(
        (Append(room, who, id_, who, choice, 0, "answer", about=seq), Resolve(room, seq, who, choice))
    ),
    *(ROOM, WHO, st.sampled_from("789"), st.integers(1, 6), st.sampled_from(["yes", "no", "maybe"])),
)
TOGETHER = st.builds(lambda *changes: Together(changes), APPEND, PUT, ERASE)
TRIM = st.builds(Trim, ROOM, st.just(0), st.integers(1, 4), st.sampled_from([-1, 9]))
BATCHES = st.lists(st.lists(st.one_of(APPEND, APPEND, PUT, ERASE, ANSWER, TOGETHER, TRIM), max_size=6), max_size=6)


LOOKS: tuple[Callable[[History], object], ...] = (
    lambda history: history.heads(),
    lambda history: history.floors(),
    lambda history: history.topics(),
    lambda history: history.table("t"),
    lambda history: [history.answer(Read(room, after=0, limit=50)) for room in ("open", "@a.b")],
    lambda history: [history.answer(Read(room, before=4, limit=2)) for room in ("open", "@a.b")],
)


@given(BATCHES)
@settings(max_examples=60, deadline=None, phases=set(Phase) - {Phase.shrink})  # each step takes milliseconds
def test_both_histories_say_the_same(postgres: Postgres, batches: list[list[Change]]) -> None:
    """Whatever comes, together or one after the other: the outcomes, and all that can be read, are those of SQLite."""
    one, other = SqliteHistory(":memory:"), PostgresHistory(emptied(postgres.url()))
    with contextlib.closing(one), contextlib.closing(other):
        for batch in batches:
            known = one.heads()  # a room that is not there is never trimmed
            changes = [change for change in batch if not isinstance(change, Trim) or change.room in known]
            assert one.commit(changes) == other.commit(changes)
        for look in LOOKS:
            assert look(one) == look(other)
