"""What is told as rows of styled text for a width: the scrollback of a terminal.

Owns columns, wrapping and day lines, and that no text of others can begin a row or send more than text. Does not know
colours (`themes`) nor the terminal. Pure; the input thread.

    12:07    alice: a text, whose further rows
                    stand under it
    12:08        -- what happened, or what the client tells
    12:09@     bob: a text in which one is mentioned
"""

from __future__ import annotations

import datetime as dt
import hashlib
import unicodedata

from ..common.text import clean, clean_lines, cut, width, wrap
from .told import Told

Fragment = tuple[str, str]
"""A style and a text."""
Row = list[Fragment]

NICK_COLOURS = 12
TIME_CELLS = len("12:07 ")
MENTION = "@"
"""The sign of a line in which one is mentioned, as in the status line."""
LEAST_COLUMNS = 16
"""A terminal that is narrower is written to as if it had so many."""
NARROW = 32
"""In a terminal that is narrower, texts stand below the names."""
FSI, PDI = "\u2068", "\u2069"
"""First strong isolate and its end (UAX #9): what stands between them turns nothing around it."""


def text_column(columns: int) -> int:
    """Where texts begin: behind time and nick, or below them."""
    if columns < NARROW:
        return 4  # two more than lists, so that nobody's text looks like one
    return TIME_CELLS + (8 if columns < 60 else 12 if columns < 120 else 16) + 2


def nick_style(key: str) -> str:
    """The style of somebody's name: made of their key alone, so that no name can borrow another's colour."""
    number = int.from_bytes(hashlib.sha256(key.encode("utf-8", "replace")).digest()[:4]) % NICK_COLOURS
    return f"class:nick.c{number}"


class Layout:
    """The rows of one terminal, from its first to its last."""

    def __init__(self) -> None:
        self._day: dt.date | None = None

    def rows(self, told: Told, columns: int, now: int) -> list[Row]:
        """The rows of one thing told, each narrower than the terminal; `now` is in wall-clock milliseconds."""
        columns = max(columns, LEAST_COLUMNS) - 1  # some terminals begin a new row once the last cell is written
        if told.kind == "rule":
            return [_rule(told.text, columns)]
        if told.kind == "text":
            return _text(told, columns)
        moment = dt.datetime.fromtimestamp(told.time / 1_000)
        return [*self._day_line(moment.date(), columns, now), *_entry(told, f"{moment:%H:%M} ", columns)]

    def _day_line(self, day: dt.date, columns: int, now: int) -> list[Row]:
        today = dt.datetime.fromtimestamp(now / 1_000).date()
        before, self._day = self._day or today, day
        if day == before:
            return []
        return [_rule(f"{day:%A} {day.day} {day:%B}{f' {day.year}' if day.year != today.year else ''}", columns)]


def _rule(text: str, columns: int) -> Row:
    return [("class:rule", f"── {cut(clean(text), columns - 6)} ──")]


def _text(told: Told, columns: int) -> list[Row]:
    """A row of a list, with its marks."""
    text, at = clean(told.text), 0
    rows: list[Row] = []
    for wrapped in wrap(text, columns - 2):
        row: Row = [("class:text", "  ")]
        shown = wrapped.lstrip(" ") if rows else wrapped
        row += [("class:text", wrapped[: len(wrapped) - len(shown)])]
        begin = at = text.find(shown, at)
        for first, last in told.marks:
            first, last = max(first, begin), min(last, begin + len(shown))
            if first < last:
                row += [("class:text", text[at:first]), ("class:mark", text[first:last])]
                at = last
        row += [("class:text", text[at : begin + len(shown)])]
        at = begin + len(shown)
        rows.append(row)
    return rows


def _entry(told: Told, time: str, columns: int) -> list[Row]:
    lead = " " * text_column(columns + 1)
    author = "class:again" if told.again else nick_style(told.key)
    nick, text_style = clean(told.nick), f"class:{'text' if told.kind == 'message' else told.kind}"
    if told.to:
        text_style = "class:private"
    elif told.mention:
        text_style = "class:mention"
    label, label_style, end = {
        "message": (nick, author, ": "),
        "me": ("*", author, " "),
    }.get(told.kind, ("--", f"class:{told.kind}.mark", " "))
    if told.to:
        label = f"{'* ' if told.kind == 'me' else ''}{nick} -> {clean(told.to)}"
        label_style, end = f"class:private {label_style}", ": "
    if told.mention:
        label_style = f"class:mention {label_style}"
        time = f"{time[:-1]}{MENTION}"  # a sign beside the colour, always in the same cell
    if told.again:
        label_style = text_style = author
    before = f"{nick} " if told.kind == "me" and not told.to else ""
    texts = [clean(told.text)] if told.kind == "notice" else clean_lines(before + told.text)
    wrapped = [row for text in texts for row in wrap(text, columns - len(lead), "")]
    rows: list[Row] = []
    if (spare := len(lead) - TIME_CELLS - len(end) - width(label)) < 0:
        # Its name alone in a row, so that the text still stands where texts stand.
        rows.append(
            [("class:time", time), (label_style, _isolated(cut(label, columns - TIME_CELLS - 1)) + end.rstrip())]
        )
        head: Row = [("", lead)]
    else:
        head = [("class:time", time), ("", " " * spare), (label_style, _isolated(label)), (label_style, end)]
    for number, row in enumerate(wrapped):
        here = head if number == 0 else [("", lead)]
        if before and number == 0 and row.startswith(before):
            here, row = [*here, (author, _isolated(nick)), ("", " ")], row[len(before) :]
        rows.append([*here, (text_style, _isolated(row))])
    return rows


def _isolated(text: str) -> str:
    """The same; what is written from right to left in a bracket that keeps it from turning its surroundings."""
    if text.isascii() or not any(unicodedata.bidirectional(character) in ("R", "AL", "AN") for character in text):
        return text
    return f"{FSI}{text}{PDI}"
