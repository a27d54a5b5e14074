"""The commands that talk and listen, as a user types them: options to calls, nothing else.

Owns their options and help texts; what they share is in `options_cli`, others are in `key_cli`, `config_cli` and
`admin_cli`. Imports what a command needs when it runs, so
that ``--help`` is quick. Main thread.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..common.cli import DEMO_BROKER, load
from ..common.errors import Code, InputError, RefusedError
from ..common.json_line import json_line
from ..common.names import LOBBY, legal_nick
from .options_cli import (
    ask,
    check_id,
    choose_nick,
    client_command,
    common_options,
    depth,
    find,
    json_option,
    offer,
    parse_since,
    prompt_nick,
    room_option,
    setting_option,
    since_option,
    while_it_lasts,
)

if TYPE_CHECKING:
    import socket

    from ..common.keys import Link
    from ..common.messages import Event
    from .core import ClientCore


# --- commands -------------------------------------------------------------------------------------------------
@client_command("join", example="zchat join --nick alice -r lobby -r builds")
@common_options
@setting_option("rooms")
@click.option("--private", is_flag=True, help="Make the rooms private: only who is invited may enter.")
@since_option("Where to begin: so many messages (20), a time, an id, all, or what you have not seen yet.")
@click.option("--plain", is_flag=True, help="Plain lines, no line editor.")
@setting_option("notices")
@setting_option("theme")
@click.option("--bot", is_flag=True, help="Be shown as a program, and begin with what is said from now on.")
def join(
    broker: str | None,
    nick: str | None,
    as_json: bool,
    timeout: float | None,
    rooms: tuple[str, ...],
    private: bool,
    since: str | None,
    plain: bool,
    bot: bool,
    notices: str,
    theme: str | None,
) -> None:
    """Join the chat.

    Type to talk, /help for commands. When input or output is no terminal: plain lines in and out.
    """
    from ..common.keys import fingerprint
    from ..common.names import parse_room
    from . import settings
    from .chat import ChatOptions
    from .ignoring import Ignored
    from .typed import IgnoredFile

    if private and not rooms:
        raise InputError("--private makes the rooms private that are named with --room. Name one.")
    link = find(broker, reads_input=True)
    start = parse_since(since or ("0" if bot else "20"))
    file = IgnoredFile(fingerprint(link.key))
    ignored = Ignored(file.load(), file.save)
    bell = str(settings.lookup(settings.BY_NAME["bell"])[0])
    wanted_rooms = [parse_room(room) for room in rooms or (LOBBY,)]
    options = ChatOptions(wanted_rooms, start, notices, as_json, private, ignored, bell)
    plain = plain or as_json or os.environ.get("TERM") == "dumb"
    on_terminal = sys.stdin.isatty() and sys.stdout.isatty() and not plain
    wanted = choose_nick(link, nick)
    while True:
        try:
            return _join(link, wanted, options, while_it_lasts(timeout), on_terminal, bot, theme)
        except RefusedError as error:
            if error.code not in (Code.NICK_TAKEN, Code.NICK_INVALID) or not sys.stdin.isatty():
                raise
            click.echo(f"zchat: {error}", err=True)
            wanted = prompt_nick(None)


def _join(
    link: Link, nick: str, options: Any, timeout: float | None, on_terminal: bool, bot: bool, theme: str | None
) -> None:
    from .hooks import configured
    from .rooms import UNREAD
    from .run import run

    on_run = configured("mention", _same(link, nick))
    private = options.start if bot else UNREAD

    if not on_terminal:
        from .chat import Chat
        from .lines import feed_lines

        def plain(core: ClientCore) -> Chat:
            return Chat(core, options, timeout=timeout)

        return run(
            link,
            nick,
            plain,
            present=True,
            bot=bot,
            private=private,
            read=feed_lines,
            on_run=on_run,
            depth=depth(),
        )

    from ..common.keys import fingerprint
    from .screen_chat import ScreenChat
    from .terminal import Terminal
    from .typed import TypedFiles

    terminal = Terminal(TypedFiles(fingerprint(link.key), nick), theme=theme, depth=depth())

    def program(core: ClientCore) -> ScreenChat:
        return ScreenChat(core, options, timeout=timeout)

    def read(take: Callable[[str], bool], _ended: socket.socket) -> None:
        terminal.run(take)

    run(
        link,
        nick,
        program,
        present=True,
        bot=bot,
        private=private,
        read=read,
        write=terminal.show,
        on_end=terminal.end,
        on_run=on_run,
    )


def _same(link: Link, nick: str) -> dict[str, str]:
    """What makes a `zchat` that a command runs the same user at the same broker."""
    return {"ZCHAT_BROKER": link.place, "ZCHAT_NICK": nick}


@client_command("who", example="zchat who -r lobby --json")
@common_options
@room_option("Only who is in this room.")
def who(broker: str | None, nick: str | None, as_json: bool, timeout: float | None, room: str | None) -> None:
    """Show who is there, or in one room."""
    from ..common.keys import fingerprint
    from ..common.messages import Roster, Who
    from ..common.names import parse_room
    from ..common.text import clean
    from . import known, render
    from .actions import Print

    question = Who(room=parse_room(room) if room is not None else None)

    def show(event: Event) -> Sequence[str | Print]:
        lines = render.answer_lines(question, event, as_json=as_json)
        if not isinstance(event, Roster):
            return lines
        known.remember(fingerprint(link.key), nicks=[user.nick for user in event.users])
        if as_json:
            return lines
        users = zip(lines, event.users, strict=True)
        return [Print(line, author=(0, len(clean(user.nick)), user.key)) for line, user in users]

    link = find(broker)
    ask(link, nick, question, show, timeout)


@client_command("rooms", example="zchat rooms --json | jq -r .room")
@common_options
def rooms(broker: str | None, nick: str | None, as_json: bool, timeout: float | None) -> None:
    """List the rooms."""
    from ..common.keys import fingerprint
    from ..common.messages import RoomList, Rooms
    from . import known, render

    def show(event: Event) -> list[str]:
        if isinstance(event, RoomList):
            known.remember(fingerprint(link.key), rooms=[room.room for room in event.rooms])
        return render.answer_lines(Rooms(), event, as_json=as_json)

    link = find(broker)
    ask(link, nick, Rooms(), show, timeout)


@client_command("send", example='zchat send -r builds "backup done"\nzchat send -t alice --wait-cmd "make test"')
@common_options
@room_option("The room to send to (lobby).")
@click.option("-t", "--to", metavar="NICK", shell_complete=offer("nick"), help="Send privately.")
@click.option("--id", "message_id", metavar="ID", help="The message's id; sending it again changes nothing.")
@click.option("--each-line", is_flag=True, help="Each line of standard input is one message; blank lines are skipped.")
@click.option(
    "--wait-cmd",
    metavar="COMMAND",
    help="Run this command, not by a shell; when it has ended, send how, with its last lines.",
)
@click.option("--status", is_flag=True, help="With --wait-cmd: exit as the command did, if the message is stored.")
@click.option("-v", "--verbose", is_flag=True, help="Tell to how many people it went, and who lags behind.")
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
    wait_cmd: str | None,
    status: bool,
    verbose: bool,
    text: tuple[str, ...],
) -> None:
    """Send a message and return when it is stored.

    Without TEXT, all of standard input is one message.
    """
    from ..common import limits
    from ..common.keys import fingerprint
    from ..common.names import parse_room
    from ..common.rules import refuse_text
    from . import known
    from .lines import feed_lines, read_all
    from .programs import Sender
    from .run import run
    from .sending import Reporter

    if room is not None and to is not None:
        raise InputError("A message goes to a room or to a nick. Give only one of --room and --to.")
    if each_line and (text or message_id):
        raise InputError("--each-line takes its messages from standard input. Leave out TEXT and --id.")
    if wait_cmd is not None and (text or each_line):
        raise InputError("--wait-cmd makes the message by itself. Leave out TEXT and --each-line.")
    if status and wait_cmd is None:
        raise InputError("--status belongs to a command that is waited for. Add --wait-cmd.")
    if each_line and verbose:
        raise InputError("--verbose tells of one message. Leave it out with --each-line.")
    check_id(message_id)
    room = None if to is not None else parse_room(room if room is not None else LOBBY)
    to = legal_nick(to) if to is not None else None
    link = find(broker, reads_input=not text and wait_cmd is None)
    name = choose_nick(link, nick)
    words: str | None = None
    code = 0
    if wait_cmd is not None:
        words, code = _outcome_of(wait_cmd)
    elif not each_line:
        words = " ".join(text) if text else read_all(limits.MESSAGE_BYTES)
    if words is not None:
        refusal = refuse_text(words)
        if refusal is not None:
            raise RefusedError(*refusal)

    def program(core: ClientCore) -> Sender:
        patience = while_it_lasts(timeout) if each_line else timeout
        kind = Reporter if verbose or (as_json and not each_line) else Sender
        return kind(core, room=room, to=to, text=words, id=message_id, json=as_json, timeout=patience)

    run(link, name, program, read=feed_lines if each_line else None)
    known.remember(fingerprint(link.key), rooms=[room] if room else [], nicks=[to] if to else [])
    if status:
        click.get_current_context().exit(code)


def _outcome_of(command: str) -> tuple[str, int]:
    """Run a command to its end: what is to be said of it, and its status as a shell gives it."""
    import time

    from . import children
    from .outcome import LastLines, report

    argv = children.split(command, "--wait-cmd")
    last = LastLines()
    begun = time.monotonic()
    code = children.pass_through(argv, last.take)
    text = report(command, children.trouble(code), time.monotonic() - begun, last.lines)
    return text, code if code >= 0 else 128 - code


@client_command(
    "tail", example="zchat tail -r builds --json | jq -r .text\nzchat tail -r builds --cursor ci.json --exec ./deploy"
)
@common_options
@room_option("A room to follow (lobby); may be given again.", multiple=True)
@click.option("--dm", is_flag=True, help="Private messages (alone: only these).")
@click.option(
    "-n",
    "count",
    metavar="N",
    type=click.IntRange(min=0, max=1_000_000),
    default=10,
    help="Messages to begin with (10).",
)
@since_option("Where to begin: as -n, a time, an id, all, or what you have not seen yet.")
@click.option(
    "--cursor",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Note there how far it came, and go on there next time; -n and --since are for rooms that are not in FILE.",
)
@click.option("--no-follow", is_flag=True, help="End when what is there has been printed.")
@click.option(
    "--exec",
    "command",
    metavar="COMMAND",
    help="Instead of printing, run this command for each message, not by a shell, with the message as JSON on its"
    " standard input and ZCHAT_FROM, ZCHAT_TEXT, ZCHAT_ROOM and so on in its environment. One at a time; if it fails,"
    " nothing more is run, and --cursor stays before that message.",
)
@click.option(
    "--exec-retry",
    "retries",
    type=click.IntRange(0, 1_000_000),
    default=0,
    metavar="N",
    help="Run a command that fails up to N times more, with growing waits (0).",
)
@click.option("--exec-own", "own", is_flag=True, help="Run it also for what you say yourself.")
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
    command: str | None,
    retries: int,
    own: bool,
) -> None:
    """Print the last messages, and what is said from then on."""
    from ..common.keys import fingerprint
    from ..common.names import parse_room
    from .children import split
    from .cursors import CursorFile
    from .executor import Executor
    from .programs import Tailer
    from .rooms import Start
    from .run import pipe, run

    if command is None and (retries or own):
        raise InputError("--exec-retry and --exec-own belong to a command. Add --exec.")
    argv = split(command, "--exec") if command is not None else None
    names = [parse_room(room) for room in rooms or (() if dm else (LOBBY,))]
    start = private = Start(last=count) if since is None else parse_since(since)
    link = find(broker)
    cursors: CursorFile | None = None
    if cursor is not None:
        cursors = CursorFile(
            cursor, fingerprint(link.key), private=dm, pipe=pipe() if argv is None else None, depth=depth()
        )
        private = Start(after=0) if cursors.had_private else start

    follow, keep = not no_follow, cursors is not None
    patience = while_it_lasts(timeout) if follow else timeout
    name = choose_nick(link, nick)
    begin = private if dm else None
    if argv is not None:
        from .worker import Worker

        def executor(core: ClientCore) -> Executor:
            return Executor(core, rooms=names, start=start, follow=follow, own=own, keep=keep, timeout=patience)

        worker = Worker(argv, _same(link, name), retries)
        read, end, on_run = worker.serve, worker.end, worker.run
        return run(link, name, executor, private=begin, cursors=cursors, read=read, on_end=end, on_run=on_run)

    def program(core: ClientCore) -> Tailer:
        return Tailer(core, rooms=names, start=start, follow=follow, json=as_json, keep=keep, timeout=patience)

    run(link, name, program, private=begin, cursors=cursors, depth=depth())


@client_command("ping", example="zchat ping -b 192.168.1.7")
@common_options
def ping(broker: str | None, nick: str | None, as_json: bool, timeout: float | None) -> None:
    """Ask the broker for a sign of life."""
    from ..common.messages import Welcome
    from ..common.text import clean
    from .programs import PingProgram
    from .run import run

    link = find(broker)

    def show(welcome: Welcome, seconds: float) -> str:
        if as_json:
            return json_line({"broker": welcome.broker, "link": str(link), "milliseconds": round(seconds * 1_000, 3)})
        return f"{clean(welcome.broker)} at {link.place} answered in {seconds * 1_000:.1f} ms"

    run(link, choose_nick(link, nick), lambda core: PingProgram(core, show, timeout=timeout))


@client_command("demo", example="zchat demo")
@json_option
def demo(as_json: bool) -> None:
    """See a broker and three users have a short conversation."""
    from ..common.keys import Link
    from .demo import converse
    from .output import print_lines

    with load(DEMO_BROKER)() as broker:
        converse(Link.parse(broker.link), lambda line: print_lines([line]), json=as_json)
