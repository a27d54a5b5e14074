"""How the broker says no: the reply to a command, and the words for what storage refused.

Owns nothing but wording. Pure; any thread.
"""

from __future__ import annotations

from typing import NamedTuple

from ..common import messages as m
from ..common.errors import Code
from .actions import Reply
from .history import NotStored, Outcome, Reused


class Refusal(NamedTuple):
    """A no, and why."""

    code: Code
    detail: str


def no_room(name: str) -> Refusal:
    """There is none, or none for you: the answer is the same."""
    return Refusal(Code.NO_SUCH_ROOM, f"There is no room {name}. See which there are: zchat rooms, or /rooms.")


def no_user(nick: str) -> Refusal:
    """Nobody has this nick."""
    return Refusal(Code.NO_SUCH_USER, f"There is no user {nick}. See who is here: zchat who, or /who.")


def why_not(outcome: Outcome) -> Refusal:
    """What a change or a question failed for."""
    match outcome:
        case Reused():
            return Refusal(Code.ID_REUSED, "This id was used for another message already. Take a new id.")
        case NotStored():
            return Refusal(Code.NOT_STORED, f"{outcome} Try again later.")
    raise AssertionError(outcome)


def refuse(identity: bytes, command: m.Command | m.Unknown, code: Code, detail: str) -> Reply:
    """The reply to a command."""
    if isinstance(command, m.Say):
        return refuse_say(identity, command, code, detail)
    return Reply((identity,), m.Refused(code=str(code), detail=detail, ref=getattr(command, "ref", 0)))


def refuse_say(identity: bytes, say: m.Say, code: Code, detail: str) -> Reply:
    """The reply to a message."""
    return Reply((identity,), m.Refused(code=str(code), detail=detail, id=say.id))
