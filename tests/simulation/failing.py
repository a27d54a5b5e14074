"""A history that fails when it is told to.

The disk is full for a while, single commits or all reads fail, or the broker dies at a commit.
"""

from __future__ import annotations

from collections.abc import Sequence

from zchat.broker.history import Change, History, NotStored, Outcome, Question


class Crash(Exception):
    """The broker died at a commit."""


class FailingHistory:
    """`History` that says no, or takes the broker down, when it is told to."""

    def __init__(self, history: History) -> None:
        self.history = history
        self.id, self.shared = history.id, history.shared
        self.full = False
        """No commit succeeds."""
        self.unreadable = False
        """No question is answered."""
        self.failing = 0
        """So many commits fail from now on."""
        self.crash_at = ""
        """At the next commit the broker dies: ``before`` or ``after`` it."""
        self.refused = 0
        """How many commits have failed."""

    def mend(self) -> None:
        """From now on everything works."""
        self.full = self.unreadable = False
        self.failing, self.crash_at = 0, ""

    def commit(self, batch: Sequence[Change]) -> list[Outcome]:
        """As told, or as the history behind it."""
        crash, self.crash_at = self.crash_at, ""
        if crash == "before":
            raise Crash
        if self.full or self.failing:
            self.failing -= self.failing > 0
            self.refused += 1
            raise NotStored("The disk is full.")
        outcomes = self.history.commit(batch)
        if crash:
            raise Crash
        return outcomes

    def answer(self, question: Question) -> Outcome:
        """As the history behind it, if that can be read."""
        if self.unreadable:
            raise NotStored("The disk cannot be read.")
        return self.history.answer(question)

    def heads(self) -> dict[str, int]:
        """As the history behind it."""
        return dict(self.history.heads())

    def floors(self) -> dict[str, int]:
        """As the history behind it."""
        return dict(self.history.floors())

    def topics(self) -> dict[str, str]:
        """As the history behind it."""
        return dict(self.history.topics())

    def table(self, table: str) -> dict[str, tuple[bytes, int]]:
        """As the history behind it."""
        return dict(self.history.table(table))

    def size(self) -> int:
        """As the history behind it."""
        return self.history.size()

    def close(self) -> None:
        """As the history behind it."""
        self.history.close()
