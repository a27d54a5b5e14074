"""The first change of CONTRIBUTING.md can be made as it is told there, block by block."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .pages import ROOT, blocks
from .processes import PATIENCE

DIFFS = [block.text for block in blocks("CONTRIBUTING.md") if block.language == "diff"]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of what the change touches, and of what its test needs."""
    copy = tmp_path / "checkout"
    for folder in ("broker", "client", "common"):
        shutil.copytree(ROOT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__"))
    (copy / "tests").mkdir()
    for name in ("tests/conversation.py", "pyproject.toml"):
        shutil.copy(ROOT / name, copy / name)
    (copy / "installed" / "zchat").mkdir(parents=True)
    for folder in ("broker", "client", "common"):
        (copy / "installed" / "zchat" / folder).symlink_to(copy / folder)
    return copy


def do(checkout: Path, *command: str | Path, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run something there, with the copy for zchat."""
    return subprocess.run(
        list(map(str, command)),
        cwd=checkout,
        env={**os.environ, "PYTHONPATH": str(checkout / "installed"), "GIT_CEILING_DIRECTORIES": str(checkout.parent)},
        input=stdin,
        capture_output=True,
        text=True,
        timeout=3 * PATIENCE,
        check=False,
    )


def apply(checkout: Path, diff: str) -> None:
    """Make a change as a reader would."""
    done = do(checkout, "git", "apply", "-", stdin=f"{diff}\n")
    assert done.returncode == 0, done.stderr


def test_the_first_change_works(checkout: Path) -> None:
    """The test fails for the reason that the page tells, passes after the change, and the linter has nothing to say."""
    test, *change = DIFFS
    pytest_ = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/test_shrug.py")
    apply(checkout, test)
    before = do(checkout, *pytest_)
    for diff in change:
        apply(checkout, diff)
    after = do(checkout, *pytest_)
    ruff = Path(sys.executable).with_name("ruff")

    assert before.returncode == 1, before.stdout + before.stderr
    assert "assert [] == ['who knows" in before.stdout
    assert after.returncode == 0, after.stdout + after.stderr
    assert do(checkout, ruff, "check", "client", "tests").returncode == 0
    assert do(checkout, ruff, "format", "--check", "client", "tests").returncode == 0
