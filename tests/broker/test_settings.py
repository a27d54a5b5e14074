"""The operator's settings: the file, what counts more than it, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from zchat.broker.options import TABLES
from zchat.broker.policy import Mode, Policy
from zchat.broker.settings import read
from zchat.common.config import usual_file
from zchat.common.errors import InputError

pytestmark = pytest.mark.usefixtures("fresh_account")


def written(tmp_path: Path, text: str) -> Path:
    """A configuration with this text."""
    path = tmp_path / "config.toml"
    path.write_text(text, encoding="utf-8")
    return path


def policy_of(path: Path | None, bind: str = "127.0.0.1", access: Mode | None = None) -> Policy:
    """The policy of a broker that listens there, with this file and option."""
    given: dict[str, tuple[object, str]] = {"bind": (bind, "--bind")}
    if access is not None:
        given["access"] = access, "--access"
    return read(path, given).policy


def fault(path: Path) -> str:
    """What is told of a configuration that is refused."""
    with pytest.raises(InputError) as caught:
        read(path)
    return str(caught.value)


@pytest.mark.parametrize(
    ("bind", "access"),
    [
        ("127.0.0.1", "open"),
        ("127.0.0.2", "open"),
        ("::1", "open"),
        ("localhost", "open"),
        ("0.0.0.0", "invite"),
        ("::", "invite"),
        ("*", "invite"),
        ("192.0.2.1", "invite"),
        ("chat.example", "invite"),
        ("localhost.example", "invite"),
    ],
)
def test_a_broker_on_a_network_is_not_open_by_itself(bind: str, access: str) -> None:
    """Without a word of the operator everyone of this machine comes in, and from a network who is invited."""
    assert policy_of(None, bind) == Policy(access=access)  # type: ignore[arg-type]


def test_what_is_said_counts(tmp_path: Path) -> None:
    """The option more than the file, the file more than where it listens."""
    path = written(tmp_path, '[broker]\naccess = "closed"\n')

    assert policy_of(path).access == "closed"
    assert policy_of(path, "0.0.0.0", access="open").access == "open"


def test_every_limit_can_be_set(tmp_path: Path) -> None:
    """All names of the policy; those that are not set keep their default."""
    names = [name for name in TABLES["limits"] if name not in ("access",)]
    defaults = Policy()
    lines = "".join(f"{name} = {getattr(defaults, name)}\n" for name in names)
    assert policy_of(written(tmp_path, f"# mine\n[limits]\n{lines}")) == defaults

    policy = policy_of(written(tmp_path, "[limits]\nrate = 500\nmessage_lines = 7\n"))
    assert policy == Policy(rate=500, message_lines=7)


def test_the_usual_file_need_not_be_there(tmp_path: Path) -> None:
    """It is read when it is; one that is named must be there."""
    assert policy_of(None) == Policy()
    usual_file().parent.mkdir(parents=True)
    usual_file().write_text("[limits]\nburst = 7\n")
    assert policy_of(None).burst == 7

    assert "--config" in fault(tmp_path / "absent.toml")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[limits]\nrates = 5\n", ("rates", "[limits]", "Did you mean rate?")),
        ("[limits]\nmesage_bytes = 5\n", ("mesage_bytes", "Did you mean message_bytes?")),
        ('[limits]\naccess = "open"\n', ("access", "[limits]")),
        ("[broker]\nrate = 5\n", ("rate", "[broker]")),
        ("[broker]\nports = 5\n", ("ports", "Did you mean port?")),
        ("[broker]\nlogformat = 5\n", ("logformat", "Did you mean log_format?")),
        ("[limit]\nrate = 5\n", ("[limit]", "Did you mean limits?")),
        ("[else]\n", ("[else]", "limits")),
        ("rate = 5\n", ("rate",)),
        ("limits = 5\n", ("limits",)),
        ("[[limits]]\nrate = 5\n", ("limits",)),
    ],
)
def test_what_is_not_known_is_an_error(tmp_path: Path, text: str, words: tuple[str, ...]) -> None:
    """A limit that was misspelt would protect nobody: the error names it, where, and what is near."""
    told = fault(written(tmp_path, text))

    assert all(word in told for word in words), told
    assert told.endswith((".", "?"))


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("rate = 0", "rate"),
        ("rate = -1", "rate"),
        ("rate = nan", "rate"),
        ("rate = inf", "rate"),
        ('rate = "5"', "rate"),
        ("rate = true", "rate"),
        ("burst = 0", "burst"),
        ("burst = 1.5", "burst"),
        ("burst = 99999999999", "burst"),
        ("message_bytes = 1", "message_bytes"),
        ("message_bytes = 16385", "message_bytes"),
        ("page_entries = 0", "page_entries"),
        ("handshake = 0.1", "handshake"),
        ("hello_patience = 0", "hello_patience"),
    ],
)
def test_what_is_not_possible_is_an_error(tmp_path: Path, text: str, name: str) -> None:
    """Out of bounds, or of another type; the error names the setting."""
    assert name in fault(written(tmp_path, f"[limits]\n{text}\n"))


def test_access_is_one_of_three(tmp_path: Path) -> None:
    """Anything else is refused, in the file as in the option."""
    assert "access" in fault(written(tmp_path, '[broker]\naccess = "public"\n'))
    assert "access" in fault(written(tmp_path, "[broker]\naccess = true\n"))


@pytest.mark.parametrize("content", [b"\xff\xfe", b"[limits", b"[limits]\nrate = \n", b"[limits]\nrate=1\nrate=2\n"])
def test_what_cannot_be_read_is_an_error(tmp_path: Path, content: bytes) -> None:
    """With the file's name; so is a folder in its place."""
    path = tmp_path / "config.toml"
    path.write_bytes(content)
    assert "config.toml" in fault(path)

    assert "cannot be read" in fault(tmp_path)
