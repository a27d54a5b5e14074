"""What becomes of bytes that are no message of ours: a `WireError`, and nothing worse."""

from __future__ import annotations

import random
import struct

import msgspec
import pytest
from hypothesis import given, settings, strategies as st

from zchat.common import limits, messages as m, wire
from zchat.common.errors import Code, WireError

from .frames import (
    COMMANDS,
    FIELDS,
    KINDS,
    PREFIX,
    SEEDS,
    body,
    frame,
    judged,
    minimal_map,
    outcome,
    pack,
)


@given(st.binary(max_size=2_000))
@settings(max_examples=150, deadline=None)
def test_random_bytes_are_judged(data: bytes) -> None:
    """Whatever arrives is judged, with the version in front of it and without."""
    judged(data)
    judged(PREFIX + data)


@pytest.mark.parametrize("seed", SEEDS)
def test_long_random_bytes_are_judged(seed: int) -> None:
    """The same for frames up to 64 kB, also such as begin like a map with a type."""
    source = random.Random(seed)
    heads = [b"", PREFIX, PREFIX + b"\x81", PREFIX + b"\xdf", PREFIX + b"\x8f\xa4type\xa5acked\xa4acks"]
    heads += [wire.encode(kind(**minimal_map(kind)))[:-1] for kind in (m.Ping, m.Pong)]
    for _ in range(12):
        for head in heads:
            judged(head + source.randbytes(source.choice((10, 1_000, 65_536 - len(head)))))


WORDS = sorted({name for _, name in FIELDS} | {kind.__name__.lower() for kind in KINDS} | {"type", "new"})
ANY = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(WORDS)
    | st.binary(max_size=8)
    | st.builds(msgspec.msgpack.Ext, st.integers(0, 127), st.binary(max_size=4)),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(WORDS) | st.integers() | st.none() | st.booleans(), inner, max_size=4)
    ),
    max_leaves=8,
)


@given(
    kind=st.sampled_from(KINDS),
    fields=st.dictionaries(st.sampled_from(WORDS), ANY, max_size=4),
    bare=st.booleans(),
)
@settings(max_examples=300, deadline=None)
def test_well_formed_nonsense_is_judged(kind: type[m.Message], fields: dict[str, object], bare: bool) -> None:
    """Maps with the right words and any values are judged."""
    try:
        data = body(fields) if bare else frame(kind, **fields)
    except OverflowError:  # an integer as a key that msgpack does not hold
        return
    judged(data)


NUMBERS = st.integers(0, 2**63 - 1)
IDS = st.text(max_size=limits.ID_CHARACTERS)


@given(name=st.sampled_from([each for each in FIELDS if each[0] in COMMANDS]), value=ANY, ref=NUMBERS, id_=IDS)
@settings(max_examples=300, deadline=None)
def test_what_is_refused_is_known_by_its_number(
    name: tuple[type[m.Message], str], value: object, ref: int, id_: str
) -> None:
    """A command with a value of a wrong type in some field still tells its ref and id, as far as they are right."""
    kind, field = name
    try:
        data = frame(kind, **{"ref": ref, "id": id_, field: value})
    except OverflowError:  # an integer as a key that msgpack does not hold
        return
    error = outcome(wire.decode_command, data)
    if not isinstance(error, WireError):
        return

    is_ref, is_id = type(value) is int and 0 <= value < 2**63, isinstance(value, str)
    assert error.ref == ((value if is_ref else 0) if field == "ref" else ref)
    assert error.id == ((value if is_id else None) if field == "id" else id_)


@pytest.mark.parametrize(
    ("data", "ref", "id_"),
    [
        (body({"type": "who", "ref": 5, "room": 7}), 5, None),
        (body({"type": 3, "ref": 5}), 5, None),
        (body({"type": None, "ref": 5}), 5, None),
        (body({"ref": 5, "id": "i"}), 5, "i"),
        (body({"type": "say", "id": "i", "text": 1}), 0, "i"),
        (body({"type": "say", "id": "not an id", "text": ""}), 0, "not an id"),
        (body({"type": "say", "id": "x" * (limits.ID_CHARACTERS + 1), "text": ""}), 0, None),
        (body({"type": "say", "id": 1, "ref": 5}), 5, None),
        (body({"type": "who", "ref": True, "room": 7}), 0, None),
        (body({"type": "who", "ref": 2**63, "room": 7}), 0, None),
        (body({"type": "who", "ref": -1, "room": 7}), 0, None),
        (body({"type": "who", "ref": 5.0, "room": 7}), 0, None),
        (body([5, "i"]), 0, None),
        (body({"type": "who", "ref": 5, "room": 7})[:-1], 0, None),
    ],
)
def test_what_can_be_read_of_a_refused_frame(data: bytes, ref: int, id_: str | None) -> None:
    """Ref and id are what was sent, or nothing: never something that the client did not say."""
    error = outcome(wire.decode_command, data)

    assert isinstance(error, WireError)
    assert (error.ref, type(error.ref), error.id) == (ref, int, id_)


@pytest.mark.parametrize("seed", SEEDS)
def test_damaged_frames_are_judged(seed: int) -> None:
    """Valid frames with bytes changed, lost, doubled, moved or cut off are judged."""
    source = random.Random(seed)
    entry = m.Entry(seq=3, prev=2, id="i", time=1, nick="é", key="k", text="hello " * 20)
    frames = [frame(kind) for kind in KINDS]
    frames += [
        wire.encode(m.Entries(room="lobby", entries=[entry] * 5)),
        wire.encode(m.Ping(seen={"lobby": 7, "öl": 2**40})),
        wire.encode(m.Acked(acks=[m.Ack(id="i", room="r", seq=1, time=2)] * 3)),
    ]
    for valid in frames:
        for _ in range(20):
            data = bytearray(valid)
            for _ in range(source.randint(1, 4)):
                place, other = (source.randrange(len(data)) for _ in range(2))
                match source.randrange(6):
                    case 0:
                        data[place] = source.randrange(256)
                    case 1:
                        data[place] ^= 1 << source.randrange(8)
                    case 2:
                        del data[place : place + source.randint(1, 4)]
                    case 3:
                        data[place:place] = source.randbytes(source.randint(1, 4))
                    case 4:
                        data[place:place] = data[other : other + 9]
                    case 5:
                        del data[place + 1 :]
                data = data or bytearray(PREFIX)
            judged(bytes(data))


def text(length: int) -> bytes:
    return b"\xdb" + struct.pack(">I", length)


PONG = b"\xa4type\xa4pong"
CLOSING = b"\xa4type\xa7closing"
HOSTILE = {
    "nothing": b"",
    "version alone": PREFIX,
    "no map": PREFIX + b"\xc0",
    "array": PREFIX + b"\x92" + PONG,
    "empty map": PREFIX + b"\x80",
    "type is a number": PREFIX + b"\x81\xa4type\x05",
    "type is nil": PREFIX + b"\x81\xa4type\xc0",
    "type is bytes": PREFIX + b"\x81\xa4type\xc4\x04pong",
    "two kinds": PREFIX + b"\x82" + PONG + CLOSING,
    "an unknown kind, then a known one": PREFIX + b"\x82\xa4type\xa3new" + PONG,
    "more than one value": PREFIX + b"\x81" + PONG + b"\xc0",
    "more than one value, unknown kind": PREFIX + b"\x81\xa4type\xa3new\xc0",
    "no such opcode": PREFIX + b"\x82" + PONG + b"\xa1x\xc1",
    "huge text": PREFIX + b"\x81\xa4type" + text(2**32 - 1),
    "huge text in an unknown field": PREFIX + b"\x82" + PONG + b"\xa1x" + text(2**32 - 1),
    "huge array": PREFIX + b"\x82\xa4type\xa5acked\xa4acks\xdd\xff\xff\xff\xff",
    "large array": PREFIX + b"\x82\xa4type\xa5acked\xa4acks\xdd\x01\x00\x00\x00",
    "huge array in an unknown field": PREFIX + b"\x82" + PONG + b"\xa1x\xdd\xff\xff\xff\xff",
    "huge map": PREFIX + b"\xdf\xff\xff\xff\xff" + PONG,
    "huge map of heads": PREFIX + b"\x82" + PONG + b"\xa5heads\xdf\xff\xff\xff\xff",
    "huge extension": PREFIX + b"\x82" + PONG + b"\xa1x\xc9\xff\xff\xff\xff\x05",
    "deep arrays": PREFIX + b"\x82" + PONG + b"\xa1x" + b"\x91" * 60_000 + b"\xc0",
    "deep maps": PREFIX + b"\x82" + PONG + b"\xa1x" + b"\x81\xa1a" * 20_000 + b"\xc0",
    "deep keys": PREFIX + b"\x81" * 60_000,
    "deep arrays, unknown kind": PREFIX + b"\x82\xa4type\xa3new\xa1x" + b"\x91" * 60_000 + b"\xc0",
    "number as a key": PREFIX + b"\x82\x01\x02" + PONG,
    "nil as a key": PREFIX + b"\x82\xc0\x02" + PONG,
    "bytes as a key": PREFIX + b"\x82\xc4\x01a\x02" + PONG,
    "invalid UTF-8": PREFIX + b"\x82" + CLOSING + b"\xa6reason\xa2\xff\xfe",
    "invalid UTF-8 as the kind": PREFIX + b"\x81\xa4type\xa2\xff\xfe",
    "overlong UTF-8": PREFIX + b"\x82" + CLOSING + b"\xa6reason\xa2\xc0\x80",
    "a surrogate": PREFIX + b"\x82" + CLOSING + b"\xa6reason\xa3\xed\xa0\x80",
    "a pair of surrogates": PREFIX + b"\x82" + CLOSING + b"\xa6reason\xa6\xed\xa0\xbd\xed\xb8\x80",
    "a surrogate as the kind": PREFIX + b"\x81\xa4type\xa3\xed\xa0\x80",
    "largest integer": PREFIX + b"\x82" + PONG + b"\xa3ref\xcf" + b"\xff" * 8,
    "smallest integer": PREFIX + b"\x82" + PONG + b"\xa3ref\xd3\x80" + b"\0" * 7,
    "not a number": PREFIX + b"\x82" + PONG + b"\xa3ref" + pack(float("nan")),
}
HARMLESS = {
    "invalid UTF-8 in an unknown field": PREFIX + b"\x82" + PONG + b"\xa1x\xa2\xff\xfe",
    "invalid UTF-8 as an unknown field": PREFIX + b"\x82" + PONG + b"\xa1\xff\xa2ab",
    "extension in an unknown field": PREFIX + b"\x82" + PONG + b"\xa1x\xc7\x02\x05ab",
    "bad timestamp in an unknown field": PREFIX + b"\x82" + PONG + b"\xa1x\xc7\x02\xffab",
    "type comes last": PREFIX + b"\x82\xa3ref\x00" + PONG,
    "longer forms than needed": PREFIX + b"\xde\x00\x01\xd9\x04type" + text(4) + b"pong",
    "zero written long": PREFIX + b"\x82" + PONG + b"\xa3ref\xd3" + b"\0" * 8,
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_frames_are_refused(data: bytes) -> None:
    """Frames made to hurt are refused by both sides, and in no time."""
    command = data.replace(PONG, b"\xa4type\xa4ping").replace(CLOSING, b"\xa4type\xa7goodbye")
    for decode, hostile in ((wire.decode_event, data), (wire.decode_command, command)):
        with pytest.raises(WireError) as caught:
            decode(hostile)
        assert caught.value.code == Code.BAD_FRAME
    judged(data)


@pytest.mark.parametrize("data", HARMLESS.values(), ids=HARMLESS.keys())
def test_odd_but_right_frames_are_taken(data: bytes) -> None:
    """What msgpack allows and the forward rule passes over is no error."""
    assert wire.decode_event(data) == m.Pong()


def test_a_field_given_twice_counts_once() -> None:
    """The last of two equal keys counts."""
    assert wire.decode_event(PREFIX + b"\x83" + PONG + b"\xa3ref\x01\xa3ref\x02") == m.Pong(ref=2)
