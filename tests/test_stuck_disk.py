"""A disk that does not answer any more: what a stop, and those who wait for an ack, come to."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from zchat.common.errors import ExitCode

from .inside import run
from .processes import Broker, program

STUCK = """
import threading
from pathlib import Path
from zchat.broker import opening
from zchat.broker.sqlite import SqliteHistory
from zchat.common import limits
from zchat.common.cli import main

class Disk(SqliteHistory):
    def commit(self, batch):
        if Path(__file__).with_name("stuck").exists():
            threading.Event().wait()
        return super().commit(batch)

opening.SqliteHistory = Disk
limits.CLOSING_PATIENCE = 2.0
main()
"""
"""`zchat` on a disk that sticks as soon as there is a file of that name."""


@pytest.fixture
def broker(tmp_path: Path) -> Broker:
    """A broker on such a disk."""
    return Broker(tmp_path / "home", program=program(tmp_path / "zchat", STUCK))


def test_a_stuck_disk_does_not_hold_up_the_end(broker: Broker, tmp_path: Path) -> None:
    """The broker says in one line why it is given up; what it had not acked can be sent again, and is there once."""
    home = tmp_path / "home"
    with broker:
        assert run(home, "send", "before").returncode == ExitCode.DONE
        (tmp_path / "stuck").touch()
        assert run(home, "send", "--id", "one", "--timeout", "1", "stuck").returncode != ExitCode.DONE
        code = broker.stop(signal.SIGTERM)
        told = [line for line in broker.log.splitlines() if line.startswith("zchat: ")]
        (tmp_path / "stuck").unlink()
        broker.start()
        again = run(home, "send", "--id", "one", "stuck")
        tail = run(home, "tail", "--no-follow")

    assert (code, len(told)) == (ExitCode.OTHER, 1)
    assert "does not answer" in told[0]
    assert "Traceback" not in broker.log
    assert again.returncode == ExitCode.DONE
    assert [line.rpartition(" ")[2] for line in tail.stdout.splitlines()] == ["before", "stuck"]
