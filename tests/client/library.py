"""The library's core over a client's core whose broker says only what the test lets it say."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from zchat.client import actions as a, library_events as events
from zchat.client.library_calls import Call, Entering, Saying
from zchat.client.library_core import LibraryCore
from zchat.client.rooms import Start
from zchat.common import messages as m

from .shell import Shell, entered

KEY = "ours"
"""The fingerprint of whoever uses it."""


class Library:
    """What a program calls, and what it is told."""

    def __init__(self, *, size: int = 10, own: bool = False, welcome: bool = True, bot: bool = False) -> None:
        self.shell = Shell(bot=bot)
        self.calls: deque[Call] = deque()
        self.told: list[events.Event] = []
        self.size = size
        self.core = LibraryCore(self.shell.core, self.calls, self._put, key=KEY, own=own)
        self.ended: list[a.End] = []
        if welcome:
            self.shell.welcome()
            self.turn()

    def _put(self, event: events.Event, *, optional: bool = False) -> bool:
        if not (optional and len(self.told) >= self.size):
            self.told.append(event)
        return len(self.told) < self.size

    def turn(self) -> None:
        """The program hears what the core has to tell, and its own actions are carried out."""
        while notices := self.shell.shown(object):  # type: ignore[arg-type]
            self.shell.actions[:] = [each for each in self.shell.actions if not isinstance(each, a.Show)]
            for notice in notices:
                self.do(self.core.notice(notice, self.shell.now))

    def do(self, actions: list[a.Action]) -> None:
        """Carry out what the core asks for."""
        self.shell.do(actions)
        self.ended += [action for action in actions if isinstance(action, a.End)]

    def call(self, make: Callable[..., Call]) -> list[object]:
        """Make a call; what it brings goes into the list."""
        outcome: list[object] = []
        self.hand_over(make(outcome.append))
        return outcome

    def hand_over(self, call: Call) -> None:
        """Make a call whose outcome nobody looks at."""
        self.calls.append(call)
        self.do(self.core.line("", self.shell.now))
        self.turn()

    def receive(self, event: m.Event) -> None:
        """The broker says something."""
        self.shell.receive(event)
        self.turn()

    def say(self, text: str, id_: str | None = None) -> list[object]:
        """Say something in the lobby; what comes of it."""
        return self.call(lambda settle: Saying(m.Say(id=id_ or text, text=text, room="lobby"), settle))

    def enter(self, room: str = "lobby") -> list[object]:
        """Ask to be let into a room; what comes of it."""
        return self.call(lambda settle: Entering(room, Start(), True, False, settle))

    def let_in(self, head: int = 0) -> None:
        """The broker lets us into the room that was asked for."""
        (join,) = self.shell.sent(m.Join)
        assert isinstance(join, m.Join)
        self.receive(entered(join, head=head))
        self.shell.clear()

    def hear(self, *seqs: int, key: str = "another") -> None:
        """Somebody has said so much in the lobby."""
        entries = [
            m.Entry(seq=seq, prev=seq - 1, id=f"i{seq}", time=0, nick="bob", key=key, text=f"t{seq}") for seq in seqs
        ]
        self.receive(m.Entries(room="lobby", entries=entries))

    @property
    def texts(self) -> list[str]:
        """The texts of the messages that were told."""
        return [event.text for event in self.told if isinstance(event, events.Message)]
