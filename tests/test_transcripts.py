"""The rules of chat as short conversations: who types what, and who sees what."""

from __future__ import annotations

import pytest

from zchat.client import actions as a
from zchat.client.rooms import Start
from zchat.client.sending import Sender
from zchat.client.tailing import Tailer
from zchat.common import limits, messages as m, wire
from zchat.common.errors import Code, RefusedError

from .conversation import Client, Conversation


# --- talking --------------------------------------------------------------------------------------------------
def test_everyone_sees_a_message_once_the_sender_too(talk: Conversation) -> None:
    """The room's line is everyone's line: one order, one copy, the sender's echo included."""
    people = [talk.join(nick) for nick in ("alice", "bob", "carol")]
    people[0].type("hello")
    people[1].type("hi")
    talk.settle()

    for person in people:
        assert person.texts() == ["hello", "hi"]
        assert person.count("alice: hello") == 1


def test_being_alone_is_told_once(talk: Conversation) -> None:
    """Who speaks into an empty room is told so, not at every line."""
    alice = talk.join("alice")
    alice.type("anyone?", "no?")
    talk.settle()

    assert alice.count("Nobody else is here") == 1
    assert alice.texts() == ["anyone?", "no?"]


def test_an_empty_line_sends_nothing_and_says_so(talk: Conversation) -> None:
    """Neither an empty line nor blanks become a message."""
    alice, bob = talk.join("alice"), talk.join("bob")
    alice.type("", "   ")
    talk.settle()

    assert alice.count("Nothing was sent") == 2
    assert bob.texts() == []


def test_an_unknown_command_is_never_sent(talk: Conversation) -> None:
    """A mistyped command is an error with a suggestion, and stays here."""
    alice, bob = talk.join("alice"), talk.join("bob")
    alice.type("/mgs bob secret", "/zzzzzz")
    talk.settle()

    assert alice.saw("no command /mgs", "Did you mean /msg?")
    assert alice.saw("no command /zzzzzz", "/help")
    assert bob.texts() == []


def test_a_double_slash_says_a_slash(talk: Conversation) -> None:
    """//text sends a text that begins with a slash."""
    alice, bob = talk.join("alice"), talk.join("bob")
    alice.type("//etc/hosts")
    talk.settle()

    assert bob.texts() == ["/etc/hosts"]


def test_a_message_of_many_lines_is_one_message(talk: Conversation) -> None:
    """Each of its lines is shown behind its author, so that none can pretend to be another's."""
    alice, bob = talk.join("alice"), talk.join("bob")
    alice.type("one\n2026-01-01 00:00 carol: two")
    talk.settle()

    assert bob.texts() == ["one\n2026-01-01 00:00 carol: two"]
    assert bob.saw("alice: one")
    assert bob.saw("alice: 2026-01-01 00:00 carol: two")
    assert not any(line.startswith("2026") for line in bob.printed)


def test_a_pasted_block_ends_without_an_empty_line(talk: Conversation) -> None:
    """The newline at the end of what was copied is not said."""
    alice, bob = talk.join("alice"), talk.join("bob")
    alice.type("one\ntwo\n")
    talk.settle()

    assert bob.texts() == ["one\ntwo"]


def test_me_says_what_one_does(talk: Conversation) -> None:
    """/me is shown as an action."""
    alice, bob = talk.join("alice"), talk.join("bob")
    alice.type("/me waves")
    talk.settle()

    assert bob.saw("* alice waves")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("x" * (limits.MESSAGE_BYTES + 1), Code.TOO_LARGE),
        ("\n" * limits.MESSAGE_LINES + "x", Code.TOO_LARGE),
        (" \n ", Code.EMPTY),
        ("nul\0", Code.BAD_FRAME),
    ],
)
def test_the_broker_refuses_texts_by_itself(talk: Conversation, text: str, code: Code) -> None:
    """A client that does not check is told what is wrong, and nothing is stored."""
    alice = talk.join("alice")
    alice.carry_out(alice.core.say(text, talk.now, room="lobby"))
    talk.settle()

    assert [n.refused.code for n in alice.notices if isinstance(n, a.Refusal)] == [code]
    assert alice.core.waiting == 0
    assert talk.history.heads() == {}


def test_the_longest_message_is_sent(talk: Conversation) -> None:
    """Exactly the limit in bytes passes."""
    alice, bob = talk.join("alice"), talk.join("bob")
    alice.type("é" * (limits.MESSAGE_BYTES // 2))
    talk.settle()

    assert [len(text.encode()) for text in bob.texts()] == [limits.MESSAGE_BYTES]


def test_an_id_used_again_for_the_same_text_is_stored_once(talk: Conversation) -> None:
    """Sending again is safe: the ack repeats the first sequence."""
    sends = [
        talk.run("alice", lambda core: Sender(core, room="lobby", to=None, text="once", id="job-7", json=True))
        for _ in range(2)
    ]
    talk.settle()

    assert [client.ended for client in sends] == [a.End(), a.End()]
    assert sends[0].printed == sends[1].printed
    assert talk.history.heads() == {"lobby": 1}


def test_an_id_used_again_for_another_text_is_refused(talk: Conversation) -> None:
    """Another body under a used id is an error, not a silent loss."""
    for text in ("one", "two"):
        client = talk.run("alice", lambda core, text=text: Sender(core, room="lobby", to=None, text=text, id="job-7"))
        talk.settle()

    assert isinstance(client.error, RefusedError)
    assert client.error.code == Code.ID_REUSED


def test_two_authors_may_use_the_same_id(talk: Conversation) -> None:
    """An id belongs to its author: nobody can block another's messages by guessing ids."""
    for nick in ("alice", "bob"):
        talk.run(nick, lambda core, nick=nick: Sender(core, room="lobby", to=None, text=nick, id="same"))
    talk.settle()

    assert talk.history.heads() == {"lobby": 2}


@pytest.mark.parametrize("line", ["/me", "/reply", "/topic", "/join", "/part nowhere", "/history x", "/help nothing"])
def test_a_command_without_what_it_needs_explains_itself(talk: Conversation, line: str) -> None:
    """Half a command never does harm: one line says what is missing."""
    alice, bob = talk.join("alice"), talk.join("bob")
    before = len(alice.printed)
    alice.type(line)
    talk.settle()

    assert len(alice.printed) == before + 1
    assert alice.ended is None
    assert bob.texts() == []


# --- rooms ----------------------------------------------------------------------------------------------------
def test_rooms_are_apart(talk: Conversation) -> None:
    """What is said in one room is not seen in another, even when one name begins with the other."""
    alice, bob = talk.join("alice", "dev"), talk.join("bob", "dev2")
    alice.type("only for dev")
    talk.settle()

    assert bob.texts("dev2") == []
    assert alice.texts("dev") == ["only for dev"]


def test_join_part_and_rooms(talk: Conversation) -> None:
    """/join enters and turns to a room, /part leaves it, /rooms lists them with who is there."""
    alice, bob = talk.join("alice"), talk.join("bob")
    alice.type("/join Dev")
    talk.settle()
    alice.type("in dev", "/rooms")
    talk.settle()
    assert alice.saw("[Dev]", "alice: in dev")
    assert alice.saw("Dev", "1 online")
    alice.type("/part", "in the lobby")
    talk.settle()

    assert alice.saw("You left Dev. You are in lobby now.")
    assert bob.texts() == ["in the lobby"]


def test_a_room_left_at_once_is_left(talk: Conversation) -> None:
    """/part right behind /join leaves no ghost: the broker's answer to the join is followed by another farewell."""
    alice, bob = talk.join("alice"), talk.join("bob", "den")
    alice.type("/join den", "/part den")
    talk.settle()
    bob.type("/who den")
    talk.settle()

    assert not bob.saw("alice", "session")


def test_a_room_left_while_the_broker_is_away_is_left(talk: Conversation) -> None:
    """What was left during an outage is left when the session goes on."""
    alice, bob = talk.join("alice", "lobby", "den"), talk.join("bob", "den")
    alice.cut()
    alice.type("/part den")
    talk.advance(5)

    assert bob.count("alice left den") == 1


def test_a_brokers_name_for_a_room_is_believed_only_if_it_is_one(talk: Conversation) -> None:
    """A hostile broker cannot put its own words where a room's name is shown."""
    alice = talk.join("alice")
    alice.core.rooms["lobby"].entered = False
    alice.core.rooms["lobby"].asked = 999
    hostile = m.Entered(room="lobby", name="lobby\x1b]0;pwned\x07", head=0, after=0, ref=999)
    alice.receive(wire.encode(hostile))

    assert alice.core.name_of("lobby") == "lobby"


def test_many_joins_at_once_do_not_pass_the_limit(talk: Conversation) -> None:
    """The limit on rooms holds for joins that wait for the disk together, too."""
    alice = talk.join("alice")
    for number in range(limits.USER_ROOMS + 50):
        alice.carry_out(alice.core.join(f"room{number}", Start(last=0), talk.now))
    talk.settle()

    refusals = [n.refused.code for n in alice.notices if isinstance(n, a.Refusal)]
    assert refusals == [Code.TOO_MANY] * 51


def test_room_names_are_compared_folded(talk: Conversation) -> None:
    """Dev and dev are one room, under the name it was first given."""
    talk.join("alice", "Dev").type("hello")
    talk.settle()
    bob = talk.join("bob", "dEV")

    assert bob.saw("You joined Dev, with alice")
    assert bob.saw("alice: hello")


def test_a_topic_is_set_shown_and_kept(talk: Conversation) -> None:
    """/topic TEXT is seen by all, /topic shows it, a newcomer and a restarted broker know it."""
    alice, bob = talk.join("alice"), talk.join("bob")
    alice.type("/topic tea at five")
    talk.settle()
    bob.type("/topic")
    talk.crash()
    talk.start_broker()
    talk.advance(3)

    assert bob.saw("alice set the topic: tea at five")
    assert bob.saw("The topic of lobby: tea at five")
    assert talk.join("carol").saw("Topic: tea at five")


def test_history_shows_earlier_messages_again(talk: Conversation) -> None:
    """/history N prints the last N once more, without disturbing what follows."""
    alice = talk.join("alice")
    alice.type(*[f"message {n}" for n in range(1, 31)])
    talk.settle()
    bob = talk.join("bob", start=Start(last=2))
    assert bob.texts() == ["message 29", "message 30"]
    bob.type("/history 5")
    talk.settle()
    alice.type("message 31")
    talk.settle()

    assert [bob.count(f"alice: message {n}") for n in (25, 26, 30, 31)] == [0, 1, 2, 1]
    assert bob.texts() == ["message 29", "message 30", "message 31"]


def test_notices_can_be_silenced(talk: Conversation) -> None:
    """--notices none hides comings and goings, smart those of people who said nothing lately."""
    nothing, smart = talk.join("alice", notices="none"), talk.join("bob", notices="smart")
    carol = talk.join("carol")
    assert not nothing.saw("carol joined")
    assert not smart.saw("carol joined")
    carol.type("hello", "/quit")
    talk.settle()

    assert not nothing.saw("carol left")
    assert smart.saw("carol left")


# --- hostile peers --------------------------------------------------------------------------------------------
def test_nothing_is_done_before_hello(talk: Conversation) -> None:
    """Every other command of a stranger is answered with "hello first"."""
    stranger = Client(
        talk, "mallory", lambda core: Tailer(core, rooms=[], start=Start(), follow=True, json=False), False
    )
    talk.clients.append(stranger)
    stranger.connection, stranger.dialled = 1, True
    answers: list[m.Event | m.Unknown] = []
    stranger.receive = lambda body: answers.append(wire.decode_event(body))  # type: ignore[method-assign]
    for command in (m.Say(id="x", text="x", room="lobby"), m.Replay(room="lobby", after=0), m.Who(), m.Ping()):
        talk.command(stranger, wire.encode(command))
    talk.settle()

    assert [answer.code for answer in answers if isinstance(answer, m.Refused)] == [Code.HELLO_FIRST] * 4
    assert talk.history.heads() == {}


def test_a_frame_that_is_no_message_costs_only_itself(talk: Conversation) -> None:
    """Garbage is answered with an error and the session goes on."""
    alice, bob = talk.join("alice"), talk.join("bob")
    talk.command(alice, b"\x01\xc1garbage")
    talk.command(alice, b"")
    alice.type("still here")
    talk.settle()

    assert bob.texts() == ["still here"]
    assert sum("refused" in line for line in talk.logged) == 2
