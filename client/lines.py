"""Line mode: standard input as lines for the pipe, when it is not a terminal or ``--plain`` is wanted.

Owns reading and decoding standard input. Does not know what lines mean. Runs in the input thread, which is the main
thread.
"""

from __future__ import annotations

import os
import select
import socket
import sys
from collections.abc import Callable, Iterator

from ..common.errors import InputError

_CHUNK = 65_536
_LONGEST = 1_048_576
"""A line longer than this is no message by far; reading on would only fill memory."""


def read_lines(ended: socket.socket | None = None, descriptor: int = 0) -> Iterator[str]:
    """The lines of a file descriptor as they come, until its end or until `ended` is readable.

    Raises `InputError` for what is not UTF-8, and for a line without end.
    """
    rest = b""
    number = 0
    while True:
        if ended is not None and not _readable(descriptor, ended):
            return
        chunk = os.read(descriptor, _CHUNK)
        *lines, rest = (rest + chunk).split(b"\n")
        if not chunk and rest:
            lines, rest = [rest], b""
        for line in lines:
            number += 1
            yield _decode(line, number)
        if not chunk:
            return
        if len(rest) > _LONGEST:
            raise InputError(f"Line {number + 1} of the input does not end. Send text in lines.")


def feed_lines(take: Callable[[str], bool], ended: socket.socket) -> None:
    """Hand over the lines of standard input until its end, or until `take` says no."""
    for line in read_lines(ended):
        if not take(line):
            return


def read_all(limit: int, descriptor: int = 0) -> str:
    """All of a file descriptor as one text without its last newline; of a longer one a little more than `limit`."""
    data = b""
    longest = limit + len(b"\r\n")
    while len(data) <= longest and (chunk := os.read(descriptor, _CHUNK)):
        data += chunk
    if len(data) > longest:
        # Too long to be sent whatever it is; a cut character at the end must not be the complaint.
        return data.decode("utf-8", "replace")
    return _decode(data.removesuffix(b"\n").removesuffix(b"\r"), 0)


def _readable(descriptor: int, ended: socket.socket) -> bool:
    """Wait until there is input; False when the client has ended."""
    if sys.platform == "win32":  # select knows only sockets there
        return True
    readable, _, _ = select.select([descriptor, ended.fileno()], [], [])
    return ended.fileno() not in readable


def _decode(line: bytes, number: int) -> str:
    try:
        return line.removesuffix(b"\r").decode()
    except UnicodeDecodeError as error:
        where = f"Line {number} of the input" if number else "The input"
        raise InputError(
            f"{where} is not UTF-8 text (byte {error.start + 1}). Convert it first, for example with iconv."
        ) from None
