"""One broker serves a whole file; each test has a room of its own."""

from __future__ import annotations

import functools
import itertools
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from .. import processes
from ..processes import Broker
from ..terminals import Terminal
from .showing import Join, Sit

NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One account for all of a file."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def broker(home: Path) -> Iterator[Broker]:
    """One broker for all of a file, which outlives it."""
    with Broker(home) as broker:
        yield broker
        assert broker.stop() == 0
        assert "Traceback" not in broker.log


@pytest.fixture
def own_broker(tmp_path: Path) -> Iterator[Callable[..., Broker]]:
    """A broker of another account, for tests that stop it or start it with options; its home is `tmp_path`."""
    with ExitStack() as stack:
        yield lambda *options: stack.enter_context(Broker(tmp_path, *options))


@pytest.fixture
def room(broker: Broker, request: pytest.FixtureRequest) -> str:
    """A room where nobody is but who the test sends there."""
    return f"{request.node.name.split('_')[1]}-{next(NUMBERS)}"


@pytest.fixture
def join(spawn_join: Join, room: str) -> Join:
    """`join(nick)`: somebody enters the room, in line mode."""
    return lambda nick, *options: spawn_join(nick, "-r", room, *options)


@pytest.fixture
def sit(terminal: Sit, room: str) -> Sit:
    """`sit(nick)`: somebody enters the room, at a terminal."""

    def sit(nick: str, **screen: int) -> Terminal:
        seat = terminal(nick, "-r", room, **screen)
        seat.wait_for("You joined")
        seat.wait_for_prompt(f"{room}>")
        return seat

    return sit


@pytest.fixture
def stranger(broker: Broker, tmp_path: Path) -> Iterator[Callable[..., Terminal]]:
    """`stranger(*options)`: `zchat join` at a terminal in an account that knows only the broker's link."""
    with ExitStack() as stack:

        def spawn(*options: object) -> Terminal:
            return stack.enter_context(Terminal(tmp_path / "stranger", "join", "-b", broker.link, *options))

        yield spawn


@pytest.fixture
def zchat(home: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """`zchat(*arguments, stdin=None, nick=None, timeout=…)` runs a command to its end, in a process of its own."""
    return functools.partial(processes.run, home)
