"""The short memory of a chat: somebody's last message, and who said what."""

from __future__ import annotations

import pytest

from zchat.client.said import KEPT, Said
from zchat.common.errors import InputError


def test_the_own_last_message_of_each_place() -> None:
    """The one with the highest sequence, in whatever order and however often they are told."""
    said = Said()
    for seq in (3, 1, 3):
        said.add("lobby", seq, "alice", f"text {seq}", mine=True)
    said.add("lobby", 4, "bob", "mine, he says", mine=False)
    said.add("@bob", 9, "alice", "psst", mine=True)

    assert said.my_last("lobby") == (3, "text 3")
    assert said.my_last("@bob") == (9, "psst")
    assert said.my_last("den") is None


def test_what_is_deleted_is_forgotten_and_told_whose_it_was() -> None:
    """Then the one before is the last; what is not known is nobody's."""
    said = Said()
    for seq in (1, 2):
        said.add("lobby", seq, "alice", f"text {seq}", mine=True)

    assert said.remove("lobby", 2) == "alice"
    assert said.remove("lobby", 2) == said.remove("den", 1) == ""
    assert said.my_last("lobby") == (1, "text 1")


def test_the_last_message_of_somebody_is_taken_once() -> None:
    """In whatever letters their nick is written; then the one before, then nothing; not in other places."""
    said = Said()
    for seq, nick in enumerate(("bob", "carol", "Bob", "alice"), start=1):
        said.add("lobby", seq, nick, f"text {seq}", mine=nick == "alice")
    said.add("den", 9, "bob", "text 9", mine=False)

    assert [said.take_last_of("lobby", "BOB") for _ in range(2)] == [(3, "text 3"), (1, "text 1")]
    for place, nick in (("lobby", "bob"), ("lobby", "dave"), ("empty", "bob")):
        with pytest.raises(InputError, match=f"{nick} has said nothing here lately"):
            said.take_last_of(place, nick)


def test_what_is_not_deleted_after_all_is_the_last_again() -> None:
    """A refused deletion does not make the next one mean an older message; whose it was is told, but for one's own."""
    said = Said()
    for seq, nick in enumerate(("alice", "bob", "alice", "bob"), start=1):
        said.add("lobby", seq, nick, f"text {seq}", mine=nick == "alice")
    theirs, mine = said.take_last_of("lobby", "bob"), said.take_my_last("lobby", [])

    assert (theirs[0], mine[0]) == (4, 3)
    assert (said.keep("lobby", 4), said.keep("lobby", 3), said.keep("lobby", 7), said.keep("den", 4)) == (
        "bob",
        "",
        "",
        "",
    )
    assert (said.take_last_of("lobby", "bob"), said.take_my_last("lobby", [])) == (theirs, mine)


def test_what_is_to_be_deleted_is_told_whose_it_was() -> None:
    """When the deletion comes back, and however often the message itself is told meanwhile."""
    said = Said()
    said.add("lobby", 1, "bob", "text", mine=False)
    said.take_last_of("lobby", "bob")
    said.add("lobby", 1, "bob", "text", mine=False)
    with pytest.raises(InputError):
        said.take_last_of("lobby", "bob")

    assert said.remove("lobby", 1) == "bob"


def test_a_history_that_was_replaced_is_forgotten() -> None:
    """Its sequences mean something else from then on."""
    said = Said()
    said.add("lobby", 1, "alice", "text", mine=True)
    said.forget("lobby")
    said.forget("den")

    assert said.my_last("lobby") is None


def test_the_memory_is_short() -> None:
    """The oldest messages make room for new ones."""
    said = Said()
    for seq in range(2 * KEPT):
        said.add("lobby", seq, "alice", "text", mine=True)

    assert said.remove("lobby", KEPT - 1) == ""
    assert said.remove("lobby", KEPT) == "alice"
