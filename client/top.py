"""``zchat top``: asks the broker how it is, again and again, and what its rooms do meanwhile.

Owns when to ask, and how all of it stands on a screen of any size. Does not know the terminal (`top_screen`). Pure;
used by the receive thread, `view` by the one that draws.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest

from ..common import messages as m
from ..common.clock import Now
from ..common.errors import Code, RefusedError
from ..common.text import clean, cut, width, wrap
from . import reports
from .actions import Action, Answer, Connected, Disconnected, End, Notice, Print, TurnedAway
from .core import ClientCore
from .programs import Quiet
from .render import duration

EVERY = 1.0
"""Seconds from one question to the next."""
LATELY = 5.0
"""Seconds over which rates and latencies are wanted."""
ROOMS_EVERY = 5.0
TALL = 34
"""Rows from which on there is room for details."""
SIDE_BY_SIDE = 76
"""Columns from which on the two tables stand beside each other."""


@dataclass(frozen=True, slots=True)
class RoomLoad:
    """How much is said in a room."""

    room: str
    online: int
    seq: int
    rate: float


@dataclass(frozen=True, slots=True)
class Picture:
    """All that is known at one moment."""

    broker: str = ""
    place: str = ""
    report: m.Report | None = None
    rooms: tuple[RoomLoad, ...] = ()
    gone: str = ""
    """Why the broker is not there; "" while it is."""


class Top(Quiet):
    """Asks until it is ended; `show` gets each new picture and returns what is to be printed."""

    def __init__(
        self, core: ClientCore, place: str, show: Callable[[Picture], Sequence[str]], *, timeout: float | None = None
    ) -> None:
        super().__init__(core, timeout=timeout)
        self._show = show
        self._picture = Picture(place=place)
        self._ask_at: float | None = None
        """When the next question is due; None while one is open, or nobody is there."""
        self._rooms_at = 0.0
        self._counted_at: float | None = None
        """When the rooms' entries were counted last."""

    @property
    def persistent(self) -> bool:
        """It waits for the broker to come back."""
        return True

    @property
    def wants_input(self) -> bool:
        """To hear when it is to end."""
        return True

    def end_of_input(self, now: Now) -> list[Action]:
        """Whoever looked has seen enough."""
        return [*self.core.leave(), End()]

    def notice(self, notice: Notice, now: Now) -> list[Action]:
        """What has become of the broker, and its answers."""
        match notice:
            case Connected(welcome, again):
                self._picture = replace(self._picture, broker=welcome.broker, gone="")
                self._ask_at = now.mono if not again else self._ask_at
                self._counted_at = None
                return self._ask(now)
            case Disconnected(reason):
                return self._change(gone=reason or "the connection broke")
            case TurnedAway(error):
                return self._change(gone=str(error))
            case Answer(event=m.Report() as report) if report.numbers is None:
                detail = "Only operators of the broker may see its numbers. Use the broker's own account, or --key."
                return [*self.core.leave(), End(RefusedError(Code.NOT_ALLOWED, detail))]
            case Answer(event=m.Report() as report):
                return self._change(report=report)
            case Answer(event=m.RoomList(rooms=rooms)):
                self._picture = replace(self._picture, rooms=self._loads(rooms, now))
                return []
        return super().notice(notice, now)

    def tick(self, now: Now) -> list[Action]:
        """Ask again when it is time."""
        return [*self._ask(now), *super().tick(now)]

    def _ask(self, now: Now) -> list[Action]:
        if not self.core.live or self.core.asking or self._ask_at is None or now.mono < self._ask_at:
            return []
        self._ask_at = now.mono + EVERY
        actions: list[Action] = []
        if now.mono >= self._rooms_at:
            self._rooms_at = now.mono + ROOMS_EVERY
            actions += self.core.ask(m.Rooms(), now)
        return actions + self.core.ask(m.Inspect(seconds=LATELY), now)

    def _loads(self, rooms: Sequence[m.RoomInfo], now: Now) -> tuple[RoomLoad, ...]:
        """The rooms, those first in which most is said."""
        before = {load.room: load.seq for load in self._picture.rooms}
        span = now.mono - self._counted_at if self._counted_at is not None else 0.0
        self._counted_at = now.mono
        loads = [
            RoomLoad(
                room.room,
                room.online,
                room.seq,
                max(0, room.seq - before.get(room.room, 0)) / span if span else 0.0,
            )
            for room in rooms
        ]
        return tuple(sorted(loads, key=lambda load: (-load.rate, -load.online, -load.seq, load.room)))

    def _change(self, *, report: m.Report | None = None, gone: str | None = None) -> list[Action]:
        self._picture = replace(
            self._picture,
            report=report or self._picture.report,
            gone=self._picture.gone if gone is None else gone,
        )
        return [Print(line) for line in self._show(self._picture)]


def view(picture: Picture, columns: int, rows: int) -> list[str]:
    """The picture in so many columns and rows, at most; every row is clean and fits."""
    report = picture.report
    hint = "  (q ends)"
    title = f"{clean(picture.broker)} at {picture.place}".lstrip()
    gone = wrap(f"The broker is gone ({clean(picture.gone)}). Trying to get back.", columns) if picture.gone else []
    if report is None or report.numbers is None:
        return [cut(line, columns) for line in [title + hint, *(gone or ["Waiting for its first answer."])]][:rows]
    numbers = report.numbers
    title = cut(f"{title}, zchat {clean(report.version)}, up {duration(report.uptime)}", columns - len(hint)) + hint
    head = [title, *gone, *(line for each in reports.state_lines(numbers) for line in wrap(each, columns)), ""]
    head += _beside(reports.traffic_lines(numbers, brief=rows < TALL), reports.latency_lines(numbers), columns)
    refusals = reports.refusal_line(numbers)
    troubles = [line for trouble in reversed(numbers.troubles) for line in wrap(reports.trouble_line(trouble), columns)]
    if refusals:
        head += ["", *wrap(refusals, columns)]
    left = max(0, rows - len(head) - 2)
    for_troubles = min(len(troubles), left // 2)
    rooms = _room_lines(picture.rooms, columns, max(0, left - for_troubles - (for_troubles > 0) - 1))
    lines = [*head, *(["", *rooms] if rooms else [])]
    if for_troubles:
        lines += ["", "last warnings, the newest first", *troubles][: for_troubles + 2]
    return [cut(line, columns) for line in lines[:rows]]


def plain(picture: Picture) -> list[str]:
    """The picture as one line, for where there is no screen."""
    if picture.gone:
        return [f"The broker is gone ({clean(picture.gone)}). Trying to get back."]
    report = picture.report
    return [reports.short_line(report)] if report is not None else []


def _beside(left: Sequence[str], right: Sequence[str], columns: int) -> list[str]:
    if columns < SIDE_BY_SIDE:
        return [*left, "", *right]
    size = max(map(width, left)) + 4
    return [(a.ljust(size) + b).rstrip() for a, b in zip_longest(left, right, fillvalue="")]


def _room_lines(rooms: Sequence[RoomLoad], columns: int, count: int) -> list[str]:
    if not rooms or count < 2:
        return []
    shown, numbers = rooms[: count - 1], len(" online   a second       in all")
    names = max(8, min(columns - numbers, max(len("room"), *(width(clean(load.room)) for load in shown)) + 2))
    lines = [f"{'room'.ljust(names)}{'online':>7}{'a second':>11}{'in all':>13}"]
    for load in shown:
        name = cut(clean(load.room), names - 1)
        padded = name + " " * (names - width(name))
        lines.append(f"{padded}{load.online:>7,}{load.rate:>11,.1f}{load.seq:>13,}")
    return lines
