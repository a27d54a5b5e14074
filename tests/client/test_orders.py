"""What an operator orders and what takes a while: the broker is asked again until it is done."""

from __future__ import annotations

import pytest

from zchat.client.orders import Order
from zchat.common import messages as m
from zchat.common.errors import BrokerUnreachable

from .test_programs import Play

KEY = "k" * 52


def detail(event: m.Event) -> list[str]:
    """What is shown of an answer."""
    assert isinstance(event, m.Administered)
    return [event.detail]


def order(verb: str, target: str = "") -> Play:
    """An order that is under way."""
    wanted = m.Admin(verb=verb, target=target)  # type: ignore[arg-type]
    return Play(lambda core: Order(core, wanted, detail, timeout=None))


def asked(play: Play) -> list[m.Admin]:
    """The orders that were sent so far."""
    return [command for command in play.shell.sent(m.Admin) if isinstance(command, m.Admin)]


def test_it_is_asked_again_until_it_is_done() -> None:
    """The end is printed, and nothing before it, however long it takes."""
    play = order("vacuum")
    for _ in range(30):
        play.hear(m.Administered(detail="so far", more=True, ref=asked(play)[-1].ref))
        play.wait(1)
    assert play.ended is None
    play.hear(m.Administered(detail="done", ref=asked(play)[-1].ref))

    assert len(asked(play)) == 31
    assert [line.text for line in play.printed] == ["done"]
    assert play.ended is not None
    assert play.ended.error is None


def test_a_nick_is_named_once() -> None:
    """The nick may be another one's by the time it is asked again: what is ordered is ordered for the key."""
    play = order("forget", "alice")
    (who,) = play.shell.sent(m.Who)
    assert isinstance(who, m.Who)
    assert asked(play) == []
    user = m.UserInfo(nick="alice", key=KEY, rooms=[], idle=0, since=0, sessions=0)
    play.hear(m.Roster(users=[user], ref=who.ref))

    assert [command.target for command in asked(play)] == [KEY]


def test_a_broker_that_falls_silent_is_not_waited_for() -> None:
    """When no answer comes any more the command ends as every other."""
    play = order("vacuum")
    play.hear(m.Administered(detail="so far", more=True, ref=asked(play)[-1].ref))
    play.wait(1)
    play.wait(10)

    assert play.ended is not None
    with pytest.raises(BrokerUnreachable):
        raise play.ended.error or AssertionError
