"""Standard output and standard error, for programs that print.

Owns the order of the two and the flushing, and knows what the reader of a pipe has taken. Used by the receive thread.
"""

from __future__ import annotations

import contextlib
import select
import shutil
import sys
from collections.abc import Sequence

from ..common.text import wrap
from .actions import Output, Print

_SMALLEST_PIPE = 4_096


def print_lines(output: Sequence[Output]) -> None:
    """Write to standard output and standard error, flushed.

    On a terminal lines are wrapped and indented, so that none can make it begin a row with words of its choice; JSON
    objects, which are for programs, stay whole.
    """
    for stream, aside in ((sys.stderr, True), (sys.stdout, False)):
        texts = [line.text for line in output if isinstance(line, Print) and line.aside is aside]
        if not texts:
            continue
        if stream.isatty():
            columns = shutil.get_terminal_size().columns
            texts = [row for text in texts for row in ([text] if text.startswith("{") else wrap(text, columns))]
        stream.write("".join(f"{text}\n" for text in texts))
        stream.flush()


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
