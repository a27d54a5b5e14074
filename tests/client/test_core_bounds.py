"""What the client's core sends stays within the bounds of the protocol, whatever it has to tell."""

from __future__ import annotations

import pytest

from zchat.client.actions import Action, Send
from zchat.client.core import ClientCore
from zchat.client.rooms import UNREAD
from zchat.client.session import Profile
from zchat.common import limits, messages as m, wire
from zchat.common.clock import Now

PARTNERS = 2 * limits.PING_ROOMS + 1


def sent(actions: list[Action]) -> list[m.Message]:
    """What is sent, as the broker decodes it."""
    return [wire.decode_command(wire.encode(action.command)) for action in actions if isinstance(action, Send)]


@pytest.fixture
def core() -> ClientCore:
    """A client that was just welcomed and has unread messages from very many partners."""
    core = ClientCore(Profile("alice", "i", "test", present=True, private=UNREAD), lambda size: b"\1" * size)
    core.start(Now(0, 0))
    (hello,) = sent(core.dialled(Now(0, 0)))
    assert isinstance(hello, m.Hello)
    heads = {f"@a.{number}": m.PrivateHead(nick=f"n{number}", head=7, read=5) for number in range(PARTNERS)}
    welcome = m.Welcome(
        nick="alice", key="a", session="s", broker="b", history="h", pub=1, time=0, private=heads, ref=hello.ref
    )
    for join in sent(core.receive(welcome, Now(0, 0))):
        assert isinstance(join, m.Join)
        core.receive(m.Entered(room=join.room, name=join.room, head=7, after=7, ref=join.ref), Now(0, 0))
    return core


def test_very_many_rooms_are_told_in_several_pings(core: ClientCore) -> None:
    """More rooms than a ping holds are told one ping after the other, and none of them is refused."""
    told: dict[str, int] = {}
    for second in range(1, 10):
        for command in sent(core.tick(Now(float(second * limits.PING_INTERVAL), 0))):
            assert isinstance(command, m.Ping)
            told |= command.seen
            core.receive(m.Pong(ref=command.ref), Now(float(second * limits.PING_INTERVAL), 0))

    assert told == {f"@a.{number}": 7 for number in range(PARTNERS)}


@pytest.mark.parametrize("reason", ["x" * 5_000, "\udcff", "𝓍" * 1_100, "bye\n"])
def test_any_farewell_can_be_sent(core: ClientCore, reason: str) -> None:
    """A reason that is too long or no Unicode does not keep the goodbye from the broker."""
    *_, goodbye = sent(core.leave(reason))

    assert isinstance(goodbye, m.Goodbye)
    assert len(goodbye.reason) == min(len(reason), limits.REASON_CHARACTERS)
