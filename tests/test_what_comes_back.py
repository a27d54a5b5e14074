"""What was lost on the way or doubled, as short conversations: everybody sees it, once and in order."""

from __future__ import annotations

import pytest

from zchat.common import limits

from .conversation import Conversation, Faults


def test_a_lost_broadcast_is_fetched_when_the_next_one_shows_the_gap(talk: Conversation) -> None:
    """A gap is seen by `prev`, and what is missing is replayed in order."""
    alice, bob = talk.join("alice"), talk.join("bob")
    talk.advance(2)
    talk.broadcasts.drop = 1.0
    alice.type("lost")
    talk.settle()
    talk.broadcasts.drop = 0.0
    alice.type("seen")
    talk.settle()

    assert bob.texts() == alice.texts() == ["lost", "seen"]


def test_a_lost_last_message_is_fetched_within_five_seconds(talk: Conversation) -> None:
    """A message that no other follows is found by the next ping."""
    alice, bob = talk.join("alice"), talk.join("bob")
    talk.advance(2)
    talk.broadcasts.drop = 1.0
    alice.type("the last one")
    talk.settle()
    assert bob.texts() == []
    talk.advance(5)

    assert bob.texts() == alice.texts() == ["the last one"]


def test_a_doubled_broadcast_is_shown_once(talk: Conversation) -> None:
    """What comes twice is dropped by its sequence."""
    alice, bob = talk.join("alice"), talk.join("bob")
    talk.broadcasts.double = 1.0
    alice.type("one", "two")
    talk.settle()

    assert bob.texts() == ["one", "two"]


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_crash_around_the_commit_neither_loses_nor_doubles(talk: Conversation, when: str) -> None:
    """Whether the broker died before the commit or after it, unacked, the resent message stands there once."""
    alice, bob = talk.join("alice"), talk.join("bob")
    talk.crash_at = when
    alice.type("exactly once")
    talk.settle()
    assert talk.broker is None
    assert alice.core.waiting == 1
    talk.start_broker()
    talk.advance(10)

    assert alice.texts() == bob.texts() == ["exactly once"]
    assert alice.core.waiting == 0
    assert talk.history.heads() == {"lobby": 1}


def test_a_lost_ack_is_repeated(talk: Conversation) -> None:
    """When only the ack is lost the message is sent again and not stored again."""
    alice = talk.join("alice")
    talk.replies.drop = 1.0
    alice.type("acked late")
    talk.settle()
    talk.replies.drop = 0.0
    talk.advance(limits.RESEND_AFTER + 1)

    assert alice.core.waiting == 0
    assert talk.history.heads() == {"lobby": 1}


def test_a_broker_that_answers_no_ping_is_given_up(talk: Conversation) -> None:
    """A hung broker is noticed although its connection stands."""
    alice = talk.join("alice")
    talk.replies.drop = talk.broadcasts.drop = 1.0
    talk.advance(limits.SILENCE + limits.PING_INTERVAL + 1)

    assert alice.saw("The broker is gone (it does not answer)")


def test_a_history_that_was_replaced_is_shown_anew(talk: Conversation) -> None:
    """When the history has another id the cursor is worthless: the client says so and begins again."""
    alice, bob = talk.join("alice"), talk.join("bob")
    alice.type("old")
    talk.settle()
    talk.crash()
    fresh = Conversation()
    writer = fresh.join("alice")
    writer.type("new one", "new two")
    fresh.settle()
    talk.history = fresh.history
    talk.start_broker()
    talk.advance(10)

    assert bob.saw("history of lobby was replaced")
    assert bob.texts() == ["old", "new one", "new two"]


def test_a_long_absence_is_caught_up_in_pages(talk: Conversation) -> None:
    """More than one page of messages is replayed, in order and once, while new ones arrive."""
    alice, bob = talk.join("alice"), talk.join("bob")
    bob.cut()
    alice.type(*[f"line {n}" for n in range(limits.PAGE_ENTRIES * 2 + 10)])
    talk.settle()
    talk.advance(5)
    alice.type("live again")
    talk.settle()

    assert bob.texts() == alice.texts()
    assert len(bob.texts()) == limits.PAGE_ENTRIES * 2 + 11


def test_replies_under_heavy_loss_still_converge(talk: Conversation) -> None:
    """With half of everything lost both ways, what was said arrives in the end."""
    alice, bob = talk.join("alice"), talk.join("bob")
    talk.commands, talk.replies, talk.broadcasts = Faults(drop=0.5), Faults(drop=0.5), Faults(drop=0.5)
    for number in range(10):
        alice.type(f"number {number}")
        talk.advance(0.2)
    talk.heal()

    assert sorted(alice.texts()) == sorted(f"number {number}" for number in range(10))
    assert alice.texts() == bob.texts()
