"""Frames as long as they get: whatever they hold, decoding gives a message, `Unknown` or a `WireError`.

Random bytes, damaged frames and single hostile ones are in `tests/common/test_garbage.py`; here frames are built from
the outside in: containers in containers that say how much they hold, truly or not, up to 64 kB.
"""

from __future__ import annotations

import itertools
import random
import struct
import tracemalloc

import pytest
from hypothesis import example, given, settings, strategies as st

from zchat.common import limits, messages as m, wire
from zchat.common.errors import WireError

from ..common import frames
from ..common.frames import COMMANDS, EVENTS, PREFIX

LONGEST = 65_536
WORDS = ["type", "ref", "id", "seen", "acks", "entries", "heads", "users", "rooms", "text", "private", "online", "x"]
KINDS = [kind.__name__.lower() for kind in COMMANDS + EVENTS] + ["later"]


def judged(data: bytes) -> None:
    """Both sides make something of it, also if it is taken for a pack."""
    assert len(data) <= LONGEST
    frames.judged(data)
    for decode_all, kinds in ((wire.decode_commands, COMMANDS), (wire.decode_events, EVENTS)):
        held = decode_all(data)
        assert 1 <= len(held) <= limits.PACK_MESSAGES
        assert all(isinstance(message, (*kinds, m.Unknown, WireError)) for message in held)


# --- sizes ----------------------------------------------------------------------------------------------------
@st.composite
def long_bytes(draw: st.DrawFn) -> bytes:
    """Anything up to 64 kB: a few pieces, each of them many times, or random from a drawn seed."""
    pieces = draw(
        st.lists(st.tuples(st.binary(min_size=1, max_size=12), st.sampled_from([1, 1, 2, 40, 5_000])), max_size=8)
    )
    data = b"".join(piece * times for piece, times in pieces)
    if draw(st.booleans()):
        data += random.Random(draw(st.integers(0, 2**32))).randbytes(draw(st.integers(0, LONGEST)))
    return data[: draw(st.sampled_from([LONGEST, LONGEST - 1, 1_000]))]


@given(long_bytes(), st.sampled_from([b"", PREFIX, PREFIX + b"\x81\xa4type", PREFIX + b"\x82\xa4type\xa4ping"]))
@settings(max_examples=200, deadline=None)
@example(b"", b"")
@example(bytes(LONGEST), b"")
@example(b"\xff" * LONGEST, PREFIX)
def test_long_bytes_are_judged(data: bytes, head: bytes) -> None:
    """Byte strings of every length up to 64 kB, with the beginning of a message before them and without."""
    judged((head + data)[:LONGEST])


# --- structure ------------------------------------------------------------------------------------------------
def text(value: str) -> bytes:
    """A text in the longest form that msgpack has."""
    raw = value.encode("utf-8", "surrogatepass")
    return b"\xdb" + struct.pack(">I", len(raw)) + raw


LEAVES = st.sampled_from(
    [
        b"\xc0",
        b"\xc1",  # what msgpack never uses
        b"\xc2",
        b"\x07",
        b"\xff",
        b"\xcf" + b"\xff" * 8,
        b"\xd3\x80" + bytes(7),
        b"\xcb\x7f\xf8" + bytes(6),
        b"\xa0",
        text("\0\x1b[2J"),
        text("\ud800"),
        b"\xa2\xff\xfe",
        b"\xc4\x02\xff\xfe",
        b"\xd6\xff" + bytes(4),
        b"\xc7\x00\x05",
        *map(text, KINDS),
        *map(text, WORDS),
    ]
)
TRUTHS = st.sampled_from([0, 0, 0, 0, 0, 0, 1, -1, 1_000, 2**31, 2**32 - 1])
"""What a container says too much or too little."""


def container(items: list[bytes], lie: int, *, pairs: bool) -> bytes:
    """An array or a map in the long form, with a count that may be wrong."""
    count = (len(items) // 2 if pairs else len(items)) + lie
    return (b"\xdf" if pairs else b"\xdd") + struct.pack(">I", min(max(count, 0), 2**32 - 1)) + b"".join(items)


def repeated(items: list[bytes], times: int) -> list[bytes]:
    """The same again and again, as far as a frame has room for it."""
    return items * min(times, max(1, LONGEST // (sum(map(len, items)) or 1)))


STRUCTURES = st.recursive(
    LEAVES,
    lambda inner: st.builds(
        container,
        st.builds(repeated, st.lists(inner | LEAVES, max_size=6), st.sampled_from([1, 1, 1, 2, 300])),
        TRUTHS,
        pairs=st.booleans(),
    ),
    max_leaves=20,
)


@st.composite
def built_frames(draw: st.DrawFn) -> bytes:
    """A map that looks like a message: its words in any order, with any structure as their values."""
    fields = draw(st.lists(st.tuples(st.sampled_from(WORDS).map(text) | LEAVES, STRUCTURES), max_size=5))
    kind = draw(st.sampled_from(KINDS))
    items = [part for field in fields for part in field]
    place = 2 * draw(st.integers(0, len(fields)))
    items[place:place] = [text("type"), text(kind)]
    return (PREFIX + container(items, draw(TRUTHS), pairs=True))[:LONGEST]


@given(built_frames())
@settings(max_examples=400, deadline=None)
def test_built_frames_are_judged(data: bytes) -> None:
    """Containers of every depth and width, which say how much they hold, truly or not."""
    judged(data)


@given(st.lists(built_frames(), max_size=6), st.sampled_from([1, 1, 40, 2_000]), TRUTHS)
@settings(max_examples=100, deadline=None)
def test_built_packs_are_judged(frames: list[bytes], times: int, lie: int) -> None:
    """Such messages many at a time, more or fewer than the pack says."""
    items = repeated([frame[1:] for frame in frames], times)
    judged((PREFIX + container(items, lie, pairs=False))[:LONGEST])


@given(
    opening=st.sampled_from([b"\x91", b"\x81\xa1x", b"\x81", b"\xdd\0\0\0\1", b"\xdf\0\0\0\1\xa4seen", b"\x92\xc0"]),
    closing=st.sampled_from([b"", b"\xc0", b"\x80", b"\xc1"]),
    depth=st.sampled_from([1, 10, 100, 400, 900, 1_000, 1_100, 5_000, LONGEST]),
    field=st.sampled_from(WORDS),
    kind=st.sampled_from(KINDS),
)
@settings(max_examples=200, deadline=None)
def test_deep_frames_are_judged(opening: bytes, closing: bytes, depth: int, field: str, kind: str) -> None:
    """Containers in containers at every place of a message, also where nesting comes close to what the stack holds."""
    head = PREFIX + b"\x82" + text("type") + text(kind) + text(field)
    judged((head + opening * min(depth, LONGEST // len(opening)))[: LONGEST - 1] + closing)


@pytest.mark.parametrize("kind", KINDS)
def test_wide_frames_are_judged(kind: str) -> None:
    """As many small parts as fit a frame, in every field."""
    parts = [(b"\xdd", b"\x80"), (b"\xdd", b"\xa1a"), (b"\xdf", b"\xa1a\x07"), (b"\xdb", b"a"), (b"\xdb", "é".encode())]
    for field, (opening, part) in itertools.product(WORDS, parts):
        head = PREFIX + b"\x82" + text("type") + text(kind) + text(field)
        count = (LONGEST - len(head) - 5) // len(part)
        said = count * len(part) if opening == b"\xdb" else count
        judged(head + opening + struct.pack(">I", said) + part * count)


# --- memory ---------------------------------------------------------------------------------------------------
def many(count: int) -> bytes:
    """The head of an array of so many."""
    return b"\xdd" + count.to_bytes(4, "big")


def map_of(**fields: bytes) -> bytes:
    """A map of a few short keys to encoded values."""
    pairs = (bytes([0xA0 | len(name)]) + name.encode() + value for name, value in fields.items())
    return bytes([0x80 | len(fields)]) + b"".join(pairs)


def entries_of(count: int, details: int = 0) -> bytes:
    """An event of so many entries, for each of which two bytes stand, and of so many details."""
    batch = map_of(
        seq=b"\x01",
        prev=b"\0",
        time=b"\0",
        ids=many(count) + b"\xa0" * count,
        texts=many(count) + b"\xa0" * count,
        authors=b"\x91\x92\xa0\xa0",
        details=many(details) + map_of(at=b"\0") * details,
    )
    return map_of(type=b"\xa7entries", room=b"\xa1r", batch=batch)


def acks_of(count: int) -> bytes:
    """An event of so many acks, for each of which a byte stands."""
    batch = map_of(room=b"\xa1r", seq=b"\x01", time=b"\0", ids=many(count) + b"\xa0" * count)
    return map_of(type=b"\xa5acked", acks=b"\x91" + batch)


FULL, PACK = limits.CLIENT_FRAME_BYTES - 1_000, limits.PACK_MESSAGES
HOSTILE = {
    "entries": entries_of(FULL // 2),
    "acks": acks_of(FULL),
    "details": entries_of(1, FULL // 5),
    "a pack of entries": many(PACK) + entries_of(FULL // PACK // 2 - 60) * PACK,
    "a pack of acks, one of them broken": many(PACK) + acks_of(FULL // PACK - 60) * (PACK - 1) + b"\x01",
}


@pytest.mark.parametrize("words", HOSTILE)
def test_a_frame_takes_some_memory_at_most(words: str) -> None:
    """Whatever a broker puts into the largest frame that a client takes, decoding it takes less than 32 MB."""
    body = PREFIX + HOSTILE[words]
    assert len(body) <= limits.CLIENT_FRAME_BYTES
    tracemalloc.start()
    try:
        events = wire.decode_events(body)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert any(isinstance(event, WireError) for event in events) or words == "details"
    assert peak < 32 * 2**20


@pytest.mark.parametrize(
    "event",
    [
        m.Welcome(
            nick="n", key="k", session="s", broker="b", history="h", pub=1, time=2**47,
            private={
                f"@{number:032}.{0:032}": m.PrivateHead(nick="\U00010400" * 24, head=2**60, read=2**60)
                for number in range(limits.PRIVATE_ROOMS)
            },
        ),
        m.Pong(heads={f"{number:04}" + "\U00010400" * 60: 2**60 for number in range(limits.PONG_ROOMS)}),
        m.Acked(
            acks=[
                m.Ack(id=f"{number:064}", room=f"@{number:032}.{0:032}", seq=2**60, time=2**47, away="\U00010400" * 390)
                for number in range(limits.FRAME_ACKS)
            ]
        ),
        m.Administered(
            detail="d",
            rulings=[
                m.Ruling(kind="invitation", name="n" * 64, nick="\U00010400" * 24, until=2**47, by="\U00010400" * 24)
                for _ in range(limits.RULINGS)
            ] + [m.Ruling(kind="", name="", reason="x" * (limits.FRAME_BYTES + 4 * 1_024))],
        ),
    ],
    ids=lambda event: type(event).__name__,
)  # fmt: skip
def test_what_a_broker_tells_fits_the_frame_that_a_client_takes(event: m.Message) -> None:
    """The longest events of a legal broker are within the client's bounds, encryption included."""
    body = wire.encode(event)

    assert len(body) + 100 < limits.CLIENT_FRAME_BYTES
    assert wire.decode_events(body) == [event]
