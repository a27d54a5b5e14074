"""What a screen's scrollback looks like, at any width."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

import pytest
from hypothesis import given, settings, strategies as st

from zchat.client.layout import FSI, PDI, TIME_CELLS, Layout, Row, nick_style, text_column
from zchat.client.told import Kind, Told
from zchat.common.text import width

from ..zones import zone

NOW = 1_795_259_220_000
"""Saturday, 21 November 2026, 11:07 UTC."""
DAY = 86_400_000
WIDTHS = (40, 80, 200)


@pytest.fixture(autouse=True, scope="module")
def here() -> Iterator[None]:
    """A place whose clocks show UTC."""
    with zone("UTC0"):
        yield


def plain(row: Row) -> str:
    """A row without its styles."""
    return "".join(text for _, text in row)


def rows(told: Told, columns: int = 80, layout: Layout | None = None) -> list[str]:
    """The rows of one thing told today."""
    return [plain(row) for row in (layout or Layout()).rows(told, columns, NOW)]


def said(text: str, nick: str = "alice", **more: object) -> Told:
    """A message of today."""
    return Told("message", text, NOW, nick, "key", **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("columns", WIDTHS)
def test_nicks_end_and_texts_begin_in_one_column(columns: int) -> None:
    """Whoever speaks and however long: each text stands at the same place, its further rows too."""
    cells = text_column(columns) - TIME_CELLS - 2
    first, *others = rows(said(" ".join(["words"] * 60)), columns)

    assert first.startswith(f"11:07 {'alice'.rjust(cells)}: words")
    assert others
    assert all(re.fullmatch(rf" {{{text_column(columns)}}}words.*", row) for row in others)
    assert rows(Told("event", "bob joined", NOW), columns)[0] == f"11:07 {'--'.rjust(cells + 1)} bob joined"
    assert rows(Told("me", "waves", NOW, "bob"), columns)[0] == f"11:07 {'*'.rjust(cells + 1)} bob waves"


def test_the_lines_of_a_message_stand_below_each_other() -> None:
    """Only the first has a name; empty ones stay."""
    assert rows(said("one\n\ntwo")) == [
        "11:07        alice: one",
        "                    ",
        "                    two",
    ]


def test_a_long_name_stands_alone_in_its_row() -> None:
    """So that its text begins where texts begin."""
    assert rows(said("hi", "n" * 24), 40) == [f"11:07 {'n' * 24}:", " " * 16 + "hi"]


def test_in_a_narrow_terminal_texts_stand_below_the_names() -> None:
    """A few cells beside a name would break every word; 20 columns are enough to read."""
    assert rows(said("hello from a small screen", mention=True), 20) == [
        "11:07@alice:",
        "    hello from a",
        "    small screen",
    ]
    assert rows(Told("notice", "You joined lobby.", NOW), 20) == ["11:07 --", "    You joined", "    lobby."]
    assert rows(said("hello from a small screen"), 31)[0] == "11:07 alice:"
    assert rows(said("hello from a small screen"), 32)[0] == "11:07    alice: hello from a"


def test_a_private_message_outside_of_its_place_tells_to_whom_it_went() -> None:
    """By both names, in a style of its own."""
    told = said("psst", "bob", to="al")
    (row,) = Layout().rows(told, 80, NOW)

    assert plain(row) == "11:07    bob -> al: psst"
    assert row[-1] == ("class:private", "psst")


def test_a_mention_stands_out() -> None:
    """By its style, without taking the colour of the name; where there are no colours by a sign, too."""
    (row,) = Layout().rows(said("hello", mention=True), 80, NOW)

    assert plain(row).startswith("11:07@ ")
    assert row[-1] == ("class:mention", "hello")
    assert row[2][0] == f"class:mention {nick_style('key')}"


def test_what_was_searched_for_is_marked() -> None:
    """Also where it is broken over two rows."""
    text = "bob: " + "x" * 30 + " find me here"
    marks = ((0, 3), (text.index("find"), text.index(" here")))
    shown = Layout().rows(Told("text", text, marks=marks), 40, NOW)

    assert ["".join(text for style, text in row if style == "class:mark") for row in shown] == ["bob", "find me"]
    assert [plain(row) for row in shown] == ["  bob: " + "x" * 30, "      find me here"]
    broken = Layout().rows(Told("text", "a " * 15 + "find me", marks=((30, 37),)), 38, NOW)
    assert [text for row in broken for style, text in row if style == "class:mark"] == ["find", "me"]


def test_a_day_line_stands_where_the_day_changes() -> None:
    """Not above what is told today; with the year when that is another."""
    layout = Layout()
    days = [NOW, NOW - DAY, NOW - DAY, NOW, NOW - 400 * DAY]
    shown = [rows(Told("event", "x", day), 80, layout)[:-1] for day in days]

    assert shown == [
        [],
        ["── Friday 20 November ──"],
        [],
        ["── Saturday 21 November ──"],
        ["── Friday 17 October 2025 ──"],
    ]


def test_a_name_from_right_to_left_turns_nothing_around_it() -> None:
    """It stands in an isolate, as its text does."""
    (row,) = rows(said("שלום alice", "דוד"))

    assert row == f"11:07          {FSI}דוד{PDI}: {FSI}שלום alice{PDI}"


def test_colours_are_made_of_the_key_alone() -> None:
    """The same for one key whatever the name and the text; many keys use all of them."""
    same = {plain(row[2:3]): row[2][0] for nick in ("alice", "bob") for row in Layout().rows(said("x", nick), 80, NOW)}

    assert len(set(same.values())) == 1
    assert len({nick_style(str(number)) for number in range(200)}) == 12


@settings(max_examples=300, deadline=None)
@given(
    kind=st.sampled_from(["message", "me", "event", "notice", "text", "rule"]),
    text=st.text(st.one_of(st.characters(), st.sampled_from("\x1b\n\t 世😀\u0301\u202e\u05d0")), max_size=150),
    nick=st.text(max_size=30),
    to=st.one_of(st.just(""), st.text(max_size=30)),
    columns=st.integers(16, 250),
)
def test_no_row_is_wider_than_the_screen_or_more_than_text(
    kind: Kind, text: str, nick: str, to: str, columns: int
) -> None:
    """Whatever is said by whomever: every row fits, holds no control character, and only the first has a time."""
    texts = rows(Told(kind, text, NOW, nick, "k", to), columns)

    for row in texts:
        bare = row.replace(FSI, "").replace(PDI, "")
        assert width(bare) < columns
        assert not [c for c in bare if unicodedata.category(c) in ("Cc", "Cs") or c in "\u202a\u202b\u202d\u202e"]
    if kind in ("message", "me", "event", "notice"):
        lead = " " * text_column(columns)
        assert texts[0].startswith("11:07 ")
        assert all(row.startswith(lead) for row in texts[1:])
