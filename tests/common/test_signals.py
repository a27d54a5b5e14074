"""Signals that come at the worst moment end a process all the same, with the right code and without a traceback."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

PATIENCE = 20.0

HERE = """
import os, signal, sys, threading
from zchat.common.signals import heed, uninterrupted

NUMBER = int(sys.argv[1])

def come():
    os.kill(os.getpid(), NUMBER)

def wait():
    threading.Event().wait()
"""

FINALIZER = """
class Late:
    def __del__(self):
        come()
        sum(range(10))
heed()
late = Late()
del late
"""

IMPORT = """
heed()
sys.path.insert(0, sys.argv[2])
import strange
"""

STRANGE = """
import os, sys

class Field:
    def __set_name__(self, owner, name):
        os.kill(os.getpid(), int(sys.argv[1]))
        sum(range(10))

class Owner:
    field = Field()
"""

ASLEEP = """
waits = threading.Event()
def elsewhere():
    while not waits.is_set():
        pass
    signal.pthread_kill(threading.get_ident(), NUMBER)
threading.Thread(target=elsewhere, daemon=True).start()
heed()
"""
"""The signal comes to a thread that no handler runs in, so that nothing interrupts the main thread."""

HALFWAY = """
heed()
with uninterrupted():
    come()
    print("whole", flush=True)
"""

NO_MORE = """
heed()
@uninterrupted()
def fails():
    come()
    raise ValueError
try:
    fails()
except ValueError:
    print("whole", flush=True)
"""


def end_of(script: str, number: int, tmp_path: Path) -> tuple[int, str, str]:
    """How a process ends that gets a signal somewhere in a script, and then waits for ever."""
    (tmp_path / "strange.py").write_text(STRANGE)
    wait = "\nwaits = globals().get('waits'); waits and waits.set()\nwait()\n"
    program = [sys.executable, "-c", HERE + script + wait, str(number), str(tmp_path)]
    done = subprocess.run(program, capture_output=True, text=True, timeout=PATIENCE)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="these signals are POSIX's")
class TestSignals:
    """A process that heeds signals, and one that comes where it would be lost."""

    @pytest.mark.parametrize("script", [FINALIZER, IMPORT, ASLEEP], ids=["finalizer", "import", "asleep"])
    def test_none_is_lost(self, script: str, tmp_path: Path) -> None:
        """What is raised where nothing can be raised, or comes to another thread, is raised again where it can."""
        code, _, err = end_of(script, signal.SIGTERM, tmp_path)
        assert (code, err) == (128 + signal.SIGTERM, "")

        code, _, err = end_of(script, signal.SIGINT, tmp_path)
        assert code == -signal.SIGINT  # what Python does with a KeyboardInterrupt that nobody catches
        assert err.rstrip().endswith("KeyboardInterrupt")
        assert "ignored" not in err

    @pytest.mark.parametrize("script", [HALFWAY, NO_MORE], ids=["block", "function"])
    def test_what_is_uninterrupted_is_done_first(self, script: str, tmp_path: Path) -> None:
        """A signal waits for the end of a block that must not be left halfway."""
        assert end_of(script, signal.SIGHUP, tmp_path) == (128 + signal.SIGHUP, "whole\n", "")

    def test_what_is_ignored_stays_ignored(self, tmp_path: Path) -> None:
        """A signal that nohup switched off does nothing."""
        script = "signal.signal(NUMBER, signal.SIG_IGN)\nheed()\ncome()\nsys.exit(7)\n"
        assert end_of(script, signal.SIGHUP, tmp_path) == (7, "", "")
