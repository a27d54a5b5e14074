"""The places of one chat on a screen: rooms and private partners, one of them shown, the others counting.

Owns what each place has unread, what waits to be shown there, and who is there. Does not know how anything looks.
Pure; used by the receive thread alone.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace

from ..common.names import PRIVATE_MARK, fold
from . import wording
from .destination import place_of
from .told import PlaceStatus, Told

KEPT = 200
"""Lines that wait for a place to be shown; of more the oldest are left to the history."""
RECENT = 5
"""Lines that are told once more when one turns to a place, to show where one is."""
COMPLETED = 200
"""Nicks that are offered of one place."""


@dataclass(slots=True)
class Place:
    """One room, or one person."""

    id: str
    name: str
    private: bool = False
    unread: int = 0
    mentions: int = 0
    unread_after: int | None = None
    """What was unread lately stands behind this sequence; None: nothing was."""
    caught_up: bool = False
    """What stood there when we entered has come: all that comes from now on is new."""
    marked: bool = False
    """A heading stands where that begins."""
    oldest: int = 0
    """The lowest sequence that was shown here; 0: none."""
    left_out: int = 0
    """How many lines that wait were too many."""
    lines: deque[Told] = field(default_factory=deque)
    """What waits to be shown."""
    recent: deque[Told] = field(default_factory=lambda: deque(maxlen=RECENT))
    """What was shown last."""
    people: dict[str, str] = field(default_factory=dict)
    """Who is there, by folded nick; those who spoke last stand last."""
    crowd: bool = False
    """More are there than we were told of."""

    def keep(self, line: Told) -> None:
        """Keep a line until the place is shown."""
        self.lines.append(line)
        if len(self.lines) > KEPT:
            self.lines.popleft()
            self.left_out += 1

    def count(self, seq: int, *, mention: bool) -> None:
        """Something new came that is not shown."""
        if not self.unread:
            self.unread_after = seq - 1
        self.unread += 1
        self.mentions += mention

    def unread_at_first(self, seq: int) -> bool:
        """Whether an entry is among those that no screen had shown when we entered."""
        return not self.caught_up and self.unread_after is not None and seq > self.unread_after

    def showed(self, seq: int) -> None:
        """An entry was shown."""
        self.oldest = min(self.oldest or seq, seq)

    def told(self, line: Told) -> None:
        """A line of this place was shown."""
        self.recent.append(line)
        if line.seq:
            self.showed(line.seq)

    def take(self) -> list[Told]:
        """What waited; it counts as read and shown."""
        lines = list(self.lines)
        self.lines.clear()
        self.unread = self.mentions = self.left_out = 0
        for line in lines:
            self.told(line)
        return lines

    def open(self, wall: int) -> list[Told]:
        """What is told to who turns here, at this time: the last lines, so that one sees where one is; what waited."""
        told = [Told("rule", f"{self.name} (private)" if self.private else self.name)]
        told += [replace(line, again=True) for line in self.recent]
        if self.recent and self.unread:
            told.append(Told("rule", "unread"))
        if self.left_out:
            more = f"{wording.messages(self.left_out)} before these: see them with PageUp."
            told.append(Told("notice", more, wall))
        return told + self.take()

    def deleted(self, seq: int) -> None:
        """A message is not to be told any more."""
        for lines in (self.recent, self.lines):
            kept = [line for line in lines if line.seq != seq]
            lines.clear()
            lines.extend(kept)

    def spoke(self, nick: str) -> None:
        """Somebody said something here."""
        self.people.pop(fold(nick), None)
        self.people[fold(nick)] = nick

    @property
    def status(self) -> PlaceStatus:
        """What the status line tells."""
        return PlaceStatus(self.id, self.name, self.private, self.unread, self.mentions)

    @property
    def nicks(self) -> tuple[str, ...]:
        """Nicks to offer, the last speaker first."""
        return tuple(list(self.people.values())[: -COMPLETED - 1 : -1])


class Places:
    """All places, in the order in which they came."""

    def __init__(self) -> None:
        self._places: dict[str, Place] = {}

    @property
    def all(self) -> list[Place]:
        """The places."""
        return list(self._places.values())

    def room(self, id_: str, name: str = "") -> Place:
        """A room by its id; it is made when it is not there."""
        place = self._places.setdefault(id_, Place(id_, name or id_))
        place.name = name or place.name
        return place

    def partner(self, nick: str) -> Place:
        """Somebody to write to privately."""
        id_ = place_of(None, nick)
        return self._places.setdefault(id_, Place(id_, nick, private=True))

    def nicks(self, here: Place | None) -> tuple[str, ...]:
        """Nicks to offer: those of a place, then partners; where there is nobody but a partner, those of all rooms."""
        rooms = [here] if here is not None and not here.private else self.all
        partners = [place.name for place in self.all if place.private]
        return tuple(dict.fromkeys([nick for room in rooms for nick in room.nicks] + partners))

    def find(self, id_: str) -> Place | None:
        """A place that is there."""
        return self._places.get(id_)

    def remove(self, id_: str) -> None:
        """The place is left."""
        self._places.pop(id_, None)

    def renamed(self, old: str, new: str) -> None:
        """Somebody is called differently: in all rooms, and as a partner."""
        for place in self._places.values():
            if place.people.pop(fold(old), None) is not None:
                place.people[fold(new)] = new
        partner = self._places.get(place_of(None, old))
        if partner is None or fold(old) == fold(new) or place_of(None, new) in self._places:
            return
        partner.id, partner.name = place_of(None, new), new
        self._places = {place.id: place for place in self._places.values()}

    def keep_rooms(self, ids: set[str]) -> None:
        """Only these rooms are left; partners stay."""
        gone = [id_ for id_ in self._places if id_ not in ids and not id_.startswith(PRIVATE_MARK)]
        for id_ in gone:
            del self._places[id_]
