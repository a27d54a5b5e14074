"""The prompt on a terminal whose size changes: what was drawn is found again and erased.

Owns this one correction of prompt_toolkit, which looks for the beginning of what it has drawn where that was before:
terminals break rows that have become too long, and so move it up. Does not know what is drawn (`input_line`). Runs in
the input thread.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from prompt_toolkit.application import Application
from prompt_toolkit.data_structures import Point
from prompt_toolkit.layout.screen import Char


def breaks_rows(environ: Mapping[str, str]) -> bool:
    """Whether a terminal that becomes narrower goes on in the next row; a few cut off what is too long."""
    return not (environ.get("XTERM_VERSION") or environ.get("STY") or environ.get("TERM", "") in ("linux", "xterm"))


def rows_more(widths: Iterable[int], columns: int) -> int:
    """How many rows more than before rows of these widths take."""
    return sum(max(width - 1, 0) // columns for width in widths)


class Inline(Application[None]):
    """An application that is drawn in the midst of a terminal; `breaks`: the terminal breaks rows."""

    breaks = True

    def erase(self) -> None:
        """Take away what is drawn, wherever that is by now."""
        renderer, columns = self.renderer, self.output.get_size().columns
        drawn = renderer.last_rendered_screen
        if self.breaks and drawn is not None:
            cursor = renderer._cursor_pos
            above = [_width(drawn.data_buffer[row]) for row in range(cursor.y)]
            # The cursor's own row up to the cursor: it stands behind that.
            more = rows_more([*above, cursor.x + 1], max(columns, 1))
            renderer._cursor_pos = Point(cursor.x, cursor.y + more)
        renderer.erase(leave_alternate_screen=False)

    def _on_resize(self) -> None:
        self.erase()
        super()._on_resize()


def _width(row: Mapping[int, Char]) -> int:
    return max((column + char.width for column, char in row.items() if char.char != " "), default=0)
