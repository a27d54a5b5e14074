"""What is shown in tests: an entry of alice's, and whatever a peer may send in its place."""

from __future__ import annotations

import unicodedata

from hypothesis import strategies as st

from zchat.common.messages import Entry
from zchat.common.text import JOINERS

TIME = 1_769_860_800_123
"""2026-01-31T12:00:00.123Z, 17:30 at `here`."""
HERE = "2026-01-31 17:30"
"""The same, as people read it there."""
PRIVATE = "@aaaa.bbbb"
"""The room of two users' private messages."""
KEYS = ["v", "kind", "id", "room", "to", "from", "seq", "time", "text", "replay"]
"""Those of every message, as JSON."""

HOSTILE = "\n\r\t\v\f\x00\x07\x08\x1b[2J\x7f\x85\x90\x9b\u00a0\u200b\u200d\u202e\u2028\u2029\u2066\ufeff\U000e0041: *->"
remote = st.text() | st.text(alphabet=HOSTILE + "ab") | st.text(alphabet=st.characters(codec=None), max_size=20)
"""Anything that a peer may send, lone surrogates too."""
words = st.sampled_from(["message", "me", "topic", "joined", "left", "poke"]) | remote
addressees = st.none() | remote
rooms = st.just(PRIVATE) | remote
times = st.integers(0, 2**47)


def entry(
    text: str = "hello", *, kind: str = "message", to: str | None = None, nick: str = "alice", at: int = TIME
) -> Entry:
    """One entry of alice's, number 42."""
    return Entry(seq=42, prev=41, id="id-42", time=at, nick=nick, key="aaaa", text=text, kind=kind, to=to)


def is_tame(line: str) -> bool:
    """One line that shows text and does nothing else."""
    return len(f"{line}x".splitlines()) == 1 and all(
        character in JOINERS or unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
        for character in line
    )
