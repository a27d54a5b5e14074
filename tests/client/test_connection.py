"""The client's loop, where no broker is."""

from __future__ import annotations

import secrets
import socket
import time
from collections.abc import Iterator

import pytest

from zchat.client.actions import Action, End
from zchat.client.connection import Connection
from zchat.client.core import ClientCore
from zchat.client.programs import Quiet
from zchat.client.session import Profile
from zchat.common import limits
from zchat.common.clock import Now
from zchat.common.keys import KeyPair, Link

SECONDS = 0.3


class Watcher(Quiet):
    """Counts how often the loop turns, and ends after a while."""

    def __init__(self, core: ClientCore, *, wants_input: bool) -> None:
        super().__init__(core)
        self.turns = 0
        self._wants_input = wants_input
        self._ends_at = time.monotonic() + SECONDS

    @property
    def wants_input(self) -> bool:
        return self._wants_input

    def tick(self, now: Now) -> list[Action]:
        self.turns += 1
        return [End()] if now.mono > self._ends_at else []


@pytest.fixture
def nobody() -> Iterator[Link]:
    """A place where nobody listens."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        yield Link("127.0.0.1", closed.getsockname()[1], KeyPair.generate().public)


@pytest.mark.parametrize("wants_input", [True, False])
@pytest.mark.parametrize("pending", [0, 3])
def test_waiting_for_the_next_try_costs_nothing(
    nobody: Link, monkeypatch: pytest.MonkeyPatch, wants_input: bool, pending: int
) -> None:
    """Between two tries the loop sleeps, whether the program takes lines or not, and whether some wait for it."""
    monkeypatch.setattr(limits, "BACKOFF_FIRST", 5.0)
    core = ClientCore(Profile("alice", "i", "test"), secrets.token_bytes)
    watcher = Watcher(core, wants_input=wants_input)
    connection = Connection(nobody, KeyPair.generate(), core, watcher, write=lambda _: None, met=lambda _: None)
    try:
        for number in range(pending):
            assert connection.pipe.line(f"line {number}")
        connection.run()
    finally:
        connection.close()

    assert watcher.turns < 20
