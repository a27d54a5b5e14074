"""Questions that have no answer yet.

Owns the rule that a question is repeated until it is answered or refused, and puts together answers that come in
parts. Does not know what is asked. Pure; used by the receive thread alone.
"""

from __future__ import annotations

from dataclasses import dataclass

from msgspec.structs import replace

from ..common.limits import REQUEST_AFTER
from ..common.messages import Event, Page, Ping, Pong, Replay, RoomList, Rooms, Roster, Who

Question = Who | Rooms | Replay | Ping
Reply = Roster | RoomList | Page | Pong


@dataclass(slots=True)
class _Open:
    question: Question
    asked: float
    """When it was last asked, in monotonic seconds."""
    so_far: Roster | RoomList | None = None


class Questions:
    """What a program wants to know, by ref."""

    def __init__(self) -> None:
        self._open: dict[int, _Open] = {}

    def __len__(self) -> int:
        return len(self._open)

    def add(self, question: Question, now: float) -> None:
        """Keep a question, which has a ref."""
        self._open[question.ref] = _Open(question, now)

    def remove(self, ref: int) -> Question | None:
        """A question was refused; None when it is not open."""
        found = self._open.pop(ref, None)
        return found.question if found is not None else None

    def answer(self, reply: Reply) -> tuple[Question, Event] | None:
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
        due = [each for each in self._open.values() if again or now - each.asked > REQUEST_AFTER]
        for each in due:
            each.asked, each.so_far = now, None
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
