"""The client's core: questions and messages until they are answered, and rooms."""

from __future__ import annotations

import pytest

from zchat.client import actions as a
from zchat.client.rooms import Start
from zchat.common import limits, messages as m, wire
from zchat.common.errors import Code

from .shell import Shell, ack, entered, say


# --- questions and messages -----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "question", [m.Who(), m.Who(room="lobby"), m.Rooms(), m.Ping(), m.Replay(room="lobby", before=5)]
)
def test_a_question_is_asked_until_it_is_answered(live: Shell, question: m.Who | m.Rooms | m.Ping | m.Replay) -> None:
    """An unanswered question is asked again with the same ref, on the same connection and on the next one."""
    live.do(live.core.ask(question, live.now))
    ref = live.unanswered = getattr(live.sent(type(question))[-1], "ref", 0)
    live.pass_time(limits.REQUEST_AFTER + 1)
    live.lose()
    live.until(a.Dial)
    live.welcome()
    asked = [command for command in live.sent(type(question)) if getattr(command, "ref", 0) == ref]
    assert len(asked) == 3
    assert len(set(map(repr, asked))) == 1
    answer = {
        m.Who: m.Roster(users=[], ref=ref),
        m.Rooms: m.RoomList(rooms=[], ref=ref),
        m.Ping: m.Pong(ref=ref),
        m.Replay: m.Page(room="lobby", entries=[], head=0, ref=ref),
    }[type(question)]
    live.clear()
    live.receive(answer)
    assert live.shown(a.Answer) == [a.Answer(asked[0], answer)]
    live.clear()
    live.receive(answer)
    live.pass_time(20)
    live.lose()
    live.until(a.Dial)
    live.welcome()

    assert live.shown(a.Answer) == []
    assert not [command for command in live.sent(type(question)) if getattr(command, "ref", 0) == ref]


def test_a_refused_question_is_told_once(live: Shell) -> None:
    """The refusal names the question, which is then done."""
    live.do(live.core.ask(m.Who(room="nowhere"), live.now))
    (who,) = live.sent(m.Who)
    assert isinstance(who, m.Who)
    refused = m.Refused(code=Code.NO_SUCH_ROOM, detail="no", ref=who.ref)
    live.receive(refused)
    live.receive(refused)
    live.pass_time(20)

    assert live.shown(a.Refusal) == [a.Refusal(who, refused)]
    assert live.sent(m.Who) == [who]


def test_what_waits_is_sent_again_in_its_order(live: Shell) -> None:
    """After a reconnection everything without an ack goes out at once, in the order in which it was said."""
    for number in range(5):
        say(live, f"before {number}")
    live.receive(ack("id-before 1"))
    live.lose()
    for number in range(3):
        say(live, f"between {number}")
    live.until(a.Dial)
    live.clear()
    live.welcome()
    expected = [f"before {number}" for number in (0, 2, 3, 4)] + [f"between {number}" for number in range(3)]

    assert [command.text for command in live.sent(m.Say) if isinstance(command, m.Say)] == expected
    assert [command.id for command in live.sent(m.Say) if isinstance(command, m.Say)] == [f"id-{x}" for x in expected]


def test_rooms_come_before_messages_after_a_reconnection(live: Shell) -> None:
    """We listen and are in our rooms again before we speak there, so that our own words reach us."""
    say(live, "one")
    live.lose()
    live.until(a.Dial)
    live.clear()
    live.welcome()

    assert [type(action) for action in live.actions] == [a.Show, a.Listen, a.Send, a.Send]
    assert [type(command) for command in live.sent()] == [m.Join, m.Say]


def test_a_message_without_an_ack_is_sent_again(live: Shell) -> None:
    """Now and then, with the same id, until the ack; then never again, even if the ack comes twice."""
    id_ = say(live, "one")
    live.pass_time(limits.RESEND_AFTER * 2.5)
    assert live.sent(m.Say) == [m.Say(id=id_, text="one", room="lobby")] * 3
    live.receive(ack(id_))
    live.receive(ack(id_))
    live.clear()
    live.pass_time(limits.RESEND_AFTER * 2.5)

    assert live.sent(m.Say) == []
    assert live.core.waiting == 0


def test_an_ack_is_told_once(live: Shell) -> None:
    """A second ack for the same message, as after a repeat, and one for an unknown message are no news."""
    id_ = say(live, "one")
    for event in (ack("id-of-nobody"), ack(id_), ack(id_)):
        live.receive(event)

    assert [notice.say.id for notice in live.shown(a.Stored) if isinstance(notice, a.Stored)] == [id_]


@pytest.mark.parametrize("live_", [True, False])
@pytest.mark.parametrize(
    "event",
    [
        m.Refused(code=Code.TOO_LARGE, detail="no", id="id-of-nobody"),
        m.Refused(code=Code.NO_SUCH_ROOM, detail="no", ref=999_999),
        m.Refused(code=Code.BAD_FRAME, detail="no"),
        m.Refused(code="of-tomorrow", detail="no"),
        m.Unknown(kind="of-tomorrow"),
        m.Parted(room="nowhere"),
        m.Roster(users=[], ref=999_999),
        m.RoomList(rooms=[]),
        m.Page(room="nowhere", entries=[], head=7, ref=999_999),
        m.Page(room="lobby", entries=[], head=7),
        m.Entered(room="nowhere", name="nowhere", head=7, after=0, ref=1),
        m.Entered(room="lobby", name="lobby", head=7, after=0, ref=999_999),
        m.Entries(room="nowhere", entries=[]),
        m.Acked(acks=[]),
        m.Beacon(time=0),
        m.Pong(heads={"nowhere": 7}),
    ],
    ids=repr,
)
def test_what_nobody_asked_for_is_ignored(live: Shell, event: m.Event | m.Unknown, live_: bool) -> None:
    """Answers and refusals for nothing that is open, rooms that are not ours, and events of tomorrow do nothing."""
    say(live, "one")
    live.do(live.core.ask(m.Who(), live.now))
    if not live_:
        live.lose()
    live.clear()
    live.receive(event)

    assert live.actions == []
    assert live.core.waiting == 1
    assert list(live.core.rooms) == ["lobby"]


# --- rooms ----------------------------------------------------------------------------------------------------
def test_an_unanswered_join_is_repeated(live: Shell) -> None:
    """A join whose answer is lost is sent again; the answer to either lets us in once."""
    live.do(live.core.join("dev", Start(last=5), live.now))
    live.pass_time(limits.REQUEST_AFTER + 1)
    joins = [command for command in live.sent(m.Join) if isinstance(command, m.Join)]
    assert [(join.room, join.last) for join in joins] == [("dev", 5)] * 2
    live.receive(entered(joins[-1]))
    live.receive(entered(joins[-1]))

    assert len(live.shown(a.InRoom)) == 1


def test_a_refused_join_ends_it(live: Shell) -> None:
    """A room that we may not enter is forgotten, also by SUB, and what was asked for can be asked again."""
    live.do(live.core.join("dev", Start(), live.now, create=False))
    (join,) = live.sent(m.Join)
    assert isinstance(join, m.Join)
    refused = m.Refused(code=Code.NO_SUCH_ROOM, detail="no", ref=join.ref)
    live.clear()
    live.receive(refused)
    live.receive(refused)

    assert a.Unsubscribe(wire.topic("dev")) in live.actions
    assert len(live.shown(a.Refusal)) == 1
    assert list(live.core.rooms) == ["lobby"]


def test_a_rejoin_begins_at_the_cursor(live: Shell) -> None:
    """After a reconnection a room goes on where it was, and says that we had been there."""
    entry = m.Entry(seq=1, prev=0, id="x", time=0, nick="bob", key="b", text="hi")
    live.receive(m.Entries(room="lobby", entries=[entry]))
    live.lose()
    live.until(a.Dial)
    live.clear()
    live.welcome()
    (join,) = live.sent(m.Join)
    assert isinstance(join, m.Join)

    assert (join.room, join.after, join.resumed) == ("lobby", 1, True)
    assert (join.last, join.since, join.since_id) == (None, None, None)


def test_what_was_parted_from_is_over(live: Shell) -> None:
    """After leaving a room nothing more of it is shown, asked for or entered again."""
    live.do(live.core.part("Lobby"))
    assert [type(action) for action in live.actions] == [a.Unsubscribe, a.Send]
    live.clear()
    entry = m.Entry(seq=1, prev=0, id="x", time=0, nick="bob", key="b", text="hi")
    live.receive(m.Entries(room="lobby", entries=[entry]))
    live.receive(m.Pong(heads={"lobby": 1}))
    live.lose()
    live.until(a.Dial)
    live.welcome()

    assert live.shown(a.Heard) == []
    assert live.sent(m.Join) == live.sent(m.Replay) == []
    assert live.core.part("lobby") == []
