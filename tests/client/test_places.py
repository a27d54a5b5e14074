"""Places at a terminal: one is shown, and the others count what is unread there."""

from __future__ import annotations

import pytest

from zchat.client.places import KEPT, RECENT
from zchat.common import limits, messages as m

from .seat import DIRECT, Seat


@pytest.fixture
def alice() -> Seat:
    """alice is in lobby and dev, and sees lobby."""
    return Seat()


def test_one_place_is_shown_and_the_others_count(alice: Seat) -> None:
    """What is said here is told; elsewhere it is counted, and what is meant for her, too."""
    alice.entry("here")
    for text in ("one", "alice: two", "three"):
        alice.entry(text, "dev")

    assert alice.lines == ["bob: here"]
    assert alice.unread() == {"lobby": (0, 0), "dev": (3, 1)}
    assert (alice.status.here, alice.status.where) == ("lobby", "lobby")


def test_turning_to_a_place_tells_what_was_unread_there(alice: Seat) -> None:
    """Under a heading; after that it counts as read, and what is typed goes there."""
    alice.entry("one", "dev")
    alice.type("/join dev", "hello")
    say = alice.shell.sent(m.Say)[-1]

    assert alice.lines == ["== dev", "bob: one"]
    assert alice.unread()["dev"] == (0, 0)
    assert isinstance(say, m.Say)
    assert say.room == "dev"
    alice.entry("not here", "lobby")
    assert alice.lines[2:] == []


def test_turning_to_a_place_shows_where_one_is(alice: Seat) -> None:
    """The last lines that were shown there come again, marked as such, and what is unread below a heading."""
    for number in range(RECENT + 1):
        alice.entry(str(number))
    alice.presence("left")
    alice.type("/join dev", "/join lobby")
    again = [*(f"bob: {number}" for number in range(2, RECENT + 1)), "-- bob left lobby"]
    assert alice.lines[RECENT + 2 :] == ["== dev", "== lobby", *again]
    assert [line.again for line in alice.told[-RECENT:]] == [True] * RECENT

    alice.type("/join dev")
    alice.entry("news")
    alice.type("/join lobby")
    assert alice.lines[-3:] == ["-- bob left lobby", "== unread", "bob: news"]
    assert not alice.told[-1].again


def test_what_was_deleted_is_not_shown_again(alice: Seat) -> None:
    """Neither among what was shown nor among what waits."""
    alice.entry("secret")
    alice.entry("secret", "dev")
    for room in ("lobby", "dev"):
        alice.entry("", room, kind="delete", about=1)
    alice.told.clear()
    alice.type("/join dev", "/join lobby")

    assert "bob: secret" not in alice.lines


@pytest.mark.parametrize("answer", ["/r hi", "/msg bob hi"])
def test_who_is_answered_has_been_read(alice: Seat, answer: str) -> None:
    """A private message is told wherever one is, so it does not count any more."""
    alice.entry("psst", DIRECT, to="alice")
    assert alice.unread()["bob"] == (1, 1)
    alice.type(answer)

    assert alice.unread()["bob"] == (0, 0)
    alice.type("/query bob")
    assert alice.lines[-2:] == ["== bob (private)", "bob: psst"]


def test_what_waits_to_be_shown_is_bounded(alice: Seat) -> None:
    """The oldest is left to the history, as is told."""
    for number in range(KEPT + 7):
        alice.entry(str(number), "dev")
    alice.type("/join dev")

    assert alice.lines[:3] == ["== dev", "-- 7 messages before these: see them with PageUp.", "bob: 7"]
    assert len(alice.lines) == KEPT + 2
    alice.type("/history")
    assert alice.asked().before == 8


def test_a_private_message_is_told_wherever_she_is(alice: Seat) -> None:
    """With both names; its partner is a place of its own, where it stands once more."""
    alice.entry("psst", DIRECT, to="alice")
    assert alice.lines == ["bob -> alice: psst"]
    assert alice.unread()["bob"] == (1, 1)
    alice.type("/query bob")

    assert alice.lines[1:] == ["== bob (private)", "bob: psst"]
    assert alice.status.where == "-> bob"
    alice.entry("again", DIRECT, to="alice")
    assert alice.lines[3:] == ["bob: again"]
    alice.type("/part")
    assert alice.status.here == "lobby"
    assert "bob" not in alice.unread()


def test_being_put_out_of_the_shown_room_turns_to_another(alice: Seat) -> None:
    """With the reason, and what was unread there."""
    alice.entry("one", "dev")
    alice.hear(m.Parted(room="lobby", reason="kicked"))

    assert alice.lines == [
        "-- You were removed from lobby (kicked). You are in dev now.",
        "== dev",
        "bob: one",
    ]
    assert list(alice.unread()) == ["dev"]


def test_a_partner_who_is_called_differently_keeps_the_place(alice: Seat) -> None:
    """What is typed goes on to the same person."""
    alice.type("/query bob")
    alice.presence("renamed", nick="robert", old="bob")

    assert alice.status.where == "-> robert"
    assert [place.name for place in alice.status.places] == ["lobby", "dev", "robert"]


def test_what_was_not_looked_at_stays_unread_on_other_screens(alice: Seat) -> None:
    """The broker is told of a room only what was shown of it."""
    for text in ("one", "two"):
        alice.entry(text)
        alice.entry(text, "dev")
    alice.type("/join dev", "/join lobby")
    alice.entry("three", "dev")

    assert seen(alice) == {"lobby": 2, "dev": 2}
    alice.type("/join dev")
    assert seen(alice)["dev"] == 3


def seen(seat: Seat) -> dict[str, int]:
    """What the broker is told soon."""
    seat.shell.clear()
    seat.shell.pass_time(limits.PING_IDLE)
    pings = [ping.seen for ping in seat.shell.sent(m.Ping) if isinstance(ping, m.Ping)]
    return {room: seq for seen in pings for room, seq in seen.items()}
