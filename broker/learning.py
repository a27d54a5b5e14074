"""What other brokers of the same chat have stored: asked for at each tick and hint, and learned in a fixed order.

Owns when it is asked for, and what waits for the answer. Does not know what the tables mean: those who own them learn.
Pure; used by the broker's thread alone.

What may not be judged by what was known a moment ago waits for a look: a client that comes from another broker may know
more than we do, and who was just put out of a private room elsewhere must not read on here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..common import limits
from ..common.clock import Now
from .actions import Action, Ask, Follow, FollowOutcome, OwnStep
from .history import Conflict, News, Outcome, Rows, Told

Learn = Callable[[Rows, Now], list[Action]]


class Learning:
    """The looks under way, and where the next one begins."""

    def __init__(
        self,
        shared: bool,
        tables: Mapping[str, Learn],
        heads: Callable[[Mapping[str, int], Mapping[str, int]], list[Action]],
        looked: Follow,
    ) -> None:
        self._shared = shared
        self._tables = tables
        """In the order in which they are learned, since some need others."""
        self._heads = heads
        self._looked = looked
        self._cursor = 0
        self._asked_at: float | None = None
        """When the look was asked for that is under way."""
        self._again = False
        self._due = 0.0

    def tick(self, now: Now) -> list[Action]:
        """Look when it is time."""
        return self.hinted(now) if self._shared and now.mono >= self._due else []

    def hinted(self, now: Now) -> list[Action]:
        """There is something new, as far as anybody knows."""
        if self._asked_at is not None and now.mono - self._asked_at < limits.NEWS_OVERDUE:
            self._again = True
            return []
        self._asked_at, self._again, self._due = now.mono, False, now.mono + limits.NEWS_INTERVAL

        def answered(now: Now) -> list[Action]:
            self._asked_at = None
            return self.hinted(now) if self._again else []

        def failed(outcome: Outcome, now: Now) -> list[Action]:
            self._asked_at = None  # the next tick looks again
            return []

        return [self.look(answered, failed)]

    def look(self, then: Follow, otherwise: FollowOutcome) -> Ask:
        """Learn all there is, then go on; `otherwise` is for a history that cannot be read."""

        def told(outcome: Outcome, now: Now) -> list[Action]:
            if not isinstance(outcome, Told):
                return otherwise(outcome, now)
            return [*self._learn(outcome, now), *then(now)]

        return Ask(News(self._cursor), OwnStep(told))

    def surely(self, then: Follow, otherwise: FollowOutcome, now: Now) -> list[Action]:
        """Judge something by what stands now: at once where nobody else writes, else after a look."""
        return [self.look(then, otherwise)] if self._shared else then(now)

    def _learn(self, told: Told, now: Now) -> list[Action]:
        self._cursor = told.after
        rows: dict[str, list[tuple[str, bytes, int]]] = {}
        for table, name, value, revision in told.state:
            rows.setdefault(table, []).append((name, value, revision))
        actions: list[Action] = []
        for table, learn in self._tables.items():
            if table in rows:
                actions += learn(rows[table], now)
        return [*actions, *self._heads(told.heads, told.floors), *self._looked(now)]

    def stands(self, conflict: Conflict, now: Now) -> list[Action]:
        """Another broker was faster: learn what stands there."""
        learn = self._tables.get(conflict.table)
        return learn([(conflict.name, conflict.value, conflict.revision)], now) if learn is not None else []
