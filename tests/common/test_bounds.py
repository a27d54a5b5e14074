"""Every field of every message is held against its bounds, which are read from the types."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from msgspec import inspect

from zchat.common import batches, limits, messages as m
from zchat.common.errors import Code, WireError

from .frames import (
    FIELDS,
    SAMPLES,
    body,
    decoder_of,
    fields_of,
    frame,
    minimal,
    minimal_map,
    travelling,
)


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
