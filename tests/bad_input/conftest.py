"""One account and one broker for all of this; that the broker outlives it is a part of what is shown."""

from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from zchat.common.keys import KeyPair, Link

from .. import inside, processes
from ..peer import mute_broker
from ..processes import Broker
from .lines import Done, Ends, Timed, Zchat
from .strangers import closed_port, listener, plain_router, web_server


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
    """`zchat(*arguments, stdin=None)` runs a command to its end, in this process."""
    return functools.partial(inside.run, home, nick="me")


@pytest.fixture
def shell(home: Path) -> Callable[..., Done]:
    """`shell(script, **environment)`: run a shell script that calls `zchat`."""
    return functools.partial(processes.run_shell, home, ZCHAT_NICK="me")


@pytest.fixture(scope="session")
def many(home: Path) -> str:
    """A room whose history fills any pipe."""
    lines = "\n".join(f"{number} {'x' * 80}" for number in range(3_000))
    assert processes.run(home, "send", "-r", "many", "--each-line", stdin=lines).returncode == 0
    return "many"


@pytest.fixture(scope="session", autouse=True)
def ends(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ends]:
    """Commands that wait for a broker in vain: how each ended, and after how long.

    They wait side by side, while the other tests go on.
    """
    away = tmp_path_factory.mktemp("away")
    key = KeyPair.generate().public
    with contextlib.ExitStack() as stack, ThreadPoolExecutor(20) as pool:
        nobody = stack.enter_context(closed_port())
        silent = stack.enter_context(listener())
        mute = stack.enter_context(mute_broker())
        with Broker(away / "note", data=away / "data") as dead:
            dead.kill()

        def link(port: int) -> Link:
            return Link("127.0.0.1", port, key)

        def timed(name: str, *arguments: object) -> Timed:
            began = time.monotonic()
            return processes.run(away / name, *arguments, nick="lost", timeout=30), time.monotonic() - began

        commands: dict[str, list[object]] = {
            "nobody": ["who", "-b", link(nobody)],
            "nobody, join": ["join", "-b", link(nobody)],
            "nobody, send": ["send", "-b", link(nobody), "hello"],
            "nobody, tail": ["tail", "-b", link(nobody)],
            "nobody, json": ["who", "--json", "-b", link(nobody)],
            "note": ["who"],
            "name": ["who", "-b", Link("no-such-host.invalid", 5555, key)],
            "web": ["who", "-b", link(stack.enter_context(web_server()))],
            "silent": ["who", "-b", link(silent)],
            "ssh": ["who", "-b", link(stack.enter_context(listener(banner=b"SSH-2.0-OpenSSH_9.6\r\n")))],
            "router": ["who", "-b", link(stack.enter_context(plain_router()))],
            "wrong key": ["who", "-b", link(broker.port)],
            "timeout": ["who", "--timeout", "1", "-b", link(silent)],
            "mute, timeout": ["who", "--timeout", "1", "-b", mute],
            "mute": ["who", "-b", mute],
            "mute, tail": ["tail", "--no-follow", "-b", mute],
            "mute, send": ["send", "-b", mute, "hello"],
        }
        yield {name: pool.submit(timed, name, *arguments) for name, arguments in commands.items()}
