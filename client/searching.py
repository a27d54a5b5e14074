"""Finding what was said: the command ``search``, and how what was found is shown, here and in the chat.

Owns asking page by page, and the marks on what was searched for. Does not know what matches (the broker) nor sockets.
Pure; used by the receive thread alone.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from ..common import limits, messages as m
from ..common.clock import Now
from ..common.searching import Term, parse_search, spans
from . import render
from .actions import Action, Answer, End, Notice, Print, Refusal
from .core import ClientCore
from .programs import Quiet

NOTHING = "Nothing was found."
MORE = "There is more; give a larger -n."


def found_lines(matches: Sequence[m.Match], words: str, *, name_room: bool = True) -> list[Print]:
    """What was found as plain lines, with the places of the words that were searched for."""
    terms = parse_search(words)
    return [
        Print(line, marks=_marks(line, len(line) - len(text), terms))
        for match in matches
        for line, text in render.said_lines(match.entry, match.name, name_room=name_room)
    ]


def _marks(line: str, start: int, terms: Sequence[Term]) -> tuple[tuple[int, int], ...]:
    """Where the terms stand in a line from a place on: not in who said it and when."""
    return tuple((start + first, start + last) for first, last in spans(line[start:], terms))


class Finder(Quiet):
    """Print the newest `count` entries that a search finds, the newest last."""

    def __init__(
        self, core: ClientCore, search: m.Search, count: int, *, json: bool = False, timeout: float | None = None
    ) -> None:
        super().__init__(core, timeout=timeout)
        self._search, self._count, self._json = search, count, json
        self._found: list[m.Match] = []

    def begin(self, now: Now) -> list[Action]:
        """The question waits for the connection."""
        return self._ask(now)

    def _ask(self, now: Now) -> list[Action]:
        self._quiet_since = now.mono
        limit = min(self._count - len(self._found), limits.PAGE_ENTRIES)
        return self.core.ask(replace(self._search, limit=limit), now)

    def notice(self, notice: Notice, now: Now) -> list[Action]:
        """A page came; those before it are asked for until there are enough."""
        match notice:
            case Answer(event=m.Matches(matches, more)):
                self._found[:0] = matches
                if more and matches and len(self._found) < self._count:
                    first = matches[0]
                    self._search = replace(self._search, before=first.entry.seq, before_room=first.room)
                    return self._ask(now)
                return [*self._lines(), *self._told(more), *self.core.leave(), End()]
            case Refusal() if self._found:
                return [*self._lines(), *super().notice(notice, now)]  # what is known is not lost with the rest
        return super().notice(notice, now)

    def _lines(self) -> list[Print]:
        if self._json:
            return [Print(render.entry_json(match.entry, match.name, replay=True)) for match in self._found]
        return found_lines(self._found, self._search.words, name_room=self._search.room is None)

    def _told(self, more: bool) -> list[Print]:
        told = NOTHING if not self._found else MORE if more else ""
        return [Print(f"zchat: {told}", aside=True)] if told else []
