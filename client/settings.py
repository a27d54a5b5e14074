"""The client's settings: one table, from which options, environment and configuration file are made.

Owns their names, values and help, and where each comes from: an option, ``ZCHAT_NAME``, the file, or the default, in
this order. Does not know click (`options_cli`) nor what the settings do. Main thread.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ..common import config
from ..common.errors import InputError

if TYPE_CHECKING:
    from .known import NameKind

Kind = Literal["text", "choice", "seconds", "list"]


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting; without `flags` it has no option."""

    name: str
    help: str
    flags: tuple[str, ...] = ()
    kind: Kind = "text"
    metavar: str | None = None
    choices: tuple[str, ...] = ()
    default: str | None = None
    table: str = "client"
    completes: NameKind | None = None
    """As what a shell completes it."""

    @property
    def variable(self) -> str:
        """What it is called in the environment."""
        return f"ZCHAT_{self.name.upper()}"


SETTINGS = (
    Setting("broker", "Broker's link, HOST[:PORT] or name.", ("-b", "--broker"), metavar="LINK", completes="broker"),
    Setting("nick", "Your nick; default: the one last used there.", ("-u", "--nick"), metavar="NICK", completes="own"),
    Setting("timeout", "Give up after this time.", ("--timeout",), kind="seconds", metavar="SECONDS"),
    Setting(
        "color",
        "When to colour: on terminals, always, never (auto).",
        ("--color",),
        kind="choice",
        choices=("auto", "always", "never"),
        default="auto",
    ),
    Setting(
        "rooms",
        "A room to enter (lobby); may be given again.",
        ("-r", "--room"),
        kind="list",
        metavar="ROOM",
        completes="room",
    ),
    Setting(
        "notices",
        "Comings and goings to show.",
        ("--notices",),
        kind="choice",
        choices=("all", "smart", "none"),
        default="all",
    ),
    Setting(
        "theme",
        "Colours, for your terminal's background.",
        ("--theme",),
        kind="choice",
        choices=("dark", "light", "mono"),
    ),
    Setting(
        "bell",
        "For what the bell of `zchat join` rings.",
        kind="choice",
        choices=("off", "pm", "all"),
        default="all",
    ),
    Setting(
        "mention",
        "A command that is run for mentions and private messages.",
        metavar="COMMAND",
        table="hooks",
    ),
)
BY_NAME = {setting.name: setting for setting in SETTINGS}
TABLES = {table: tuple(setting.name for setting in SETTINGS if setting.table == table) for table in ("client", "hooks")}

Value = str | float | list[str]


def read() -> dict[str, Value]:
    """What the file says, by name; raises `InputError` for what cannot be used."""
    said: dict[str, Value] = {}
    for settings in config.read(None, TABLES).values():
        for name, value in settings.items():
            said[name] = _checked(BY_NAME[name], value)
    return said


def _checked(setting: Setting, value: object) -> Value:
    match setting.kind:
        case "text" if isinstance(value, str) and "\0" not in value:
            return value
        case "choice" if isinstance(value, str) and value in setting.choices:
            return value
        case "seconds" if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 2**33:
            return float(value)
        case "list" if isinstance(value, list) and value and all(isinstance(item, str) for item in value):
            return [str(item) for item in value]
    wanted = {
        "text": "a text in quotes",
        "choice": f"one of {', '.join(setting.choices)}",
        "seconds": "a number of seconds",
        "list": 'a list as ["lobby", "builds"]',
    }[setting.kind]
    raise InputError(f"In {config.usual_file()}: {setting.name} in [{setting.table}] is {wanted}. Change it.")


def lookup(setting: Setting, environ: Mapping[str, str] = os.environ) -> tuple[Value | None, str]:
    """The value of a setting without its option, and where it comes from; None: it is not set."""
    text = environ.get(setting.variable)
    if text:
        return _parsed(setting, text), setting.variable
    said = read()
    if setting.name in said:
        return said[setting.name], str(config.usual_file())
    return setting.default, "default"


def _parsed(setting: Setting, text: str) -> Value:
    match setting.kind:
        case "list":
            return text.split()
        case "choice" if text not in setting.choices:
            raise InputError(f"{setting.variable} is one of {', '.join(setting.choices)}. Change it.")
        case "seconds":
            try:
                return float(text)
            except ValueError:
                raise InputError(f"{setting.variable} is a number of seconds. Change it.") from None
    return text


def in_force() -> list[config.Row]:
    """All settings."""
    return [(setting.table, setting.name, *lookup(setting)) for setting in SETTINGS]
