"""Entries and acks as they travel: small, the same on the other side, and refused when they contradict themselves."""

from __future__ import annotations

import uuid
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings, strategies as st

from zchat.common import batches, limits, messages as m, wire
from zchat.common.errors import WireError

TEXT = "x" * 100
KEYS = ("mmg42klgyqzwneiskrelxms3j72bfje4", "vyqwylxver5dpawbgxx2e6nd4tg4meeu")


def uuid_of(number: int) -> str:
    """An id as clients make them."""
    return str(uuid.UUID(int=(0x019B76DAA800 << 80) | (7 << 76) | (2 << 62) | number * 7_919))


def said(count: int) -> list[m.Entry]:
    """Messages of two people that follow each other."""
    return [
        m.Entry(
            seq=1_000 + number,
            prev=999 + number,
            id=uuid_of(number),
            time=1_767_225_600_000,
            nick=("alice", "bob")[number % 2],
            key=KEYS[number % 2],
            text=TEXT,
        )
        for number in range(count)
    ]


def through(entries: list[m.Entry]) -> list[m.Entry]:
    """The entries as the other side gets them."""
    event = wire.decode_event(wire.encode(m.Entries(room="lobby", entries=entries)))
    assert isinstance(event, m.Entries)
    return event.entries


def filled(entries: list[m.Entry]) -> int:
    """What is counted for entries."""
    filling = wire.Filling()
    for entry in entries:
        filling.add(entry)
    return filling.size


def frame(**changes: object) -> bytes:
    """Entries with some fields of their batch changed."""
    batch = msgspec.to_builtins(batches.pack(said(4)), builtin_types=(bytes,))
    return bytes([wire.VERSION]) + msgspec.msgpack.encode({"type": "entries", "room": "r", "batch": batch | changes})


# --- size -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("count", [32, 64, 500])
def test_an_entry_is_small(count: int) -> None:
    """Together with 31 others a message of 100 bytes takes no more than 130 for its readers, and its ack 20."""
    entries = said(count)
    acks = [m.Ack(id=entry.id, room="lobby", seq=entry.seq, time=entry.time, delivered=7) for entry in entries]

    assert len(wire.encode(m.Entries(room="lobby", entries=entries))) <= 130 * count
    assert len(wire.encode(m.Acked(acks=acks))) <= 20 * count
    assert filled(entries) <= 130 * count + 100


ENTRIES = st.builds(
    m.Entry,
    seq=st.integers(0, 2**63 - 1),
    prev=st.integers(0, 2**63 - 1),
    id=st.from_regex(r"\A[A-Za-z0-9._:-]{1,64}\Z") | st.uuids().map(str),
    time=st.integers(0, 2**47),
    nick=st.text(max_size=limits.NICK_CHARACTERS),
    key=st.sampled_from(KEYS),
    text=st.text(max_size=40) | st.sampled_from(["x" * 255, "é" * 128, "𝓍" * 16_384]),
    to=st.none() | st.text(max_size=limits.NICK_CHARACTERS),
) | st.builds(
    m.Entry,
    seq=st.just(2**63 - 1),
    prev=st.just(0),
    id=st.just("i" * limits.ID_CHARACTERS),
    time=st.integers(0, 2**47),
    nick=st.just("𝓍" * limits.NICK_CHARACTERS),
    key=st.sampled_from(KEYS),
    text=st.text(max_size=9),
    kind=st.sampled_from(["message", "ask", "topic", "ban", "dance"]),
    to=st.just("𝓍" * limits.NICK_CHARACTERS),
    target=st.none() | st.sampled_from(KEYS),
    about=st.just(2**63 - 1),
    until=st.just(2**47),
    choices=st.lists(st.text(max_size=limits.CHOICE_CHARACTERS), max_size=limits.CHOICES),
)


@given(st.lists(ENTRIES, min_size=1, max_size=20))
@settings(max_examples=200, deadline=None)
def test_entries_take_no_more_than_is_counted_for_them(entries: list[m.Entry]) -> None:
    """What frames are cut by is never too low, beside what a frame has once."""
    taken = len(wire.encode(m.Entries(room="", entries=entries)))

    assert taken <= filled(entries) + 100
    assert taken <= sum(map(wire.entry_size, entries)) + 100


# --- there and back -------------------------------------------------------------------------------------------
@given(st.lists(ENTRIES, max_size=20))
@settings(max_examples=200, deadline=None)
def test_entries_are_the_same_on_the_other_side(entries: list[m.Entry]) -> None:
    """Whatever they have, also where nothing of it is shared or follows from what stands before."""
    assert through(entries) == entries


@pytest.mark.parametrize(
    "id_",
    [
        uuid_of(1).upper(),
        uuid_of(1).replace("-", ""),
        uuid_of(1)[:-1],
        "-" * 36,
        uuid_of(1)[:-2] + "-f",
        "0" * 36,
        "i",
        uuid_of(1)[:8] + "0" + uuid_of(1)[9:],
    ],
)
def test_ids_stay_what_they_are(id_: str) -> None:
    """One that is not a UUID in its usual spelling is not taken for one."""
    entries = said(4)
    entries[1] = msgspec.structs.replace(entries[1], id=id_)

    assert [entry.id for entry in through(entries)] == [uuid_of(0), id_, uuid_of(2), uuid_of(3)]


def test_ids_of_other_lengths_do_not_add_up_to_uuids() -> None:
    """Two ids that only together look like two UUIDs stay what they are."""
    both = uuid_of(1) + uuid_of(2)
    ids = [both[:40], both[40:], uuid_of(3), uuid_of(4)]
    entries = [msgspec.structs.replace(entry, id=id_) for entry, id_ in zip(said(4), ids, strict=True)]

    assert [entry.id for entry in through(entries)] == ids


def test_acks_keep_their_order() -> None:
    """Acks of several rooms and outcomes come as they were given."""
    acks = [
        m.Ack(id=uuid_of(0), room="a", seq=5, time=1),
        m.Ack(id="own", room="a", seq=6, time=1),
        m.Ack(id=uuid_of(2), room="b", seq=9, time=1, delivered=3),
        m.Ack(id=uuid_of(3), room="a", seq=2, time=1, duplicate=True),
        m.Ack(id=uuid_of(4), room="@a.b", seq=7, time=2, away="tea"),
        m.Ack(id=uuid_of(5), room="@a.b", seq=9, time=2, away="tea"),
    ]

    assert wire.decode_event(wire.encode(m.Acked(acks=acks))) == m.Acked(acks=acks)


def test_what_later_versions_add_is_passed_over() -> None:
    """An unknown field of a batch, of a detail, or behind an author's; and a kind unknown stays with its entry."""
    detail = {"at": 1, "kind": "dance", "partner": "bob"}
    changed = frame(
        authors=[["ann", "K", None, "a hat"], ["ben", "L", "ann", 7, 8]], by=[0, 1, 0, 0], mood=[1, 2], details=[detail]
    )
    event = wire.decode_event(changed)

    assert isinstance(event, m.Entries)
    assert [(entry.nick, entry.to, entry.kind) for entry in event.entries] == [
        ("ann", None, "message"),
        ("ben", "ann", "dance"),
        ("ann", None, "message"),
        ("ann", None, "message"),
    ]


# --- contradictions -------------------------------------------------------------------------------------------
CONTRADICTIONS: dict[str, dict[str, Any]] = {
    "no entries": {"ids": b"", "texts": [], "by": []},
    "too few ids": {"ids": bytes(48)},
    "ids cut off": {"ids": bytes(63)},
    "too many ids": {"ids": ["a", "b", "c", "d", "e"]},
    "too few texts": {"texts": ["a", "b", "c"]},
    "too few authors told": {"by": [0, 1, 0]},
    "no authors": {"authors": [], "by": []},
    "an author not named": {"by": [0, 1, 2, 0]},
    "an author before the first": {"by": [0, 1, -1, 0]},
    "an author of huge number": {"by": [0, 1, 0, 2**32 - 1]},
    "too few times": {"later": [1, 1]},
    "a time before all": {"later": [0, 0, -(2**62)]},
    "a time after all": {"later": [0, 2**47, 1]},
    "times that leave and return": {"later": [0, 2**62, -(2**62)]},
    "too few sequences": {"seqs": [1, 2, 3]},
    "a negative sequence": {"seqs": [1, 2, 3, -4]},
    "a sequence beyond the last": {"seq": 2**63 - 3},
    "too many before": {"prevs": [1, 2, 3, 4, 5]},
    "a detail of no entry": {"details": [{"at": 4}]},
    "a detail of huge number": {"details": [{"at": 2**32 - 1}]},
}


def test_the_sample_is_right() -> None:
    """What the contradictions change is taken as it is."""
    assert wire.decode_event(frame()) == m.Entries(room="r", entries=said(4))


@pytest.mark.parametrize("changes", CONTRADICTIONS.values(), ids=CONTRADICTIONS)
def test_batches_that_contradict_themselves_are_refused(changes: dict[str, Any]) -> None:
    """Nothing is guessed: such an event is none."""
    with pytest.raises(WireError):
        wire.decode_event(frame(**changes))


@pytest.mark.parametrize(
    "changes", [{"ids": []}, {"ids": b""}, {"ids": bytes(17)}, {"seqs": [1]}, {"seq": 2**63 - 1}, {"seqs": [1, 2, 3]}]
)
def test_acks_that_contradict_themselves_are_refused(changes: dict[str, Any]) -> None:
    """The same for acks."""
    batch = {"room": "a", "seq": 1, "time": 1, "ids": ["a", "b"]}
    body = bytes([wire.VERSION]) + msgspec.msgpack.encode({"type": "acked", "acks": [batch | changes]})

    with pytest.raises(WireError):
        wire.decode_event(body)
