"""What a broker tells of itself, to whom, and how its last minute is measured."""

from __future__ import annotations

import pytest

from zchat.broker.actions import Log, Report
from zchat.broker.metrics import Metrics
from zchat.broker.reporting import MINUTE, Reporter, quantile
from zchat.broker.watching import TROUBLE_CHARACTERS, TROUBLES, Watch
from zchat.common import messages as m
from zchat.common.clock import Now
from zchat.common.errors import Code
from zchat.common.names import OPERATOR

from .house import House, key

FOOTPRINT = {"history_bytes": 7}


def numbers(reporter: Reporter, mono: float, seconds: float = 60.0) -> m.Numbers:
    """What an operator is told."""
    told = reporter.report(m.Inspect(seconds=seconds, ref=3), Now(mono, 5), FOOTPRINT, []).numbers
    assert told is not None
    return told


@pytest.fixture
def metrics() -> Metrics:
    """Numbers that nobody has counted yet."""
    return Metrics()


@pytest.fixture
def reporter(metrics: Metrics) -> Reporter:
    """Of a broker that started at 100 s."""
    return Reporter(metrics, "1.2.3", "4.3.5", 100.0)


def test_rates_are_those_of_the_seconds_that_are_asked_for(metrics: Metrics, reporter: Reporter) -> None:
    """Ten messages a second for a minute, then none: none lately, some in the minute, all in all."""
    for second in range(101, 161):
        metrics.messages += 10
        reporter.tick(float(second))
    for second in range(161, 171):
        reporter.tick(float(second))

    assert numbers(reporter, 170.5, seconds=5).rates["messages"] == 0.0
    assert numbers(reporter, 170.0, seconds=60).rates["messages"] == pytest.approx(500 / 60, abs=0.01)
    assert numbers(reporter, 170.5, seconds=5).totals["messages"] == 600


def test_it_tells_over_how_long_it_has_measured(reporter: Reporter) -> None:
    """Since it started, if that is not long ago, and never much longer than a minute."""
    assert numbers(reporter, 102.5).seconds == 2.5
    for second in range(101, 1_000):
        reporter.tick(float(second))
    assert numbers(reporter, 1_000.0, seconds=9_999).seconds == pytest.approx(MINUTE, abs=1.5)


def test_latencies_are_those_of_lately(metrics: Metrics, reporter: Reporter) -> None:
    """Acks that were slow a while ago do not count; what did not happen has no latency."""
    metrics.ack_seconds.observe(4.0, times=100)
    reporter.tick(101.0)
    reporter.tick(110.0)
    metrics.ack_seconds.observe(0.004, times=100)
    told = numbers(reporter, 111.0, seconds=1).latencies

    assert set(told) == {"ack"}
    assert told["ack"].count == 100
    assert 2.0 <= told["ack"].p50 <= told["ack"].p99 <= 5.0


def test_a_quantile_lies_between_the_bounds() -> None:
    """It is found as if what was counted were evenly spread; above the last bound nothing is known."""
    bounds = (1.0, 2.0, 4.0)
    assert quantile(bounds, (0, 10, 0, 0), 0.5) == 1.5
    assert quantile(bounds, (10, 0, 10, 0), 0.75) == 3.0
    assert quantile(bounds, (10, 0, 10, 0), 0.5) == 1.0
    assert quantile(bounds, (0, 0, 0, 5), 0.99) == 4.0


def test_who_is_no_operator_gets_no_numbers(reporter: Reporter) -> None:
    """Version and uptime are for everybody who is let in."""
    told = reporter.report(m.Inspect(ref=3), Now(160.0, 5), None, [])

    assert told == m.Report(version="1.2.3", libzmq="4.3.5", uptime=60.0, time=5, ref=3)


def test_the_core_knows_who_may_see_them() -> None:
    """The operator's own key and those it made operators may, others may not, and strangers get no answer at all."""
    house = House()
    house.enter("alice", OPERATOR)
    question = m.Inspect(ref=4)

    def told(user: str) -> list[bool]:
        actions = house.core.handle(user.encode(), house.frame(user, None).user, question, house.now)
        return [action.numbers for action in actions if isinstance(action, Report)]

    assert key("alice") == house.frame("alice", None).user
    assert (told("alice"), told(OPERATOR), told("stranger")) == ([False], [True], [])
    house.ask(OPERATOR, m.Admin(verb="op", target="alice", ref=5), m.Administered)
    assert told("alice") == [True]
    assert house.refused("stranger", question) == Code.HELLO_FIRST


def test_the_last_warnings_are_kept() -> None:
    """So many of them, cut, in one line each; the same again stands there once, and not what is only told."""
    watch = Watch(lambda _: ("k", "bob"))
    for number in range(TROUBLES + 5):
        watch.replied(m.Refused(code=f"code{number}", detail="x\n" * 500), (b"b",), 1, 0.0)
    watch.dropped(b"b")
    watch.tick(0.0)
    watch.dropped(b"b")
    watch.tick(0.0)
    watch.replied(m.Presence(room="lobby", nick="bob", key="k", change="joined", time=1), (b"b",), 1, 0.0)

    assert len(watch.troubles) == TROUBLES
    assert [trouble.event for trouble in watch.troubles] == ["refused"] * (TROUBLES - 1) + ["slow_reader"]
    assert all(len(trouble.text) <= TROUBLE_CHARACTERS and "\n" not in trouble.text for trouble in watch.troubles)


def test_a_fault_is_told_without_what_was_said() -> None:
    """A traceback may hold a message; operators who do not have the log learn only that there was a fault."""
    watch = Watch(lambda _: ("", ""))
    watch.logged(Log("Traceback: secret words", True, "fault"))

    assert [(trouble.event, "secret" in trouble.text) for trouble in watch.troubles] == [("fault", False)]
