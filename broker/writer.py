"""The thread of the history: it stores and reads one batch after the other, while the broker's loop goes on.

Owns the thread and the pipe by which it says that a batch is carried out. Does not know what is in a batch (`storage`),
nor which is the next one (`flow`). The history is used by the thread, and where it says so by the broker's, never by
both: there is one batch at a time.
"""

from __future__ import annotations

import itertools
import logging
import threading
from collections import deque
from collections.abc import Sequence
from queue import SimpleQueue
from typing import NamedTuple

import zmq

from ..common.errors import ZchatError
from .actions import Action, Purpose, Store, StoreRun
from .history import Append, History, NotStored, Outcome
from .storage import fulfil

log = logging.getLogger("zchat.broker")
_numbers = itertools.count()

PROMPT = 0.001
"""Seconds of a commit for which one may as well wait."""
FEW = 16
"""Messages that one such commit can take."""


class Fulfilled(NamedTuple):
    """What came of a batch."""

    done: list[tuple[Purpose, Outcome]]
    changes: int
    """How many there were to store; 0: the batch had none."""
    seconds: float
    failure: NotStored | None


class Writer:
    """A history in a thread of its own."""

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], history: History) -> None:
        self._history = history
        self._batches: SimpleQueue[Sequence[Action] | None] = SimpleQueue()
        self._prompt = False
        """Whether the last commit was so quick that one can as well wait for it."""
        self._fulfilled: deque[Fulfilled] = deque()
        self.pipe = context.socket(zmq.PAIR)
        """Readable when a batch is carried out, or the thread has ended."""
        self._inside = context.socket(zmq.PAIR)
        endpoint = f"inproc://history-{next(_numbers)}"
        self.pipe.bind(endpoint)
        self._inside.connect(endpoint)
        self._thread = threading.Thread(target=self._run, name="zchat-history", daemon=True)
        self._thread.start()

    def give(self, batch: Sequence[Action]) -> None:
        """Have a batch carried out."""
        self._batches.put(batch)

    def is_quick(self, batch: Sequence[Action]) -> bool:
        """Whether a batch is most likely carried out before the thread would have begun it: a few messages, no more.

        There and back takes a sixth of a quick commit, and of the processor as much. A database elsewhere may be quick
        most of the time, and then say nothing for seconds.
        """
        if not self._prompt or self._history.shared or len(batch) > FEW:
            return False
        runs = sum(len(action.run.says) for action in batch if isinstance(action, StoreRun))
        return runs + len(batch) <= FEW and all(
            isinstance(action, StoreRun) or (isinstance(action, Store) and isinstance(action.change, Append))
            for action in batch
        )

    def carry_out(self, batch: Sequence[Action]) -> Fulfilled:
        """Carry a batch out here and now; when none is under way in the thread."""
        commits: list[tuple[int, float, NotStored | None]] = []
        done = fulfil(self._history, batch, lambda *what: commits.append(what))
        changes, seconds, failure = commits[0] if commits else (0, 0.0, None)
        if changes:
            self._prompt = failure is None and seconds < PROMPT
        return Fulfilled(done, changes, seconds, failure)

    def take(self) -> Fulfilled:
        """What came of a batch, when the pipe is readable; raises `ZchatError` when the thread has ended."""
        self.pipe.recv()
        if not self._fulfilled:
            raise ZchatError("The thread of the history has failed. The log tells why; start the broker again.")
        return self._fulfilled.popleft()

    def close(self) -> None:
        """Wait for what is under way, and end the thread; the history is the caller's again."""
        self._batches.put(None)
        self._thread.join()
        self.pipe.close(linger=0)

    def _run(self) -> None:
        try:
            while (batch := self._batches.get()) is not None:
                self._fulfilled.append(self.carry_out(batch))
                self._inside.send(b"")
        except BaseException:  # the broker must not wait for ever
            log.critical("the thread of the history has failed", exc_info=True, extra={"event": "fault"})
            self._inside.send(b"")
        finally:
            self._inside.close()
