"""The client's core by itself: when it dials, asks and repeats."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from zchat.client import actions as a
from zchat.client.rooms import Start
from zchat.common import limits, messages as m, wire
from zchat.common.errors import Code

from .shell import STEP, Shell, ack, entered, say


# --- dialling -------------------------------------------------------------------------------------------------
def backoffs(shell: Shell, count: int) -> list[float]:
    """How long the core waits after each of so many failures in a row."""
    waits = []
    for _ in range(count):
        shell.lose()
        waits.append(shell.until(a.Dial))
    return waits


def test_a_client_dials_and_says_hello_at_once(shell: Shell) -> None:
    """The first try waits for nothing."""
    assert [type(action) for action in shell.actions] == [a.Dial, a.Send]
    assert shell.hello == m.Hello(
        nick="alice", instance="instance", agent="test", present=True, private=True, ref=shell.hello.ref
    )


def test_the_pauses_between_tries_double_up_to_a_limit(shell: Shell) -> None:
    """A broker that is away is tried soon, then ever more rarely, but never less than every few seconds."""
    expected = [min(limits.BACKOFF_CAP, limits.BACKOFF_FIRST * 2**failures) for failures in range(40)]

    assert backoffs(shell, 40) == pytest.approx(expected, abs=2 * STEP)
    assert limits.BACKOFF_CAP <= 5


@given(st.binary(min_size=1, max_size=1))
def test_the_pauses_are_spread_by_chance(byte: bytes) -> None:
    """A thousand clients of a broker that restarts come back at different moments, within half of the pause."""
    shell = Shell(lambda size: byte * size)
    factor = 0.5 + byte[0] / 510
    expected = [factor * pause for pause in (0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0)]

    assert backoffs(shell, 7) == pytest.approx(expected, abs=2 * STEP)


def test_of_several_brokers_the_next_is_tried_soon() -> None:
    """The pauses grow only when all of them have failed, and one that goes down does not keep anybody waiting."""
    shell = Shell(brokers=3)
    expected = [0.1, 0.1, 0.1, 0.2, 0.2, 0.2, 0.4]

    assert backoffs(shell, 7) == pytest.approx(expected, abs=2 * STEP)

    shell.welcome()
    shell.receive(m.Closing(reason="it is being stopped", retry=3.0))
    assert shell.until(a.Dial) == pytest.approx(0.1, abs=2 * STEP)


def test_a_welcome_ends_the_doubling(shell: Shell) -> None:
    """After a connection that worked the next loss is tried again soon; one that only was dialled does not count."""
    backoffs(shell, 10)
    shell.welcome()

    assert backoffs(shell, 3) == pytest.approx([0.1, 0.2, 0.4], abs=2 * STEP)


def test_a_loss_can_be_made_to_last(shell: Shell) -> None:
    """A pause that is asked for comes before the usual one."""
    shell.welcome()
    shell.do(shell.core.lost("cut", shell.now, 7.0))

    assert shell.until(a.Dial) == pytest.approx(7.1, abs=2 * STEP)


def test_a_loss_is_told_once(live: Shell) -> None:
    """Who was connected is told that the broker is gone and what waits; failed tries to come back are not news."""
    say(live, "one")
    backoffs(live, 5)

    assert live.shown(a.Disconnected) == [a.Disconnected("it broke", 1)]
    assert live.core.waiting == 1


def test_closing_leads_to_another_try(live: Shell) -> None:
    """A broker that says it is going down is hung up on, told as gone, and dialled again soon."""
    live.receive(m.Closing(reason="it is being stopped"))

    assert live.actions == [a.HangUp(), a.Show(a.Disconnected("it is being stopped", 0))]
    assert live.until(a.Dial) < 0.2
    assert live.sent(m.Hello)


@pytest.mark.parametrize(("retry", "last"), [(3.0, 6.0), (1e9, limits.RETRY_CAP)])
def test_a_broker_that_closes_says_when_to_come_back(live: Shell, retry: float, last: float) -> None:
    """Its clients spread over that time and as much again, here the last of them; none is put off for ever."""
    live.receive(m.Closing(reason="it is being stopped", retry=retry))

    assert live.until(a.Dial, limit=200) == pytest.approx(last + limits.BACKOFF_FIRST, abs=2 * STEP)


def test_nothing_is_sent_while_there_is_no_broker(live: Shell) -> None:
    """What is said, asked and joined in between waits for the welcome."""
    live.lose()
    live.clear()
    say(live, "one")
    live.do(live.core.ask(m.Who(), live.now))
    live.do(live.core.join("dev", Start(), live.now))
    live.do(live.core.part("lobby"))
    live.do(live.core.leave("bye"))

    assert live.actions == []


# --- hello ----------------------------------------------------------------------------------------------------
def test_an_unanswered_hello_is_repeated(shell: Shell) -> None:
    """A hello that was lost is said again on the same connection."""
    shell.clear()
    shell.pass_time(limits.REQUEST_AFTER * 2.5, alive=False)

    assert [type(action) for action in shell.actions] == [a.Send, a.Send]
    assert len(shell.sent(m.Hello)) == 2


def test_only_the_last_hello_is_answered(shell: Shell) -> None:
    """A welcome for a connection that is gone opens nothing, and a second welcome changes nothing."""
    old = shell.hello
    shell.lose()
    shell.welcome()
    assert not shell.core.live
    shell.until(a.Dial)
    new, shell.hello = shell.hello, old
    shell.welcome()
    assert not shell.core.live
    shell.hello = new
    shell.welcome()
    assert shell.core.live
    shell.clear()
    shell.welcome(history="another")

    assert shell.actions == []


def test_a_broker_that_forgot_us_is_greeted_again(live: Shell) -> None:
    """`hello_first` leads to one hello, not to one for each refused command, and to no lost connection."""
    say(live, "one")
    for _ in range(3):
        live.receive(m.Refused(code=Code.HELLO_FIRST, detail="", id="id-one"))
    assert len(live.sent(m.Hello)) == 1
    live.clear()
    live.welcome()

    assert [type(action) for action in live.actions[:2]] == [a.Show, a.Listen]
    assert [command.room for command in live.sent(m.Join)] == ["lobby"]
    assert live.sent(m.Say) == [m.Say(id="id-one", text="one", room="lobby")]
    assert live.shown(a.Refusal) == []


def test_a_ping_from_before_a_new_hello_is_owed_no_answer(live: Shell) -> None:
    """A broker that forgot us will not answer the ping of before, and is not given up for that."""
    live.until(a.Send)
    assert live.sent(m.Ping)
    live.mono += limits.SILENCE + 1
    live.receive(m.Refused(code=Code.HELLO_FIRST, detail=""))
    live.welcome()
    live.pass_time(1)

    assert not any(isinstance(action, a.HangUp) for action in live.actions)


def test_a_refused_hello_is_told_and_not_repeated(shell: Shell) -> None:
    """The program decides what to do about a nick that is taken."""
    assert shell.hello is not None
    refused = m.Refused(code=Code.NICK_TAKEN, detail="taken", ref=shell.hello.ref)
    shell.clear()
    shell.receive(refused)
    shell.pass_time(30, alive=False)

    assert [type(action) for action in shell.actions] == [a.Show]
    (refusal,) = shell.shown(a.Refusal)
    assert isinstance(refusal, a.Refusal)
    assert isinstance(refusal.command, m.Hello)
    assert refusal.refused.code == Code.NICK_TAKEN


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


# --- PUB ------------------------------------------------------------------------------------------------------
def test_a_silent_pub_is_opened_anew(live: Shell) -> None:
    """No beacon while pings are answered: SUB is opened again with the rooms of now, and then given time again."""
    live.do(live.core.join("dev", Start(), live.now))
    live.clear()
    opened = []
    for _ in range(round(2.5 * limits.BEACON_SILENCE / STEP)):
        live.mono += STEP
        for action in live.do(live.core.tick(live.now)):
            if isinstance(action, a.Send) and isinstance(action.command, m.Ping):
                live.receive(m.Pong())
            if isinstance(action, a.Listen):
                opened.append(action)

    assert opened == [a.Listen(5556, (wire.topic("lobby"), wire.topic("dev"), wire.BEACON_TOPIC))] * 2
    assert not any(isinstance(action, a.HangUp) for action in live.actions)


def test_a_pub_that_is_heard_is_left_alone(live: Shell) -> None:
    """A beacon now and then is enough."""
    live.pass_time(3 * limits.BEACON_SILENCE)

    assert not any(isinstance(action, a.Listen) for action in live.actions)


def test_every_welcome_opens_a_new_sub(live: Shell) -> None:
    """libzmq never retries a SUB that was refused, so each welcome opens one, at the port that it names."""
    live.lose()
    live.until(a.Dial)
    live.welcome(pub=7_777)

    assert [action for action in live.actions if isinstance(action, a.Listen)] == [
        a.Listen(7_777, (wire.topic("lobby"), wire.BEACON_TOPIC))
    ]


def test_private_rooms_are_never_subscribed_to(live: Shell) -> None:
    """They come by DEALER: their ids, which tell who talks to whom, are not even named on PUB."""
    entry = m.Entry(seq=1, prev=0, id="x", time=0, nick="bob", key="b", text="psst", to="alice")
    live.receive(m.Entries(room="@a.b", entries=[entry]))
    assert "@a.b" in live.core.rooms
    live.lose()
    live.until(a.Dial)
    live.welcome()

    topics = [topic for action in live.actions if isinstance(action, a.Listen) for topic in action.topics]
    assert topics == [wire.topic("lobby"), wire.BEACON_TOPIC]
    assert not any(isinstance(action, a.Subscribe) for action in live.actions)


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
