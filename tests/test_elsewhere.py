"""The client on systems that are not Unix."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from .processes import PATIENCE, Broker, environment


def test_the_client_needs_no_unix(home: Path, broker: Broker) -> None:
    """It is imported and talks, through pipes, where the modules, calls and signals of Unix are missing."""
    commands = ["send hello", "send --each-line", "tail --no-follow", "who", "ping --json", "config --path"]
    done = subprocess.run(
        [sys.executable, Path(__file__).with_name("without_unix.py"), *commands],
        env=environment(home, ZCHAT_NICK="win"),
        input=b"one\r\ntwo\r\n",
        capture_output=True,
        timeout=PATIENCE,
        check=False,
    )

    assert (done.returncode, done.stderr.decode()) == (0, "")
    said = [line.partition(" win: ")[2] for line in done.stdout.decode().splitlines()]
    assert said[:3] == ["hello", "one", "two"]
    assert broker.link.encode() in done.stdout
