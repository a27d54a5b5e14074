"""Who may do what in a room.

Owns these rules, as questions that answer None or why not. Does not know how rights are given or taken
(`moderation`). Pure; used by the broker's thread alone.
"""

from __future__ import annotations

from .refusals import Refusal, no_room, not_allowed, until_when
from .roster import Room, User

OWNER, OPERATOR, NOBODY = 2, 1, 0
"""Ranks in a room; an operator of the broker stands above an owner."""


def rank(user: User, room: Room) -> int:
    """How high a user stands in a room."""
    if user.operator:
        return OWNER + 1
    return {"owner": OWNER, "operator": OPERATOR}.get(room.member(user).role, NOBODY)


def in_force(until: int | None, wall: int) -> bool:
    """Whether a ban or mute with this end holds."""
    return until is not None and (until == 0 or until > wall)


def why_not_read(user: User, room: Room) -> Refusal | None:
    """A private room does not even exist for who is no member."""
    return no_room(room.name) if room.private and not room.member(user).role else None


def why_not_enter(user: User, room: Room, wall: int) -> Refusal | None:
    """Who may read may come in, but for who is banned."""
    banned = room.member(user).banned
    if in_force(banned, wall):
        return not_allowed(f"You may not come into {room.name}{until_when(banned)}. Ask its operators.")
    return why_not_read(user, room)


def why_not_speak(user: User, room: Room, wall: int) -> Refusal | None:
    """Who may come in may speak, but for who is muted."""
    if room.is_public and user.key not in room.members:
        return None  # as nearly all are, and it is asked for each message
    muted = room.member(user).muted
    if in_force(muted, wall):
        return not_allowed(f"You may read {room.name} but not speak there{until_when(muted)}. Ask its operators.")
    return why_not_enter(user, room, wall)


def floor(user: User, room: Room) -> int:
    """The sequence up to which a user may not read: what was said before they became a member."""
    return room.member(user).since if room.private else 0
