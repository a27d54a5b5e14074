"""What the client's commands have in common on the command line: which broker, as whom, and how they are made.

Owns the common options and how a broker, a nick and a place to begin are found by them. Does not know any single
command (`cli`, `admin_cli`). Main thread.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from ..common.cli import CONTEXT_SETTINGS, epilog
from ..common.errors import InputError
from . import color, settings

if TYPE_CHECKING:
    from ..common.keys import KeyPair, Link
    from ..common.messages import Admin, Event, Inspect, Rooms, Who
    from .actions import Print
    from .known import NameKind
    from .rooms import Start

F = TypeVar("F", bound=Callable[..., Any])

LONGEST_LINK = 4_096

_INVITE = "zchat.invite"
"""Where a command's context keeps the name of the invitation's file."""
_COLOR = "zchat.color"
"""Where it keeps when to colour."""
_FORGIVING = "zchat.forgiving"
"""Where it keeps that a faulty configuration file is none."""


def client_command(
    name: str, group: click.Group | None = None, *, example: str = "", cls: type[click.Command] = click.Command
) -> Callable[[F], click.Command]:
    """Make a command of a function, by itself or in a group; the example stands in its help."""
    return (group or click).command(name, cls=cls, epilog=epilog(example), context_settings=CONTEXT_SETTINGS)


class ForgivingCommand(click.Command):
    """A command that runs although the configuration file cannot be used, since it tells so itself."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As any command does."""
        ctx.meta[_FORGIVING] = True
        return super().parse_args(ctx, args)


# --- options of which there is a setting ----------------------------------------------------------------------
class SettingOption(click.Option):
    """An option that may also be in the configuration file; an option that is given and ``ZCHAT_*`` count more."""

    def __init__(self, *args: Any, setting: settings.Setting, **kwargs: Any) -> None:
        self._setting = setting
        super().__init__(*args, **kwargs)

    def consume_value(self, ctx: click.Context, opts: Mapping[str, Any]) -> tuple[Any, ParameterSource]:
        """The value, and where it comes from."""
        value, source = super().consume_value(ctx, opts)
        if source is not ParameterSource.DEFAULT or ctx.resilient_parsing:
            return value, source
        try:
            said = settings.read()
        except InputError:
            if not ctx.meta.get(_FORGIVING):
                raise
            said = {}
        return (
            (said[self._setting.name], ParameterSource.DEFAULT_MAP) if self._setting.name in said else (value, source)
        )

    def get_error_hint(self, ctx: click.Context | None) -> str:
        """What an error calls it: by its variable, too, if the value comes from there."""
        hint = super().get_error_hint(ctx) or ""
        source = ctx.get_parameter_source(self._setting.name) if ctx is not None else None
        return f"{hint} ({self._setting.variable})" if source is ParameterSource.ENVIRONMENT else hint


def offer(kind: NameKind) -> Callable[[click.Context, click.Parameter, str], list[str]]:
    """What completes an option's value in a shell: names that were met before."""

    def complete(_context: click.Context, _option: click.Parameter, begun: str) -> list[str]:
        from .known import offered

        return offered(kind, begun)

    return complete


def setting_option(name: str, **more: Any) -> Callable[[F], F]:
    """The option of a setting (`settings`)."""
    setting = settings.BY_NAME[name]
    match setting.kind:
        case "choice":
            more["type"] = click.Choice(setting.choices)
        case "seconds":
            more["type"] = click.FloatRange(min=0, min_open=True)
        case "list":
            more["multiple"] = True
    if setting.completes is not None:
        more["shell_complete"] = offer(setting.completes)
    return click.option(
        *setting.flags,
        setting.name,
        cls=SettingOption,
        setting=setting,
        envvar=setting.variable,
        metavar=setting.metavar,
        default=setting.default,
        help=setting.help,
        **more,
    )


def _keep_invite(context: click.Context, _option: click.Parameter, file: str | None) -> None:
    context.meta[_INVITE] = file


def _keep_color(context: click.Context, _option: click.Parameter, when: str) -> None:
    context.meta[_COLOR] = when


def broker_options(function: F) -> F:
    """Which broker: ``--broker`` or ``--invite-file``; `find` makes a link of them."""
    function = click.option(
        "--invite-file",
        metavar="FILE|-",
        type=click.Path(allow_dash=True, readable=False),
        expose_value=False,
        callback=_keep_invite,
        help="Instead of --broker: a file (or standard input) that holds the link, so that no process list shows it.",
    )(function)
    return setting_option("broker")(function)


nick_option = setting_option("nick")
json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")


def common_options(function: F) -> F:
    """The options of every command that talks to a broker."""
    colored = setting_option("color", expose_value=False, callback=_keep_color)
    return broker_options(nick_option(json_option(setting_option("timeout")(colored(function)))))


def depth() -> int:
    """How many colours standard output gets (`color.wanted`), as the running command was told."""
    return color.wanted(sys.stdout, click.get_current_context().meta.get(_COLOR, "auto"), os.environ)


def room_option(help_: str, *, multiple: bool = False) -> Callable[[F], F]:
    """``--room``, once or several times."""
    name = "rooms" if multiple else "room"
    complete = offer("room")
    return click.option("-r", "--room", name, metavar="ROOM", multiple=multiple, shell_complete=complete, help=help_)


def since_option(help_: str) -> Callable[[F], F]:
    """``--since``, for `parse_since`."""
    return click.option("--since", metavar="20|10m|ID|all|unread", help=help_)


def names_broker(broker: str | None) -> bool:
    """Whether a broker was named in any way."""
    return broker is not None or click.get_current_context().meta.get(_INVITE) is not None


def is_given(option: str) -> bool:
    """Whether an option of the running command was typed, not taken from the environment or a default."""
    return click.get_current_context().get_parameter_source(option) is ParameterSource.COMMANDLINE


def is_usual(option: str) -> bool:
    """Whether it stands in the configuration file: what is wanted as a rule, not this time."""
    return click.get_current_context().get_parameter_source(option) is ParameterSource.DEFAULT_MAP


def while_it_lasts(timeout: float | None) -> float | None:
    """The timeout of what goes on until it is ended: only one that was typed is meant for it."""
    return timeout if is_given("timeout") else None


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
    from ..common.names import legal_nick
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


def prompt_nick(default: str | None) -> str:
    """Ask until a legal nick is given."""
    from ..common.names import parse_nick

    while True:
        text = click.prompt("Your nick", default=default, err=True, type=str)
        try:
            return parse_nick(text.strip())
        except InputError as error:
            click.echo(f"zchat: {error}", err=True)


# --- where to begin -------------------------------------------------------------------------------------------
def parse_since(since: str) -> Start:
    """Where to begin, as `rooms.start_of`; raises `InputError`."""
    import time

    from .rooms import start_of

    start = start_of(since, int(time.time() * 1_000))
    if start is None:
        raise InputError(
            "--since takes a number of messages, a time as 10m, 2h or 3d, a message's id, all, or unread. Check it."
        )
    return start


def check_id(message_id: str | None) -> None:
    """Raise `InputError` unless ``--id`` was not given, or can be a message's id."""
    from ..common.ids import is_message_id

    if message_id is not None and not is_message_id(message_id):
        raise InputError("An id is 1 to 64 letters, digits, dots, colons, _ or -. Choose another --id.")


# --- what is asked --------------------------------------------------------------------------------------------
def ask(
    link: Link,
    nick: str | None,
    question: Who | Rooms | Inspect | Admin,
    show: Callable[[Event], Sequence[str | Print]],
    timeout: float | None,
    *,
    key: KeyPair | None = None,
) -> None:
    """Put one question and print what `show` makes of its answer."""
    from .programs import OneQuestion
    from .run import run

    wanted = choose_nick(link, nick) if key is None else nick or ""
    run(link, wanted, lambda core: OneQuestion(core, question, show, timeout=timeout), key=key, depth=depth())
