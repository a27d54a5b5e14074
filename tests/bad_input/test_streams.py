"""Standard streams that are closed, full, read no more, or of another encoding."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from zchat.common.errors import ExitCode

from ..processes import PATIENCE, ZCHAT, started
from .lines import Done, Zchat, assert_line, assert_one_line


@pytest.mark.parametrize("command", ["who", "who --json", "send hello", "--help"])
def test_closed_output_is_said(shell: Callable[..., Done], command: str) -> None:
    """Without a standard output nothing is done."""
    assert_one_line(shell(f"zchat {command} >&-"), ExitCode.OTHER, "output is closed")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
@pytest.mark.parametrize(
    "command",
    [
        "rooms",
        "rooms --json",
        "send --json hello",
        "tail -r many --no-follow",
        "tail -r many",
        "join -r many",
        "link",
        "--help",
        "broker --port 0 --data $ZCHAT_HOME/full",
    ],
)
def test_a_full_disk_is_said(shell: Callable[..., Done], many: str, command: str) -> None:
    """Output that cannot be written ends a command, with the reason in one line."""
    done = shell(f"yes hello | head -3 | zchat {command} >/dev/full")

    assert done.returncode == ExitCode.OTHER
    notices = done.stderr.splitlines(keepends=True)
    assert all(notice.startswith("-- ") for notice in notices[:-1])
    assert_line(notices[-1], "No space left on device")


@pytest.mark.parametrize(
    "command", ["tail -r many --since all", "tail -r many --no-follow --since all", "who --help", "rooms"]
)
def test_a_reader_that_has_enough_ends_it_quietly(shell: Callable[..., Done], many: str, command: str) -> None:
    """A pipe that is read no more ends a command as it ends other tools."""
    done = shell(f"zchat {command} | head -0; exit ${{PIPESTATUS[0]}}")

    assert done.returncode == 128 + signal.SIGPIPE
    assert done.stderr == ""


def test_a_chat_whose_reader_has_gone_ends_though_nobody_types(home: Path, many: str) -> None:
    """Line mode does not wait for its input to find out that nobody listens."""
    command = [ZCHAT, "join", "-r", many, "--since", "3000"]
    with started(command, home, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as chat:
        assert chat.stdout is not None
        chat.stdout.read(1)
        chat.stdout.close()

        assert chat.wait(PATIENCE) == -signal.SIGPIPE


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ("zchat who <&-", ExitCode.DONE),
        ("zchat send hello <&-", ExitCode.DONE),
        ("zchat send <&-", ExitCode.USAGE),
        ("zchat send --each-line <&-", ExitCode.DONE),
        ("zchat join <&-", ExitCode.DONE),
        ("zchat who 2>&-", ExitCode.DONE),
        ("zchat join 2>&-", ExitCode.DONE),
        ("zchat foo 2>&-", ExitCode.USAGE),
        ("zchat foo 2>/dev/full", ExitCode.USAGE),
        ("zchat who -r nowhere 2>&-", ExitCode.NOT_FOUND),
        ("zchat who >&- 2>&-", ExitCode.OTHER),
        ("zchat who <&- >&- 2>&-", ExitCode.OTHER),
    ],
)
def test_closed_input_and_errors_change_no_code(shell: Callable[..., Done], script: str, code: int) -> None:
    """A command does what it can without the streams it does not need."""
    done = shell(script)

    assert done.returncode == code
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "environment",
    [{"PYTHONIOENCODING": "latin-1"}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}],
    ids=["Latin-1", "ASCII"],
)
def test_a_terminal_without_the_letters_gets_signs(
    shell: Callable[..., Done], zchat: Zchat, environment: dict[str, str]
) -> None:
    """What the terminal's encoding cannot show is shown as signs; JSON loses nothing."""
    assert zchat("send", "-r", "russian", "\u043f\u0440\u0438\u0432\u0435\u0442").returncode == 0
    plain = shell("zchat tail -r russian -n 1 --no-follow", **environment)
    as_json = shell("zchat tail -r russian -n 1 --no-follow --json", **environment)

    assert (plain.returncode, plain.stderr) == (0, "")
    assert "me: " in plain.stdout
    assert json.loads(as_json.stdout)["text"] == "\u043f\u0440\u0438\u0432\u0435\u0442"
