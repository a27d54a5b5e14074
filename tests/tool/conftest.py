"""One broker serves a whole file; each test has a room of its own."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

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
