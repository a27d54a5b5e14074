"""Names of users (nicks) and rooms: which are legal, and which are the same.

Owns the rules. Does not know which names are taken or reserved, who owns one, or how it is shown beside a message.
A name is letters, digits, ``_`` and ``-`` of ONE script, so that a Cyrillic letter cannot hide in a Latin name
(UTS #39 §5.1); names in look-alike letters of one script are not told apart here.
Pure; any thread.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache

from . import limits
from .errors import Code, InputError, RefusedError
from .text import BLANKS, shown

PRIVATE_MARK = "@"
"""First character of the id of a room for private messages; no name may have it."""
LOBBY = "lobby"
"""The room that everyone enters when none is named; it has no owner."""
OPERATOR = "operator"
"""The nick of whoever holds the key that the broker made for its operator."""
RESERVED = frozenset(
    {OPERATOR, "admin", "administrator", "root", "system", "server", "broker", "zchat", "moderator", "here", "all"}
    | {"everyone", "everybody", "channel", "room", "nobody", "owner", "support", "security"}
)
"""Nicks that nobody can claim, since they would be taken for the broker or for everybody."""
FOREIGN_MARKS = 2
"""Marks on one letter that belong to no script, as the accents of Latin do."""
OWN_MARKS = 5
"""Marks on one letter from its own script: Hindi needs three, the Burmese word for a secret has five."""


@dataclass(frozen=True, slots=True)
class _Kind:
    word: str
    characters: int
    first: str
    plain: re.Pattern[str]


_NICK = _Kind("nick", limits.NICK_CHARACTERS, "a letter", re.compile("[A-Za-z][A-Za-z0-9_-]*"))
_ROOM = _Kind("room", limits.ROOM_CHARACTERS, "a letter or digit", re.compile("[A-Za-z0-9][A-Za-z0-9_-]*"))

_ANY_SCRIPT = {"COMMON", "INHERITED"}
# Augmented script sets of UTS #39 §5.1, by their ISO 15924 codes: Japanese, Han with Bopomofo, Korean.
_WRITTEN_IN = {
    "HAN": {"Jpan", "Hanb", "Kore"},
    "HIRAGANA": {"Jpan"},
    "KATAKANA": {"Jpan"},
    "BOPOMOFO": {"Hanb"},
    "HANGUL": {"Kore"},
}
# The one letter without a script that names are written with: the prolonged sound mark of kana.
_KANA_LENGTH = "\u30fc"
# Letters that keyboards type though Unicode has them as variants (NFKC) of others: the Armenian ligature ew, Thai
# and Lao am, Lao ho no and ho mo, single letters of Hangul.
_TYPED_VARIANTS = re.compile("[\u0587\u0e33\u0eb3\u0edc\u0edd\u3131-\u3163]")
# Beyond this, NFC makes no legal name of it, and normalising a long row of marks takes quadratic time.
_LONGEST = 4 * limits.ROOM_CHARACTERS
# Letters that NFC leaves but that take no cell (Hangul in its parts), and marks that show nothing.
_UNSEEN = re.compile(f"[{BLANKS}\u1100-\u11ff\ua960-\ua97f\ud7b0-\ud7ff\u034f\u17b4\u17b5\u180b-\u180f\ufe00-\ufe0f]")
# Letters that only lengthen or repeat another one: PRECIS has none of them in names (RFC 8264).
_NOT_IN_NAMES = "\u07fa\u303b"
_UNSEEN_PLANE = range(0xE0000, 0xF0000)
# UTS #39 §5.4: fonts show a dot on these as the dot they have, or make another letter of it. In NFD, where a mark
# below the letter comes before the dot.
_DOT_ON_DOTTED = re.compile("([ijl\u0131\u0237\u0456\u0458])[\u0316-\u0333]*\u0307")


def parse_nick(text: str) -> str:
    """The nick in its legal form (NFC); raises `InputError`, whose text names the fault and the rule."""
    return _parse(text, _NICK)


def legal_nick(text: str) -> str:
    """As `parse_nick`; raises `RefusedError`, as a broker would refuse the nick."""
    try:
        return parse_nick(text)
    except InputError as error:
        raise RefusedError(Code.NICK_INVALID, str(error)) from None


def parse_room(text: str) -> str:
    """The room's name in its legal form (NFC); raises `InputError`, whose text names the fault and the rule."""
    return _parse(text, _ROOM)


def fold(name: str) -> str:
    """The form by which names are compared: NFKC without case (Unicode 3.13, D146).

    Takes any text; one too long to be a name comes back as it is. ``fold(fold(name)) == fold(name)``.
    """
    if name.isascii():
        return name.lower()
    if len(name) > _LONGEST:
        return name
    folded = unicodedata.normalize("NFD", name).casefold()
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKD", folded).casefold())


def slug_nick(login: str) -> str | None:
    """A login name made a legal nick by dropping what is not legal in it, or None when nothing is left."""
    nick = ""
    for character in unicodedata.normalize("NFC", login):
        if len(nick) == limits.NICK_CHARACTERS:
            break
        with suppress(InputError):
            nick = parse_nick(nick + character)
    return nick if nick and fold(nick) not in RESERVED else None


# A broker parses the same few rooms again with every message.
@lru_cache(maxsize=1024)
def _parse(text: str, kind: _Kind) -> str:
    if len(text) <= kind.characters and kind.plain.fullmatch(text):
        return text
    name = text if len(text) > _LONGEST else unicodedata.normalize("NFC", text)
    if fault := next(_faults(name, kind), None):
        raise InputError(
            f"The {kind.word} {shown(name)} {fault}. "
            f"Use 1 to {kind.characters} letters, digits, _ or - of one script, {kind.first} first."
        )
    return name


def _faults(name: str, kind: _Kind) -> Iterator[str]:
    """What is wrong with a name in NFC, the plainest fault first."""
    if not name:
        yield "is empty"
        return
    if name != name.strip():
        yield "begins or ends with a blank"
    if len(name) > kind.characters:
        yield f"is too long ({len(name)} characters)"
    if name[0] in "#@":
        yield f"begins with {name[0]}, which is not a part of names here"
    yield from _faults_of_characters(name)
    if name[0] in "_-" or (kind is _NICK and not name[0].isalpha()):
        yield f"does not begin with {kind.first}"
    yield from _faults_of_scripts(name)
    if dotted := _DOT_ON_DOTTED.search(unicodedata.normalize("NFD", name)):
        yield f"has a dot on {shown(dotted[1])} that looks like another name"
    if len(fold(name)) > kind.characters:
        yield f"is too long ({len(fold(name))} characters when compared without case)"


def _faults_of_characters(name: str) -> Iterator[str]:
    """Characters that no name may have, and marks where none may be."""
    on_letter = False
    foreign = own = 0
    for character in name:
        category = unicodedata.category(character)
        if _UNSEEN.match(character) or ord(character) in _UNSEEN_PLANE:
            yield f"has U+{ord(character):04X} in it, which cannot be seen by itself"
        elif category in ("Mn", "Mc"):
            is_foreign = _script(character) in _ANY_SCRIPT
            foreign += is_foreign
            own += not is_foreign
            if not on_letter:
                yield f"has a mark (U+{ord(character):04X}) without a letter"
            elif foreign > FOREIGN_MARKS or own > OWN_MARKS:
                yield "has too many marks on one letter"
        elif character in _NOT_IN_NAMES:
            yield f"has {shown(character)} in it"
        elif category[0] == "L":
            on_letter, foreign, own = True, 0, 0
            plain = unicodedata.normalize("NFKC", character)
            if plain != character and not _TYPED_VARIANTS.match(character):
                yield f"has {shown(character)} in it, a variant of {shown(plain)}"
        elif character in "_-" or category == "Nd":
            on_letter = False
            if unicodedata.normalize("NFKC", character) != character:
                yield f"has {shown(character)} in it, a variant of a digit"
        elif category == "Zs":
            yield "has a blank in it"
        elif character.isprintable():
            yield f"has {shown(character)} in it"
        else:
            yield f"has U+{ord(character):04X} in it, which cannot be shown"


def _faults_of_scripts(name: str) -> Iterator[str]:
    """Letters, marks and digits that are not all of one script, and digits not all of one kind."""
    written_in: set[str] | None = None
    first = ""
    zeros = set()
    for character in name:
        digit = unicodedata.decimal(character, None)
        if digit is not None:
            zeros.add(ord(character) - digit)
        if character in "_-" or (digit is not None and character.isascii()):
            continue
        script = _script(character)
        if script in ("COMMON", "Unknown"):
            yield f"has {shown(character)} in it, which belongs to no known script"
        if script in _ANY_SCRIPT:
            continue
        here = _WRITTEN_IN.get(script, {script})
        if written_in is None:
            written_in, first = here, script
        elif not (written_in := written_in & here):
            yield f"mixes {_spoken(first)} with {_spoken(script)}"
    if len(zeros) > 1:
        yield "mixes two kinds of digits"


def _script(character: str) -> str:
    """The Script property of UAX #24 in capitals, ``Unknown`` when the library has not heard of the character."""
    if character.isascii():
        return "LATIN" if character.isalpha() else "COMMON"
    if character == _KANA_LENGTH:
        return "KATAKANA"
    # Takes 40 ms, which people whose names are ASCII need not wait.
    from confusable_homoglyphs import categories

    return str(categories.alias(character))


def _spoken(script: str) -> str:
    return script.replace("_", " ").title()
