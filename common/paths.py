"""Where this account keeps its files.

Owns the folders' names. Creates nothing. Pure but for reading the environment; any thread.
"""

from __future__ import annotations

import os
from pathlib import Path

from .errors import InputError


def _folder(kind: str) -> Path:
    home = os.environ.get("ZCHAT_HOME")
    if home:
        try:
            return Path(home).expanduser() / kind
        except RuntimeError:
            raise InputError(f"ZCHAT_HOME is {home}, but there is no such user here. Name a folder.") from None
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
