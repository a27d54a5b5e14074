"""The pages under docs/ name tests for what they promise: they must exist."""

from __future__ import annotations

import ast
import functools
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "guarantees.md").read_text(encoding="utf-8")
PAGES = "".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "docs").glob("*.md")))
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", PAGES)))


@functools.cache
def named_in(path: str) -> set[str]:
    """The names of the tests in a file, if there is one."""
    if not (ROOT / path).exists():
        return set()
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


def test_named_tests_exist() -> None:
    """A test that was renamed or taken away is not promised any more."""
    gone = [f"{path}::{test}" for path, test in NAMED if not named_in(path) or (test and test not in named_in(path))]

    assert NAMED
    assert gone == []


def test_every_guarantee_names_a_test() -> None:
    """No guarantee stands on words alone."""
    sections = re.split(r"^## \d+\. ", PAGE, flags=re.M)[1:]

    assert len(sections) == 7
    assert all(re.search(r"`tests/[\w/]+\.py::\w+`", section) for section in sections)
