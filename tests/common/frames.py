"""Frames of every kind: the smallest ones, made from the types, and what may become of any bytes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import inspect

from zchat.common import batches, limits, messages as m, wire
from zchat.common.errors import Code, WireError

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
    """How the side that gets a kind decodes it."""
    return wire.decode_command if kind in COMMANDS else wire.decode_event


def body(raw: object) -> bytes:
    """A frame that says whatever one likes."""
    return PREFIX + pack(raw)


def fields_of(kind: type) -> dict[str, inspect.Field]:
    """The fields of a kind, by the names under which they travel."""
    info = inspect.type_info(kind)
    assert isinstance(info, inspect.StructType)
    return {field.encode_name: field for field in info.fields}


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
    """The fields of a kind in the form in which it travels."""
    return fields_of(batches.FORMS.get(kind, kind))


def frame(kind: type[m.Message], /, **fields: object) -> bytes:
    """The smallest frame of a kind, with some fields set."""
    return body({"type": kind.__name__.lower(), **minimal_map(kind), **fields})


FIELDS = [(kind, name) for kind in KINDS for name in travelling(kind)]


def outcome(decode: Decode, data: bytes) -> m.Message | WireError:
    """What becomes of a frame; nothing else may be raised."""
    try:
        return decode(data)
    except WireError as error:
        return error


def judged(data: bytes) -> None:
    """Both sides make a message of it that can be sent on, or say what is wrong in a few plain words."""
    for decode, kinds in ((wire.decode_command, COMMANDS), (wire.decode_event, EVENTS)):
        message = outcome(decode, data)
        if isinstance(message, WireError):
            error = message
            assert error.code in (Code.BAD_FRAME, Code.BAD_VERSION)
            assert str(error).isascii()
            assert str(error).isprintable()
            assert len(str(error)) < 300
            refused = m.Refused(code=error.code, detail=str(error), ref=error.ref, id=error.id)
            assert wire.decode_event(wire.encode(refused)) == refused
            assert len(error.id or "") <= limits.ID_CHARACTERS
            continue
        assert isinstance(message, (*kinds, m.Unknown))
        assert isinstance(message, m.Unknown) or decode(wire.encode(message)) == message


def packed(*messages: m.Message) -> bytes:
    """Several messages in one body."""
    (body,) = wire.pack(map(wire.encode, messages), 2**20)
    return body
