"""What a command says to what it cannot use: one line, held against the form that all such lines have."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from concurrent.futures import Future

Done = subprocess.CompletedProcess[str]
Zchat = Callable[..., Done]
Timed = tuple[Done, float]
"""How a command ended, and after how many seconds."""
Ends = dict[str, Future[Timed]]

BYTE = os.fsdecode(b"\xff")
"""An argument's character that is not UTF-8."""
A_MEGABYTE = "a" * 1_000_000
NOT_UTF8 = b"one\n\xff\xfe\nthree\n"
BASE32 = "a" * 52


def assert_one_line(done: Done, code: int, *words: str) -> None:
    """It ended with this code, and said in one line what happened and what to do."""
    assert done.returncode == code, done
    assert_line(done.stderr, *words)
    assert done.stdout == ""


def assert_line(text: str, *words: str) -> None:
    """``zchat: WHAT HAPPENED. WHAT TO DO.``"""
    assert text.startswith("zchat: "), text
    assert text.endswith(".\n"), text
    assert text.count("\n") == 1, text
    assert len(text) < 400, text
    assert text.isascii() or text.replace("\n", "").isprintable(), text
    assert all(word in text for word in words), text


def texts(zchat: Zchat, room: str) -> list[str]:
    """What was said in a room."""
    tail = zchat("tail", "-r", room, "--since", "all", "--no-follow", "--json")
    assert tail.returncode == 0, tail
    return [json.loads(line)["text"] for line in tail.stdout.splitlines()]
