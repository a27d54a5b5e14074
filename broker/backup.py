"""Backup and restore of a broker's history, while it runs and while it does not.

Owns the copying. Does not know what is in a history but its id (`sqlite`). Runs in a process of its own.

A backup is a history file like any other, made by SQLite's online backup (sqlite.org, "SQLite Backup API"), so it is
whole whatever the broker does meanwhile. A restored history gets a new id: clients then drop their cursors, so that no
sequence that was used twice swallows a message.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path

from ..common import files
from ..common.errors import InputError, ZchatError
from . import schema
from .history import BadHistory
from .home import Home
from .sqlite import SqliteHistory


def backup(history: Path, file: Path) -> int:
    """Copy the history of a broker, running or not, to a new file; returns its bytes.

    Raises `ZchatError`; an unfinished copy is removed.
    """
    if not history.exists():
        raise InputError(f"There is no history {history}. Name the broker's folder with --data.")
    if file.exists():
        raise InputError(f"The file {file} is there already. Name another one, or move it away.")
    fresh = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        os.close(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        copy(history, fresh)
        fresh.rename(file)
    except OSError as error:
        raise ZchatError(f"The backup {file} cannot be written ({error.strerror}). Name another place.") from None
    except sqlite3.Error as error:
        raise ZchatError(f"The history {history} cannot be copied ({error}). Check the disk's room.") from None
    finally:
        fresh.unlink(missing_ok=True)
    return file.stat().st_size


def restore(data: Path, file: Path) -> Path | None:
    """Put a backup in the place of a stopped broker's history; returns where the former one is now, if there was one.

    Raises `ZchatError`: also when the broker runs, and when the file is no whole history.
    """
    if not file.exists():
        raise InputError(f"There is no file {file}. Name a backup.")
    with contextlib.closing(Home(data)) as home:  # nobody else uses the folder from here on
        fresh = home.history.with_name("history.restored")
        fresh.unlink(missing_ok=True)
        try:
            files.make_folder(data)
            os.close(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
            copy(file, fresh)
            _renew(fresh)
            former = _put_aside(home.history)
            fresh.rename(home.history)
        except OSError as error:
            raise ZchatError(f"The history cannot be put into {data} ({error.strerror}).") from None
        except sqlite3.Error as error:
            raise BadHistory(f"The file {file} is no whole history ({error}). Name another backup.") from None
        finally:
            fresh.unlink(missing_ok=True)
    return former


def copy(source: Path, target: Path) -> None:
    """Make an empty file a copy of a history, used or not; raises `BadHistory` or `sqlite3.Error`."""
    # mode=ro: what is copied from is never changed.
    with (
        contextlib.closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)) as from_,
        contextlib.closing(sqlite3.connect(target)) as to,
    ):
        # All at once: in steps it would begin anew with every commit of the broker, and never end. In WAL the copy is
        # of one moment, and the broker writes on meanwhile.
        from_.backup(to)
        # One file, to be carried anywhere: not one that needs its side files.
        to.execute("PRAGMA journal_mode = DELETE")
        if to.execute("PRAGMA application_id").fetchone()[0] != schema.APPLICATION_ID:
            raise BadHistory(f"The file {source} is no history of zchat. Name another one.")
        (verdict,) = to.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise sqlite3.DatabaseError(verdict)


def _renew(history: Path) -> None:
    """Give a history a new id, and the tables of this version."""
    SqliteHistory(history).close()
    with contextlib.closing(sqlite3.connect(history)) as db, db:
        db.execute("UPDATE about SET value = ? WHERE name = 'history'", (schema.new_id(),))
    with contextlib.closing(sqlite3.connect(history)) as db:
        db.execute("PRAGMA journal_mode = DELETE")
        # An older file cannot give back room while it is used; written anew it can.
        if not db.execute("PRAGMA auto_vacuum").fetchone()[0]:
            db.execute("PRAGMA auto_vacuum = INCREMENTAL")
            db.execute("VACUUM")


def _put_aside(history: Path) -> Path | None:
    """Move what is there, with what has not reached the file itself yet, out of the way."""
    if not history.exists():
        return None
    with contextlib.closing(sqlite3.connect(history)) as db, contextlib.suppress(sqlite3.Error):
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # a damaged one cannot; it is kept as it is
    number = 1
    while (former := history.with_name(f"history.before-restore-{number}.sqlite")).exists():
        number += 1
    for ending in ("-wal", "-shm"):
        side = history.with_name(history.name + ending)
        if side.exists():
            side.rename(former.with_name(former.name + ending))
    history.rename(former)
    return former
