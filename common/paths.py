"""Where this account keeps its files.

Owns the folders' names. Creates nothing. Pure but for reading the environment; any thread.
"""

from __future__ import annotations

import os
from pathlib import Path


def _folder(kind: str) -> Path:
    home = os.environ.get("ZCHAT_HOME")
    if home:
        return Path(home).expanduser() / kind
    import platformdirs

    folders = platformdirs.PlatformDirs("zchat", appauthor=False)
    return {
        "config": folders.user_config_path,
        "data": folders.user_data_path,
        "state": folders.user_state_path,
    }[kind]


def config() -> Path:
    """Settings: ``config.toml``."""
    return _folder("config")


def data() -> Path:
    """What must not be lost: keys, pinned brokers, the broker's history."""
    return _folder("data")


def state() -> Path:
    """What may be lost: input history, the links of running brokers."""
    return _folder("state")
