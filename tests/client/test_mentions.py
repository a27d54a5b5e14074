"""Who is meant by a message."""

from __future__ import annotations

import pytest

from zchat.client.mentions import concerns, mentions
from zchat.common.messages import Entry, EntryKind


@pytest.mark.parametrize(
    ("text", "nick", "meant"),
    [
        ("bob: look", "bob", True),
        ("hello @Bob!", "bob", True),
        ("is it BOB's?", "bob", True),
        ("«боб», привет", "Боб", True),
        ("ask bob-2", "bob-2", True),
        ("bob- wait", "bob", True),
        ("ask bob-2", "bob", False),
        ("bobby", "bob", False),
        ("kebob", "bob", False),
        ("", "bob", False),
    ],
)
def test_a_nick_is_meant_when_it_is_a_word(text: str, nick: str, meant: bool) -> None:
    """In whatever case, with signs around it, but not as a part of another word."""
    assert mentions(text, nick) is meant


@pytest.mark.parametrize(
    ("room", "text", "key", "kind", "meant"),
    [
        ("lobby", "bob: look", "eve.key", "message", True),
        ("lobby", "look", "eve.key", "message", False),
        ("@a.b", "look", "eve.key", "message", True),
        ("@a.b", "look", "bob.key", "message", False),
        ("lobby", "bob: look", "bob.key", "message", False),
        ("lobby", "waves to bob", "eve.key", "me", True),
        ("lobby", "welcome, bob", "eve.key", "topic", False),
    ],
)
def test_private_messages_and_mentions_concern_one(
    room: str, text: str, key: str, kind: EntryKind, meant: bool
) -> None:
    """What others say to me, and neither what I say myself nor what is done in a room."""
    entry = Entry(seq=1, prev=0, id="i", time=0, nick="eve", key=key, kind=kind, text=text)

    assert concerns(room, entry, key="bob.key", nick="bob") is meant
