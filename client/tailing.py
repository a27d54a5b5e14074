"""What ``zchat tail`` does: print what rooms hold and, if it follows, what is said from then on.

Owns that way, and how far of each room is printed. Does not know what is noted of that (`cursors`) nor sockets. Pure;
used by the receive thread alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..common import messages as m, names
from ..common.clock import Now
from ..common.errors import Code, RefusedError
from ..common.text import clean
from . import render, wording
from .actions import (
    Action,
    CameOrWent,
    CaughtUp,
    Connected,
    End,
    Heard,
    InRoom,
    Notice,
    NotKept,
    Print,
    Reached,
    Removed,
    Restarted,
)
from .core import ClientCore
from .programs import Quiet
from .rooms import Start

_TICK = 3.0
"""Seconds; the loop turns at least once in each of them."""


class Tailer(Quiet):
    """Print what rooms hold and, if it follows, what is said from then on.

    With `keep` it tells after each line how far that is.
    """

    tells_gone = True

    def __init__(
        self,
        core: ClientCore,
        *,
        rooms: Sequence[str],
        start: Start,
        follow: bool,
        json: bool,
        keep: bool = False,
        timeout: float | None = None,
    ) -> None:
        super().__init__(core, timeout=timeout)
        self._rooms, self._start, self._follow, self._json, self._keep = rooms, start, follow, json, keep
        self._behind: set[str] | None = None
        """Rooms whose history is not all printed yet; None before the first welcome."""
        self._ticked = 0.0

    @property
    def persistent(self) -> bool:
        """Who follows, goes on."""
        return self._follow

    def begin(self, now: Now) -> list[Action]:
        """Follow the rooms; the core sends it once connected."""
        return [
            action for room in self._rooms for action in self.core.join(room, self._start, now, create=self._follow)
        ]

    def notice(self, notice: Notice, now: Now) -> list[Action]:
        """Print what is heard."""
        match notice:
            case Heard(room, entry, replay):
                self._quiet_since = now.mono
                return self._entry(room, entry, replay)
            case CameOrWent(presence) if self._follow:
                room = self.core.name_of(presence.room)
                return [Print((render.presence_json if self._json else render.presence_line)(presence, room))]
            case Connected():
                if self._behind is None:
                    self._behind = set(self.core.rooms)
                return [*self._reached(), *self._end_if_done()]
            case InRoom(entered) if entered.room not in self.core.profile.stopped.cursors:
                return self._cover({entered.room: entered.after})
            case CaughtUp(room):
                if self._behind is not None:
                    self._behind.discard(room)
                return self._end_if_done()
            case Removed():
                return self._removed(notice)
            case Restarted(room):
                return [Print(f"zchat: {clean(wording.restarted(room))}", aside=True)]
            case NotKept(room, count):
                return [Print(f"zchat: {clean(wording.not_kept(self.core.name_of(room), count))}", aside=True)]
        return super().notice(notice, now)

    def tick(self, now: Now) -> list[Action]:
        """Now and then; what was printed covers all that was heard."""
        if now.mono - self._ticked > _TICK:
            # It was our own reader who held us up, so nobody can say that the broker was silent.
            self._quiet_since = max(self._quiet_since, now.mono)
        self._ticked = now.mono
        return [*self._reached(), *super().tick(now)]

    def _reached(self) -> list[Action]:
        seqs = {view.id: view.cursor for view in self.core.rooms.values() if view.cursor is not None}
        return self._cover(seqs) if self._keep else []

    def _cover(self, seqs: Mapping[str, int]) -> list[Action]:
        return [Reached(self.core.welcome.history, seqs)] if self._keep and self.core.welcome is not None else []

    def _removed(self, removed: Removed) -> list[Action]:
        """Go on while there is anything to follow."""
        told = clean(wording.removed(removed.room, removed.reason))
        if not self.core.rooms and self.core.profile.private is None:
            return [*self.core.leave(), End(RefusedError(Code.NOT_ALLOWED, told))]
        if self._behind is not None:
            self._behind.discard(names.fold(removed.room))
        return [Print(f"zchat: {told}", aside=True), *self._end_if_done()]

    def _entry(self, room: str, entry: m.Entry, replay: bool) -> list[Action]:
        name = self.core.name_of(room)
        if self._json:
            lines = [Print(render.entry_json(entry, name, replay=replay))]
        else:
            several = len(self._rooms) > 1
            author = render.author_span(entry, name, name_room=several)
            lines = [Print(line, author=author) for line in render.entry_lines(entry, name, name_room=several)]
        return [*lines, *self._cover({room: entry.seq})]

    def _end_if_done(self) -> list[Action]:
        return [*self.core.leave(), End()] if not self._follow and not self._behind else []
