"""`zchat` inside the test's own process: all of a command but the start of Python, which takes longer than most.

For what a test needs said, done or refused besides what it is about. What is about processes (signals, terminals,
pipes, how they end) takes `processes`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import TextIO

import pytest

from zchat.common import cli

from .processes import environment


def run(
    home: Path, *arguments: object, stdin: str | bytes | None = None, nick: str | None = None
) -> subprocess.CompletedProcess[str]:
    """As `processes.run`; one at a time, in the main thread."""
    words = [str(argument) for argument in arguments]
    variables = environment(home, **({} if nick is None else {"ZCHAT_NICK": nick}))
    data = stdin.encode() if isinstance(stdin, str) else stdin or b""
    with _file() as out, _file() as err:
        with _variables(variables), _input(data), redirect_stdout(out), redirect_stderr(err):
            code = cli.run(words)
        return subprocess.CompletedProcess(words, code, _content(out), _content(err))


@contextmanager
def _variables(wanted: dict[str, str]) -> Iterator[None]:
    """One by one, and Python's own stay: another thread may be about to start a process with them."""
    with pytest.MonkeyPatch.context() as patch:
        for name in os.environ.keys() - wanted.keys():
            if not name.startswith("PYTHON"):
                patch.delenv(name)
        for name, value in wanted.items():
            patch.setenv(name, value)
        yield


@contextmanager
def _input(data: bytes) -> Iterator[None]:
    """Standard input is a file with that in it; it is read by its descriptor."""
    before = os.dup(0)
    with tempfile.TemporaryFile() as file, pytest.MonkeyPatch.context() as patch:
        file.write(data)
        file.seek(0)
        os.dup2(file.fileno(), 0)
        try:
            with open(0, closefd=False) as stdin:
                patch.setattr(sys, "stdin", stdin)
                yield
        finally:
            os.dup2(before, 0)
            os.close(before)


def _file() -> TextIO:
    return tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")


def _content(file: TextIO) -> str:
    file.seek(0)
    return file.read()
