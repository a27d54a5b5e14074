"""The checker finds what it is there for: a judgement that never says no is worth nothing."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from math import inf

import pytest

from .checker import Line, Record, Report, judge, longest_gap, recovery

A1, B1, A2 = (Line(text, seq, f"id-{seq}", "room") for seq, text in enumerate(("a says 1", "b says 1", "a says 2"), 1))


def whole() -> Record:
    """A conversation in which nothing went wrong."""
    return Record(
        sent={"a": ["a says 1", "a says 2"], "b": ["b says 1"]},
        acked=[A1, B1, A2],
        shown={"tail": [A1, B1, A2], "person": [Line(line.text) for line in (A1, B1, A2)]},
        history=[A1, B1, A2],
    )


def test_a_whole_conversation_has_no_faults() -> None:
    """What was acked is there once, and everybody shows it in its order."""
    verdict = judge(whole())

    assert verdict.acked == 3
    assert verdict.faults == []


def test_who_came_later_need_not_show_what_was_before() -> None:
    """A reader's view begins where the reader did."""
    told = whole()
    told.shown["late"] = [Line(A2.text)]
    told.began["late"] = 2

    assert judge(told).faults == []


def lost_in_the_history(told: Record) -> None:
    told.history.remove(B1)
    told.shown = {}


def stored_elsewhere(told: Record) -> None:
    told.acked[1] = dataclasses.replace(B1, seq=7)


def not_shown(told: Record) -> None:
    told.shown["person"].pop()


def stored_twice(told: Record) -> None:
    told.history.append(dataclasses.replace(A2, seq=4))


def shown_twice(told: Record) -> None:
    told.shown["tail"].append(A2)


def shown_in_another_order(told: Record) -> None:
    told.shown["person"].reverse()


def shown_with_another_sequence(told: Record) -> None:
    told.shown["tail"][2] = dataclasses.replace(A2, seq=4)


def an_author_overtaken(told: Record) -> None:
    told.history = [dataclasses.replace(line, seq=seq) for seq, line in enumerate((A2, B1, A1), 1)]
    told.shown, told.acked = {}, []


def sequences_that_fall(told: Record) -> None:
    told.history = [A1, A2, dataclasses.replace(B1, seq=2)]
    told.shown, told.acked = {}, []


def made_up_by_the_broker(told: Record) -> None:
    told.history.append(Line("c says 1", 4, "id-4", "room"))
    told.shown = {}


def made_up_by_a_reader(told: Record) -> None:
    told.shown["person"].append(Line("c says 1"))


def shown_and_not_kept(told: Record) -> None:
    told.sent["a"].append("a says 3")
    told.shown["person"].append(Line("a says 3"))


@pytest.mark.parametrize(
    ("spoil", "kind"),
    [
        (lost_in_the_history, "lost"),
        (stored_elsewhere, "lost"),
        (not_shown, "lost"),
        (stored_twice, "doubled"),
        (shown_twice, "doubled"),
        (shown_in_another_order, "misordered"),
        (shown_with_another_sequence, "misordered"),
        (an_author_overtaken, "misordered"),
        (sequences_that_fall, "misordered"),
        (made_up_by_the_broker, "unsaid"),
        (made_up_by_a_reader, "unsaid"),
        (shown_and_not_kept, "unsaid"),
    ],
)
def test_every_kind_of_fault_is_found(spoil: Callable[[Record], None], kind: str) -> None:
    """Whatever is wrong is counted as what it is."""
    told = whole()
    spoil(told)

    assert getattr(judge(told), kind)


def test_recovery_is_that_of_the_last() -> None:
    """Everybody counts from the end of the fault; who never comes back takes for ever."""
    assert recovery(10.0, {"a": [9.0, 10.5, 11.0], "b": [12.0]}) == 2.0
    assert recovery(10.0, {"a": [10.5], "b": [9.0]}) == inf


def test_the_longest_gap_includes_the_ends() -> None:
    """Nothing at all is a gap as long as the time."""
    assert longest_gap(0.0, 10.0, [[1.0, 4.0, 9.0], [20.0]]) == 10.0
    assert longest_gap(0.0, 10.0, [[1.0, 4.0, 9.0]]) == 5.0


def test_a_report_is_one_row_of_the_table() -> None:
    """Counts of what went wrong by kind, then the worst recovery."""
    row = str(Report("kill -9", 50, judge(whole()), 1.234, ""))

    assert row == "| kill -9 | 50 | 3 | 0 | 0 | 0 | 0 | 1.23 s | - |"
