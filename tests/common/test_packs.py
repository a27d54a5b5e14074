"""Several messages in one frame: what is wrong in one costs only itself."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given, settings, strategies as st

from zchat.common import limits, messages as m, wire
from zchat.common.errors import Code, WireError

from .frames import (
    COMMANDS,
    EVENTS,
    PREFIX,
    SEEDS,
    body,
    pack,
    packed,
)


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
