"""The broker's folder: its key, its history, its lock; and the note by which this account's clients find it.

Owns those files. Does not know sockets or chat. Used once at start and once at the end, by the broker's thread.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import msgspec

from ..common import files, paths
from ..common.errors import ZchatError
from ..common.keys import KeyPair, Link


class FolderBusy(ZchatError):
    """Another broker uses the folder."""


class Home:
    """A locked data folder; raises `FolderBusy` or `ZchatError` when it cannot be had."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise ZchatError(
                f"The folder {folder} cannot be made ({error.strerror}). Name another with --data."
            ) from None
        self._lock = self._take_lock()

    def _take_lock(self) -> sqlite3.Connection:
        # An open exclusive transaction on a file of its own: a lock that every platform has, and that the system
        # releases however the process ends.
        lock: sqlite3.Connection | None = None
        try:
            lock = sqlite3.connect(self.folder / "lock", timeout=0, isolation_level=None, check_same_thread=False)
            lock.execute("BEGIN EXCLUSIVE")
        except sqlite3.Error as error:
            if lock is not None:
                lock.close()
            if "locked" in str(error):
                raise FolderBusy(
                    f"Another broker uses the folder {self.folder}. Stop it, or name another folder with --data."
                ) from None
            raise ZchatError(f"The folder {self.folder} cannot be used ({error}). Name another with --data.") from None
        return lock

    @property
    def history(self) -> Path:
        """Where the history is."""
        return self.folder / "history.sqlite"

    def key(self) -> KeyPair:
        """The broker's key pair, made on first use."""
        path = self.folder / "broker.key"
        if not path.exists():
            KeyPair.generate().save(path)
        return KeyPair.load(path)

    def close(self) -> None:
        """Release the folder."""
        self._lock.close()


class BrokerNote(msgspec.Struct):
    """What a running broker leaves for the clients of its account."""

    link: str
    name: str
    pid: int
    usual: bool = False
    """It has the account's usual data folder, so it is the one meant when none is named."""


def usual_folder() -> Path:
    """The data folder of a broker that is given no other."""
    return paths.data() / "broker"


def notes_folder() -> Path:
    """Where the notes of running brokers are, one file a port."""
    return paths.state() / "brokers"


def leave_note(link: Link, name: str, *, usual: bool = False) -> Path:
    """Write the note of a broker that can be joined now."""
    path = notes_folder() / f"{link.port}.json"
    files.replace(path, msgspec.json.encode(BrokerNote(str(link), name, os.getpid(), usual)))
    return path


def remove_note(path: Path) -> None:
    """Take the note away, unless another broker has written its own there."""
    try:
        if msgspec.json.decode(path.read_bytes(), type=BrokerNote).pid == os.getpid():
            path.unlink()
    except (OSError, msgspec.MsgspecError):
        return
