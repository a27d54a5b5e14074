"""One broker serves a whole file; each test has a room of its own."""

from __future__ import annotations

import functools
import subprocess
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .. import processes
from ..processes import Broker


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One account for all of a file."""
    return tmp_path_factory.mktemp("home") / "home"


@pytest.fixture(scope="module", autouse=True)
def broker(home: Path) -> Iterator[Broker]:
    """One broker for all of a file."""
    with Broker(home) as broker:
        yield broker


@pytest.fixture
def room(request: pytest.FixtureRequest) -> str:
    """A room for one test."""
    return f"r-{zlib.crc32(request.node.name.encode())}"


@pytest.fixture
def zchat(home: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """`zchat(*arguments, stdin=None, nick=None, timeout=…)` runs a command to its end, in a process of its own."""
    return functools.partial(processes.run, home)
