"""Remote text made safe to show: every string that reaches a terminal passes `clean` first.

Owns what may be shown, how wide it is and where it is cut. Does not know what the text is (a message, a name, a
broker's error), nor colours, columns or the terminal itself. It never changes what is stored or sent.
Pure; any thread.
"""

from __future__ import annotations

import re
import unicodedata

TAB_CELLS = 4
STACKED_MARKS = 4
"""Nonspacing marks shown on one character: what UTS #39 §5.4 takes for the most that any language writes."""
ALL_MARKS = 8
"""With spacing ones, as Burmese and Tamil write them; some terminals put these into the same cell too."""
SHOWN_CELLS = 40

NEWLINE = "\u2424"
REPLACEMENT = "\ufffd"
JOINERS = "\u200c\u200d"
"""ZWNJ and ZWJ, the only format characters that pass: Persian, Indic scripts and emoji are written with them."""
BLANKS = "\u115f\u1160\u2800\u3164\uffa0\U00013441\U00013442\U0001d159"
"""Letters and symbols that show nothing: fillers of Hangul, Braille, hieroglyphs and musical notation."""

_DOTTED_CIRCLE = "\u25cc"
_SIGNS = {chr(code): chr(0x2400 + code) for code in range(0x20)}
_SIGNS |= {"\x7f": "\u2421"}
# The last three break lines too, for some terminals and for str.splitlines.
_SIGNS |= dict.fromkeys("\n\x85\u2028\u2029", NEWLINE)
_SIGNS |= dict.fromkeys(BLANKS, REPLACEMENT)
_NOT_SHOWN = {"Cc", "Cf", "Cs", "Co", "Cn"}

# Blocks without marks, blanks and zero-width letters, so that most text is checked without looking at each
# character: Latin, Greek, Cyrillic, Armenian, Hebrew, Arabic, punctuation, symbols, kana, Han, Hangul, emoji.
# Unassigned and format characters between them are left to str.isprintable.
_PLAIN = re.compile(
    "[ -~\u00a1-\u02ff\u0370-\u0482\u048a-\u058f\u05d0-\u05ea\u0620-\u064a\u0660-\u066f\u0671-\u06d5"
    "\u2010-\u2027\u2030-\u205e\u20a0-\u20cf\u2100-\u27ff\u3001-\u3029\u3030-\u303f\u3041-\u3096"
    "\u30a0-\u30ff\u4e00-\u9fff\uac00-\ud7a3\uff01-\uff9f\U0001f000-\U0001faff]*"
)
_SUSPECT = re.compile("[^ -~]+")


def clean(text: str) -> str:
    """The text as one line that shows what it is and does nothing to a terminal.

    Tabs become blanks up to the next column of `TAB_CELLS`; newlines and the other control characters of ASCII
    become signs; C1, format, private, unassigned and blank characters, surrogates and piled-up marks become
    U+FFFD. Which characters are assigned depends on Python's version; one that it does not know is not shown.
    ``clean(clean(text)) == clean(text)``.
    """
    if "\t" in text:
        text = text.expandtabs(TAB_CELLS)
    if text.isprintable() and (text.isascii() or _PLAIN.fullmatch(text)):
        return text
    return _SUSPECT.sub(_shown_instead, text)


def clean_lines(text: str) -> list[str]:
    r"""The lines of a message, each cleaned; only ``\n`` ends a line, so a caller can prefix every one of them."""
    return [clean(line) for line in text.split("\n")]


def width(text: str) -> int:
    """How many terminal cells a cleaned text takes at most (UAX #11).

    Terminals differ about emoji of several characters: old ones show each, new ones show one, which may be wider
    than its parts. This is the wider of the two, so nothing cut by it runs over.
    """
    if text.isascii() and text.isprintable():
        return len(text)
    # Takes 10 to 40 ms, which a command that only prints ASCII need not wait.
    from wcwidth import wcswidth, wcwidth

    return max(wcswidth(text), sum(map(wcwidth, text)))


def cut(text: str, cells: int) -> str:
    """A cleaned text if it fits into so many cells, else its beginning and an ellipsis that do."""
    if width(text) <= cells:
        return text
    if cells < 1:
        return ""
    # A joiner left at the end would join the ellipsis.
    return text[: _fitting(text, cells - 1)].rstrip(JOINERS) + "…"


def _fitting(text: str, cells: int) -> int:
    """How many characters of a cleaned text fit into so many cells."""
    # Most characters take a cell, and long texts are slow to measure: look near first.
    fits, too_long = 0, max(cells, 0) + 1
    while too_long <= len(text) and width(text[:too_long]) <= cells:
        fits, too_long = too_long, 2 * too_long
    too_long = min(too_long, len(text) + 1)
    while too_long - fits > 1:
        middle = (fits + too_long) // 2
        if width(text[:middle]) <= cells:
            fits = middle
        else:
            too_long = middle
    return fits


def wrap(text: str, cells: int, indent: str = "    ") -> list[str]:
    """A cleaned line as lines that fit into so many cells, all but the first indented.

    A terminal that wraps by itself begins a text's next line where names stand; so a text with enough blanks in it
    could pretend to be somebody else's line.
    """
    lines: list[str] = []
    rest, lead = text, ""
    while (fits := _fitting(rest, cells - len(lead))) < len(rest) and cells > len(indent) + 2:
        blank = rest.rfind(" ", fits // 2, fits + 1)
        end = blank if blank > 0 else max(1, fits)
        lines.append((lead + rest[:end]).rstrip(" "))
        rest, lead = rest[end:].lstrip(" "), indent
    return [*lines, lead + rest]


def shown(name: str) -> str:
    """A name, legal or not, as an error message shows it: cleaned, at most `SHOWN_CELLS` wide, in quotes."""
    return f"'{cut(clean(name[: 4 * SHOWN_CELLS]), SHOWN_CELLS)}'"


def _shown_instead(suspect: re.Match[str]) -> str:
    """What is shown for a run of characters other than printable ASCII."""
    last = suspect.string[suspect.start() - 1] if suspect.start() else ""
    stacked = marks = 0
    result: list[str] = []
    for character in suspect[0]:
        category = unicodedata.category(character)
        sign = _SIGNS.get(character)
        if sign is None and (category[0] == "M" or _is_medial_jamo(character, category)):
            if not last:
                result.append(_DOTTED_CIRCLE)  # else it would sit on what stands before the text
            was_too_many = stacked > STACKED_MARKS or marks > ALL_MARKS
            stacked += category != "Mc"
            marks += 1
            if stacked <= STACKED_MARKS and marks <= ALL_MARKS:
                result.append(character)
            elif not was_too_many:
                result.append(REPLACEMENT)
        elif character in JOINERS and _may_be_joined(last):
            result.append(character)  # and begins no new pile of marks
        else:
            stacked = marks = 0
            result.append(sign or (REPLACEMENT if category in _NOT_SHOWN else character))
        last = result[-1]
    return "".join(result)


def _may_be_joined(last: str) -> bool:
    """Whether a joiner may follow: after a letter, mark or emoji. Rows of joiners would carry hidden data."""
    return not last.isascii() and last != REPLACEMENT and unicodedata.category(last)[0] in "LMS"


def _is_medial_jamo(character: str, category: str) -> bool:
    """Whether it is a vowel or a final consonant of Hangul, which takes no cell of its own, like a mark."""
    return category == "Lo" and ("\u1160" <= character <= "\u11ff" or "\ud7b0" <= character <= "\ud7ff")
