"""`History`: the only door to storage, as the broker's core and server see it.

Owns the words (append, put, erase, together, read, locate, find) and their outcomes. Does not know any database
(`sqlite`, `postgres`). Pure; any thread. An adapter is used by one thread at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

import msgspec

from ..common import limits, wire
from ..common.errors import ZchatError
from ..common.messages import Entry
from ..common.searching import Term

Table = Mapping[str, tuple[bytes, int]]
"""A table of the small state: name → value and revision."""
Rows = Sequence[tuple[str, bytes, int]]
"""Name, value and revision of some values of one table."""


class NotStored(ZchatError):
    """The history could not be written; nothing of the batch is stored."""


class BadHistory(ZchatError):
    """The history cannot be opened."""


# --- what can be stored ---------------------------------------------------------------------------------------
class Append(msgspec.Struct, frozen=True):
    """Put one entry at the end of a room, once for each (room, author, id)."""

    room: str
    author: str
    id: str
    nick: str
    text: str
    time: int
    kind: str = "message"
    to: str | None = None
    target: str | None = None
    about: int = 0
    until: int = 0
    choices: tuple[str, ...] = ()
    readers: tuple[str, ...] | None = None
    """Whose searches look through the room without naming it; None: everybody's. Always the same for a room."""


class Disown(msgspec.Struct, frozen=True):
    """Take what an author has said out of so many entries, and their name out of what others said to them.

    Their entries stay, as ``deleted`` ones or without a reason; which choices they took stays too.
    """

    author: str
    nick: str
    """How they are called in what stays."""
    after: tuple[int, int] = (0, 0)
    """Where to go on: what the outcome of the step before tells."""
    limit: int = 20_000


class Shrink(msgspec.Struct, frozen=True):
    """Give so many pages of the storage back to the system, of those that hold nothing any more."""

    pages: int


class Put(msgspec.Struct, frozen=True):
    """Set one value of the small state, if its revision is still `expect` (0: absent, None: whatever it is)."""

    table: str
    name: str
    value: bytes
    expect: int | None = None


class Erase(msgspec.Struct, frozen=True):
    """Take the text of something that was said, by `author` if one is given; the entry stays as ``deleted``."""

    room: str
    seq: int
    author: str | None


class Resolve(msgspec.Struct, frozen=True):
    """Only if the question at a sequence takes this choice of this author's: it is another's, and not answered yet."""

    room: str
    seq: int
    author: str
    choice: str


class Together(msgspec.Struct, frozen=True):
    """All of these or none, with at most one `Append`; where that is a repeat, the others are not done again.

    The outcome is that of the `Append`, or `Done`; or of the first that cannot be.
    """

    changes: tuple[Append | Put | Erase | Resolve, ...]


class Appended(msgspec.Struct, frozen=True):
    """The entry stands in the room; `duplicate` when it already stood there."""

    seq: int
    prev: int
    time: int
    duplicate: bool = False


class Reused(msgspec.Struct, frozen=True):
    """The author has used this id in this room for another text."""


class Done(msgspec.Struct, frozen=True):
    """The value is set, or the text erased (then without a revision)."""

    revision: int = 0


class Disowned(msgspec.Struct, frozen=True):
    """So many entries were changed; `after` tells where to go on, None: that was all."""

    changed: int
    after: tuple[int, int] | None
    topics: Mapping[str, str]
    """Room → its topic now, where it was the author's, or may have been until a broker erased it and died."""


class Shrunk(msgspec.Struct, frozen=True):
    """Bytes that were given back, and that can still be; `able` tells whether the storage can do that at all."""

    freed: int
    left: int
    able: bool = True
    instead: str = ""
    """What does it where this storage does not."""


class Missing(msgspec.Struct, frozen=True):
    """There is no such message, or not by this author."""


class Settled(msgspec.Struct, frozen=True):
    """The question does not take this answer: who asked it, what can be chosen, and who has chosen what, if anybody."""

    asker: str
    """The key."""
    choices: tuple[str, ...]
    nick: str = ""
    choice: str = ""


class Conflict(msgspec.Struct, frozen=True):
    """The value was not set: this is what stands there."""

    table: str
    name: str
    value: bytes
    revision: int


# --- what can be asked ----------------------------------------------------------------------------------------
class Read(msgspec.Struct, frozen=True):
    """Entries after a sequence in ascending order, or with `before` the last ones before it (ascending too)."""

    room: str
    after: int | None = None
    before: int | None = None
    limit: int = 1
    floor: int = 0
    """Nothing up to this sequence is given: what a member of the room may not read."""


class Found(msgspec.Struct, frozen=True):
    """What a `Read` found; `more` tells that the page was cut."""

    entries: list[Entry]
    more: bool


class Locate(msgspec.Struct, frozen=True):
    """The sequence after which the last N entries, those since a time, or those after an id begin."""

    room: str
    last: int | None = None
    since: int | None = None
    since_id: str | None = None


class Located(msgspec.Struct, frozen=True):
    """The answer to `Locate`; None when the id is not in the room."""

    after: int | None


class Find(msgspec.Struct, frozen=True):
    """The newest entries with all these terms: in rooms of these readers (``""``: everybody's), or in named rooms.

    Only what is indexed is found.
    """

    terms: tuple[Term, ...]
    readers: tuple[str, ...]
    rooms: Mapping[str, int]
    """Room → the sequence up to which nothing is found."""
    limit: int
    before: tuple[str, int] | None = None
    """A room and sequence: only what was indexed before that entry. Where it is gone, something may be found twice."""


class FoundIn(msgspec.Struct, frozen=True):
    """What a `Find` found, with the room of each, the newest last; `more` tells that there is more before."""

    entries: list[tuple[str, Entry]]
    more: bool
    too_long: bool = False
    """It took as long as it may, so there may be more."""


class Index(msgspec.Struct, frozen=True):
    """Make up to so many entries findable, the oldest first, and wipe out some of what was deleted from the index."""

    limit: int


class Indexed(msgspec.Struct, frozen=True):
    """How many entries are still to be indexed, and whether something deleted is still to be wiped out."""

    left: int
    dirty: bool = False


class Recall(msgspec.Struct, frozen=True):
    """Whether an author has put this entry into a room under this id; answered with `Appended` or `Missing`."""

    room: str
    author: str
    id: str
    kind: str
    text: str


class Trim(msgspec.Struct, frozen=True):
    """Remove the oldest entries of a room: those from before a time, and all but the last `keep` (0: keep all).

    Their ids are remembered, so that a repeat is still known, unless they are older than `forget`.
    """

    room: str
    before: int
    keep: int
    forget: int


class Trimmed(msgspec.Struct, frozen=True):
    """Nothing up to this sequence is kept; `more` tells that there may be more to remove."""

    floor: int
    more: bool


class Checkpoint(msgspec.Struct, frozen=True):
    """Leave nothing of what was taken out in a log beside the storage, if nobody else is reading it just now."""


class News(msgspec.Struct, frozen=True):
    """What has been stored since a cursor that `Told` gave out, by this broker and by others; 0: everything."""

    after: int


class Told(msgspec.Struct, frozen=True):
    """All that has changed, and maybe some that was told before; nothing that was committed is ever left out."""

    after: int
    """Where to go on. It means something only to the opened history that gave it out."""
    state: list[tuple[str, str, bytes, int]]
    """Table, name, value and revision of what was set."""
    heads: Mapping[str, int]
    """Room → its last sequence, of those in which something was stored or removed."""
    floors: Mapping[str, int]
    """Room → the sequence up to which nothing is kept, of the same rooms."""


Change = Append | Put | Erase | Resolve | Together | Trim | Index | Disown | Shrink
Question = Read | Locate | Recall | Find | Checkpoint | News
Outcome = (
    Appended
    | Reused
    | Done
    | Missing
    | Settled
    | Conflict
    | Trimmed
    | Indexed
    | Disowned
    | Shrunk
    | Found
    | FoundIn
    | Located
    | Told
    | NotStored
)


# --- what each storage decides alike --------------------------------------------------------------------------
def make_together(
    together: Together,
    repeat: Callable[[Append], Outcome | None],
    fault: Callable[[Append | Put | Erase | Resolve], Outcome | None],
    make: Callable[[Change], Outcome],
) -> Outcome:
    """Make all of these changes or none: what could fail is looked at first, so that nothing has to be undone."""
    append = next((change for change in together.changes if isinstance(change, Append)), None)
    found = append and repeat(append)
    found = found or next((found for change in together.changes if (found := fault(change))), None)
    if found is not None:
        return found
    outcomes = {type(change): make(change) for change in together.changes}
    return outcomes[Append] if append is not None else Done()


def page_of(entries: Iterable[Entry], floor: int, head: int, *, backwards: bool) -> Found:
    """A page of as many entries as fit a frame, ascending, at least one; they come in the direction of the reading."""
    page: list[Entry] = []
    filling = wire.Filling()
    for entry in entries:
        if filling.add(entry) > limits.FRAME_BYTES and page:
            break
        page.append(entry)
    if backwards:
        page.reverse()
        return Found(page, more=bool(page) and page[0].prev > floor)
    return Found(page, more=bool(page) and page[-1].seq < head)


class History(Protocol):
    """Durable storage of rooms and of a small state."""

    id: str
    """A random word, renewed by a restore: cursors name it."""
    shared: bool
    """Whether other brokers may use the same storage at the same time."""

    def commit(self, batch: Sequence[Change]) -> list[Outcome]:
        """Make all changes in one transaction, durable on return; raises `NotStored`."""
        ...

    def answer(self, question: Question) -> Outcome:
        """Read; sees everything committed."""
        ...

    def heads(self) -> Mapping[str, int]:
        """The last sequence of every room that has entries."""
        ...

    def floors(self) -> Mapping[str, int]:
        """The sequence up to which nothing is kept, of every room of which something was removed."""
        ...

    def topics(self) -> Mapping[str, str]:
        """The text of the last topic entry of every room that has one."""
        ...

    def table(self, table: str) -> Table:
        """One table of the small state."""
        ...

    def size(self) -> int:
        """The bytes that it takes, as far as is known; may be asked by any thread."""
        ...

    def close(self) -> None:
        """Give up the storage."""
        ...
