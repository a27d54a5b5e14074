"""One room as a client has seen it: the cursor, gaps, and what waits behind them.

Owns the rule that every entry is shown once and in order. Does not know sockets, sessions or other rooms. Pure; used
by the receive thread alone.

An entry follows when its `prev` is the cursor. An older one is a duplicate. Any other shows a gap: it waits in the
stash while the entries before it are asked for (`following` sends the `Replay`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ..common import limits
from ..common.ids import is_message_id
from ..common.messages import Entry
from ..common.names import PRIVATE_MARK
from ..common.spans import seconds_of


@dataclass(frozen=True, slots=True)
class Start:
    """Where in a room's history a client begins; nothing set: from now on."""

    after: int | None = None
    last: int | None = None
    since: int | None = None
    since_id: str | None = None
    unread: bool = False
    """After what was seen on any screen; where nothing was, from now on."""


UNREAD = Start(unread=True)
"""What no screen has shown."""
NOW = Start(last=0)
"""From now on, in private messages too."""
ALL = Start(after=0)
"""Everything that is kept."""
END_OF_TIME = 2**62
"""Beyond every sequence: what stands before it are the last entries."""


def start_of(text: str, wall: int) -> Start | None:
    """Where that begins, at a time in milliseconds: a number of entries, a time span, ``all``, ``unread``, an id."""
    if text in ("all", "unread"):
        return ALL if text == "all" else UNREAD
    seconds = seconds_of(text)
    if seconds is not None:
        return Start(since=max(0, wall - int(seconds * 1_000)))
    if text.isascii() and text.isdigit() and len(text) <= 6:
        return Start(last=int(text))
    return Start(since_id=text) if is_message_id(text) else None


@dataclass(frozen=True, slots=True)
class Stopped:
    """Where a client stopped in an earlier life: it goes on there, if the history is the same."""

    history: str = ""
    cursors: Mapping[str, int] = field(default_factory=dict)
    """Room id → the last sequence shown."""


@dataclass(slots=True)
class RoomView:
    """What one client knows of one room."""

    id: str
    name: str
    start: Start
    create: bool = True
    private: bool = False
    """For its members only: nothing of it goes over PUB, and nobody there needs to know that we follow it."""
    topic: str = ""
    cursor: int | None = None
    """The last sequence shown; None until the broker has told where we begin."""
    head: int = 0
    """The highest sequence known to exist."""
    echo: int = 0
    """The highest sequence of our own that was acked: it is still to be shown while the cursor is below."""
    goal: int | None = None
    """Caught up when the cursor reaches this; None when that has been told."""
    entered: bool = False
    looked: int | None = None
    """Up to where somebody has looked at it, on a screen that shows other rooms; None: at all that came."""
    told: int = -1
    """The cursor that the broker knows of."""
    telling: int = -1
    """The cursor that the last ping carried."""
    asked: int = 0
    """The ref of the join or replay under way, 0 if none."""
    again_at: float = 0.0
    """When that is to be asked again, in monotonic seconds."""
    put_off: bool = False
    """The broker said that it will let us in later, and that was told."""
    joining: bool = False
    """What is under way is the join."""
    stash: dict[int, Entry] = field(default_factory=dict)
    """`prev` → entry, for entries beyond a gap."""

    @property
    def direct(self) -> bool:
        """Whether it holds the private messages of two users."""
        return self.id.startswith(PRIVATE_MARK)

    @property
    def seen(self) -> int | None:
        """The last sequence that was seen, None before we begin."""
        return self.cursor if self.cursor is None or self.looked is None else min(self.cursor, self.looked)

    def enter(self, after: int, head: int) -> None:
        """The broker told where we begin, and where the room stands."""
        if self.cursor is None:
            self.cursor = after
        self.head = max(self.head, head)
        if self.goal is None and not self.entered:
            self.goal = head
        self.entered = True

    def restart(self, start: Start = ALL) -> None:
        """Forget everything shown, and begin there: the history is another one."""
        self.cursor = None
        self.start = start
        self.head, self.echo, self.told, self.entered, self.goal = 0, 0, -1, False, None
        self.stash.clear()

    def take(self, entries: list[Entry], *, contiguous: bool) -> Iterator[Entry]:
        """The entries that are to be shown now, in order.

        `contiguous`: they are a page read from the cursor on, so the first follows whatever its `prev` says
        (entries before it may have been removed).
        """
        for entry in entries:
            self.head = max(self.head, entry.seq)
            if self.cursor is None:
                self._keep(entry)
            elif entry.seq <= self.cursor:
                continue
            elif contiguous or entry.prev == self.cursor:
                self.cursor = entry.seq
                yield entry
            else:
                self._keep(entry)
        yield from self._unstash()

    def pass_by(self, entries: list[Entry]) -> None:
        """The entries are to be shown later; those that tell where to begin are kept, the others come again."""
        for entry in entries:
            self.head = max(self.head, entry.seq)
            if self.cursor is None:
                self._keep(entry)

    def _keep(self, entry: Entry) -> None:
        if len(self.stash) < limits.STASH:
            self.stash[entry.prev] = entry

    def _unstash(self) -> Iterator[Entry]:
        while self.cursor is not None and (entry := self.stash.pop(self.cursor, None)) is not None:
            self.cursor = entry.seq
            yield entry
        if self.stash and self.cursor is not None:
            self.stash = {prev: entry for prev, entry in self.stash.items() if entry.seq > self.cursor}

    def pass_over(self, floor: int) -> int:
        """Go on behind what is no longer kept; how many entries that are, 0 for who begins at the beginning."""
        if not self.cursor or floor <= self.cursor:
            return 0
        missed, self.cursor = floor - self.cursor, floor
        return missed

    @property
    def behind(self) -> bool:
        """Whether there are entries that must be asked for."""
        return self.cursor is not None and self.cursor < self.head

    def reached_goal(self) -> bool:
        """True once: when everything that stood here at the start has been shown."""
        if self.goal is None or self.cursor is None or self.cursor < self.goal:
            return False
        self.goal = None
        return True
