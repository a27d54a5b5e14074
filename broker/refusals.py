"""How the broker says no: the reply to a command, and the words for what storage refused.

Owns nothing but wording. Pure; any thread.
"""

from __future__ import annotations

import datetime as dt
from typing import NamedTuple

from ..common import limits, messages as m
from ..common.errors import Code
from .actions import Reply
from .history import Conflict, Missing, NotStored, Outcome, Reused, Settled


class Refusal(NamedTuple):
    """A no, and why; with `retry`, after so many seconds it may be another answer."""

    code: Code
    detail: str
    retry: float = 0.0


def no_room(name: str) -> Refusal:
    """There is none, or none for you: the answer is the same."""
    return Refusal(Code.NO_SUCH_ROOM, f"There is no room {name}. See which there are: zchat rooms, or /rooms.")


def full(rooms: int) -> Refusal:
    """The chat has all the rooms that it may have."""
    detail = f"The chat has {rooms:,} rooms, private conversations counted, and can have no more."
    return Refusal(Code.TOO_MANY, f"{detail} Use one that is there, or tell an operator.")


def no_user(nick: str) -> Refusal:
    """Nobody has this nick."""
    return Refusal(Code.NO_SUCH_USER, f"There is no user {nick}. See who is here: zchat who, or /who.")


def not_allowed(detail: str) -> Refusal:
    """This user may not."""
    return Refusal(Code.NOT_ALLOWED, detail)


def until_when(millis: int | None) -> str:
    """`` until …``, or nothing where there is no end."""
    return f" until {dt.datetime.fromtimestamp(millis / 1_000, dt.UTC):%Y-%m-%d %H:%M} UTC" if millis else ""


def why_not(outcome: Outcome) -> Refusal:
    """What a change or a question failed for."""
    match outcome:
        case Reused():
            return Refusal(Code.ID_REUSED, "This id was used for another message already. Take a new id.")
        case NotStored():
            return Refusal(Code.NOT_STORED, f"{outcome} Try again later.", limits.NOT_STORED_RETRY)
        case Missing():
            return Refusal(
                Code.NO_SUCH_MESSAGE, "There is no such message of yours. Only what was said can be deleted."
            )
        case Conflict():
            return Refusal(Code.NOT_STORED, "Somebody else changed it just now.", limits.NOT_STORED_RETRY)
    raise AssertionError(outcome)


def why_not_answer(outcome: Outcome, user: str) -> Refusal:
    """Why a question does not take the answer of this key."""
    match outcome:
        case Settled(nick=nick, choice=choice) if nick:
            return Refusal(Code.ANSWERED, f"{nick} has answered it already: {choice}. The first answer counts.")
        case Settled(asker=asker) if asker == user:
            return not_allowed("It is your own question. Somebody else has to answer it.")
        case Settled(choices=choices):
            return not_allowed(f"That is none of its choices. Choose one of: {', '.join(choices)}.")
        case Missing():
            return Refusal(Code.NO_SUCH_MESSAGE, "There is no such question here. See which there are: /history.")
    return why_not(outcome)


def refuse(identity: bytes, command: m.Command | m.Unknown, code: Code, detail: str, retry: float = 0.0) -> Reply:
    """The reply to a command; a message is known by its id, anything else by its ref."""
    ref = getattr(command, "ref", 0)
    id_ = command.id if isinstance(command, m.Say) else None
    return Reply((identity,), m.Refused(code=str(code), detail=detail, ref=ref, id=id_, retry=retry))
