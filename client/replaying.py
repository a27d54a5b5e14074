"""Say again what an export holds, in the rhythm in which it was said.

Owns the rhythm, and what of an entry is said. Does not know files, sockets or clocks (`replay_cli`). Pure; `beats` is
used by the input thread, `Replayer` by the receive thread.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal, cast

from ..common.clock import Now
from ..common.errors import RefusedError
from ..common.exported import ExportedRoom
from ..common.messages import Entry
from ..common.rules import refuse_text
from .actions import Action
from .sending import Sender

SAID = ("message", "me")
"""Kinds that are said again: all else would do something."""


def beats(lines: Iterable[ExportedRoom | Entry], speed: float, longest: float) -> Iterator[tuple[float, str]]:
    """Seconds to wait before each line for `Replayer`; no pause is longer than `longest` of them."""
    before: int | None = None
    for entry in lines:
        if isinstance(entry, Entry) and entry.kind in SAID:
            pause = 0.0 if before is None else (entry.time - before) / 1_000 / speed
            before = entry.time
            yield min(max(0.0, pause), longest), f"{entry.kind} {entry.text}"


class Replayer(Sender):
    """Send each line, which names its kind first, as it comes."""

    def line(self, text: str, now: Now) -> list[Action]:
        """One message, of any number of lines."""
        self._lines += 1
        kind, _, words = text.partition(" ")
        refusal = refuse_text(words)
        if refusal is not None:
            code, detail = refusal
            return self._fail(RefusedError(code, f"Message {self._lines} was not sent. {detail}"))
        return self.core.say(words, now, room=self._room, kind=cast(Literal["message", "me"], kind))
