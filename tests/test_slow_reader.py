"""A client of the library that reads late or in fits, under loss, doubling and crashes: it is told all, once."""

from __future__ import annotations

from collections import deque

import pytest

from zchat.client.core import ClientCore
from zchat.client.library_core import Call, Entering, LibraryCore, More
from zchat.client.library_events import Message
from zchat.client.library_inbox import Inbox
from zchat.client.rooms import Start

from .conversation import Client, Conversation, Faults
from .test_healing import ROOMS, disturb, entries_of

SIZE = 5


class Reader:
    """Its program, and what it has taken so far."""

    def __init__(self, talk: Conversation) -> None:
        self.told: list[Message] = []
        self.fullest = 0
        self._calls: deque[Call] = deque()
        self._inbox = Inbox(SIZE, lambda: self._calls.append(More()))
        self.client: Client = talk.run("reader", self._program, present=True)
        for room in ROOMS:
            self._calls.append(Entering(room, Start(after=0), True, False, lambda _: None))
        self._turn()

    def _program(self, core: ClientCore) -> LibraryCore:
        return LibraryCore(core, self._calls, self._inbox.put, key="key-of-reader", own=True)

    def _turn(self) -> None:
        self.client.carry_out(self.client.program.line("", self.client.talk.now))

    def take(self, most: int) -> int:
        """Take some of what is there; how much that was."""
        self.fullest = max(self.fullest, len(self._inbox))
        taken = 0
        while taken < most and (event := self._inbox.take(0)) is not None:
            taken += 1
            self.told += [event] if isinstance(event, Message) else []
        self._turn()
        return taken


@pytest.mark.parametrize("seed", range(40))
def test_a_reader_in_fits_is_told_all_in_order_and_once(seed: int) -> None:
    """However rarely it takes something and whatever goes wrong meanwhile, it is told the history as it is."""
    talk = Conversation(seed)
    reader = Reader(talk)
    clients = [talk.join(nick, *ROOMS) for nick in ("alice", "bob")]
    talk.commands = Faults(drop=0.1, double=0.1)
    talk.replies = Faults(drop=0.1, double=0.1, delay=0.5)
    talk.broadcasts = Faults(drop=0.2, double=0.1, delay=0.5)
    for step in range(80):
        disturb(talk, [*clients, reader.client], step)
        talk.advance(talk.random.random() / 2)
        if talk.random.random() < 0.2:
            reader.take(talk.random.randrange(10))
    talk.heal()
    while reader.take(1_000):
        talk.advance(4.0)

    private = [room for room in talk.history.heads() if room.startswith("@") and "reader" in room]
    for room in (*ROOMS, *private):
        history = [entry.id for entry in entries_of(talk, room)]
        assert [told.id for told in reader.told if told.id in history] == history
    assert len(reader.told) == sum(len(entries_of(talk, room)) for room in (*ROOMS, *private))


def test_readers_of_this_file_really_fall_behind() -> None:
    """A reader that takes nothing is told no more than its inbox holds, and what one frame brings."""
    talk = Conversation()
    reader = Reader(talk)
    alice = talk.join("alice")
    for number in range(100):
        alice.type(f"m{number}")
        talk.advance(0.1)
    assert reader.take(0) == 0
    assert reader.fullest <= 2 * SIZE
    while reader.take(1_000):
        talk.advance(4.0)
    assert [told.text for told in reader.told] == [f"m{number}" for number in range(100)]
