"""The plain terminal: one input line below, what is heard above it.

Owns the prompt. Does not know what lines mean (`chat`). `run` is the input thread, which is the main thread; `end`
and writing to the patched standard output are safe from the receive thread.
"""

from __future__ import annotations

import contextlib
import signal
import sys
from collections.abc import Callable, Iterator

from prompt_toolkit import PromptSession
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.history import InMemoryHistory
from prompt_toolkit.input import create_input
from prompt_toolkit.patch_stdout import patch_stdout

from .actions import Output, Print
from .output import print_lines


class Terminal:
    """The input line of one chat."""

    def __init__(self, prompt: Callable[[], str]) -> None:
        self._prompt = prompt
        self._over = False
        self._signal: int | None = None
        self._keyboard = create_input()
        # While lines are written above the prompt, too, keys must neither be echoed nor taken by the system.
        self._keyboard.cooked_mode = self._keyboard.raw_mode  # type: ignore[method-assign]
        self._session: PromptSession[str] = PromptSession(
            history=InMemoryHistory(), erase_when_done=True, input=self._keyboard
        )

    def run(self, take: Callable[[str], bool]) -> None:
        """Hand over lines as they are typed, until Ctrl-D, `end`, or `take` says no; raises KeyboardInterrupt.

        One prompt stands from beginning to end: between two, what is told could be drawn into the line that goes.
        """

        def accept(buffer: Buffer) -> bool:
            if not take(buffer.text):
                self.end()
            return False  # the line is cleared: it comes back as everyone sees it

        self._session.default_buffer.accept_handler = accept
        # Raw all the time, so that what is typed while something is written waits, unseen.
        with self._signals(), patch_stdout(), self._keyboard.raw_mode(), contextlib.suppress(EOFError):
            self._session.prompt(self._message, pre_run=self._stop_if_over)
        if self._signal is not None:
            sys.exit(128 + self._signal)

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        """Signals that end the process end the prompt first: raised in the midst of its loop, they would get lost."""

        def end(number: int, _frame: object) -> None:
            self._signal = number
            self.end()

        numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
        before = {number: signal.getsignal(number) for number in numbers}
        caught = {number: handler for number, handler in before.items() if callable(handler)}
        for number in caught:
            signal.signal(number, end)
        try:
            yield
        finally:
            for number, handler in caught.items():
                signal.signal(number, handler)

    def _message(self) -> str:
        return f"{self._prompt()}> "

    def end(self) -> None:
        """Leave the prompt; from any thread."""
        self._over = True
        loop = self._session.app.loop
        if loop is not None:
            loop.call_soon_threadsafe(self._stop_if_over)

    def show(self, lines: list[Output]) -> None:
        """Write lines above the prompt, which is drawn anew, since what it says may have changed; from any thread."""
        print_lines([Print(line.text) for line in lines if isinstance(line, Print)])
        self._session.app.invalidate()

    def _stop_if_over(self) -> None:
        app = self._session.app
        if self._over and app.is_running and not app.is_done:
            app.exit(exception=EOFError())
