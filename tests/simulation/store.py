"""A history in memory that keeps the contract of the one on disk.

It passes `tests/broker/test_history.py`, `test_retention.py` and `test_index.py`, as `SqliteHistory` does.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from zchat.broker.history import (
    Append,
    Appended,
    Change,
    Checkpoint,
    Conflict,
    Disown,
    Disowned,
    Done,
    Erase,
    Find,
    Found,
    FoundIn,
    Index,
    Indexed,
    Locate,
    Located,
    Missing,
    News,
    Outcome,
    Put,
    Question,
    Read,
    Recall,
    Resolve,
    Reused,
    Settled,
    Shrink,
    Shrunk,
    Together,
    Told,
    Trim,
    Trimmed,
)
from zchat.common import limits, wire
from zchat.common.messages import Entry
from zchat.common.names import PRIVATE_MARK
from zchat.common.rules import SEARCHED, WORDS
from zchat.common.searching import holds

from .disk import Disk, Shelf

_TRIM_ENTRIES = 500

_DISOWN_ENTRIES = 40
"""Fewer than on a disk, so that something happens in between."""

_PAGE = 100


def _content(what: Append | Entry) -> tuple[object, ...]:
    return (what.text, what.kind, what.target, what.about, *what.choices)


class MemoryHistory:
    """`History` on a `Disk`."""

    def __init__(self, disk: Disk | None = None, *, shared: bool = False) -> None:
        self.disk = disk or Disk()
        self.id = self.disk.id
        self.shared = shared

    def size(self) -> int:
        """It takes no disk."""
        return 0

    def close(self) -> None:
        """Nothing to give up."""

    # --- writing ----------------------------------------------------------------------------------------------
    def commit(self, batch: Sequence[Change]) -> list[Outcome]:
        """Make all changes; none can fail in the middle."""
        self.disk.commits += 1
        return [self._make(change) for change in batch]

    def _make(self, change: Change) -> Outcome:
        match change:
            case Append():
                return self._repeat(change) or self._append(change)
            case Put():
                return self._fault(change) or self._put(change)
            case Erase():
                return self._fault(change) or self._erase(change)
            case Resolve():
                return self._fault(change) or Done()
            case Trim():
                return self._trim(change)
            case Index():
                return Indexed(0)
            case Disown():
                return self._disown(change)
            case Shrink(pages):
                freed = min(self.disk.free, pages * _PAGE)
                self.disk.free -= freed
                return Shrunk(freed, self.disk.free)
            case Together(changes):
                return self._together(changes)

    def _together(self, changes: tuple[Append | Put | Erase | Resolve, ...]) -> Outcome:
        append = next((change for change in changes if isinstance(change, Append)), None)
        repeat = self._repeat(append) if append is not None else None
        fault = repeat or next((fault for change in changes if (fault := self._fault(change))), None)
        if fault is not None:
            return fault
        outcomes = [(change, self._make(change)) for change in changes]
        return next((outcome for change, outcome in outcomes if change is append), Done())

    def _fault(self, change: Append | Put | Erase | Resolve) -> Outcome | None:
        match change:
            case Put(table, name, _, expect) if expect is not None:
                value, revision = self.disk.state.get(table, {}).get(name, (b"", 0))
                return Conflict(table, name, value, revision) if revision != expect else None
            case Erase(room, seq, author):
                entry = self._shelf(room).entries.get(seq)
                if entry is None or entry.kind not in WORDS or author not in (None, entry.key):
                    return Missing()
            case Resolve(room, seq, author, choice):
                shelf = self._shelf(room)
                asked = shelf.entries.get(seq)
                if asked is None or asked.kind != "ask":
                    return Missing()
                answers = (entry for entry in shelf.entries.values() if (entry.kind, entry.about) == ("answer", seq))
                answer = next(answers, None)
                if answer is not None or asked.key == author or choice not in asked.choices:
                    by = (answer.nick, answer.text) if answer is not None else ()
                    return Settled(asked.key, tuple(asked.choices), *by)
        return None

    def _shelf(self, room: str) -> Shelf:
        return self.disk.shelves.get(room) or Shelf()

    def _repeat(self, append: Append) -> Outcome | None:
        shelf = self._shelf(append.room)
        name = (append.author, append.id)
        seq = shelf.ids.get(name)
        if seq is not None:
            entry = shelf.entries[seq]
            time, content = entry.time, None if entry.kind == "deleted" else _content(entry)
        elif name in shelf.gone:
            seq, time, content = shelf.gone[name]
        else:
            return None
        if content is not None and content != _content(append):
            return Reused()
        return Appended(seq, seq - 1, time, duplicate=True)

    def _append(self, append: Append) -> Appended:
        shelf = self.disk.shelves.setdefault(append.room, Shelf())
        self.disk.moved[append.room] = self.disk.commits
        shelf.head = seq = shelf.head + 1
        shelf.readers = append.readers if seq == 1 else shelf.readers
        self.disk.order.append((append.room, seq))
        a = append
        shelf.ids[a.author, a.id] = seq
        shelf.entries[seq] = Entry(
            seq=seq,
            prev=seq - 1,
            id=a.id,
            time=a.time,
            nick=a.nick,
            key=a.author,
            text=a.text,
            kind=a.kind,
            to=a.to,
            target=a.target,
            about=a.about,
            until=a.until,
            choices=list(a.choices),
        )
        if a.kind == "topic":
            shelf.topic, shelf.topic_at = a.text, seq
        return Appended(seq, seq - 1, a.time)

    def _put(self, put: Put) -> Done:
        table = self.disk.state.setdefault(put.table, {})
        _, revision = table.get(put.name, (b"", 0))
        table[put.name] = (put.value, revision + 1)
        self.disk.put[put.table, put.name] = self.disk.commits
        return Done(revision + 1)

    def _erase(self, erase: Erase) -> Done:
        shelf = self.disk.shelves[erase.room]
        entry = shelf.entries[erase.seq]
        shelf.change(erase.seq, replace(entry, text="", kind="deleted", choices=[]))
        self.disk.free += len(entry.text)
        return Done()

    def _disown(self, disown: Disown) -> Disowned:
        rooms = list(self.disk.shelves)
        for shelf in self.disk.shelves.values():
            for name, (seq, time, _) in shelf.gone.items():
                if name[0] == disown.author:
                    shelf.gone[name] = (seq, time, None)
        places = sorted(
            (number, seq) for number, room in enumerate(rooms) for seq in self.disk.shelves[room].entries
        )  # fmt: skip
        left = [place for place in places if place > disown.after]
        changed, topics = 0, {}
        for number, seq in left[:_DISOWN_ENTRIES]:
            room = rooms[number]
            shelf = self.disk.shelves[room]
            entry = self._disowned(shelf.entries[seq], room, disown)
            own = entry.key == disown.author
            changed += own
            maybe_topic = own and shelf.entries[seq].kind in ("topic", "deleted")
            if entry != shelf.entries[seq]:
                self.disk.free += len(shelf.entries[seq].text) - len(entry.text)
                shelf.change(seq, entry)
            if maybe_topic:
                shelf.topic_at = max((each.seq for each in shelf.entries.values() if each.kind == "topic"), default=0)
                topics[room] = shelf.topic = shelf.entries[shelf.topic_at].text if shelf.topic_at else ""
        return Disowned(changed, left[_DISOWN_ENTRIES - 1] if len(left) > _DISOWN_ENTRIES else None, topics)

    @staticmethod
    def _disowned(entry: Entry, room: str, disown: Disown) -> Entry:
        author = disown.author
        own = entry.key == author
        between = room.startswith(PRIVATE_MARK) and author in room
        if own and entry.kind != "answer":
            kind = "deleted" if entry.kind in (*WORDS, "topic") else entry.kind
            entry = replace(entry, kind=kind, text="", choices=[])
        if own:
            entry = replace(entry, nick=disown.nick, choices=[])
        theirs = not own or room == f"{PRIVATE_MARK}{author}.{author}"
        if entry.to is not None and theirs and (own or between or entry.target == author):
            entry = replace(entry, to=disown.nick)
        return entry

    def _trim(self, trim: Trim) -> Trimmed:
        shelf = self._shelf(trim.room)
        last_kept = shelf.head - trim.keep if trim.keep else 0
        shelf.gone = {name: kept for name, kept in shelf.gone.items() if kept[1] >= trim.forget}
        end, looked_at = shelf.floor, 0
        for seq in range(shelf.floor + 1, shelf.head + 1)[:_TRIM_ENTRIES]:
            entry = shelf.entries[seq]
            if seq > last_kept and entry.time >= trim.before:
                break
            end, looked_at = seq, looked_at + 1
            if entry.time >= trim.forget:
                content = None if entry.kind == "deleted" else _content(entry)
                shelf.gone[entry.key, entry.id] = (seq, entry.time, content)
        if not looked_at:
            return Trimmed(shelf.floor, more=False)
        for seq in [seq for seq in shelf.entries if seq <= end and seq != shelf.topic_at]:
            entry = shelf.trimmed[seq] = shelf.entries.pop(seq)
            del shelf.ids[entry.key, entry.id]
            self.disk.free += len(entry.text)
        shelf.floor = end
        self.disk.moved[trim.room] = self.disk.commits
        return Trimmed(end, more=looked_at == _TRIM_ENTRIES)

    # --- reading ----------------------------------------------------------------------------------------------
    def answer(self, question: Question) -> Outcome:
        """Read."""
        match question:
            case Read():
                return self._read(question)
            case Locate():
                return self._locate(question)
            case Find():
                return self._find(question)
            case Checkpoint():
                return Done()
            case Recall(room, author, id_, kind, text):
                shelf = self._shelf(room)
                seq = shelf.ids.get((author, id_))
                entry = shelf.entries[seq] if seq is not None else None
                if entry is not None and (entry.kind, entry.text) == (kind, text):
                    return Appended(entry.seq, entry.prev, entry.time, duplicate=True)
                return Missing()
            case News(after):
                return self._news(after)

    def _news(self, after: int) -> Told:
        heads = {room: self.disk.shelves[room].head for room, at in self.disk.moved.items() if at > after}
        state = [(*name, *self.disk.state[name[0]][name[1]]) for name, at in self.disk.put.items() if at > after]
        floors = {room: floor for room in heads if (floor := self.disk.shelves[room].floor)}
        return Told(self.disk.commits, state, heads, floors)

    def _read(self, read: Read) -> Found:
        shelf = self._shelf(read.room)
        floor = max(read.floor, shelf.floor)
        backwards = read.before is not None
        seqs = (
            range(min(read.before, shelf.head + 1) - 1, floor, -1)
            if read.before is not None
            else range(max(read.after or 0, floor) + 1, shelf.head + 1)
        )
        entries: list[Entry] = []
        filling = wire.Filling()
        for seq in seqs[: read.limit]:
            entry = shelf.entries[seq]
            if filling.add(entry) > limits.FRAME_BYTES and entries:
                break
            entries.append(entry)
        if backwards:
            entries.reverse()
            return Found(entries, more=bool(entries) and entries[0].prev > floor)
        return Found(entries, more=bool(entries) and entries[-1].seq < shelf.head)

    def _find(self, find: Find) -> FoundIn:
        found: list[tuple[str, Entry]] = []
        order = self.disk.order
        size = 0
        for room, seq in reversed(order[: order.index(find.before) if find.before in order else None]):
            shelf = self.disk.shelves[room]
            entry = shelf.entries.get(seq)
            whole = "" in find.readers if shelf.readers is None else bool({*find.readers} & {*shelf.readers})
            if not (whole or (room in find.rooms and seq > find.rooms[room])) or seq <= shelf.floor or entry is None:
                continue
            if entry.kind not in SEARCHED or not holds(entry.text, find.terms):
                continue
            size += wire.entry_size(entry) + len(room.encode())
            if found and (len(found) == find.limit or size > limits.FRAME_BYTES):
                return FoundIn(found[::-1], more=True)
            found.append((room, entry))
        return FoundIn(found[::-1], more=False)

    def _locate(self, locate: Locate) -> Located:
        shelf = self._shelf(locate.room)
        if locate.last is not None:
            return Located(max(0, shelf.head - locate.last))
        if locate.since_id is not None:
            seqs = [seq for (_, id_), seq in shelf.ids.items() if id_ == locate.since_id]
            return Located(max(seqs, default=None))
        low, high = 0, shelf.head
        while low < high:
            middle = (low + high + 1) // 2
            entry = shelf.entries.get(middle)
            if entry is not None and entry.time >= (locate.since or 0):
                high = middle - 1
            else:
                low = middle
        return Located(low)

    def heads(self) -> dict[str, int]:
        """The last sequence of every room that has entries."""
        return {room: shelf.head for room, shelf in self.disk.shelves.items()}

    def floors(self) -> dict[str, int]:
        """The sequence up to which nothing is kept, of every room of which something was removed."""
        return {room: shelf.floor for room, shelf in self.disk.shelves.items() if shelf.floor}

    def topics(self) -> dict[str, str]:
        """The text of the last topic entry of every room that has one."""
        return {room: shelf.topic for room, shelf in self.disk.shelves.items() if shelf.topic_at}

    def table(self, table: str) -> dict[str, tuple[bytes, int]]:
        """One table of the small state: name → (value, revision)."""
        return dict(self.disk.state.get(table, {}))
