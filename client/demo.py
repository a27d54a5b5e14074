"""``zchat demo``: a broker and three users in one process, and what each of them saw.

Owns the script of the conversation. Everything in it is real: sockets, keys, disk; only the people are not. Main
thread, with a receive thread for each user.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from contextlib import ExitStack

from ..common.errors import ZchatError
from ..common.json_line import json_line
from ..common.keys import KeyPair, Link
from .actions import Output, Print
from .chat import Chat, ChatOptions
from .connection import Connection
from .core import ClientCore
from .rooms import UNREAD, Start
from .session import Profile

PATIENCE = 8.0
"""Seconds until something that should be seen is missed."""

OUTAGE = 0.5
"""Seconds for which the network fails."""


class User:
    """One of the three: types lines, and remembers what was shown."""

    def __init__(self, link: Link, nick: str) -> None:
        self.nick = nick
        self.seen: list[Print] = []
        self._changed = threading.Condition()
        core = ClientCore(
            Profile(nick, secrets.token_hex(8), "demo", present=True, private=UNREAD), secrets.token_bytes
        )
        chat = Chat(core, ChatOptions(["lobby"], Start(last=20)))
        self._connection = Connection(
            link, KeyPair.generate(), core, chat, write=self._write, met=lambda _welcome: None
        )
        self._thread = threading.Thread(target=self._connection.run, name=f"zchat-{nick}", daemon=True)
        self._thread.start()

    def _write(self, output: list[Output]) -> None:
        with self._changed:
            self.seen += (line for line in output if isinstance(line, Print))
            self._changed.notify_all()

    def type(self, line: str) -> None:
        """Type a line and press Enter."""
        self._connection.pipe.line(line)

    def cut(self) -> None:
        """The network drops the connection, for a while."""
        self._connection.pipe.cut(OUTAGE)

    def wait(self, *words: str) -> None:
        """Until a line with all these words was shown; raises `ZchatError` when it is not in time."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._saw(words), PATIENCE):
                raise ZchatError(f"{self.nick} did not see {' '.join(words)!r}. That is a bug; please report it.")

    def _saw(self, words: tuple[str, ...]) -> bool:
        return any(all(word in line.text for word in words) for line in self.seen)

    def leave(self) -> None:
        """Wait for the end of what ``/quit`` began."""
        self._connection.pipe.quit()
        self._thread.join(PATIENCE)
        self._connection.close()


def converse(link: Link, write: Callable[[Print], None], *, json: bool = False) -> None:
    """Run the conversation and write what happens and what each saw; raises `ZchatError` when something is missing.

    With `json` what each saw is an object a line.
    """

    def step(text: str) -> None:
        write(Print(f"* {text}", aside=True))

    with ExitStack() as stack:
        step(f"A broker runs at {link.place}; alice and bob join the lobby.")
        alice = _join(stack, link, "alice")
        bob = _join(stack, link, "bob")
        alice.wait("bob", "joined")
        step("They talk, in the room and privately.")
        alice.type("hello, is anybody here?")
        bob.wait("is anybody here?")
        bob.type("yes: привет 👋")
        alice.wait("привет")
        alice.type("/msg bob only you can read this")
        bob.wait("only you can read this")
        step("bob's network fails for a moment; alice goes on talking.")
        bob.cut()
        bob.wait("The broker is gone")
        alice.type("bob, did you get this?")
        alice.type("and this?")
        bob.wait("and this?")
        bob.wait("Connected", "again")
        step("carol joins later and sees what was said; she asks who is there.")
        carol = _join(stack, link, "carol")
        carol.wait("is anybody here?")
        carol.wait("and this?")
        carol.type("/who")
        carol.wait("alice", "lobby", "session")
        step("carol leaves.")
        carol.type("/quit good night")
        for user in (alice, bob):
            user.wait("carol", "left", "good night")
        for user in (alice, bob, carol):
            heading = [] if json else [f"\n--- what {user.nick} saw"]
            lines = [json_line({"nick": user.nick, "saw": line.text}) if json else line.text for line in user.seen]
            for line in heading + lines:
                write(Print(line))


def _join(stack: ExitStack, link: Link, nick: str) -> User:
    user = User(link, nick)
    stack.callback(user.leave)
    user.wait("You joined lobby")
    return user
