"""Bell and desktop notification for what one does not want to miss.

Owns how a terminal or a desktop is told, and how often. Does not know what is worth it (`screen_chat`). Used by the
input thread.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Mapping

from ..common.text import clean, cut
from .told import Alert

INTERVAL = 1.0
"""Seconds between two of them at least."""
TEXT_CELLS = 200


def title_and_text(alert: Alert) -> tuple[str, str]:
    """What a notification says; nothing in it does anything to a terminal."""
    where = f" in {alert.room}" if alert.room else ""
    return cut(clean(f"{alert.nick}{where}"), 80), cut(clean(alert.text), TEXT_CELLS)


def sequence(alert: Alert, environ: Mapping[str, str]) -> str | None:
    """What tells a terminal to notify; None when it is not known to be able to.

    Terminals differ (OSC 9, 777 or 99), and others show what they do not know, so only those in this list are told.
    tmux passes on what is wrapped for it, if its `allow-passthrough` is on; screen keeps everything to itself.
    """
    title, text = (part.replace(";", ",") for part in title_and_text(alert))
    if environ.get("STY"):
        return None
    told = {
        "99": f"\x1b]99;;{title}: {text}\x1b\\",
        "9": f"\x1b]9;{title}: {text}\x1b\\",
        "777": f"\x1b]777;notify;{title};{text}\x1b\\",
    }.get(_understood(environ))
    if told is None or not environ.get("TMUX"):
        return told
    doubled = told.replace("\x1b", "\x1b\x1b")
    return f"\x1bPtmux;{doubled}\x1b\\"


def _understood(environ: Mapping[str, str]) -> str:
    """The number of the OSC by which this terminal notifies, "" if none is known.

    By what terminals tell every program, and what is still known of them within tmux or at the end of an ssh.
    """
    term, program = environ.get("TERM", ""), environ.get("TERM_PROGRAM")
    if environ.get("KITTY_WINDOW_ID") or term == "xterm-kitty":
        return "99"
    if program in ("iTerm.app", "WezTerm", "ghostty") or environ.get("LC_TERMINAL") == "iTerm2":
        return "9"
    if environ.get("WEZTERM_PANE") or environ.get("GHOSTTY_RESOURCES_DIR") or term == "xterm-ghostty":
        return "9"
    return "777" if environ.get("VTE_VERSION") or term.startswith("foot") else ""


def command(alert: Alert, environ: Mapping[str, str]) -> list[str] | None:
    """The program that notifies, with its arguments; None when there is no desktop or none is installed."""
    if not (environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY")):
        return None
    program = shutil.which("notify-send", path=environ.get("PATH"))
    return None if program is None else [program, "--app-name=zchat", "--", *title_and_text(alert)]


def announcement(alert: Alert, environ: Mapping[str, str]) -> tuple[str, list[str] | None]:
    """What is written to the terminal, with its bell, and the program that is run, if one is."""
    told, argv = sequence(alert, environ), command(alert, environ)
    if told is None or (argv is not None and environ.get("TMUX")):
        return "\a", argv  # whether tmux passes anything on is not known
    return f"\a{told}", None


class Notifier:
    """Announces alerts, not more than one at a time; `write` puts bytes on the terminal as they are."""

    def __init__(self, write: Callable[[str], None], environ: Mapping[str, str]) -> None:
        self._write = write
        self._environ = environ
        self._last = -INTERVAL
        self._running: subprocess.Popen[bytes] | None = None

    def announce(self, alert: Alert, now: float) -> None:
        """Ring, and notify; `now` is in monotonic seconds."""
        if now - self._last < INTERVAL:
            return
        self._last = now
        written, argv = announcement(alert, self._environ)
        self._write(written)
        if argv is not None and (self._running is None or self._running.poll() is not None):
            self._running = _start(argv)


def _start(argv: list[str]) -> subprocess.Popen[bytes] | None:
    nothing = subprocess.DEVNULL
    try:
        return subprocess.Popen(argv, stdin=nothing, stdout=nothing, stderr=nothing)
    except OSError:
        return None
