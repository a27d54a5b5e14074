"""The client's commands as a user types them: options to calls, nothing else.

Owns their options and help texts; what they share is in `options_cli`. Imports what a command needs when it runs, so
that ``--help`` is quick. Main thread.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..common.cli import DEMO_BROKER, EPILOG, load
from ..common.errors import Code, InputError, RefusedError
from .options_cli import (
    LOBBY,
    SETTINGS,
    ask,
    broker_options,
    choose_nick,
    client_command,
    common_options,
    find,
    is_given,
    json_option,
    legal_id,
    legal_nick,
    names_broker,
    nick_option,
    parse_since,
    prompt_nick,
    room_option,
    since_option,
)

if TYPE_CHECKING:
    import socket

    from ..common.keys import Link
    from ..common.messages import Event
    from .core import ClientCore


# --- commands -------------------------------------------------------------------------------------------------
@client_command("join")
@common_options
@room_option("A room to enter (lobby); may be given again.", multiple=True)
@click.option("--private", is_flag=True, help="Make the rooms private: only who is invited may enter.")
@since_option("Where to begin: so many messages (20), a time, an id, all, or what you have not seen yet.")
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
    private: bool,
    since: str | None,
    plain: bool,
    notices: str,
) -> None:
    """Join the chat.

    Type to talk, /help for commands. When input or output is no terminal: plain lines in and out.
    """
    from ..common.names import parse_room
    from .chat import ChatOptions

    if private and not rooms:
        raise InputError("--private makes the rooms private that are named with --room. Name one.")
    link = find(broker, reads_input=True)
    start = parse_since(since or "20")
    options = ChatOptions([parse_room(room) for room in rooms or (LOBBY,)], start, notices, as_json, private)
    on_terminal = sys.stdin.isatty() and sys.stdout.isatty() and not plain and not as_json
    wanted = choose_nick(link, nick)
    while True:
        try:
            return _join(link, wanted, options, timeout, on_terminal)
        except RefusedError as error:
            if error.code not in (Code.NICK_TAKEN, Code.NICK_INVALID) or not sys.stdin.isatty():
                raise
            click.echo(f"zchat: {error}", err=True)
            wanted = prompt_nick(None)


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


@client_command("who")
@common_options
@room_option("Only who is in this room.")
def who(broker: str | None, nick: str | None, as_json: bool, timeout: float | None, room: str | None) -> None:
    """Show who is there, or in one room."""
    from ..common.messages import Who
    from ..common.names import parse_room
    from . import render

    question = Who(room=parse_room(room) if room is not None else None)

    def show(event: Event) -> list[str]:
        return render.answer_lines(question, event, as_json=as_json)

    ask(find(broker), nick, question, show, timeout)


@client_command("rooms")
@common_options
def rooms(broker: str | None, nick: str | None, as_json: bool, timeout: float | None) -> None:
    """List the rooms."""
    from ..common.messages import Rooms
    from . import render

    def show(event: Event) -> list[str]:
        return render.answer_lines(Rooms(), event, as_json=as_json)

    ask(find(broker), nick, Rooms(), show, timeout)


@client_command("send")
@common_options
@room_option("The room to send to (lobby).")
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
    if message_id is not None and not legal_id(message_id):
        raise InputError("An id is 1 to 64 letters, digits, dots, colons, _ or -. Choose another --id.")
    room = None if to is not None else parse_room(room if room is not None else LOBBY)
    to = legal_nick(to) if to is not None else None
    link = find(broker, reads_input=not text)
    words: str | None = None
    if not each_line:
        words = " ".join(text) if text else read_all(limits.MESSAGE_BYTES)
        refusal = refuse_text(words)
        if refusal is not None:
            raise RefusedError(*refusal)

    def program(core: ClientCore) -> Sender:
        return Sender(core, room=room, to=to, text=words, id=message_id, json=as_json, timeout=timeout)

    run(link, choose_nick(link, nick), program, read=feed_lines if each_line else None)


@client_command("tail")
@common_options
@room_option("A room to follow (lobby); may be given again.", multiple=True)
@click.option("--dm", is_flag=True, help="Private messages (alone: only these).")
@click.option("-n", "count", type=click.IntRange(min=0, max=1_000_000), default=10, help="Messages to begin with (10).")
@since_option("Where to begin: as -n, a time, an id, all, or what you have not seen yet.")
@click.option(
    "--cursor",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Note there how far it came, and go on there next time; -n and --since are for rooms that are not in FILE.",
)
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
    cursor: Path | None,
    no_follow: bool,
) -> None:
    """Print the last messages, and what is said from then on."""
    from ..common.keys import fingerprint
    from ..common.names import parse_room
    from .cursors import CursorFile
    from .programs import Tailer
    from .rooms import Start
    from .run import pipe, run

    names = [parse_room(room) for room in rooms or (() if dm else (LOBBY,))]
    start = private = Start(last=count) if since is None else parse_since(since)
    link = find(broker)
    cursors: CursorFile | None = None
    if cursor is not None:
        cursors = CursorFile(cursor, fingerprint(link.key), private=dm, pipe=pipe())
        private = Start(after=0) if cursors.had_private else start

    def program(core: ClientCore) -> Tailer:
        keep = cursors is not None
        return Tailer(core, rooms=names, start=start, follow=not no_follow, json=as_json, keep=keep, timeout=timeout)

    run(link, choose_nick(link, nick), program, private=private if dm else None, cursors=cursors)


@client_command("ping")
@common_options
def ping(broker: str | None, nick: str | None, as_json: bool, timeout: float | None) -> None:
    """Ask the broker for a sign of life."""
    import json

    from ..common.messages import Welcome
    from ..common.text import clean
    from .programs import PingProgram
    from .run import run

    link = find(broker)

    def show(welcome: Welcome, seconds: float) -> str:
        if as_json:
            return json.dumps({"broker": welcome.broker, "link": str(link), "milliseconds": round(seconds * 1_000, 3)})
        return f"{clean(welcome.broker)} at {link.place} answered in {seconds * 1_000:.1f} ms"

    run(link, choose_nick(link, nick), lambda core: PingProgram(core, show, timeout=timeout))


@client_command("link")
@common_options
@click.option("--invite", is_flag=True, help="Make an invitation, and print the link with it: give it to one person.")
@click.option("--uses", type=click.IntRange(1, 100_000), default=1, help="How many may come in by it (1).")
@click.option("--expires", metavar="7d", default="7d", help="How long it holds (7d).")
def link(
    broker: str | None, nick: str | None, as_json: bool, timeout: float | None, invite: bool, uses: int, expires: str
) -> None:
    """Print the link of this account's broker, for others to join with."""
    import json

    from ..common.spans import parse_span
    from . import account

    seconds = parse_span(expires, "--expires")
    if invite:
        return _invite(
            find(broker) if names_broker(broker) else account.own_link(), nick, as_json, timeout, uses, seconds
        )
    for option in ("broker", "invite_file", "uses", "expires"):
        if is_given(option):
            raise InputError(f"--{option.replace('_', '-')} belongs to an invitation. Add --invite.")
    found = str(account.own_link())
    click.echo(json.dumps({"link": found}) if as_json else found)


def _invite(link: Link, nick: str | None, as_json: bool, timeout: float | None, uses: int, seconds: float) -> None:
    import dataclasses
    import json
    import time

    from ..common.messages import Admin, Administered
    from . import render
    from .admin_cli import identity

    expires = int((time.time() + seconds) * 1_000)

    def show(event: Event) -> list[str]:
        assert isinstance(event, Administered)
        made = dataclasses.replace(link, invite=event.invite).with_invite
        return [json.dumps({"link": made, "expires": render.utc(expires), "uses": uses}) if as_json else made]

    name, key = identity(link, nick, None)
    ask(link, name, Admin(verb="invite", seconds=seconds, uses=uses), show, timeout, key=key)


@click.group("key", invoke_without_command=True, epilog=EPILOG, context_settings=SETTINGS)
@click.pass_context
def key(context: click.Context) -> None:
    """Your keys, and the brokers whose keys you know."""
    if context.invoked_subcommand is None:
        context.invoke(key_show)


@key.command("show", epilog=EPILOG)
@broker_options
@nick_option
@json_option
def key_show(broker: str | None = None, nick: str | None = None, as_json: bool = False) -> None:
    """Show the fingerprint and public key of your nick at a broker."""
    import json

    from ..common.keys import to_base32
    from . import account

    found = find(broker)
    name = choose_nick(found, nick)
    pair, _ = account.key_for(found, name)
    shown = {"nick": name, "fingerprint": pair.fingerprint, "public": to_base32(pair.public)}
    if as_json:
        click.echo(json.dumps(shown))
    else:
        for word, value in shown.items():
            click.echo(f"{word:<12} {value}")


@key.command("list", epilog=EPILOG)
@json_option
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
@broker_options
@nick_option
def key_export(broker: str | None, nick: str | None) -> None:
    """Print your public key alone, to be given to an operator."""
    from ..common.keys import to_base32
    from . import account

    found = find(broker)
    pair, _ = account.key_for(found, choose_nick(found, nick))
    click.echo(to_base32(pair.public))


@key.command("forget", epilog=EPILOG)
@click.argument("broker")
def key_forget(broker: str) -> None:
    """Forget a broker's key, so that another one is accepted in its place."""
    from . import account

    for fingerprint in account.forget_broker(broker):
        click.echo(f"Forgotten: {fingerprint}", err=True)


@client_command("demo")
def demo() -> None:
    """See a broker and three users have a short conversation in one process."""
    from .demo import converse
    from .output import print_lines

    converse(load(DEMO_BROKER), lambda line: print_lines([line]))
