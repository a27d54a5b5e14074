"""Rights as short conversations: private rooms, moderation, nicks that move, operators, and limits."""

from __future__ import annotations

from zchat.broker.policy import Policy
from zchat.client import actions as a
from zchat.client.sending import Sender
from zchat.common import limits, messages as m, wire
from zchat.common.errors import Code, ExitCode, RefusedError

from .conversation import Client, Conversation


def published(talk: Conversation) -> list[bytes]:
    """The bodies of everything that goes over PUB from now on."""
    bodies: list[bytes] = []
    publish = talk._publish
    talk._publish = lambda topic, body: (bodies.append(topic + body), publish(topic, body))[1]  # type: ignore[method-assign]
    return bodies


def private_room(talk: Conversation) -> tuple[Client, Client]:
    """Alice owns the private room plans, bob is invited and in."""
    alice, bob = talk.join("alice"), talk.join("bob")
    alice.type("/join plans --private")
    talk.settle()
    alice.type("before bob", "/invite bob")
    talk.settle()
    bob.type("/join plans")
    talk.settle()
    return alice, bob


# --- private rooms --------------------------------------------------------------------------------------------
def test_a_private_room_is_for_who_was_invited(talk: Conversation) -> None:
    """A member is told of the invitation, reads from it on, and talks there as in any room."""
    alice, bob = private_room(talk)
    alice.type("hello bob")
    talk.settle()
    bob.type("hello alice")
    talk.settle()

    assert bob.saw("alice invites you to the private room plans")
    assert alice.texts("plans") == ["before bob", "", "hello bob", "hello alice"]
    assert bob.texts("plans") == ["", "hello bob", "hello alice"]
    assert alice.saw("alice invited bob")


def test_nothing_of_a_private_room_goes_over_pub(talk: Conversation) -> None:
    """Neither words nor topics, comings, goings, kicks or new names of a private room are ever broadcast."""
    bodies = published(talk)
    alice, bob = private_room(talk)
    alice.type("the secret plan", "/topic a secret topic", "/op bob", "/mute bob", "/unmute bob")
    talk.settle()
    bob.type("/nick robert", "secret words", "/part plans", "/join plans")
    talk.settle()
    alice.type("/kick robert secret reason", "/part plans")
    talk.advance(1)

    assert bob.texts("plans")
    assert not any(b"plans" in body or b"secret" in body for body in bodies)


def test_a_stranger_finds_no_private_room(talk: Conversation) -> None:
    """Who is no member sees it in no list and cannot enter, speak or read; only that the name is taken shows."""
    alice, _ = private_room(talk)
    eve = talk.join("eve")
    eve.type("/rooms", "/who", "/join plans", "/who plans")
    talk.settle()
    alice.type("the secret plan")
    talk.settle()

    assert not eve.saw("plans ", "online")
    assert eve.saw("The room plans is not open to you")
    assert eve.saw("There is no room plans")
    assert not any("secret" in line for line in eve.printed)
    assert alice.saw("plans", "online") is False


def test_who_was_kicked_from_a_private_room_reads_no_more(talk: Conversation) -> None:
    """They are told by whom and why, hear nothing after it, and cannot come back or look anything up."""
    alice, bob = private_room(talk)
    alice.type("/kick bob enough is enough")
    talk.settle()
    alice.type("he is gone")
    bob.type("/join plans", "/history")
    talk.advance(10)

    assert bob.saw("plans", "kicked by alice: enough is enough")
    assert bob.saw("The room plans is not open to you")
    assert "he is gone" not in bob.texts("plans")
    assert alice.saw("alice kicked bob", "enough is enough")


def test_a_member_catches_up_on_a_private_room_through_losses(talk: Conversation) -> None:
    """What was lost on the way to a member is fetched, in order and once."""
    alice, bob = private_room(talk)
    talk.replies.drop, talk.replies.double, talk.replies.delay = 0.4, 0.2, 0.3
    for number in range(40):
        alice.type(f"line {number}")
        talk.advance(0.1)
    talk.heal()

    assert bob.texts("plans")[1:] == [f"line {number}" for number in range(40)]
    assert alice.texts("plans")[2:] == bob.texts("plans")[1:]


def test_rights_survive_a_restart_of_the_broker(talk: Conversation) -> None:
    """Members, owners and bans are what they were."""
    alice, bob = private_room(talk)
    eve = talk.join("eve")
    talk.crash()
    talk.start_broker()
    talk.advance(10)
    alice.type("after the restart", "/op bob")
    eve.type("/join plans")
    talk.settle()

    assert bob.texts("plans")[-2:] == ["after the restart", ""]
    assert eve.saw("The room plans is not open to you")


# --- moderation -----------------------------------------------------------------------------------------------
def test_the_owner_of_a_public_room_keeps_order(talk: Conversation) -> None:
    """Who made a room can mute, kick and ban there; everybody sees it, and the lobby is nobody's."""
    alice, bob, carol = talk.join("alice", "dev"), talk.join("bob", "dev"), talk.join("carol", "dev")
    alice.type("/mute bob 10m shouting")
    talk.settle()
    bob.type("can you hear me")
    talk.settle()
    assert bob.saw("You may read dev but not speak there until")
    alice.type("/unmute bob")
    talk.settle()
    bob.type("thank you")
    talk.settle()
    alice.type("/ban bob 1h again")
    talk.settle()
    bob.type("/join dev", "/join lobby")
    talk.settle()

    assert carol.saw("alice muted bob", "shouting")
    assert carol.texts("dev") == ["shouting", "", "thank you", "again"]
    assert carol.saw("bob left dev", "banned by alice: again")
    assert bob.saw("You may not come into dev until")
    talk.advance(1)
    carol.type("/kick alice")
    talk.settle()
    assert carol.saw("In dev only its owner and its operators")


def test_an_operator_of_a_room_is_made_by_its_owner(talk: Conversation) -> None:
    """The owner names operators, who can do what the owner does, but not to the owner nor to each other."""
    alice, bob, carol = talk.join("alice", "dev"), talk.join("bob", "dev"), talk.join("carol", "dev")
    alice.type("/op bob")
    talk.settle()
    bob.type("/kick alice")
    talk.settle()
    bob.type("/op carol")
    talk.settle()
    bob.type("/kick carol")
    talk.settle()

    assert carol.saw("alice made bob an operator")
    assert bob.saw("You cannot do that to alice")
    assert bob.saw("In dev only its owner")
    assert carol.saw("kicked by bob")


def test_the_operator_of_the_broker_moderates_every_room(talk: Conversation) -> None:
    """Also the lobby, which has no owner."""
    talk.join("alice")
    bob = talk.join("bob")
    kick = m.Say(id="kick", room="lobby", to="bob", text="spam", kind="kick")
    boss = talk.run("operator", lambda core: Sender(core, room="lobby", to=None, text=None, say=kick))
    talk.settle()

    assert boss.ended == a.End()
    assert bob.saw("kicked by operator: spam")


def test_an_author_takes_a_message_back(talk: Conversation) -> None:
    """What was deleted is gone for everyone who comes later, and those who are there are told."""
    alice, bob = talk.join("alice"), talk.join("bob")
    alice.type("my password is hunter2", "oops")
    talk.settle()
    alice.type("/delete")
    talk.settle()
    carol = talk.join("carol")

    assert bob.saw("alice deleted a message")
    assert not carol.saw("oops")
    assert carol.saw("alice: (deleted)")
    assert carol.saw("hunter2")


# --- nicks ----------------------------------------------------------------------------------------------------
def test_a_new_nick_is_told_to_everybody(talk: Conversation) -> None:
    """/nick changes how one is called on all screens; the former nick still reaches one for a while."""
    alice, bob, screen = talk.join("alice"), talk.join("bob"), talk.join("alice")
    alice.type("/nick alicia")
    talk.settle()
    alice.type("it is me")
    bob.type("/msg alice are you there")
    talk.settle()

    assert bob.saw("alice is now alicia")
    assert bob.saw("alicia: it is me")
    assert alice.saw("are you there")
    assert screen.core.profile.nick == "alicia"
    mallory = talk.run("alice", lambda core: Sender(core, room="lobby", to=None, text="as alice"), key="mallory")
    talk.advance(1)
    assert isinstance(mallory.error, RefusedError)
    assert mallory.error.exit_code == ExitCode.NICK


def test_a_renamed_user_comes_back_after_a_restart(talk: Conversation) -> None:
    """The new nick is what counts when the broker has been restarted."""
    alice, bob = talk.join("alice"), talk.join("bob")
    alice.type("/nick alicia")
    talk.settle()
    talk.crash()
    talk.start_broker()
    talk.advance(10)
    alice.type("hello")
    talk.settle()

    assert bob.saw("alicia: hello")


# --- limits ---------------------------------------------------------------------------------------------------
def test_who_pipes_too_fast_is_slowed_down_and_loses_nothing() -> None:
    """`send --each-line` waits when it is told so, and everything arrives in order and once."""
    talk = Conversation(policy=Policy(burst=200, rate=100))
    bob = talk.join("bob")
    sender = talk.run("alice", lambda core: Sender(core, room="lobby", to=None, text=None))
    talk.settle()
    lines = [f"line {number}" for number in range(900)]
    for line in lines:
        sender.carry_out(sender.program.line(line, talk.now))
    sender.carry_out(sender.program.end_of_input(talk.now))
    talk.advance(30)

    assert sender.ended == a.End()
    assert bob.texts() == lines


def test_a_flood_costs_the_flooder_alone() -> None:
    """Who never listens to refusals is shut out; the others' words arrive as ever."""
    talk = Conversation(policy=Policy(burst=100, rate=10))
    alice, bob, eve = talk.join("alice"), talk.join("bob"), talk.join("eve")
    for number in range(limits.STRIKES + 200):
        talk.command(eve, wire.encode(m.Say(id=f"x{number}", text="x", room="lobby")))
    alice.type("hello")
    talk.settle()
    talk.advance(1)

    assert talk.cuts == ["key-of-eve"]
    assert bob.saw("alice: hello")
    assert bob.saw("eve left lobby")
    codes = {n.refused.code for n in eve.notices if isinstance(n, a.Refusal)}
    assert codes <= {Code.TOO_FAST, Code.HELLO_FIRST}
