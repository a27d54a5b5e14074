"""Running a program against a broker: with the input thread for chats and pipes, or without for one-shot commands.

Owns the threads' beginning and end. Does not know options (`options_cli`) nor what the program does.
"""

from __future__ import annotations

import functools
import os
import secrets
import socket
import threading
from collections.abc import Callable

from ..common.errors import InputError, RefusedError
from ..common.keys import KeyPair, Link, fingerprint
from . import account, known
from .actions import Output, Print, Run
from .connection import Connection
from .core import ClientCore
from .credentials import Credentials
from .cursors import CursorFile
from .output import piped_output, print_lines
from .program import Program
from .rooms import Start, Stopped
from .session import Profile

Read = Callable[[Callable[[str], bool], socket.socket], None]

END_PATIENCE = 3.0
"""Seconds that the receive thread has to say goodbye."""


def run(
    link: Link,
    nick: str,
    program: Callable[[ClientCore], Program],
    *,
    key: KeyPair | None = None,
    present: bool = False,
    bot: bool = False,
    private: Start | None = None,
    read: Read | None = None,
    write: Callable[[list[Output]], None] | None = None,
    on_end: Callable[[], None] | None = None,
    on_run: Callable[[str], str] | None = None,
    cursors: CursorFile | None = None,
    depth: int = 0,
) -> None:
    """Run a program until it ends; raises the `ZchatError` it ended with, or KeyboardInterrupt.

    A `bot` is shown as a program. With a `key`, that one is used, and nothing of this account's nicks is read or
    written.
    `read` makes this thread the input thread: it is called with a function that takes a line and tells whether it
    may go on, and with a socket that is readable once the client has ended. `on_end` is called by the receive thread
    when it ends, `on_run` with each message object for which a command is to be run: it returns what is to be told, or
    nothing. With `cursors` it goes on where it stopped, and notes there how far it comes. Without `write` lines are
    printed, with as many colours as `depth` says.
    """
    credentials = Credentials(link, nick, key)
    invite = link.invite or account.own_invite(link)
    stopped = cursors.stopped if cursors is not None else Stopped()
    profile = Profile(nick, secrets.token_hex(8), agent(), present, private, bot, invite, stopped, len(link.places))
    core = ClientCore(profile, secrets.token_bytes)
    if write is None:
        write = cursors.write if cursors is not None else functools.partial(print_lines, depth=depth)
    if on_run is not None:
        write = _running(on_run, write)
    connection = Connection(
        link,
        credentials.key,
        core,
        program(core),
        write=write,
        met=credentials.met,
        renamed=credentials.renamed,
        output=piped_output(),
    )
    try:
        if read is None:
            connection.run()
        else:
            _run_threads(connection, read, on_end, write)
    except RefusedError as error:
        credentials.refused(error)
        raise
    finally:
        connection.close()
        if key is None:
            known.remember(fingerprint(link.key), rooms=[view.name for view in core.rooms.values()])
        if cursors is not None:
            cursors.close()


def _running(on_run: Callable[[str], str], write: Callable[[list[Output]], None]) -> Callable[[list[Output]], None]:
    """Have commands run where that is asked for, and write what is left."""

    def both(output: list[Output]) -> None:
        told = [on_run(item.message) for item in output if isinstance(item, Run)]
        write([item for item in output if not isinstance(item, Run)])
        if any(told):
            write([Print(f"-- {text}", aside=True) for text in told if text])

    return both


def agent() -> str:
    """What this client calls itself to the broker's operator."""
    return f"zchat on {os.name}"


def _run_threads(
    connection: Connection,
    read: Read,
    on_end: Callable[[], None] | None,
    write: Callable[[list[Output]], None],
) -> None:
    """This thread reads lines; another one receives, and owns the sockets."""
    failure: list[BaseException] = []
    telling, ended = socket.socketpair()

    def receive() -> None:
        try:
            connection.run()
        except BaseException as error:  # handed to the thread that waits for this one
            failure.append(error)
        finally:
            telling.close()
            if on_end is not None:
                on_end()

    thread = threading.Thread(target=receive, name="zchat-receive", daemon=True)
    thread.start()
    unusable: InputError | None = None
    try:
        try:
            read(connection.pipe.line, ended)
        except InputError as error:
            unusable = error  # what came before it is sent all the same
        connection.pipe.end()
        _join(thread)
    except BaseException as error:
        connection.pipe.quit()
        thread.join(END_PATIENCE)
        if thread.is_alive():
            # It is held up by an output that nobody reads, and cannot be ended from here.
            os._exit(error.code if isinstance(error, SystemExit) and isinstance(error.code, int) else 130)
        raise
    finally:
        ended.close()
    if unusable is not None and failure:
        write([Print(f"zchat: {unusable}", aside=True)])
    if failure:
        raise failure[0]
    if unusable is not None:
        raise unusable


def _join(thread: threading.Thread) -> None:
    # On Windows a join without a timeout cannot be interrupted by Ctrl-C.
    while thread.is_alive():
        thread.join(1.0)
