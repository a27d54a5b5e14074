"""Questions that wait for an answer, in the rooms and private messages of one chat, and what ``/answer`` means.

Owns this short memory. Does not know who may answer, nor what is shown. Pure; used by the receive thread alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..common.errors import InputError
from ..common.messages import Entry
from ..common.names import fold

OTHERWISE = "Take one of them, or name another question by its number: /answer ID CHOICE."
KEPT = 200
"""Questions remembered; the oldest are forgotten, and can still be answered by their number."""


@dataclass(frozen=True, slots=True)
class OpenQuestion:
    """A question of somebody else that nobody has answered yet."""

    room: str | None
    """The room's id; None in private messages with `asker`."""
    asker: str
    seq: int
    id: str
    choices: Sequence[str]

    def chosen(self, typed: str) -> str:
        """The choice that is meant: by its text, in whatever case, or by its number from 0; raises `InputError`."""
        for choice in self.choices:
            if fold(choice) == fold(typed):
                return choice
        if typed.isascii() and typed.isdigit() and int(typed[:3]) < len(self.choices):
            return self.choices[int(typed[:3])]
        raise InputError(f"The choices of [{self.seq}] are {', '.join(self.choices)}. {OTHERWISE}")


class Answers:
    """The open questions of a chat, by their place and sequence."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, int], OpenQuestion] = {}

    def heard(self, place: str, room: str | None, entry: Entry, *, mine: bool) -> None:
        """An entry was shown: a question, or what ends one."""
        if entry.kind == "ask" and not mine:
            self._open[place, entry.seq] = OpenQuestion(room, entry.nick, entry.seq, entry.id, entry.choices)
            if len(self._open) > KEPT:
                del self._open[next(iter(self._open))]
        elif entry.about:
            self._open.pop((place, entry.about), None)

    def choices(self, place: str) -> tuple[str, ...]:
        """What can be answered at a place to the question that is meant without an id."""
        latest = self._latest(place)
        return tuple(latest[0].choices) if latest else ()

    def _latest(self, place: str) -> list[OpenQuestion]:
        """The questions of a place and then all, each the last one first."""
        here = [question for (at, _), question in self._open.items() if at == place]
        return [*here[::-1], *list(self._open.values())[::-1]]

    def meant(self, typed: str, place: str) -> tuple[OpenQuestion | None, str, int]:
        """What ``/answer [ID] CHOICE`` means at a place: question, choice and sequence; raises `InputError`.

        Without an id it is the last question there, or else the last anywhere. Of a number that is not known there is
        no question, but there may be one in the history.
        """
        word, _, rest = typed.partition(" ")
        everywhere = self._latest(place)
        # Ids and choices are their asker's words: neither the id 42 nor the choice "42 yes" may catch the answer to the
        # question with the number 42.
        named = next((each for each in everywhere if word == str(each.seq)), None)
        named = named or next((each for each in everywhere if word == each.id), None)
        if named is not None and any(fold(rest.strip()) == fold(choice) for choice in named.choices):
            return named, named.chosen(rest.strip()), named.seq
        if everywhere and any(fold(typed) == fold(choice) for choice in everywhere[0].choices):
            return everywhere[0], everywhere[0].chosen(typed), everywhere[0].seq
        if rest.strip() and named is not None:
            return named, named.chosen(rest.strip()), named.seq
        if rest.strip() and word.isascii() and word.isdigit():
            return None, rest.strip(), int(word[:18])
        if not typed:
            raise InputError("Which choice? Write /answer and one of the choices behind it.")
        if not everywhere:
            raise InputError("No question is open here. Name one by its number: /answer ID CHOICE.")
        return everywhere[0], everywhere[0].chosen(typed), everywhere[0].seq
