"""What is searched for: a typed line as terms, and where they stand in a text.

Owns how words are told apart and compared, as the broker's index does it (SQLite's tokenizer unicode61 without
diacritics), so that a reader can mark what was found. Does not know the index, nor who may read what. Pure; any thread.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

from .errors import InputError
from .limits import SEARCH_CHARACTERS, SEARCH_WORDS

SHORTEST_PREFIX = 2
"""Letters before a ``*``; one alone begins a good part of all words. Signs of scripts that write syllables may."""
_ALPHABETS_END = 0x2E80

_TERM = re.compile(r'"([^"]*)(?:"(\*)?|$)|([^\s"]+)')


class Term(NamedTuple):
    """One word, or several that stand together; with `prefix` the last is the beginning of one."""

    text: str
    prefix: bool = False


class Token(NamedTuple):
    """One word of a text, as it is compared, and where it stands."""

    word: str
    start: int
    end: int


def parse_search(line: str) -> tuple[Term, ...]:
    """The terms of a typed line, which all have to be found; raises `InputError` for none, and for too many."""
    if len(line) > SEARCH_CHARACTERS:
        raise InputError(f"A search has at most {SEARCH_CHARACTERS} characters. Shorten it.")
    found, words = [], 0
    for quoted, star, bare in _TERM.findall(line.replace("\0", " ")):
        term = Term(quoted, bool(star)) if not bare else Term(bare.rstrip("*"), bare.endswith("*"))
        tokens = tokens_of(term.text)
        if not tokens:
            continue
        last = tokens[-1].word
        if term.prefix and len(last) < SHORTEST_PREFIX and ord(last[0]) < _ALPHABETS_END:
            raise InputError(f"Before a * stand at least {SHORTEST_PREFIX} letters. Add one to {last}*.")
        found.append(term)
        words += len(tokens)
    if not found:
        raise InputError("There is no word to search for. Name some that stand in what you look for.")
    if words > SEARCH_WORDS:
        raise InputError(f"A search has at most {SEARCH_WORDS} words. Leave some out.")
    return tuple(found)


def tokens_of(text: str) -> list[Token]:
    """The words of a text: runs of letters and digits, in lower case and without accents."""
    tokens: list[Token] = []
    word, start = "", 0
    for place, character in enumerate(f"{text} "):
        # An accent of its own belongs to the word it stands in.
        if _is_of_word(character) or (word and unicodedata.category(character) == "Mn"):
            start = start if word else place
            word += _folded(character)
        elif word:
            tokens.append(Token(word, start, place))
            word = ""
    return tokens


def _is_of_word(character: str) -> bool:
    return unicodedata.category(character)[0] in "LN"


def _folded(character: str) -> str:
    apart = unicodedata.normalize("NFD", character.lower())
    return "".join(part for part in apart if unicodedata.category(part) != "Mn")


def spans(text: str, terms: Sequence[Term]) -> list[tuple[int, int]]:
    """Where the terms stand in a text, as (start, end) in ascending order; what overlaps is one."""
    tokens = tokens_of(text)
    found = sorted(span for term in terms for span in _of_term(tokens, term))
    joined: list[tuple[int, int]] = []
    for start, end in found:
        if joined and start <= joined[-1][1]:
            start, end = joined[-1][0], max(end, joined.pop()[1])
        joined.append((start, end))
    return joined


def holds(text: str, terms: Sequence[Term]) -> bool:
    """Whether all of the terms stand in a text."""
    tokens = tokens_of(text)
    return all(_of_term(tokens, term) for term in terms)


def _of_term(tokens: Sequence[Token], term: Term) -> list[tuple[int, int]]:
    *first, last = [token.word for token in tokens_of(term.text)]
    size = len(first) + 1
    return [
        (tokens[at].start, tokens[at + size - 1].end)
        for at in range(len(tokens) - size + 1)
        if [token.word for token in tokens[at : at + len(first)]] == first
        and (tokens[at + size - 1].word.startswith(last) if term.prefix else tokens[at + size - 1].word == last)
    ]
