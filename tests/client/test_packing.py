"""What a client says at once reaches a real broker in a few frames, each message answered by itself."""

from __future__ import annotations

import secrets

from zchat.broker import Broker
from zchat.client.actions import Action, Connected, End, Notice, Stored
from zchat.client.connection import Connection
from zchat.client.core import ClientCore
from zchat.client.programs import Quiet
from zchat.client.session import Profile
from zchat.common import limits, messages as m
from zchat.common.clock import Now
from zchat.common.keys import KeyPair, Link

COUNT = 1_000
TEXT = "x" * 100


class Hasty(Quiet):
    """Says much as soon as it is in, asks in the midst of it, and leaves when all is stored."""

    def __init__(self, core: ClientCore) -> None:
        super().__init__(core)
        self.stored: list[tuple[str, int]] = []

    def notice(self, notice: Notice, now: Now) -> list[Action]:
        match notice:
            case Connected():
                return [
                    *self._say(range(COUNT // 2), now),
                    *self.core.ask(m.Rooms(), now),
                    *self._say(range(COUNT // 2, COUNT), now),
                ]
            case Stored(say, ack):
                self.stored.append((say.text.partition(" ")[0], ack.seq))
                if len(self.stored) == COUNT:
                    return [*self.core.leave(), End()]
        return []

    def _say(self, numbers: range, now: Now) -> list[Action]:
        return [each for n in numbers for each in self.core.say(f"{n} {TEXT}", now, room="lobby")]


def test_what_is_said_at_once_takes_few_frames() -> None:
    """A thousand messages are some frames of 32 kB, are stored in their order, and all are acked."""
    with Broker() as broker:
        assert broker._server is not None
        metrics = broker._server._watch.metrics
        core = ClientCore(Profile("alice", "i", "test"), secrets.token_bytes)
        hasty = Hasty(core)
        link = Link.parse(broker.link)
        connection = Connection(link, KeyPair.generate(), core, hasty, write=lambda _: None, met=lambda _: None)
        try:
            connection.run()
        finally:
            connection.close()

        assert hasty.stored == [(str(number), number + 1) for number in range(COUNT)]
        assert metrics.frames_received <= COUNT * 2 * len(TEXT) / limits.PACK_BYTES + 10
        assert metrics.frames_sent <= COUNT / 20
