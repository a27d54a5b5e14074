"""Questions that have no answer yet.

Owns the rule that a question is repeated until it is answered or refused, and puts together answers that come in
parts. Does not know what is asked. Pure; used by the receive thread alone.
"""

from __future__ import annotations

from dataclasses import dataclass

from msgspec.structs import replace

from ..common.limits import REQUEST_AFTER
from ..common.messages import (
    Absence,
    Admin,
    Administered,
    Away,
    Event,
    Inspect,
    Matches,
    Page,
    Ping,
    Pong,
    Rename,
    Renamed,
    Replay,
    Report,
    RoomList,
    Rooms,
    Roster,
    Search,
    Who,
)

Question = Who | Rooms | Replay | Search | Ping | Rename | Away | Inspect | Admin
"""What has a ref, and may be said twice: to be called so, or to ban somebody, again changes nothing."""
AnswerEvent = Roster | RoomList | Page | Matches | Pong | Renamed | Absence | Report | Administered


@dataclass(slots=True)
class _Open:
    question: Question
    again_at: float
    """When it is to be asked again, in monotonic seconds."""
    put_off: bool = False
    so_far: Roster | RoomList | None = None


class Questions:
    """What a program wants to know, by ref."""

    def __init__(self) -> None:
        self._open: dict[int, _Open] = {}

    def __len__(self) -> int:
        return len(self._open)

    def add(self, question: Question, now: float) -> None:
        """Keep a question, which has a ref."""
        self._open[question.ref] = _Open(question, now + REQUEST_AFTER)

    def __contains__(self, ref: int) -> bool:
        return ref in self._open

    def put_off(self, ref: int, again_at: float) -> Question | None:
        """A question will be answered later: ask again then; the question when that is said for the first time."""
        found = self._open[ref]
        found.again_at = again_at
        was, found.put_off = found.put_off, True
        return None if was else found.question

    def remove(self, ref: int) -> Question | None:
        """A question was refused; None when it is not open."""
        found = self._open.pop(ref, None)
        return found.question if found is not None else None

    def answer(self, reply: AnswerEvent) -> tuple[Question, Event] | None:
        """A reply came: the question with its whole answer, or None while parts are missing or nothing was asked."""
        found = self._open.get(reply.ref)
        if found is None:
            return None
        if isinstance(reply, Roster | RoomList):
            whole = _joined(found.so_far, reply)
            if whole is None or whole.more:
                # A part was lost on the way: the question will be asked again.
                found.so_far = whole or found.so_far
                return None
            reply = whole
        del self._open[reply.ref]
        return found.question, reply

    def due(self, now: float, *, again: bool = False) -> list[Question]:
        """What must be asked now: unanswered for too long, or all of it after a reconnection."""
        due = [each for each in self._open.values() if again or now > each.again_at]
        for each in due:
            each.again_at, each.so_far = now + REQUEST_AFTER, None
        return [each.question for each in due]


def _joined(so_far: Roster | RoomList | None, part: Roster | RoomList) -> Roster | RoomList | None:
    """What is known with this part; None when it does not continue what is known."""
    if part.start == 0:
        return part
    if isinstance(part, Roster) and isinstance(so_far, Roster) and part.start == len(so_far.users):
        return replace(part, users=so_far.users + part.users, start=0)
    if isinstance(part, RoomList) and isinstance(so_far, RoomList) and part.start == len(so_far.rooms):
        return replace(part, rooms=so_far.rooms + part.rooms, start=0)
    return None
