"""Small files: whole or not there, and the owner's alone."""

from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from zchat.common import files


def no_links(_source: object, _target: object) -> None:
    """What a file system without hard links answers."""
    raise PermissionError("no hard links here")


@pytest.mark.parametrize("links", [True, False])
def test_of_many_that_create_a_file_one_succeeds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool) -> None:
    """One of those who try gets it, its content is theirs, and nothing else is left in the folder."""
    if not links:
        monkeypatch.setattr(os, "link", no_links)
    path = tmp_path / "folder" / "file"
    with ThreadPoolExecutor(16) as pool:
        tries = list(pool.map(lambda number: files.create(path, b"%d" % number), range(64)))

    assert tries.count(True) == 1
    assert int(path.read_bytes()) == tries.index(True)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_replacing_leaves_one_whole_file(tmp_path: Path) -> None:
    """The new content takes the old one's place, readable by the owner alone."""
    path = tmp_path / "file"
    files.replace(path, b"old and longer")
    files.replace(path, b"new")

    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]
