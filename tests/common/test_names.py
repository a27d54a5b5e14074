"""Which names are legal, and which are the same."""

from __future__ import annotations

import string
import subprocess
import sys
import unicodedata
from collections.abc import Callable

import pytest
from hypothesis import example, given, strategies as st

from zchat.common.errors import InputError
from zchat.common.limits import NICK_CHARACTERS, ROOM_CHARACTERS
from zchat.common.names import LOBBY, OPERATOR, RESERVED, fold, parse_nick, parse_room, slug_nick
from zchat.common.text import clean, width

NICKS = [
    "a",
    "alice",
    "Bob_the-2nd",
    "x" * NICK_CHARACTERS,
    "Zoë",
    "Nguyễn",
    "Łukasz",
    "İpek",
    "алиса",
    "Пётр-2",
    "Σωκράτης",
    "ᾂδης",
    "فاطمة",
    "علي٢",
    "محمد2",
    "שלום",
    "たなか",
    "田中さん",
    "タナカー",
    "山田タロウ",
    "らーめんマン",
    "佐々木",
    "王小明",
    "王ㄅㄆ",
    "김철수",
    "金철수",
    "ㅇㅇ",
    "देवेंद्र",
    "घोड़ों",
    "जड़ें२",
    "လျှို့ဝှက်",
    "น้ำ",
    "ຄຳ",
    "Յարություն",
    "Արև",
    "გიორგი",
    "தமிழ்",
    "ᏣᎳᎩ",
]

ILLEGAL = {
    "": "empty",
    " alice": "begins or ends with a blank",
    "alice ": "begins or ends with a blank",
    "alice\n": "begins or ends with a blank",
    "\u3000alice": "begins or ends with a blank",
    "user name": "blank in it",
    "user\u00a0name": "blank in it",
    "#lobby": "begins with #",
    "@alice": "begins with @",
    "a.b": "'.'",
    "al:ice": "':'",
    "a/b": "'/'",
    "_alice": "does not begin",
    "-alice": "does not begin",
    "😀": "'😀'",
    "alice❤️": "'❤'",
    "a\u200bb": "U+200B",
    "\u202eecila": "U+202E",
    "a\u200db": "U+200D",
    "سلام\u200cعلی": "U+200C",
    "a\u00adb": "U+00AD",
    "a\x00b": "U+0000",
    "a\tb": "U+0009",
    "a\nb": "U+000A",
    "a\x1b[31m": "U+001B",
    "a\x7f": "U+007F",
    "a\x9b1m": "U+009B",
    "a\u2028b": "U+2028",
    "a\ud800": "U+D800",
    "a\ue000": "U+E000",
    "a\U000e0041": "U+E0041",
    "a\U000e0100": "U+E0100",
    "a\ufe0f": "U+FE0F",
    "a\u034fb": "U+034F",
    "김\u3164": "U+3164",
    "\u115f김": "U+115F",
    "\u1100": "U+1100",
    "가\u11a8\u11a8": "U+11A8",
    "a\u0378": "U+0378",
    "pаypal": "mixes Latin with Cyrillic",
    "Ωmega": "mixes Greek with Latin",
    "aliceー": "mixes Latin with Katakana",
    "たなか한": "mixes Hiragana with Hangul",
    "たㄅ": "mixes Hiragana with Bopomofo",
    "alice١": "mixes Latin with Arabic",
    "علي١۱": "two kinds of digits",
    "علي1١": "two kinds of digits",
    "ａlice": "a variant of 'a'",
    "𝐚lice": "a variant of 'a'",
    "ﬁn": "a variant of 'fi'",
    "ªlice": "a variant of 'a'",
    "alice１": "a variant of a digit",
    "alice²": "'²'",
    "Ⅷ": "'Ⅷ'",
    "hawaiʼi": "belongs to no known script",
    "مـحمد": "belongs to no known script",
    "\u0301a": "without a letter",
    "a_\u0301": "without a letter",
    "a1\u0301": "without a letter",
    "a\u20dd": "in it",
    "x\u0301\u0302\u0303": "too many marks",
    "ก" + "\u0e47" * 6: "too many marks",
    "i\u0307van": "a dot on 'i'",
    "i\u0323\u0307van": "a dot on 'i'",
    "ß" * 13: "26 characters when compared",
}


def fault_of(parse: Callable[[str], str], name: str) -> str:
    with pytest.raises(InputError) as refused:
        parse(name)
    return str(refused.value)


def is_legal(parse: Callable[[str], str], name: str) -> bool:
    try:
        parse(name)
    except InputError:
        return False
    return True


# --- legal ---


@pytest.mark.parametrize("nick", NICKS)
def test_names_of_people_are_legal(nick: str) -> None:
    """A name in any one script is a nick and a room, and comes back as it was typed."""
    assert parse_nick(nick) == nick
    assert parse_room(nick) == nick


@pytest.mark.parametrize("nick", NICKS)
def test_names_typed_in_parts_are_composed(nick: str) -> None:
    """Some systems type letters and marks one by one (NFD); the legal form is NFC."""
    assert parse_nick(unicodedata.normalize("NFD", nick)) == nick


@pytest.mark.parametrize(("room", "is_room"), [("2026", True), ("٢٠٢٦", True), ("9-to-5", True), ("-5", False)])
def test_rooms_may_begin_with_a_digit(room: str, is_room: bool) -> None:
    """A room may begin with a digit, a nick may not."""
    assert is_legal(parse_room, room) is is_room
    assert "does not begin with a letter" in fault_of(parse_nick, room)


def test_longest_names() -> None:
    """A nick has at most 24 characters, a room 64, counted in composed form."""
    assert parse_nick("e\u0301" * NICK_CHARACTERS) == "é" * NICK_CHARACTERS
    assert parse_room("r" * ROOM_CHARACTERS) == "r" * ROOM_CHARACTERS
    assert "too long (25 characters)" in fault_of(parse_nick, "a" * (NICK_CHARACTERS + 1))
    assert "too long (65 characters)" in fault_of(parse_room, "é" * (ROOM_CHARACTERS + 1))


def test_a_room_is_longer_than_a_nick() -> None:
    """A room's name may have more characters than a nick, and the error tells the right number."""
    assert parse_room("r" * 25) == "r" * 25
    assert "The nick" in fault_of(parse_nick, "r" * 25)
    assert "Use 1 to 64 letters" in fault_of(parse_room, "a b")


# --- illegal ---


@pytest.mark.parametrize(("name", "fault"), ILLEGAL.items(), ids=map(ascii, ILLEGAL))
def test_illegal_names(name: str, fault: str) -> None:
    """Each is refused, as nick and as room, with an error that names the fault."""
    assert fault in fault_of(parse_nick, name)
    assert not is_legal(parse_room, name) or name == "ß" * 13


def test_error_names_the_name_and_the_rule() -> None:
    """The whole text: what is wrong with which name, then what is allowed."""
    assert fault_of(parse_nick, "user name") == (
        "The nick 'user name' has a blank in it. Use 1 to 24 letters, digits, _ or - of one script, a letter first."
    )


def test_long_rows_of_marks_cost_nothing() -> None:
    """Text far too long for a name is neither normalised, which would take seconds, nor shown whole."""
    row = "a" + "\u0301\u0323" * 500_000

    assert len(fault_of(parse_room, row)) < 300
    assert fold(row) == row


# --- any text ---

nearly_names = st.one_of(
    st.text(st.characters(categories=["L", "M", "Nd"]), max_size=30),
    st.text(st.sampled_from("abcXYZ019_-éßİıſΣςжЖй일日たカーक्षि\u0301\u0307١۱"), max_size=30),
    st.text(st.characters(exclude_categories=[]), max_size=30),
)


@given(nearly_names)
def test_names_are_legal_or_an_input_error(text: str) -> None:
    """Any text gives a name whose every form is short and composed, or an error that is safe to print."""
    try:
        name = parse_nick(text)
    except InputError as error:
        message = str(error)
        assert clean(message) == message
        assert width(message) < 300
        return
    assert name == unicodedata.normalize("NFC", text) == parse_nick(name)
    assert 1 <= len(name) <= NICK_CHARACTERS
    assert 1 <= len(fold(name)) <= NICK_CHARACTERS
    assert clean(name) == name
    assert width(name) >= 1
    assert parse_room(name) == name


@given(nearly_names)
@example("ΐͅ")
@example("İ\u0323")
def test_fold_is_stable(text: str) -> None:
    """Folding what is folded changes nothing, whatever the text."""
    assert fold(fold(text)) == fold(text)


@given(nearly_names)
def test_normal_forms_fold_alike(text: str) -> None:
    """However the letters and marks of a name were typed, it is the same name."""
    assert fold(text) == fold(unicodedata.normalize("NFD", text)) == fold(unicodedata.normalize("NFC", text))


@pytest.mark.parametrize("name", NICKS)
def test_case_does_not_matter(name: str) -> None:
    """Names that differ in case only are the same."""
    assert fold(name) == fold(name.upper()) == fold(name.lower())


@pytest.mark.parametrize(
    ("one", "other"),
    [("Alice", "aLICE"), ("ЖУК", "жук"), ("Σοφός", "ΣΟΦΌΣ"), ("straße", "STRASSE"), ("ᏣᎳᎩ", "ꮳꮃꭹ"), ("Արև", "ԱՐԵՒ")],
)
def test_same_names(one: str, other: str) -> None:
    """Case is folded in every script, also where letters change their number."""
    assert fold(one) == fold(other)


@pytest.mark.parametrize(("one", "other"), [("alice", "аlice"), ("résumé", "resume"), ("a-b", "a_b"), ("ı", "i")])
def test_different_names(one: str, other: str) -> None:
    """Marks and signs tell names apart."""
    assert fold(one) != fold(other)


def test_every_character() -> None:
    """Every character there is folds stably, and is a nick only if it is a letter that is seen."""
    for code in range(sys.maxunicode + 1):
        character = chr(code)
        if unicodedata.category(character) in ("Cn", "Co"):
            continue
        assert fold(fold(character)) == fold(character)
        if is_legal(parse_nick, character):
            nick = parse_nick(character)
            assert nick[0].isalpha()
            assert not nick[0].isascii() or nick in string.ascii_letters
            assert width(nick) >= 1
            assert clean(nick) == nick


# --- login names ---


@pytest.mark.parametrize(
    ("login", "nick"),
    [
        ("alice", "alice"),
        ("john.doe", "johndoe"),
        ("DOMAIN\\bob smith", "DOMAINbobsmith"),
        ("2pac", "pac"),
        ("_www", "www"),
        ("пётр.petrov", "пётр"),
        ("Zoe\u0308", "Zoë"),
        ("x" * 40, "x" * NICK_CHARACTERS),
        ("ß" * 40, "ß" * (NICK_CHARACTERS // 2)),
        ("\x1b[31mroot\x1b[0m", "mroot0m"),
        ("root", None),
        ("Administrator", None),
        ("r.o.o.t", None),
        ("operator", None),
        ("roots", "roots"),
        ("1000", None),
        ("...", None),
        ("", None),
    ],
)
def test_login_names_become_nicks(login: str, nick: str | None) -> None:
    """What is illegal in a login name is dropped; if nothing is left there is no nick."""
    assert slug_nick(login) == nick


@given(nearly_names)
def test_login_names_become_legal(login: str) -> None:
    """Whatever the login name, the result is legal, and a legal one is kept."""
    nick = slug_nick(login)

    assert nick is None or parse_nick(nick) == nick
    assert nick is None or fold(nick) not in RESERVED
    if is_legal(parse_nick, login) and fold(login) not in RESERVED:
        assert nick == parse_nick(login)


# --- reserved ---


def test_reserved_nicks_are_nicks() -> None:
    """Each is legal and in the form by which names are compared; else it would protect nothing."""
    for nick in RESERVED:
        assert parse_nick(nick) == fold(nick) == nick
    assert OPERATOR in RESERVED
    assert parse_room(LOBBY) == fold(LOBBY) == LOBBY


# --- libraries ---


def run(code: str) -> str:
    """The stdout of a fresh interpreter in which every warning is an error."""
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", code], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_ascii_names_need_no_library() -> None:
    """Names and text in ASCII, legal or not, do not wait for the tables of Unicode."""
    code = """
import sys
from zchat.common import errors, names, text
names.parse_nick("alice"), names.parse_room("lobby"), names.slug_nick("john.doe")
text.cut(text.clean("hello\\t\\x1b[31m"[:6]), 3)
try:
    names.parse_nick("user name")
except errors.InputError:
    print(sorted({"confusable_homoglyphs", "wcwidth"} & sys.modules.keys()))
"""
    assert run(code) == "[]\n"


def test_libraries_are_quiet() -> None:
    """The libraries behind other names warn of nothing when they are loaded."""
    code = "from zchat.common import names, text; names.parse_nick('алиса'); text.width('алиса')"

    assert run(code) == ""
