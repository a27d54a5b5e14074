"""What the simulation found, each as the smallest conversation that shows it."""

from __future__ import annotations

import msgspec
import pytest

from zchat.broker.policy import Policy
from zchat.broker.questions import READS
from zchat.broker.rates import COSTS
from zchat.client.sending import Sender
from zchat.common import messages as m, wire

from .conversation import Client, Conversation
from .simulation.failing import FailingHistory
from .simulation.store import MemoryHistory


@pytest.fixture
def disk() -> FailingHistory:
    """A disk that says no when it is told to."""
    return FailingHistory(MemoryHistory())


def pipe(talk: Conversation) -> Client:
    """Somebody pipes lines into the lobby."""
    sender = talk.run("pipe", lambda core: Sender(core, room="lobby", to=None, text=None))
    talk.settle()
    return sender


def say(sender: Client, *lines: str) -> None:
    """So many lines, at once."""
    for line in lines:
        sender.carry_out(sender.program.line(line, sender.talk.now))


# --- what is meant for a private room -------------------------------------------------------------------------
def test_what_is_said_into_a_private_room_that_could_not_be_made_stays_private(disk: FailingHistory) -> None:
    """One commit fails, that of the room; what was typed right after it must not make a public room of this name."""
    talk = Conversation(history=disk)
    alice, bob = talk.join("alice"), talk.join("bob")
    disk.failing = 1
    alice.type("/join plans --private", "a secret")
    talk.advance(10)
    bob.type("/history", "/join plans")
    talk.advance(5)

    assert not any("a secret" in line for line in bob.printed)


def test_what_is_said_into_a_private_room_that_is_a_public_one_stays_private() -> None:
    """The name belongs to a public room: the join is refused, and what was typed right after it is not said there."""
    talk = Conversation()
    alice, bob = talk.join("alice"), talk.join("bob", "lobby", "plans")
    alice.type("/join plans --private", "a secret")
    talk.advance(5)

    assert bob.texts("plans") == []


# --- the order of what somebody says --------------------------------------------------------------------------
def test_a_lost_refusal_does_not_change_the_order(disk: FailingHistory) -> None:
    """The refusal of the first line is lost, the second is passed over; the third does not come before it."""
    talk = Conversation(history=disk)
    bob, sender = talk.join("bob"), pipe(talk)
    disk.full, talk.replies.drop = True, 1.0
    say(sender, "one")
    talk.advance(2)
    say(sender, "two")
    talk.advance(1)
    disk.full, talk.replies.drop = False, 0.0
    talk.advance(3)  # meanwhile the first line has been sent again
    say(sender, "three")
    talk.advance(10)

    assert bob.texts() == ["one", "two", "three"]


def test_a_refused_repeat_of_what_was_stored_does_not_change_the_order() -> None:
    """A line is stored and its repeat refused, so it does not come again; what is said then is not turned round."""
    talk = Conversation(policy=Policy(burst=COSTS[m.Hello] + 1, rate=3))
    bob = talk.join("bob")
    talk.advance(60)
    sender = pipe(talk)  # its hello leaves enough for one line
    talk.commands.double = 1.0
    say(sender, "one")
    talk.commands.double = 0.0
    talk.advance(0.5)
    say(sender, "two")
    talk.advance(6)
    say(sender, "three")
    talk.advance(20)

    assert bob.texts() == ["one", "two", "three"]


# --- what is not said again -----------------------------------------------------------------------------------
def test_a_part_that_is_refused_for_the_moment_is_said_again() -> None:
    """Who leaves a room when their budget is empty is out of it soon after, as all others see."""
    talk = Conversation(policy=Policy(burst=2 * COSTS[m.Hello], rate=5))
    alice, bob = talk.join("alice", "lobby", "dev"), talk.join("bob", "lobby", "dev")
    talk.advance(20)
    bob.type(*map(str, range(3 * COSTS[m.Hello])), "/part dev")
    talk.advance(30)

    assert alice.saw("bob left dev")


def test_what_was_read_is_marked_though_a_ping_is_refused() -> None:
    """The ping that tells of a private message comes when the budget is empty: a later one tells it again."""
    talk = Conversation(policy=Policy(burst=2 * COSTS[m.Hello], rate=3))
    alice, bob = talk.join("alice"), talk.join("bob")
    talk.advance(60)
    alice.type("/msg bob hello")
    talk.advance(60)
    for step in range(100):  # for five seconds bob uses up more than he gains, by asking for what costs 1
        for _ in range(10):
            talk.command(bob, wire.encode(m.Part(room="nowhere", ref=99)))
        if step == 20:
            alice.type("/msg bob again")
        talk.advance(0.05)
    talk.advance(20)

    assert bob.saw("again")
    assert read_by(talk, bob) == [2]


def test_what_was_read_is_marked_though_the_broker_dies() -> None:
    """The broker dies before the mark of a private message is stored: it is told again to the next one."""
    talk = Conversation()
    alice, bob = talk.join("alice"), talk.join("bob")
    alice.type("/msg bob hello")
    talk.settle()
    talk.commands.drop = 1.0
    talk.advance(4)
    talk.commands.drop = 0.0
    talk.crash()
    talk.start_broker()
    talk.advance(20)

    assert bob.saw("hello")
    assert read_by(talk, bob) == [1]


def test_what_was_read_is_marked_though_the_broker_dies_before_it_is_stored(disk: FailingHistory) -> None:
    """The ping was answered, the mark not stored yet when the broker died: the next one is told again."""
    talk = Conversation(history=disk)
    alice, bob = talk.join("alice"), talk.join("bob")
    alice.type("/msg bob hello")
    talk.settle()
    disk.full = True
    talk.advance(4)
    disk.full = False
    talk.crash()
    talk.start_broker()
    talk.advance(20)

    assert bob.saw("hello")
    assert read_by(talk, bob) == [1]


# --- who is in a room -----------------------------------------------------------------------------------------
def test_who_was_not_told_that_they_were_put_out_comes_in_again_when_invited() -> None:
    """The news of a kick is lost; the one who was kicked is invited again, enters, and hears what is said then."""
    talk = Conversation()
    alice, bob = talk.join("alice"), talk.join("bob")
    alice.type("/join plans --private")
    talk.settle()
    alice.type("/invite bob")
    talk.settle()
    bob.type("/join plans")
    talk.settle()
    talk.replies.drop = 1.0
    alice.type("/kick bob")
    talk.settle()
    talk.replies.drop = 0.0
    talk.advance(10)
    alice.type("/invite bob")
    talk.advance(1)
    bob.type("/join plans")
    talk.advance(1)
    alice.type("welcome back")
    talk.advance(10)

    assert "welcome back" in bob.texts("plans")


def test_who_was_not_told_that_they_were_put_out_of_a_public_room_learns_it() -> None:
    """The news of a kick is lost; soon after, the one who was kicked knows that they are not in the room any more."""
    talk = Conversation()
    alice, bob = talk.join("alice", "dev"), talk.join("bob", "dev")
    talk.replies.drop = 1.0
    alice.type("/kick bob")
    talk.settle()
    talk.replies.drop = 0.0
    talk.advance(20)

    assert "dev" not in bob.core.rooms


def read_by(talk: Conversation, client: Client) -> list[int]:
    """How far the private messages of somebody are marked as read."""
    marks = talk.history.table(READS)
    return [msgspec.msgpack.decode(value) for name, (value, _) in marks.items() if name.startswith(f"{client.key} @")]
