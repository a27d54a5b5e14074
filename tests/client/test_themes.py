"""Colours."""

from __future__ import annotations

import pytest

from zchat.client.layout import NICK_COLOURS
from zchat.client.settings import BY_NAME
from zchat.client.themes import rules, theme_of


def luminance(colour: str) -> float:
    """Relative luminance of #rrggbb (WCAG 2)."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize(("theme", "background"), [("dark", 0.0), ("light", 1.0)])
def test_all_colours_can_be_read(theme: str, background: float) -> None:
    """With a contrast of at least 4.5 to 1 against black or white, as WCAG 2 asks for."""
    colours = {word for style in rules(theme, 256).values() for word in style.split() if word.startswith("#")}

    assert len(colours) >= NICK_COLOURS
    for colour in colours:
        light, dark = sorted((luminance(colour), background), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5, colour


@pytest.mark.parametrize("theme", BY_NAME["theme"].choices)
@pytest.mark.parametrize("depth", [0, 16, 256])
def test_without_colours_only_forms_are_left(theme: str, depth: int) -> None:
    """With `mono` and where none are wanted; else each name has one."""
    coloured = [style for style in rules(theme, depth).values() if "#" in style or "ansi" in style]

    assert bool(coloured) == (theme != "mono" and depth > 0)
    assert {f"nick.c{number}" for number in range(NICK_COLOURS)} <= rules(theme, depth).keys()


def test_a_terminal_that_tells_its_background_gets_the_theme_for_it() -> None:
    """Dark, if it does not."""
    assert [theme_of({"COLORFGBG": value}) for value in ("0;15", "15;0", "0;default;15", "")] == [
        "light",
        "dark",
        "light",
        "dark",
    ]
    assert theme_of({}) == "dark"
