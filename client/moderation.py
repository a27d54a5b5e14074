"""What is done to somebody or their message in a room, as it is typed: ``/ban NICK [TIME] [REASON]`` becomes a `Say`.

Owns the reading of these commands. Does not know who may do it (the broker does), nor how the result is shown
(`render`). Pure; any thread.
"""

from __future__ import annotations

from ..common import names
from ..common.errors import InputError
from ..common.keys import fingerprint_of
from ..common.messages import Say
from ..common.rules import ACTS, Act, check_text
from ..common.spans import seconds_of
from . import commands

TIMED = ("ban", "mute")
"""Of `ACTS`, what may end by itself."""
REASONED = ("kick", "ban", "mute")
"""Of these, what may have a reason."""


def parse(command: str, rest: str, room: str) -> Say:
    """What a command does in a room, as a `Say` that has no id yet; raises `InputError` or `RefusedError`."""
    kind = ACTS[ACTS.index(command)]
    words = rest.split(maxsplit=1)
    if not words:
        raise InputError(f"To whom? Write {commands.find(command).usage}.")
    whom, reason = whose(words[0]), words[1] if len(words) > 1 else ""
    seconds = 0.0
    if kind in TIMED and reason:
        first, *more = reason.split(maxsplit=1)
        span = seconds_of(first)
        if span is not None:
            seconds, reason = span, more[0] if more else ""
            if not span:
                raise InputError(f"A time of {first} is none. Write 10m, 2h or 7d, or leave it out.")
    if reason and kind not in REASONED:
        raise InputError(f"/{command} takes one nick and nothing else. Write {commands.find(command).usage}.")
    return act(kind, room, whom, seconds=seconds, reason=reason)


def parse_delete(rest: str) -> str | None:
    """The nick whose last message is to be deleted, None for one's own; raises `InputError`."""
    words = rest.split()
    if len(words) > 1:
        raise InputError(f"/delete takes one nick and nothing else. Write {commands.find('delete').usage}.")
    return names.parse_nick(words[0]) if words else None


def act(kind: Act, room: str, whom: str, *, seconds: float = 0.0, reason: str = "") -> Say:
    """The `Say` that does it, without an id; raises `RefusedError` when the reason cannot be said."""
    check_text(reason, kind)
    return Say(id="", text=reason, room=room, to=whom, kind=kind, seconds=seconds)


def whose(text: str) -> str:
    """The nick or the fingerprint of somebody, who may be named by their key; raises `InputError`."""
    return fingerprint_of(text) or names.parse_nick(text)
