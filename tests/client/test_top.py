"""`zchat top` without a terminal: when it asks, and how what it hears stands on screens of any size."""

from __future__ import annotations

import dataclasses
import json

import pytest
from msgspec.structs import replace

from zchat.client import reports
from zchat.client.top import LATELY, ROOMS_EVERY, Picture, RoomLoad, Top, plain, view
from zchat.common import messages as m
from zchat.common.errors import RefusedError
from zchat.common.text import clean, width

from .test_programs import Play

NUMBERS = m.Numbers(
    seconds=5.0,
    gauges={"users": 1, "sessions": 12, "rooms": 3, "connections": 12, "listeners": 11, "history_bytes": 5_300_000},
    totals={"messages": 1_234_567, "deliveries": 2, "frames_sent": 3, "dropped": 0},
    rates={"messages": 98.76, "deliveries": 0.2, "frames_sent": 0.0, "dropped": 0.0},
    latencies={"ack": m.Latency(p50=1.25, p99=8.0, count=4)},
    refusals={"too_fast": 3, "bad\x1b[2Jcode": 1},
    troubles=[
        m.Trouble(time=0, event="refused", text="\x1b]0;evil\x07 Борис 🐙 was refused"),
        m.Trouble(time=60_000, event="slow_reader", text="the newest " + "long " * 80),
    ],
)
REPORT = m.Report(version="1.0.0", libzmq="4.3.5", uptime=90_061.0, time=1_767_225_600_000, numbers=NUMBERS, ref=1)
ROOMS = (RoomLoad("Раздевалка-с-очень-длинным-именем", 3, 70, 2.5), RoomLoad("lobby", 1, 5, 0.0))
BARE = replace(REPORT, numbers=None)
"""What everybody is told."""
PICTURE = Picture("лаба 🐙\x1b[1m", "127.0.0.1:5555", REPORT, ROOMS)


class Watching(Play):
    """The program, and the pictures it has shown."""

    def __init__(self) -> None:
        self.pictures: list[Picture] = []

        def show(picture: Picture) -> list[str]:
            self.pictures.append(picture)
            return []

        self.seq = 10
        """The last entry of the only room."""
        super().__init__(lambda core: Top(core, "127.0.0.1:5555", show))

    def asked(self, kind: type[m.Command]) -> list[m.Command]:
        """What was asked since this was last looked at."""
        found = self.shell.sent(kind)
        self.shell.actions = []
        return found

    def answer(self, report: m.Report = REPORT) -> None:
        """The broker answers all that is open."""
        for action in list(self.shell.actions):
            match getattr(action, "command", None):
                case m.Inspect(ref=ref):
                    self.hear(replace(report, ref=ref))
                case m.Rooms(ref=ref):
                    self.hear(m.RoomList(rooms=[m.RoomInfo(room="lobby", online=1, topic="", seq=self.seq)], ref=ref))

    def pass_time(self, seconds: float) -> None:
        """The clock goes on, the loop turns."""
        self.shell.mono += seconds
        self.do(self.program.tick(self.shell.now))


def test_it_asks_each_second_and_not_before_it_has_an_answer() -> None:
    """A broker that is slow is not asked twice; one that answers is asked a second later."""
    play = Watching()
    (first,) = play.shell.sent(m.Inspect)
    assert isinstance(first, m.Inspect)
    assert first.seconds == LATELY
    play.pass_time(2.0)
    assert len(play.shell.sent(m.Inspect)) == 1
    play.answer()
    play.shell.actions = []
    play.pass_time(0.5)
    assert len(play.asked(m.Inspect)) == 1
    assert play.pictures[-1].report is not None


def test_rooms_tell_how_fast_they_grow() -> None:
    """What was said between two lists is a rate; rooms are asked for less often."""
    play = Watching()
    play.answer()
    play.shell.actions = []
    play.pass_time(ROOMS_EVERY)
    play.seq = 60
    assert len(play.shell.sent(m.Rooms)) == 1
    play.answer()

    (load,) = play.pictures[-1].rooms
    assert load == RoomLoad("lobby", 1, 60, 50 / ROOMS_EVERY)


def test_it_stays_when_the_broker_goes() -> None:
    """The picture says why it is gone, and what was known stays."""
    play = Watching()
    play.answer()
    play.do(play.shell.core.lost("it does not answer", play.shell.now))

    assert play.ended is None
    assert play.pictures[-1].gone == "it does not answer"
    assert any("The broker is gone (it does not answer)" in line for line in view(play.pictures[-1], 80, 24))
    assert plain(play.pictures[-1]) == ["The broker is gone (it does not answer). Trying to get back."]


def test_who_is_no_operator_is_told_so() -> None:
    """It ends with code 4 instead of showing nothing."""
    play = Watching()
    play.answer(BARE)

    assert play.ended is not None
    assert isinstance(play.ended.error, RefusedError)
    assert play.ended.error.exit_code == 4


@pytest.mark.parametrize("gone", ["", "the connection broke"])
@pytest.mark.parametrize("rows", [1, 5, 24, 60])
@pytest.mark.parametrize("columns", [24, 40, 80, 200])
def test_every_size_is_kept(columns: int, rows: int, gone: str) -> None:
    """No row is wider than the screen, none is too many, and nothing of others' does anything to a terminal."""
    lines = view(dataclasses.replace(PICTURE, gone=gone), columns, rows)

    assert 0 < len(lines) <= rows
    assert all(width(line) <= columns for line in lines)
    assert [clean(line) for line in lines] == lines


def test_what_matters_is_on_a_small_screen() -> None:
    """40 columns and 24 rows have rates, latencies, refusals and the newest warning first."""
    lines = view(PICTURE, 40, 24)

    assert any("messages in" in line and "98.8" in line and "1,234,567" in line for line in lines)
    assert any("acks" in line and "1.2 ms" in line and "8.0 ms" in line for line in lines)
    assert any(line.startswith("refused: too_fast 3") for line in lines)
    assert any("the newest" in line for line in lines)
    assert "1 user, 12 sessions, 3 rooms" in lines


def test_a_large_screen_has_all_of_it() -> None:
    """Tables beside each other, details, the rooms, the warnings."""
    lines = view(PICTURE, 200, 60)

    assert any("messages in" in line and "acks" in line for line in lines)
    assert any("frames to one" in line for line in lines)
    assert any("Раздевалка-с-очень-длинным-именем" in line and "2.5" in line for line in lines)
    assert any("Борис 🐙" in line for line in lines)


def test_before_the_first_answer_it_says_that_it_waits() -> None:
    """An empty screen would look like a fault."""
    assert view(Picture(place="127.0.0.1:5555"), 80, 24)[1] == "Waiting for its first answer."
    assert plain(Picture(place="127.0.0.1:5555")) == []


def test_a_broker_that_stores_nothing_is_seen_at_once() -> None:
    """It stands above everything else, and in the plain line."""
    report = replace(REPORT, numbers=replace(NUMBERS, storing=False))
    assert "NOTHING CAN BE STORED" in view(dataclasses.replace(PICTURE, report=report), 40, 24)[1]
    assert plain(dataclasses.replace(PICTURE, report=report))[0].endswith("NOTHING CAN BE STORED")


def test_the_object_has_all_keys() -> None:
    """Also those that have their default, and null for numbers that are not told."""
    told = json.loads(reports.report_json(REPORT, "attic", "127.0.0.1:5555"))
    bare = json.loads(reports.report_json(BARE, "attic", "127.0.0.1:5555"))

    assert set(told["numbers"]) == set(m.Numbers.__struct_fields__)
    assert told["numbers"]["latencies"]["ack"] == {"p50": 1.25, "p99": 8.0, "count": 4}
    assert told["numbers"]["troubles"][1]["time"] == "1970-01-01T00:01:00.000Z"
    assert told["time"] == "2026-01-01T00:00:00.000Z"
    assert bare["numbers"] is None
    assert set(bare) == set(told)
