"""Every command that stands in a block on a page is run as it stands there, against a real broker.

A page says in a comment in front of a block what cannot be run here, and why: `<!-- not run: PROGRAM: REASON; … -->`,
or `all` for the whole block. Words in capitals and the link of the examples stand for what `World.meant` puts in.
"""

from __future__ import annotations

import contextlib
import os
import pty
import re
import select
import signal
import subprocess
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from shlex import quote

import pytest

from zchat.broker import Broker
from zchat.client import Client, Question
from zchat.common import paths
from zchat.common.cli import COMMANDS
from zchat.common.errors import ZchatError
from zchat.common.keys import KeyPair, to_base32

from .inside import run
from .pages import PAGES, ROOT, Block, blocks
from .processes import PATIENCE, ZCHAT, LineMode, environment
from .test_pages import unknown

BLOCKS = [block for page in PAGES for block in blocks(page)]
RUN_ELSEWHERE = {
    "docs/library.md": "tests/test_library_doc.py",
    "docs/protocol.md": "tests/common/test_protocol_doc.py",
    "docs/how-it-works.md": "tests/test_architecture_doc.py",
}
"""Pages whose Python has a test of its own."""
ROOMS = ("lobby", "builds", "logs", "tea")
ENDLESS = re.compile(r"zchat (broker(?!.*--check-config)|join|top)|zchat tail(?!.*--no-follow)|make (run|join)|tail -f")
HINT = "If it cannot be run here, say why in front of the block: <!-- not run: PROGRAM (or all): REASON -->"
STOPPED = re.compile(r"#.*broker (must be )?stopped")
"""Said of a command that works on the broker's files."""


# --- what a block is ---
def kind(block: Block) -> str:
    """How a block is checked."""
    if block.language not in ("", "sh"):
        return block.language
    lines = [line for line in block.text.split("\n") if line and not line.startswith("#")]
    if re.fullmatch(r"\[[a-z]+\]", lines[0]):
        return "toml"
    return "chat" if all(line.startswith("/") for line in lines) else "shell"


def of_kind(wanted: str) -> list[Block]:
    """All blocks that are checked so."""
    return [block for block in BLOCKS if kind(block) == wanted]


def not_run(block: Block) -> dict[str, str]:
    """Program (or `all`) → why it is not run here."""
    if not block.note.startswith("not run: "):
        return {}
    return dict(each.split(": ", 1) for each in block.note.removeprefix("not run: ").split("; ") if ": " in each)


def commands(block: Block) -> list[str]:
    """The command lines of a block, each with its comment; one that goes on in the next line is one."""
    lines = block.text.replace("\\\n", " ").split("\n")
    return [line for line in lines if line and not line.startswith("#")]


def test_every_block_is_checked_somehow() -> None:
    """A block is run, checked by another test, or shows something; a page cannot slip in a kind that nothing checks."""
    assert {kind(block) for block in BLOCKS} <= {"shell", "chat", "toml", "python", "diff", "yaml", "text"} | {
        "hex hello",
        "hex welcome",
    }
    assert {block.page for block in of_kind("python")} == {"README.md", *RUN_ELSEWHERE}


def test_what_is_not_run_has_a_reason(capsys: pytest.CaptureFixture[str]) -> None:
    """Each exception names its program and why, is about a command that stands there, and is listed (`pytest -rP`)."""
    for block in BLOCKS:
        if block.note.startswith("not run"):
            assert not_run(block), f"{block}: {block.note}"
        for program, reason in not_run(block).items():
            assert len(reason) > 10
            assert program == "all" or any(line.startswith(program) for line in commands(block)), f"{block}: {program}"
            print(f"{block}: {program} is not run: {reason}")

    assert "git is not run" in capsys.readouterr().out


# --- where they are run ---
class World:
    """A broker with people in it, and a folder with what the examples use."""

    def __init__(self, home: Path, folder: Path, stack: contextlib.ExitStack) -> None:
        self.home, self.folder = home, folder
        self.broker = stack.enter_context(Broker(paths.data() / "broker", name="attic", note=True))
        self.alice = stack.enter_context(Client(nick="alice", rooms=ROOMS))
        self.alice.on(Question)(lambda question: self.alice.answer(question, 0))
        stack.enter_context(Client(nick="bob", rooms=["lobby"]))
        with Client(nick="dora"):
            pass  # whom the commands take this account's user for
        self.stranger = to_base32(KeyPair.generate().public)
        self.say()
        bin_ = folder / "bin"
        bin_.mkdir()
        for name, script in PROGRAMS.items():
            (folder / name).write_text(script, encoding="utf-8")
            (folder / name).chmod(0o755)
        self.environment = environment(home, ZCHAT_PORT="0", PATH=f"{bin_}:{ZCHAT.parent}:{os.environ['PATH']}")

    def say(self) -> None:
        """Something in each room, for those who wait for it."""
        with contextlib.suppress(ZchatError):
            for room in ROOMS:
                self.alice.send("deploy 7 failed", room, timeout=1)

    def meant(self, line: str) -> str:
        """A command with what its capitals and the examples' link stand for."""
        if "NAME" in line.partition("#")[0]:
            run(self.home, "link", "--invite")
            listed = run(self.home, "admin", "list").stdout
            line = line.replace("NAME", re.findall(r"invitation +(\S+)", listed)[0])
        line = re.sub(r"zchat://192\.168\.1\.7:5555/5tzqp…|\bLINK\b", self.broker.link, line)
        for word, meaning in (
            ("NICK|KEY|ADDRESS", "bob"),
            ("NICK", "bob"),
            ("KEY", self.stranger),
            ("ADDRESS", "192.0.2.9"),
            ("ROOM", "lobby"),
            ("[FILE]", "FILE"),
            ("[--room lobby]", "--room lobby"),
            ("/etc/zchat/broker.toml", quote(str(ROOT / "deploy" / "broker.toml"))),
            ("--config FILE", f"--config {quote(str(ROOT / 'deploy' / 'broker.toml'))}"),
        ):
            line = re.sub(rf"(?<![\w-]){re.escape(word)}(?!\w)", lambda _, meaning=meaning: meaning, line)
        return line

    def run(self, line: str) -> None:
        """Run one command line; it succeeds, or goes on until it is interrupted."""
        command = self.meant(line)
        there = ROOT if re.match("make (run|join|demo)", line) else self.folder
        environment = dict(self.environment)
        if re.search(r"zchat broker(?!.*--check-config)|make run", line):
            environment["ZCHAT_HOME"] = str(self.home / "another")
        if ENDLESS.search(line.partition("#")[0]):
            return self._interrupt(command, there, environment)
        if STOPPED.search(line):
            self.broker.stop()
        done = subprocess.run(
            ["sh", "-c", command],
            cwd=there,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=3 * PATIENCE,
            check=False,
        )
        self.broker.start()
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}{HINT}"
        assert "Traceback" not in done.stderr

    def _interrupt(self, command: str, there: Path, environment: dict[str, str]) -> None:
        """Run what has no end, at a terminal, until it has done its work; then press Ctrl-C."""
        ours, theirs = pty.openpty()
        with subprocess.Popen(
            ["sh", "-c", command],
            cwd=there,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        ) as child:
            os.close(theirs)
            output, deadline = "", time.monotonic() + PATIENCE
            try:
                while not self._done(command, output):
                    assert time.monotonic() < deadline, f"{command}\n{output}"
                    assert child.poll() is None, f"{command}\n{output}"
                    if select.select([ours], [], [], 0.2)[0]:
                        output += os.read(ours, 65_536).decode(errors="replace")
                    else:
                        self.say()
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(child.pid, signal.SIGINT)
                with contextlib.suppress(OSError):  # how Linux tells that nobody has the terminal open any more
                    while data := os.read(ours, 65_536):
                        output += data.decode(errors="replace")
                os.close(ours)
        assert "Traceback" not in output, output
        assert child.returncode in (0, 2, 130, -signal.SIGINT), f"{command}\n{output}"  # 2: make's word for it

    def _done(self, command: str, output: str) -> bool:
        """Whether what one is to see of a command has come."""
        if "--each-line" in command:
            return any(message.text == "first line" for message in self.alice.history("logs"))
        if "--exec" in command:
            return "deployed" in output
        found = re.match(r"(?:zchat|make) (\w+)", command)
        wanted = {"broker": "is ready", "run": "is ready", "join": "You joined"}.get(found[1] if found else "", "\n")
        return wanted in output


PROGRAMS = {
    "deploy": "#!/bin/sh\necho deployed\n",
    "Makefile": "test:\n\t@echo all is well\n",
    "app.log": "first line\nsecond line\n",
    "bin/jq": """#!/usr/bin/env python3
import json, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
assert sys.argv[1] == "-r"
for line in sys.stdin:
    print(json.loads(line)[sys.argv[2].removeprefix(".")], flush=True)
""",
}
"""What the examples have beside zchat; of jq as much as they use, since not every machine has it."""


@pytest.fixture
def world(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A broker with alice and bob, of an account of its own."""
    monkeypatch.setenv("ZCHAT_HOME", str(home))
    folder = tmp_path / "folder"
    folder.mkdir()
    with contextlib.ExitStack() as stack:
        yield World(home, folder, stack)


# --- running them ---
@pytest.mark.parametrize("block", [block for block in of_kind("shell") if "all" not in not_run(block)], ids=str)
def test_commands_work_as_they_stand(block: Block, world: World) -> None:
    """Each line of a block ends with 0, or goes on and shows what it should."""
    for line in commands(block):
        if not any(line.startswith(program) for program in not_run(block)):
            world.run(line)


@pytest.mark.parametrize("block", of_kind("shell"), ids=str)
def test_what_is_not_run_exists_at_least(block: Block) -> None:
    """Every `zchat` in a block names a command and options that there are, also where it is not run."""
    for line in commands(block):
        for command in re.split(r"\||&&|\$\(", re.sub(r"'[^']*'|\"[^\"]*\"", "", line.partition(" # ")[0])):
            before, found, words = command.rpartition("zchat ")
            if found and (words.partition(" ")[0] in COMMANDS or not before.strip()):
                assert unknown(words.split()) == "", line


@pytest.mark.parametrize("block", of_kind("chat"), ids=str)
def test_lines_typed_in_the_chat_work(block: Block, world: World) -> None:
    """Each line is taken by the chat: nothing is unknown, wrong or refused."""
    with LineMode(world.home, "carol") as carol:
        for line in commands(block):
            carol.type(line.partition("#")[0].strip())
        assert carol.quit() == 0
        assert not [line for line in carol.lines if "There is no" in line or "zchat:" in line], carol.lines


@pytest.mark.parametrize("block", of_kind("toml"), ids=str)
def test_settings_are_taken_as_they_stand(block: Block, home: Path, tmp_path: Path) -> None:
    """Client and broker take the file, and the client shows what it says."""
    file = tmp_path / "config.toml"
    file.write_text(block.text, encoding="utf-8")
    taken = run(home, "broker", "--config", file, "--check-config")
    (home / "config").mkdir(parents=True)
    (home / "config" / "config.toml").write_text(block.text, encoding="utf-8")
    shown = run(home, "config")

    assert (taken.returncode, taken.stderr) == (0, "")
    assert shown.returncode == 0, shown.stderr
    for table, settings in tomllib.loads(block.text).items():
        assert settings.items() <= tomllib.loads(shown.stdout)[table].items()


@pytest.mark.parametrize("block", [block for block in of_kind("python") if block.page == "README.md"], ids=str)
def test_the_program_of_the_readme_runs(block: Block, world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """It ends by itself, with the answer of whom it asks."""
    exec(compile(block.text, str(block), "exec"), {})

    assert "alice says yes" in capsys.readouterr().out
