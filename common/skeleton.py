"""Which names look alike: the skeleton of a name (UTS #39 §4).

Owns the comparison. Does not know which names are taken (`broker.nicks`), nor which are legal (`names`). Pure; any
thread. The table of look-alikes is Unicode's confusables.txt, as the library confusable-homoglyphs carries it.
"""

from __future__ import annotations

import unicodedata
from functools import cache

import msgspec

from .names import fold


def skeletons(name: str) -> frozenset[str]:
    """Forms of a name, at least one of which it shares with every name that looks like it; not for display.

    There is one for the name as it is shown and one for its folded form, since a capital and a small letter may look
    like different letters. Stricter than UTS #39: a small i and a small l are alike too, as a capital I and a small l
    are.
    """
    return frozenset(_skeleton(form) for form in (name, fold(name)))


def _skeleton(name: str) -> str:
    return "".join(_prototype(character) for character in unicodedata.normalize("NFD", name))


@cache
def _prototype(character: str) -> str:
    """What stands for all characters that look like this one."""
    look_alikes = _table().get(character, [])
    # The library lists a prototype's look-alikes, and of any other character only its prototype; of a pair both have
    # one, and the smaller shall stand for it.
    if len(look_alikes) == 1:
        other = look_alikes[0].c
        mutual = [each.c for each in _table().get(other, [])] == [character]
        character = min(character, other) if mutual else other
    folded = unicodedata.normalize("NFD", fold(character))
    # Pairs that Unicode's table lacks: it takes m for rn, but not d for cl or w for vv.
    return folded.replace("i", "l").replace("w", "vv").replace("d", "cl")


class _LookAlike(msgspec.Struct, frozen=True, gc=False):
    c: str


@cache
def _table() -> dict[str, list[_LookAlike]]:
    # Takes 15 ms, which only those who claim a nick need to wait. The library would load an HTTP client first, and the
    # names of all these characters, which takes 45.
    from importlib.resources import files

    data = files("confusable_homoglyphs").joinpath("confusables.json").read_bytes()
    return msgspec.json.decode(data, type=dict[str, list[_LookAlike]])
