"""The input line: what is being typed for each place, and what stands around it.

Owns the texts being typed (one buffer a place), Tab, pastes and the drawing of the lines that move along with the
prompt. Does not know which keys do it (`keys`) nor how things reach the terminal (`terminal`). Runs in the input
thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from prompt_toolkit.buffer import Buffer
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.filters import Condition
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.history import InMemoryHistory
from prompt_toolkit.layout import BufferControl, ConditionalContainer, FormattedTextControl, HSplit, Window
from prompt_toolkit.layout.dimension import Dimension
from prompt_toolkit.widgets import SearchToolbar

from ..common.text import clean, cut, width
from . import completion, status as statusline
from .layout import Row
from .told import PlaceStatus, Status
from .typed import TypedFiles

MOST_ROWS = 8
"""Of the input; a longer text scrolls in them."""
SURE_LINES = 20
"""A paste of more lines is asked about."""
SHOWN_LINES = 3
LONGEST_PROMPT = 30


class _Lines(InMemoryHistory):
    """The lines typed in one place."""

    def __init__(self, lines: list[str], keep: Callable[[str], None]) -> None:
        super().__init__(lines)
        self._keep = keep

    def store_string(self, string: str) -> None:
        super().store_string(string)
        self._keep(string)


class _Completer(Completer):
    """Offers what `completion` finds; `status` tells of nicks and rooms."""

    def __init__(self, status: Callable[[], Status]) -> None:
        self._status = status

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        status = self._status()
        rooms = [*(place.name for place in status.places if not place.private), *status.rooms]
        # What would not be sent as it is shown is not offered.
        choices = [choice for choice in status.choices if clean(choice) == choice]
        word, candidates = completion.complete(document.text_before_cursor, status.nicks, rooms, choices)
        for candidate in candidates:
            yield Completion(candidate, -len(word), display=candidate.strip())


class InputLine:
    """What is typed; `accept` takes a whole line and tells whether it is to stay in the input."""

    def __init__(self, files: TypedFiles | None, columns: Callable[[], int], accept: Callable[[str], bool]) -> None:
        self.status = Status()
        self.paste: str | None = None
        """A long paste that waits for a yes."""
        self._files = files
        self._columns = columns
        self._accept = accept
        self._known_lines = files.lines() if files is not None else {}
        self._drafts = dict(files.drafts) if files is not None else {}
        self._buffers: dict[str, Buffer] = {}
        self._place = ""
        self._completer = _Completer(lambda: self.status)
        search = SearchToolbar(ignore_case=True)
        self.control = BufferControl(
            self._buffer_of(""), search_buffer_control=search.control, focus_on_click=True, preview_search=True
        )
        self._window = Window(
            self.control,
            height=Dimension(min=1, max=MOST_ROWS),
            dont_extend_height=True,
            wrap_lines=True,
            get_line_prefix=self._prefix,
        )
        self.container = HSplit(
            [_rows(self._above), self._window, search, _rows(self._hint), _rows(self._status_row, always=True)]
        )

    # --- places -----------------------------------------------------------------------------------------------
    @property
    def buffer(self) -> Buffer:
        """What is being typed here."""
        return self._buffer_of(self._place)

    def _buffer_of(self, place: str) -> Buffer:
        buffer = self._buffers.get(place)
        if buffer is None:
            lines = self._known_lines.get(place, [])
            buffer = self._buffers[place] = Buffer(
                completer=self._completer,
                complete_while_typing=False,
                history=_Lines(lines, lambda line: self._keep_line(place, line)),
                multiline=True,
                accept_handler=lambda typed: self._accept(typed.text),
                document=Document(self._drafts.get(place, "")),
            )
        return buffer

    def _keep_line(self, place: str, line: str) -> None:
        if self._files is not None and place:
            self._files.add_line(place, line)

    def turn(self, place: str, *, taking: bool) -> None:
        """Type for another place; `taking`: what was typed meanwhile was meant for that one."""
        if place == self._place:
            return
        before, self._place = self.buffer, place
        # What was typed before we were anywhere is for the first place.
        if before.text and (taking or before is self._buffers.get("")):
            self.buffer.insert_text(before.text)
            before.reset()
        self.control.buffer = self.buffer

    def go(self, place: PlaceStatus) -> None:
        """Type for another place, though nobody has told yet that we are there."""
        where = f"-> {place.name}" if place.private else place.name
        self.status = replace(self.status, here=place.id, where=where, people=None)
        self.turn(place.id, taking=False)

    def note(self, status: Status, *, place: bool) -> None:
        """Take what is told of where things stand; without `place`, it is not up to date about the place."""
        self.status = status if place else replace(status, here=self.status.here, where=self.status.where)

    def save_drafts(self) -> None:
        """Write what is not sent yet to the disk."""
        if self._files is not None:
            self._files.save_drafts({place: buffer.text for place, buffer in self._buffers.items() if place})

    # --- pastes -----------------------------------------------------------------------------------------------
    def pasted(self, text: str) -> None:
        """A text was pasted: it is one message, however many lines it has; with another that still waits, too."""
        text = text.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n")
        text = text if self.paste is None else f"{self.paste}\n{text}"
        if text.count("\n") >= SURE_LINES:
            self.paste = text
        else:
            self.buffer.insert_text(text)

    def answer_paste(self, *, yes: bool) -> None:
        """The long paste is wanted, or not."""
        text, self.paste = self.paste, None
        if yes and text is not None:
            self.buffer.insert_text(text)

    # --- what is drawn ----------------------------------------------------------------------------------------
    @property
    def prompt(self) -> str:
        """What stands before the input."""
        if not self.status.where:
            return ""
        return f"{cut(clean(self.status.where), min(LONGEST_PROMPT, self._columns() // 2))}> "

    def _prefix(self, line: int, wrapped: int) -> StyleAndTextTuples:
        prompt = self.prompt
        return [("class:prompt", prompt)] if line == wrapped == 0 else [("", " " * width(prompt))]

    def _above(self) -> list[Row]:
        columns = self._columns()
        if self.paste is None:
            return statusline.waiting_rows(self.status, columns)
        first = self.paste.split("\n")[:SHOWN_LINES]
        count = self.paste.count("\n") + 1
        return [
            *([("class:waiting", cut(f"  {clean(line)}", columns - 1))] for line in first),
            [("class:hint", cut(f"… {count} lines are pasted. Enter takes them, Esc drops them.", columns - 1))],
        ]

    def _hint(self) -> list[Row]:
        state, columns = self.buffer.complete_state, self._columns()
        if state is not None and len(state.completions) > 1:
            return [_candidates([each.display_text for each in state.completions], state.complete_index or 0, columns)]
        text = completion.hint(self.buffer.text)
        return [[("class:hint", cut(clean(text), columns - 1))]] if text else []

    def _status_row(self) -> list[Row]:
        return [statusline.status_row(self.status, self._columns())]


def _candidates(names: list[str], chosen: int, columns: int) -> Row:
    """As many of the candidates as fit, with the chosen one among them."""
    row: Row = []
    cells = columns - 1
    for number, name in enumerate(names[chosen:], chosen):
        shown = cut(clean(name), cells)
        if not shown:
            break
        row += [("class:candidate" if number == chosen else "class:hint", shown), ("", "  ")]
        cells -= width(shown) + 2
    return row[:-1]


def _rows(make: Callable[[], list[Row]], *, always: bool = False) -> ConditionalContainer:
    """Rows that come and go."""

    def text() -> StyleAndTextTuples:
        fragments: StyleAndTextTuples = []
        for number, row in enumerate(make()):
            fragments += [("", "\n")] if number else []
            fragments += row
        return fragments

    window = Window(FormattedTextControl(text), dont_extend_height=True, height=Dimension(min=1), wrap_lines=False)
    return ConditionalContainer(window, Condition(lambda: always or bool(make())))
