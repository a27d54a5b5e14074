"""The client's core at the two moments where its tests begin."""

from __future__ import annotations

import pytest

from .shell import Shell, in_the_lobby


@pytest.fixture
def shell() -> Shell:
    """A client that has dialled and said hello."""
    return Shell()


@pytest.fixture
def live() -> Shell:
    """A client in the lobby, a while after everything has settled."""
    return in_the_lobby()
