"""Standard output and standard error, for programs that print.

Owns the order of the two and the flushing. Used by the receive thread.
"""

from __future__ import annotations

import sys

from .actions import Print


def print_lines(lines: list[Print]) -> None:
    """Write to standard output and standard error, flushed."""
    out = "".join(line.text + "\n" for line in lines if not line.aside)
    aside = "".join(line.text + "\n" for line in lines if line.aside)
    if aside:
        sys.stderr.write(aside)
        sys.stderr.flush()
    if out:
        sys.stdout.write(out)
        sys.stdout.flush()
