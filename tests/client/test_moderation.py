"""How a command that does something to somebody is read."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from zchat.client import moderation
from zchat.common.errors import InputError, RefusedError
from zchat.common.keys import fingerprint, to_base32
from zchat.common.messages import Say
from zchat.common.rules import ACTS

KEY = b"k" * 32


@pytest.mark.parametrize(
    ("command", "rest", "expected"),
    [
        ("kick", "bob", Say(id="", text="", room="den", to="bob", kind="kick")),
        ("kick", "bob  too  loud ", Say(id="", text="too  loud ", room="den", to="bob", kind="kick")),
        ("kick", "bob 10m", Say(id="", text="10m", room="den", to="bob", kind="kick")),
        ("ban", "bob", Say(id="", text="", room="den", to="bob", kind="ban")),
        ("ban", "bob 10m", Say(id="", text="", room="den", to="bob", kind="ban", seconds=600)),
        ("ban", "bob 10m spam 2h", Say(id="", text="spam 2h", room="den", to="bob", kind="ban", seconds=600)),
        ("ban", "bob spam 10m", Say(id="", text="spam 10m", room="den", to="bob", kind="ban")),
        ("mute", "bob 7d", Say(id="", text="", room="den", to="bob", kind="mute", seconds=604_800)),
        ("unban", "bob", Say(id="", text="", room="den", to="bob", kind="unban")),
        ("invite", "Bob", Say(id="", text="", room="den", to="Bob", kind="invite")),
        ("op", to_base32(KEY), Say(id="", text="", room="den", to=fingerprint(KEY), kind="op")),
        ("deop", fingerprint(KEY).upper(), Say(id="", text="", room="den", to=fingerprint(KEY), kind="deop")),
    ],
)
def test_what_is_typed_is_done(command: str, rest: str, expected: Say) -> None:
    """First whom, by nick or key, then for how long where that can be said, then why."""
    assert moderation.parse(command, rest, "den") == expected


@pytest.mark.parametrize("command", ACTS)
@pytest.mark.parametrize("rest", ["", "  ", "b@b", "@bob", "-"])
def test_nobody_is_an_error(command: str, rest: str) -> None:
    """Without a legal nick the error says so in one line."""
    with pytest.raises(InputError) as caught:
        moderation.parse(command, rest, "den")

    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("command", sorted(set(ACTS) - set(moderation.REASONED)))
def test_what_has_no_reason_takes_none(command: str) -> None:
    """More words than can be meant are not dropped silently."""
    with pytest.raises(InputError, match=rf"/{command} takes one nick and nothing else"):
        moderation.parse(command, "bob because", "den")


@pytest.mark.parametrize("command", moderation.TIMED)
def test_no_time_at_all_is_an_error(command: str) -> None:
    """Nobody means for ever who types 0m."""
    with pytest.raises(InputError, match="A time of 0m is none"):
        moderation.parse(command, "bob 0m", "den")


@pytest.mark.parametrize("reason", ["x" * 391, "two\nlines", "\0"])
def test_a_reason_that_cannot_be_said_is_refused_here(reason: str) -> None:
    """As the broker would."""
    with pytest.raises(RefusedError):
        moderation.parse("kick", f"bob {reason}", "den")


@pytest.mark.parametrize(("rest", "nick"), [("", None), ("  ", None), ("bob", "bob"), (" Bob ", "Bob")])
def test_whose_message_is_deleted(rest: str, nick: str | None) -> None:
    """Somebody's, or one's own."""
    assert moderation.parse_delete(rest) == nick


@pytest.mark.parametrize(("rest", "words"), [("bob because", "takes one nick and nothing else"), ("b@b", "'b@b'")])
def test_nobodys_message_is_an_error(rest: str, words: str) -> None:
    """With how it is written."""
    with pytest.raises(InputError, match=words):
        moderation.parse_delete(rest)


@given(st.sampled_from(sorted(ACTS)), st.text() | st.text(alphabet="bo 10m"))
def test_anything_typed_is_done_or_an_error(command: str, rest: str) -> None:
    """Nothing breaks the reading."""
    try:
        say = moderation.parse(command, rest, "den")
    except (InputError, RefusedError):
        return

    assert say.kind == command
    assert say.to
