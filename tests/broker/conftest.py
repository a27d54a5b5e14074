"""Every history that there is: those of the broker, and that of the simulation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from zchat.broker.history import History
from zchat.broker.postgres import PostgresHistory
from zchat.broker.sqlite import SqliteHistory

from ..simulation.disk import Disk
from ..simulation.store import MemoryHistory


@pytest.fixture(params=["sqlite", "postgres", "memory"])
def reopen(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Callable[[], History]]:
    """Opens the same history again, as after a restart; a search may take its time."""
    opened: list[History] = []
    disk = Disk()
    database = request.getfixturevalue("database") if request.param == "postgres" else ""
    kinds: dict[str, Callable[[], History]] = {
        "sqlite": lambda: SqliteHistory(tmp_path / "history.sqlite", patience=60),
        "postgres": lambda: PostgresHistory(database, patience=60),
        "memory": lambda: MemoryHistory(disk),
    }

    def open_() -> History:
        opened.append(kinds[request.param]())
        return opened[-1]

    yield open_
    for history in opened:
        history.close()


@pytest.fixture
def history(reopen: Callable[[], History]) -> History:
    """An empty history."""
    return reopen()
