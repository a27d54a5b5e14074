"""Private rooms as a client opens them: what is unread at the welcome, and the others when they are heard of."""

from __future__ import annotations

import pytest

from zchat.client.actions import Action, Heard, Send, Show
from zchat.client.core import ClientCore
from zchat.client.rooms import UNREAD, Start
from zchat.client.session import Profile
from zchat.common import messages as m
from zchat.common.clock import Now

NOW = Now(0.0, 0)
ROOM = "@a.b"


def client(private: Start | None, **heads: m.PrivateHead) -> tuple[ClientCore, list[m.Join]]:
    """A client that was just welcomed, with these private rooms (`one` is ``@one.x``), and what it joins."""
    core = ClientCore(Profile("alice", "i", "test", present=True, private=private), lambda size: b"\1" * size)
    core.start(NOW)
    (hello,) = [action.command for action in core.dialled(NOW) if isinstance(action, Send)]
    assert isinstance(hello, m.Hello)
    welcome = m.Welcome(
        nick="alice",
        key="a",
        session="s",
        broker="b",
        history="h",
        pub=1,
        time=0,
        private={f"@{name}.x": head for name, head in heads.items()},
        ref=hello.ref,
    )
    return core, joins(core.receive(welcome, NOW))


def joins(actions: list[Action]) -> list[m.Join]:
    """The joins among some actions."""
    return [action.command for action in actions if isinstance(action, Send) and isinstance(action.command, m.Join)]


def heard(actions: list[Action]) -> list[int]:
    """The sequences of what is shown."""
    return [
        action.notice.entry.seq for action in actions if isinstance(action, Show) and isinstance(action.notice, Heard)
    ]


def entry(seq: int) -> m.Entry:
    """A private message."""
    return m.Entry(seq=seq, prev=seq - 1, id=f"i{seq}", time=0, nick="bob", key="b", text="psst", to="alice")


HEADS = {"read": m.PrivateHead(nick="bob", head=7, read=7), "unread": m.PrivateHead(nick="carol", head=7, read=5)}


@pytest.mark.parametrize(
    ("private", "expected"),
    [
        (UNREAD, {"@unread.x": None}),
        (Start(last=3), {"@read.x": 3, "@unread.x": 3}),
        (None, {}),
    ],
)
def test_rooms_of_the_welcome(private: Start | None, expected: dict[str, int | None]) -> None:
    """Who wants what is unread joins only where there is something; who wants older ones joins them all."""
    _, joined = client(private, **HEADS)

    assert {join.room: join.last for join in joined} == expected


def test_a_room_is_opened_by_its_first_entry() -> None:
    """A message in a room that is not open joins it, and is shown when the broker has told where we begin."""
    core, _ = client(UNREAD)
    (join,) = joins(core.receive(m.Entries(room=ROOM, entries=[entry(3)]), NOW))
    assert (join.room, join.after, join.last) == (ROOM, None, None)
    actions = core.receive(m.Entered(room=ROOM, name=ROOM, head=3, after=2, ref=join.ref), NOW)

    assert heard(actions) == [3]


def test_a_room_is_opened_by_a_pong() -> None:
    """When that message was lost, the answer to a ping tells of the room, and what is unread is asked for."""
    core, _ = client(UNREAD)
    (join,) = joins(core.receive(m.Pong(heads={ROOM: 3}), NOW))
    actions = core.receive(m.Entered(room=ROOM, name=ROOM, head=3, after=1, ref=join.ref), NOW)

    assert [
        action.command.after for action in actions if isinstance(action, Send) and isinstance(action.command, m.Replay)
    ] == [1]


def test_what_another_screen_was_faster_to_read_is_shown_here_too() -> None:
    """What came before the answer to the join is shown, though it has been read elsewhere by then."""
    core, _ = client(UNREAD)
    (join,) = joins(core.receive(m.Entries(room=ROOM, entries=[entry(3)]), NOW))
    actions = core.receive(m.Entered(room=ROOM, name=ROOM, head=3, after=3, ref=join.ref), NOW)

    assert heard(actions) == [3]


def test_private_rooms_are_nothing_to_who_does_not_want_them() -> None:
    """A client that did not ask for private messages opens no room for them, whatever it is told."""
    core, _ = client(None)

    assert core.receive(m.Entries(room=ROOM, entries=[entry(1)]), NOW) == []
    assert core.receive(m.Pong(heads={ROOM: 1}), NOW) == []
