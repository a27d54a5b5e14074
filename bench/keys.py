"""How long a key takes to be seen at a terminal while others talk: part of `make bench-quick`.

One person sits in `zchat join` on a terminal of 80 columns, which this process reads through a screen emulator (pyte);
some others say 500 short messages a second in the same room, over bare sockets. A key is typed every tenth of a second,
and timed until the screen shows it in the input line. What the emulator takes counts, too.
"""

from __future__ import annotations

import itertools
import os
import statistics
import string
import threading
import time
from dataclasses import dataclass

import pexpect
import pyte
import zmq

from zchat.common import wire
from zchat.common.keys import Link
from zchat.common.messages import Ping, Say

from .servers import ZCHAT
from .wires import PATIENCE, enter

ROOM = "loud"
TALKERS = 5
RATE = 500
"""Messages a second of all of them."""
EVERY = 0.1
"""Seconds between two keys."""
LINE = 40
"""Keys until the line is cleared."""


@dataclass(frozen=True)
class Typing:
    """What was measured."""

    keys: int
    p50: float
    p99: float
    """Milliseconds from a key to the screen."""
    messages: int
    """That were said meanwhile."""

    def __str__(self) -> str:
        return (
            f"zchat join, {RATE} messages/s: key to screen p50 {self.p50:.1f} ms, p99 {self.p99:.1f} ms"
            f" ({self.keys} keys, {self.messages:,} messages)"
        )


class _Seat:
    """Somebody at a terminal; a thread keeps the screen."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._child = pexpect.spawn(
            str(ZCHAT),
            ["join", "-u", "typist", "-r", ROOM],
            env={**environment, "TERM": "xterm-256color"},
            dimensions=(24, 80),
        )
        self._child.delaybeforesend = None
        self._child.ptyproc.delayafterclose = 0
        self._screen = pyte.Screen(80, 24)
        self._stream = pyte.ByteStream(self._screen)
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self._child.child_fd, 65_536)
            except OSError:
                return
            with self._changed:
                self._stream.feed(data)
                self._changed.notify_all()

    def wait_for(self, text: str) -> None:
        """Until a row of the screen is this text."""
        with self._changed:
            if not self._changed.wait_for(lambda: any(r.rstrip() == text for r in self._screen.display), PATIENCE):
                raise SystemExit("bench: the screen does not show what was typed:\n" + "\n".join(self._screen.display))

    def type(self, keys: str) -> None:
        """Press keys."""
        self._child.send(keys.encode())

    def close(self) -> None:
        """Leave."""
        self._child.close(force=True)


def _talk(link: Link, over: threading.Event, said: list[int]) -> None:
    """Say messages until it is over."""
    with zmq.Context() as context:
        talkers = [enter(context, link, f"talker{number}", ROOM) for number in range(TALKERS)]
        started, pinged = time.monotonic(), 0.0
        for number in itertools.count():
            wait = started + number / RATE - time.monotonic()
            if over.wait(max(0.0, wait)):
                break
            body = wire.encode(Say(id=f"loud-{number}", room=ROOM, text=f"message {number} of many that are said here"))
            talkers[number % TALKERS].send(body)
            said[0] += 1
            if time.monotonic() - pinged > 1.0:
                pinged = time.monotonic()
                for talker in talkers:
                    talker.send(wire.encode(Ping()))
                    while talker.poll(0):
                        talker.recv_multipart()
        for talker in talkers:
            talker.close()


def measure(link: Link, environment: dict[str, str], seconds: float) -> Typing:
    """Type for so long while others talk."""
    seat = _Seat(environment)
    over, said = threading.Event(), [0]
    talk = threading.Thread(target=_talk, args=(link, over, said))
    times: list[float] = []
    try:
        prompt = f"{ROOM}>"
        seat.wait_for(prompt)
        talk.start()
        typed = ""
        end = time.monotonic() + seconds
        for key in itertools.cycle(string.ascii_lowercase):
            due = time.monotonic() + EVERY
            if due > end:
                break
            typed += key
            began = time.monotonic()
            seat.type(key)
            seat.wait_for(f"{prompt} {typed}")
            times.append((time.monotonic() - began) * 1_000)
            if len(typed) == LINE:
                typed = ""
                seat.type("\x15")
                seat.wait_for(prompt)
            time.sleep(max(0.0, due - time.monotonic()))
    finally:
        over.set()
        if talk.ident is not None:
            talk.join()
        seat.close()
    return Typing(len(times), statistics.median(times), statistics.quantiles(times, n=100)[98], said[0])
