"""Runs the faults: one after the other for `make faults`, else some side by side, since they mostly wait."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from .checker import HEADING, Report
from .scenarios import SIZE, Size
from .several import FAULTS

SIDE_BY_SIDE = 1 if SIZE is Size.FULL else 5
"""More are no quicker on two processors, and for half a minute leave nothing to the other tests, which wait in vain."""
REPORTS = pytest.StashKey[list[Report]]()


@pytest.fixture(scope="session")
def begin(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Future[Report]]]:
    """`begin(fault)`: it is on its way to a report, and so are those that will be asked for next."""
    calls = [item.callspec.params for item in request.session.items if hasattr(item, "callspec")]
    names = [name for name in FAULTS if any(call.get("fault") == name for call in calls)]
    begun: dict[str, Future[Report]] = {}
    pool = ThreadPoolExecutor(SIDE_BY_SIDE)

    def begin(fault: str) -> Future[Report]:
        at = names.index(fault)
        for name in names[at : at + SIDE_BY_SIDE]:
            if name not in begun:
                begun[name] = pool.submit(FAULTS[name], tmp_path_factory.mktemp(name), SIZE)
        return begun[fault]

    yield begin
    pool.shutdown(cancel_futures=True)


@pytest.fixture
def report_of(begin: Callable[[str], Future[Report]], request: pytest.FixtureRequest) -> Callable[[str], Report]:
    """`report_of(fault)`: what became of it, once it is over; it goes into the table."""

    def wait(fault: str) -> Report:
        report = begin(fault).result()
        request.config.stash.setdefault(REPORTS, []).append(report)
        return report

    return wait


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """The table, for `docs/guarantees.md`."""
    reports = config.stash.get(REPORTS, [])
    if SIZE is Size.FULL and reports:
        for line in (HEADING, *map(str, reports)):
            terminalreporter.write_line(line)
