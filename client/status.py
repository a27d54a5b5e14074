"""What stands around the input line: messages that wait, the hint, the status line.

Owns their words and what is left out when there is no room. Does not know colours (`themes`) nor keys' doings
(`terminal`). Pure; the input thread.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from ..common.text import clean, cut, width
from .layout import Row
from .told import PlaceStatus, Status

LEAST_CELLS = 12
"""Less of a place's name would tell nothing."""
AGAIN = "Alt-R sends again what was refused, Alt-X drops it."


def waiting_rows(status: Status, columns: int) -> list[Row]:
    """What is not stored yet, and what was refused: a row each."""
    rows: list[Row] = []
    for waiting in status.waiting:
        first, *more = waiting.text.split("\n")
        text = clean(first) + (" …" if more else "")
        if waiting.refused:
            why = f" ({clean(waiting.refused)})"
            rows.append([("class:refused", cut(f"✗ {cut(text, columns // 2)}{why}", columns - 1))])
        else:
            rows.append([("class:waiting", cut(f"… {text}", columns - 1))])
    if status.waiting_more > 0:
        rows.append([("class:waiting", cut(f"… and {status.waiting_more} more", columns - 1))])
    if any(waiting.refused for waiting in status.waiting):
        rows.append([("class:hint", cut(AGAIN, columns - 1))])
    return rows


def status_row(status: Status, columns: int) -> Row:
    """Connection, places with what is unread there, and how many are here."""
    parts: list[tuple[str, str]] = []
    if status.trouble:
        since = f" since {dt.datetime.fromtimestamp(status.since / 1_000):%H:%M}" if status.since else ""
        parts.append(("class:status.trouble", cut(clean(status.trouble), max(20, columns // 2)) + since))
    numbered = list(enumerate(status.places, 1))
    for quiet in (True, False):
        places = [_place(n, place, status) for n, place in numbered if quiet or place.unread or place.id == status.here]
        if _cells([*parts, *places]) < columns:
            break
    return _fitted([*parts, *places], columns - 1)


def _place(number: int, place: PlaceStatus, status: Status) -> tuple[str, str]:
    name = f"{number}:{'@' if place.private else ''}{clean(place.name)}"
    if place.id == status.here:
        people = "" if status.people is None else f" {status.people}{'+' if status.crowd else ''} here"
        return "class:status.here", name + people
    mentions = f" ({place.mentions}@)" if place.mentions else ""
    style = "mention" if place.mentions else "unread" if place.unread else "quiet"
    return f"class:status.{style}", f"{name}{f' {place.unread}' if place.unread else ''}{mentions}"


def _cells(parts: Sequence[tuple[str, str]]) -> int:
    return sum(width(text) for _, text in parts) + 3 * len(parts)


def _fitted(parts: Sequence[tuple[str, str]], cells: int) -> Row:
    row: Row = []
    for style, text in parts:
        between = " | " if row else ""
        if row and cells < len(between) + min(width(text), LEAST_CELLS):
            break
        shown = cut(text, cells - len(between))
        row += [("class:status", between), (style, shown)]
        cells -= len(between) + width(shown)
    return row


def place_at(status: Status, number: int) -> PlaceStatus | None:
    """The place with a number, from 1."""
    return status.places[number - 1] if 0 < number <= len(status.places) else None


def place_beside(status: Status, step: int) -> PlaceStatus | None:
    """The place so many steps on from the one that is shown, round in a circle."""
    ids = [place.id for place in status.places]
    if not ids:
        return None
    at = ids.index(status.here) if status.here in ids else 0
    return status.places[(at + step) % len(ids)]


def turn_to(place: PlaceStatus) -> str:
    """What is typed to turn to a place."""
    return f"/{'query' if place.private else 'join'} {place.name}"
