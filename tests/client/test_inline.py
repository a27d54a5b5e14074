"""What is drawn on a terminal whose size changes."""

from __future__ import annotations

import pytest

from zchat.client.inline import breaks_rows, rows_more


@pytest.mark.parametrize(
    ("widths", "columns", "more"),
    [([], 40, 0), ([0, 7, 40], 40, 0), ([41], 40, 1), ([80, 80, 23], 40, 2), ([250], 40, 6)],
)
def test_rows_that_became_too_long_take_more(widths: list[int], columns: int, more: int) -> None:
    """As many as it takes to show all of each."""
    assert rows_more(widths, columns) == more


def test_some_terminals_cut_rows_off() -> None:
    """Those that are known for it; there nothing moves."""
    assert breaks_rows({"TERM": "xterm-256color"})
    assert not breaks_rows({"TERM": "linux"})
    assert not breaks_rows({"TERM": "xterm-256color", "XTERM_VERSION": "XTerm(390)"})
