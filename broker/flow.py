"""The order in which commands are judged, stored and told: what the history has under way, and what waits for it.

Owns that order. Does not know what is stored nor why (`core`), nor who stores it (`server`). Pure; used by the broker's
thread alone.

One batch is under way at a time. Meanwhile commands are judged on, and what they want stored is the next batch: so
batches grow by themselves with the load, and the disk and the processor work at once. What is judged meanwhile knows
nothing of the batch under way, therefore:

- A command that settles something (`Core.settles`) is judged when nothing is under way, and nothing is judged after it
  until all that comes of it is carried out. So it is with a tick, before it.
- Only pings do not wait while the history stands still (`aside`): they need nothing of it.
- When a batch is not stored, what waits behind it is not stored either: it may be the next word of whom it refuses.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable

from ..common import limits
from ..common.clock import Now
from .actions import Action, Ask, Await, Purpose, Store, StoreRun
from .core import Core
from .history import Done, NotStored, Outcome
from .inbox import Frame, Group, groups

_STORED = (Store, StoreRun, Await, Ask)
Waiting = Store | StoreRun | Await | Ask


class Flow:
    """What is under way; each method returns the actions that can be carried out at once, in order."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._waiting: list[Waiting] = []
        self._held = self._given = 0
        """How many changes and questions wait, and are under way."""
        self._busy = False
        """Whether the history has a batch."""
        self._ahead: list[Action] | None = None
        """Set while it already has the next one, though nobody has been told yet what came of the one before."""
        self._judging: Generator[Group, Now | None, None] | None = None
        """Commands that were taken in, from one on that has to wait."""
        self.settling = False
        """Somebody waits for all that is under way: until then no more questions get their turn."""
        self._most = limits.BATCH_LEAST
        """How much may wait for the next batch."""

    @property
    def idle(self) -> bool:
        """Whether nothing is under way or waits for it: all that was judged is carried out."""
        return not self._busy and not self._waiting

    @property
    def open(self) -> bool:
        """Whether commands may be judged now."""
        return self.idle if self._judging is not None else self._held < self._most

    @property
    def has_turns(self) -> bool:
        """Whether questions can be answered now."""
        return self.open and not self._busy and not self.settling and self._core.has_turns

    def take(self, actions: Iterable[Action]) -> list[Action]:
        """What is to be stored or read waits for its batch; the rest comes back."""
        at_once: list[Action] = []
        for action in actions:
            if isinstance(action, _STORED):
                self._waiting.append(action)
                self._held += len(action.run.says) if isinstance(action, StoreRun) else 1
            else:
                at_once.append(action)
        return at_once

    def judge(self, frames: Iterable[Frame], now: Now) -> list[Action]:
        """Judge commands, while `open`: to the end, or to one that has to wait; frames after that are left alone."""
        at_once: list[Action] = []
        if self._judging is None:
            self._judging, again = groups(self._core, frames, now), None
        else:
            again = now
        try:
            while True:
                group = self._judging.send(again)
                at_once += self.take(group.actions)
                if group.settles and not self.idle:
                    return at_once
                again = now
        except StopIteration:
            self._judging = None
        return at_once + self._turn(now)

    def _turn(self, now: Now) -> list[Action]:
        """The questions whose turn it is go with the next batch."""
        waits = self._judging is not None or self._busy or self.settling
        return [] if waits else self.take(self._core.turn(now))

    def start(self) -> list[Waiting]:
        """The next batch, which is under way from now on; empty when one is, or nothing waits."""
        if self._busy:
            return []
        batch, self._waiting = self._waiting, []
        self._given, self._held = self._held, 0
        self._busy = bool(batch)
        return batch

    def start_ahead(self, now: Now, seconds: float) -> list[Waiting]:
        """The batch under way is stored, as `complete` will soon be told: the next one, as `start` gives it.

        So the history need not wait for the telling. Questions go with it, or they would never find their turn.
        """
        self._busy = False
        self._fit(seconds)
        self._ahead = self._turn(now)
        return self.start()

    def _fit(self, seconds: float) -> None:
        """So long took the commit: the next ones shall be as large as can be stored in `limits.BATCH_SECONDS`.

        Then nobody waits longer because others say much.
        """
        if seconds:
            fitting = round(self._given * limits.BATCH_SECONDS / seconds)
            self._most = min(max(fitting, limits.BATCH_LEAST), limits.BATCH)

    def complete(
        self, done: list[tuple[Purpose, Outcome]], failure: NotStored | None, now: Now, seconds: float = 0.0
    ) -> list[Action]:
        """The batch is carried out, with these outcomes, by a commit of so many `seconds`.

        `failure` is why nothing of it was stored; then `start_ahead` was not called.
        """
        ahead, self._ahead = self._ahead, None
        if ahead is None:
            self._busy = False
            self._fit(seconds)
        if failure is not None:
            behind, self._waiting, self._held = self._waiting, [], 0
            for action in behind:
                if isinstance(action, Ask):
                    self.take([action])
                elif isinstance(action, StoreRun):
                    done += [(said, failure) for said in action.run.each()]
                else:
                    done.append((action.purpose, failure if isinstance(action, Store) else Done()))
        return [*(ahead or []), *self.take(self._core.complete(done, now)), *self._turn(now)]
