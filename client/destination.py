"""Where typed text goes: the current room, or one person.

Owns that choice and what changes it. Does not know what is typed nor what is told (`speaking`, `chat`). Pure; used
by the receive thread alone.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..common import names
from ..common.errors import InputError


class Destination:
    """Where one chat's typed text goes: at first to `first_room`, once we are in it."""

    def __init__(self, first_room: str) -> None:
        self._first_room = first_room
        self.room: str | None = None
        """The current room, unless there is a `partner`."""
        self.partner: str | None = None
        self.last_partner: str | None = None
        """Who last wrote privately."""
        self.turn_to: str | None = names.fold(first_room)
        """The id of the room that becomes the current one when we are in it."""

    def __str__(self) -> str:
        if self.partner is not None:
            return f"-> {self.partner}"
        if self.room is None and self.turn_to is not None:
            return self._first_room
        return self.room or "no room"

    @property
    def is_somewhere(self) -> bool:
        """Whether what is typed now has a place to go to, or is known to have none."""
        return self.room is not None or self.partner is not None or self.turn_to is None

    @property
    def current_room(self) -> str:
        """The room we are in; raises `InputError` when there is none."""
        if self.room is None:
            raise InputError("You are in no room. Enter one with /join ROOM.")
        return self.room

    @property
    def target(self) -> tuple[str | None, str | None]:
        """The room, or None and the person; raises `InputError` when there is neither."""
        return (None, self.partner) if self.partner is not None else (self.current_room, None)

    def is_in(self, room: str) -> bool:
        """Whether this is the current room, by its name or id."""
        return self.room is not None and names.fold(self.room) == names.fold(room)

    def entering(self, room: str) -> None:
        """We asked to be let in, and mean what is typed next for that room."""
        self.partner, self.room, self.turn_to = None, room, names.fold(room)

    def entered(self, id_: str, name: str) -> None:
        """We are in a room."""
        if self.turn_to == id_:
            self.room, self.turn_to = name, None

    def left(self, room: str, others: Sequence[str]) -> bool:
        """We are in a room no more; True when that was the current one, instead of which it is one of the others."""
        if self.turn_to == names.fold(room):
            self.turn_to = None
        was_current = self.is_in(room)
        if was_current:
            self.room = next(iter(others), None)
        return was_current

    def renamed(self, old: str, new: str) -> None:
        """Who is called differently is still who we talk with."""
        self.partner, self.last_partner = (
            new if nick is not None and names.fold(nick) == names.fold(old) else nick
            for nick in (self.partner, self.last_partner)
        )


def place_of(room: str | None, partner: str | None) -> str:
    """One word for a room or a person that something is said to."""
    return names.fold(room) if room is not None else f"{names.PRIVATE_MARK}{names.fold(partner or '')}"
