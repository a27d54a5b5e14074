"""The file of ``zchat tail --cursor``: how far rooms were written to standard output, from one run to the next.

Owns the file, and when it is written: after the lines it tells of, once a second while there is something new, when
a room is new, and at the end. Does not know what lines say nor what becomes of the connection. Used by the thread that
prints.

    {"broker": FINGERPRINT, "history": ID, "private": BOOL, "rooms": {ROOM ID: SEQUENCE, ...}}
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import msgspec

from ..common import files
from ..common.errors import InputError, ZchatError
from ..common.messages import Seq
from .actions import Output, Print, Reached
from .output import Reader, print_lines
from .rooms import Stopped

INTERVAL = 1.0
"""Seconds between two writes of the file."""


class _File(msgspec.Struct):
    broker: str
    history: Annotated[str, msgspec.Meta(min_length=1)]
    rooms: dict[str, Seq]
    private: bool = False
    """Private messages were followed: who is not among the rooms had written nothing."""


class CursorFile:
    """One file, of one program at a time; raises `InputError` when it cannot be used.

    `private`: private messages are followed, too. `pipe` is standard output's descriptor if that is one,
    and `depth` how many colours it gets.
    """

    def __init__(
        self,
        path: Path,
        broker: str,
        *,
        private: bool = False,
        pipe: int | None = None,
        depth: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path = path.resolve()
        self._clock = clock
        self._depth = depth
        self._reader = Reader(pipe)
        known = self._load(broker)
        self._file = known or _File(broker, "", {})
        self.had_private = self._file.private
        """Private messages were followed before."""
        self._file.private |= private
        self._untaken: list[Reached] = []
        """What holds once the reader has taken what is in the pipe."""
        self._changed = False
        self._due = 0.0
        self._warned = False

    def _load(self, broker: str) -> _File | None:
        path, folder = self._path, self._path.parent
        if not folder.is_dir():
            raise InputError(f"There is no folder {folder} for the cursor file. Make it, or name another place.")
        if not os.access(folder, os.W_OK | os.X_OK):
            raise InputError(f"The folder {folder} cannot be written to. Name another place for the cursor file.")
        try:
            file = msgspec.json.decode(path.read_bytes(), type=_File)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise InputError(f"The cursor file {path} cannot be read ({error.strerror}). Name another one.") from None
        except (msgspec.MsgspecError, UnicodeError):
            raise InputError(
                f"The file {path} is damaged, or not one that --cursor made. Name another one, or remove it to begin"
                " anew."
            ) from None
        if file.broker != broker:
            raise InputError(f"The cursor file {path} belongs to another broker. Name another one for this broker.")
        return file

    @property
    def stopped(self) -> Stopped:
        """Where the last run stopped."""
        return Stopped(self._file.history, dict(self._file.rooms))

    @property
    def rooms(self) -> Mapping[str, int]:
        """How far each room was written."""
        return self._file.rooms

    def write(self, output: Sequence[Output]) -> None:
        """Write lines, each when the reader has taken the one before, and note how far that is."""
        for item in output:
            if isinstance(item, Print):
                while not self._take_up(INTERVAL):
                    self._save_if_due()
                print_lines([item], self._depth)
            elif isinstance(item, Reached):
                self._untaken.append(item)
                self._take_up(0)
        self._save_if_due()

    def _take_up(self, seconds: float) -> bool:
        """Note what the reader has taken by now, or takes in so many seconds; whether that is all."""
        try:
            taken = self._reader.has_taken_all(seconds)
        except BrokenPipeError:
            self._untaken.clear()
            raise
        if taken:
            self._note()
        return taken

    def _note(self) -> None:
        for reached in self._untaken:
            file = self._file
            if file.history != reached.history:
                # Whoever is not followed now begins anew, too, when they are.
                file.history, file.rooms, self._changed = reached.history, dict.fromkeys(file.rooms, 0), True
            if not file.rooms.keys() >= reached.seqs.keys():
                self._due = 0.0  # where a room begins is noted before what it holds, or a line could be lost
            if any(file.rooms.get(room) != seq for room, seq in reached.seqs.items()):
                file.rooms.update(reached.seqs)
                self._changed = True
        self._untaken.clear()

    def _save_if_due(self) -> None:
        if not self._changed or self._clock() < self._due:
            return
        self._due = self._clock() + INTERVAL
        try:
            self._save()
        except ZchatError as error:
            if not self._warned:
                print(f"zchat: {error}", file=sys.stderr, flush=True)
            self._warned = True
        else:
            self._warned = False

    def _save(self) -> None:
        data = msgspec.json.format(msgspec.json.encode(self._file), indent=1)
        try:
            files.replace(self._path, data + b"\n")
        except OSError as error:
            why = f"The cursor file {self._path} cannot be written ({error.strerror})"
            raise ZchatError(f"{why}. Make room, or name another place for it.") from None
        self._changed = False

    def close(self) -> None:
        """Write the file for the last time; what is in a pipe that still has a reader will be read."""
        with contextlib.suppress(BrokenPipeError):
            self._take_up(0)
            self._note()
        if self._changed:
            self._save()
