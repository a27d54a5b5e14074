"""Whether a message can be stored and published now, for those who look after the broker.

Owns how that is found out: a value is stored, unless something was a moment ago. Does not know who asks (`exporting`,
the broker's own tick). `ask` is called by another thread, all else by the broker's.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from queue import Empty, SimpleQueue

from ..common.clock import Now
from .actions import Action, OwnStep, Store
from .flow import Flow
from .gate import Gate
from .history import NotStored, Outcome, Put
from .metrics import Metrics

FRESH = 1.0
"""Seconds for which what was stored last shows that something can be stored."""


class Health:
    """What is wrong with one broker; `post` has the broker's thread call something."""

    def __init__(
        self, gate: Gate, flow: Flow, metrics: Metrics, post: Callable[[Callable[[], object]], object]
    ) -> None:
        self._gate = gate
        self._flow = flow
        self._metrics = metrics
        self._post = post
        self._stored_at = -FRESH
        """When something was stored last, in monotonic seconds."""

    def stored(self, mono: float) -> None:
        """Something was stored."""
        self._stored_at = mono

    def ask(self, patience: float) -> str:
        """Why nothing can be stored or published now, empty when all is well; waits so many seconds for the loop."""
        answer: SimpleQueue[str] = SimpleQueue()
        self._post(lambda: self._look(answer.put))
        try:
            return answer.get(timeout=patience)
        except Empty:
            return f"the broker's loop or its history has stood still for {patience:g} s"

    def tick(self) -> None:
        """Find out whether it is over that nothing can be stored."""
        if not self._metrics.storing:
            self._look(lambda _: None)

    def _look(self, answer: Callable[[str], object]) -> None:
        """Answer, perhaps later."""

        def probed(outcome: Outcome, now: Now) -> list[Action]:
            answer(str(outcome) if isinstance(outcome, NotStored) else "")
            return []

        if not self._gate.alive:
            answer("the gate has ended: nobody can connect")
        elif self._metrics.storing and time.monotonic() - self._stored_at < FRESH:
            answer("")
        else:
            self._flow.take([Store(Put("probe", "health", b""), OwnStep(probed))])
