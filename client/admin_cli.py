"""``zchat admin``: what operators do, as they type it, and what is in force of it.

Owns these commands' options and how a key, a nick, an address or an invitation's name is read. Does not know who may
do what: the broker does. Imports what a command needs when it runs. Main thread.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ..common.cli import CONTEXT_SETTINGS, AdminGroup, epilog
from ..common.errors import InputError
from .options_cli import (
    ask,
    choose_nick,
    client_command,
    common_options,
    find,
    is_given,
    is_usual,
    room_option,
)

if TYPE_CHECKING:
    from ..common.keys import KeyPair, Link
    from ..common.messages import Admin, AdminVerb, Event
    from ..common.rules import Act

F = TypeVar("F", bound=Callable[..., Any])


def as_whom(link: Link, nick: str | None, key_file: Path | None) -> tuple[str, KeyPair | None]:
    """As whom to act: nick and key of the operator, or a nick of this account's, whose key is found by it."""
    from ..common.keys import KeyPair
    from ..common.names import OPERATOR
    from . import account

    if key_file is not None:
        if is_given("nick"):
            raise InputError("An operator's key has no nick. Give only one of --key and --nick.")
        return OPERATOR, KeyPair.load(key_file)
    # A nick that is always used, by the configuration file, does not say that the operator's key is not wanted.
    key = account.operator_key(link) if nick is None or is_usual("nick") else None
    return (OPERATOR, key) if key is not None else (choose_nick(link, nick), None)


@click.group(
    "admin", cls=AdminGroup, epilog=epilog("zchat admin ban mallory --for 7d"), context_settings=CONTEXT_SETTINGS
)
def admin() -> None:
    """Let people in, keep them out, give out roles.

    For the broker's own account and for operators. With --room, what is done holds in that room; without, at the
    whole broker.
    """


def operator_options(function: F) -> F:
    """The options of every command that operators use: the common ones, and ``--key`` for `as_whom`."""
    key = click.option(
        "--key",
        "key_file",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="An operator's key; default: that of this account's own broker, unless there is a --nick.",
    )
    return common_options(key(function))


_reason_option = click.option("--reason", default="", metavar="TEXT", help="Why, for those who see it.")
_for_option = click.option("--for", "duration", metavar="10m", help="For how long; default: until it is lifted.")


# --- who may come in ------------------------------------------------------------------------------------------
@client_command("allow", admin, example="zchat admin allow 5tzqpmoenb…")
@operator_options
@click.argument("key")
def allow(key: str, **options: Any) -> None:
    """Let a key in, whatever the access mode.

    `zchat key export` prints KEY. This ends a deny, but no ban.
    """
    _govern("allow", _key(key), **options)


@client_command("deny", admin, example="zchat admin deny mallory")
@operator_options
@click.argument("whom", metavar="KEY|NICK")
def deny(whom: str, **options: Any) -> None:
    """Shut out a key at once, whatever the access mode, until allowed."""
    _govern("deny", _somebody(whom), **options)


@client_command("reset", admin, example="zchat admin reset bob 5tzqpmoenb…")
@operator_options
@click.argument("nick_", metavar="NICK")
@click.argument("to_key", metavar="[KEY]", required=False)
def reset(nick_: str, to_key: str | None, **options: Any) -> None:
    """Give a nick free, or to another key, if its owner has lost it."""
    from ..common.names import parse_nick

    _govern("reset", parse_nick(nick_), for_key=_key(to_key) if to_key is not None else "", **options)


# --- what is in force -----------------------------------------------------------------------------------------
@client_command("list", admin, example="zchat admin list")
@operator_options
def list_(**options: Any) -> None:
    """List bans, invitations, operators, keys allowed and denied."""
    from ..common import limits
    from ..common.messages import Admin, Administered
    from ..common.text import clean
    from . import render

    told: list[Administered] = []

    def show(event: Event, as_json: bool) -> list[str]:
        assert isinstance(event, Administered)
        told.append(event)
        return [*map(render.ruling_json, event.rulings)] if as_json else render.ruling_lines(event.rulings)

    _ask(Admin(verb="list"), show, **options)
    for answer in told:
        if not answer.rulings:
            click.echo("Nothing is in force.", err=True)
        elif len(answer.rulings) >= limits.RULINGS:
            click.echo(f"Not all are shown: {clean(answer.detail)}", err=True)


@client_command("revoke", admin, example="zchat admin revoke k3v9")
@operator_options
@click.argument("name")
def revoke(name: str, **options: Any) -> None:
    """Take back an invitation, named as zchat admin list shows it."""
    import re

    if not re.fullmatch(r"[A-Za-z0-9]{1,64}", name):
        raise InputError("An invitation is named as zchat admin list shows it. Copy its name from there.")
    _govern("revoke", name, **options)


# --- in a room or at the whole broker -------------------------------------------------------------------------
@client_command("kick", admin, example="zchat admin kick mallory -r lobby")
@operator_options
@room_option("Only out of this room.")
@_reason_option
@click.argument("whom", metavar="NICK")
def kick(whom: str, room: str | None, **options: Any) -> None:
    """Put somebody out, for a minute."""
    _act("kick", whom, room, **options)


@client_command("ban", admin, example="zchat admin ban 192.0.2.0/24 --for 7d --reason spam")
@operator_options
@room_option("Only from this room.")
@_for_option
@_reason_option
@click.argument("whom", metavar="NICK|KEY|ADDRESS")
def ban(whom: str, room: str | None, **options: Any) -> None:
    """Keep out somebody, a key, an address or a network.

    An address is 192.0.2.7 or 2001:db8::7, a network 192.0.2.0/24.
    """
    _act("ban", whom, room, **options)


@client_command("unban", admin, example="zchat admin unban mallory")
@operator_options
@room_option("Only from this room.")
@click.argument("whom", metavar="NICK|KEY|ADDRESS")
def unban(whom: str, room: str | None, **options: Any) -> None:
    """Lift a ban."""
    _act("unban", whom, room, **options)


@client_command("mute", admin, example="zchat admin mute bob -r lobby --for 10m")
@operator_options
@room_option("The room.")
@_for_option
@_reason_option
@click.argument("whom", metavar="NICK")
def mute(whom: str, room: str | None, **options: Any) -> None:
    """Let somebody read in a room, but not speak."""
    _act("mute", whom, room, **options)


@client_command("unmute", admin, example="zchat admin unmute bob -r lobby")
@operator_options
@room_option("The room.")
@click.argument("whom", metavar="NICK")
def unmute(whom: str, room: str | None, **options: Any) -> None:
    """Let somebody speak again."""
    _act("unmute", whom, room, **options)


@client_command("op", admin, example="zchat admin op alice -r builds")
@operator_options
@room_option("Only in this room.")
@click.argument("whom", metavar="NICK")
def op(whom: str, room: str | None, **options: Any) -> None:
    """Make somebody an operator."""
    _act("op", whom, room, **options)


@client_command("deop", admin, example="zchat admin deop alice -r builds")
@operator_options
@room_option("Only in this room.")
@click.argument("whom", metavar="NICK")
def deop(whom: str, room: str | None, **options: Any) -> None:
    """Make somebody an operator no more."""
    _act("deop", whom, room, **options)


# --- works that take a while ----------------------------------------------------------------------------------
@client_command("forget", admin, example="zchat admin forget alice")
@operator_options
@click.option("--yes", is_flag=True, help="Do not ask whether it is meant.")
@click.argument("whom", metavar="KEY|NICK")
def forget(whom: str, yes: bool, **options: Any) -> None:
    """Erase all that somebody has said.

    In every room and privately; their nicks become free.

    That they said something, and when, stays; so do backups, and what others quoted. It goes on when this ends.
    """
    target = _somebody(whom)
    if not yes and sys.stdin.isatty():
        click.confirm(f"Erase for good all that {target} has said?", abort=True, err=True)
    _order("forget", target, **options)


@client_command("vacuum", admin, example="zchat admin vacuum")
@operator_options
def vacuum(**options: Any) -> None:
    """Give back free room in the history's file.

    The chat goes on meanwhile.
    """
    _order("vacuum", "", **options)


# --- what they share ------------------------------------------------------------------------------------------
def _act(kind: Act, whom: str, room: str | None, *, duration: str | None = None, reason: str = "", **who: Any) -> None:
    """What can be done in a room and at the whole broker."""
    from ..common.spans import parse_span

    seconds = parse_span(duration, "--for") if duration is not None else 0.0
    if room is not None:
        return _in_room(kind, _somebody(whom), room, seconds, reason, **who)
    if kind == "mute" or kind == "unmute":
        raise InputError(f"Somebody is {kind}d in a room. Name it with --room.")
    target = _anybody(whom) if kind in ("ban", "unban") else _somebody(whom)
    _govern(kind, target, seconds=seconds, reason=reason, **who)


def _govern(
    verb: AdminVerb, target: str, *, seconds: float = 0.0, reason: str = "", for_key: str = "", **who: Any
) -> None:
    """Ask the broker to do it everywhere, and print what it did."""
    from ..common.messages import Admin
    from ..common.rules import check_text

    check_text(reason, verb)
    _ask(Admin(verb=verb, target=target, seconds=seconds, key=for_key, reason=reason), _done, **who)


def _ask(
    question: Admin,
    show: Callable[[Event, bool], list[str]],
    *,
    broker: str | None,
    nick: str | None,
    as_json: bool,
    timeout: float | None,
    key_file: Path | None,
) -> None:
    """Ask as an operator, and print what `show` makes of the answer, as JSON or not."""
    link = find(broker)
    name, key = as_whom(link, nick, key_file)
    ask(link, name, question, lambda event: show(event, as_json), timeout, key=key)


def _order(
    verb: AdminVerb,
    target: str,
    *,
    broker: str | None,
    nick: str | None,
    as_json: bool,
    timeout: float | None,
    key_file: Path | None,
) -> None:
    """Have the broker do what takes a while, and print what it did."""
    from ..common.messages import Admin
    from .orders import Order
    from .run import run

    link = find(broker)
    name, key = as_whom(link, nick, key_file)
    order = Admin(verb=verb, target=target)
    run(link, name, lambda core: Order(core, order, lambda event: _done(event, as_json), timeout=timeout), key=key)


def _done(event: Event, as_json: bool) -> list[str]:
    from ..common.messages import Administered
    from ..common.text import clean
    from . import render

    assert isinstance(event, Administered)
    return [render.done_json(event.detail) if as_json else clean(event.detail)]


def _in_room(
    kind: Act,
    whom: str,
    room: str,
    seconds: float,
    reason: str,
    *,
    broker: str | None,
    nick: str | None,
    as_json: bool,
    timeout: float | None,
    key_file: Path | None,
) -> None:
    """Do it in one room, as its operators do in the chat."""
    from ..common.names import parse_room
    from . import moderation, wording
    from .run import run
    from .sending import Sender

    say = moderation.act(kind, parse_room(room), whom, seconds=seconds, reason=reason)
    link = find(broker)
    name, key = as_whom(link, nick, key_file)
    done = wording.done(say)
    run(
        link,
        name,
        lambda core: Sender(core, room=None, to=None, text=None, say=say, done=done, json=as_json, timeout=timeout),
        key=key,
    )


def _key(text: str) -> str:
    from ..common.keys import fingerprint_of

    if fingerprint_of(text) is None:
        raise InputError("A key is a fingerprint or a public key, as zchat key export prints it. Copy it again.")
    return text.lower()


def _somebody(text: str) -> str:
    """A nick, or whoever has a key."""
    from .moderation import whose

    return whose(text)


def _anybody(text: str) -> str:
    """Somebody, an address or a network."""
    import ipaddress

    from ..common.text import shown

    if not set(text) & set("./:"):
        return _somebody(text)
    try:
        return str(ipaddress.ip_network(text, strict=False) if "/" in text else ipaddress.ip_address(text))
    except ValueError:
        raise InputError(f"There is no address or network {shown(text)}. Check it.") from None
