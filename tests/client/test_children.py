"""Commands of the user's: how they are split, fed and ended; hooks that run beside."""

from __future__ import annotations

import json
import os
import threading
import time
from pathlib import Path

import pytest

from zchat.client import children
from zchat.client.environment import environment
from zchat.client.hooks import QUEUE, Hooks
from zchat.common.errors import InputError
from zchat.common.limits import MESSAGE_BYTES

from ..processes import until

EVENT = json.dumps({"kind": "message", "id": "i", "room": None, "to": "bob", "from": "eve", "seq": 7, "text": "hi"})


def test_words_are_split_as_a_shell_would_and_nothing_else() -> None:
    """Quotes hold together; what a shell would act on is only a word."""
    assert children.split("echo 'a b' $HOME; >x", "--exec") == ["echo", "a b", "$HOME;", ">x"]


@pytest.mark.parametrize("command", ["", "  ", "echo 'a", "no-such-command-here", "/etc/passwd", "a\0b"])
def test_what_cannot_be_run_is_said_before_anything_is(command: str) -> None:
    """In one line that names the option."""
    with pytest.raises(InputError, match="--exec"):
        children.split(command, "--exec")


def test_how_a_command_ended_is_told() -> None:
    """Its status, or the signal that ended it."""
    assert children.feed(["true"], "", {}) == ""
    assert children.feed(["sh", "-c", "exit 3"], "", {}) == "ended with status 3"
    assert children.feed(["sh", "-c", "kill -9 $$"], "", {}) == "was ended by SIGKILL"
    assert children.feed(["/no/such"], "", {}).startswith("cannot be run")


def test_a_command_gets_text_and_environment(tmp_path: Path) -> None:
    """However much it is, as a line; and it need not read it."""
    target = tmp_path / "got"
    script = f'cat >{target}; echo "$ZCHAT_FROM" >>{target}'

    assert children.feed(["sh", "-c", script], "x" * 1_000_000, environment(EVENT)) == ""
    assert target.read_text() == "x" * 1_000_000 + "\neve\n"
    assert children.feed(["true"], "x" * 1_000_000, {}) == ""


def test_a_command_may_take_its_time(tmp_path: Path) -> None:
    """It reads when it likes, and gets all there is."""
    target = tmp_path / "got"
    looks: list[float] = []

    def over() -> bool:
        looks.append(time.monotonic())
        if len(looks) == 2:
            gate.write_text("go\n")
        return False

    gate = tmp_path / "gate"
    os.mkfifo(gate)

    assert children.feed(["sh", "-c", f"read -r go <{gate}; cat >{target}"], "x" * 1_000_000, {}, over=over) == ""
    assert target.read_text() == "x" * 1_000_000 + "\n"
    assert len(looks) >= 2


def test_the_environment_is_the_message_and_can_be_passed() -> None:
    """What is not there is empty; no NUL, and nothing too long, whatever a broker sends."""
    assert environment(EVENT) == {
        "ZCHAT_KIND": "message",
        "ZCHAT_ROOM": "",
        "ZCHAT_FROM": "eve",
        "ZCHAT_TEXT": "hi",
        "ZCHAT_ID": "i",
        "ZCHAT_SEQ": "7",
        "ZCHAT_TIME": "",
        "ZCHAT_TO": "bob",
    }
    hostile = environment(json.dumps({"text": "a\0b" + "\u00e9" * 1_000_000, "from": "\0"}))
    assert hostile["ZCHAT_FROM"] == ""
    assert len(hostile["ZCHAT_TEXT"].encode()) <= MESSAGE_BYTES
    assert children.feed(["true"], "", hostile) == ""


def test_a_command_is_ended_when_it_is_over() -> None:
    """By SIGTERM; what it did so far counts as a failure."""
    began = time.monotonic()

    assert children.feed(["sleep", "100"], "", {}, over=lambda: True) == "was ended"
    assert children.feed(["sleep", "100"], "", {}, within=0.1) == "did not end within 0.1 s"
    assert time.monotonic() - began < children.GRACE + 2


# --- hooks ----------------------------------------------------------------------------------------------------
def test_a_hook_runs_beside_one_at_a_time_and_in_order(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """`run` returns at once, and what the command prints is seen nowhere."""
    target, gate = tmp_path / "runs", tmp_path / "gate"
    os.mkfifo(gate)
    script = f'read -r go <{gate}; echo noise; echo noise >&2; echo "begin $ZCHAT_SEQ end" >>{target}'
    hooks = Hooks(["sh", "-c", script])
    for number in range(3):
        assert hooks.run(EVENT, {"ZCHAT_SEQ": str(number)}) == ""
    assert not target.exists()
    descriptor = os.open(gate, os.O_RDWR)
    os.write(descriptor, b"go\n" * 3)
    until(lambda: target.exists() and target.read_text().count("end") == 3)
    os.close(descriptor)

    assert target.read_text() == "begin 0 end\nbegin 1 end\nbegin 2 end\n"
    assert capfd.readouterr() == ("", "")


def test_hooks_that_pile_up_are_let_go(tmp_path: Path) -> None:
    """The memory for them is bounded."""
    target, gate = tmp_path / "runs", tmp_path / "gate"
    os.mkfifo(gate)
    hooks = Hooks(["sh", "-c", f"read -r go <{gate}; echo x >>{target}"])
    for _ in range(10 * QUEUE):
        hooks.run(EVENT, {})

    assert hooks._waiting.qsize() <= QUEUE
    assert [thread.name for thread in threading.enumerate()].count("zchat-hooks") >= 1
    # A run waits in the gate: let them all go, so that nothing is left behind.
    descriptor = os.open(gate, os.O_RDWR)
    os.write(descriptor, b"go\n" * (QUEUE + 2))
    until(lambda: hooks._waiting.empty())
    until(lambda: target.exists() and target.read_text().count("x") >= QUEUE)
    os.close(descriptor)


def test_a_hook_that_fails_is_told_once(tmp_path: Path) -> None:
    """The next time that there is something to run."""
    hooks = Hooks(["sh", "-c", "exit 3"])
    assert hooks.run(EVENT, {}) == ""
    until(lambda: hooks._trouble)

    assert "(sh) ended with status 3" in hooks.run(EVENT, {})
    assert hooks.run(EVENT, {}) == ""
