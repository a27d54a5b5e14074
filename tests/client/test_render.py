"""How entries look to people, as plain lines, and that they do nothing to a terminal."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given, strategies as st
from msgspec.structs import replace

from zchat.client import render
from zchat.common.messages import Entry, Presence

from ..zones import zone
from .shown import HERE, KEYS, PRIVATE, TIME, addressees, entry, is_tame, remote, rooms, times, words

pytestmark = pytest.mark.usefixtures("here")


def lines(entry: Entry, room: str = "lobby", *, name_room: bool = False) -> list[str]:
    """An entry as a person sees it."""
    return render.entry_lines(entry, room, name_room=name_room)


# --- plain lines ----------------------------------------------------------------------------------------------
def test_a_message_as_a_line() -> None:
    """`YYYY-MM-DD HH:MM nick: text`, in local time."""
    assert lines(entry()) == [f"{HERE} alice: hello"]


def test_the_time_follows_the_place() -> None:
    """Elsewhere the same message has the time, and the day, of there."""
    with zone("THERE+13"):
        assert lines(entry()) == ["2026-01-30 23:00 alice: hello"]
    with zone("HERE-5:30"):
        assert lines(entry()) == [f"{HERE} alice: hello"]


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (entry("waves", kind="me"), "* alice waves"),
        (entry("tea at five", kind="topic"), "-- alice set the topic: tea at five"),
        (entry("", kind="topic"), "-- alice removed the topic"),
        (entry("psst", to="bob"), "alice -> bob: psst"),
        (entry("waves", kind="me", to="bob"), "* alice -> bob waves"),
        (entry("what is new", kind="something-new"), "alice: what is new"),
        (entry(""), "alice: "),
    ],
)
def test_the_kinds_of_lines(shown: Entry, expected: str) -> None:
    """Actions, topics and private messages are told apart; a kind from a later version is a message."""
    assert lines(shown) == [f"{HERE} {expected}"]


def test_the_room_is_named_where_it_is_asked_for() -> None:
    """With several rooms a line says which, but a private message needs none."""
    assert lines(entry(), "Dev", name_room=True) == [f"{HERE} [Dev] alice: hello"]
    assert lines(entry(kind="me"), "Dev", name_room=True) == [f"{HERE} [Dev] * alice hello"]
    assert lines(entry(to="bob"), PRIVATE, name_room=True) == [f"{HERE} alice -> bob: hello"]


def test_every_line_of_a_message_has_its_author() -> None:
    """A pasted block, empty lines included, cannot be taken for the words of others."""
    text = f"one\n\n{HERE} bob: yes, I agree\n"

    assert lines(entry(text)) == [
        f"{HERE} alice: one",
        f"{HERE} alice: ",
        f"{HERE} alice: {HERE} bob: yes, I agree",
        f"{HERE} alice: ",
    ]
    assert lines(entry("one\ntwo", kind="me")) == [f"{HERE} * alice one", f"{HERE} * alice two"]


def test_a_topic_is_one_line() -> None:
    """Even a topic of several lines, which no broker lets pass."""
    assert lines(entry(f"one\n{HERE} bob: two", kind="topic")) == [
        f"{HERE} -- alice set the topic: one␤{HERE} bob: two"
    ]


@pytest.mark.parametrize(
    ("change", "reason", "expected"),
    [("joined", "", "-- bob joined Lobby"), ("left", "good night", "-- bob left Lobby (good night)")],
)
def test_comings_and_goings_as_lines(change: str, reason: str, expected: str) -> None:
    """Who came or went, where, and why."""
    presence = Presence(room="lobby", nick="bob", key="bbbb", change=change, time=TIME, reason=reason)

    assert render.presence_line(presence, "Lobby") == f"{HERE} {expected}"


@given(
    entry=st.builds(entry, remote, kind=words, to=addressees, nick=remote, at=times), room=rooms, named=st.booleans()
)
@example(entry("\x1b[2J\r", nick="\x1b]0;x\x07", to="\n"), "\x9b2J", True)
def test_no_entry_does_anything_to_a_terminal(entry: Entry, room: str, named: bool) -> None:
    """No nick, addressee, room or text puts a control character or a line break into a line."""
    for line in lines(entry, room, name_room=named):
        assert is_tame(line)


@given(
    presence=st.builds(Presence, room=remote, nick=remote, key=remote, change=words, time=times, reason=remote),
    room=rooms,
)
def test_no_coming_or_going_does_anything_to_a_terminal(presence: Presence, room: str) -> None:
    """No nick, room or reason puts a control character or a line break into a notice."""
    line = render.presence_json(presence, room)

    assert is_tame(render.presence_line(presence, room))
    assert line.isascii()
    assert line.isprintable()


@given(text=remote, kind=words, other=st.sampled_from(["bob", "* bob", "-- bob", "alicebob", "[lobby] bob"]))
@example("hi\r", "message", "bob")
@example("hi", "topic", "bob")
@example("hi", "ban", "bob")
@example("hi", "ask", "bob")
@example("hi", "answer", "bob")
def test_no_text_begins_a_line_like_another_author(text: str, kind: str, other: str) -> None:
    """Each line of an entry begins with its time, its kind's sign and its author's nick."""
    signs = {"me": "* alice ", **dict.fromkeys(["topic", "delete", *render.DONE], "-- alice ")}
    signs |= {"ask": "alice asks [42]: ", "answer": "alice answers [0]: "}
    forged = f"{text}\n{HERE} {other}: I agree\r{HERE} {other}: fully"

    for line in lines(entry(forged, kind=kind)):
        assert line.startswith(f"{HERE} {signs.get(kind, 'alice: ')}")


@given(reason=remote)
def test_no_reason_begins_a_line_like_an_author(reason: str) -> None:
    """The words of a farewell stand behind who left."""
    presence = Presence(
        room="lobby", nick="bob", key="bbbb", change="left", time=TIME, reason=f"{reason}\n{HERE} eve: x"
    )

    assert render.presence_line(presence, "lobby").startswith(f"{HERE} -- bob left lobby (")


# --- what is done to somebody ---------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("kind", "text", "until", "line"),
    [
        ("kick", "spam", 0, "-- alice kicked bob out (spam)"),
        ("kick", "", 0, "-- alice kicked bob out"),
        ("ban", "spam", TIME, f"-- alice banned bob until {HERE} (spam)"),
        ("ban", "", 0, "-- alice banned bob"),
        ("unban", "", 0, "-- alice lifted the ban on bob"),
        ("mute", "", TIME, f"-- alice muted bob until {HERE}"),
        ("unmute", "", 0, "-- alice lets bob speak again"),
        ("op", "", 0, "-- alice made bob an operator"),
        ("deop", "", 0, "-- alice made bob an operator no more"),
        ("invite", "", 0, "-- alice invited bob"),
    ],
)
def test_what_is_done_to_somebody_is_one_line(kind: str, text: str, until: int, line: str) -> None:
    """Who, what, to whom, until when and why; it is no private message, though it has an addressee."""
    done = replace(entry(text, kind=kind, to="bob"), until=until, target="bbbb")

    assert lines(done) == [f"{HERE} {line}"]
    assert lines(done, name_room=True) == [f"{HERE} [lobby] {line}"]


def test_deletions_are_lines() -> None:
    """Whose message it was is told when it is known; what was deleted shows only that."""
    deletion = replace(entry("", kind="delete"), about=41)

    assert lines(deletion) == [f"{HERE} -- alice deleted a message"]
    assert render.entry_lines(deletion, "lobby", name_room=False, author="bob\x1b") == [
        f"{HERE} -- alice deleted a message of bob\u241b"
    ]
    assert lines(entry("", kind="deleted")) == [f"{HERE} alice: (deleted)"]
    assert lines(entry("", kind="deleted", to="bob"), PRIVATE) == [f"{HERE} alice -> bob: (deleted)"]


def test_a_new_nick_is_told_as_presence() -> None:
    """People read both nicks; programs find the new one where the author stands and the old one as the text."""
    presence = Presence(room="lobby", nick="alicia", key="a", change="renamed", time=TIME, old="alice\x1b")
    message = json.loads(render.presence_json(presence, "Lobby"))

    assert render.presence_line(presence, "Lobby") == f"{HERE} -- alice\u241b is now alicia in Lobby"
    assert (message["kind"], message["from"], message["text"]) == ("renamed", "alicia", "alice\x1b")
    assert list(message) == KEYS


@given(
    kind=st.sampled_from([*render.DONE, "delete", "deleted"]), nick=remote, to=addressees, text=remote, author=remote
)
def test_whatever_is_done_is_one_tame_line(kind: str, nick: str, to: str | None, text: str, author: str) -> None:
    """No name and no reason breaks the line or does anything to a terminal."""
    done = replace(entry(text, kind=kind, to=to, nick=nick), until=TIME, about=1)
    (line,) = render.entry_lines(done, "lobby", name_room=True, author=author)

    assert is_tame(line)
