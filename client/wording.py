"""What a chat tells its user about the broker, rooms and people, in words.

Owns these sentences. Does not know when they are told (`chat`) nor how entries look (`render`). What comes from
others is cleaned where the sentence is shown. Pure; any thread.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..common.messages import Entered, Say
from ..common.names import PRIVATE_MARK
from .render import duration

LONGEST_HISTORY = 500
"""The most that ``/history`` shows."""
NO_ROOM = "You are in no room now; enter one with /join ROOM."


def messages(count: int) -> str:
    """``1 message`` or ``7 messages``."""
    return "1 message" if count == 1 else f"{count} messages"


def gone(reason: str, waiting: int) -> str:
    """The broker is lost."""
    rest = f" {messages(waiting)} will be sent then." if waiting else ""
    return f"The broker is gone ({reason}). Trying to get back.{rest}"


def held(detail: str, waiting: int) -> str:
    """The broker is there, but takes no messages."""
    wait = "1 message waits" if waiting == 1 else f"{messages(waiting)} wait"
    return f"The broker takes no messages for the moment ({detail.rstrip('.')}). {wait}."


def away(is_away: bool, text: str) -> str:
    """We count as away, or as back."""
    if not is_away:
        return "You are back."
    return f"You are away ({text}). Come back with /back." if text else "You are away. Come back with /back."


def partner_away(nick: str, text: str) -> str:
    """Who we have written to said that they are away."""
    return f"{nick} is away ({text}); the message waits for them." if text else away_without_word(nick)


def away_without_word(nick: str) -> str:
    """Who we have written to is away, or not here at all."""
    return f"{nick} is away; the message waits for them."


def not_deleted(nick: str, room: str) -> str:
    """The broker finds no message of another's that we may delete."""
    return f"The message of {nick} was not deleted: only operators of {room} may do that, unless it is gone already."


def joined(entered: Entered, name: str, others: Sequence[str], again: str = "") -> str:
    """We are in a room; `again` shows what was not seen yet, if there is such a command."""
    people = f"with {_some(others)}" if others else "alone so far"
    topic = f" Topic: {entered.topic}" if entered.topic else ""
    return f"You joined {name}{_standing(entered)}, {people}.{_unread(entered, again)}{topic}"


def _unread(entered: Entered, again: str) -> str:
    """What was not seen yet and does not come by itself, for who has been here before."""
    if entered.read is None or not entered.read < entered.after:
        return ""
    count = entered.head - entered.read
    shown = min(count, LONGEST_HISTORY)
    which = "it" if count == 1 else "them" if again or count == shown else f"the last {shown}"
    return f" {count} unread message{'' if count == 1 else 's'}; see {which} with {again or f'/history {shown}'}."


def _standing(entered: Entered) -> str:
    """What is special about the room and our role in it."""
    roles = {"owner": "you are its owner", "operator": "you are an operator of it", "member": "you are a member"}
    special = [*(["private"] if entered.private else []), *filter(None, [roles.get(entered.role, entered.role)])]
    return f" ({'; '.join(special)})" if special else ""


def _some(nicks: Sequence[str]) -> str:
    shown = ", ".join(nicks[:10])
    return shown if len(nicks) <= 10 else f"{shown} and {len(nicks) - 10} more"


def turned(room: str | None) -> str:
    """Where we are once a room is left."""
    return f"You are in {room} now." if room else NO_ROOM


def removed(room: str, reason: str) -> str:
    """We were put out of a room."""
    why = reason.rstrip(".")
    return f"You were removed from {room} ({why})." if why else f"You were removed from {room}."


def restarted(room: str) -> str:
    """A room's history is another one."""
    return f"The history of {_place(room)} was replaced; it is shown from its beginning."


def not_kept(room: str, count: int) -> str:
    """Entries that we have not seen were removed because of their age or number."""
    older = "1 older message" if count == 1 else f"{count} older messages"
    return f"{older} of {_place(room)} {'is' if count == 1 else 'are'} no longer kept."


def _place(room: str) -> str:
    return "a private conversation" if room.startswith(PRIVATE_MARK) else room


def invited(nick: str, name: str) -> str:
    """Somebody lets us into a private room."""
    return f"{nick} invites you to the private room {name}. Enter it with /join {name}."


def notices(which: str) -> str:
    """Which comings and goings are shown."""
    return {
        "all": "Everybody's coming and going is shown.",
        "smart": "Coming and going is shown of those who said something lately.",
        "none": "Nobody's coming and going is shown.",
    }[which]


def done(say: Say) -> str:
    """What an operator's command did in a room."""
    whom, span = say.to or "", f" for {duration(say.seconds)}" if say.seconds else ""
    sentence = {
        "kick": f"{whom} was put out of",
        "ban": f"{whom} is banned{span} from",
        "unban": f"{whom} is not banned any more from",
        "mute": f"{whom} is muted{span} in",
        "unmute": f"{whom} may speak again in",
        "op": f"{whom} is an operator of",
        "deop": f"{whom} is not an operator any more of",
    }[say.kind]
    return f"{sentence} {say.room}."
