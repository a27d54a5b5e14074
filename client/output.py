"""Standard output and standard error, for programs that print.

Owns the order of the two and the flushing. Used by the receive thread.
"""

from __future__ import annotations

import shutil
import sys

from ..common.text import wrap
from .actions import Print


def print_lines(lines: list[Print]) -> None:
    """Write to standard output and standard error, flushed.

    On a terminal lines are wrapped and indented, so that none can make it begin a row with words of its choice; JSON
    objects, which are for programs, stay whole.
    """
    for stream, aside in ((sys.stderr, True), (sys.stdout, False)):
        texts = [line.text for line in lines if line.aside is aside]
        if not texts:
            continue
        if stream.isatty():
            columns = shutil.get_terminal_size().columns
            texts = [row for text in texts for row in ([text] if text.startswith("{") else wrap(text, columns))]
        stream.write("".join(f"{text}\n" for text in texts))
        stream.flush()
