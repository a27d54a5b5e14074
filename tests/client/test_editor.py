"""The user's editor."""

from __future__ import annotations

from pathlib import Path

import pytest

from zchat.client import editor
from zchat.common.errors import InputError


def program(path: Path, script: str = "") -> Path:
    """A program that can be run."""
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o700)
    return path


def test_the_editor_is_the_one_that_is_named_or_a_usual_one(tmp_path: Path) -> None:
    """VISUAL before EDITOR, with its options; whatever is not there is passed over."""
    for name in ("mine", "vi"):
        program(tmp_path / name)
    path = {"PATH": str(tmp_path)}

    assert editor.choose({**path, "VISUAL": "mine -w", "EDITOR": "vi"}) == ["mine", "-w"]
    assert editor.choose({**path, "VISUAL": "gone", "EDITOR": "mine"}) == ["mine"]
    assert editor.choose({**path, "VISUAL": "'"}) == ["vi"]


def test_without_any_editor_it_says_what_to_do(tmp_path: Path) -> None:
    """In one line."""
    with pytest.raises(InputError, match=r"There is no editor: .* Set EDITOR, or write the message here"):
        editor.choose({"PATH": str(tmp_path)})


def test_what_the_editor_wrote_is_the_text(tmp_path: Path) -> None:
    """Without the newline that editors put at the end; nothing is left behind."""
    command = [str(program(tmp_path / "ed", f'echo more >>"$1"; echo "$1" >{tmp_path}/file'))]

    assert editor.write(command, "привет\n") == "привет\nmore"
    assert not Path((tmp_path / "file").read_text().strip()).exists()


@pytest.mark.parametrize(
    ("script", "told"),
    [("exit 3", "ended with status 3"), (r"printf '\377' >$1", "no UTF-8"), ("rm $1", "No such file")],
)
def test_what_an_editor_did_not_do_is_told(tmp_path: Path, script: str, told: str) -> None:
    """And the message stays."""
    with pytest.raises(InputError, match=told):
        editor.write([str(program(tmp_path / "ed", script))], "text")
