"""The forms in which entries and acks travel: many at once, and what they have in common is said once.

Owns these forms, and how messages are brought into them and out again: authors are named once, sequences that follow
each other are counted, ids are 16 bytes where they are UUIDs. Does not know bytes (`wire`) nor what a message
means. Pure; any thread.

What comes from outside may contradict itself: then bringing it out raises `ValueError`.
"""

from __future__ import annotations

import struct
from itertools import accumulate, groupby
from operator import attrgetter, sub
from typing import Annotated

from msgspec import Meta, Struct, field

from .messages import Ack, Acked, Entries, Entry, Message, Millis, Page, Ref, Seq, Value

Position = Annotated[int, Meta(ge=0, le=2**32 - 1)]
"""Where something stands in a list, the first at 0."""
Ids = bytes | list[str]
"""16 bytes for each, if all are UUIDs in their usual spelling; else as they are."""
UUID_BYTES, UUID_CHARACTERS = 16, 36
_WORTH_IT = 4
"""So few ids stay as they are: the time that it takes is more than the bytes are worth."""
_DASHES = (8, 13, 18, 23)
_PARTS = struct.Struct("8s4s4s4s12s")
_common = attrgetter("room", "time", "delivered", "duplicate", "away")


# --- forms ----------------------------------------------------------------------------------------------------
class Author(Struct, frozen=True, array_like=True, gc=False):
    """Who said something, and to whom; an array."""

    nick: str
    key: str
    to: str | None = None


class Detail(Value, frozen=True):
    """What only some entries have."""

    at: Position
    """Which entry of the batch."""
    kind: str = "message"
    target: str | None = None
    about: Seq = 0
    until: Millis = 0
    choices: list[str] = field(default_factory=list)


class Batch(Value, frozen=True):
    """One entry or more of a room, in order."""

    seq: Seq
    """Of the first entry."""
    prev: Seq
    time: Millis
    ids: Ids
    texts: list[str]
    authors: list[Author]
    by: list[Position] = field(default_factory=list)
    """Which author, for each entry; empty: all by the first."""
    later: list[int] = field(default_factory=list)
    """Milliseconds since the entry before, for each but the first; empty: all at one time."""
    seqs: list[Seq] = field(default_factory=list)
    """For each entry; empty: one more each time."""
    prevs: list[Seq] = field(default_factory=list)
    """For each entry; empty: that of the entry before."""
    details: list[Detail] = field(default_factory=list)


class AckBatch(Value, frozen=True):
    """Messages of one room that were stored together."""

    room: str
    seq: Seq
    """Of the first of them."""
    time: Millis
    ids: Ids
    seqs: list[Seq] = field(default_factory=list)
    """For each; empty: one more each time."""
    delivered: int = 0
    duplicate: bool = False
    away: str | None = None


class EntriesForm(Message, frozen=True, tag="entries"):
    """`Entries` as it travels."""

    room: str
    batch: Batch | None = None
    head: Seq = 0

    @property
    def count(self) -> int:
        """How many entries it says to have."""
        return len(self.batch.texts) if self.batch is not None else 0

    def opened(self) -> Entries:
        """The event."""
        return Entries(room=self.room, entries=unpack(self.batch), head=self.head)


class PageForm(Message, frozen=True, tag="page"):
    """`Page` as it travels."""

    room: str
    head: Seq
    batch: Batch | None = None
    more: bool = False
    floor: Seq = 0
    ref: Ref = 0

    @property
    def count(self) -> int:
        """How many entries it says to have."""
        return len(self.batch.texts) if self.batch is not None else 0

    def opened(self) -> Page:
        """The event."""
        entries = unpack(self.batch)
        return Page(room=self.room, entries=entries, head=self.head, more=self.more, floor=self.floor, ref=self.ref)


class AckedForm(Message, frozen=True, tag="acked"):
    """`Acked` as it travels."""

    acks: list[AckBatch]

    @property
    def count(self) -> int:
        """How many acks it has."""
        return sum(len(b.ids) // (UUID_BYTES if isinstance(b.ids, bytes) else 1) for b in self.acks)

    def opened(self) -> Acked:
        """The event."""
        return Acked(acks=[ack for batch in self.acks for ack in unpack_acks(batch)])


Form = EntriesForm | PageForm | AckedForm
FORMS: dict[type[Message], type[Form]] = {Entries: EntriesForm, Page: PageForm, Acked: AckedForm}
"""Events that travel in another form than they are used in."""


def form_of(event: Message) -> Message:
    """What is encoded for a message."""
    match event:
        case Entries():
            return EntriesForm(room=event.room, batch=pack(event.entries), head=event.head)
        case Page():
            return PageForm(
                room=event.room,
                head=event.head,
                batch=pack(event.entries),
                more=event.more,
                floor=event.floor,
                ref=event.ref,
            )
        case Acked():
            return AckedForm(acks=pack_acks(event.acks))
    return event


# --- entries --------------------------------------------------------------------------------------------------
def pack(entries: list[Entry]) -> Batch | None:
    """Entries of one room as a batch; None when there are none."""
    if not entries:
        return None
    seqs, prevs, times = [e.seq for e in entries], [e.prev for e in entries], [e.time for e in entries]
    authors: dict[tuple[str, str, str | None], int] = {}
    by = [authors.setdefault((e.nick, e.key, e.to), len(authors)) for e in entries]
    details = [
        Detail(at=at, kind=e.kind, target=e.target, about=e.about, until=e.until, choices=e.choices)
        for at, e in enumerate(entries)
        if e.kind != "message" or e.target is not None or e.about or e.until or e.choices
    ]
    return Batch(
        seq=seqs[0],
        prev=prevs[0],
        time=times[0],
        ids=_pack_ids([e.id for e in entries]),
        texts=[e.text for e in entries],
        authors=[Author(*author) for author in authors],
        by=by if len(authors) > 1 else [],
        later=[] if times.count(times[0]) == len(times) else list(map(sub, times[1:], times)),
        seqs=_unless_counted(seqs),
        prevs=[] if prevs[1:] == seqs[:-1] else prevs,
        details=details,
    )


def unpack(batch: Batch | None) -> list[Entry]:
    """The entries of a batch; raises `ValueError` when it contradicts itself."""
    if batch is None:
        return []
    count = len(batch.texts)
    ids = _unpack_ids(batch.ids)
    seqs = batch.seqs or _counted(batch.seq, count)
    prevs = batch.prevs or [batch.prev, *seqs[:-1]]
    times = list(accumulate(batch.later, initial=batch.time)) if batch.later else [batch.time] * count
    by = batch.by or [0] * count
    if not count == len(ids) == len(seqs) == len(prevs) == len(times) == len(by) or not count:
        raise ValueError("the lists of a batch do not belong together")
    if max(by) >= len(batch.authors):
        raise ValueError("a batch does not name an author")
    if batch.later and not 0 <= min(times) <= max(times) <= 2**47:
        raise ValueError("a time is out of bounds")
    authors = batch.authors
    entries = [
        Entry(seq=seq, prev=prev, id=id_, time=time, nick=a.nick, key=a.key, text=text, to=a.to)
        for seq, prev, id_, time, a, text in zip(
            seqs, prevs, ids, times, [authors[n] for n in by], batch.texts, strict=True
        )
    ]
    for detail in batch.details:
        if detail.at >= count:
            raise ValueError("a detail is about no entry of its batch")
        entries[detail.at] = _detailed(entries[detail.at], detail)
    return entries


def _detailed(e: Entry, detail: Detail) -> Entry:
    return Entry(
        seq=e.seq,
        prev=e.prev,
        id=e.id,
        time=e.time,
        nick=e.nick,
        key=e.key,
        text=e.text,
        to=e.to,
        kind=detail.kind,
        target=detail.target,
        about=detail.about,
        until=detail.until,
        choices=detail.choices,
    )


def entry_size(entry: Entry) -> int:
    """About how many bytes an entry takes by itself; never less."""
    size = _bytes(entry.text) + len(entry.id) + _bytes(entry.nick) + (_bytes(entry.to) if entry.to else 0) + 110
    return size + _detail_size(entry)


def _detail_size(entry: Entry) -> int:
    if entry.kind == "message" and entry.target is None and not (entry.about or entry.until or entry.choices):
        return 0
    return 120 + sum(_bytes(choice) + 3 for choice in entry.choices)


class Filling:
    """How large a batch becomes, entry by entry; never less, if all ids that are as long as a UUID are UUIDs."""

    __slots__ = ("_count", "_counted", "_named", "_plain", "_seq", "_time", "size")

    def __init__(self) -> None:
        self.size = _WORTH_IT * (UUID_CHARACTERS + 2 - UUID_BYTES)  # what a few ids take more
        self._count = self._seq = self._time = 0
        self._named: set[tuple[str, str, str | None]] = set()
        self._plain = self._counted = True
        """Whether ids take 16 bytes each, and sequences none."""

    def add(self, entry: Entry) -> int:
        """The size with this entry."""
        size = _bytes(entry.text) + 8  # with which author's it is
        if (author := (entry.nick, entry.key, entry.to)) not in self._named:
            self._named.add(author)
            size += _bytes(entry.nick) + len(entry.key) + (_bytes(entry.to) if entry.to else 0) + 10
        size += 3 if 0 <= entry.time - self._time < 2**16 else 9
        if self._plain and len(entry.id) != UUID_CHARACTERS:
            self._plain = False
            size += (UUID_CHARACTERS + 2 - UUID_BYTES) * self._count
        size += UUID_BYTES if self._plain else len(entry.id) + 2
        if self._counted and self._count and not entry.seq - 1 == entry.prev == self._seq:
            self._counted = False
            size += 18 * self._count
        size += 0 if self._counted else 18
        size += _detail_size(entry)
        self._count, self._seq, self._time = self._count + 1, entry.seq, entry.time
        self.size += size
        return self.size


def _bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())


# --- acks -----------------------------------------------------------------------------------------------------
def pack_acks(acks: list[Ack]) -> list[AckBatch]:
    """Acks in batches, in their order."""
    batches = []
    for (room, time, delivered, duplicate, away), together in groupby(acks, _common):
        group = list(together)
        seqs = [ack.seq for ack in group]
        batches.append(
            AckBatch(
                room=room,
                seq=seqs[0],
                time=time,
                ids=_pack_ids([ack.id for ack in group]),
                seqs=_unless_counted(seqs),
                delivered=delivered,
                duplicate=duplicate,
                away=away,
            )
        )
    return batches


def unpack_acks(b: AckBatch) -> list[Ack]:
    """The acks of a batch; raises `ValueError` when it contradicts itself."""
    ids = _unpack_ids(b.ids)
    seqs = b.seqs or _counted(b.seq, len(ids))
    if len(seqs) != len(ids) or not ids:
        raise ValueError("the lists of a batch do not belong together")
    return [
        Ack(id=id_, room=b.room, seq=seq, time=b.time, delivered=b.delivered, duplicate=b.duplicate, away=b.away)
        for id_, seq in zip(ids, seqs, strict=True)
    ]


# --- sequences and ids ----------------------------------------------------------------------------------------
def _unless_counted(seqs: list[int]) -> list[int]:
    return [] if seqs == list(range(seqs[0], seqs[0] + len(seqs))) else seqs


def _counted(first: int, count: int) -> list[int]:
    if first + count > 2**63:
        raise ValueError("a sequence is out of bounds")
    return list(range(first, first + count))


def _pack_ids(ids: list[str]) -> Ids:
    if len(ids) < _WORTH_IT or set(map(len, ids)) != {UUID_CHARACTERS}:
        return ids
    joined = "".join(ids)
    if any(joined[dash::UUID_CHARACTERS] != "-" * len(ids) for dash in _DASHES):
        return ids
    digits = joined.replace("-", "")
    try:
        packed = bytes.fromhex(digits)
    except ValueError:
        return ids
    # Nothing but two small digits for each byte: no capitals, no blanks, no further dashes.
    return packed if packed.hex() == digits and len(packed) == UUID_BYTES * len(ids) else ids


def _unpack_ids(ids: Ids) -> list[str]:
    if isinstance(ids, list):
        return ids
    if len(ids) % UUID_BYTES:
        raise ValueError("an id is cut off")
    return [b"-".join(parts).decode() for parts in _PARTS.iter_unpack(ids.hex().encode())]
