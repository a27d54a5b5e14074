"""One account and one broker for all of this; that the broker outlives it is a part of what is shown."""

from __future__ import annotations

import functools
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .. import processes
from ..processes import PATIENCE, ZCHAT, Broker
from .lines import Done, Zchat


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One account for all tests of this folder."""
    return tmp_path_factory.mktemp("bad") / "home"


@pytest.fixture(scope="session", autouse=True)
def broker(home: Path) -> Iterator[Broker]:
    """One broker for them, which outlives it all."""
    with Broker(home, data=home / "data") as broker:
        yield broker
        assert processes.run(home, "send", "-r", "after", "still", "here").returncode == 0
        assert broker.stop() == 0
        assert "Traceback" not in broker.log


@pytest.fixture
def zchat(home: Path) -> Zchat:
    """`zchat(*arguments, stdin=None)` runs a command to its end."""
    return functools.partial(processes.run, home, nick="me")


@pytest.fixture
def shell(home: Path) -> Callable[..., Done]:
    """`shell(script, **environment)`: run a shell script that calls `zchat`."""

    def run(script: str, **more: str) -> Done:
        path = f"{ZCHAT.parent}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            ["bash", "-c", script],
            env=processes.environment(home, PATH=path, ZCHAT_NICK="me", **more),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PATIENCE,
            check=False,
        )
        out, err = (data.decode(errors="replace") for data in (done.stdout, done.stderr))
        return subprocess.CompletedProcess(done.args, done.returncode, out, err)

    return run


@pytest.fixture(scope="session")
def many(home: Path) -> str:
    """A room whose history fills any pipe."""
    lines = "\n".join(f"{number} {'x' * 80}" for number in range(3_000))
    assert processes.run(home, "send", "-r", "many", "--each-line", stdin=lines).returncode == 0
    return "many"
