"""What was said lately, as far as a chat needs it again: somebody's last message, and who said what is deleted.

Owns this short memory. Does not know what is shown. Pure; used by the receive thread alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from ..common.errors import InputError
from ..common.messages import Entry, Say
from ..common.names import fold
from ..common.rules import WORDS
from .destination import place_of

KEPT = 200
"""Messages remembered of each place."""


@dataclass(frozen=True, slots=True)
class _Saying:
    nick: str
    text: str
    mine: bool
    going: bool = False
    """It is to be deleted: the next deletion means another one."""


class Said:
    """The latest messages of each place, a room or a person."""

    def __init__(self) -> None:
        self._places: dict[str, dict[int, _Saying]] = {}

    def add(self, place: str, seq: int, nick: str, text: str, *, mine: bool) -> None:
        """Something was said; it may be told twice."""
        sayings = self._places.setdefault(place, {})
        sayings.setdefault(seq, _Saying(nick, text, mine))
        if len(sayings) > KEPT:
            del sayings[min(sayings)]

    def heard(self, place: str, entry: Entry, *, mine: bool) -> str:
        """An entry was shown; of one that deletes another's message, the nick of whose it was, if that is known."""
        if entry.kind in WORDS:
            self.add(place, entry.seq, entry.nick, entry.text, mine=mine)
        author = self.remove(place, entry.about) if entry.kind == "delete" else ""
        return author if author != entry.nick else ""

    def take_my_last(self, place: str, waiting: Iterable[Say]) -> tuple[int, str]:
        """One's own last message there, which is about to be deleted; raises `InputError` when there is none.

        `waiting` are messages that are not stored yet: while the last one is among them, none before it is meant.
        """
        if any(say.kind in WORDS and place_of(say.room, say.to) == place for say in waiting):
            raise InputError("Your last message here is not stored yet. Try again in a moment.")
        last = self.my_last(place)
        if last is None:
            raise InputError("You have said nothing here lately that could be deleted.")
        self._go(place, last[0])
        return last

    def take_last_of(self, place: str, nick: str) -> tuple[int, str]:
        """The last message there of somebody who was called so, which is about to be deleted; raises `InputError`."""
        last = self._last(place, lambda saying: fold(saying.nick) == fold(nick))
        if last is None:
            raise InputError(f"{nick} has said nothing here lately that could be deleted.")
        self._go(place, last[0])
        return last

    def _go(self, place: str, seq: int) -> None:
        self._places[place][seq] = replace(self._places[place][seq], going=True)

    def keep(self, place: str, seq: int) -> str:
        """A message is not deleted after all; the nick of who said it, "" when it is one's own or not known."""
        saying = self._places.get(place, {}).get(seq)
        if saying is None:
            return ""
        self._places[place][seq] = replace(saying, going=False)
        return "" if saying.mine else saying.nick

    def my_last(self, place: str) -> tuple[int, str] | None:
        """The sequence and text of one's own last message there."""
        return self._last(place, lambda saying: saying.mine)

    def _last(self, place: str, meant: Callable[[_Saying], bool]) -> tuple[int, str] | None:
        sayings = self._places.get(place, {})
        seqs = [seq for seq, saying in sayings.items() if meant(saying) and not saying.going]
        return (max(seqs), sayings[max(seqs)].text) if seqs else None

    def remove(self, place: str, seq: int) -> str:
        """A message is deleted; the nick of who said it, "" when that is not known."""
        saying = self._places.get(place, {}).pop(seq, None)
        return saying.nick if saying is not None else ""

    def forget(self, place: str) -> None:
        """The place has another history now."""
        self._places.pop(place, None)
