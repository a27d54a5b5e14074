"""The client's commands as a user types them: options to calls, nothing else.

Owns options and help texts. Imports what a command needs when it runs, so that ``--help`` is quick. Main thread.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ..common.cli import DEMO_BROKER, EPILOG, load
from ..common.errors import Code, InputError, RefusedError

if TYPE_CHECKING:
    import socket

    from ..common.keys import Link
    from ..common.messages import Event, Rooms, Who
    from .core import ClientCore
    from .rooms import Start

F = TypeVar("F", bound=Callable[..., Any])

SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
LOBBY = "lobby"


def _command(name: str) -> Callable[[F], click.Command]:
    return click.command(name, epilog=EPILOG, context_settings=SETTINGS)


_broker_option = click.option(
    "-b", "--broker", envvar="ZCHAT_BROKER", metavar="LINK", help="Broker's link, HOST[:PORT] or name."
)
_nick_option = click.option(
    "-u", "--nick", envvar="ZCHAT_NICK", metavar="NICK", help="Your nick; default: the one last used there."
)
_json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")


def _common(function: F) -> F:
    """The options of every command that talks to a broker."""
    timeout = click.option(
        "--timeout", type=click.FloatRange(min=0, min_open=True), metavar="SECONDS", help="Give up after this time."
    )
    for option in (timeout, _json_option, _nick_option, _broker_option):
        function = option(function)
    return function


def _room_option(help_: str, *, multiple: bool = False) -> Callable[[F], F]:
    return click.option("-r", "--room", "rooms" if multiple else "room", metavar="ROOM", multiple=multiple, help=help_)


# --- commands -------------------------------------------------------------------------------------------------
@_command("join")
@_common
@_room_option("A room to enter (lobby); may be given again.", multiple=True)
@click.option("--since", metavar="20|10m|ID|all", help="Where to begin: so many messages (20), a time, an id, all.")
@click.option("--plain", is_flag=True, help="Plain lines, no line editor.")
@click.option(
    "--notices", type=click.Choice(["all", "smart", "none"]), default="all", help="Comings and goings to show."
)
def join(
    broker: str | None,
    nick: str | None,
    as_json: bool,
    timeout: float | None,
    rooms: tuple[str, ...],
    since: str | None,
    plain: bool,
    notices: str,
) -> None:
    """Join the chat.

    Type to talk, /help for commands. When input or output is no terminal: plain lines in and out.
    """
    from ..common.names import parse_room
    from .chat import ChatOptions

    link = _find(broker)
    start = _start(since or "20")
    options = ChatOptions([parse_room(room) for room in rooms or (LOBBY,)], start, notices, as_json)
    on_terminal = sys.stdin.isatty() and sys.stdout.isatty() and not plain and not as_json
    wanted = _nick(link, nick)
    while True:
        try:
            return _join(link, wanted, options, timeout, on_terminal)
        except RefusedError as error:
            if error.code not in (Code.NICK_TAKEN, Code.NICK_INVALID) or not sys.stdin.isatty():
                raise
            click.echo(f"zchat: {error}", err=True)
            wanted = _prompt_nick(None)


def _join(link: Link, nick: str, options: Any, timeout: float | None, on_terminal: bool) -> None:
    from .chat import Chat
    from .core import UNREAD
    from .lines import feed_lines
    from .run import run

    chats: list[Chat] = []

    def program(core: ClientCore) -> Chat:
        chats.append(Chat(core, options, timeout=timeout))
        return chats[0]

    if not on_terminal:
        return run(link, nick, program, present=True, private=UNREAD, read=feed_lines)
    from .terminal import Terminal

    terminal = Terminal(lambda: chats[0].where if chats else "")

    def read(take: Callable[[str], bool], _ended: socket.socket) -> None:
        terminal.run(take)

    run(link, nick, program, present=True, private=UNREAD, read=read, write=terminal.show, on_end=terminal.end)


@_command("who")
@_common
@_room_option("Only who is in this room.")
def who(broker: str | None, nick: str | None, as_json: bool, timeout: float | None, room: str | None) -> None:
    """Show who is there, or in one room."""
    from ..common.messages import Roster, Who
    from ..common.names import parse_room
    from . import render

    def show(event: Event) -> list[str]:
        assert isinstance(event, Roster)
        return [render.user_json(user) for user in event.users] if as_json else render.user_lines(event.users)

    _question(broker, nick, Who(room=parse_room(room) if room is not None else None), show, timeout)


@_command("rooms")
@_common
def rooms(broker: str | None, nick: str | None, as_json: bool, timeout: float | None) -> None:
    """List the rooms."""
    from ..common.messages import RoomList, Rooms
    from . import render

    def show(event: Event) -> list[str]:
        assert isinstance(event, RoomList)
        return [render.room_json(room) for room in event.rooms] if as_json else render.room_lines(event.rooms)

    _question(broker, nick, Rooms(), show, timeout)


@_command("send")
@_common
@_room_option("The room to send to (lobby).")
@click.option("-t", "--to", metavar="NICK", help="Send privately.")
@click.option("--id", "message_id", metavar="ID", help="The message's id; sending it again changes nothing.")
@click.option("--each-line", is_flag=True, help="Each line of standard input is one message; blank lines are skipped.")
@click.argument("text", nargs=-1)
def send(
    broker: str | None,
    nick: str | None,
    as_json: bool,
    timeout: float | None,
    room: str | None,
    to: str | None,
    message_id: str | None,
    each_line: bool,
    text: tuple[str, ...],
) -> None:
    """Send a message and return when it is stored.

    Without TEXT, all of standard input is one message.
    """
    from ..common import limits
    from ..common.names import parse_room
    from ..common.rules import refuse_text
    from .lines import feed_lines, read_all
    from .programs import Sender
    from .run import run

    if room is not None and to is not None:
        raise InputError("A message goes to a room or to a nick. Give only one of --room and --to.")
    if each_line and (text or message_id):
        raise InputError("--each-line takes its messages from standard input. Leave out TEXT and --id.")
    if message_id is not None and not _legal_id(message_id):
        raise InputError("An id is 1 to 64 letters, digits, dots, colons, _ or -. Choose another --id.")
    room = None if to is not None else parse_room(room if room is not None else LOBBY)
    to = _legal_nick(to) if to is not None else None
    link = _find(broker)
    words: str | None = None
    if not each_line:
        words = " ".join(text) if text else read_all(limits.MESSAGE_BYTES)
        refusal = refuse_text(words)
        if refusal is not None:
            raise RefusedError(*refusal)

    def program(core: ClientCore) -> Sender:
        return Sender(core, room=room, to=to, text=words, id=message_id, json=as_json, timeout=timeout)

    run(link, _nick(link, nick), program, read=feed_lines if each_line else None)


def _legal_id(text: str) -> bool:
    import re

    return re.fullmatch(r"[A-Za-z0-9._:-]{1,64}", text) is not None


@_command("tail")
@_common
@_room_option("A room to follow (lobby); may be given again.", multiple=True)
@click.option("--dm", is_flag=True, help="Private messages (alone: only these).")
@click.option("-n", "count", type=click.IntRange(min=0, max=1_000_000), default=10, help="Messages to begin with (10).")
@click.option("--since", metavar="20|10m|ID|all", help="Where to begin: as -n, a time, an id, or all.")
@click.option("--no-follow", is_flag=True, help="End when what is there has been printed.")
def tail(
    broker: str | None,
    nick: str | None,
    as_json: bool,
    timeout: float | None,
    rooms: tuple[str, ...],
    dm: bool,
    count: int,
    since: str | None,
    no_follow: bool,
) -> None:
    """Print the last messages, and what is said from then on."""
    from ..common.names import parse_room
    from .programs import Tailer
    from .rooms import Start
    from .run import run

    names = [parse_room(room) for room in rooms or (() if dm else (LOBBY,))]
    start = Start(last=count) if since is None else _start(since)
    link = _find(broker)

    def program(core: ClientCore) -> Tailer:
        return Tailer(core, rooms=names, start=start, follow=not no_follow, json=as_json, timeout=timeout)

    run(link, _nick(link, nick), program, private=start if dm else None)


@_command("ping")
@_common
def ping(broker: str | None, nick: str | None, as_json: bool, timeout: float | None) -> None:
    """Ask the broker for a sign of life."""
    import json

    from ..common.messages import Welcome
    from ..common.text import clean
    from .programs import PingProgram
    from .run import run

    link = _find(broker)

    def show(welcome: Welcome, seconds: float) -> str:
        if as_json:
            return json.dumps({"broker": welcome.broker, "link": str(link), "milliseconds": round(seconds * 1_000, 3)})
        return f"{clean(welcome.broker)} at {link.place} answered in {seconds * 1_000:.1f} ms"

    run(link, _nick(link, nick), lambda core: PingProgram(core, show, timeout=timeout))


@_command("link")
@_json_option
def link(as_json: bool) -> None:
    """Print the link of this account's broker, for others to join with."""
    import json

    from . import account

    found = str(account.own_link())
    click.echo(json.dumps({"link": found}) if as_json else found)


@click.group("key", invoke_without_command=True, epilog=EPILOG, context_settings=SETTINGS)
@click.pass_context
def key(context: click.Context) -> None:
    """Your keys, and the brokers whose keys you know."""
    if context.invoked_subcommand is None:
        context.invoke(key_show)


@key.command("show", epilog=EPILOG)
@_broker_option
@_nick_option
@_json_option
def key_show(broker: str | None = None, nick: str | None = None, as_json: bool = False) -> None:
    """Show the fingerprint and public key of your nick at a broker."""
    import json

    from ..common.keys import to_base32
    from . import account

    found = _find(broker)
    name = _nick(found, nick)
    pair, _ = account.key_for(found, name)
    shown = {"nick": name, "fingerprint": pair.fingerprint, "public": to_base32(pair.public)}
    if as_json:
        click.echo(json.dumps(shown))
    else:
        for word, value in shown.items():
            click.echo(f"{word:<12} {value}")


@key.command("list", epilog=EPILOG)
@_json_option
def key_list(as_json: bool = False) -> None:
    """List your nicks and the brokers that are known here."""
    import json

    from ..common.text import clean
    from . import account

    for broker in account.known_brokers():
        row = {
            "broker": broker.name,
            "places": broker.places,
            "fingerprint": broker.fingerprint,
            "nicks": {nick: own for at, nick, own in account.own_nicks() if at == broker.fingerprint},
        }
        if as_json:
            click.echo(json.dumps(row))
            continue
        click.echo(f"{clean(broker.name)}  {', '.join(broker.places)}  {broker.fingerprint}")
        for at, nick, own in account.own_nicks():
            if at == broker.fingerprint:
                click.echo(f"    {clean(nick)}  {own}")


@key.command("export", epilog=EPILOG)
@_broker_option
@_nick_option
def key_export(broker: str | None, nick: str | None) -> None:
    """Print your public key alone, to be given to an operator."""
    from ..common.keys import to_base32
    from . import account

    found = _find(broker)
    pair, _ = account.key_for(found, _nick(found, nick))
    click.echo(to_base32(pair.public))


@key.command("forget", epilog=EPILOG)
@click.argument("broker")
def key_forget(broker: str) -> None:
    """Forget a broker's key, so that another one is accepted in its place."""
    from . import account

    for fingerprint in account.forget_broker(broker):
        click.echo(f"Forgotten: {fingerprint}", err=True)


@_command("demo")
def demo() -> None:
    """See a broker and three users have a short conversation in one process."""
    from .demo import converse
    from .output import print_lines

    converse(load(DEMO_BROKER), lambda line: print_lines([line]))


# --- what they share ------------------------------------------------------------------------------------------
def _question(
    broker: str | None,
    nick: str | None,
    question: Who | Rooms,
    show: Callable[[Event], list[str]],
    timeout: float | None,
) -> None:
    from .programs import Question
    from .run import run

    link = _find(broker)
    run(link, _nick(link, nick), lambda core: Question(core, question, show, timeout=timeout))


def _find(broker: str | None) -> Link:
    from .account import find_broker

    return find_broker(broker)


def _nick(link: Link, given: str | None) -> str:
    """The nick to use at a broker: given, last used, asked for, or the login name made legal."""
    from . import account

    if given is not None:
        return _legal_nick(given)
    last = account.last_nick(link)
    if last is not None:
        return last
    login = account.login_nick()
    if sys.stdin.isatty():
        return _prompt_nick(login)
    return login or account.made_up_nick()


def _legal_nick(text: str) -> str:
    from ..common.names import parse_nick

    try:
        return parse_nick(text)
    except InputError as error:
        raise RefusedError(Code.NICK_INVALID, str(error)) from None


def _prompt_nick(offer: str | None) -> str:
    """Ask until a legal nick is given."""
    from ..common.names import parse_nick

    while True:
        text = click.prompt("Your nick", default=offer, err=True, type=str)
        try:
            return parse_nick(text.strip())
        except InputError as error:
            click.echo(f"zchat: {error}", err=True)


def _start(since: str) -> Start:
    """Where to begin: a number of messages, a time span, ``all``, or a message's id."""
    import re
    import time

    from .rooms import Start

    if since == "all":
        return Start(after=0)
    span = re.fullmatch(r"([0-9]{1,9})([smhd])", since)
    if span is not None:
        seconds = int(span[1]) * {"s": 1, "m": 60, "h": 3_600, "d": 86_400}[span[2]]
        return Start(since=max(0, int((time.time() - seconds) * 1_000)))
    if re.fullmatch(r"[0-9]{1,6}", since):
        return Start(last=int(since))
    if _legal_id(since):
        return Start(since_id=since)
    raise InputError("--since takes a number of messages, a time as 10m, 2h or 3d, a message's id, or all. Check it.")
