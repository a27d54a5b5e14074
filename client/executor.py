"""What ``zchat tail --exec`` does: one run of a command for each entry, one at a time, in order.

Owns which entries wait for their run, and how far the runs have come. Does not know how a command is run (`worker`).
Pure; used by the receive thread alone.

A slow command costs no memory and no connection: what does not fit into the queue is let go, and asked for again once
the queue is half empty, from the history.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from ..common import messages as m, names
from ..common.clock import Now
from ..common.errors import ZchatError
from . import render
from .actions import Action, Answer, CameOrWent, End, Notice, Refusal, Removed, Restarted, Run
from .core import ClientCore
from .rooms import Start
from .tailing import Tailer

QUEUE = 500
"""Entries that wait at most."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    room: str
    seq: int
    history: str
    message: str
    """The message object; "" for what is passed over."""


class Executor(Tailer):
    """Follow rooms, and run a command for each entry; `own`: also for what this user says."""

    def __init__(
        self,
        core: ClientCore,
        *,
        rooms: Sequence[str],
        start: Start,
        follow: bool,
        own: bool = False,
        keep: bool = False,
        timeout: float | None = None,
    ) -> None:
        super().__init__(core, rooms=rooms, start=start, follow=follow, json=True, keep=keep, timeout=timeout)
        self._own = own
        self._queue: deque[_Waiting] = deque()
        """The first is the one that runs, if one does."""
        self._runs = False
        self._let_go: dict[str, int] = {}
        """Room → the last sequence of it that was put into the queue: what came after that is to be asked for."""
        self._asking = False
        self._history = ""
        self._done: dict[str, int] = {}
        """Of this history: room → the last sequence for which the command has succeeded, or which was passed over."""

    @property
    def wants_input(self) -> bool:
        """The ends of runs are the input."""
        return True

    def line(self, text: str, now: Now) -> list[Action]:
        """A run has ended: well if there is no text, else with this trouble."""
        done = self._queue[0]
        self._runs = False
        if text:
            where = f"message {done.seq} of {self.core.name_of(done.room)}"
            if done.room.startswith(names.PRIVATE_MARK):
                where = f"private message {done.seq}"
            again = "Mend it and start again" if self._keep else "Mend it; with --cursor FILE it would go on there"
            why = f"The command {text} at {where}, and was run for none after that. {again}."
            return [*self.core.leave(), End(ZchatError(why))]
        self._queue.popleft()
        return [*self._reach(done), *self._advance(now)]

    def notice(self, notice: Notice, now: Now) -> list[Action]:
        """What is heard waits for its run."""
        match notice:
            case CameOrWent():
                return []
            case Answer(m.Replay() as replay, m.Page() as page):
                return self._fetched(replay, page, now)
            case Refusal(m.Replay() as replay):
                self._asking = False
                self._let_go.pop(replay.room or "", None)
                return self._advance(now)
            case Restarted(room) | Removed(room):
                self._let_go.pop(names.fold(room), None)
        actions = super().notice(notice, now)
        return actions if any(isinstance(action, End) for action in actions) else [*actions, *self._advance(now)]

    def tick(self, now: Now) -> list[Action]:
        """Now and then; nobody can say that the broker is silent while a command runs."""
        if self._queue:
            self._quiet_since = now.mono
        return super().tick(now)

    def _entry(self, room: str, entry: m.Entry, replay: bool) -> list[Action]:
        if room in self._let_go:
            return []
        if len(self._queue) >= QUEUE:
            self._let_go[room] = entry.prev
        else:
            self._add(room, entry, replay)
        return []

    def _add(self, room: str, entry: m.Entry, replay: bool) -> None:
        assert self.core.welcome is not None
        mine = entry.key == self.core.key
        message = "" if mine and not self._own else render.entry_json(entry, self.core.name_of(room), replay=replay)
        self._queue.append(_Waiting(room, entry.seq, self.core.welcome.history, message))

    def _advance(self, now: Now) -> list[Action]:
        """Begin the next run, ask for what was let go, or end."""
        actions: list[Action] = []
        while self._queue and not self._queue[0].message:
            actions += self._reach(self._queue.popleft())
        if self._queue and not self._runs:
            self._runs = True
            actions.append(Run(self._queue[0].message))
        if self._let_go and not self._asking and len(self._queue) <= QUEUE // 2:
            room, after = next(iter(self._let_go.items()))
            self._asking = True
            actions += self.core.ask(m.Replay(room=room, after=after, limit=QUEUE // 2), now)
        return [*actions, *self._end_if_done()]

    def _fetched(self, replay: m.Replay, page: m.Page, now: Now) -> list[Action]:
        """Some of what was let go has come again."""
        self._asking = False
        view = self.core.rooms.get(page.room)
        after = self._let_go.get(page.room)
        if after is None or after != replay.after:  # the room has begun anew meanwhile
            return self._advance(now)
        del self._let_go[page.room]
        if view is None:
            return self._advance(now)
        for entry in page.entries:
            if after < entry.seq <= (view.cursor or 0):  # what lies beyond will be heard
                self._add(page.room, entry, True)
                after = entry.seq
        if page.entries and after < (view.cursor or 0):
            self._let_go[page.room] = after
        return self._advance(now)

    def _reach(self, done: _Waiting) -> list[Action]:
        """Note that all up to here is done."""
        if done.history != self._history:
            self._history, self._done = done.history, {}
        self._done[done.room] = done.seq
        return self._reached()

    def _reached(self) -> list[Action]:
        """Not what was heard, but what is done counts, unless the history has become another one meanwhile."""
        same = self.core.welcome is not None and self._history == self.core.welcome.history
        return self._cover(dict(self._done)) if same else []

    def _end_if_done(self) -> list[Action]:
        return [] if self._queue or self._let_go else super()._end_if_done()
