"""What may be said: the rules of a text, checked by the client before it sends and by the broker before it stores.

Owns these rules and the kinds that they tell apart; names have their own (`names`). Pure; any thread.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

from .errors import Code, RefusedError
from .limits import CHOICE_CHARACTERS, CHOICES, MESSAGE_BYTES, MESSAGE_LINES, REASON_CHARACTERS, TOPIC_CHARACTERS
from .names import fold
from .text import clean

WORDS = ("message", "me", "ask")
"""Kinds of entries whose text is what somebody says; of the others it is a topic, a choice or a reason."""
Act = Literal["invite", "kick", "ban", "unban", "mute", "unmute", "op", "deop"]
"""What is done to somebody in a room."""
ACTS: tuple[Act, ...] = get_args(Act)
"""The kinds of the entries that tell of it."""
SEARCHED = (*WORDS, "topic", "answer")
"""Kinds of entries that a search finds."""


def refuse_text(
    text: str, kind: str = "message", most_bytes: int = MESSAGE_BYTES, most_lines: int = MESSAGE_LINES
) -> tuple[Code, str] | None:
    """Why a text cannot be said, as code and sentence; None when it can. A broker may allow less than the limits."""
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        return Code.BAD_FRAME, "The text is not valid Unicode. Write it in UTF-8."
    if kind == "topic":
        if len(text) > TOPIC_CHARACTERS or "\n" in text:
            return Code.TOO_LARGE, f"A topic is one line of at most {TOPIC_CHARACTERS} characters. Shorten it."
    elif kind not in WORDS:
        if len(text) > REASON_CHARACTERS or "\n" in text:
            return Code.TOO_LARGE, f"A reason is one line of at most {REASON_CHARACTERS} characters. Shorten it."
    elif not text.strip():
        return Code.EMPTY, "The message is empty. Write something."
    if "\0" in text:
        return Code.BAD_FRAME, "A message cannot hold a NUL character. Remove it."
    if kind == "answer" and not text:
        return Code.EMPTY, "The answer is empty. Choose one of the choices."
    if size > most_bytes:
        return Code.TOO_LARGE, f"The message is longer than {most_bytes} bytes, the most that is allowed. Split it."
    if text.count("\n") >= most_lines:
        return Code.TOO_LARGE, f"The message has more than {most_lines} lines. Split it."
    return None


def check_text(text: str, kind: str = "message") -> None:
    """Raise `RefusedError` unless a text can be said, as a broker would refuse it."""
    refusal = refuse_text(text, kind)
    if refusal is not None:
        raise RefusedError(*refusal)


def are_plain(texts: Sequence[str], most_bytes: int = MESSAGE_BYTES) -> bool:
    """Whether a quick look at many messages shows that none would be refused: single lines, none empty or too long."""
    together = "".join(texts)
    if "\n" in together or "\0" in together or not all(map(str.strip, texts)):
        return False
    # A surrogate is no Unicode; a character takes four bytes at most.
    return len(max(texts, key=len)) * (1 if together.isascii() else 4) <= most_bytes and _is_unicode(together)


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def refuse_choices(choices: Sequence[str]) -> tuple[Code, str] | None:
    """Why a question cannot have these choices, as code and sentence; None when it can."""
    if not 2 <= len(choices) <= CHOICES:
        return Code.BAD_FRAME, f"A question has 2 to {CHOICES} choices. Name them with commas between."
    if any(not choice or choice != clean(choice).strip() for choice in choices):
        return Code.BAD_FRAME, "A choice is empty, or more than a line of text without blanks around it. Write it anew."
    if max(map(len, choices)) > CHOICE_CHARACTERS:
        return Code.TOO_LARGE, f"A choice has at most {CHOICE_CHARACTERS} characters. Shorten it."
    if len({fold(choice) for choice in choices}) < len(choices):
        return Code.BAD_FRAME, "Two of the choices are the same. Name each once."
    return None


def check_choices(choices: Sequence[str]) -> None:
    """Raise `RefusedError` unless a question can have these choices, as a broker would refuse it."""
    refusal = refuse_choices(choices)
    if refusal is not None:
        raise RefusedError(*refusal)
