"""The operator's settings: what ``config.toml`` says of access and limits.

Owns the broker's tables in the file. Does not know options (`cli`) nor what the settings do. Used once, at start, by
the main thread.

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

import ipaddress
import os
from pathlib import Path

import msgspec

from ..common import config
from ..common.errors import InputError
from ..common.spans import parse_span
from .policy import Policy

HISTORY = ("keep", "keep_messages")
OPTIONS = ("access", *HISTORY)
"""Those that are options and in the environment as well."""
TABLES = {
    "broker": ("access",),
    "history": HISTORY,
    "limits": tuple(name for name in Policy.__struct_fields__ if name not in OPTIONS),
}


def read_policy(file: Path | None, bind: str, **options: object) -> Policy:
    """The policy of a broker that listens on `bind`; options that are not None count more than the file.

    Raises `InputError` when the file cannot be read, or says what is not known or not possible.
    """
    tables = config.read(file, TABLES)
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


def in_force() -> list[tuple[str, str, object, str]]:
    """Table, name, value (None: not set) and origin of all settings, as a broker that is started now takes them."""
    said = config.read(None, TABLES)
    usual = Policy()
    rows: list[tuple[str, str, object, str]] = []
    for table, names in TABLES.items():
        for name in names:
            variable = f"ZCHAT_{name.upper()}"
            value: object = None if name == "access" else getattr(usual, name)
            origin = "default"
            if name in said.get(table, {}):
                value, origin = said[table][name], str(config.usual_file())
            if name in OPTIONS and os.environ.get(variable):
                value, origin = os.environ[variable], variable
            rows.append((table, name, value, origin))
    return rows


def _is_loopback(bind: str) -> bool:
    if bind == "localhost":
        return True
    try:
        return ipaddress.ip_address(bind).is_loopback
    except ValueError:
        return False
