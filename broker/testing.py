"""For the tests of programs that use zchat: a pytest fixture.

Owns the fixture. Does not know pytest's command line; nothing in zchat imports this module. A test suite asks for it in
its `conftest.py`::

    pytest_plugins = ["zchat.broker.testing"]
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .embedded import Broker


@pytest.fixture
def zchat_broker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Broker]:
    """A running broker, and an account of its own for the test: all clients of it find the broker by themselves.

    ``zchat_broker.link`` is its link; ``stop()`` and ``start()`` show what becomes of a program meanwhile.
    """
    monkeypatch.setenv("ZCHAT_HOME", str(tmp_path / "zchat"))
    for name in ("ZCHAT_BROKER", "ZCHAT_NICK"):
        monkeypatch.delenv(name, raising=False)
    with Broker(tmp_path / "zchat" / "data" / "broker", note=True) as broker:
        yield broker
