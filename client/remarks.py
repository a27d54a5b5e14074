"""What is told of one's own messages below them: nobody got it, somebody is away.

Owns that it waits until the message itself is shown, but not for long. Does not know what is said (`chat`). Pure; used
by the receive thread alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

PATIENCE = 1.0
"""Seconds after which a remark is told, though its message is not shown yet."""


@dataclass(frozen=True, slots=True)
class _Remark:
    text: str
    room: str
    seq: int
    until: float


class Remarks:
    """Those that wait."""

    def __init__(self) -> None:
        self._waiting: list[_Remark] = []

    def add(self, text: str, room: str, seq: int, now: float) -> None:
        """Something is to be told of the message that stands there; `now` is in monotonic seconds."""
        self._waiting.append(_Remark(text, room, seq, now + PATIENCE))

    def below(self, room: str, seq: int) -> list[str]:
        """This message is shown: what is told now."""
        return self._take(lambda remark: remark.room == room and remark.seq <= seq)

    def overdue(self, now: float) -> list[str]:
        """What has waited long enough."""
        return self._take(lambda remark: remark.until <= now)

    def rest(self) -> list[str]:
        """All that waits."""
        return self._take(lambda _: True)

    def _take(self, due: Callable[[_Remark], bool]) -> list[str]:
        taken = [remark for remark in self._waiting if due(remark)]
        self._waiting = [remark for remark in self._waiting if remark not in taken]
        return [remark.text for remark in taken]
