"""What outlives a broker of the simulation: its rooms, its small state, and what tests want to know of them."""

from __future__ import annotations

from dataclasses import dataclass, field

from zchat.common.messages import Entry


@dataclass(slots=True)
class Shelf:
    """What is kept of one room."""

    head: int = 0
    floor: int = 0
    entries: dict[int, Entry] = field(default_factory=dict)
    ids: dict[tuple[str, str], int] = field(default_factory=dict)
    """(author, id) → sequence, of what is kept."""
    gone: dict[tuple[str, str], tuple[int, int, tuple[object, ...] | None]] = field(default_factory=dict)
    """(author, id) → sequence, time and content of what was removed; None: it had been deleted before."""
    topic: str = ""
    topic_at: int = 0
    readers: tuple[str, ...] | None = None
    # No part of the contract, but of what tests want to know:
    former: dict[int, list[Entry]] = field(default_factory=dict)
    """What was changed afterwards, as it had been: first as it was said."""
    trimmed: dict[int, Entry] = field(default_factory=dict)
    """What is no longer kept."""

    def said(self, seq: int) -> Entry | None:
        """An entry as it was said, whatever became of it."""
        return next(iter(self.former.get(seq, ())), self.entries.get(seq) or self.trimmed.get(seq))

    def change(self, seq: int, entry: Entry) -> None:
        """From now on this stands there."""
        self.former.setdefault(seq, []).append(self.entries[seq])
        self.entries[seq] = entry


@dataclass(slots=True)
class Disk:
    """What outlives the broker."""

    id: str = "memory"
    shelves: dict[str, Shelf] = field(default_factory=dict)
    state: dict[str, dict[str, tuple[bytes, int]]] = field(default_factory=dict)
    order: list[tuple[str, int]] = field(default_factory=list)
    """Room and sequence of all entries, as they were stored."""
    free: int = 0
    """Bytes that nothing needs any more."""
    commits: int = 1
    moved: dict[str, int] = field(default_factory=dict)
    """Room → the last commit that stored or removed something there."""
    put: dict[tuple[str, str], int] = field(default_factory=dict)
    """(table, name) → the last commit that set the value."""
