"""Whatever goes wrong, the guarantees hold afterwards: a few hundred seeds of what `make soak` plays by the million.

A seed that fails is cut down to what matters and shown. The same run comes of the same seed, and a broken product is
found: `test_a_broken_history_is_found` breaks it on purpose.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import pytest

from zchat.broker.history import Append, Appended, Change, Disown, Disowned, Outcome
from zchat.broker.upkeep import FORGOTTEN

from .checker import check
from .performance import Performance
from .script import Event, Script, compose
from .shrink import faults_of, shrink, transcript
from .store import MemoryHistory
from .world import World

SEEDS = 30
"""Of each test of the first kind."""


@pytest.fixture(autouse=True)
def unlogged(caplog: pytest.LogCaptureFixture) -> None:
    """A full disk is logged at every try."""
    caplog.set_level(logging.CRITICAL, "zchat.broker")


@pytest.mark.parametrize("first", range(0, 10 * SEEDS, SEEDS))
def test_whatever_goes_wrong_the_guarantees_hold_after_it(first: int) -> None:
    """After the healing nothing acked is lost or doubled, and all who may read see the history, in order and once."""
    for seed in range(first, first + SEEDS):
        script = compose(seed, (60, 120)[seed % 2])
        faults = faults_of(script)
        assert not faults, transcript(shrink(script, faults[0].promise, seconds=20))


def test_everything_really_goes_wrong() -> None:
    """The seeds above lose, double, cut, starve, crash and restart; and there is something to lose."""
    happened: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    trimmed = forgotten = 0
    for seed in range(50):
        world = Performance(compose(seed)).play()
        happened.update(world.happened)
        kinds.update(entry.kind for shelf in world.disk.shelves.values() for entry in shelf.entries.values())
        happened["commits refused"] += world.history.refused
        trimmed += sum(len(shelf.trimmed) for shelf in world.disk.shelves.values())
        forgotten += len(world.disk.state.get(FORGOTTEN, {}))

    assert set(happened) == {
        "batches begun before the one before is told",
        "broadcasts doubled",
        "broadcasts dropped",
        "broadcasts dropped for a slow reader",
        "commands doubled",
        "commands dropped",
        "commands of a former connection",
        "commits refused",
        "commits that take a while",
        "connections starved",
        "crashes",
        "crashes around a commit",
        "messages judged as one run",
        "orders",
        "partitions",
        "replies doubled",
        "replies dropped",
        "replies dropped for a slow reader",
        "restarts of a client",
    }
    assert {"message", "deleted", "delete", "invite", "kick", "mute", "topic"} <= set(kinds)
    assert kinds["message"] > 2_000
    assert trimmed > 1_000
    assert forgotten > 10


def test_the_same_seed_is_the_same_run() -> None:
    """What everybody has shown is the same, to the last entry and its time."""

    def run() -> list[tuple[str, list[tuple[str, list[int], list[int]]]]]:
        world = Performance(compose(7)).play()
        return [
            (party.slot, [(s.room, [e.seq for e in s.shown], [e.time for e in s.shown]) for s in party.segments])
            for party in world.parties
        ]

    assert run() == run()


# --- the checker ----------------------------------------------------------------------------------------------
class Forgetful(MemoryHistory):
    """Loses the last entry of each room when the broker starts again."""

    def heads(self) -> dict[str, int]:
        for shelf in self.disk.shelves.values():
            entry = shelf.entries.pop(shelf.head)
            del shelf.ids[entry.key, entry.id]
            shelf.head -= 1
        self.disk.shelves = {room: shelf for room, shelf in self.disk.shelves.items() if shelf.head}
        return super().heads()


class Doubling(MemoryHistory):
    """Does not know a repeat."""

    def _repeat(self, append: Append) -> Outcome | None:
        return None


class Backwards(MemoryHistory):
    """Stores the last entry of a batch first."""

    def commit(self, batch: Sequence[Change]) -> list[Outcome]:
        return super().commit(batch[::-1])[::-1]


class Open(MemoryHistory):
    """Makes every private room a public one when the broker is started again."""

    def table(self, table: str) -> dict[str, tuple[bytes, int]]:
        return {
            name: (value.replace(b"\xa7private\xc3", b"\xa7private\xc2"), revision)
            for name, (value, revision) in super().table(table).items()
        }


class Changing(MemoryHistory):
    """Says something else than was said."""

    def _append(self, append: Append) -> Appended:
        words = append.text.upper() if append.kind == "message" else append.text
        return super()._append(
            Append(append.room, append.author, append.id, append.nick, words, append.time, append.kind)
        )


class Remembering(MemoryHistory):
    """Erases nobody's words."""

    def _disown(self, disown: Disown) -> Disowned:
        return Disowned(0, None, {})


@pytest.mark.parametrize(
    ("history", "promise"),
    [
        (Forgetful, "what was acked is stored"),
        (Forgetful, "no history is lost"),
        (Doubling, "each id stands in the history once"),
        (Backwards, "an author's order is kept"),
        (Open, "what must never happen"),
        (Open, "a restart changes nothing"),
        (Changing, "nothing unsent appears"),
        (Remembering, "who is forgotten has said nothing"),
    ],
)
def test_a_broken_history_is_found(history: type[MemoryHistory], promise: str) -> None:
    """Each kind of harm is told by the promise that it breaks, within a few seeds."""
    found: set[str] = set()
    for seed in range(40):
        try:
            world = Performance(compose(seed), history()).play()
        except Exception:
            continue  # the broker may fall over it too
        found |= {fault.promise for fault in check(world)}
        if promise in found:
            return

    raise AssertionError(f"found {found}")


def test_a_script_that_fails_is_cut_down() -> None:
    """Of a hundred events those remain without which nothing is wrong, and the transcript shows them and the view."""

    def judge(world: World) -> list[object]:
        topics = [shelf.topic for shelf in world.disk.shelves.values() if shelf.topic]
        return [Told("a topic is set") for _ in topics]

    class Told:
        def __init__(self, promise: str) -> None:
            self.promise = promise

        def __str__(self) -> str:
            return self.promise

    script = next(script for seed in range(100) if judge(Performance(script := compose(seed)).play()))
    small = shrink(script, "a topic is set", seconds=20, judge=judge)  # type: ignore[arg-type]

    assert [event.what for event in small.events] == ["arrive", "type"]
    assert "/topic" in transcript(small, judge)  # type: ignore[arg-type]
    assert "a topic is set" in transcript(small, judge)  # type: ignore[arg-type]


def test_parts_of_a_script_are_scripts() -> None:
    """Without its arrivals, or every second event, nothing raises: an event that makes no sense does nothing."""
    script = compose(11)
    for events in (script.events[::2], script.events[20:], ()):
        assert Performance(replace(script, events=events)).play().steps


def test_a_world_without_trouble_is_at_rest_at_once() -> None:
    """One who says something, one who reads it: nothing is wrong, and nothing waits."""
    script = compose(1)
    talk = (
        Event(0.1, 1, "arrive", "alice"),
        Event(0.2, 2, "arrive", "bob"),
        Event(1.0, 3, "say", "alice", ("lobby", "hi")),
    )
    calm: Script = replace(script, events=talk)
    performance = Performance(calm)
    world = performance.play()

    assert performance.at_rest()
    assert check(world) == []
    assert [entry.text for entry in world.slots["bob"].segments[0].shown] == ["hi"]
