"""``zchat send`` and ``zchat tail``, of which people make pipes: options to calls, nothing else.

Owns their options and help texts. Imports what a command needs when it runs, so that ``--help`` is quick. Main thread.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..common.errors import InputError
from ..common.names import LOBBY, legal_nick
from .options_cli import (
    check_id,
    choose_nick,
    client_command,
    common_options,
    depth,
    find,
    offer,
    parse_since,
    room_option,
    since_option,
    while_it_lasts,
)

if TYPE_CHECKING:
    from .core import ClientCore


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
    from ..common.rules import check_text
    from . import known
    from .lines import feed_lines, read_all
    from .run import run
    from .sending import Reporter, Sender

    _check(room, to, message_id, each_line=each_line, wait_cmd=wait_cmd, status=status, verbose=verbose, text=text)
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
        check_text(words)

    def program(core: ClientCore) -> Sender:
        patience = while_it_lasts(timeout) if each_line else timeout
        kind = Reporter if verbose or (as_json and not each_line) else Sender
        return kind(core, room=room, to=to, text=words, id=message_id, json=as_json, timeout=patience)

    run(link, name, program, read=feed_lines if each_line else None)
    known.remember(fingerprint(link.key), rooms=[room] if room else [], nicks=[to] if to else [])
    if status:
        click.get_current_context().exit(code)


def _check(
    room: str | None,
    to: str | None,
    message_id: str | None,
    *,
    each_line: bool,
    wait_cmd: str | None,
    status: bool,
    verbose: bool,
    text: tuple[str, ...],
) -> None:
    """Raise `InputError` for options that do not go together."""
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
    from .output import piped_output
    from .rooms import Start
    from .run import run
    from .tailing import Tailer

    if command is None and (retries or own):
        raise InputError("--exec-retry and --exec-own belong to a command. Add --exec.")
    argv = split(command, "--exec") if command is not None else None
    names = [parse_room(room) for room in rooms or (() if dm else (LOBBY,))]
    start = private = Start(last=count) if since is None else parse_since(since)
    link = find(broker)
    cursors: CursorFile | None = None
    if cursor is not None:
        cursors = CursorFile(
            cursor, fingerprint(link.key), private=dm, pipe=piped_output() if argv is None else None, depth=depth()
        )
        private = Start(after=0) if cursors.had_private else start

    follow, keep = not no_follow, cursors is not None
    patience = while_it_lasts(timeout) if follow else timeout
    name = choose_nick(link, nick)
    begin = private if dm else None
    if argv is not None:
        from .environment import same_user
        from .worker import Worker

        def executor(core: ClientCore) -> Executor:
            return Executor(core, rooms=names, start=start, follow=follow, own=own, keep=keep, timeout=patience)

        worker = Worker(argv, same_user(link, name), retries)
        read, end, on_run = worker.serve, worker.end, worker.run
        return run(link, name, executor, private=begin, cursors=cursors, read=read, on_end=end, on_run=on_run)

    def program(core: ClientCore) -> Tailer:
        return Tailer(core, rooms=names, start=start, follow=follow, json=as_json, keep=keep, timeout=patience)

    run(link, name, program, private=begin, cursors=cursors, depth=depth())
