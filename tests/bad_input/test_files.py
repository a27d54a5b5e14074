"""Files of an account that are missing or damaged."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path

import pytest

from zchat.common.errors import ExitCode

from .. import inside, processes
from ..processes import Broker
from .lines import Done, assert_one_line


def test_a_home_that_is_a_file_is_said(broker: Broker, tmp_path: Path) -> None:
    """Where no key can be kept, nothing is sent, and the line names the place."""
    home = tmp_path / "home"
    home.write_text("")

    for command in (["who"], ["join"]):
        assert_one_line(inside.run(home, *command, "-b", broker.link), ExitCode.OTHER, str(home))
    assert_one_line(processes.run(home, "broker"), ExitCode.OTHER, str(home), "--data")


def test_a_home_of_nobody_is_said(shell: Callable[..., Done]) -> None:
    """A folder of a user that does not exist is no home."""
    assert_one_line(shell("zchat who", ZCHAT_HOME="~no-such-user/zchat"), ExitCode.USAGE, "ZCHAT_HOME")


class Account:
    """Another account, which was at the broker once."""

    def __init__(self, home: Path, link: str) -> None:
        self.home = home
        self._nick = f"kay-{secrets.token_hex(4)}"
        self._link = link
        assert self.who().returncode == 0

    def who(self) -> Done:
        """Ask the broker something."""
        return inside.run(self.home, "who", "-b", self._link, nick=self._nick)

    def file(self, pattern: str) -> Path:
        """The one file that matches."""
        (path,) = self.home.glob(pattern)
        return path


@pytest.fixture
def account(broker: Broker, tmp_path: Path) -> Account:
    """Somebody else."""
    return Account(tmp_path / "account", broker.link)


def swapped(text: str) -> str:
    """A key file whose public key is not that of its secret one."""
    public = text.split()[4]
    other = "b" if public[0] != "b" else "c"
    return text.replace(public, other + public[1:])


@pytest.mark.parametrize(
    "damage",
    [lambda _: "", lambda text: text[:-9], swapped],
    ids=["empty", "cut", "swapped"],
)
def test_a_damaged_key_is_said(account: Account, damage: Callable[[str], str]) -> None:
    """A key file that is none any more is named at once, and left as it is."""
    path = account.file("data/keys/*.key")
    damaged = damage(path.read_text())
    path.write_text(damaged)

    assert_one_line(account.who(), ExitCode.USAGE, str(path), "copy")
    assert path.read_text() == damaged


def test_a_lost_key_is_said(account: Account) -> None:
    """A nick whose key is gone does not silently get another one."""
    path = account.file("data/keys/*.key")
    path.unlink()

    assert_one_line(account.who(), ExitCode.USAGE, str(path), "copy")


@pytest.mark.parametrize("damage", [b"\xff\0", b'{"key":"!!","name":"x","places":["a b"]}'], ids=["rubbish", "wrong"])
def test_damaged_notes_are_passed_over(account: Account, damage: bytes) -> None:
    """What only saves typing is not worth an error when it is damaged."""
    for pattern in ("data/brokers/*.json", "state/nicks/*"):
        account.file(pattern).write_bytes(damage)

    assert account.who().returncode == 0
    assert inside.run(account.home, "key", "list").returncode == 0


@pytest.mark.parametrize("note", ["", '{"link":"zchat://h:1/aa","pid":99999999999}'])
def test_a_damaged_note_of_a_broker_is_none(tmp_path: Path, note: str) -> None:
    """A note that no broker wrote does not lead anywhere."""
    notes = tmp_path / "state" / "brokers"
    notes.mkdir(parents=True)
    (notes / "5555.json").write_text(note)

    assert_one_line(inside.run(tmp_path, "who"), ExitCode.UNREACHABLE, "zchat broker")
