"""What a person leaves for the next time: drafts, lines to be found again, and whom they ignore.

Owns these files. Does not know keys (`terminal`). Used by the input thread, but for `IgnoredFile.save`, which is for
the receive thread.

    state/typed/BROKER/NICK.drafts         place → the text that was not sent yet, as JSON, 0600
    state/typed/BROKER/NICK.lines          [place, line], JSON, one a row, 0600
    state/ignored/BROKER                   key → nick of whom one does not want to hear, JSON, 0600

Lines to private partners are not kept, nor commands that hold one. What cannot be read or written is done without.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

from ..common import files, paths
from ..common.names import PRIVATE_MARK, fold
from .commands import find

KEPT_LINES = 1_000
_PRIVATE = frozenset(f"/{word}" for name in ("msg", "reply") for word in (name, *find(name).aliases))
"""Commands that hold a private text, as they may be typed."""
_LONGEST = 4_096
"""A longer text is no line that one looks for again."""


class TypedFiles:
    """Drafts and lines of one nick at one broker, which is named by its fingerprint."""

    def __init__(self, broker: str, nick: str) -> None:
        folder = paths.state() / "typed" / broker
        self._drafts_file = folder / f"{fold(nick)}.drafts"
        self._lines_file = folder / f"{fold(nick)}.lines"
        self._drafts = _load(self._drafts_file)

    @property
    def drafts(self) -> Mapping[str, str]:
        """Place → text."""
        return self._drafts

    def save_drafts(self, drafts: Mapping[str, str]) -> None:
        """Keep these drafts, and those of places that are not among them; an empty one is removed."""
        # Another terminal of this nick may have drafts of its own.
        kept = {place: text for place, text in {**_load(self._drafts_file), **drafts}.items() if text}
        if kept == self._drafts:
            return
        self._drafts = kept
        with contextlib.suppress(OSError):
            if kept:
                files.replace(self._drafts_file, json.dumps(kept).encode())
            else:
                self._drafts_file.unlink(missing_ok=True)

    def lines(self) -> dict[str, list[str]]:
        """Place → lines, the oldest first."""
        rows: list[list[str]] = []
        with contextlib.suppress(OSError):
            for row in self._lines_file.read_bytes().splitlines():
                with contextlib.suppress(msgspec.MsgspecError, UnicodeError):
                    rows.append(list(msgspec.json.decode(row, type=tuple[str, str])))
            if len(rows) > 2 * KEPT_LINES:
                rows = rows[-KEPT_LINES:]
                files.replace(self._lines_file, b"".join(json.dumps(row).encode() + b"\n" for row in rows))
        lines: dict[str, list[str]] = {}
        for place, line in rows[-KEPT_LINES:]:
            lines.setdefault(place, []).append(line)
        return lines

    def add_line(self, place: str, line: str) -> None:
        """Keep a line that was typed, unless it is private."""
        if place.startswith(PRIVATE_MARK) or line.split(" ")[0].lower() in _PRIVATE or len(line) > _LONGEST:
            return
        with contextlib.suppress(OSError):
            files.make_folder(self._lines_file.parent)
            descriptor = os.open(self._lines_file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(json.dumps([place, line]).encode() + b"\n")


class IgnoredFile:
    """Whom one ignores at one broker."""

    def __init__(self, broker: str) -> None:
        self._path = paths.state() / "ignored" / broker

    def load(self) -> dict[str, str]:
        """Key → nick."""
        return _load(self._path)

    def save(self, nicks: Mapping[str, str]) -> None:
        """Write all of it."""
        with contextlib.suppress(OSError):
            files.replace(self._path, json.dumps(dict(nicks)).encode())


def _load(path: Path) -> dict[str, str]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, str])
    except (OSError, msgspec.MsgspecError, UnicodeError):
        return {}
