"""The lines of an export: read again they are what they were, and what is none is refused."""

from __future__ import annotations

import json

import pytest

from zchat.client import render
from zchat.common.errors import InputError
from zchat.common.exported import ExportedMember, ExportedRoom, decode, encode_entry, encode_room
from zchat.common.messages import Entry

KEY, OTHER = "a" * 32, "b" * 32
ROOM = ExportedRoom("Builds", True, KEY, [ExportedMember(KEY, "owner"), ExportedMember(OTHER, "member", 3, 0, 5)])
ENTRIES = [
    Entry(seq=2, prev=1, id="i2", time=1_700_000_000_123, nick="alice", key=KEY, text="привет 👋\u202e\n\x1b[31m"),
    Entry(seq=3, prev=2, id="i3", time=5, nick="alice", key=KEY, text="who?", kind="ask", choices=["a", "b"]),
    Entry(seq=4, prev=3, id="i4", time=6, nick="bob", key=OTHER, text="a", kind="answer", about=3),
    Entry(seq=5, prev=4, id="i5", time=7, nick="alice", key=KEY, text="", kind="ban", to="bob", target=OTHER, until=9),
    Entry(seq=6, prev=5, id="i6", time=8, nick="alice", key=KEY, text="", kind="deleted"),
]
LINES = [encode_room(ROOM), *(encode_entry(entry, "Builds") for entry in ENTRIES)]


def test_what_was_exported_can_be_read() -> None:
    """Every field of every kind of entry comes back; a line is plain ASCII."""
    assert list(decode(line.encode("ascii") for line in LINES)) == [ROOM, *ENTRIES]


def test_a_line_is_the_message_object_and_more() -> None:
    """What `--json` shows of an entry stands in its line with the same names and values."""
    for entry, line in zip(ENTRIES, LINES[1:], strict=True):
        shown = json.loads(render.entry_json(entry, "Builds", replay=True))
        exported = json.loads(line)
        assert {name: exported[name] for name in list(shown)[:10]} == dict(list(shown.items())[:10])
        assert (exported["key"], exported["prev"]) == (entry.key, entry.prev)


@pytest.mark.parametrize(
    ("number", "field", "value"),
    [
        (1, "kind", "message"),
        (1, "v", 2),
        (1, "members", [{"key": "x y"}]),
        (2, "kind", "room"),
        (2, "v", 2),
        (2, "key", "nobody"),
        (2, "key", None),
        (2, "id", "a b"),
        (2, "seq", 0),
        (2, "seq", -1),
        (2, "seq", 3),
        (2, "time", "yesterday"),
        (2, "time", "2026-01-01T00:00:00"),
        (2, "time", "0001-01-01T00:00:00Z"),
        (2, "text", ""),
        (2, "text", "x" * 70_000),
        (2, "text", "\0"),
        (2, "from", "x" * 70),
        (6, "text", "not deleted"),
    ],
)
def test_what_is_no_line_is_named(number: int, field: str, value: object) -> None:
    """The error names the line, and nothing of it reaches a terminal as it is."""
    lines = list(LINES)
    lines[number - 1] = json.dumps({**json.loads(lines[number - 1]), field: value})

    with pytest.raises(InputError, match=r"^Line \d ") as raised:
        list(decode(line.encode() for line in lines))
    assert str(raised.value).isascii()
    assert len(str(raised.value)) < 300


@pytest.mark.parametrize("lines", [[], [b""], [b"\xff"], [b"[]"], [b"{" * 10_000], [LINES[1].encode()]])
def test_what_is_no_export_is_refused(lines: list[bytes]) -> None:
    """Whatever stands in the file."""
    with pytest.raises(InputError):
        list(decode(lines))
