"""`docs/guarantees.md` and `docs/security.md` name tests for what they promise, and settings: they must exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from msgspec import structs

from zchat.broker.policy import Policy

ROOT = Path(__file__).resolve().parent.parent
PAGE, SECURITY = ((ROOT / "docs" / name).read_text(encoding="utf-8") for name in ("guarantees.md", "security.md"))
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", PAGE + SECURITY)))


def named_in(path: Path) -> set[str]:
    """The names of the tests in a file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


@pytest.mark.parametrize(("path", "test"), NAMED)
def test_named_tests_exist(path: str, test: str) -> None:
    """A test that was renamed or taken away is not promised any more."""
    names = named_in(ROOT / path)

    assert names
    assert not test or test in names


def test_every_guarantee_names_a_test() -> None:
    """No guarantee stands on words alone."""
    sections = re.split(r"^## \d+\. ", PAGE, flags=re.M)[1:]

    assert len(sections) == 6
    assert all(re.search(r"`tests/[\w/]+\.py::\w+`", section) for section in sections)


def test_every_setting_is_told_with_its_default() -> None:
    """The table of limits in `docs/security.md` has exactly those of the policy, with default and reason."""
    (table,) = re.findall(r"^\| Setting \|.*\n\|[-|]+\|\n((?:\|.*\|\n)+)", SECURITY, re.M)
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]
    settings = {field.name: field.default for field in structs.fields(Policy) if field.name != "access"}

    assert {row[0].strip("`"): float(row[1]) for row in rows} == settings
    assert [row[0] for row in rows] == [f"`{name}`" for name in settings]
    assert all(len(row) == 4 and all(row) for row in rows)
