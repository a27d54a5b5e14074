"""The thread of the history: it stores and reads one batch after the other, while the broker's loop goes on.

Owns the thread and the pipe by which it says that a batch is carried out. Does not know what is in a batch (`storage`),
nor which is the next one (`flow`). The thread uses the history alone, from `start` to `close`; all else here is the
broker's thread.
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
from .actions import Action, Purpose
from .history import History, NotStored, Outcome
from .storage import fulfil

log = logging.getLogger("zchat.broker")
_numbers = itertools.count()


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
        self._fulfilled: deque[Fulfilled] = deque()
        self.pipe = context.socket(zmq.PAIR)
        """Readable when a batch is carried out, or the thread has ended."""
        self._inside = context.socket(zmq.PAIR)
        place = f"inproc://history-{next(_numbers)}"
        self.pipe.bind(place)
        self._inside.connect(place)
        self._thread = threading.Thread(target=self._run, name="zchat-history", daemon=True)
        self._thread.start()

    def give(self, batch: Sequence[Action]) -> None:
        """Have a batch carried out."""
        self._batches.put(batch)

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
                commits: list[tuple[int, float, NotStored | None]] = []
                done = fulfil(self._history, batch, lambda *what, commits=commits: commits.append(what))
                self._fulfilled.append(Fulfilled(done, *(commits[0] if commits else (0, 0.0, None))))
                self._inside.send(b"")
        except BaseException:  # the broker must not wait for ever
            log.critical("the thread of the history has failed", exc_info=True, extra={"event": "fault"})
            self._inside.send(b"")
        finally:
            self._inside.close()
