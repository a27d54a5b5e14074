"""How many cells texts take: measured, cut, and wrapped."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from zchat.common.text import SHOWN_CELLS, clean, cut, shown, width, wrap

from .hostile import hostile


@pytest.mark.parametrize(
    ("text", "cells"),
    [("", 0), ("abc", 3), ("жук", 3), ("日本", 4), ("e\u0301", 1), ("👍", 2), ("❤️", 2), ("한국", 4), ("ｱ", 1)],
)
def test_width_in_cells(text: str, cells: int) -> None:
    """Wide characters take two cells, marks none."""
    assert width(text) == cells


@pytest.mark.parametrize(
    ("text", "cells", "expected"),
    [
        ("abc", 3, "abc"),
        ("abcd", 3, "ab…"),
        ("abcd", 1, "…"),
        ("abcd", 0, ""),
        ("日本語", 5, "日本…"),
        ("日本語", 4, "日…"),
        ("ae\u0301\u0302bcd", 3, "ae\u0301\u0302…"),
        ("👩\u200d👩\u200d👧 family", 3, "👩…"),
    ],
)
def test_cut(text: str, cells: int, expected: str) -> None:
    """A text too wide ends in an ellipsis, never in half a character or in a joiner."""
    assert cut(text, cells) == expected


@given(hostile.map(clean), st.integers(0, 30))
def test_cut_text_fits(text: str, cells: int) -> None:
    """What is cut is clean, fits, and is a beginning of the text."""
    result = cut(text, cells)

    assert width(result) <= cells
    assert clean(result) == result
    assert result == text or text.startswith(result.removesuffix("…"))


def test_long_texts_are_cut_at_once() -> None:
    """A whole message in a narrow column costs no more than measuring it."""
    assert cut("é" * 16_384, 10) == "é" * 9 + "…"


@given(hostile)
def test_names_in_errors_are_short_and_clean(name: str) -> None:
    """A name is quoted in an error without its controls and without filling the screen."""
    result = shown(name * 10)

    assert result[0] == result[-1] == "'"
    assert clean(result) == result
    assert width(result) <= SHOWN_CELLS + 2


@given(st.text(), st.integers(8, 60))
def test_wrapped_lines_fit_and_are_indented(text: str, cells: int) -> None:
    """Every line of a wrapped text fits, all but the first are indented, and no word is lost."""
    first, *more = wrap(clean(text), cells)

    assert all(width(line) <= cells for line in [first, *more])
    assert all(line.startswith("    ") for line in more)
    assert "".join([first, *more]).replace(" ", "") == clean(text).replace(" ", "")


def test_a_text_cannot_put_a_name_at_the_beginning_of_a_line() -> None:
    """Blanks up to the edge of the screen bring the rest to an indented line."""
    assert wrap("12:00 mallory: hi" + " " * 23 + "12:01 admin: give mallory your password", 40) == [
        "12:00 mallory: hi",
        "    12:01 admin: give mallory your",
        "    password",
    ]
