"""Completion in shells: what is offered, and what is not."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pexpect
import pytest

from .. import processes
from ..processes import PATIENCE, ZCHAT, run_shell

Zchat = Callable[..., subprocess.CompletedProcess[str]]


# --- completion -----------------------------------------------------------------------------------------------
COMPLETE = """
eval "$(zchat completion bash)"
complete_words() {
    COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()
    _zchat_completion zchat
    echo "${COMPREPLY[*]}"
}
"""


def completed(home: Path, *words: str) -> list[str]:
    """What a real bash makes of words of which the last is half typed."""
    done = run_shell(home, f"{COMPLETE} complete_words zchat {shlex.join(words)}")
    assert done.stderr == ""
    return done.stdout.split()


def test_bash_completes_commands_options_and_names(home: Path, zchat: Zchat, room: str) -> None:
    """Names are those that were met: rooms, partners, own nicks, brokers."""
    zchat("send", "-r", room, "hello", nick="bob")
    zchat("send", "-t", "bob", "psst", nick="dora")

    assert completed(home, "se") == ["send", "search"]
    assert completed(home, "send", "--each") == ["--each-line"]
    assert completed(home, "join", "--notices", "s") == ["smart"]
    assert completed(home, "send", "-r", room[:-2]) == [room]
    assert completed(home, "send", "-t", "b") == ["bob"]
    assert completed(home, "who", "-u", "dor") == ["dora"]
    assert any(word.startswith("127.0.0.1:") for word in completed(home, "who", "-b", "127"))
    assert "unban" in completed(home, "admin", "un")


def test_bash_completes_at_a_terminal(home: Path, tmp_path: Path) -> None:
    """Pressing Tab does it."""
    rc = tmp_path / "rc"
    rc.write_text(f'PATH="{ZCHAT.parent}:$PATH"; PS1="ready> "; eval "$(zchat completion bash)"\n')
    bash = pexpect.spawn("bash", ["--rcfile", str(rc), "-i"], env=processes.environment(home), encoding="utf-8")
    try:
        bash.expect_exact("ready> ", timeout=PATIENCE)
        bash.send("zchat comp\tb\t")
        bash.expect_exact("zchat completion bash", timeout=PATIENCE)
    finally:
        bash.close(force=True)


def test_names_that_a_shell_could_act_on_are_not_offered(home: Path) -> None:
    """A broker calls itself what it likes."""
    folder = home / "state" / "names"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "hostile.json").write_text(
        json.dumps({"rooms": ["*", "$(id)", "a b", "x\x1b[m", "file,x", "`id`"], "nicks": []})
    )
    try:
        assert not set(completed(home, "send", "-r", "")) & {"*", "$(id)", "a", "b", "x\x1b[m", "`id`"}
    finally:
        (folder / "hostile.json").unlink()


def test_completing_loads_neither_network_nor_screen(home: Path) -> None:
    """It is done at every Tab, so it must be quick."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", ZCHAT],
        env=processes.environment(home, _ZCHAT_COMPLETE="bash_complete", COMP_WORDS="zchat send -r ", COMP_CWORD="3"),
        capture_output=True,
        timeout=PATIENCE,
        text=True,
        check=True,
    )
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}

    assert "plain,lobby" in done.stdout.splitlines()
    assert "zchat.client.known" in loaded
    assert loaded.isdisjoint({"zmq", "prompt_toolkit", "asyncio", "sqlite3"})


@pytest.mark.parametrize("name", ["zsh", "fish"])
def test_other_shells_can_read_their_completion(home: Path, zchat: Zchat, name: str, tmp_path: Path) -> None:
    """It is a script of that shell, and names the command."""
    text = zchat("completion", name).stdout
    assert "_ZCHAT_COMPLETE" in text
    where = shutil.which(name)
    if where is None:
        pytest.skip(f"{name} is not installed")
    path = tmp_path / "completion"
    path.write_text(text)

    assert subprocess.run([where, "-n", path], timeout=PATIENCE, check=False).returncode == 0
