"""What one process has stored, by name: how a history that is nobody else's answers `News`.

Owns which rooms and values were touched by which commit. Does not know what is in them. Pure; used by the thread of
its history.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from .history import Change, Put, Together, Trim


class Touched:
    """The last commit that touched each room and each value, from the first question on; before it nothing is kept."""

    def __init__(self) -> None:
        self._commits = 0
        self._rooms: dict[str, int] = {}
        self._values: dict[tuple[str, str], int] = {}

    def take(self, batch: Iterable[Change], rooms: Iterable[str]) -> None:
        """A batch was committed, and these rooms have new entries."""
        if not self._commits:
            return
        self._commits += 1
        self._rooms |= dict.fromkeys(rooms, self._commits)
        for change in _flat(batch):
            if isinstance(change, Put):
                self._values[change.table, change.name] = self._commits
            elif isinstance(change, Trim):
                self._rooms[change.room] = self._commits

    def since(self, after: int) -> tuple[list[str], list[tuple[str, str]]] | None:
        """Rooms, and tables with names, touched since a cursor; None: everything is to be told."""
        if not 0 < after <= self._commits:
            self._commits = self._commits or 1
            return None
        rooms = [room for room, commit in self._rooms.items() if commit > after]
        return rooms, [value for value, commit in self._values.items() if commit > after]

    @property
    def cursor(self) -> int:
        """Where the next question goes on."""
        return self._commits


def _flat(batch: Iterable[Change]) -> Iterator[Change]:
    for change in batch:
        if isinstance(change, Together):
            yield from change.changes
        else:
            yield change
