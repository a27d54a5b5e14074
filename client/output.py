"""Standard output and standard error, for programs that print.

Owns the order of the two and the flushing, and knows what the reader of a pipe has taken. Used by the receive thread.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import stat
import sys
from collections.abc import Sequence

from ..common.text import wrap
from .actions import Output, Print
from .color import paint

_SMALLEST_PIPE = 4_096


def print_lines(output: Sequence[Output], depth: int = 0) -> None:
    """Write to standard output and standard error, flushed.

    On a terminal lines are wrapped and indented, so that none can make it begin a row with words of its choice; JSON
    objects, which are for programs, stay whole. With a `depth` nicks have the colours of their keys.
    """
    for stream, aside in ((sys.stderr, True), (sys.stdout, False)):
        lines = [line for line in output if isinstance(line, Print) and line.aside is aside]
        if not lines:
            continue
        columns = shutil.get_terminal_size().columns if stream.isatty() else None
        if columns is None and not depth:
            rows = [line.text for line in lines]
        else:
            rows = [row for line in lines for row in _rows(line, columns, depth)]
        stream.write("".join(f"{row}\n" for row in rows))
        stream.flush()


def _rows(line: Print, columns: int | None, depth: int) -> list[str]:
    rows = [line.text] if columns is None or line.text.startswith("{") else wrap(line.text, columns)
    if line.author is not None and depth:
        start, end, key = line.author
        first = rows[0]
        rows[0] = f"{first[:start]}{paint(first[start:end], key, depth)}{first[end:]}"
    return rows


def piped_output() -> int | None:
    """The descriptor of standard output, when it is a pipe whose reader may go."""
    try:
        descriptor = sys.stdout.fileno()
        return descriptor if os.name == "posix" and stat.S_ISFIFO(os.fstat(descriptor).st_mode) else None
    except (OSError, ValueError):
        return None


class Reader:
    """Whoever reads the pipe that standard output is; the descriptor is None when it is no pipe.

    What a reader leaves in a pipe when it goes was not read. Linux can tell: a pipe of a single page can be written to
    (POLLOUT) when it is empty, and FIONREAD counts what is in it (man pages pipe(7), ioctl_pipe(2)). Elsewhere, and
    where the output is no pipe, what is written counts as taken.
    """

    def __init__(self, pipe: int | None) -> None:
        self._poll: select.poll | None = None
        self._pipe = pipe
        if sys.platform == "linux" and pipe is not None:
            import fcntl

            with contextlib.suppress(OSError):
                fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _SMALLEST_PIPE)
                self._poll = select.poll()
                self._poll.register(pipe, select.POLLOUT)

    def has_taken_all(self, seconds: float) -> bool:
        """Whether nothing is left to read, now or in so many seconds; raises BrokenPipeError when it never will be."""
        if self._poll is None:
            return True
        ready = self._poll.poll(seconds * 1_000)
        if ready and ready[0][1] & select.POLLERR and self._left():
            raise BrokenPipeError
        return bool(ready)

    def _left(self) -> int:
        """How many bytes are in the pipe."""
        if sys.platform != "linux" or self._pipe is None:
            return 0
        import fcntl
        import termios

        return int.from_bytes(fcntl.ioctl(self._pipe, termios.FIONREAD, bytes(4)), sys.byteorder)
