"""Runs the faults: one after the other for `make faults`, else all at once, since they mostly wait."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from .checker import HEADING, Report
from .scenarios import SIZE, Size
from .several import FAULTS

REPORTS = pytest.StashKey[list[Report]]()


@pytest.fixture(scope="session")
def running(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Future[Report]]]:
    """The faults that tests of this session ask for, each on its way to a report."""
    calls = [item.callspec.params for item in request.session.items if hasattr(item, "callspec")]
    names = [name for name in FAULTS if any(call.get("fault") == name for call in calls)]
    pool = ThreadPoolExecutor(1 if SIZE is Size.FULL else len(names))
    yield {name: pool.submit(FAULTS[name], tmp_path_factory.mktemp(name), SIZE) for name in names}
    pool.shutdown(cancel_futures=True)


@pytest.fixture
def report_of(running: dict[str, Future[Report]], request: pytest.FixtureRequest) -> Callable[[str], Report]:
    """`report_of(fault)`: what became of it, once it is over; it goes into the table."""

    def wait(fault: str) -> Report:
        report = running[fault].result()
        request.config.stash.setdefault(REPORTS, []).append(report)
        return report

    return wait


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """The table, for `docs/guarantees.md`."""
    reports = config.stash.get(REPORTS, [])
    if SIZE is Size.FULL and reports:
        for line in (HEADING, *map(str, reports)):
            terminalreporter.write_line(line)
