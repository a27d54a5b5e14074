"""Small files that are there whole or not at all, and that only their owner reads.

Owns how they are written. Does not know what is in them. Any thread, any process.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def make_folder(folder: Path) -> None:
    """Make a folder and those above it that are missing, each for its owner alone; raises OSError."""
    for missing in reversed([folder, *folder.parents]):
        # Path.mkdir(parents=True) leaves the mode of the upper ones to the umask.
        missing.mkdir(mode=0o700, exist_ok=True)


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
    _create_plainly(fresh, data)
    return fresh


def _create_plainly(path: Path, data: bytes) -> bool:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return False
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    return True
