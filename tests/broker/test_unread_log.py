"""A log that nobody reads."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from ..inside import run
from ..processes import PATIENCE, ZCHAT, environment


@pytest.mark.skipif(os.name != "posix", reason="a pipe as POSIX has it")
def test_a_log_that_nobody_reads_does_not_stop_the_broker(tmp_path: Path) -> None:
    """With standard error a full pipe, people are served, and the broker ends when it is told to."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    while True:
        try:
            os.write(writer, b"x" * 4096)
        except BlockingIOError:
            break
    os.set_blocking(writer, True)
    broker = subprocess.Popen(
        [ZCHAT, "broker", "--port", "0"],
        env=environment(tmp_path),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=writer,
    )
    try:
        assert broker.stdout is not None
        assert broker.stdout.readline().startswith(b"zchat broker is ready")
        for text in ("one", "two"):
            assert run(tmp_path, "send", text).returncode == 0
        broker.send_signal(signal.SIGTERM)
        assert broker.wait(PATIENCE) == 0
    finally:
        broker.kill()
        broker.communicate()
        os.close(reader)
        os.close(writer)
