"""The exit codes, as scripts rely on them: each is reached by a command that ends so."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from zchat.common.errors import Code, ExitCode

from . import processes
from .peer import mute_broker
from .processes import Broker, Process


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One account for all of this."""
    return tmp_path_factory.mktemp("codes") / "home"


@pytest.fixture(scope="module", autouse=True)
def broker(home: Path) -> Iterator[Broker]:
    """One broker for all of this, with a message in its lobby."""
    with Broker(home) as broker:
        assert processes.run(home, "send", "hello", nick="bob").returncode == 0
        yield broker


ENDS: dict[int, tuple[str, ...]] = {
    ExitCode.DONE: ("send", "hello"),
    ExitCode.OTHER: ("tail", "--no-follow", "--exec", "false"),
    ExitCode.USAGE: ("send", "--no-such-option"),
    ExitCode.UNREACHABLE: ("who",),
    ExitCode.NOT_ALLOWED: ("who", "-b", "192.0.2.1"),
    ExitCode.NICK: ("who", "-u", "1up"),
    ExitCode.NOT_FOUND: ("who", "-r", "no-such-room"),
    ExitCode.NOT_ACKED: ("send", "-b", "{full}", "hello"),
    ExitCode.LIMIT: ("send", "a" * 100_000),
    ExitCode.TIMEOUT: ("tail", "--timeout", "0.2"),
    ExitCode.INTERRUPTED: ("tail", "-n", "1"),
}


def test_every_code_has_its_command() -> None:
    """None is left out."""
    assert set(ENDS) == {value for name, value in vars(ExitCode).items() if name.isupper()}


@pytest.mark.parametrize("code", ENDS)
def test_a_command_ends_with_its_code(home: Path, code: int) -> None:
    """Silently when all is well, else with one line that says why; Ctrl-C needs no words."""
    with mute_broker(refusing=Code.NOT_STORED) as full:
        arguments = [word.format(full=full) for word in ENDS[code]]
        account = home if code != ExitCode.UNREACHABLE else home / "of somebody who has no broker"
        with Process(account, *arguments, nick="me") as process:
            if code == ExitCode.INTERRUPTED:
                process.wait_for("hello")
                process.send_signal(signal.SIGINT)

            assert process.wait() == code
    told = process.err.strip().splitlines()
    if code in (ExitCode.DONE, ExitCode.INTERRUPTED):
        assert told == []
    else:
        assert len(told) == 1
        assert told[0].startswith("zchat: ")
