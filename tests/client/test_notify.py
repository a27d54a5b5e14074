"""Bell and desktop notification."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from zchat.client.notify import INTERVAL, Notifier, command, sequence
from zchat.client.told import Alert

ALERT = Alert("bob", "look; here\x1b]0;title\x07\nnow", "dev")
SAFE = "look, here\u241b]0,title\u2407\u2424now"


@pytest.mark.parametrize(
    ("environ", "told"),
    [
        ({"KITTY_WINDOW_ID": "1"}, f"\x1b]99;;bob in dev: {SAFE}\x1b\\"),
        ({"TERM_PROGRAM": "WezTerm"}, f"\x1b]9;bob in dev: {SAFE}\x1b\\"),
        ({"VTE_VERSION": "7600"}, f"\x1b]777;notify;bob in dev;{SAFE}\x1b\\"),
        ({"VTE_VERSION": "7600", "TMUX": "/tmp/x"}, None),
        ({"TERM_PROGRAM": "Apple_Terminal"}, None),
        ({"TERM": "xterm-256color"}, None),
    ],
)
def test_only_terminals_that_can_are_told_to_notify(environ: dict[str, str], told: str | None) -> None:
    """In their own way, and with nothing in it that ends it or does something else."""
    assert sequence(ALERT, environ) == told


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
