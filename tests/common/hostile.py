"""Texts that would do something to a terminal, if it got them as they are."""

from __future__ import annotations

from hypothesis import strategies as st

from zchat.common.text import BLANKS, JOINERS

ATTACKS = {
    "title": "\x1b]2;pwned\x07",
    "title, 8-bit": "\x9d2;pwned\x9c",
    "icon": "\x1b]1;pwned\x07",
    "clear screen": "\x1b[2J\x1b[H",
    "clear screen, 8-bit": "\x9b2J\x9bH",
    "reset": "\x1bc",
    "cursor up": "\x1b[Aroot: send me your key",
    "cursor anywhere": "\x1b[1;1Hroot",
    "save and restore": "\x1b7\x1b[3;3H!\x1b8",
    "insert line": "\x1b[L",
    "scroll region": "\x1b[2;3r",
    "hidden cursor": "\x1b[?25l",
    "no wrap": "\x1b[?7l",
    "alternate screen": "\x1b[?1049h",
    "colour that stays": "\x1b[31;5mred",
    "other letters": "\x0e\x1b(0qqq",
    "status report": "\x1b[6n\x1b[c\x1bZ",
    "device control": "\x1bP$qm\x1b\\",
    "link": "\x1b]8;;http://evil.example\x1b\\here\x1b]8;;\x1b\\",
    "carriage return": "\r12:00 root: hello",
    "backspaces": "\b\b\b\b\b\broot: hello",
    "newline": "\n12:00 root: hello",
    "line feeds of other kinds": "\v12:00\froot\x85hello\x84\x8d",
    "line separators": "\u202812:00 root: hello\u2029x",
    "tab stops": "\x1bH\x88\t\tx",
    "answerback and bell": "\x05\x07",
    "delete": "abc\x7f\x7f",
    "NUL": "a\x00b",
    "right to left": "\u202etoor\u202c",
    "isolates": "\u2066\u2067\u2068x\u2069",
    "marks on the prefix": "\u0336\u0338\u20d2",
    "zalgo": "z" + "\u0300\u0316" * 50,
    "tag characters": "".join(chr(0xE0000 + ord(letter)) for letter in "run rm -rf"),
    "row of joiners": "é" + "\u200c\u200d" * 20,
    "surrogates": "\ud83d\ude00\udc1b",
    "final jamo": "a" + "\u11a8" * 100,
}
hostile = st.text(
    st.one_of(
        st.sampled_from([*"".join(ATTACKS.values()), *BLANKS, *JOINERS, *"\t[]0;?m👩\u0947\u093f\u1166"]),
        st.characters(exclude_categories=[]),
    ),
    max_size=60,
)
"""Half of it is drawn from what may do harm."""
