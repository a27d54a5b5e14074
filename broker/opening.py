"""Which history a broker has: a file in its folder, or a database that it is told of.

Owns that choice, and what is said when what is needed for it is not there. Does not know what is in a history. Used by
whoever opens one.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from ..common.errors import InputError
from .history import BadHistory, History
from .sqlite import SqliteHistory

_PASSWORDS = re.compile("(?<=password=)[^&]*"), re.compile("(?<=:).*(?=@)")
"""Those of a URL's query, and that of its user: libpq lets it have any signs, so all up to the last @ is hidden."""


def check_history(url: str) -> None:
    """Raise `InputError` for what names no database that can hold a history."""
    if not url.startswith(("postgresql://", "postgres://")):
        raise InputError("--history takes postgresql://USER@HOST/DATABASE. Without it the history is a file in --data.")


def without_password(url: str) -> str:
    """The URL as it may be shown."""
    scheme, _, rest = url.partition("://")
    for password in _PASSWORDS:
        rest = password.sub("***", rest)
    return f"{scheme}://{rest}"


def open_history(where: Path | str, hear: Callable[[], object] | None = None) -> History:
    """The history in a file, or in the database that a URL names; raises `BadHistory`.

    Who wants to `hear` of what others store in a database is called from another thread.
    """
    if isinstance(where, Path):
        return SqliteHistory(where)
    try:
        from .postgres import PostgresHistory
    except ImportError as error:
        if "psycopg" not in str(error) and "pq wrapper" not in str(error):
            raise
        raise BadHistory(
            "A history in PostgreSQL needs psycopg, which is not there. Install it: pip install 'zeromq-chat[postgres]'"
        ) from None
    return PostgresHistory(where, hear=hear)
