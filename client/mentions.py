"""What is meant for one user: private messages, and messages in which their nick stands.

Owns this rule. Does not know what is done about it. Pure; any thread.
"""

from __future__ import annotations

import re

from ..common import names
from ..common.messages import Entry
from ..common.names import PRIVATE_MARK
from ..common.rules import WORDS

_WORD = re.compile(r"[^\s@,.:;!?()\[\]{}<>\"'`*/\\|\u2018-\u201f\u00ab\u00bb]+")


def mentions(text: str, nick: str) -> bool:
    """Whether a nick stands in a text as a word of its own, in whatever case."""
    wanted = names.fold(nick)
    return any(names.fold(word) == wanted or names.fold(word.strip("-_")) == wanted for word in _WORD.findall(text))


def concerns(room: str, entry: Entry, *, key: str, nick: str) -> bool:
    """Whether an entry is meant for the user with this key and nick."""
    if entry.key == key or entry.kind not in WORDS:
        return False
    return room.startswith(PRIVATE_MARK) or mentions(entry.text, nick)
