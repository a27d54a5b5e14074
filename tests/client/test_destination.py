"""Where typed text goes."""

from __future__ import annotations

import pytest

from zchat.client.destination import Destination, place_of
from zchat.common.errors import InputError


def test_the_first_room_is_told_before_we_are_in_it() -> None:
    """The prompt names it, but nothing is taken yet; then it is the current room."""
    to = Destination("Lobby")
    assert (str(to), to.is_somewhere) == ("Lobby", False)
    to.entered("lobby", "Lobby")

    assert (str(to), to.is_somewhere, to.target) == ("Lobby", True, ("Lobby", None))


def test_a_person_comes_before_the_room() -> None:
    """What is typed goes to them alone, and follows them when they change their nick."""
    to = Destination("lobby")
    to.entering("lobby")
    to.partner, to.last_partner = "Bob", "carol"
    to.renamed("bob", "robert")

    assert (str(to), to.target) == ("-> robert", (None, "robert"))
    assert to.last_partner == "carol"


def test_leaving_the_current_room_turns_to_another() -> None:
    """Leaving one that is not the current one changes nothing; without any room there is an error that says so."""
    to = Destination("lobby")
    to.entering("Den")
    assert not to.left("lobby", ["Den"])
    assert to.left("den", ["lobby"])
    assert (to.room, to.turn_to) == ("lobby", None)
    assert to.left("lobby", [])
    assert str(to) == "no room"
    with pytest.raises(InputError, match="You are in no room"):
        to.target  # noqa: B018 - reading it is what fails


def test_a_place_is_one_word_for_a_room_or_a_person() -> None:
    """However the name is written; a room is never a person."""
    assert place_of("Bob", None) == "bob"
    assert place_of(None, "BOB") == place_of(None, "bob") == "@bob"
