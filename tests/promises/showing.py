"""What clients show and what is stored, as the promises speak of it."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable

from ..processes import LineMode
from ..terminals import Terminal

MINUTE = r"\d{4}-\d\d-\d\d \d\d:\d\d"

Join = Callable[..., LineMode]
Sit = Callable[..., Terminal]
Zchat = Callable[..., subprocess.CompletedProcess[str]]


def said(client: LineMode) -> list[str]:
    """What was said to all in the room, as a client shows it, without the time."""
    return [line[17:] for line in client.out.split("\n") if re.match(f"{MINUTE} \\w+: ", line)]


def stored(zchat: Zchat, room: str) -> list[str]:
    """What a room's history holds."""
    done = zchat("tail", "-r", room, "--since", "all", "--no-follow", "--json", nick="reader")
    assert (done.returncode, done.stderr) == (0, "")
    return [json.loads(line)["text"] for line in done.stdout.splitlines()]
