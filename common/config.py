"""The file ``config.toml``: what both sides may set in it, and how it is read.

Owns its place, its tables and what is said when it cannot be used. Does not know the settings: each side names its
own (`zchat.broker.settings`, `zchat.client.settings`). Used by the main thread.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path

from . import paths
from .errors import InputError

TABLES = ("client", "hooks", "broker", "history", "limits")
"""The client's, then the broker's."""

Tables = dict[str, dict[str, object]]
Row = tuple[str, str, object, str]
"""Table, name, value (None: not set) and origin of a setting."""


def usual_file() -> Path:
    """The file that is read: ``ZCHAT_CONFIG``, or ``config.toml`` in the configuration folder. It may be missing."""
    named = os.environ.get("ZCHAT_CONFIG")
    return Path(named) if named else paths.config() / "config.toml"


def read(file: Path | None, known: Mapping[str, Collection[str]]) -> Tables:
    """What the file (None: the usual one) says in these tables, of which it may hold only these names.

    Raises `InputError` when it cannot be read, or says what is not known, with what may have been meant.
    """
    path = file or usual_file()
    tables = _load(path, needed=file is not None or bool(os.environ.get("ZCHAT_CONFIG")))
    for table, settings in tables.items():
        if table not in TABLES:
            raise InputError(f"In {path}: there is no table [{table}].{_close(table, TABLES)}")
        if not isinstance(settings, dict):
            raise InputError(f"In {path}: [{table}] is a table, with its settings in the lines below.")
        for name in settings if table in known else ():
            if name not in known[table]:
                raise InputError(f"In {path}: there is no setting {name} in [{table}].{_close(name, known[table])}")
    return {table: settings for table, settings in tables.items() if table in known}


def toml_lines(rows: Iterable[Row]) -> Iterator[str]:
    """A configuration that says what holds, as people write it; origins are comments."""
    last = ""
    for table, name, value, origin in rows:
        if table != last:
            yield from ([""] if last else []) + [f"[{table}]"]
        last = table
        yield f"# {name} is not set" if value is None else f"{f'{name} = {_literal(value)}':<30}  # {_escaped(origin)}"


def _literal(value: object) -> str:
    """What JSON writes of texts, numbers and lists of them, TOML reads, but for pairs of surrogates."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return _escaped(json.dumps(value, ensure_ascii=False))


def _escaped(text: str) -> str:
    return "".join(char if char.isprintable() else f"\\U{ord(char):08x}" for char in text)


def _load(file: Path, *, needed: bool) -> Tables:
    try:
        text = file.read_text(encoding="utf-8")
        import tomllib  # here, since most accounts have no such file

        tables: Tables = tomllib.loads(text)
    except (FileNotFoundError, NotADirectoryError):
        if not needed:
            return {}
        raise InputError(f"There is no configuration {file}. Check --config, or ZCHAT_CONFIG.") from None
    except (OSError, ValueError) as error:  # UnicodeError and TOMLDecodeError are ValueErrors
        raise InputError(f"The configuration {file} cannot be read ({error}). Mend it.") from None
    return tables


def _close(word: str, known: Collection[str]) -> str:
    import difflib

    close = difflib.get_close_matches(word, known, n=1)
    return f" Did you mean {close[0]}?" if close else f" Known are: {', '.join(known)}."
