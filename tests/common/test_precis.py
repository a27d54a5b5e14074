"""Nicks beside PRECIS (RFC 8265), the rules of the IETF for names of users: ours are within them."""

from __future__ import annotations

import re
import sys
import unicodedata

import pytest
from hypothesis import example, given, settings, strategies as st
from precis_i18n import get_profile

from zchat.common.errors import InputError
from zchat.common.names import parse_nick

USERNAME = get_profile("UsernameCaseMapped")
TYPED = re.compile("[\u0587\u0e33\u0eb3\u0edc\u0edd\u3131-\u3163]")
"""Letters that keyboards type though they have a compatibility form; `zchat.common.names` lets them in for that."""


def fault(text: str) -> str | None:
    """Why a legal nick is none by PRECIS; None when it is one, or is illegal here."""
    try:
        nick = parse_nick(text)
    except InputError:
        return None
    try:
        USERNAME.enforce(nick)
    except UnicodeEncodeError as error:
        return "" if TYPED.search(nick) else error.reason
    return None


def test_every_letter_of_a_nick_is_one_by_precis() -> None:
    """But for those that keyboards type as a compatibility form."""
    letters = (chr(code) for code in range(sys.maxunicode + 1))
    faults = {
        f"U+{ord(letter):04X}": found
        for letter in letters
        if unicodedata.category(letter)[0] == "L" and (found := fault(letter))
    }

    assert faults == {}


@given(
    st.text(st.characters(categories=["L", "M", "Nd"]), max_size=12)
    | st.text(st.sampled_from("abcXYZ019_-éßİıΣςжЖй일日たカーक्षिשלוםعليدᏣᎳㅋน้ำ\u0301\u0307١۱"), max_size=12)
)
@settings(max_examples=300, deadline=None)
@example("שלום2")
@example("علي٢")
def test_a_nick_is_a_username(text: str) -> None:
    """Every legal nick is one by PRECIS, except where a name that is written from right to left ends with a sign."""
    found = fault(text)

    assert not found or "bidi" in found, found


@pytest.mark.parametrize("nick", ["שלום-", "علي_"])
def test_from_right_to_left_signs_may_stand_last(nick: str) -> None:
    """That is where we allow more: whoever shows names keeps each apart from what stands beside it."""
    assert "bidi" in (fault(nick) or "")
