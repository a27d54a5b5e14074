"""Which key does what at the input line.

Owns this table. Most keys hand over a command as if it had been typed, so that they come in order with what is typed.
Does not know what commands do. Runs in the input thread.

    Enter sends, Alt-Enter begins a new line · Tab completes · Up, Down, Ctrl-R: what was typed before
    Alt-1 … Alt-9, Alt-Left, Alt-Right: another place · PageUp: older messages · Alt-R, Alt-X: again, drop
    Ctrl-U: all before the cursor is dropped, Ctrl-Y brings it back · Ctrl-X Ctrl-E: the editor
    Ctrl-Z: to the shell and back · Ctrl-D, Ctrl-C: leave
"""

from __future__ import annotations

from collections.abc import Callable

from prompt_toolkit.filters import Condition, Filter, is_searching
from prompt_toolkit.key_binding import KeyBindings
from prompt_toolkit.key_binding.key_processor import KeyPressEvent as Event
from prompt_toolkit.keys import Keys

from . import status as statusline
from .input_line import InputLine
from .told import PlaceStatus


def bindings(
    line: InputLine,
    command: Callable[[str], None],
    turn: Callable[[PlaceStatus], None],
    edit: Callable[[str], None],
) -> KeyBindings:
    """The keys of an input line; `command` takes what a key stands for, `turn` a place, `edit` opens the editor."""
    keys = KeyBindings()
    asking = Condition(lambda: line.paste is not None)
    typing = ~asking & ~is_searching
    _bind_text(keys, line, typing)
    _bind_pastes(keys, line, asking)
    _bind_leaving(keys, line, typing)
    _bind_commands(keys, line, typing, command, edit)
    _bind_places(keys, line, typing, turn)
    return keys


def _bind_text(keys: KeyBindings, line: InputLine, typing: Filter) -> None:
    @keys.add("enter", filter=typing)
    def _(event: Event) -> None:
        line.buffer.validate_and_handle()

    @keys.add("escape", "enter", filter=typing)
    def _(event: Event) -> None:
        line.buffer.insert_text("\n")

    @keys.add("tab", filter=typing)
    def _(event: Event) -> None:
        if line.buffer.complete_state is None:
            line.buffer.start_completion(select_first=True)
        else:
            line.buffer.complete_next()

    @keys.add("s-tab", filter=typing)
    def _(event: Event) -> None:
        line.buffer.complete_previous()

    @keys.add("c-u", filter=typing)
    def _(event: Event) -> None:
        # Of a text of many lines, too, which could not be got rid of line by line.
        buffer = line.buffer
        dropped = buffer.delete_before_cursor(len(buffer.document.text_before_cursor))
        if dropped:
            event.app.clipboard.set_text(dropped)


def _bind_pastes(keys: KeyBindings, line: InputLine, asking: Filter) -> None:
    @keys.add(Keys.BracketedPaste, filter=~is_searching)
    def _(event: Event) -> None:
        line.pasted(event.data)

    @keys.add(Keys.Any, filter=asking)
    def _(event: Event) -> None:
        pass  # first things first

    @keys.add("enter", filter=asking)
    @keys.add("y", filter=asking)
    def _(event: Event) -> None:
        line.answer_paste(yes=True)

    @keys.add("escape", filter=asking, eager=True)
    @keys.add("n", filter=asking)
    def _(event: Event) -> None:
        line.answer_paste(yes=False)


def _bind_leaving(keys: KeyBindings, line: InputLine, typing: Filter) -> None:
    @keys.add("c-c")
    def _(event: Event) -> None:
        event.app.exit(exception=KeyboardInterrupt())

    @keys.add("c-d", filter=typing & Condition(lambda: not line.buffer.text))
    def _(event: Event) -> None:
        event.app.exit(exception=EOFError())

    @keys.add("c-z")
    def _(event: Event) -> None:
        event.app.suspend_to_background()  # does nothing where there is no such thing


def _bind_commands(
    keys: KeyBindings, line: InputLine, typing: Filter, command: Callable[[str], None], edit: Callable[[str], None]
) -> None:
    @keys.add("c-x", "c-e", filter=typing)
    def _(event: Event) -> None:
        edit(line.buffer.text)

    @keys.add("pageup", filter=typing)
    def _(event: Event) -> None:
        command("/history")

    for key, typed in (("r", "/retry"), ("x", "/drop")):

        @keys.add("escape", key, filter=typing)
        def _(event: Event, typed: str = typed) -> None:
            command(typed)


def _bind_places(keys: KeyBindings, line: InputLine, typing: Filter, turn: Callable[[PlaceStatus], None]) -> None:
    for step, arrow in ((-1, "left"), (1, "right")):

        @keys.add("escape", arrow, filter=typing)
        def _(event: Event, step: int = step) -> None:
            place = statusline.place_beside(line.status, step)
            if place is not None:
                turn(place)

    for number in range(1, 10):

        @keys.add("escape", str(number), filter=typing)
        def _(event: Event, number: int = number) -> None:
            place = statusline.place_at(line.status, number)
            if place is not None:
                turn(place)
