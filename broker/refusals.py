"""How the broker says no: the reply to a command, and the words for what storage refused.

Owns nothing but wording. Pure; any thread.
"""

from __future__ import annotations

from ..common import messages as m
from ..common.errors import Code
from .actions import Reply
from .history import NotStored, Outcome, Reused


def no_room(name: str) -> str:
    return f"There is no room {name}. See the rooms with rooms."


def why_not(outcome: Outcome) -> tuple[Code, str]:
    match outcome:
        case Reused():
            return Code.ID_REUSED, "This id was used for another message already. Take a new id."
        case NotStored():
            return Code.NOT_STORED, f"{outcome} Try again later."
    raise AssertionError(outcome)


def refuse(identity: bytes, command: m.Command | m.Unknown, code: Code, detail: str) -> Reply:
    if isinstance(command, m.Say):
        return refuse_say(identity, command, code, detail)
    return Reply((identity,), m.Refused(code=str(code), detail=detail, ref=getattr(command, "ref", 0)))


def refuse_say(identity: bytes, say: m.Say, code: Code, detail: str) -> Reply:
    return Reply((identity,), m.Refused(code=str(code), detail=detail, id=say.id))
