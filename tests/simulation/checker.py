"""What must hold after the healing, whatever happened before: the promises of `docs/guarantees.md`, one by one.

A `Fault` has the name of the promise that is broken, by which a shorter script is known to fail in the same way.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import msgspec

from zchat.broker.questions import READS
from zchat.broker.rooms import ROOMS
from zchat.broker.roster import STRANGER
from zchat.broker.upkeep import FORGOTTEN, Forgotten
from zchat.client.sending import Sender
from zchat.common import messages as m, names
from zchat.common.errors import Code

from .disk import Shelf
from .party import Party, Segment
from .world import World

GONE = {Code.NO_SUCH_ROOM, Code.NO_SUCH_USER}
"""A repeat of what is stored may be refused so: the room, or the addressee, is not there for one any more."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One broken promise, and where."""

    promise: str
    detail: str
    view: tuple[str, ...] = field(default=())
    """What the one shows whom it happened to, and what the history holds."""

    def __str__(self) -> str:
        return "\n    ".join((f"{self.promise}: {self.detail}", *self.view))


def check(world: World) -> list[Fault]:
    """All faults of a run."""
    return [
        *(Fault("what must never happen", wrong) for wrong in world.wrongs),
        *_rest(world),
        *_history(world),
        *_acks(world),
        *_orders(world),
        *_views(world),
        *_direct(world),
        *_agreement(world),
        *_forgotten(world),
    ]


# --- everybody is at rest -------------------------------------------------------------------------------------
def _rest(world: World) -> Iterator[Fault]:
    heads = world.history.heads()
    for party in world.parties:
        if not party.alive:
            continue
        core = party.core
        if not core.live or core.waiting or core.asking:
            state = f"live {core.live}, {core.waiting} messages wait, {core.asking} questions"
            yield Fault("everybody comes to rest", f"{party.slot}: {state}")
        for room, view in core.rooms.items():
            if not view.entered or view.asked:
                yield Fault("everybody comes to rest", f"{party.slot} waits for {room}: {view}")
            elif (view.cursor or 0) != view.head or (view.head != heads.get(room, 0) and _follows(world, party, room)):
                detail = f"{party.slot} in {room}: cursor {view.cursor}, head {view.head}, history {heads.get(room, 0)}"
                yield Fault("heads agree", detail)
            elif view.head != heads.get(room, 0):
                yield Fault("client and broker agree on who is where", f"{party.slot} believes to be in {room}")


def _follows(world: World, party: Party, room: str) -> bool:
    assert party.world.broker is not None
    session = party.world.broker._roster.sessions.get((party.key, party.core.profile.instance))
    return session is not None and (room in session.rooms or room.startswith(names.PRIVATE_MARK))


# --- what is stored -------------------------------------------------------------------------------------------
def _history(world: World) -> Iterator[Fault]:
    for room, shelf in world.disk.shelves.items():
        seen: set[tuple[str, str]] = set()
        answers = Counter(entry.about for entry in shelf.entries.values() if entry.kind == "answer")
        yield from (Fault("one answer counts", f"{room} {seq}") for seq, count in answers.items() if count > 1)
        everything = {**shelf.trimmed, **shelf.entries}
        if sorted(everything) != list(range(1, shelf.head + 1)) or any(seq > shelf.floor for seq in shelf.trimmed):
            yield Fault("sequences have no gap", f"{room}: {sorted(everything)}")
        for seq in everything:
            entry = shelf.said(seq)
            assert entry is not None
            name = (entry.key, entry.id)
            if name in seen:
                yield Fault("each id stands in the history once", f"{room} {seq}: {name}")
            seen.add(name)
            say = world.said.get(name)
            if say is None or (say.text, say.kind) != (entry.text, entry.kind) or not _is_place_of(say, entry, room):
                yield Fault("nothing unsent appears", f"{room} {seq}: {entry}, said was {say}")


def _is_place_of(say: m.Say, entry: m.Entry, room: str) -> bool:
    if say.room is not None:
        return names.fold(say.room) == room
    return room.startswith(names.PRIVATE_MARK) and entry.key in room[1:].split(".")


def _acks(world: World) -> Iterator[Fault]:
    for party in world.parties:
        for say, ack in party.acked:
            shelf = world.disk.shelves.get(ack.room, Shelf())
            entry = shelf.said(ack.seq)
            if entry is None or (entry.key, entry.id) != (party.key, say.id):
                yield Fault("what was acked is stored", f"{party.slot}: {say}, {ack}; there stands {entry}")
        if not world.orderly:
            continue  # a copy of what was refused may be stored later
        twice = Counter(say.id for say, _ in (*party.acked, *party.refused))
        yield from (Fault("one answer to each", f"{party.slot}: {id_}") for id_, count in twice.items() if count > 1)


def _orders(world: World) -> Iterator[Fault]:
    """What one pipe said, also where it was started again, is in its order, by room.

    Not what people said: the answer to what was refused for good may be lost, and the same be allowed when it is asked
    again. Nobody moderates pipes.
    """
    if not world.orderly:
        return
    order: dict[str, dict[tuple[str, str], None]] = {}
    for party in world.parties:
        if isinstance(party.program, Sender):
            names_ = ((party.key, say.id) for say in party.said if say.room is not None)
            order.setdefault(party.slot, {}).update(dict.fromkeys(names_))
    acked = {(party.key, say.id) for party in world.parties for say, _ in party.acked}
    for slot, sayings in order.items():
        for room, shelf in world.disk.shelves.items():
            seqs = [shelf.ids[name] for name in sayings if name in acked and name in shelf.ids]
            if seqs != sorted(seqs):
                texts = [shelf.entries[seq].text for seq in sorted(seqs)]
                yield Fault("an author's order is kept", f"{slot} in {room}: {seqs}", (f"stored: {texts}",))


# --- what is shown --------------------------------------------------------------------------------------------
def _views(world: World) -> Iterator[Fault]:
    readers: dict[str, dict[str, list[tuple[int, int]]]] = {}
    for room, (value, _) in world.disk.state.get(ROOMS, {}).items():
        state = msgspec.msgpack.decode(value)
        if state.get("private"):
            readers[room] = _memberships(world.disk.shelves.get(room, Shelf()), state["by"])
    for party in world.parties:
        yield from (Fault("no history is lost", f"{party.slot}: {room}") for room in party.restarted)
        for segment in party.segments:
            spans = readers.get(segment.room)
            stays = [(1, 2**62)] if spans is None else spans.get(party.key, [])
            yield from _view(world, party, segment, stays)


def _memberships(shelf: Shelf, owner: str) -> dict[str, list[tuple[int, int]]]:
    """Key → the spans of sequences, both included, in which it was a member of a private room."""
    spans: dict[str, list[tuple[int, int]]] = {owner: [(1, 2**62)]}
    for seq, entry in sorted({**shelf.trimmed, **shelf.entries}.items()):
        target = entry.target or ""
        open_ = target in spans and spans[target][-1][1] == 2**62
        if entry.kind == "invite" and not open_:
            spans.setdefault(target, []).append((seq, 2**62))
        elif entry.kind in ("kick", "ban") and open_:
            spans[target][-1] = (spans[target][-1][0], seq - 1)
    return spans


def _view(world: World, party: Party, segment: Segment, stays: list[tuple[int, int]]) -> Iterator[Fault]:
    shelf = world.disk.shelves.get(segment.room, Shelf())
    shown = [entry.seq for entry in segment.shown]

    def fault(promise: str, detail: str) -> Fault:
        said = [(seq, shelf.said(seq)) for seq in range(1, shelf.head + 1)]
        history = [(seq, entry and entry.text) for seq, entry in said]
        view = [(entry.seq, entry.text) for entry in segment.shown]
        where = (f"began after {segment.after}, shown: {view}", f"history: {history}", f"may read: {stays}")
        return Fault(promise, f"{party.slot} ({party.core.profile.instance}) in {segment.room}: {detail}", where)

    for entry in segment.shown:
        kept = shelf.entries.get(entry.seq) or shelf.trimmed.get(entry.seq)
        if entry != kept and entry not in shelf.former.get(entry.seq, ()):
            yield fault("what is shown stands in the history", f"{entry} is {kept}")
            return
    if sorted(set(shown)) != shown:
        yield fault("no entry is shown twice, and all in order", f"{shown}")
        return
    if segment.room.startswith(names.PRIVATE_MARK) and party.key not in segment.room[1:].split("."):
        yield fault("private messages are for two", "shown to another")
    if any(not any(first <= seq <= last for first, last in stays) for seq in shown):
        yield fault("who is no member reads nothing", f"{shown}")
    live = party.alive and party.open_segment(segment.room) is segment and _follows(world, party, segment.room)
    begin = segment.after if segment.after is not None else shown[0] - 1 if shown else 0
    end = shelf.head if live else max(shown, default=begin)
    if segment.room not in world.disk.state.get(ROOMS, {}) and segment.after is None and not shown:
        return
    due = [
        seq
        for first, last in stays
        for seq in range(max(first, begin + 1), min(last, end) + 1)
        if live or seq <= max(shown, default=0)
    ]
    if not set(shown) <= set(due) or any(seq > shelf.floor for seq in set(due) - set(shown)):
        yield fault(
            "a view is the history", f"missing {sorted(set(due) - set(shown))}, too much {set(shown) - set(due)}"
        )


def _direct(world: World) -> Iterator[Fault]:
    """Of the private messages of who is here, everything was shown on one of their screens."""
    here = {party.key for party in world.parties if party.alive and party.core.profile.present}
    shown: dict[tuple[str, str], set[int]] = {}
    for party in world.parties:
        for segment in party.segments if party.core.profile.present else ():
            shown.setdefault((party.key, segment.room), set()).update(entry.seq for entry in segment.shown)
    for room, shelf in world.disk.shelves.items():
        if not room.startswith(names.PRIVATE_MARK):
            continue
        for key in set(room[1:].split(".")) & here:
            missing = {seq for seq in shelf.entries if seq > shelf.floor} - shown.get((key, room), set())
            if missing:
                yield Fault("a private message waits", f"{key} was never shown {sorted(missing)} of {room}")


def _forgotten(world: World) -> Iterator[Fault]:
    """Of who was to be forgotten nothing is left that they had said before."""
    for key, (value, _) in world.disk.state.get(FORGOTTEN, {}).items():
        state = msgspec.msgpack.decode(value, type=Forgotten)
        if not state.done:
            yield Fault("who is forgotten has said nothing", f"{key} is still being erased")
        for room, shelf in world.disk.shelves.items():
            for seq, entry in shelf.entries.items():
                if entry.key == key and entry.time < state.time and entry.text and entry.kind != "answer":
                    yield Fault("who is forgotten has said nothing", f"{room} {seq}: {entry}")


# --- what broker, disk and clients believe --------------------------------------------------------------------
def _agreement(world: World) -> Iterator[Fault]:
    for station in world.stations:
        yield from _agrees(station)
    yield from _reads(world)
    for party in world.parties:
        if not party.alive or not party.core.live:
            continue
        broker = party.world.broker
        assert broker is not None
        session = broker._roster.sessions.get((party.key, party.core.profile.instance))
        theirs = {id_ for id_ in session.rooms if id_[0] != "@"} if session is not None else set()
        ours = {id_ for id_, view in party.core.rooms.items() if view.entered and not view.direct}
        if not (ours == theirs if world.orderly else ours <= theirs):  # a `part` that is dropped is not said again
            detail = f"{party.slot} is in {sorted(theirs)}, and believes to be in {sorted(ours)}"
            yield Fault("client and broker agree on who is where", detail)


def _agrees(world: World) -> Iterator[Fault]:
    """A broker that was started now would know the same; and who is here all brokers tell alike."""
    assert world.broker is not None
    fresh, broker = world.fresh_core(lambda: ""), world.broker
    rooms = [
        {
            room.id: (
                room.name,
                room.private,
                room.head,
                room.topic,
                {key: member for key, member in room.members.items() if member != STRANGER},
            )
            for room in core._roster.rooms.values()
            if room.head or not room.is_direct
        }
        for core in (fresh, broker)
    ]
    for room in sorted(set(rooms[0]) | set(rooms[1])):
        if rooms[0].get(room) != rooms[1].get(room):
            yield Fault(
                "a restart changes nothing", f"{rooms[0].get(room)} on the disk, {rooms[1].get(room)} in the broker"
            )
    nicks = [{nick: user.key for nick, user in core._roster.nicks.items()} for core in (fresh, broker)]
    if nicks[0] != nicks[1]:
        yield Fault("a restart changes nothing", f"{nicks[0]} on the disk, {nicks[1]} in the broker")
    first = world.stations[0].broker
    assert first is not None
    here = [
        {
            room.id: {user.key: user.away for user in room.present}
            for room in core._roster.rooms.values()
            if not room.is_direct
        }
        for core in (first, broker)
    ]
    if here[0] != here[1]:
        yield Fault("all brokers tell who is here alike", f"{here[0]} says one, {here[1]} another")


def _reads(world: World) -> Iterator[Fault]:
    """What was read stands on the disk as the broker knows it, and as far as the screens that are here show."""
    reads: dict[tuple[str, str], int] = {}
    for name, (value, _) in world.disk.state.get(READS, {}).items():
        key, _, room = name.partition(" ")
        reads[key, room] = msgspec.msgpack.decode(value)
    for station in world.stations:
        assert station.broker is not None
        if reads != station.broker._questions._reads:
            yield Fault("read marks agree", f"{reads} on the disk, {station.broker._questions._reads} in the broker")
    for party in world.parties if world.orderly else ():  # a ping that is dropped looks answered by the pong before it
        if not party.alive or not party.core.profile.present:
            continue
        for room, view in party.core.rooms.items():
            if view.direct and view.entered and (view.cursor or 0) > reads.get((party.key, room), 0):
                detail = f"{party.slot} has shown {view.cursor} of {room}, {reads.get((party.key, room), 0)} are marked"
                yield Fault("read marks agree", detail)
