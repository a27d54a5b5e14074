"""The input thread's end of the inproc pipe, and the words that go through it.

Owns one PAIR socket. Does not know what lines mean. Used by the input thread alone, or in a program by any thread
under one lock, but for `ended`, which the receive thread sets.
"""

from __future__ import annotations

import contextlib

import zmq

LINE, END, CUT, QUIT = b"L", b"E", b"C", b"Q"
"""First byte of a frame: a line follows, there are no more, drop the connection for some seconds, leave."""


class Pipe:
    """The input thread's end of the pipe."""

    def __init__(self, socket: zmq.Socket[bytes]) -> None:
        self._socket = socket
        self.ended = False
        """The client has ended; nothing is taken any more."""
        self.quitting = False
        """The client is to leave, though the socket may not have taken the word for it."""

    def line(self, text: str) -> bool:
        """Hand over a line; waits while the client cannot take more. False when it has ended."""
        return self._send(LINE + text.encode("utf-8", "surrogatepass"))

    def wake(self) -> None:
        """An empty line, which says that there is something to look at; never blocks.

        When it cannot be taken, there are others to be looked at first.
        """
        with contextlib.suppress(zmq.Again):
            self._socket.send(LINE, zmq.NOBLOCK)

    def end(self) -> bool:
        """There will be no more lines."""
        return self._send(END)

    def cut(self, seconds: float) -> bool:
        """Drop the connection as a failing network would, for a while (for demonstrations and tests)."""
        return self._send(CUT + b"%f" % seconds)

    def quit(self) -> None:
        """Leave now, whatever still waits; never blocks."""
        self.quitting = True
        with contextlib.suppress(zmq.ZMQError):
            self._socket.send(QUIT, zmq.NOBLOCK)

    def _send(self, frame: bytes) -> bool:
        # A pipe whose other end is closed would block for ever, so look now and then whether there is anybody.
        while not self.ended:
            try:
                self._socket.send(frame, zmq.NOBLOCK)
            except zmq.Again:
                self._socket.poll(200, zmq.POLLOUT)
            else:
                return True
        return False
