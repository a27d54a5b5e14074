"""zchat on a terminal of its own: what is typed goes in, what the screen shows can be read.

As with the processes on pipes (`processes`), waiting is for what is shown, never for time to pass.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import threading
import time
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Self

import pexpect
import pyte
from wcwidth import wcwidth

from .processes import PATIENCE, ZCHAT, as_nick, environment, holds


class Screen(pyte.Screen):
    """A screen that answers when it is asked where the cursor is, as terminals do, and ignores what takes no cell."""

    def __init__(self, columns: int, rows: int, answer: Callable[[bytes], object]) -> None:
        super().__init__(columns, rows)
        self._answer = answer

    def draw(self, data: str) -> None:
        """Show characters; of some that take no cell pyte would forget what follows."""
        super().draw("".join(c for c in data if wcwidth(c) > 0 or unicodedata.combining(c)))

    def write_process_input(self, data: str) -> None:
        """What the terminal itself says to the program."""
        self._answer(data.encode())


class Terminal:
    """`zchat`, or another program, on a terminal of its own: what is typed goes in, what it shows can be read."""

    def __init__(
        self,
        home: Path,
        *arguments: object,
        nick: str | None = None,
        columns: int = 80,
        rows: int = 40,
        variables: Mapping[str, str] | None = None,
        program: Path | str = ZCHAT,
    ) -> None:
        self.home = home
        self._child = pexpect.spawn(
            str(program),
            [str(argument) for argument in arguments],
            env=environment(home, **{"TERM": "xterm-256color", **as_nick(nick), **(variables or {})}),
            dimensions=(rows, columns),
        )
        self._child.delaybeforesend = None  # pexpect waits a little here ...
        self._child.ptyproc.delayafterclose = 0  # ... and here, for programs that are not ours
        self._changed = threading.Condition()  # its lock may be taken twice, so `lines` can be read while waiting
        self._screen = Screen(columns, rows, self._child.send)
        self._stream = pyte.ByteStream(self._screen)
        self.bytes = b""
        """All that was written to the terminal."""
        self._ended = False
        self._reader = threading.Thread(target=self._collect, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """End it however it is, and leave nothing behind."""
        if self._child.isalive():
            self._child.kill(signal.SIGKILL)
            self._child.wait()
        self._reader.join()
        self._child.close()

    def _collect(self) -> None:
        """Show what comes, at once: a program that asks its terminal something waits for the answer."""
        while data := self._read():
            with self._changed:
                self.bytes += data
                self._stream.feed(data)
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _read(self) -> bytes:
        try:
            return os.read(self._child.child_fd, 65_536)
        except OSError:  # how Linux tells that nobody has the terminal open any more
            return b""

    @property
    def lines(self) -> list[str]:
        """What the screen shows, without the empty lines at its end."""
        with self._changed:
            rows = [row.rstrip() for row in self._screen.display]
        kept = itertools.dropwhile(lambda row: not row, reversed(rows))
        return list(kept)[::-1]

    @property
    def cells(self) -> list[list[pyte.screens.Char]]:
        """What the screen shows, cell by cell; the second cell of a wide character is empty."""
        with self._changed:
            buffer, columns = self._screen.buffer, range(self._screen.columns)
            return [[buffer[row][column] for column in columns] for row in range(self._screen.lines)]

    def wait_for(self, *words: str) -> str:
        """The line of the screen that holds all the words."""
        lines = self.wait_until(lambda lines: any(holds(line, words) for line in lines), repr(" ".join(words)))
        return next(line for line in lines if holds(line, words))

    def wait_for_prompt(self, prompt: str) -> None:
        """Until the input line is this prompt, with nothing typed yet, and the status line stands below it."""
        self.wait_until(lambda lines: lines[-2:-1] == [prompt.rstrip()], f"the prompt {prompt!r}")

    def wait_until(self, condition: Callable[[list[str]], bool], what: str = "what was waited for") -> list[str]:
        """The screen's lines, as soon as something is true of them."""
        with self._changed:
            self._changed.wait_for(lambda: condition(self.lines) or self._ended, PATIENCE)
            lines = self.lines
            if not condition(lines):
                raise AssertionError(f"{what} was not on the screen:\n" + "\n".join(lines))
            return lines

    @contextlib.contextmanager
    def unread(self) -> Iterator[None]:
        """Nothing is read meanwhile, so that a long output gets stuck in the middle."""
        with self._changed:
            yield

    def echoes(self, *, within: float) -> bool:
        """Whether the system itself, not the program, would show what is typed: at any moment of so many seconds."""
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            if self._child.getecho():
                return True
        return False

    def type(self, text: str) -> None:
        """Press keys; Enter is a carriage return."""
        self._child.send(text.encode())

    def enter(self, text: str = "") -> None:
        """Type a line and press Enter."""
        self.type(f"{text}\r")

    def paste(self, text: str) -> None:
        """Paste, as terminals tell programs that want to know."""
        self.type(f"\x1b[200~{text}\x1b[201~")

    def resize(self, columns: int, rows: int = 40) -> None:
        """Another size."""
        with self._changed:
            self._screen.resize(rows, columns)
            self._child.setwinsize(rows, columns)

    @property
    def pid(self) -> int:
        """The process's id."""
        return int(self._child.pid)

    def send_signal(self, number: signal.Signals) -> None:
        """Send the process a signal."""
        self._child.kill(number)

    def wait(self) -> int:
        """Its exit code, once it has ended and the screen shows all of it."""
        self._reader.join(PATIENCE)
        assert not self._reader.is_alive(), "it did not end:\n" + "\n".join(self.lines)
        self._child.wait()
        return -self._child.signalstatus if self._child.exitstatus is None else self._child.exitstatus
