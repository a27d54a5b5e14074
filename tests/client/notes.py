"""What brokers of an account leave in its folder, and the links of a few of them."""

from __future__ import annotations

import json
import os
from pathlib import Path

from zchat.client import account
from zchat.common.keys import Link

LINK = Link("127.0.0.1", 5555, b"k" * 32)
OTHER = Link("192.0.2.7", 6000, b"o" * 32)
CHANGED = Link(LINK.host, LINK.port, b"c" * 32)


def note(link: Link, *, name: str = "box", pid: int | None = None, age: float = 0.0, usual: bool = False) -> Path:
    """What a broker of this account leaves, started `age` seconds ago."""
    path = account.paths.state() / "brokers" / f"{link.port}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    pid = os.getpid() if pid is None else pid
    path.write_text(json.dumps({"link": str(link), "name": name, "pid": pid, "usual": usual}))
    os.utime(path, (1e9 - age, 1e9 - age))
    return path
