"""What becomes of bytes: messages round-trip, and everything else is a `WireError` and nothing worse."""

from __future__ import annotations

import itertools
import random
import struct
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings, strategies as st
from msgspec import inspect

from zchat.common import batches, limits, messages as m, wire
from zchat.common.errors import Code, InputError, WireError
from zchat.common.names import fold, parse_room

Decode = Callable[[bytes], m.Message]

COMMANDS: tuple[type[m.Message], ...] = m.Command.__args__
EVENTS: tuple[type[m.Message], ...] = m.Event.__args__
KINDS = COMMANDS + EVENTS
PREFIX = bytes([wire.VERSION])
SEEDS = range(8)
SAMPLES: dict[type, dict[str, Any]] = {
    batches.Batch: {"seq": 0, "prev": 0, "time": 0, "ids": ["i"], "texts": ["a"], "authors": [["alice", "key", None]]},
    batches.AckBatch: {"room": "a", "seq": 0, "time": 0, "ids": ["i"]},
}
"""What holds lists that belong together cannot be made field by field; `test_batches` has more."""

pack = msgspec.msgpack.encode


def decoder_of(kind: type[m.Message]) -> Decode:
    return wire.decode_command if kind in COMMANDS else wire.decode_event


def body(raw: object) -> bytes:
    """A frame that says whatever one likes."""
    return PREFIX + pack(raw)


def fields_of(kind: type) -> dict[str, inspect.Field]:
    info = inspect.type_info(kind)
    assert isinstance(info, inspect.StructType)
    return {field.encode_name: field for field in info.fields}


# --- messages made from the types ---


def values(info: inspect.Type) -> st.SearchStrategy[Any]:
    """Values of a type, with its bounds."""
    match info:
        case inspect.BoolType():
            return st.booleans()
        case inspect.IntType(ge=low, le=high):
            return st.integers(-(2**63) if low is None else low, 2**64 - 1 if high is None else high)
        case inspect.FloatType(ge=low, le=high):
            return st.floats(low, high, allow_nan=False)
        case inspect.StrType(pattern=str(pattern)):
            return st.from_regex(pattern)
        case inspect.StrType(min_length=low, max_length=high):
            return st.text(min_size=low or 0, max_size=min(high or 60, 60))
        case inspect.LiteralType(values=words):
            return st.sampled_from(words)
        case inspect.UnionType(types=types):
            return st.one_of(*(values(each) for each in types))
        case inspect.NoneType():
            return st.none()
        case inspect.ListType(item_type=item):
            return st.lists(values(item), max_size=4)
        case inspect.DictType(key_type=key, value_type=value):
            return st.dictionaries(values(key), values(value), max_size=4)
        case inspect.StructType(cls=cls):
            return messages(cls)
    raise AssertionError(info)


def messages(kind: type) -> st.SearchStrategy[Any]:
    """Messages of a kind; a field that has a default is often left out."""
    required, optional = {}, {}
    for field in fields_of(kind).values():
        (required if field.required else optional)[field.name] = values(field.type)
    return st.fixed_dictionaries(required, optional=optional).map(lambda chosen: kind(**chosen))


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_every_message_round_trips(kind: type[m.Message], data: st.DataObject) -> None:
    """What is encoded on one side is the same message on the other."""
    message = data.draw(messages(kind))

    assert decoder_of(kind)(wire.encode(message)) == message
    assert decoder_of(kind)(memoryview(wire.encode(message))) == message  # type: ignore[arg-type]


def test_every_kind_belongs_to_one_side() -> None:
    """A kind is a command or an event, never both, and all that are defined can be decoded."""
    kinds = set(m.Message.__subclasses__()) - {m.Unknown}

    assert set(KINDS) == kinds - set(batches.FORMS.values())
    assert len(KINDS) == len(set(KINDS))
    assert {kind.__name__.lower() for kind in KINDS} == wire.COMMAND_TYPES | wire.EVENT_TYPES


def test_defaults_are_not_sent() -> None:
    """A field that has its default takes no bytes."""
    assert wire.encode(m.Pong(heads={}, ref=0)) == body({"type": "pong"})


def test_the_largest_legal_message_fits_the_broker() -> None:
    """A command with everything at its most is smaller than what ROUTER takes."""
    largest = [
        m.Say(id="i" * limits.ID_CHARACTERS, text="x" * limits.MESSAGE_BYTES, room="𝓍" * 128, kind="message"),
        m.Ping(seen={f"{number:04}" + "𝓍" * 60: 2**63 - 1 for number in range(limits.PING_ROOMS)}),
        m.Hello(nick="𝓍" * 64, instance="𝓍" * 64, agent="𝓍" * 1_024, present=True, private=True, ref=2**63 - 1),
    ]

    assert max(len(wire.encode(message)) for message in largest) < limits.ROUTER_FRAME_BYTES


# --- bounds ---


def minimal(info: inspect.Type) -> Any:
    """The simplest raw value of a type."""
    match info:
        case inspect.BoolType():
            return False
        case inspect.IntType(ge=low):
            return low or 0
        case inspect.FloatType():
            return 0.0
        case inspect.StrType():
            return "a"
        case inspect.LiteralType(values=words):
            return words[0]
        case inspect.UnionType():
            return None
        case inspect.StructType(cls=cls) if cls is batches.Author:
            return ["a", "a"]
        case inspect.ListType():
            return []
        case inspect.DictType():
            return {}
        case inspect.StructType(cls=cls):
            return minimal_map(cls)
    raise AssertionError(info)


def minimal_map(kind: type) -> dict[str, Any]:
    """The smallest map of a kind, as it travels."""
    if kind in SAMPLES:
        return SAMPLES[kind]
    return {name: minimal(field.type) for name, field in travelling(kind).items() if field.required}


def travelling(kind: type) -> dict[str, inspect.Field]:
    return fields_of(batches.FORMS.get(kind, kind))


def frame(kind: type[m.Message], /, **fields: object) -> bytes:
    """The smallest frame of a kind, with some fields set."""
    return body({"type": kind.__name__.lower(), **minimal_map(kind), **fields})


def inside(info: inspect.Type) -> Iterator[Any]:
    """Raw values at the bounds of a type."""
    match info:
        case inspect.IntType(ge=low, le=high) | inspect.FloatType(ge=low, le=high):
            yield from (bound for bound in (low, high) if bound is not None)
        case inspect.StrType(pattern=str()):
            yield from ("a", "Z9._:-", "x" * limits.ID_CHARACTERS)
        case inspect.StrType(min_length=low, max_length=high):
            yield "é" * (low or 0)
            if high is not None:
                yield "é" * high
        case inspect.LiteralType(values=words):
            yield from words
        case inspect.UnionType(types=types):
            yield None
            yield from (value for each in types for value in inside(each))
        case inspect.StructType(cls=cls) if cls in SAMPLES:
            yield SAMPLES[cls]
        case inspect.ListType(item_type=item):
            yield from ([value] * 3 for value in inside(item))
        case inspect.DictType(key_type=key, value_type=value, max_length=most):
            yield from ({one: minimal(value)} for one in inside(key))
            yield from ({minimal(key): one} for one in inside(value))
            if most is not None:
                yield {str(number): minimal(value) for number in range(most)}
        case inspect.StructType(cls=cls):
            yield from (
                {**minimal_map(cls), name: one} for name, field in fields_of(cls).items() for one in inside(field.type)
            )


def outside(info: inspect.Type) -> Iterator[Any]:
    """Raw values just beyond the bounds of a type, and of other types."""
    match info:
        case inspect.BoolType():
            yield from (None, 0, 1, "true")
        case inspect.IntType(ge=low, le=high):
            yield from (None, True, "1", 1.0, float("nan"), [], {}, b"1")
            if low is not None:
                yield from (low - 1, -(2**63))
            if high is not None:
                yield from (high + 1, 2**64 - 1)
        case inspect.FloatType(ge=low, le=high):
            yield from (None, True, "1", float("nan"), float("inf"), -float("inf"), low - 0.001, high * 1.001)
        case inspect.StrType(pattern=str()):
            yield from (None, 1, b"a", "", "a b", "a\n", "é", "x" * (limits.ID_CHARACTERS + 1))
        case inspect.StrType(min_length=low, max_length=high):
            yield from (None, 1, True, b"a", ["a"], {"a": 1})
            if low:
                yield "é" * (low - 1)
            if high is not None:
                yield "é" * (high + 1)
        case inspect.LiteralType(values=words):
            yield from (None, 0, "", words[0].upper(), words[0] + " ")
        case inspect.BytesType():
            yield from (None, 1, "a", b"a", {})
        case inspect.UnionType(types=(inspect.BytesType() as other, inspect.ListType())):
            yield from outside(other)
        case inspect.StructType(cls=cls) if cls is batches.Author:
            yield from (None, {}, ["a"], [1, "a"], ["a", "a", 1])
        case inspect.UnionType(types=types):
            (other,) = (each for each in types if not isinstance(each, inspect.NoneType))
            yield from (value for value in outside(other) if value is not None)
        case inspect.ListType(item_type=item):
            yield from (None, {}, "a", 1)
            yield from ([minimal(item), value] for value in outside(item))
        case inspect.DictType(key_type=key, value_type=value, max_length=most):
            yield from (None, [], "a", 1, {1: minimal(value)}, {None: minimal(value)}, {b"a": minimal(value)})
            yield from ({one: minimal(value)} for one in outside(key) if isinstance(one, str))
            yield from ({minimal(key): one} for one in outside(value))
            if most is not None:
                yield {str(number): minimal(value) for number in range(most + 1)}
        case inspect.StructType(cls=cls):
            yield from (None, [], "a", 1)
            for name, field in fields_of(cls).items():
                if field.required:
                    yield {key: value for key, value in minimal_map(cls).items() if key != name}
                yield from ({**minimal_map(cls), name: one} for one in outside(field.type))


FIELDS = [(kind, name) for kind in KINDS for name in travelling(kind)]


@pytest.mark.parametrize(("kind", "name"), FIELDS)
def test_bounds_are_kept(kind: type[m.Message], name: str) -> None:
    """A value at a bound is taken, one just beyond it or of another type is refused."""
    info = travelling(kind)[name].type
    decode = decoder_of(kind)

    for value in inside(info):
        assert isinstance(decode(frame(kind, **{name: value})), kind), value
    for value in outside(info):
        with pytest.raises(WireError) as caught:
            decode(frame(kind, **{name: value}))
        assert caught.value.code == Code.BAD_FRAME, value


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, name in FIELDS if travelling(kind)[name].required])
def test_required_fields_are_required(kind: type[m.Message], name: str) -> None:
    """A message without a field that has no default is refused."""
    raw = {"type": kind.__name__.lower(), **minimal_map(kind)}
    del raw[name]

    with pytest.raises(WireError):
        decoder_of(kind)(body(raw))


# --- the forward rule ---


@pytest.mark.parametrize("kind", KINDS)
@given(
    extra=st.dictionaries(st.text(max_size=20).map("x-".__add__), st.integers() | st.text() | st.lists(st.booleans()))
)
@settings(max_examples=5, deadline=None)
def test_unknown_fields_are_ignored(kind: type[m.Message], extra: dict[str, object]) -> None:
    """A newer peer's message is understood as far as this version goes."""
    extra = {key: value for key, value in extra.items() if not isinstance(value, int) or -(2**63) <= value < 2**64}

    assert decoder_of(kind)(frame(kind, **extra)) == decoder_of(kind)(frame(kind))


def test_unknown_fields_inside_of_parts_are_ignored() -> None:
    """The forward rule holds for what stands inside a message, too."""
    user = {**minimal_map(m.UserInfo), "colour": "red"}

    assert wire.decode_event(frame(m.Roster, users=[user])) == wire.decode_event(
        frame(m.Roster, users=[minimal_map(m.UserInfo)])
    )


@pytest.mark.parametrize("decode", [wire.decode_command, wire.decode_event])
@pytest.mark.parametrize("kind", ["teleport", "", "Hello", "unknown", "x" * 60_000, "é\0"])
def test_unknown_kinds_are_told(decode: Decode, kind: str) -> None:
    """A kind that this version does not know is no error."""
    assert decode(body({"type": kind, "id": 1, "seen": "?"})) == m.Unknown(kind=kind)


def test_what_belongs_to_the_other_side_is_unknown() -> None:
    """An event is no command, and the reverse."""
    assert wire.decode_command(wire.encode(m.Pong())) == m.Unknown(kind="pong")
    assert wire.decode_event(wire.encode(m.Rooms())) == m.Unknown(kind="rooms")


@pytest.mark.parametrize("version", [number for number in range(256) if number != wire.VERSION])
def test_other_versions_are_refused_by_name(version: int) -> None:
    """A frame of another version of the protocol says so, whatever follows."""
    for rest in (pack({"type": "hello"}), b"\xff\xff"):
        for decode in (wire.decode_command, wire.decode_event):
            with pytest.raises(WireError, match=f"version {version} ") as caught:
                decode(bytes([version]) + rest)
            assert caught.value.code == Code.BAD_VERSION


# --- garbage ---


def error_of(decode: Decode, data: bytes) -> WireError | None:
    try:
        decode(data)
    except WireError as error:
        return error
    return None


def judged(data: bytes) -> None:
    """Decode as both sides would: a message or a `WireError`; a message can be encoded and decoded again."""
    for decode, kinds in ((wire.decode_command, COMMANDS), (wire.decode_event, EVENTS)):
        error = error_of(decode, data)
        if error is not None:
            assert error.code in (Code.BAD_FRAME, Code.BAD_VERSION)
            assert str(error).isascii()
            assert str(error).isprintable()
            assert len(str(error)) < 300
            refused = m.Refused(code=error.code, detail=str(error), ref=error.ref, id=error.id)
            assert wire.decode_event(wire.encode(refused)) == refused
            assert len(error.id or "") <= limits.ID_CHARACTERS
            continue
        message = decode(data)
        assert isinstance(message, (*kinds, m.Unknown))
        assert isinstance(message, m.Unknown) or decode(wire.encode(message)) == message


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
    error = error_of(wire.decode_command, data)
    if error is None:
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
    error = error_of(wire.decode_command, data)

    assert error is not None
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


# --- packs ---


def packed(*messages: m.Message) -> bytes:
    (body,) = wire.pack(map(wire.encode, messages), 2**20)
    return body


def test_a_pack_is_its_messages() -> None:
    """Messages of one body are those that were put into it, in order, and come with nothing between them."""
    commands = [m.Ping(ref=number) for number in range(40)]
    events = [m.Pong(), m.Acked(acks=[m.Ack(id="i", room="r", seq=1, time=2)]), m.Entries(room="r", entries=[], head=3)]

    assert wire.decode_commands(packed(*commands)) == commands
    assert wire.decode_events(packed(*events)) == events
    assert packed(*commands[:2]) == body([{"type": "ping"}, {"type": "ping", "ref": 1}])


def test_one_message_is_no_pack() -> None:
    """It stays as it is, and an array of one is read all the same."""
    assert packed(m.Ping()) == wire.encode(m.Ping())
    assert wire.decode_commands(wire.encode(m.Ping())) == [m.Ping()]
    assert wire.decode_commands(body([{"type": "ping"}])) == [m.Ping()]


@given(sizes=st.lists(st.integers(0, 1_024), max_size=60), most=st.integers(100, 5_000))
@settings(max_examples=100, deadline=None)
def test_packs_are_cut_by_size(sizes: list[int], most: int) -> None:
    """Nothing is lost, only a single message may be larger than a pack, and what would have fitted is not left over."""
    commands = [m.Goodbye(reason="x" * size) for size in sizes]
    bodies = list(wire.pack(map(wire.encode, commands), most))
    held = [wire.decode_commands(each) for each in bodies]

    assert [command for each in held for command in each] == commands
    assert all(len(body) <= most or len(each) == 1 for body, each in zip(bodies, held, strict=True))
    for one, following in itertools.pairwise(held):
        alone = [len(wire.encode(command)) for command in (*one, following[0])]
        assert sum(alone) + wire.PACK_HEAD > most


def test_packs_are_cut_by_number() -> None:
    """A pack holds no more messages than the other side takes."""
    bodies = list(wire.pack([wire.encode(m.Ping())] * (limits.PACK_MESSAGES + 1), 2**20))

    assert [len(wire.decode_commands(each)) for each in bodies] == [limits.PACK_MESSAGES, 1]


def kinds_in(data: bytes) -> list[str]:
    """What both sides make of a body."""
    return [type(message).__name__ for message in wire.decode_commands(data)]


PING = {"type": "ping"}


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ([PING, {"type": "dance"}, PING], ["Ping", "Unknown", "Ping"]),
        ([PING, {"type": "ping", "seen": 7}, PING], ["Ping", "WireError", "Ping"]),
        ([PING, 7, None, "ping", PING], ["Ping", "WireError", "WireError", "WireError", "Ping"]),
        ([[PING], PING], ["WireError", "Ping"]),
        ([[[[]]]], ["WireError"]),
        ([], ["WireError"]),
        ([PING] * limits.PACK_MESSAGES, ["Ping"] * limits.PACK_MESSAGES),
        ([PING] * (limits.PACK_MESSAGES + 1), ["WireError"]),
        ([{}] * 3, ["WireError"] * 3),
    ],
    ids=["unknown", "bad", "no maps", "nested", "deep", "empty", "at most", "too many", "no types"],
)
def test_what_is_wrong_in_a_pack_costs_only_itself(raw: list[object], expected: list[str]) -> None:
    """The others are read; a pack that is none, or too large, is wrong as a whole."""
    assert kinds_in(body(raw)) == expected


def test_what_is_wrong_in_a_pack_is_known_by_its_number() -> None:
    """A message that cannot be read tells its ref and id as far as they can."""
    wrong = [{"type": "who", "room": 7, "ref": 5}, {"type": "say", "id": "i", "text": 1}]
    errors = wire.decode_commands(body([PING, *wrong]))[1:]

    assert [(error.ref, error.id) for error in errors if isinstance(error, WireError)] == [(5, None), (0, "i")]


@pytest.mark.parametrize(
    "data",
    [
        PREFIX + b"\x92" + pack(PING),
        PREFIX + b"\x91" + pack(PING) + b"\xc0",
        PREFIX + b"\x91",
        PREFIX + b"\xdc",
        PREFIX + b"\xdc\x00",
        PREFIX + b"\xdd\x00\x00",
        PREFIX + b"\xdd\xff\xff\xff\xff" + pack(PING),
        PREFIX + b"\xdc\x04\x00" + pack(PING) * 1_023,
        PREFIX + b"\x91" * 40_000,
        PREFIX + b"\x91" * 40_000 + b"\xc0",
        PREFIX + b"\x92\x81\xa4type\xa2\xff\xfe",
    ],
    ids=lambda data: ascii(data[:9]),
)
def test_broken_packs_are_refused(data: bytes) -> None:
    """Packs that end too early or too late, or say what they do not hold, are one error."""
    for decode in (wire.decode_commands, wire.decode_events):
        (error,) = decode(data)
        assert isinstance(error, WireError)
        assert error.code == Code.BAD_FRAME


@pytest.mark.parametrize("seed", SEEDS)
def test_damaged_packs_are_judged(seed: int) -> None:
    """Packs with bytes changed or lost give messages and errors, and nothing else."""
    source = random.Random(seed)
    entry = m.Entry(seq=3, prev=2, id="i", time=1, nick="é", key="k", text="hello " * 20)
    valid = packed(m.Ping(ref=1), m.Entries(room="lobby", entries=[entry] * 5), *[m.Pong()] * 20)
    for _ in range(200):
        data = bytearray(valid)
        for _ in range(source.randint(1, 4)):
            data[source.randrange(len(data))] = source.randrange(256)
        del data[source.choice([len(data), source.randrange(2, len(data))]) :]
        for decode, kinds in ((wire.decode_commands, COMMANDS), (wire.decode_events, EVENTS)):
            assert all(isinstance(each, (*kinds, m.Unknown, WireError)) for each in decode(bytes(data)))


def test_a_pack_of_another_version_is_refused_by_name() -> None:
    """As any frame is."""
    (error,) = wire.decode_commands(b"\x02" + packed(m.Ping(), m.Ping())[1:])

    assert isinstance(error, WireError)
    assert error.code == Code.BAD_VERSION


# --- topics ---

ROOM_CHARACTERS = st.sampled_from("abAB12_-éÉßжЖ漢")


def legal(name: str) -> bool:
    try:
        return bool(parse_room(name))
    except InputError:
        return False


ROOMS = st.text(ROOM_CHARACTERS, min_size=1, max_size=8).filter(legal)


@given(one=ROOMS, other=ROOMS)
@settings(max_examples=100, deadline=None)
def test_no_topic_begins_another(one: str, other: str) -> None:
    """A subscription to one room brings nothing of another, though SUB matches beginnings."""
    for room in (other, one + other, one):
        mine, theirs = wire.topic(fold(one)), wire.topic(fold(room))
        assert (mine == theirs) == (fold(one) == fold(room))
        assert mine == theirs or not theirs.startswith(mine)


@given(ROOMS)
@settings(max_examples=30, deadline=None)
def test_the_beacon_is_no_rooms(room: str) -> None:
    """A subscription to the beacon brings no room, and a room's brings no beacon."""
    topic = wire.topic(fold(room))

    assert not topic.startswith(wire.BEACON_TOPIC)
    assert not wire.BEACON_TOPIC.startswith(topic)


def test_topics_end_with_nul() -> None:
    """`lobby` does not match `lobby2`."""
    assert wire.topic("lobby") == b"lobby\0"
    assert not wire.topic("lobby2").startswith(wire.topic("lobby"))


def test_the_longest_topic_fits_pub() -> None:
    """A subscription to the longest name is smaller than what PUB takes."""
    longest = fold("漢" * limits.ROOM_CHARACTERS)

    assert len(wire.topic(longest)) < limits.PUB_FRAME_BYTES
