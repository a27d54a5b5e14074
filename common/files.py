"""Small files that are there whole or not at all, and that only their owner reads.

Owns how they are written. Does not know what is in them. Any thread, any process.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from pathlib import Path

_HARDLY_ANYTHING = 65_536
"""Bytes; SQLite wants that for the log that it keeps beside an open database."""


def make_folder(folder: Path) -> None:
    """Make a folder and those above it that are missing, each for its owner alone; raises OSError."""
    for missing in reversed([folder, *folder.parents]):
        # Path.mkdir(parents=True) leaves the mode of the upper ones to the umask.
        missing.mkdir(mode=0o700, exist_ok=True)


def out_of_room(folder: Path, error: Exception) -> str:
    """What to tell when an error in a folder comes from a full disk; "" when it does not."""
    full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))
    try:
        # A database may call it anything: what it could not do where hardly a page is free, it had no room for.
        full = full or "disk is full" in str(error) or shutil.disk_usage(folder).free < _HARDLY_ANYTHING
    except OSError:
        return ""  # the folder is not there
    return f"The disk of {folder} is full. Make room there, then start again." if full else ""


def create(path: Path, data: bytes) -> bool:
    """Make a file (0600) appear with its whole content, on the disk; False when there is one already.

    Of several processes that try at once, one succeeds. Raises OSError.
    """
    fresh = _write_beside(path, data)
    try:
        os.link(fresh, path)
    except FileExistsError:
        return False
    except OSError:
        # A file system without hard links: then at least never two of it.
        return _create_plainly(path, data)
    finally:
        fresh.unlink()
    return True


def replace(path: Path, data: bytes) -> None:
    """Write a file (0600) so that it is the old or the new one, never a half; raises OSError."""
    _write_beside(path, data).replace(path)


def _write_beside(path: Path, data: bytes) -> Path:
    make_folder(path.parent)
    fresh = path.parent / f".{secrets.token_hex(8)}"
    try:
        _create_plainly(fresh, data)
    except OSError as error:
        error.filename = str(path)  # a full disk names no file, and people know this one
        raise
    return fresh


def _create_plainly(path: Path, data: bytes) -> bool:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return False
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        path.unlink(missing_ok=True)  # half of it, on a full disk
        raise
    return True
