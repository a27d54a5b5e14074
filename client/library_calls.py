"""Calls: what the threads of a program want of the receive thread of their client.

Owns these words, and how a call fails that was given up. Does not know what is done for them (`library_core`). Pure;
any thread.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..common import messages as m
from ..common.errors import NotAcked, TimedOut, ZchatError
from .questions import Question
from .rooms import Start

Settle = Callable[[object], None]
"""Takes what a call brings, or the `ZchatError` by which it fails."""


@dataclass(frozen=True, slots=True, eq=False)
class Reach:
    """Tell when the broker has welcomed us for the first time."""

    settle: Settle


@dataclass(frozen=True, slots=True, eq=False)
class Saying:
    """Have a message stored; brings `events.Sent`."""

    say: m.Say
    settle: Settle


@dataclass(slots=True, eq=False)
class Asking:
    """Put a question; brings the broker's answer."""

    question: Question
    settle: Settle


@dataclass(slots=True, eq=False)
class Awaiting:
    """Put a question to people; brings `events.Answer`."""

    say: m.Say
    settle: Settle
    room: str = ""
    """The id of its room, and its sequence there, once it is stored."""
    seq: int = 0
    looked: int = 0
    """Up to where the history was looked through."""
    ref: int = 0
    """Of the page that is asked for, 0 if none."""
    look_at: float = 0.0
    """When the next one is."""


@dataclass(frozen=True, slots=True, eq=False)
class Entering:
    """Follow a room."""

    room: str
    start: Start
    create: bool
    private: bool
    settle: Settle


@dataclass(frozen=True, slots=True, eq=False)
class Leaving:
    """Follow a room no more."""

    room: str
    settle: Settle


@dataclass(frozen=True, slots=True, eq=False)
class Withdrawal:
    """Nobody waits for this call any more."""

    call: Waiting


@dataclass(frozen=True, slots=True)
class More:
    """The inbox takes more again."""


@dataclass(frozen=True, slots=True)
class Close:
    """Say goodbye and end, after a short wait for acks."""

    reason: str = ""


Waiting = Reach | Saying | Asking | Awaiting | Entering | Leaving
Call = Waiting | Withdrawal | More | Close


def late(call: Waiting, trouble: ZchatError | None) -> ZchatError:
    """The error for a call that was given up, from what is known of the reason."""
    if isinstance(call, Saying) or (isinstance(call, Awaiting) and not call.seq):
        id_ = call.say.id
        why = str(trouble) if trouble is not None else "No ack came in time."
        return NotAcked(f"{why} The message may be stored or not: send it with id={id_!r}, and it is there once.", id_)
    if isinstance(call, Awaiting) and trouble is None:
        return TimedOut(f"Nobody has answered in time. Ask it again with id={call.say.id!r} to go on waiting.")
    return trouble or TimedOut("The broker did not answer in time. Try again, or allow it a longer timeout.")
