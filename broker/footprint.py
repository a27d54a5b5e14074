"""What the broker takes of its machine: what is free on its disk, memory.

Owns how these are found out. Knows the system, and nothing of chat. Any thread.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path


def taken(history: int, folder: Path) -> dict[str, int]:
    """All of this, by the names of the metrics; so many bytes of history."""
    return {
        "history_bytes": history,
        "disk_free_bytes": disk_free_bytes(folder),
        "resident_memory_bytes": resident_bytes(),
    }


def disk_free_bytes(folder: Path) -> int:
    """What is free on the disk of a folder; 0: not known."""
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return 0


def resident_bytes() -> int:
    """The memory that this process takes; 0: not known."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except (OSError, IndexError, ValueError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")
