"""Names that look alike have one skeleton, others do not."""

from __future__ import annotations

import pytest
from confusable_homoglyphs import confusables
from hypothesis import given, strategies as st

from zchat.common import skeleton
from zchat.common.names import fold
from zchat.common.skeleton import skeletons


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("alice", "a1ice"),
        ("alice", "aIice"),
        ("alice", "ALICE"),
        ("Alice", "аlісе"),
        ("bob", "b0b"),
        ("bob", "bоb"),
        ("modern", "modem"),
        ("paypal", "раураl"),
        ("root", "r00t"),
        ("ΑΒΕ", "ABE"),
        ("иван", "ИВАН"),
    ],
)
def test_names_that_look_alike_have_one_skeleton(name: str, other: str) -> None:
    """Letters of other scripts, digits, capitals and rn for m deceive nobody."""
    assert skeletons(name) & skeletons(other)


@pytest.mark.parametrize(
    ("name", "other"),
    [("alice", "alicia"), ("bob", "rob"), ("anna", "hanna"), ("иван", "ирина"), ("user1", "user2"), ("김수", "김희")],
)
def test_names_that_differ_have_different_skeletons(name: str, other: str) -> None:
    """People with similar names can be here together."""
    assert not skeletons(name) & skeletons(other)


@given(st.text(max_size=64))
def test_names_that_are_compared_as_one_have_one_skeleton(name: str) -> None:
    """Whatever folds to the same has the same skeleton."""
    assert skeletons(name) & skeletons(fold(name))


def test_the_table_is_the_librarys() -> None:
    """What is read of the library's file is what the library itself has."""
    look_alikes = {character: [each.c for each in alike] for character, alike in skeleton._table().items()}

    assert look_alikes == {
        character: [each["c"] for each in alike] for character, alike in confusables.confusables_data.items()
    }
