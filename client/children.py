"""Commands of the user's own, run as children: never by a shell.

Owns how their words are split, what they get, and how they are ended with us. Does not know why they are run
(`executor`, `hooks`, `outcome`). Used by the thread that waits for the child.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import IO, Any

from ..common.errors import InputError
from ..common.signals import uninterrupted

GRACE = 3.0
"""Seconds that a child has between being asked to end and being killed."""
_LOOK = 0.5
"""Seconds between two looks whether a child that runs is to end."""
_CHUNK = 65_536


def split(command: str, option: str) -> list[str]:
    """The words of a command; raises `InputError` when they cannot be run, naming the option they came from."""
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise InputError(f"{option}: the quotes of the command do not match ({error}). Check them.") from None
    if not words:
        raise InputError(f"{option} takes a command. Name one.")
    if shutil.which(words[0]) is None:
        raise InputError(f"{option}: there is no command {words[0]!a}. Check its name, and PATH.")
    return words


def trouble(status: int) -> str:
    """How a child ended that did not end well; "" when it did. A negative status is that of a signal."""
    if status == 0:
        return ""
    if status > 0:
        return f"ended with status {status}"
    import signal

    try:
        return f"was ended by {signal.Signals(-status).name}"
    except ValueError:
        return f"was ended by signal {-status}"


def feed(
    argv: list[str],
    stdin: str,
    environment: Mapping[str, str],
    *,
    over: Callable[[], bool] = lambda: False,
    quiet: bool = False,
    within: float | None = None,
) -> str:
    """Run a command with a line of text on its standard input, to its end; returns its `trouble`.

    When `over` says so, when so many seconds have passed, or when this thread is interrupted, the child is ended.
    `quiet`: what it prints goes nowhere.
    """
    sink = subprocess.DEVNULL if quiet else None
    try:
        # A file, not a pipe: a command that does not read would hold up whoever writes a long text into that.
        with tempfile.TemporaryFile() as source:
            source.write(f"{stdin}\n".encode())  # `read` of a shell fails at a line without an end
            source.seek(0)
            variables = {**os.environ, **environment}
            with _child(argv, stdin=source, stdout=sink, stderr=sink, env=variables) as child:
                return _wait(child, over, within)
    except (OSError, ValueError) as error:
        return f"cannot be run ({getattr(error, 'strerror', None) or error})"


def _wait(child: subprocess.Popen[bytes], over: Callable[[], bool], within: float | None) -> str:
    deadline = time.monotonic() + within if within is not None else None
    while True:
        try:
            return trouble(child.wait(_LOOK))
        except subprocess.TimeoutExpired:
            late = deadline is not None and time.monotonic() > deadline
            if late or over():
                _end(child)
                return f"did not end within {within:g} s" if late else "was ended"


def pass_through(argv: list[str], take: Callable[[str, bytes], None]) -> int:
    """Run a command whose output goes where ours goes, as it comes, and to `take` ("out" or "err"); its status.

    `take` is called by the two threads that read.
    """
    with _child(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        streams = (("out", child.stdout, sys.stdout), ("err", child.stderr, sys.stderr))
        readers = [threading.Thread(target=_copy, args=(*stream, take), daemon=True) for stream in streams]
        for reader in readers:
            reader.start()
        while child.poll() is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(1.0)  # on Windows a wait without an end cannot be interrupted
        for reader in readers:
            reader.join(GRACE)  # what the child left behind may hold its end of the pipe for ever
    return child.returncode


def _copy(name: str, source: IO[bytes] | None, target: IO[str], take: Callable[[str, bytes], None]) -> None:
    assert source is not None
    while chunk := os.read(source.fileno(), _CHUNK):
        take(name, chunk)
        try:
            target.buffer.write(chunk)  # type: ignore[attr-defined]  # standard streams have one
            target.flush()
        except OSError:
            # Whoever read it has gone; the command is run to its end all the same, and told of.
            os.dup2(os.open(os.devnull, os.O_WRONLY), target.fileno())
    source.close()


@contextlib.contextmanager
def _child(argv: list[str], **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    """A process that ends with us: there is no moment between its start and the care for its end."""
    child: subprocess.Popen[bytes] | None = None
    try:
        with uninterrupted():
            child = subprocess.Popen(argv, **options)
        yield child
    except BaseException:
        if child is not None:
            with uninterrupted():
                _end(child)
        raise


def _end(child: subprocess.Popen[bytes]) -> None:
    child.terminate()
    try:
        child.wait(GRACE)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
