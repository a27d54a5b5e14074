"""Message ids: UUIDs of version 7, in the order of time."""

from __future__ import annotations

import contextlib
import re
import uuid

import pytest
from hypothesis import given, settings, strategies as st

from zchat.common import limits, messages as m, wire
from zchat.common.errors import WireError
from zchat.common.ids import is_message_id, message_id

MILLIS = st.integers(0, 2**48 - 1)
RANDOM = st.binary(min_size=10, max_size=10)


@given(wall=MILLIS, random=RANDOM)
@settings(max_examples=100, deadline=None)
def test_an_id_is_a_uuid_of_version_7(wall: int, random: bytes) -> None:
    """Version, variant, time and the random bits are where RFC 9562 has them."""
    text = message_id(wall, random)
    value = uuid.UUID(text)

    assert str(value) == text
    assert value.version == 7
    assert value.variant == uuid.RFC_4122
    assert value.int >> 80 == wall
    given_bits = int.from_bytes(random)
    assert value.int & (2**62 - 1) == given_bits & (2**62 - 1)
    assert value.int >> 64 & 0xFFF == given_bits >> 64 & 0xFFF


@given(one=MILLIS, other=MILLIS, random=RANDOM, more=RANDOM)
@settings(max_examples=100, deadline=None)
def test_ids_sort_by_time(one: int, other: int, random: bytes, more: bytes) -> None:
    """As text too, a later millisecond is a greater id."""
    if one != other:
        assert (message_id(one, random) < message_id(other, more)) == (one < other)


def test_ids_of_one_millisecond_differ_by_their_random_bits() -> None:
    """All 74 random bits count, the other six are fixed."""
    ids = {message_id(1, (1 << bit).to_bytes(10)) for bit in range(80)}

    assert len(ids) == 74 + 1


@pytest.mark.parametrize("wall", [-1, 2**48, 2**70])
def test_a_clock_beyond_the_format_makes_an_id_still(wall: int) -> None:
    """Whatever the clock says, an id is a legal UUID."""
    assert uuid.UUID(message_id(wall, b"\0" * 10)).version == 7


def test_an_id_is_legal_on_the_wire() -> None:
    """The broker takes what the client makes."""
    text = message_id(1_700_000_000_000, b"\xff" * 10)

    assert len(text) <= limits.ID_CHARACTERS
    assert re.fullmatch("[0-9a-f-]{36}", text)
    assert isinstance(wire.decode_command(wire.encode(m.Say(id=text, text="x"))), m.Say)


@pytest.mark.parametrize(
    ("text", "legal"),
    [("job-42", True), ("a" * 64, True), ("a" * 65, False), ("", False), ("a b", False), ("a\n", False)],
)
def test_what_can_be_an_id(text: str, legal: bool) -> None:
    """What the rule takes for an id the wire takes, and nothing else."""
    assert is_message_id(text) == legal
    with contextlib.nullcontext() if legal else pytest.raises(WireError):
        wire.decode_command(wire.encode(m.Say(id=text, text="x")))
