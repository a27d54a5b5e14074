"""The operator's settings: what ``config.toml`` says of access and limits.

Owns the file's form. Does not know options (`cli`) nor what the settings do. Used once, at start, by the main thread.

    [broker]
    access = "invite"

    [history]
    keep = "30d"
    keep_messages = 100000

    [limits]
    rate = 500

Every other name of `Policy` may stand under ``[limits]``. Whatever is not known is an error, since a limit
that was misspelt would protect nobody.
"""

from __future__ import annotations

import difflib
import ipaddress
import tomllib
from pathlib import Path

import msgspec

from ..common import paths
from ..common.errors import InputError
from ..common.spans import parse_span
from .policy import Policy

HISTORY = ("keep", "keep_messages")
TABLES = {
    "broker": ("access",),
    "history": HISTORY,
    "limits": tuple(name for name in Policy.__struct_fields__ if name not in ("access", *HISTORY)),
}


def usual_file() -> Path:
    """The configuration that is read when no other is named; it need not be there."""
    return paths.config() / "config.toml"


def read_policy(file: Path | None, bind: str, **options: object) -> Policy:
    """The policy of a broker that listens on `bind`; options that are not None count more than the file.

    Raises `InputError` when the file cannot be read, or says what is not known or not possible.
    """
    tables = _read(file or usual_file(), needed=file is not None)
    given = {name: value for table in tables.values() for name, value in table.items()}
    given |= {name: value for name, value in options.items() if value is not None}
    if isinstance(given.get("keep"), str):
        given["keep"] = parse_span(str(given["keep"]), "keep")
    # On a network whoever can reach the port would come in; on this machine it is people who could read it anyway.
    given.setdefault("access", "open" if _is_loopback(bind) else "invite")
    try:
        return msgspec.convert(given, Policy)
    except msgspec.ValidationError as error:
        path = str(error).rpartition("$.")[2].rstrip("`")
        raise InputError(
            f"The setting {path} is not possible ({str(error).partition(' - at')[0]}). Change it."
        ) from None


def _read(file: Path, *, needed: bool) -> dict[str, dict[str, object]]:
    try:
        tables: dict[str, dict[str, object]] = tomllib.loads(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        if not needed:
            return {}
        raise InputError(f"There is no configuration {file}. Check --config.") from None
    except (OSError, UnicodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"The configuration {file} cannot be read ({error}). Mend it.") from None
    for table, settings in tables.items():
        if table not in TABLES:
            raise InputError(f"In {file}: there is no table [{table}].{_close(table, TABLES)}")
        if not isinstance(settings, dict):
            raise InputError(f"In {file}: [{table}] is a table, with its settings in the lines below.")
        for name in settings:
            if name not in TABLES[table]:
                raise InputError(f"In {file}: there is no setting {name} in [{table}].{_close(name, TABLES[table])}")
    return tables


def _close(word: str, known: tuple[str, ...] | dict[str, tuple[str, ...]]) -> str:
    close = difflib.get_close_matches(word, known, n=1)
    return f" Did you mean {close[0]}?" if close else f" Known are: {', '.join(known)}."


def _is_loopback(bind: str) -> bool:
    if bind == "localhost":
        return True
    try:
        return ipaddress.ip_address(bind).is_loopback
    except ValueError:
        return False
