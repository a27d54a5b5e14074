"""The terminal of `zchat join`: an input line below, what is told above it, in the terminal's own scrollback.

Owns when and how things reach the terminal: in batches, so that typing stays quick whatever comes. Does not know what
lines mean (`screen_chat`), how they look (`layout`) nor what is typed (`input_line`). `run` is the input thread, which
is the main thread; `show` and `end` are for the receive thread: `show` hands over by a queue, and waits while that is
full.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import queue
import signal
import sys
import time
from collections.abc import Callable, Iterator

from prompt_toolkit.application import run_in_terminal
from prompt_toolkit.document import Document
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.input import create_input
from prompt_toolkit.layout import Layout as Widgets
from prompt_toolkit.output import ColorDepth, create_output
from prompt_toolkit.output.vt100 import Vt100_Output
from prompt_toolkit.renderer import print_formatted_text
from prompt_toolkit.styles import Style

from ..common.errors import InputError
from ..common.rules import refuse_text
from . import commands, editor, status as statusline, themes
from .actions import Output, Print
from .inline import Inline, breaks_rows
from .input_line import InputLine
from .keys import bindings
from .layout import Layout
from .notify import Notifier
from .told import Alert, PlaceStatus, Status, Told
from .typed import TypedFiles

FRAME = 1 / 30
"""Seconds between two drawings of what is told."""
BUSY = 0.012
"""Seconds that one of them takes at most, so that a key never waits long."""
QUEUED = 20_000
"""Things told that wait to be drawn; then the receive thread waits, and the broker is asked again later."""
DRAFTS_AFTER = 1.0
"""Seconds from a key until what was typed is on the disk."""
_MOVING = ("join", "query", "msg", "part")
"""After these, what is typed is meant for where they lead to."""
_DEPTHS = {
    0: ColorDepth.DEPTH_1_BIT,
    16: ColorDepth.DEPTH_4_BIT,
    256: ColorDepth.DEPTH_8_BIT,
    1 << 24: ColorDepth.DEPTH_24_BIT,
}


class Terminal:
    """The terminal of one chat; `files` keep what is typed."""

    def __init__(self, files: TypedFiles | None = None, *, theme: str | None = None, depth: int = 256) -> None:
        environ = os.environ
        self._told: queue.Queue[Output] = queue.Queue(QUEUED)
        self._layout = Layout()
        self._over = self._done = False
        self._elsewhere = False
        """Something else has the terminal: an editor."""
        self._signal: int | None = None
        self._take: Callable[[str], bool] = lambda _: False
        self._handed = 0
        self._moving = False
        self._frame: asyncio.TimerHandle | None = None
        self._saving: asyncio.TimerHandle | None = None
        self._screen = create_output(sys.stdout)
        if isinstance(self._screen, Vt100_Output):
            # What stands below the cursor is nothing to us, and an answer could be taken for keys.
            self._screen.enable_cpr = False
        self._style = Style.from_dict(themes.rules(theme or themes.theme_of(environ), depth))
        self._depth = _DEPTHS[depth]
        self._notifier = Notifier(self._screen.write_raw, environ)
        self._line = InputLine(files, self._columns, self._accept)
        self._keyboard = create_input()
        self._app = Inline(
            layout=Widgets(self._line.container, focused_element=self._line.control),
            style=self._style,
            key_bindings=bindings(self._line, self._hand_over, self._turn, self._edit),
            color_depth=self._depth,
            erase_when_done=True,
            input=self._keyboard,
            output=self._screen,
        )
        self._app.breaks = breaks_rows(environ)
        self._app.ttimeoutlen = 0.1  # a terminal on the same wire or in the next room sends a key's bytes together
        self._app.key_processor.after_key_press += lambda _: self._save_soon()

    def run(self, take: Callable[[str], bool]) -> None:
        """Hand over lines as they are typed, until Ctrl-D, `end`, or `take` says no; raises KeyboardInterrupt."""
        self._take = take
        try:
            # Raw from the beginning to the end, so that what is typed meanwhile waits, unseen.
            with self._signals(), self._keyboard.raw_mode(), contextlib.suppress(EOFError):
                self._app.run(pre_run=self._begin, handle_sigint=False)
        finally:
            self._line.save_drafts()
            self._done = True
            self._print(self._waiting(None))
        if self._signal is not None:
            sys.exit(128 + self._signal)

    def _begin(self) -> None:
        self._line.turn(self._line.status.here, taking=True)
        self._stop_if_over()
        self._draw_soon()

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        """Signals that end the process end the prompt first: raised in the midst of its loop, they would get lost."""

        def end(number: int, _frame: object) -> None:
            self._signal = number
            self.end()

        numbers = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
        before = {number: signal.getsignal(number) for number in numbers}
        caught = {number: handler for number, handler in before.items() if callable(handler)}
        for number in caught:
            signal.signal(number, end)
        try:
            yield
        finally:
            for number, handler in caught.items():
                signal.signal(number, handler)

    def end(self) -> None:
        """Leave the prompt; from any thread."""
        self._over = True
        self._soon(self._stop_if_over)

    def _stop_if_over(self) -> None:
        if self._over and self._app.is_running and not self._app.is_done:
            self._app.exit(exception=EOFError())

    def _soon(self, call: Callable[[], None]) -> None:
        loop = self._app.loop
        if loop is not None:
            with contextlib.suppress(RuntimeError):  # it has ended meanwhile
                loop.call_soon_threadsafe(call)

    # --- what is typed ----------------------------------------------------------------------------------------
    def _accept(self, text: str) -> bool:
        """A line is finished; whether it stays, since it cannot be sent as it is."""
        try:
            typed = commands.parse(text)
        except InputError:
            typed = commands.Typed("unknown", "")
        if typed.command == "edit":
            self._edit(typed.rest)
            return True
        refusal = refuse_text(typed.rest) if not typed.command and typed.rest.strip() else None
        if refusal is not None:
            self._notice(refusal[1])
            return True
        self._moving = self._moving or typed.command in _MOVING
        self._hand_over(text)
        return False

    def _hand_over(self, text: str) -> None:
        self._handed += 1
        if not self._take(text):
            self.end()

    def _notice(self, text: str) -> None:
        self._print([Told("notice", text, round(time.time() * 1_000))])

    def _turn(self, place: PlaceStatus) -> None:
        """Go to another place at once: what is typed next is for that one."""
        if place.id != self._line.status.here:
            self._moving = False
            self._line.go(place)
            self._line.save_drafts()
            self._hand_over(statusline.turn_to(place))

    def _edit(self, text: str) -> None:
        """Write in an editor; what comes of it is put into the input line."""
        buffer = self._line.buffer
        buffer.document = Document(text)
        try:
            command = editor.choose(os.environ)
        except InputError as error:
            return self._notice(str(error))

        async def write() -> None:
            self._elsewhere = True
            try:
                written = await run_in_terminal(lambda: editor.write(command, text), in_executor=True)
                buffer.document = Document(written)
            except InputError as error:
                self._notice(str(error))
            finally:
                self._elsewhere = False
                self._draw_soon()

        self._app.create_background_task(write())

    def _save_soon(self) -> None:
        loop = self._app.loop
        if loop is not None and self._saving is None:
            self._saving = loop.call_later(DRAFTS_AFTER, self._save)

    def _save(self) -> None:
        self._saving = None
        self._line.save_drafts()

    # --- what is told -----------------------------------------------------------------------------------------
    def show(self, output: list[Output]) -> None:
        """Show this above the input line, soon; by the receive thread."""
        for item in output:
            while not self._done:
                with contextlib.suppress(queue.Full):
                    self._told.put(item, timeout=0.2)
                    break
            else:
                self._print([item])
        self._soon(self._draw_soon)

    def _draw_soon(self) -> None:
        """Draw in time for the next frame: what comes until then is drawn with it."""
        loop = self._app.loop
        if self._frame is None and loop is not None and not self._elsewhere:
            self._frame = loop.call_later(FRAME, self._draw)

    def _draw(self) -> None:
        self._frame = None
        if self._elsewhere or self._app.is_done:
            return
        self._print(self._waiting(time.monotonic() + BUSY))
        if not self._told.empty():
            self._draw_soon()

    def _waiting(self, until: float | None) -> Iterator[Output]:
        """What is to be shown, as much as there is until some moment."""
        while until is None or time.monotonic() < until:
            try:
                yield self._told.get_nowait()
            except queue.Empty:
                return

    def _print(self, output: Iterator[Output] | list[Output]) -> None:
        """Write above the input line, which is drawn anew with where things stand now."""
        columns, now = self._columns(), round(time.time() * 1_000)
        fragments: StyleAndTextTuples = []
        for item in output:
            match item:
                case Told() | Print():
                    told = item if isinstance(item, Told) else Told("text", item.text)
                    for row in self._layout.rows(told, columns, now):
                        fragments += [*row, ("", "\n")]
                case Status():
                    self._note(item)
                case Alert():
                    self._notifier.announce(item, time.monotonic())
        running = self._app.is_running and not self._app.is_done
        if fragments:
            if running:
                self._app.erase()
            print_formatted_text(self._screen, fragments, self._style, color_depth=self._depth)
        if running:
            # Not `invalidate`: between the two the input line would be gone.
            self._app._redraw()

    def _note(self, status: Status) -> None:
        if status.heard < self._handed:
            # Of where we are it tells what was so before the last lines were typed.
            self._line.note(status, place=False)
            return
        self._line.note(status, place=True)
        self._line.turn(status.here, taking=self._moving)
        self._moving = False

    def _columns(self) -> int:
        return self._screen.get_size().columns
