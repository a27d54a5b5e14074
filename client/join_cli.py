"""``zchat join``: options to calls, nothing else.

Owns its options and help text, and asks for another nick when one is taken. Imports what it needs when it runs, so that
``--help`` is quick. Main thread, which becomes the input thread.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from ..common.errors import Code, InputError, RefusedError
from ..common.names import LOBBY
from .options_cli import (
    choose_nick,
    client_command,
    common_options,
    depth,
    find,
    parse_since,
    prompt_nick,
    setting_option,
    since_option,
    while_it_lasts,
)

if TYPE_CHECKING:
    import socket

    from ..common.keys import Link
    from .chat import ChatOptions
    from .core import ClientCore


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
    link: Link, nick: str, options: ChatOptions, timeout: float | None, on_terminal: bool, bot: bool, theme: str | None
) -> None:
    from .environment import same_user
    from .hooks import configured
    from .rooms import UNREAD
    from .run import run

    on_run = configured("mention", same_user(link, nick))
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
