"""What may be said: the rules of a text, checked by the client before it sends and by the broker before it stores.

Owns these rules only; names have their own (`names`). Pure; any thread.
"""

from __future__ import annotations

from .errors import Code
from .limits import MESSAGE_BYTES, MESSAGE_LINES, TOPIC_CHARACTERS


def refuse_text(text: str, kind: str = "message") -> tuple[Code, str] | None:
    """Why a text cannot be said, as code and sentence; None when it can."""
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        return Code.BAD_FRAME, "The text is not valid Unicode. Write it in UTF-8."
    if kind == "topic":
        if len(text) > TOPIC_CHARACTERS or "\n" in text:
            return Code.TOO_LARGE, f"A topic is one line of at most {TOPIC_CHARACTERS} characters. Shorten it."
    elif not text.strip():
        return Code.EMPTY, "The message is empty. Write something."
    if "\0" in text:
        return Code.BAD_FRAME, "A message cannot hold a NUL character. Remove it."
    if size > MESSAGE_BYTES:
        return Code.TOO_LARGE, f"The message is longer than {MESSAGE_BYTES} bytes, the most that is allowed. Split it."
    if text.count("\n") >= MESSAGE_LINES:
        return Code.TOO_LARGE, f"The message has more than {MESSAGE_LINES} lines. Split it."
    return None
