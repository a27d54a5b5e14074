"""What was done to a broker's folder from outside of it: exports, imports, backups, restores, told to its log.

Owns the files by which other processes leave word for the broker, one for each deed; a broker that is stopped finds
them when it starts. Does not know what the deeds are. `leave` runs in those processes, `Deeds` in the broker's thread.
"""

from __future__ import annotations

import contextlib
import getpass
import logging
import os
import secrets
import time
from pathlib import Path

import msgspec

from ..common import files

log = logging.getLogger("zchat.broker")

FOLDER = "deeds"
_PATTERN = "*.json"


class Deed(msgspec.Struct, frozen=True):
    """One of them; `time` in milliseconds."""

    time: int
    account: str
    """The login of whoever did it."""
    done: str


def leave(folder: Path, done: str) -> None:
    """Leave word in a broker's folder; what was done is done, so where that cannot be it is not an error."""
    now = time.time_ns() // 1_000_000
    place = folder / FOLDER
    path = place / f"{now}-{secrets.token_hex(4)}.json"
    with contextlib.suppress(OSError):
        files.replace(path, msgspec.json.encode(Deed(now, _account(), done)))
        if hasattr(os, "geteuid") and os.geteuid() == 0:  # the broker must be able to read it, and to take it away
            owner = folder.stat()
            for made in (place, path):
                os.chown(made, owner.st_uid, owner.st_gid)


class Deeds:
    """What is left in a broker's folder."""

    def __init__(self, folder: Path) -> None:
        self._place = folder / FOLDER
        self._in_the_way: set[Path] = set()
        """What lies there, cannot be taken, and was told."""

    def take(self) -> list[Deed]:
        """Word that was left since the last time, the oldest first; it is taken away.

        What lies there and cannot be taken is logged once, and holds up nothing else.
        """
        deeds, in_the_way = [], set()
        for path in self._left():
            try:
                body = path.read_bytes()
                path.unlink()
            except OSError as error:
                in_the_way.add(path)
                if path not in self._in_the_way:
                    log.warning(
                        "%s is no deed that can be read (%s)", path, error.strerror, extra={"event": "bad_deed"}
                    )
                continue
            with contextlib.suppress(msgspec.MsgspecError, UnicodeError):
                deeds.append(msgspec.json.decode(body, type=Deed))
        self._in_the_way = in_the_way
        return deeds

    def _left(self) -> list[Path]:
        try:
            return sorted(self._place.glob(_PATTERN))
        except OSError:
            return []


def _account() -> str:
    """The login name, and who has become it by sudo."""
    try:
        import pwd

        name = pwd.getpwuid(os.getuid()).pw_name
    except (ImportError, KeyError):
        name = getpass.getuser()
    former = os.environ.get("SUDO_USER", "")
    return f"{name} (sudo by {former})" if former else name
