"""Who comes, goes and is called how, as short conversations: who does what, and who is told."""

from __future__ import annotations

import pytest

from zchat.client import actions as a
from zchat.client.rooms import Start
from zchat.client.tailing import Tailer
from zchat.common import limits
from zchat.common.errors import Code, NotAcked, RefusedError

from .conversation import Client, Conversation


def test_a_joiner_is_confirmed_and_announced(talk: Conversation) -> None:
    """Who joins is told so and who is there; the others see a notice."""
    alice = talk.join("alice")
    bob = talk.join("bob")

    assert alice.saw("Connected to test as alice")
    assert alice.saw("You joined lobby, alone so far")
    assert bob.saw("You joined lobby, with alice")
    assert alice.count("bob joined lobby") == 1
    assert bob.count("joined lobby") == 1


def test_quitting_is_announced_once_with_its_reason(talk: Conversation) -> None:
    """/quit REASON tells the room at once, and only once."""
    alice, bob = talk.join("alice"), talk.join("bob")
    bob.type("/quit good night")
    talk.settle()
    talk.advance(60)

    assert bob.ended == a.End()
    assert alice.count("bob left lobby (good night)") == alice.count("bob left") == 1


def test_leaving_waits_for_what_was_just_said(talk: Conversation) -> None:
    """A line typed right before /quit is stored and shown before the farewell, to its author too."""
    alice, bob = talk.join("alice"), talk.join("bob")
    talk.broadcasts.delay = 0.5
    bob.type("last words", "/quit")
    talk.advance(3)

    assert bob.ended == a.End()
    assert bob.texts() == alice.texts() == ["last words"]
    assert alice.count("bob left lobby") == 1


def test_quitting_without_a_broker_does_not_wait(talk: Conversation) -> None:
    """Who quits while the broker is dead is told at once what was not delivered."""
    alice = talk.join("alice")
    talk.crash()
    alice.type("never sent", "/quit")
    talk.advance(0.1)

    assert isinstance(alice.error, NotAcked)
    assert "1 message could not be delivered" in str(alice.error)


def test_a_client_that_vanished_is_announced_after_the_grace_time(talk: Conversation) -> None:
    """A killed client leaves when its session expires, not before."""
    alice, bob = talk.join("alice"), talk.join("bob")
    bob.vanish()
    talk.advance(limits.SESSION_EXPIRY - 1)
    assert not alice.saw("bob left")
    talk.advance(3)

    assert alice.count("bob left lobby (connection lost)") == 1


def test_a_short_loss_of_the_connection_makes_no_notice(talk: Conversation) -> None:
    """The same instance returning within the grace time neither left nor joined."""
    alice, bob = talk.join("alice"), talk.join("bob")
    before = list(alice.printed)
    bob.cut()
    talk.advance(20)

    assert bob.saw("The broker is gone (the network failed)")
    assert bob.saw("Connected to test again")
    assert alice.printed == before


def test_a_restarted_broker_makes_no_notices(talk: Conversation) -> None:
    """After a crash everyone goes on, without leave or join, with nothing lost and nothing twice."""
    alice, bob = talk.join("alice"), talk.join("bob")
    alice.type("before")
    talk.settle()
    talk.crash()
    alice.type("while it is dead")
    talk.advance(3)
    talk.start_broker()
    talk.advance(30)
    bob.type("after")
    talk.settle()

    assert alice.texts() == bob.texts() == ["before", "while it is dead", "after"]
    assert alice.count("joined") + alice.count("left") == 2
    assert alice.saw("The broker is gone (the broker died)")
    assert alice.saw("Waits for the broker: while it is dead")
    assert not alice.saw("Nobody else is here")


def test_a_newcomer_after_a_restart_is_announced(talk: Conversation) -> None:
    """Only those who return are silent: who first joins right after a restart is news."""
    alice = talk.join("alice")
    talk.crash()
    talk.start_broker()
    talk.advance(3)
    talk.join("dora")

    assert alice.count("dora joined lobby") == 1


def test_a_client_that_slept_past_its_session_comes_back(talk: Conversation) -> None:
    """A stopped client whose session expired says hello again by itself and gets what it missed."""
    alice, bob = talk.join("alice"), talk.join("bob")
    asleep = [talk.clients.pop(talk.clients.index(bob))]
    alice.type("are you there?")
    talk.advance(limits.SESSION_SILENCE + 2)
    assert alice.saw("bob left lobby")
    talk.clients += asleep
    talk.advance(10)

    assert bob.texts() == ["are you there?"]
    assert alice.count("bob joined lobby") == 2


def test_two_screens_of_one_user_are_one_person(talk: Conversation) -> None:
    """The same key joining again is the same user: one entry in who with two sessions, one joined, one left."""
    alice, first, second = talk.join("alice"), talk.join("bob"), talk.join("bob")
    alice.type("/who")
    talk.settle()
    first.type("/quit")
    talk.settle()
    assert not alice.saw("bob left")
    second.type("/quit")
    talk.settle()

    assert alice.saw("bob", "2 sessions")
    assert alice.count("bob joined") == alice.count("bob left") == 1


def test_a_nick_belongs_to_the_first_key(talk: Conversation) -> None:
    """Another key is refused the nick, in whatever case it is written, even when its owner is away."""
    owner = talk.join("alice")
    owner.type("/quit")
    talk.settle()
    thief = Client(
        talk, "ALICE", lambda core: Tailer(core, rooms=["lobby"], start=Start(), follow=True, json=False), True
    )
    thief.key = "another-key"
    talk.clients.append(thief)
    thief.carry_out(thief.core.start(talk.now))
    talk.settle()

    assert isinstance(thief.error, RefusedError)
    assert thief.error.code == Code.NICK_TAKEN
    assert "ALICE" in str(thief.error)


@pytest.mark.parametrize("nick", ["a1ice", "aIice", "аlісе", "AL1CE"])
def test_a_nick_that_looks_like_anothers_is_refused(talk: Conversation, nick: str) -> None:
    """Neither digits nor letters of another script make a second alice."""
    talk.join("alice")
    twin = talk.join(nick)

    assert isinstance(twin.error, RefusedError)
    assert twin.error.code in (Code.NICK_TAKEN, Code.NICK_INVALID)


def test_a_look_alike_is_refused_after_a_restart_too(talk: Conversation) -> None:
    """Who owned a nick before the broker died is still protected."""
    talk.join("bob")
    talk.crash()
    talk.start_broker()
    twin = talk.join("b0b")

    assert isinstance(twin.error, RefusedError)
    assert "looks like bob" in str(twin.error)


@pytest.mark.parametrize("nicks", [("zoe", "zoe"), ("zoe", "z0e")])
def test_two_keys_that_claim_one_nick_at_once_are_told_apart(talk: Conversation, nicks: tuple[str, str]) -> None:
    """When two new keys claim a nick, or nicks that look alike, in the same commit, exactly one gets it."""
    clients = []
    for number, nick in enumerate(nicks):
        client = Client(
            talk, nick, lambda core: Tailer(core, rooms=["lobby"], start=Start(), follow=True, json=False), True
        )
        client.key = f"key-{number}"
        clients.append(client)
        talk.clients.append(client)
        client.carry_out(client.core.start(talk.now))
    talk.settle()

    assert [client.error is None for client in clients] == [True, False]


def test_an_illegal_nick_is_refused_with_a_reason(talk: Conversation) -> None:
    """The broker checks names itself."""
    client = talk.join("no way")

    assert isinstance(client.error, RefusedError)
    assert client.error.code == Code.NICK_INVALID
    assert "no way" in str(client.error)
