"""Bell and desktop notification."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from zchat.client.notify import INTERVAL, Notifier, announcement, command, sequence
from zchat.client.told import Alert

ALERT = Alert("bob", "look; here\x1b]0;title\x07\nnow", "dev")
SAFE = "look, here\u241b]0,title\u2407\u2424now"


@pytest.mark.parametrize(
    ("environ", "told"),
    [
        ({"KITTY_WINDOW_ID": "1"}, f"\x1b]99;;bob in dev: {SAFE}\x1b\\"),
        ({"TERM_PROGRAM": "WezTerm"}, f"\x1b]9;bob in dev: {SAFE}\x1b\\"),
        ({"VTE_VERSION": "7600"}, f"\x1b]777;notify;bob in dev;{SAFE}\x1b\\"),
        ({"TERM": "xterm-kitty"}, f"\x1b]99;;bob in dev: {SAFE}\x1b\\"),
        ({"TERM": "foot-extra"}, f"\x1b]777;notify;bob in dev;{SAFE}\x1b\\"),
        (
            {"VTE_VERSION": "7600", "TMUX": "/tmp/x", "TERM": "tmux-256color"},
            f"\x1bPtmux;\x1b\x1b]777;notify;bob in dev;{SAFE}\x1b\x1b\\\x1b\\",
        ),
        ({"TERM": "tmux-256color", "TMUX": "/tmp/x"}, None),
        ({"VTE_VERSION": "7600", "STY": "1.x"}, None),
        ({"TERM_PROGRAM": "Apple_Terminal"}, None),
        ({"TERM": "xterm-256color"}, None),
    ],
)
def test_only_terminals_that_can_are_told_to_notify(environ: dict[str, str], told: str | None) -> None:
    """In their own way, and with nothing in it that ends it or does something else."""
    assert sequence(ALERT, environ) == told


@given(st.text() | st.text(alphabet="\x1b\x07\x9c\x9d\\;]P\n\r\u202e"), st.sampled_from(["", "/tmp/x"]))
def test_nothing_in_a_notification_ends_it(text: str, tmux: str) -> None:
    """Whatever a nick, a room or a message holds, a terminal gets the one sequence that we made."""
    for environ in ({"KITTY_WINDOW_ID": "1"}, {"TERM_PROGRAM": "WezTerm"}, {"VTE_VERSION": "7600"}):
        told = sequence(Alert(text, text, text), {**environ, "TMUX": tmux})
        assert told is not None
        inner = told.removeprefix("\x1bPtmux;").replace("\x1b\x1b", "\x1b").removesuffix("\x1b\\")
        body = inner.removesuffix("\x1b\\").removeprefix("\x1b]")

        assert not [char for char in body if unicodedata.category(char) in ("Cc", "Cf", "Cs")]


def test_within_tmux_the_desktop_is_surer(tmp_path: Path) -> None:
    """Whether tmux passes anything on cannot be known; without a desktop it gets the sequence."""
    program = tmp_path / "notify-send"
    program.write_text("")
    program.chmod(0o700)
    kitty = {"PATH": str(tmp_path), "KITTY_WINDOW_ID": "1"}
    tmux, desktop = {"TMUX": "/tmp/x"}, {"DISPLAY": ":0"}

    for environ, told, run in (
        (kitty, True, False),
        (kitty | desktop, True, False),
        (kitty | tmux, True, False),
        (kitty | tmux | desktop, False, True),
        (desktop | {"PATH": str(tmp_path)}, False, True),
    ):
        written, argv = announcement(ALERT, environ)
        assert (written.startswith("\a"), len(written) > 1, argv is not None) == (True, told, run)


def test_the_desktop_gets_texts_as_arguments(tmp_path: Path) -> None:
    """Behind the end of all options, and only where there is a desktop and the program."""
    program = tmp_path / "notify-send"
    program.write_text("")
    program.chmod(0o700)
    environ = {"PATH": str(tmp_path), "DISPLAY": ":0"}

    assert command(Alert("bob", "--help; rm"), environ) == [str(program), "--app-name=zchat", "--", "bob", "--help; rm"]
    assert command(ALERT, {"PATH": str(tmp_path)}) is None
    assert command(ALERT, {"PATH": os.devnull, "DISPLAY": ":0"}) is None


def test_many_alerts_ring_once() -> None:
    """Until some time has passed."""
    rung: list[str] = []
    notifier = Notifier(rung.append, {})
    for now in (0.0, 0.1, INTERVAL / 2, INTERVAL, INTERVAL + 0.1):
        notifier.announce(ALERT, now)

    assert rung == ["\a", "\a"]
