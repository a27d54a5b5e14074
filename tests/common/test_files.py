"""Small files: whole or not there, and the owner's alone."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

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


# --- no room --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("error", "free", "full"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), 10**9, True),
        (sqlite3.OperationalError("database or disk is full"), 10**9, True),
        (sqlite3.OperationalError("disk I/O error"), 8_192, True),
        (sqlite3.OperationalError("disk I/O error"), 10**9, False),
        (PermissionError(errno.EACCES, "Permission denied"), 10**9, False),
    ],
)
def test_a_full_disk_is_known_by_its_error_or_by_its_room(
    error: Exception, free: int, full: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What comes from a full disk, under whatever name, is told as that, and nothing else is."""
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=free))

    assert bool(files.out_of_room(tmp_path, error)) is full


def test_a_folder_that_is_not_there_is_not_full(tmp_path: Path) -> None:
    """Of a folder that cannot be asked nothing is claimed."""
    assert files.out_of_room(tmp_path / "none", FileNotFoundError()) == ""


def test_a_half_written_file_is_taken_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When a disk is full, neither the file nor a half of it stays, and the error names it."""

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space") as raised:
        files.create(tmp_path / "key", b"secret")

    assert raised.value.filename == str(tmp_path / "key")
    assert list(tmp_path.iterdir()) == []
