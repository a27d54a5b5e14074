"""Who is away, though here: what a user says of themself, as long as any session of theirs lives.

Owns this state's coming and going. Does not know who asks for it (`questions`). Pure; used by the broker's thread
alone.
"""

from __future__ import annotations

from ..common import limits, messages as m
from ..common.clock import Now
from . import rights
from .actions import Action, Reply
from .rooms import announce
from .roster import Session, User


def away(session: Session, command: m.Away, now: Now) -> list[Action]:
    """`Away`: told to all sessions of the user and to their rooms, with their word for it where they may speak."""
    text = command.text[: limits.REASON_CHARACTERS] if command.away else ""
    session.user.away_said = max(session.user.away_said + 1, now.wall)
    return tell_away(session.user, text if command.away else None, now, session, command.ref)


def tell_away(user: User, away: str | None, now: Now, session: Session | None = None, ref: int = 0) -> list[Action]:
    """A user is away, with this word for it, or back; `session` is answered in any case."""
    before, user.away, text = user.away, away, away or ""
    actions: list[Action] = [
        Reply((other.identity,), m.Absence(away=away is not None, text=text, ref=ref if other is session else 0))
        for other in user.sessions
        if other.identity and (other is session or user.away != before)
    ]
    if user.away == before:
        return actions
    rooms = {room.id: room for other in user.sessions for room in other.rooms.values()}
    for room in rooms.values():
        if user in room.present and not room.is_direct:
            silent = rights.why_not_speak(user, room, now.wall)
            change = "back" if away is None else "away"
            actions.append(announce(room, user, change, now, reason="" if silent else text))
    return actions
