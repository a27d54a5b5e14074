"""What stays of an entry that is taken out, and how much is taken out at once, whatever stores it.

Owns these rules. Does not know any database. Pure; any thread.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from ..common.rules import WORDS

MAYBE_TOPIC = ("topic", "deleted")
"""Kinds of entries that are a room's topic, or were before they were taken out."""

Row = TypeVar("Row")


def digest_of(text: str, kind: str, target: str | None, about: int, choices: str) -> bytes:
    """What is kept of an entry to tell a repeat of it from another text under its id."""
    choices = f"{choices}\n" if choices else ""
    return hashlib.blake2b(f"{kind} {target} {about} {choices}{text}".encode(), digest_size=16).digest()


def what_stays(kind: str, text: str) -> tuple[str, str]:
    """Kind and text when words are erased: not what was said, but which choice was taken, or what was done."""
    if kind == "answer":
        return kind, text
    return ("deleted" if kind in (*WORDS, "topic") else kind), ""


def up_to_bytes(rows: Iterable[Row], most: int, text: Callable[[Row], str]) -> Iterator[Row]:
    """The first rows, until their texts are so long together; what costs time is their length, not their number."""
    size = 0
    for row in rows:
        yield row
        size += len(text(row).encode())
        if size >= most:
            return
