"""A broker in this process, and an account of its own for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from zchat.broker import Broker


@pytest.fixture(autouse=True)
def account(fresh_account: Path) -> None:
    """Clients find nothing of whoever runs the tests."""


@pytest.fixture
def embedded() -> Iterator[Broker]:
    """A broker in this process."""
    with Broker() as broker:
        yield broker
