"""The client's core at the two moments where its tests begin, and a place with clocks of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ..zones import zone
from .shell import Shell, in_the_lobby


@pytest.fixture
def shell() -> Shell:
    """A client that has dialled and said hello."""
    return Shell()


@pytest.fixture
def live() -> Shell:
    """A client in the lobby, a while after everything has settled."""
    return in_the_lobby()


@pytest.fixture(scope="module")
def here() -> Iterator[None]:
    """A place whose clocks are 5 h 30 min ahead of UTC."""
    with zone("HERE-5:30"):
        yield
