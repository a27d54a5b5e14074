"""What stands around the input line."""

from __future__ import annotations

import pytest

from zchat.client import status as statusline
from zchat.client.told import PlaceStatus, Status, Waiting
from zchat.common.text import width

PLACES = (
    PlaceStatus("lobby", "lobby"),
    PlaceStatus("dev", "dev", unread=5, mentions=1),
    PlaceStatus("ops", "ops", unread=2),
    PlaceStatus("quiet", "quiet"),
    PlaceStatus("@bob", "bob", private=True),
)


def shown(status: Status, columns: int = 80) -> str:
    """The status line."""
    return "".join(text for _, text in statusline.status_row(status, columns))


def test_each_place_has_its_number_and_what_is_unread() -> None:
    """With how many are here, and mentions."""
    status = Status(here="lobby", places=PLACES, people=3)

    assert shown(status) == "1:lobby 3 here | 2:dev 5 (1@) | 3:ops 2 | 4:quiet | 5:@bob"


def test_quiet_places_are_left_out_first() -> None:
    """What is unread is worth more than what is not, and keeps its number."""
    status = Status(here="lobby", places=PLACES, people=3)

    assert shown(status, 45) == "1:lobby 3 here | 2:dev 5 (1@) | 3:ops 2"


def test_a_lost_broker_comes_first_with_reason_and_time() -> None:
    """So that it is seen however little room there is."""
    status = Status(here="lobby", places=PLACES, trouble="no broker (no answer)", since=60_000)

    assert shown(status).startswith("no broker (no answer) since ")
    assert shown(status, 30).startswith("no broker (no")


@pytest.mark.parametrize("columns", [24, 40, 80, 250])
def test_nothing_is_wider_than_the_screen(columns: int) -> None:
    """However long names and reasons are, and whatever is in them."""
    places = tuple(PlaceStatus(str(n), "世\x1b" * 20, unread=10**6) for n in range(30))
    waiting = (Waiting("a\nb" * 100, "why " * 100), Waiting("世" * 200))
    status = Status(here="0", places=places, trouble="x" * 300, since=1, waiting=waiting, waiting_more=5)
    for row in [statusline.status_row(status, columns), *statusline.waiting_rows(status, columns)]:
        text = "".join(text for _, text in row)
        assert width(text) < columns
        assert "\x1b" not in text


def test_what_waits_and_what_was_refused_are_told_apart() -> None:
    """With the reason and the keys for the refused one, and how many more there are."""
    status = Status(waiting=(Waiting("no\nway", "You are muted."), Waiting("on its way")), waiting_more=2)
    rows = [text for row in statusline.waiting_rows(status, 80) for _, text in row]

    assert rows == ["✗ no … (You are muted.)", "… on its way", "… and 2 more", statusline.AGAIN]


def test_places_are_reached_by_number_and_in_a_circle() -> None:
    """A number that is not there means none."""
    status = Status(here="lobby", places=PLACES)

    assert [statusline.place_at(status, n) for n in (0, 2, 6)] == [None, PLACES[1], None]
    assert statusline.place_beside(status, -1) == PLACES[-1]
    assert statusline.place_beside(status, 1) == PLACES[1]
    assert statusline.place_beside(Status(), 1) is None
    assert [statusline.turn_to(place) for place in PLACES[-2:]] == ["/join quiet", "/query bob"]
