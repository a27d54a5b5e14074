"""What other brokers have put into rooms: read, and told here in the order of the history.

Owns which rooms have more than was told here, and the reading of it. Does not know how it is learned that there is more
(`learning`), nor what is said here itself (`talk`). Pure; used by the broker's thread alone.

Rooms that nobody follows here only move their head. What is read is told after one more look at the small state, so
that who was put out by one of these entries does not get those after it.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..common import limits, messages as m
from ..common.clock import Now
from ..common.names import PRIVATE_MARK
from .actions import Action, Ask, OwnStep
from .history import Found, Outcome, Read
from .learning import Learning
from .moderation import put_out
from .rooms import Rooms
from .roster import Room, Roster
from .talk import Talk


class Relay:
    """The rooms in which there is more."""

    def __init__(self, roster: Roster, rooms: Rooms, talk: Talk) -> None:
        self._roster = roster
        self._rooms = rooms
        self._talk = talk
        self._reading: set[str] = set()
        """Rooms that are being read, or could not be."""
        self._failed: set[str] = set()

    def moved(self, heads: Mapping[str, int], floors: Mapping[str, int]) -> list[Action]:
        """Rooms stand there now; what is missing is read when all is learned."""
        for id_, head in heads.items():
            room = self._roster.rooms.get(id_)
            if room is None:
                if not id_.startswith(PRIVATE_MARK):
                    continue
                room = self._roster.add_direct(id_)
            room.floor = max(room.floor, floors.get(id_, 0))
            self.reached(room, head)
        return []

    def reached(self, room: Room, head: int) -> None:
        """There are entries up to this one."""
        if head > room.head:
            if self._is_heard(room):
                self._talk.untold.setdefault(room.id, room.head)
            room.head = head

    def _is_heard(self, room: Room) -> bool:
        return bool(self._roster.hearers(room)) if room.is_direct else room.here > 0

    def tick(self) -> None:
        """What could not be read is tried again."""
        self._reading -= self._failed
        self._failed.clear()

    def read(self, learning: Learning) -> list[Action]:
        """Have the next of what was not told read."""
        untold = self._talk.untold
        for id_ in [id_ for id_ in untold if not self._is_heard(self._roster.rooms[id_])]:
            del untold[id_]
        ids = [id_ for id_ in untold if id_ not in self._reading]
        if not ids:
            return []
        self._reading.update(ids)
        found: dict[str, tuple[int, Found]] = {}
        actions: list[Action] = [self._read(id_, found) for id_ in ids]

        def tell(now: Now) -> list[Action]:
            return [action for id_, (head, page) in found.items() for action in self._tell(id_, head, page, now)]

        def fail(outcome: Outcome, now: Now) -> list[Action]:
            self._failed.update(found)
            return []

        return [*actions, learning.look(tell, fail)]

    def _read(self, id_: str, found: dict[str, tuple[int, Found]]) -> Ask:
        head = self._roster.rooms[id_].head

        def read(outcome: Outcome, now: Now) -> list[Action]:
            if isinstance(outcome, Found):
                found[id_] = head, outcome
            else:
                self._failed.add(id_)
            return []

        return Ask(Read(id_, after=self._talk.untold[id_], limit=limits.PAGE_ENTRIES), OwnStep(read))

    def _tell(self, id_: str, head: int, page: Found, now: Now) -> list[Action]:
        """Tell what was read when the room's head was there."""
        self._reading.discard(id_)
        room, after = self._roster.rooms[id_], self._talk.untold.get(id_)
        if after is None:
            return []
        entries = [entry for entry in page.entries if entry.seq > after]
        last = entries[-1].seq if entries else 0
        reached = last if page.more else max(head, last)
        actions: list[Action] = []
        for entry in entries:
            actions += self._follow(room, entry, now)
        room.head = max(room.head, reached)
        if reached < room.head:
            self._talk.untold[id_] = reached
        else:
            del self._talk.untold[id_]
        return [*actions, *self._talk.broadcast(room, entries)]

    def _follow(self, room: Room, entry: m.Entry, now: Now) -> list[Action]:
        """What comes of an entry of another broker."""
        if entry.kind == "topic":
            room.topic = entry.text
        user = self._roster.users.get(entry.target or "")
        if entry.kind not in ("kick", "ban") or user is None:
            return []
        member = room.member(user)
        if member.role if room.private else member.banned is None:
            return []  # it has been lifted since
        return self._rooms.remove(user, room, put_out(entry.kind, entry.nick, entry.text), now)
