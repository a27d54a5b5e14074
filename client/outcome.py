"""What ``zchat send --wait-cmd`` says of a command that has ended: what it was, how it ended, its last lines.

Owns the wording, and how much of an output is kept. Does not know how a command is run (`children`). Pure, but
`LastLines.take` may be called by two threads, each with a stream of its own.
"""

from __future__ import annotations

import re
from collections import deque

from ..common.limits import MESSAGE_BYTES
from . import render

LINES = 20
"""Lines of the output that are sent."""
LINE_BYTES = 400
"""Of which so much is kept."""
_OWN_BYTES = 1_000
"""Of the command itself."""
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|.)")

assert LINES * LINE_BYTES + _OWN_BYTES < MESSAGE_BYTES


class LastLines:
    """The last lines of an output that comes in pieces, by two streams."""

    def __init__(self) -> None:
        self._lines: deque[bytes] = deque(maxlen=LINES)
        self._open = {"out": b"", "err": b""}

    def take(self, stream: str, chunk: bytes) -> None:
        """A piece of a stream, which may end in the midst of a line."""
        *lines, rest = (self._open[stream] + chunk).split(b"\n")
        self._lines.extend(line for line in map(_last_shown, lines) if line.strip())
        self._open[stream] = rest[-8 * LINE_BYTES :]

    @property
    def lines(self) -> list[str]:
        """What a terminal without colours would show of them."""
        rest = [line for line in map(_last_shown, self._open.values()) if line.strip()]
        return [_text(line) for line in [*self._lines, *rest][-LINES:]]


def _last_shown(line: bytes) -> bytes:
    """Of a line that was written over and over, as progress is, what was written last."""
    return line.removesuffix(b"\r").rpartition(b"\r")[2][: 8 * LINE_BYTES]


def _text(line: bytes) -> str:
    text = _ESCAPES.sub("", line.decode("utf-8", "replace")).replace("\0", "")
    return _cut(text, LINE_BYTES)


def _cut(text: str, size: int) -> str:
    data = text.encode("utf-8", "replace")
    return text if len(data) <= size else data[: size - 3].decode("utf-8", "ignore") + "…"


def report(command: str, trouble: str, seconds: float, lines: list[str]) -> str:
    """The message: `trouble` is how the command failed, "" when it did not."""
    how = trouble or "is done (status 0)"
    command = command.encode("utf-8", "replace").decode().replace("\0", "")
    shown = _cut(" ".join(command.split()), _OWN_BYTES)
    return "\n".join([f"{shown}: {how} after {render.duration(seconds)}", *lines])
