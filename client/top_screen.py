"""The screen of `zchat top`: the whole terminal, drawn anew whenever there is something new or its size changes.

Owns the terminal while it runs. Does not know what is drawn (`top.view`). `run` is the input thread, which is the main
thread; `show` and `end` are for the receive thread.
"""

from __future__ import annotations

import contextlib
import sys

from prompt_toolkit.application import Application
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.layout import Layout, Window
from prompt_toolkit.layout.controls import FormattedTextControl
from prompt_toolkit.output import ColorDepth, create_output
from prompt_toolkit.output.vt100 import Vt100_Output

from .top import Picture, view


class TopScreen:
    """The screen; it shows the last picture."""

    def __init__(self) -> None:
        self._picture = Picture()
        self._over = False
        keys = KeyBindings()

        @keys.add("q")
        @keys.add("Q")
        @keys.add("c-d")
        @keys.add("escape", eager=True)
        def leave(event: KeyPressEvent) -> None:
            event.app.exit()

        @keys.add("c-c")
        def interrupt(event: KeyPressEvent) -> None:
            event.app.exit(exception=KeyboardInterrupt())

        output = create_output(sys.stdout)
        if isinstance(output, Vt100_Output):
            output.enable_cpr = False  # it begins at the top, wherever the cursor is
        self._app: Application[None] = Application(
            layout=Layout(Window(FormattedTextControl(self._text, show_cursor=False), always_hide_cursor=True)),
            key_bindings=keys,
            color_depth=ColorDepth.DEPTH_1_BIT,
            full_screen=True,
            output=output,
        )

    def run(self) -> None:
        """Until a key ends it, or `end`; raises KeyboardInterrupt."""
        self._app.run(pre_run=self._stop_if_over, handle_sigint=False)

    def show(self, picture: Picture) -> list[str]:
        """Draw this soon; nothing is to be printed."""
        self._picture = picture
        self._app.invalidate()
        return []

    def end(self) -> None:
        """Leave the screen; from any thread."""
        self._over = True
        loop = self._app.loop
        if loop is not None:
            with contextlib.suppress(RuntimeError):  # it has ended meanwhile
                loop.call_soon_threadsafe(self._stop_if_over)

    def _stop_if_over(self) -> None:
        if self._over and self._app.is_running and not self._app.is_done:
            self._app.exit()

    def _text(self) -> StyleAndTextTuples:
        size = self._app.output.get_size()
        first, *others = view(self._picture, size.columns, size.rows)
        return [("bold", first), *(("", f"\n{line}") for line in others)]
