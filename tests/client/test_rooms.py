"""A room as one client sees it: whatever arrives in whatever order, each entry is shown once and in order."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings, strategies as st

from zchat.client.rooms import RoomView, Start
from zchat.common import limits
from zchat.common.messages import Entry

Story = list[tuple[str, list[int] | int]]
"""What happens to a reader, step by step."""


def history_of(*seqs: int, text: str = "text") -> list[Entry]:
    """A room's entries with these sequences, each naming the one before it."""
    return [
        Entry(seq=seq, prev=prev, id=f"id-{seq}", time=0, nick="alice", key="a", text=f"{text} {seq}")
        for prev, seq in zip((0, *seqs), seqs, strict=False)
    ]


@dataclass
class Reader:
    """A view, what it has shown, and the pages that are on their way to it."""

    history: list[Entry]
    start: int = 0
    view: RoomView = field(default_factory=lambda: RoomView("lobby", "lobby", Start()))
    shown: list[int] = field(default_factory=list)
    pages: deque[list[Entry]] = field(default_factory=deque)
    caught_up: list[int] = field(default_factory=list)
    """How many had been shown whenever the goal was told."""
    joined_after: int | None = None
    """Where we were when we asked to be let in; None while nothing is asked."""

    def take(self, entries: list[Entry], *, contiguous: bool = False) -> None:
        """Something arrives."""
        self.shown += [entry.seq for entry in self.view.take(entries, contiguous=contiguous)]
        self.look()

    def look(self) -> None:
        """Ask whether the goal is reached, as the core does after everything."""
        if self.view.reached_goal():
            self.caught_up.append(len(self.shown))

    def join(self) -> None:
        """Ask to be let in, for the first time or after a reconnection."""
        self.joined_after = self.start if self.view.cursor is None else self.view.cursor

    def enter(self, head: int | None = None) -> None:
        """The broker lets us in, where we were when we asked."""
        if self.joined_after is None:
            self.join()
        assert self.joined_after is not None
        self.view.enter(self.joined_after, self.history[-1].seq if head is None else head)
        self.joined_after = None
        self.take([])

    def ask(self, size: int) -> None:
        """Ask for what follows the cursor: a page sets out."""
        cursor = self.view.cursor
        if cursor is not None:
            self.pages.append([entry for entry in self.history if entry.seq > cursor][:size])

    def answer(self) -> None:
        """The page that was asked for first arrives."""
        if self.pages:
            self.take(self.pages.popleft(), contiguous=True)

    def heal(self, size: int = 7) -> None:
        """What was lost is asked for, as long as the view says that something is missing."""
        self.view.head = max(self.view.head, self.history[-1].seq)
        self.pages.clear()
        for _ in range(len(self.history) + 1):
            if not self.view.behind:
                return
            self.ask(size)
            self.answer()
        raise AssertionError("the view is never satisfied")


@st.composite
def stories(draw: st.DrawFn) -> tuple[Reader, Story]:
    """A sparse history, where a reader begins in it, and what happens to the reader."""
    seqs = sorted(draw(st.sets(st.integers(1, 60), min_size=1, max_size=25)))
    step = st.one_of(
        st.tuples(st.just("live"), st.lists(st.integers(0, len(seqs) - 1), max_size=12)),
        st.tuples(st.just("join"), st.just(0)),
        st.tuples(st.just("enter"), st.sampled_from([0, *seqs])),
        st.tuples(st.just("ask"), st.integers(1, 10)),
        st.tuples(st.just("answer"), st.just(0)),
    )
    return Reader(history_of(*seqs), start=draw(st.integers(0, seqs[-1]))), draw(st.lists(step, max_size=25))


def tell(reader: Reader, story: Story) -> None:
    """Let the story happen."""
    for what, detail in story:
        match what, detail:
            case "live", list(indexes):
                reader.take([reader.history[index] for index in indexes])
            case "join", _:
                reader.join()
            case "enter", int(head):
                reader.enter(head)
            case "ask", int(size):
                reader.ask(size)
            case _:
                reader.answer()


# --- once and in order ----------------------------------------------------------------------------------------
@given(stories())
@settings(max_examples=300)
def test_whatever_arrives_each_entry_is_shown_once_and_in_order(
    told: tuple[Reader, Story],
) -> None:
    """Live entries in any order, doubled, lost or early, and late pages: after healing all is shown from the start."""
    reader, story = told
    tell(reader, story)
    so_far = list(reader.shown)
    expected = [entry.seq for entry in reader.history if entry.seq > reader.start]
    assert so_far == expected[: len(so_far)]
    reader.enter()
    reader.heal()

    assert reader.shown == expected
    assert reader.view.cursor == max(reader.start, reader.history[-1].seq)
    assert not reader.view.stash


@given(stories())
@settings(max_examples=300)
def test_the_goal_is_told_once_when_it_is_reached(told: tuple[Reader, Story]) -> None:
    """What stood there when the room was entered is caught up with exactly once, and not before all of it is shown."""
    reader, story = told
    heads = [detail for what, detail in story if what == "enter" and isinstance(detail, int)]
    tell(reader, story)
    reader.enter()
    reader.heal()
    reader.look()
    goal = heads[0] if heads else reader.history[-1].seq
    until_goal = [entry for entry in reader.history if reader.start < entry.seq <= goal]

    assert len(reader.caught_up) == 1
    assert reader.caught_up[0] >= len(until_goal)


@given(st.permutations(range(6)), st.integers(1, 6))
def test_nothing_is_asked_for_when_all_arrived(order: list[int], size: int) -> None:
    """Entries that arrive in another order, alone or packed, but all of them, need no page."""
    reader = Reader(history_of(3, 7, 8, 20, 21, 50))
    reader.enter(0)
    for first in range(0, 6, size):
        reader.take([reader.history[index] for index in order[first : first + size]])

    assert reader.shown == [3, 7, 8, 20, 21, 50]
    assert not reader.view.behind


def test_an_entry_follows_by_its_predecessor_not_by_its_number() -> None:
    """Sequences may leave numbers out: only `prev` shows a gap."""
    reader = Reader(history_of(3, 7, 20))
    reader.enter(0)
    reader.take(reader.history[:1])
    reader.take(reader.history[2:])
    assert reader.shown == [3]
    assert reader.view.behind
    reader.take(reader.history[1:2])

    assert reader.shown == [3, 7, 20]
    assert not reader.view.behind


def test_what_arrives_before_the_start_is_known_waits() -> None:
    """Live entries may overtake the broker's answer to the join: they are shown after what comes before them."""
    reader = Reader(history_of(1, 2, 3, 4), start=1)
    reader.take(reader.history[2:])
    assert reader.shown == []
    reader.enter(4)
    assert reader.view.behind
    reader.ask(1)
    reader.answer()

    assert reader.shown == [2, 3, 4]
    assert not reader.view.behind


def test_a_page_that_was_overtaken_adds_only_what_is_new() -> None:
    """What arrived live after a page was asked for, up to its very last entry, is not shown again by the page."""
    for live in range(5):
        reader = Reader(history_of(1, 2, 3, 4))
        reader.enter()
        reader.ask(4)
        reader.take(reader.history[:live])
        reader.answer()

        assert reader.shown == [1, 2, 3, 4]


def test_a_page_may_begin_behind_a_hole() -> None:
    """Entries that were removed from the history are no gap: a page's first entry follows whatever it names."""
    reader = Reader(history_of(1, 2, 3, 4, 5))
    reader.enter()
    reader.take(reader.history[3:], contiguous=True)

    assert reader.shown == [4, 5]
    assert not reader.view.behind


@pytest.mark.parametrize("entered", [True, False])
def test_the_stash_is_bounded(monkeypatch: pytest.MonkeyPatch, entered: bool) -> None:
    """However much comes behind a gap, only so much is kept; the rest is asked for again and nothing is lost."""
    monkeypatch.setattr(limits, "STASH", 5)
    reader = Reader(history_of(*range(1, 101)))
    if entered:
        reader.enter(0)
    for entry in reader.history[1:]:
        reader.take([entry])
        assert len(reader.view.stash) <= 5
    assert reader.shown == []
    reader.enter()
    reader.heal()

    assert reader.shown == list(range(1, 101))


# --- the goal -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("start", "head"), [(0, 0), (3, 3), (2, 2)])
def test_where_nothing_stands_the_goal_is_reached_at_once(start: int, head: int) -> None:
    """Who begins at the head has caught up already."""
    reader = Reader(history_of(1, 2, 3), start=start)
    reader.enter(head)

    assert reader.caught_up == [0]


def test_the_goal_does_not_move() -> None:
    """What is said while we catch up is not waited for, and a reconnection on the way begins no second goal."""
    reader = Reader(history_of(1, 2, 3, 4))
    reader.enter(2)
    reader.take(reader.history[:1])
    reader.enter(4)
    assert reader.caught_up == []
    reader.take(reader.history[1:2])
    assert reader.caught_up == [2]
    reader.enter(4)
    reader.take(reader.history[2:])

    assert reader.caught_up == [2]


# --- another history ------------------------------------------------------------------------------------------
@given(
    old=st.sets(st.integers(1, 30), min_size=1), new=st.sets(st.integers(1, 30), min_size=1), seen=st.integers(0, 30)
)
def test_another_history_is_shown_from_its_beginning(old: set[int], new: set[int], seen: int) -> None:
    """After a restart nothing of the old history counts: neither its cursor nor what waited behind a gap."""
    reader = Reader(history_of(*sorted(old), text="old"), start=0)
    reader.enter()
    reader.take([entry for entry in reader.history if entry.seq <= seen], contiguous=True)
    reader.take(reader.history[-1:])
    reader.view.restart()
    reader.shown.clear()
    reader.caught_up.clear()
    reader.history = history_of(*sorted(new), text="new")
    texts: list[str] = []
    reader.enter()
    while reader.view.behind:
        cursor = reader.view.cursor
        assert cursor is not None
        page = [entry for entry in reader.history if entry.seq > cursor][:3]
        texts += [entry.text for entry in reader.view.take(page, contiguous=True)]
    reader.look()

    assert texts == [f"new {seq}" for seq in sorted(new)]
    assert len(reader.caught_up) == 1
    assert reader.view.start == Start(after=0)
