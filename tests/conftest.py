"""Fixtures for tests that run the `zchat` command (`processes`, `terminals`), or talk without it (`conversation`)."""

from __future__ import annotations

import functools
import logging
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from . import inside, releases
from .conversation import Conversation
from .postgres import REASON as NO_POSTGRES, Postgres, emptied, find as postgres_programs
from .processes import Broker, LineMode
from .terminals import Terminal


def pytest_report_header() -> str:
    """With which Pythons of this machine a release is tried, and which are left out."""
    found = [f"3.{minor}" for minor in releases.pythons()]
    tried = dict.fromkeys((found[0], found[-1]))
    left_out = [each for each in found if each not in tried]
    return f"a release is tried with Python {', '.join(tried)}" + (f", not {', '.join(left_out)}" if left_out else "")


@pytest.fixture(autouse=True)
def logging_as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a test does to the log, which is one for the process, ends with it."""
    logger = logging.getLogger("zchat")
    before = list(logger.handlers)
    monkeypatch.setattr(logging, "raiseExceptions", True)
    monkeypatch.setattr(logger, "propagate", logger.propagate)
    yield
    for handler in set(logger.handlers) - set(before):
        logger.removeHandler(handler)
        handler.close()


@pytest.fixture
def talk() -> Conversation:
    """A running broker and nobody there."""
    return Conversation()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server of this run's own; where there is none, what needs one is skipped."""
    if postgres_programs() is None:
        pytest.skip(NO_POSTGRES)
    with Postgres() as server:
        yield server


@pytest.fixture
def database(postgres: Postgres) -> str:
    """The URL of a database without a history."""
    return emptied(postgres.url())


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which tests were left out for want of PostgreSQL, whatever else is shown."""
    left_out = [
        report.nodeid for report in terminalreporter.stats.get("skipped", ()) if NO_POSTGRES in str(report.longrepr)
    ]
    if left_out:
        files = sorted({nodeid.partition("::")[0] for nodeid in left_out})
        terminalreporter.write_line(
            f"{len(left_out)} tests were left out: {NO_POSTGRES}. They are in {', '.join(files)}."
        )


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The folder of a fresh account: `ZCHAT_HOME` of every process that the other fixtures start."""
    return tmp_path / "home"


@pytest.fixture
def fresh_account(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """That folder, which does not exist yet, is the account of this process, too."""
    for name in ("ZCHAT_BROKER", "ZCHAT_NICK"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ZCHAT_HOME", str(home))
    return home


@pytest.fixture
def broker(home: Path) -> Iterator[Broker]:
    """A running broker, which clients of the same home find by themselves."""
    with Broker(home) as broker:
        yield broker


@pytest.fixture
def zchat(home: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """`zchat(*arguments, stdin=None, nick=None)` runs a command to its end, in this process."""
    return functools.partial(inside.run, home)


@pytest.fixture
def spawn_join(home: Path) -> Iterator[Callable[..., LineMode]]:
    """`spawn_join(nick, *options, wait=True)`: somebody in the chat through pipes, until the test ends."""
    with ExitStack() as stack:

        def spawn(nick: str | None, *options: object, wait: bool = True) -> LineMode:
            return stack.enter_context(LineMode(home, nick, *options, wait=wait))

        yield spawn


@pytest.fixture
def terminal(home: Path) -> Iterator[Callable[..., Terminal]]:
    """`terminal(nick, *options, columns=80, rows=40)`: somebody joins the chat at a terminal, until the test ends."""
    with ExitStack() as stack:

        def spawn(nick: str | None, *options: object, **screen: Any) -> Terminal:
            return stack.enter_context(Terminal(home, "join", *options, nick=nick, **screen))

        yield spawn
