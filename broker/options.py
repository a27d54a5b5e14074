"""What an operator may set: the one table behind ``zchat broker --help``, ``config.toml`` and docs/configuration.md.

Owns the words about each setting, and how the broker as a service is set up (`Service`; access and limits are the
`Policy`). Does not know files (`settings`), click (`cli`) nor what the settings do. Pure; any thread.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_type_hints

import msgspec
from msgspec import Meta

from .policy import Policy

Form = Literal["text", "json"]


class Service(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a broker listens, where it keeps its files, and how it tells what it does."""

    bind: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65_534)] = 5555
    advertise: str | None = None
    others: str | None = None
    name: str | None = None
    data: str | None = None
    history: str | None = None
    metrics: str | None = None
    log: str = "-"
    log_format: Form = "text"
    log_messages: bool = False
    log_bytes: Annotated[int, Meta(ge=0, le=2**40)] = 10_000_000
    log_files: Annotated[int, Meta(ge=1, le=1_000)] = 5


@dataclass(frozen=True, slots=True)
class About:
    """The words about one setting."""

    table: str
    help: str
    reason: str
    metavar: str = ""
    usual: str = ""
    """What the default is called where it is no constant."""
    option: bool = True
    """Whether it is an option and in the environment, too."""
    reload: bool = True
    """Whether SIGHUP brings a new value into force; else it takes a restart."""


def _service(help: str, reason: str, metavar: str = "", **more: Any) -> About:
    return About("broker", help, reason, metavar, **{"reload": False, **more})


def _limit(help: str, reason: str, **more: Any) -> About:
    return About("limits", help, reason, option=False, **more)


ABOUT: dict[str, About] = {
    "bind": _service("Where to listen.", "nobody from elsewhere gets in unasked", "HOST"),
    "port": _service(
        "ROUTER's port, PUB takes the next one. 0: a free pair.", "a firewall needs to know it", metavar="N"
    ),
    "advertise": _service(
        "The host in the link.", "clients need a name or address that leads here", "HOST", usual="the bound one"
    ),
    "others": _service(
        "The other brokers of this chat, for the link. They have this one's keys and history.",
        "one broker is all that most need",
        "HOST:PORT,…",
        usual="none",
    ),
    "name": _service("The broker's name, for people.", "it is shown in greetings", "NAME", usual="this host's"),
    "data": _service(
        "The broker's folder.", "keys and history belong to the account", "DIR", usual="the account's data folder"
    ),
    "history": _service(
        "A PostgreSQL database for the history, as postgresql://USER@HOST/DATABASE.",
        "a file needs no setup",
        "URL",
        usual="a file in the broker's folder",
    ),
    "access": About(
        "broker",
        "Who comes in: everyone, who is invited, who was allowed.",
        "on a network, who reaches the port would come in",
        usual="open on loopback, else invite",
    ),
    "log": _service(
        "Where to log: standard error (-), FILE, syslog, syslog://HOST[:514] (UDP) or syslog+tcp://HOST[:601].",
        "a supervisor or a terminal reads it",
        "WHERE",
        reload=True,
    ),
    "log_format": _service(
        "Lines for people, or an object a line for machines.", "people look first", "text|json", reload=True
    ),
    "log_messages": _service(
        "Log what is said too, private messages included.", "a log is read by others than the addressees", reload=True
    ),
    "log_bytes": _service(
        "A log FILE that would grow beyond this is renamed FILE.1. 0: never, something else rotates it.",
        "a log must not fill the disk",
        "N",
        option=False,
        reload=True,
    ),
    "log_files": _service(
        "How many renamed log files are kept.", "some months of a small broker", "N", option=False, reload=True
    ),
    "metrics": _service(
        "Serve /metrics for Prometheus and /healthz at [HOST:]PORT; HOST is 127.0.0.1 if it is not named.",
        "it tells who reads it how many are here",
        "[HOST:]PORT",
        usual="not served",
    ),
    "keep": About(
        "history",
        "Remove messages that are older than this.",
        "nothing is removed that nobody asked to remove",
        "30d",
        usual="never",
    ),
    "keep_messages": About(
        "history",
        "Keep the last N messages of each room.",
        "nothing is removed that nobody asked to remove",
        "N",
        usual="all",
    ),
    "message_bytes": _limit("Bytes of one message, in UTF-8.", "a pasted log; can only be lowered"),
    "message_lines": _limit("Lines of one message.", "a pasted block, not a book; can only be lowered"),
    "burst": _limit(
        "What one key may do at once, in messages of up to 1 kB.",
        "a log piped in. What costs more than that takes a full budget",
    ),
    "rate": _limit("What it gains a second.", "a disk keeps up with several such"),
    "room_burst": _limit("Rooms that one key makes at once.", "a program that sets up its rooms"),
    "room_rate": _limit("And gains a second.", "rooms are kept for ever"),
    "owned_rooms": _limit("Rooms that one key has made.", "rooms are kept for ever"),
    "rooms": _limit(
        "Rooms of the whole chat, those of two people's private messages counted.",
        "each takes 1 kB of memory; 8,000,000 at most",
    ),
    "user_rooms": _limit("Rooms that one session follows.", "memory"),
    "sessions": _limit("Sessions of one key.", "many screens and programs, but no flood of them"),
    "subscriptions": _limit(
        "Subscriptions and their ends that one connection sends in its life.",
        "each costs memory or time; eight times `user_rooms`",
    ),
    "open_questions": _limit("Questions of one key that wait for their turn.", "a client asks one a room"),
    "page_entries": _limit("Entries in one page of history.", "a page is one frame anyway"),
    "connection_burst": _limit(
        "Connections that one address opens at once; those of keys that have a session are not counted.",
        "an office of some hundred that comes back after a restart",
    ),
    "connection_rate": _limit("And gains a second.", "loopback is exempt"),
    "handshake": _limit("Seconds for a handshake.", "silent connections cost a descriptor", reload=False),
    "hello_patience": _limit(
        "Seconds until the first `hello` or subscription.", "silent connections cost a descriptor"
    ),
}
"""Every field of `Service` and `Policy`."""

DEFAULTS: dict[str, Any] = {
    field.name: field.default for struct in (Service, Policy) for field in msgspec.structs.fields(struct)
}
TYPES: dict[str, Any] = {
    **get_type_hints(Service, include_extras=True),
    **get_type_hints(Policy, include_extras=True),
}
TABLES: dict[str, tuple[str, ...]] = {
    table: tuple(name for name, about in ABOUT.items() if about.table == table)
    for table in ("broker", "history", "limits")
}
"""The tables of the file, and what may stand in them."""
OPTIONS = tuple(name for name, about in ABOUT.items() if about.option)


def usual(name: str) -> str:
    """The default of a setting, in words or as it is written in the file."""
    return ABOUT[name].usual or msgspec.json.encode(DEFAULTS[name]).decode()


# --- the page -------------------------------------------------------------------------------------------------
_HEAD = """# The broker's configuration

This page is made by `make docs` from the table behind `zchat broker --help`.

The broker reads one file: the one named by `--config` or `ZCHAT_CONFIG`, else `config.toml` in the configuration
folder (`~/.config/zchat` on Linux), which need not be there. An option counts more than the environment, that more than
the file, and the file more than the default. For `--log-format` the environment has `ZCHAT_LOG_FORMAT`, and so on.

    zchat broker --check-config                       # what holds, and where it comes from; nothing is started
    zchat broker --config FILE --check-config         # the same with another file

What is not known, or not possible, is an error that names it, and no broker starts with it. `kill -HUP` has a running
broker read the file again; what is marked *restart* holds from the next start on. A file with an error changes nothing,
and the log says so. [operating.md](operating.md) tells how to run a broker.

    [broker]
    bind = "0.0.0.0"
    log = "syslog"
    metrics = "9100"

    [history]
    keep = "90d"

    [limits]
    rate = 50
    burst = 500
"""
_WHAT = {
    "broker": "Where it listens, where it keeps its files, and how it tells what it does.",
    "history": "How long messages are kept. A time is a number of seconds, or a text as `30d`.",
    "limits": "What one key or one address may take from the others. [security.md](security.md#limits) tells which"
    " limits cannot be set.",
}


def page() -> str:
    """docs/configuration.md."""
    return "\n".join([_HEAD, *(line for table in TABLES for line in _section(table))])


def _section(table: str) -> Iterator[str]:
    yield from (f"## `[{table}]`", "", _WHAT[table], "")
    yield "| Key | Default | Meaning | Why this default | New value |"
    yield "|---|---|---|---|---|"
    for name in TABLES[table]:
        about = ABOUT[name]
        default = about.usual or f"`{usual(name)}`"
        option = f" Option: `{flag(name)}`." if about.option else ""
        meaning = f"{about.help.replace('|', chr(92) + '|')}{option}"
        yield f"| `{name}` | {default} | {meaning} | {about.reason} | {'SIGHUP' if about.reload else 'restart'} |"
    yield ""


def flag(name: str) -> str:
    """How a setting is called on the command line."""
    return f"--{name.replace('_', '-')}"
