"""Questions wait here for their turn, so that who asks much does not hold up the others.

Owns the queues, one a key, served in turn. Does not know the answers (`questions`). Pure; used by the broker's thread
alone.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from ..common import messages as m
from .policy import Policy
from .roster import Room, Session, User


@dataclass(frozen=True, slots=True)
class Listing:
    """What is still to be told of many users, in the answer to a `Who`."""

    who: m.Who
    users: Sequence[User]
    """All of them, by nick."""
    start: int = 0
    room: Room | None = None


Question = m.Replay | m.Search | m.Who | m.Rooms | Listing
WEIGHTS: dict[type[Question], int] = {m.Replay: 1, m.Search: 8, m.Who: 8, m.Rooms: 8, Listing: 8}
"""What answering takes, in pages: a list grows with the number of users or rooms,
what a search goes through with the history."""


class Turns:
    """Questions by key, in the order in which they are to be answered."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._queues: dict[str, deque[tuple[Session, Question]]] = {}

    def __bool__(self) -> bool:
        return bool(self._queues)

    def add(self, session: Session, question: Question) -> bool:
        """Queue a question; False when this key has too many waiting."""
        queue = self._queues.setdefault(session.user.key, deque())
        if len(queue) >= self._policy.open_questions:
            return False
        queue.append((session, question))
        return True

    def go_on(self, session: Session, question: Question) -> None:
        """A question that needs another turn of its key."""
        self._queues.setdefault(session.user.key, deque()).appendleft((session, question))

    def take(self, weight: int) -> list[tuple[Session, Question]]:
        """The next questions, one of each key in turn, as many as weigh that much together; at least one."""
        taken: list[tuple[Session, Question]] = []
        while self._queues and weight > 0:
            key, queue = next(iter(self._queues.items()))
            del self._queues[key]
            taken.append(queue.popleft())
            weight -= WEIGHTS[type(taken[-1][1])]
            if queue:
                self._queues[key] = queue  # at the end again
        return taken
