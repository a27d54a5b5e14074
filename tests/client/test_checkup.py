"""What `zchat doctor` makes of what a broker says, or does not say."""

from __future__ import annotations

import json

import pytest
from msgspec.structs import replace

from zchat.client import checkup
from zchat.client.checkup import HEARING, PINGS, TELLING, Checkup, Finding, failed
from zchat.common import messages as m
from zchat.common.errors import BrokerUnreachable

from .test_programs import Play

REPORT = m.Report(version="1.0.0", libzmq="4.3.5", uptime=1.0, time=1)


class Visit(Play):
    """A check-up, what it found, and which ports were not heard."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self.deaf: list[int] = []

        def program(core: checkup.ClientCore) -> Checkup:
            return Checkup(core, self.findings.append, self.deaf.append, version="1.0.0", libzmq="4.3.5")

        super().__init__(program)

    @property
    def states(self) -> dict[str, str]:
        """What each check has come to."""
        return {finding.check: finding.state for finding in self.findings}

    def answer(self, *, trip: float = 0.0, report: m.Report | None = REPORT) -> None:
        """The broker answers what it is asked, each time after so many seconds."""
        answered: set[int] = set()
        for _ in range(PINGS + 1):
            self.shell.mono += trip
            for command in [*self.shell.sent(m.Ping), *self.shell.sent(m.Inspect)]:
                match command:
                    case m.Ping(ref=ref) if ref not in answered:
                        answered.add(ref)
                        self.hear(m.Pong(ref=ref))
                    case m.Inspect(ref=ref) if ref not in answered and report is not None:
                        answered.add(ref)
                        self.hear(replace(report, ref=ref))

    def turn(self, seconds: float = 0.0) -> None:
        """The clock goes on, the loop turns."""
        self.shell.mono += seconds
        self.do(self.program.tick(self.shell.now))


def test_it_ends_as_soon_as_all_is_known() -> None:
    """What is well is told so, and nothing is waited for once the last answer is there."""
    visit = Visit()
    visit.answer()
    visit.hear(m.Beacon(time=1))
    visit.turn()

    assert visit.states == dict.fromkeys(("handshake", "access", "versions", "latency", "pub"), "ok") | {
        "clock": "warn"  # this broker's clock stands still at 1970
    }
    assert visit.ended is not None
    assert visit.ended.error is None
    assert visit.deaf == []


def test_a_pub_that_is_not_heard_is_told_with_its_port() -> None:
    """It waits for three beacons, no longer."""
    visit = Visit()
    visit.answer()
    visit.turn(HEARING - 0.5)
    assert visit.ended is None
    visit.turn(1.0)

    assert visit.ended is not None
    assert visit.deaf == [5556]
    assert "pub" not in visit.states


def test_a_broker_that_does_not_know_the_question_is_older() -> None:
    """It is not waited for in vain, and that is no failure."""
    visit = Visit()
    visit.answer(report=None)
    visit.hear(m.Beacon(time=1))
    visit.turn()
    assert visit.ended is None
    visit.turn(TELLING + 0.1)

    assert visit.states["versions"] == "warn"
    assert visit.ended is not None


def test_slow_answers_are_noticed() -> None:
    """What takes long there and back is told with what it took."""
    visit = Visit()
    visit.answer(trip=0.5)

    (found,) = [finding for finding in visit.findings if finding.check == "latency"]
    assert found.state == "warn"
    assert "500.0 ms" in found.detail


@pytest.mark.parametrize(
    ("skew", "state", "words"),
    [(0, "ok", "agree"), (1_900, "ok", "agree"), (65_000, "warn", "65.0 s ahead of"), (-3_000, "warn", "3.0 s behind")],
)
def test_a_clock_that_is_off_is_noticed(skew: int, state: str, words: str) -> None:
    """The direction is that of this machine's clock."""
    found = checkup.clock(1_000_000, 1_000_000 + skew)

    assert found.state == state
    assert words in found.detail


@pytest.mark.parametrize(
    ("version", "libzmq", "state"),
    [("1.0.0", "4.3.5", "ok"), ("1.0.1", "4.3.5", "warn"), ("1.0.0", "4.3.4", "warn"), ("1.0.0", "strange", "ok")],
)
def test_versions_that_differ_are_noticed(version: str, libzmq: str, state: str) -> None:
    """Another program's version and an old libzmq are warned of, a word that is none is not."""
    found = checkup.versions("1.0.0", "4.3.5", m.Report(version=version, libzmq=libzmq, uptime=1.0, time=1))

    assert found.state == state


def test_a_finding_is_one_line_whatever_is_in_it() -> None:
    """For people nothing of others' reaches the terminal, for programs it is one object."""
    found = failed("access", BrokerUnreachable("No \x1b[2J\nlines. Mend it."))

    assert found.line.startswith("FAIL  access")
    assert found.line.isprintable()
    assert json.loads(found.json) == {
        "v": 1,
        "check": "access",
        "state": "fail",
        "detail": "No \x1b[2J\nlines. Mend it.",
    }
    assert found.error is not None
    assert found.error.exit_code == 3
