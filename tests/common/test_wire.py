"""What becomes of messages: they round-trip, newer ones are understood, and topics are kept apart."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st
from msgspec import inspect

from zchat.common import batches, limits, messages as m, wire
from zchat.common.errors import Code, InputError, WireError
from zchat.common.names import fold, parse_room

from .frames import (
    KINDS,
    Decode,
    body,
    decoder_of,
    fields_of,
    frame,
    minimal_map,
    pack,
)

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


def test_other_versions_are_refused_by_name() -> None:
    """A frame of another version of the protocol says so, whatever follows."""
    others = [number for number in range(256) if number != wire.VERSION]
    for version, rest in itertools.product(others, (pack({"type": "hello"}), b"\xff\xff")):
        for decode in (wire.decode_command, wire.decode_event):
            with pytest.raises(WireError, match=f"version {version} ") as caught:
                decode(bytes([version]) + rest)
            assert caught.value.code == Code.BAD_VERSION


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
