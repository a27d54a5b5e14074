"""What reaches a terminal, from every character there is to whole screens."""

from __future__ import annotations

import sys
import unicodedata

import pyte
import pytest
from hypothesis import example, given

from zchat.common.text import ALL_MARKS, BLANKS, JOINERS, NEWLINE, REPLACEMENT, STACKED_MARKS, clean, clean_lines, width

from .hostile import ATTACKS, hostile

HARMFUL = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}

EVERY_CHARACTER = [chr(code) for code in range(sys.maxunicode + 1)]

HARMLESS = [
    "",
    "plain text, with ~ and {braces}",
    "Съешь же ещё этих мягких французских булок",
    "τὴν γλῶσσα μοῦ ἔδωσαν ἑλληνική",
    "מה שלומך היום?",
    "كيف حالك اليوم؟ بخير، شكراً",
    "می\u200cخواهم",
    "आप कैसे हैं? घोड़ों की जड़ें",
    "น้ำท่วม",
    "လျှို့ဝှက်",
    "こんにちは、世界。ガギグ",
    "안녕하세요 ㅋㅋㅋ",
    "안녕",
    "naïve café, Ǻ",
    "20 °C, ½, №, “quotes”, — dash…",
    "👍 ❤️ 👩‍🔬 👍🏽 🇫🇷 #️⃣",
    "│ box ┼ drawing █▒░",
    "no\u00a0break　wide",
]


@pytest.fixture(scope="module")
def everything_cleaned() -> list[str]:
    """Each character of Unicode alone, cleaned."""
    return [clean(character) for character in EVERY_CHARACTER]


# --- every character ---


def test_no_character_does_anything(everything_cleaned: list[str]) -> None:
    """Of all 1,114,112 characters none leaves one that controls, formats, is private or is unassigned."""
    left = set().union(*everything_cleaned)

    assert {unicodedata.category(character) for character in left} & HARMFUL == set()
    assert left.isdisjoint(BLANKS)
    assert left.isdisjoint("\x1b\x9b\r\n\t\u202a\u202e\u2066\u2069\ufeff")


def test_every_character_is_clean_once_cleaned(everything_cleaned: list[str]) -> None:
    """Cleaning what is clean changes nothing."""
    assert [text for text in set(everything_cleaned) if clean(text) != text] == []


def test_every_character_is_cleaned_alike_among_others(everything_cleaned: list[str]) -> None:
    """Between plain letters a character becomes what it becomes alone, marks and tabs aside."""
    wrong = [
        f"U+{ord(character):04X}"
        for character, alone in zip(EVERY_CHARACTER, everything_cleaned, strict=True)
        if clean(f"a{character}b") != f"a{alone}b" and alone[:1] != "\u25cc" and character != "\t"
    ]

    assert wrong == []


def test_what_may_be_shown_is_not_changed(everything_cleaned: list[str]) -> None:
    """Letters, digits, punctuation, symbols and blanks of every script pass, but for those that show nothing."""
    changed = {
        character
        for character, cleaned in zip(EVERY_CHARACTER, everything_cleaned, strict=True)
        if unicodedata.category(character)[0] in "LNPS" and cleaned != character
    }

    jamo = {character for character in changed if "HANGUL J" in unicodedata.name(character)}
    assert {unicodedata.category(character) for character in jamo} == {"Lo"}
    assert changed - jamo <= set(BLANKS)


def test_every_character_takes_the_cells_it_is_said_to(everything_cleaned: list[str]) -> None:
    """No character is left that takes no cell of its own, unless it sits on another one."""
    assert [text for text in set(everything_cleaned) if not 1 <= width(text) <= 8] == []


def test_all_of_unicode_in_one_text_is_clean() -> None:
    """Neighbours do not protect each other."""
    cleaned = clean("".join(EVERY_CHARACTER))

    assert clean(cleaned) == cleaned
    assert {unicodedata.category(character) for character in cleaned} & HARMFUL == set()


# --- single rules ---


@pytest.mark.parametrize("text", HARMLESS)
def test_writing_of_people_passes(text: str) -> None:
    """Text as people write it, in any language, is not changed."""
    assert clean(text) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\x00\x07\x1b[2J\x1f\x7f", "␀␇␛[2J␟␡"),
        ("a\r\nb", f"a␍{NEWLINE}b"),
        ("a\x85b\u2028c\u2029d", f"a{NEWLINE}b{NEWLINE}c{NEWLINE}d"),
        ("\x80\x9b\x9f", REPLACEMENT * 3),
        ("soft\u00adhyphen\ufeff", f"soft{REPLACEMENT}hyphen{REPLACEMENT}"),
        ("\u202eabc\u2069", f"{REPLACEMENT}abc{REPLACEMENT}"),
        ("\ue000\U000f0000\ud800\uffff", REPLACEMENT * 4),
        (BLANKS, REPLACEMENT * len(BLANKS)),
        ("🏴\U000e0067\U000e007f", f"🏴{REPLACEMENT * 2}"),
        ("a\tb\tccccc\td", "a   b   ccccc   d"),
    ],
)
def test_hostile_characters_are_seen(text: str, expected: str) -> None:
    """What is taken away leaves a sign; a tab becomes blanks."""
    assert clean(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("\u200dx", f"{REPLACEMENT}x"),
        ("ro\u200dot", f"ro{REPLACEMENT}ot"),
        ("é\u200d\u200d\u200c", f"é\u200d{REPLACEMENT * 2}"),
        ("\u200b\u200d", REPLACEMENT * 2),
        ("\u3000\u200d", f"\u3000{REPLACEMENT}"),
    ],
)
def test_joiners_pass_where_writing_needs_them(text: str, expected: str) -> None:
    """A single joiner after a letter, mark or emoji other than ASCII passes, others do not."""
    assert clean(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a" + "\u0301" * STACKED_MARKS, "a" + "\u0301" * STACKED_MARKS),
        ("a" + "\u0301" * 50 + "b", "a" + "\u0301" * STACKED_MARKS + REPLACEMENT + "b"),
        ("ก" + "\u0e47" * 50, "ก" + "\u0e47" * STACKED_MARKS + REPLACEMENT),
        ("का" + "\u093e" * 50, "का" + "\u093e" * (ALL_MARKS - 1) + REPLACEMENT),
        ("a" + "\u11a8" * 50, "a" + "\u11a8" * STACKED_MARKS + REPLACEMENT),
        ("é" + "\u0301\u200d" * 5, "é" + "\u0301\u200d" * STACKED_MARKS + REPLACEMENT * 2),
        ("a\ufe0f\u0301b\u0301", "a\ufe0f\u0301b\u0301"),
    ],
)
def test_marks_do_not_pile_up(text: str, expected: str) -> None:
    """More marks than any language puts on one letter end in one sign."""
    assert clean(text) == expected


@pytest.mark.parametrize("mark", ["\u0338", "\u093e", "\u20dd", "\ufe0f", "\u11a8"])
def test_text_does_not_begin_with_a_mark(mark: str) -> None:
    """A mark at the beginning gets a letter to sit on, so that it leaves alone what was printed before."""
    assert clean(mark) == f"\u25cc{mark}"


def test_only_newlines_end_lines() -> None:
    """A message has as many lines as newlines say, each of them clean, also the empty ones."""
    assert clean_lines("a\n\nb\rc\x0bd\x0ce\x85f\u2028g\n") == ["a", "", f"b␍c␋d␌e{NEWLINE}f{NEWLINE}g", ""]


# --- any text ---


@given(hostile)
@example("\u200d\u0301\u200d")
@example("a" + "\u0301" * 9 + "\u200d\u0301")
@example("\t\u200d")
def test_clean_is_stable(text: str) -> None:
    """Cleaning twice is cleaning once."""
    assert clean(clean(text)) == clean(text)


@given(hostile)
def test_lines_are_the_clean_parts(text: str) -> None:
    """However lines are made of a text, each is what `clean` makes of that part and holds no newline."""
    assert clean_lines(text) == [clean(part) for part in text.split("\n")]
    assert not any(line.splitlines()[1:] for line in clean_lines(text))


@given(hostile)
def test_piles_are_low_everywhere(text: str) -> None:
    """No row of marks, with or without joiners in it, is longer than allowed."""
    row = 0
    for character in clean(text):
        if unicodedata.category(character)[0] == "M":
            row += 1
        elif character not in JOINERS:
            row = 0
        assert row <= ALL_MARKS


# --- screens ---


PREFIX = "12:00 nick: "

COLUMNS = 600

BEFORE = "11:59 root: do not trust what follows"


class Screen(pyte.Screen):
    """A screen that remembers what it typed on behalf of its user."""

    answers = ""

    def write_process_input(self, data: str) -> None:
        self.answers += data


class Terminal:
    """A terminal with a line on it, into which a message is printed."""

    def __init__(self) -> None:
        self.screen = Screen(COLUMNS, 4)
        self._stream = pyte.Stream(self.screen)
        self.print(f"{BEFORE}\r\n{PREFIX}")
        self.modes = set(self.screen.mode)

    def print(self, text: str) -> None:
        self._stream.feed(text)

    def faults(self) -> list[str]:
        """What the message did beyond standing in its line."""
        screen = self.screen
        rows = screen.display
        prefix = "".join(screen.buffer[1][column].data for column in range(len(PREFIX)))
        plain = screen.default_char
        cells = [cell for row in screen.buffer.values() for cell in row.values()]
        checks = {
            "cursor left its line": screen.cursor.y != 1,
            "cursor went back": screen.cursor.x < len(PREFIX),
            "cursor is hidden": screen.cursor.hidden,
            "line before changed": rows[0].rstrip() != BEFORE,
            "prefix changed": prefix != PREFIX,
            "other lines changed": any(row.strip() for row in rows[2:]),
            "title changed": bool(screen.title or screen.icon_name),
            "modes changed": screen.mode != self.modes,
            "margins changed": screen.margins is not None,
            "character set changed": screen.charset != 0 or screen.g0_charset != pyte.charsets.LAT1_MAP,
            "something saved": bool(screen.savepoints),
            "looks changed": any(cell._replace(data="") != plain._replace(data="") for cell in cells),
            "terminal answered": bool(screen.answers),
        }
        return [fault for fault, found in checks.items() if found]


@pytest.mark.parametrize(
    "attack",
    [
        "title",
        "title, 8-bit",
        "clear screen",
        "clear screen, 8-bit",
        "reset",
        "cursor up",
        "cursor anywhere",
        "hidden cursor",
        "no wrap",
        "colour that stays",
        "status report",
        "newline",
        "carriage return",
        "backspaces",
        "marks on the prefix",
    ],
)
def test_attacks_work_on_this_terminal(attack: str) -> None:
    """The tests below mean something: uncleaned, these attacks succeed here."""
    terminal = Terminal()

    terminal.print(ATTACKS[attack])

    assert terminal.faults() != []


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS.keys())
def test_attacks_fail_once_cleaned(attack: str) -> None:
    """A cleaned attack is text after the prefix and nothing else."""
    terminal = Terminal()

    terminal.print(clean(attack))

    assert terminal.faults() == []
    assert width(PREFIX + clean(attack)) >= terminal.screen.cursor.x


@given(hostile)
def test_no_text_leaves_its_line(text: str) -> None:
    """Whatever was sent stays in its line, takes the cells it is said to and changes nothing else."""
    terminal = Terminal()

    terminal.print(clean(text))

    assert terminal.faults() == []
    assert len(PREFIX) <= terminal.screen.cursor.x <= width(PREFIX + clean(text))


def test_no_character_leaves_its_line(everything_cleaned: list[str]) -> None:
    """A terminal that was shown every character there is still does what it did."""
    terminal = Terminal()

    for text in sorted(set(everything_cleaned)):
        terminal.screen.cursor_to_column(len(PREFIX) + 1)
        terminal.print(text)

    assert terminal.faults() == []
