"""What the client's commands have in common on the command line: which broker, as whom, and how they are made.

Owns the common options and how a broker, a nick and a place to begin are found by them. Does not know any single
command (`cli`, `admin_cli`). Main thread.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from ..common.cli import EPILOG
from ..common.errors import Code, InputError, RefusedError

if TYPE_CHECKING:
    from ..common.keys import KeyPair, Link
    from ..common.messages import Admin, Event, Rooms, Who
    from .rooms import Start

F = TypeVar("F", bound=Callable[..., Any])

SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
LOBBY = "lobby"
LONGEST_LINK = 4_096

_INVITE = "zchat.invite"
"""Where a command's context keeps the name of the invitation's file."""


def client_command(name: str, group: click.Group | None = None) -> Callable[[F], click.Command]:
    """Make a command of a function, by itself or in a group."""
    return (group or click).command(name, epilog=EPILOG, context_settings=SETTINGS)


def _keep_invite(context: click.Context, _option: click.Parameter, file: str | None) -> None:
    context.meta[_INVITE] = file


def broker_options(function: F) -> F:
    """Which broker: ``--broker`` or ``--invite-file``; `find` makes a link of them."""
    function = click.option(
        "--invite-file",
        metavar="FILE|-",
        expose_value=False,
        callback=_keep_invite,
        help="Instead of --broker: a file (or standard input) that holds the link, so that no process list shows it.",
    )(function)
    return click.option(
        "-b", "--broker", envvar="ZCHAT_BROKER", metavar="LINK", help="Broker's link, HOST[:PORT] or name."
    )(function)


nick_option = click.option(
    "-u", "--nick", envvar="ZCHAT_NICK", metavar="NICK", help="Your nick; default: the one last used there."
)
json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")


def common_options(function: F) -> F:
    """The options of every command that talks to a broker."""
    timeout = click.option(
        "--timeout", type=click.FloatRange(min=0, min_open=True), metavar="SECONDS", help="Give up after this time."
    )
    return broker_options(nick_option(json_option(timeout(function))))


def room_option(help_: str, *, multiple: bool = False) -> Callable[[F], F]:
    """``--room``, once or several times."""
    return click.option("-r", "--room", "rooms" if multiple else "room", metavar="ROOM", multiple=multiple, help=help_)


def since_option(help_: str) -> Callable[[F], F]:
    """``--since``, for `parse_since`."""
    return click.option("--since", metavar="20|10m|ID|all|unread", help=help_)


def names_broker(broker: str | None) -> bool:
    """Whether a broker was named in any way."""
    return broker is not None or click.get_current_context().meta.get(_INVITE) is not None


def is_given(option: str) -> bool:
    """Whether an option of the running command was typed, not taken from the environment or a default."""
    return click.get_current_context().get_parameter_source(option) is ParameterSource.COMMANDLINE


# --- which broker ---------------------------------------------------------------------------------------------
def find(broker: str | None, *, reads_input: bool = False) -> Link:
    """The link of the broker that is meant; `reads_input`: the command takes its data from standard input."""
    from .account import find_broker

    file: str | None = click.get_current_context().meta.get(_INVITE)
    if file is None:
        return find_broker(broker)
    if is_given("broker"):
        raise InputError("A broker is named by --broker or by --invite-file. Give only one of them.")
    if file == "-" and reads_input:
        raise InputError("Standard input is read for the messages already. Give --invite-file a file.")
    return find_broker(_read_link(file))


def _read_link(file: str) -> str:
    from ..common.keys import Link

    try:
        with open(0 if file == "-" else file, encoding="utf-8", closefd=file != "-") as source:
            text = source.read(LONGEST_LINK).strip()
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not text"
        raise InputError(f"The file {file} cannot be read ({reason}). Name the file with your invitation.") from None
    Link.parse(text)
    return text


# --- as whom --------------------------------------------------------------------------------------------------
def choose_nick(link: Link, given: str | None) -> str:
    """The nick to use at a broker: given, last used, asked for, or the login name made legal."""
    from . import account

    if given is not None:
        return legal_nick(given)
    last = account.last_nick(link)
    if last is not None:
        return last
    login = account.login_nick()
    if sys.stdin.isatty():
        return prompt_nick(login)
    return login or account.made_up_nick()


def legal_nick(text: str) -> str:
    """The nick in its legal form; raises `RefusedError`, as a broker would refuse it."""
    from ..common.names import parse_nick

    try:
        return parse_nick(text)
    except InputError as error:
        raise RefusedError(Code.NICK_INVALID, str(error)) from None


def prompt_nick(offer: str | None) -> str:
    """Ask until a legal nick is given."""
    from ..common.names import parse_nick

    while True:
        text = click.prompt("Your nick", default=offer, err=True, type=str)
        try:
            return parse_nick(text.strip())
        except InputError as error:
            click.echo(f"zchat: {error}", err=True)


# --- where to begin -------------------------------------------------------------------------------------------
def parse_since(since: str) -> Start:
    """Where to begin: a number of messages, a time span, ``all``, ``unread``, or a message's id."""
    import re
    import time

    from ..common.spans import seconds_of
    from .rooms import UNREAD, Start

    if since == "all":
        return Start(after=0)
    if since == "unread":
        return UNREAD
    seconds = seconds_of(since)
    if seconds is not None:
        return Start(since=max(0, int((time.time() - seconds) * 1_000)))
    if re.fullmatch(r"[0-9]{1,6}", since):
        return Start(last=int(since))
    if legal_id(since):
        return Start(since_id=since)
    raise InputError(
        "--since takes a number of messages, a time as 10m, 2h or 3d, a message's id, all, or unread. Check it."
    )


def legal_id(text: str) -> bool:
    """Whether it can be a message's id."""
    import re

    return re.fullmatch(r"[A-Za-z0-9._:-]{1,64}", text) is not None


# --- what is asked --------------------------------------------------------------------------------------------
def ask(
    link: Link,
    nick: str | None,
    question: Who | Rooms | Admin,
    show: Callable[[Event], list[str]],
    timeout: float | None,
    *,
    key: KeyPair | None = None,
) -> None:
    """Put one question and print what `show` makes of its answer."""
    from .programs import Question
    from .run import run

    wanted = choose_nick(link, nick) if key is None else nick or ""
    run(link, wanted, lambda core: Question(core, question, show, timeout=timeout), key=key)
