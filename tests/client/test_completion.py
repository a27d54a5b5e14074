"""What Tab and the hint make of a half-typed line."""

from __future__ import annotations

import pytest

from zchat.client.completion import complete, hint

NICKS = ("bob", "Bea", "carol")
ROOMS = ("lobby", "dev")


@pytest.mark.parametrize(
    ("before", "word", "candidates"),
    [
        ("b", "b", ["bob: ", "Bea: "]),
        ("hello CA", "CA", ["carol "]),
        ("one\nca", "ca", ["carol "]),
        ("", "", []),
        ("hello ", "", []),
        ("/to", "/to", ["/topic "]),
        ("/UN", "/UN", ["/unignore ", "/unban ", "/unmute "]),
        ("/msg ", "", ["bob ", "Bea ", "carol "]),
        ("/tell b", "b", ["bob ", "Bea "]),
        ("/msg bob hi ca", "ca", ["carol "]),
        ("/join d", "d", ["dev "]),
        ("/help to", "to", ["topic "]),
        ("/notices ", "", ["all ", "smart ", "none "]),
        ("/join dev --", "--", ["--private "]),
        ("/answer ", "", ["yes ", "later "]),
        ("/answer Y", "Y", ["yes "]),
        ("/answer 7 la", "la", ["later "]),
        ("/nonsense b", "b", []),
        ("//b", "//b", []),
    ],
)
def test_tab_offers_what_can_stand_there(before: str, word: str, candidates: list[str]) -> None:
    """Nicks in a text, at its beginning with a colon; commands, and what each of them takes."""
    assert complete(before, NICKS, ROOMS, ("yes", "later")) == (word, candidates)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("hello", ""),
        ("//who", ""),
        ("/not", "/notices"),
        ("/no", "/notices"),
        ("/m", "/msg /mute /me"),
        ("/wbo", "There is no command /wbo; begin with // to say it."),
    ],
)
def test_a_half_typed_command_is_explained(text: str, told: str) -> None:
    """Which ones it can become, or that it becomes none."""
    shown = hint(text)

    assert set(told.split()) <= set(shown.split())
    assert bool(told) == bool(shown)


@pytest.mark.parametrize("text", ["/topic", "/topic something", "/me", "/tell", "/w bob"])
def test_a_whole_command_is_told_with_what_it_takes(text: str) -> None:
    """By its name, also when an alias was typed, and while its arguments are."""
    name = {"tell": "msg", "w": "msg"}.get(text[1:].split()[0], text[1:].split()[0])

    assert hint(text).startswith(f"/{name} ")
    assert ": " in hint(text)
