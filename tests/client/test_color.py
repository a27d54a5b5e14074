"""When there is colour, how much, and whose it is."""

from __future__ import annotations

import pytest

from zchat.client.actions import Print
from zchat.client.color import TRUE, paint, wanted
from zchat.client.output import _rows

KEY, OTHER = "mmg42klgyqzwneiskrelxms3j72bfje4", "vyqwylxver5dpawbgxx2e6nd4tg4meeu"


class Stream:
    """Something to write to."""

    def __init__(self, terminal: bool) -> None:
        self._terminal = terminal

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        return self._terminal


@pytest.mark.parametrize(
    ("terminal", "option", "environ", "depth"),
    [
        (True, "auto", {"TERM": "xterm"}, 16),
        (True, "auto", {"TERM": "xterm-256color"}, 256),
        (True, "auto", {"TERM": "xterm-256color", "COLORTERM": "truecolor"}, TRUE),
        (True, "auto", {"TERM": "xterm-direct"}, TRUE),
        (True, "auto", {"WT_SESSION": "1"}, TRUE),
        (True, "auto", {"TERM": "dumb"}, 0),
        (True, "auto", {}, 0),
        (True, "auto", {"TERM": "xterm", "NO_COLOR": "1"}, 0),
        (True, "auto", {"TERM": "xterm", "NO_COLOR": ""}, 16),
        (False, "auto", {"TERM": "xterm-256color"}, 0),
        (True, "never", {"TERM": "xterm-256color"}, 0),
        (False, "always", {"TERM": "xterm-256color"}, 256),
        (False, "always", {"NO_COLOR": "1"}, 16),
        (True, "always", {"TERM": "dumb"}, 16),
    ],
)
def test_colour_is_for_those_who_want_it(terminal: bool, option: str, environ: dict[str, str], depth: int) -> None:
    """On terminals that have it, unless told otherwise; what is asked for in so many words counts most."""
    assert wanted(Stream(terminal), option, environ) == depth


@pytest.mark.parametrize("depth", [16, 256, TRUE])
def test_a_colour_is_that_of_the_key(depth: int) -> None:
    """The same key has the same colour whatever it is called, another one as a rule another."""
    assert paint("bob", KEY, depth).replace("bob", "eve") == paint("eve", KEY, depth)
    assert paint("bob", KEY, depth) != paint("bob", OTHER, depth)
    assert paint("bob", KEY, 0) == "bob"


def test_only_the_nick_is_coloured_wherever_the_line_is_wrapped() -> None:
    """Escapes take no room on the screen, and JSON has none."""
    line = Print("12:00 bob: " + "hello " * 10, author=(6, 9, KEY))
    plain, coloured = _rows(line, 30, 0), _rows(line, 30, 16)

    assert coloured[1:] == plain[1:]
    assert coloured[0] == plain[0].replace("bob", paint("bob", KEY, 16))
    assert _rows(Print('{"nick":"bob"}'), 30, 16) == ['{"nick":"bob"}']
