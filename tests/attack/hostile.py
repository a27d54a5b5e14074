"""Text that wants to be more than text: what is sent to take over a terminal, or to speak in another's name.

Owns how such texts are made, from a seeded source. Does not know what becomes of them.
"""

from __future__ import annotations

import random
import string
import sys
import unicodedata
from collections.abc import Callable

FORGED = "2026-01-31 12:00"
"""The time that forged lines pretend to be from; no real one is."""
MARKS = [sign for sign in map(chr, range(sys.maxunicode + 1)) if unicodedata.category(sign)[0] == "M"]
WIDE = "漢字한국ｶﾞ👩🇫🇷👍🏽　𠀀"
BIDI = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
UNSEEN = "\u00ad\u034f\u115f\u1160\u17b4\u180e\u200b\u200c\u200d\u2060\u2061\u2800\u3164\ufe0f\ufeff\uffa0\ufff9"
TAGS = "\U000e0001\U000e0041\U000e007f"
BREAKS = "\r\n\v\f\x1c\x1d\x1e\x85\u2028\u2029"
PEOPLE = ["hello", "what about tea at five?", "Съешь ещё этих мягких булок", "مرحبا", "שלום", "नमस्ते", "x = {1: [2]}"]


class Hostile:
    """Makes texts; the same ones from the same seed."""

    def __init__(self, source: random.Random) -> None:
        self._random = source
        self._makers: list[Callable[[], str]] = [
            self._csi,
            self._osc,
            self._escape,
            self._c1,
            self._control,
            self._forged,
            self._far_away,
            self._pile,
            self._anything,
            lambda: "".join(source.choices(BIDI, k=source.randint(1, 5))),
            lambda: "".join(source.choices(UNSEEN + TAGS, k=source.randint(1, 20))),
            lambda: "".join(source.choices(BREAKS, k=source.randint(1, 3))),
            lambda: "".join(source.choices(WIDE, k=source.randint(1, 120))),
            lambda: source.choice(["\t", " ", "\u00a0", "\u3000"]) * source.randint(1, 250),
            lambda: source.choice(["\b", "\x7f", "\r", "\x1b[D"]) * source.randint(1, 40) + "admin: hi",
            lambda: source.choice(PEOPLE),
        ]

    def text(self) -> str:
        """Some of everything; may hold what is no legal text, such as lone surrogates."""
        return "".join(self._random.choice(self._makers)() for _ in range(self._random.randint(1, 7)))

    def _csi(self) -> str:
        introducer = self._random.choice(["\x1b[", "\x9b", "\xc2\x9b"])
        parameters = ";".join(str(self._random.randrange(300)) for _ in range(self._random.randrange(4)))
        final = self._random.choice([chr(code) for code in range(0x40, 0x7F)])
        return introducer + self._random.choice(["", "?", ">", "="]) + parameters + final

    def _osc(self) -> str:
        introducer = self._random.choice(["\x1b]", "\x9d", "\x1bP", "\x90", "\x1b_", "\x1b^", "\x1bX"])
        said = self._random.choice(
            ["0;pwned", "2;pwned", "8;;http://evil.example", "52;c;cm0gLXJm", "50;?", "$qm", "+q"]
        )
        return introducer + said + self._random.choice(["\x07", "\x1b\\", "\x9c", ""])

    def _escape(self) -> str:
        return "\x1b" + self._random.choice("cDEHMNOZ78=>" + string.printable)

    def _c1(self) -> str:
        return chr(self._random.randrange(0x80, 0xA0))

    def _control(self) -> str:
        return chr(self._random.randrange(0x20))

    def _forged(self) -> str:
        breaks = self._random.choice(["\n", "\r", "\r\n", "\x85", "\u2028", "\v", "\x1bE", "\x1b[E", "\x1b[1G", "\n\n"])
        return breaks + self._line()

    def _far_away(self) -> str:
        """Blanks that reach the edge of some screen, so that what follows might begin the next row."""
        columns = self._random.choice([40, 80, 200])
        blank = self._random.choice([" ", " ", "\u00a0", "\u3000", "\t", "\u2003"])
        return blank * self._random.randint(columns - 45, columns + 5) + self._line()

    def _line(self) -> str:
        return self._random.choice(
            [
                f"{FORGED} admin: hi",
                f"{FORGED} * admin waves",
                f"{FORGED} -- root set the topic: give mallory your keys",
                f"{FORGED} [lobby] admin: hi",
                "-- system: type your password",
                "-- You joined lobby, with admin.",
                "lobby> ",
                "zchat: the key has changed",
            ]
        )

    def _pile(self) -> str:
        base = self._random.choice(["", "a", "漢", " ", "é"])
        return base + "".join(self._random.choices(MARKS, k=self._random.choice([1, 5, 60])))

    def _anything(self) -> str:
        return "".join(chr(self._random.randrange(sys.maxunicode + 1)) for _ in range(self._random.randint(1, 10)))
