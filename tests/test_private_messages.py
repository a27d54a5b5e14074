"""Private messages as short conversations: who writes to whom, and who sees it."""

from __future__ import annotations

from zchat.common import messages as m, wire

from .conversation import Conversation


def test_a_private_message_reaches_only_its_two_people(talk: Conversation) -> None:
    """/msg goes to the addressee and comes back to the sender, and to nobody else."""
    alice, bob, carol = (talk.join(nick) for nick in ("alice", "bob", "carol"))
    alice.type("/msg bob psst")
    talk.settle()

    assert alice.saw("alice -> bob: psst")
    assert bob.saw("alice -> bob: psst")
    assert not carol.saw("psst")


def test_a_private_message_to_nobody_is_an_error(talk: Conversation) -> None:
    """An unknown nick is said, never swallowed."""
    alice = talk.join("alice")
    alice.type("/msg nobody hello")
    talk.settle()

    assert alice.saw("There is no user nobody")
    assert alice.core.waiting == 0


def test_a_private_message_waits_for_who_is_away_and_is_shown_once(talk: Conversation) -> None:
    """What was said to somebody away is shown when they join, and not again at the next join."""
    alice, bob = talk.join("alice"), talk.join("bob")
    bob.type("/quit")
    talk.settle()
    alice.type("/msg bob call me")
    talk.settle()
    assert alice.saw("bob is away; the message waits for them")

    again = talk.join("bob")
    talk.advance(10)
    assert again.saw("alice -> bob: call me")
    again.type("/quit")
    talk.settle()
    assert not talk.join("bob").saw("call me")


def test_a_private_message_reaches_every_screen_of_both(talk: Conversation) -> None:
    """The addressee's sessions and the sender's other ones all see it."""
    screens = [talk.join(nick) for nick in ("alice", "alice", "bob", "bob")]
    screens[0].type("/msg bob hello")
    talk.settle()

    assert [screen.count("alice -> bob: hello") for screen in screens] == [1, 1, 1, 1]


def test_two_steps_to_write_privately(talk: Conversation) -> None:
    """/msg lists whom one can choose, /msg NICK chooses, what is typed then goes to them until /query."""
    alice, bob, carol = (talk.join(nick) for nick in ("alice", "bob", "carol"))
    alice.type("/msg")
    talk.settle()
    assert alice.saw("bob", "session")
    alice.type("/msg bob", "for you alone", "/query", "for all")
    talk.settle()

    assert bob.saw("alice -> bob: for you alone")
    assert carol.texts() == ["for all"]


def test_reply_answers_the_last_private_message(talk: Conversation) -> None:
    """/reply goes to who wrote last."""
    alice, bob = talk.join("alice"), talk.join("bob")
    bob.type("/reply too early", "/msg alice ping")
    talk.settle()
    alice.type("/r pong")
    talk.settle()

    assert bob.saw("Nobody has written to you privately yet")
    assert bob.saw("alice -> bob: pong")


def test_a_private_room_is_closed_to_others(talk: Conversation) -> None:
    """Guessing the hidden room of two others opens nothing: no join, no replay, no message into it."""
    alice, bob, mallory = (talk.join(nick) for nick in ("alice", "bob", "mallory"))
    alice.type("/msg bob secret")
    talk.settle()
    room = next(room for room in talk.history.heads() if room.startswith("@"))
    for command in (
        m.Join(room=room, after=0, ref=901),
        m.Replay(room=room, after=0, ref=902),
        m.Say(id="intrusion", text="boo", room=room),
    ):
        talk.command(mallory, wire.encode(command))
    talk.settle()

    assert not mallory.saw("secret")
    assert talk.history.heads()[room] == 1
    assert not bob.saw("boo")
