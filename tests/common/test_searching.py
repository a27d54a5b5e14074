"""What is looked for: how the words of a search are read."""

from __future__ import annotations

import pytest

from zchat.common.errors import InputError
from zchat.common.searching import parse_search


@pytest.mark.parametrize(
    ("words", "refused"),
    [
        ("", True),
        ('"" * **', True),
        ("a*", True),
        ("ab*", False),
        ("東*", False),
        ("a b c d e f g h", False),
        ("a b c d e f g h i", True),
        ('"a b c d e f g h i"', True),
        ("a-b-c-d-e-f-g-h-i", True),
        ("x" * 257, True),
    ],
)
def test_a_search_is_not_without_bounds(words: str, refused: bool) -> None:
    """It has words, not too many, and does not ask for most of all words."""
    if refused:
        with pytest.raises(InputError):
            parse_search(words)
    else:
        assert parse_search(words)
