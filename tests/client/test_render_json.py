"""How entries, people, rooms and rulings look to programs, as JSON objects."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, strategies as st
from msgspec.structs import replace

from zchat.client import render
from zchat.common.clock import utc
from zchat.common.messages import Ack, Entry, Presence, RoomInfo, Say, UserInfo

from .shown import KEYS, PRIVATE, TIME, addressees, entry, remote, rooms, times, words


def test_a_message_as_json() -> None:
    """The message object has every key of the contract, in the same order."""
    line = render.entry_json(entry(), "lobby", replay=False)

    assert line == (
        '{"v":1,"kind":"message","id":"id-42","room":"lobby","to":null,"from":"alice","seq":42,'
        '"time":"2026-01-31T12:00:00.123Z","text":"hello","replay":false}'
    )


def test_a_private_message_as_json() -> None:
    """A private message has an addressee and no room: the hidden room's id is nobody's business."""
    message = json.loads(render.entry_json(entry(to="bob"), PRIVATE, replay=True))

    assert message == {
        "v": 1,
        "kind": "message",
        "id": "id-42",
        "room": None,
        "to": "bob",
        "from": "alice",
        "seq": 42,
        "time": "2026-01-31T12:00:00.123Z",
        "text": "hello",
        "replay": True,
    }


@pytest.mark.parametrize("kind", ["message", "me", "topic", "something-new"])
def test_every_kind_keeps_its_name_and_text(kind: str) -> None:
    """The text is given as it was said, whatever the kind."""
    message = json.loads(render.entry_json(entry("a\n\x1bb ", kind=kind), "lobby", replay=False))

    assert (message["kind"], message["text"]) == (kind, "a\n\x1bb ")
    assert list(message) == KEYS


@pytest.mark.parametrize("change", ["joined", "left"])
def test_comings_and_goings_as_json(change: str) -> None:
    """`joined` and `left` have no sequence and no id, since they are no history; the reason is the text."""
    presence = Presence(room="lobby", nick="bob", key="bbbb", change=change, time=TIME, reason="tea")

    message = json.loads(render.presence_json(presence, "Lobby"))

    assert message == {
        "v": 1,
        "kind": change,
        "id": None,
        "room": "Lobby",
        "to": None,
        "from": "bob",
        "seq": None,
        "time": "2026-01-31T12:00:00.123Z",
        "text": "tea",
        "replay": False,
    }
    assert list(message) == KEYS


@pytest.mark.parametrize(
    ("say", "ack_room", "room", "to"),
    [
        (Say(id="id-42", text="hello", room="Lobby"), "lobby", "Lobby", None),
        (Say(id="id-42", text="hello", to="bob"), PRIVATE, None, "bob"),
    ],
)
def test_an_ack_as_json(say: Say, ack_room: str, room: str | None, to: str | None) -> None:
    """An acked message is the message object as the others get it, and how many others those are."""
    ack = Ack(id="id-42", room=ack_room, seq=42, time=TIME, delivered=3)
    message = json.loads(render.ack_json(say, ack, "alice"))

    assert list(message) == [*KEYS, "delivered", "lagging"]
    assert (message.pop("delivered"), message.pop("lagging")) == (3, None)
    assert message == json.loads(render.entry_json(entry(to=to), room or ack_room, replay=False))
    assert (message["room"], message["to"]) == (room, to)


def test_a_user_as_json() -> None:
    """A user object has the keys of the contract; idle is in seconds."""
    user = UserInfo(nick="bob", key="bbbb", rooms=["dev", "lobby"], idle=12.345, since=TIME, sessions=2)

    assert render.user_json(user) == (
        '{"nick":"bob","rooms":["dev","lobby"],"idle":12.3,"since":"2026-01-31T12:00:00.123Z","sessions":2,'
        '"fingerprint":"bbbb","away":null,"bot":false,"lag":0,"rtt":null}'
    )


def test_a_room_as_json() -> None:
    """A room object has the keys of the contract."""
    room = RoomInfo(room="dev", online=2, topic="tea", seq=7, private=True, members=3)

    assert render.room_json(room) == ('{"room":"dev","online":2,"members":3,"private":true,"topic":"tea","seq":7}')


@pytest.mark.parametrize(
    ("millis", "expected"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (5, "1970-01-01T00:00:00.005Z"),
        (1_000, "1970-01-01T00:00:01.000Z"),
        (951_782_399_999, "2000-02-28T23:59:59.999Z"),
        (2**47, "6429-10-17T02:45:55.328Z"),
    ],
)
def test_times_are_utc_with_milliseconds(millis: int, expected: str) -> None:
    """Always three digits, always Z, nothing rounded, up to the last time that a message can have."""
    assert utc(millis) == expected


@given(
    entry=st.builds(entry, remote, kind=words, to=addressees, nick=remote, at=times), room=rooms, replay=st.booleans()
)
def test_any_entry_is_one_line_of_ascii_json(entry: Entry, room: str, replay: bool) -> None:
    """Whatever stands in it, an entry is one printable line, and reading the line gives everything back."""
    line = render.entry_json(entry, room, replay=replay)
    message = json.loads(line)

    assert line.isascii()
    assert line.isprintable()
    assert list(message) == KEYS
    assert (message["from"], message["to"], message["text"]) == (entry.nick, entry.to, entry.text)
    assert message["room"] == (None if room.startswith("@") else room)
    assert (message["kind"], message["seq"], message["replay"]) == (entry.kind, entry.seq, replay)


@pytest.mark.parametrize(
    ("kind", "until", "about", "more"),
    [
        ("ban", TIME, 0, {"until": "2026-01-31T12:00:00.123Z", "about": None}),
        ("kick", 0, 0, {"until": None, "about": None}),
        ("delete", 0, 41, {"until": None, "about": 41}),
    ],
)
def test_what_is_done_has_more_keys(kind: str, until: int, about: int, more: dict[str, object]) -> None:
    """Behind those of every message: when it ends, and which message it is about."""
    done = replace(entry("spam", kind=kind, to="bob"), until=until, about=about)
    message = json.loads(render.entry_json(done, "lobby", replay=False))

    assert list(message) == [*KEYS, "until", "about"]
    assert (message["to"], message["text"]) == ("bob", "spam")
    assert {key: message[key] for key in more} == more


def test_a_deleted_message_has_the_usual_keys() -> None:
    """It stands where a message stood."""
    assert list(json.loads(render.entry_json(entry("", kind="deleted"), "lobby", replay=True))) == KEYS
