"""The broker's folder: its key, its history, its lock; and the note by which this account's clients find it.

Owns those files. Does not know sockets or chat. Used once at start and once at the end, by the
broker's thread or a process that works on a stopped broker's folder.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import msgspec

from ..common import files, paths
from ..common.errors import ZchatError
from ..common.keys import KeyPair, Link

HISTORY = "history.sqlite"


class FolderBusy(ZchatError):
    """Another broker uses the folder."""


class Home:
    """A locked data folder; raises `FolderBusy` or `ZchatError` when it cannot be had."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            files.make_folder(folder)
        except OSError as error:
            raise ZchatError(
                files.out_of_room(folder, error)
                or f"The folder {folder} cannot be made ({error.strerror}). Name another with --data."
            ) from None
        self._lock = self._take_lock()

    def _take_lock(self) -> sqlite3.Connection:
        # An open exclusive transaction on a file of its own: a lock that every platform has, and that the system
        # releases however the process ends.
        lock: sqlite3.Connection | None = None
        try:
            path = self.folder / "lock"
            # Ours alone: whoever may open it could hold it, and no broker would start. Not opened when it is there,
            # since closing it again would give up the lock of another broker in this process (POSIX, fcntl).
            if not path.exists():
                os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            path.chmod(0o600)
            lock = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
            lock.execute("BEGIN EXCLUSIVE")
        except (sqlite3.Error, OSError) as error:
            if lock is not None:
                lock.close()
            if "locked" in str(error):
                raise FolderBusy(
                    f"Another broker uses the folder {self.folder}. Stop it, or name another folder with --data."
                ) from None
            raise ZchatError(
                files.out_of_room(self.folder, error)
                or f"The folder {self.folder} cannot be used ({error}). Name another with --data."
            ) from None
        return lock

    @property
    def history(self) -> Path:
        """Where the history is."""
        return self.folder / HISTORY

    def key(self) -> KeyPair:
        """The broker's key pair, made on first use."""
        return self._key("broker.key")

    def operator_key(self) -> KeyPair:
        """The key pair by which its operator is known, made on first use."""
        return self._key("operator.key")

    def _key(self, name: str) -> KeyPair:
        path = self.folder / name
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
    data: str = ""
    """Its data folder, where the operator's key is."""
    invite: str = ""
    """An invitation for this account's own users, as long as this broker runs."""


def usual_folder() -> Path:
    """The data folder of a broker that is given no other."""
    return paths.data() / "broker"


def notes_folder() -> Path:
    """Where the notes of running brokers are, one file a port."""
    return paths.state() / "brokers"


def leave_note(link: Link, name: str, *, data: Path, invite: str = "") -> Path:
    """Write the note of a broker that can be joined now; only this account can read it."""
    path = notes_folder() / f"{link.port}.json"
    usual = data.absolute() == usual_folder().absolute()
    note = BrokerNote(str(link), name, os.getpid(), usual, str(data.absolute()), invite)
    files.replace(path, msgspec.json.encode(note))
    return path


def remove_note(path: Path) -> None:
    """Take the note away, unless another broker has written its own there."""
    try:
        if msgspec.json.decode(path.read_bytes(), type=BrokerNote).pid == os.getpid():
            path.unlink()
    except (OSError, msgspec.MsgspecError, UnicodeError):
        return
