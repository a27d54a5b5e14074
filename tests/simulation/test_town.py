"""Whatever goes wrong with several brokers over one history, the guarantees hold after it: seeds of `make soak`."""

from __future__ import annotations

import logging
from collections import Counter

import pytest

from zchat.broker.history import News, Outcome, Question, Told

from .checker import check
from .shrink import faults_of, shrink, transcript
from .town import Hinting, Town, compose_town, stage

SEEDS = 12


@pytest.fixture(autouse=True)
def unlogged(caplog: pytest.LogCaptureFixture) -> None:
    """A full disk is logged at every try."""
    caplog.set_level(logging.CRITICAL, "zchat.broker")


@pytest.mark.parametrize("first", range(0, 5 * SEEDS, SEEDS))
def test_several_brokers_are_one_chat_whatever_goes_wrong(first: int) -> None:
    """They crash, are stopped or cut from the history; nothing is lost, doubled or told in another order."""
    for seed in range(first, first + SEEDS):
        script = compose_town(seed, (60, 120)[seed % 2])
        faults = faults_of(script)
        assert not faults, transcript(shrink(script, faults[0].promise, seconds=20))


def test_brokers_really_fail_and_clients_really_move() -> None:
    """The seeds above crash and stop brokers, and clients are at each of them."""
    happened: Counter[str] = Counter()
    for seed in range(10):
        town = stage(compose_town(seed)).play()
        happened.update(town.happened)
        happened.update(f"at {town.stations.index(party.world)}" for party in town.parties)

    assert {"crashes", "crashes around a commit", "brokers stopped", "at 0", "at 1", "at 2"} <= set(happened)


class Forgetful(Hinting):
    """Leaves out of its news what was said in one room."""

    def answer(self, question: Question) -> Outcome:
        outcome = super().answer(question)
        if isinstance(question, News) and isinstance(outcome, Told):
            return Told(outcome.after, outcome.state, {**outcome.heads, "lobby": 0}, outcome.floors)
        return outcome


class Unruly(Hinting):
    """Leaves out of its news who may do what."""

    def answer(self, question: Question) -> Outcome:
        outcome = super().answer(question)
        if isinstance(outcome, Told):
            state = [row for row in outcome.state if row[0] != "member"]
            return Told(outcome.after, state, outcome.heads, outcome.floors)
        return outcome


@pytest.mark.parametrize(
    ("library", "promise"),
    [(Forgetful, "heads agree"), (Unruly, "a restart changes nothing")],
)
def test_a_history_that_leaves_something_out_is_found(library: type[Hinting], promise: str) -> None:
    """By the promise that it breaks, within a few seeds."""

    class Broken(Town):
        pass

    Broken.library = library
    found: set[str] = set()
    for seed in range(60):
        found |= {fault.promise for fault in check(stage(compose_town(seed), Broken).play())}
        if promise in found:
            return

    raise AssertionError(f"found {found}")
