"""The operator's settings, put together: what the command line, the environment and ``config.toml`` say.

Owns the precedence, and what is said when a value is not possible. Does not know what the settings are (`options`) nor
what they do. Used by the thread that runs the broker: at start, and when it is told to read them again.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from ..common import config
from ..common.errors import InputError
from ..common.limits import NAME_CHARACTERS
from ..common.spans import parse_span
from ..common.text import clean
from .endpoints import parse_place
from .log_sinks import check_sink
from .opening import check_history, without_password
from .options import ABOUT, DEFAULTS, OPTIONS, TABLES, Service
from .policy import Policy


class Settings(NamedTuple):
    """All that an operator has set."""

    service: Service
    policy: Policy
    rows: list[config.Row]
    """Every setting, in the order of the table, as it was said or is by default."""


def read(file: Path | None, given: Mapping[str, tuple[object, str]] | None = None) -> Settings:
    """The settings of a broker; what is `given`, as (value, origin), counts more than the file.

    Raises `InputError` when the file cannot be read, or says what is not known or not possible.
    """
    tables = config.read(file, TABLES)
    origin = str(file or config.usual_file())
    said: dict[str, tuple[object, str]] = {
        name: (value, origin) for table in tables.values() for name, value in table.items()
    }
    said |= given or {}
    values: dict[str, Any] = {name: value for name, (value, _) in said.items()}
    if isinstance(values.get("keep"), str):
        values["keep"] = parse_span(str(values["keep"]), "keep")
    service: Service = _convert(values, Service)
    _check(service)
    # On a network whoever can reach the port would come in; on this machine it is people who could read it anyway.
    values.setdefault("access", "open" if _is_loopback(service.bind) else "invite")
    policy: Policy = _convert(values, Policy)
    # What is 0 by default, and has a word for that, is as good as not set.
    defaults = {name: value or None if ABOUT[name].usual else value for name, value in DEFAULTS.items()}
    defaults["access"] = policy.access
    rows = [
        (about.table, name, _shown(name, value), origin)
        for table in TABLES
        for name, about in ABOUT.items()
        if about.table == table
        for value, origin in [said.get(name, (defaults[name], "default"))]
    ]
    return Settings(service, policy, rows)


def in_force() -> list[config.Row]:
    """All settings, as a broker that is started now without options takes them."""
    variables = {name: f"ZCHAT_{name.upper()}" for name in OPTIONS}
    rows = read(None).rows
    return [
        (table, name, _shown(name, _typed(name, os.environ[variables[name]])), variables[name])
        if name in variables and os.environ.get(variables[name])
        else (table, name, value, origin)
        for table, name, value, origin in rows
    ]


def _typed(name: str, text: str) -> object:
    """What a variable says, as it would stand in the file; whether it is possible is found out at the start."""
    try:
        return msgspec.convert(text, type(DEFAULTS[name]), strict=False)
    except msgspec.ValidationError:
        return text


def _shown(name: str, value: object) -> object:
    return without_password(value) if name == "history" and isinstance(value, str) else value


def _convert(values: dict[str, Any], form: type[Any]) -> Any:
    fields = form.__struct_fields__
    try:
        return msgspec.convert({name: value for name, value in values.items() if name in fields}, form)
    except msgspec.ValidationError as error:
        path = str(error).rpartition("$.")[2].rstrip("`")
        raise InputError(
            f"The setting {path} is not possible ({str(error).partition(' - at')[0]}). Change it."
        ) from None


def _check(service: Service) -> None:
    """What no type tells."""
    name, advertise = service.name, service.advertise
    if name and (len(name) > NAME_CHARACTERS or clean(name) != name):
        raise InputError(f"A broker's name is one line of at most {NAME_CHARACTERS} characters. Choose another --name.")
    if advertise:
        _check_host(advertise)
    if service.others:
        _check_others(service.others)
    check_sink(service.log)
    if service.history:
        check_history(service.history)
    if service.metrics:
        parse_place(service.metrics, "--metrics")


def _check_host(host: str) -> None:
    """A link that nobody can read would be found out only by those who try to join with it."""
    from ..common.keys import Link

    try:
        if Link.parse(str(Link(host, 1, bytes(32)))).others or host.count(":") == 1:
            raise InputError("a port stands behind it")
    except InputError:
        raise InputError("--advertise takes a host's name or address, without a port. Check it.") from None


def _check_others(others: str) -> None:
    from ..common.keys import Link

    try:
        Link.parse(str(Link("host", 1, bytes(32)).beside(others.split(","))))
    except InputError as error:
        raise InputError(f"--others takes HOST:PORT, several with commas between. {error}") from None


def _is_loopback(bind: str) -> bool:
    if bind == "localhost":
        return True
    try:
        return ipaddress.ip_address(bind).is_loopback
    except ValueError:
        return False
