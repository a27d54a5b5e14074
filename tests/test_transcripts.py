"""The rules of chat as short conversations: who types what, and who sees what."""

from __future__ import annotations

import pytest

from zchat.broker.policy import Policy
from zchat.client import actions as a
from zchat.client.programs import OneQuestion, Sender, Tailer
from zchat.client.rooms import Start
from zchat.common import limits, messages as m, wire
from zchat.common.errors import Code, NotAcked, RefusedError, TimedOut

from .conversation import Client, Conversation, Faults


@pytest.fixture
def talk() -> Conversation:
    """A running broker and nobody there."""
    return Conversation()


def count(client: Client, *words: str) -> int:
    """How many printed lines hold all these words."""
    return sum(all(word in line for word in words) for line in client.printed)


# --- coming and going -----------------------------------------------------------------------------------------
def test_a_joiner_is_confirmed_and_announced(talk: Conversation) -> None:
    """Who joins is told so and who is there; the others see a notice."""
    alice = talk.join("alice")
    bob = talk.join("bob")

    assert alice.saw("Connected to test as alice")
    assert alice.saw("You joined lobby, alone so far")
    assert bob.saw("You joined lobby, with alice")
    assert count(alice, "bob joined lobby") == 1
    assert count(bob, "joined lobby") == 1


def test_quitting_is_announced_once_with_its_reason(talk: Conversation) -> None:
    """/quit REASON tells the room at once, and only once."""
    alice, bob = talk.join("alice"), talk.join("bob")
    bob.type("/quit good night")
    talk.settle()
    talk.advance(60)

    assert bob.ended == a.End()
    assert count(alice, "bob left lobby (good night)") == count(alice, "bob left") == 1


def test_leaving_waits_for_what_was_just_said(talk: Conversation) -> None:
    """A line typed right before /quit is stored and shown before the farewell, to its author too."""
    alice, bob = talk.join("alice"), talk.join("bob")
    talk.broadcasts.delay = 0.5
    bob.type("last words", "/quit")
    talk.advance(3)

    assert bob.ended == a.End()
    assert bob.texts() == alice.texts() == ["last words"]
    assert count(alice, "bob left lobby") == 1


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

    assert count(alice, "bob left lobby (connection lost)") == 1


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
    assert count(alice, "joined") + count(alice, "left") == 2
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

    assert count(alice, "dora joined lobby") == 1


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
    assert count(alice, "bob joined lobby") == 2


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
    assert count(alice, "bob joined") == count(alice, "bob left") == 1


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


# --- talking --------------------------------------------------------------------------------------------------
def test_everyone_sees_a_message_once_the_sender_too(talk: Conversation) -> None:
    """The room's line is everyone's line: one order, one copy, the sender's echo included."""
    people = [talk.join(nick) for nick in ("alice", "bob", "carol")]
    people[0].type("hello")
    people[1].type("hi")
    talk.settle()

    for person in people:
        assert person.texts() == ["hello", "hi"]
        assert count(person, "alice: hello") == 1


def test_being_alone_is_told_once(talk: Conversation) -> None:
    """Who speaks into an empty room is told so, not at every line."""
    alice = talk.join("alice")
    alice.type("anyone?", "no?")
    talk.settle()

    assert count(alice, "Nobody else is here") == 1
    assert alice.texts() == ["anyone?", "no?"]


def test_an_empty_line_sends_nothing_and_says_so(talk: Conversation) -> None:
    """Neither an empty line nor blanks become a message."""
    alice, bob = talk.join("alice"), talk.join("bob")
    alice.type("", "   ")
    talk.settle()

    assert count(alice, "Nothing was sent") == 2
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


# --- private messages -----------------------------------------------------------------------------------------
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

    assert [count(screen, "alice -> bob: hello") for screen in screens] == [1, 1, 1, 1]


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

    assert count(bob, "alice left den") == 1


def test_a_brokers_name_for_a_room_is_believed_only_if_it_is_one(talk: Conversation) -> None:
    """A hostile broker cannot put its own words where a room's name is shown."""
    alice = talk.join("alice")
    alice.core.rooms["lobby"].entered = False
    alice.core.rooms["lobby"].asked = 999
    hostile = m.Entered(room="lobby", name="lobby\x1b]0;pwned\x07", head=0, after=0, ref=999)
    alice.receive(wire.encode(hostile))

    assert alice.core.name_of("lobby") == "lobby"


def test_a_pasted_block_ends_without_an_empty_line(talk: Conversation) -> None:
    """The newline at the end of what was copied is not said."""
    alice, bob = talk.join("alice"), talk.join("bob")
    alice.type("one\ntwo\n")
    talk.settle()

    assert bob.texts() == ["one\ntwo"]


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

    assert [count(bob, f"alice: message {n}") for n in (25, 26, 30, 31)] == [0, 1, 2, 1]
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


# --- what is missing comes back -------------------------------------------------------------------------------
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


# --- programs -------------------------------------------------------------------------------------------------
def test_who_and_slash_who_agree(talk: Conversation) -> None:
    """`zchat who` shows who joined, not those who only ask, send or tail."""
    alice = talk.join("alice")
    talk.run("watcher", lambda core: Tailer(core, rooms=["lobby"], start=Start(), follow=True, json=False))
    asked: list[m.Event] = []

    def show(event: m.Event) -> list[str]:
        asked.append(event)
        return []

    talk.run("asker", lambda core: OneQuestion(core, m.Who(), show))
    talk.settle()
    alice.type("/who")
    talk.settle()

    assert isinstance(asked[0], m.Roster)
    assert [(user.nick, user.rooms, user.sessions) for user in asked[0].users] == [("alice", ["lobby"], 1)]
    assert not alice.saw("watcher")
    assert not alice.saw("asker")


def test_a_long_list_of_rooms_comes_in_parts() -> None:
    """However many rooms there are, no frame grows beyond its size, and /rooms shows them all, after a loss too."""
    talk = Conversation(policy=Policy(room_burst=1_000, owned_rooms=1_000))
    alice = talk.join("alice")
    for number in range(700):
        alice.carry_out(alice.core.say("x" * limits.TOPIC_CHARACTERS, talk.now, room=f"room-{number}", kind="topic"))
    talk.settle()
    sizes: list[int] = []
    receive = alice.receive
    alice.receive = lambda body: (sizes.append(len(body)), receive(body))[1]  # type: ignore[method-assign]
    talk.replies.drop = 0.3
    alice.type("/rooms")
    talk.advance(limits.REQUEST_AFTER)
    talk.replies.drop = 0.0
    talk.advance(limits.REQUEST_AFTER + 1)

    assert sum(line.startswith("room-") for line in alice.printed) == 700
    assert max(sizes) <= limits.FRAME_BYTES + 100


def test_messages_with_a_partner_the_welcome_did_not_list_begin_where_reading_stopped(talk: Conversation) -> None:
    """Private messages already read are not shown again when a new one opens their room."""
    alice, bob = talk.join("alice"), talk.join("bob")
    alice.type("/msg bob one", "/msg bob two")
    talk.advance(4)
    bob.type("/quit")
    talk.settle()
    again = talk.join("bob")
    assert again.core.rooms.keys() == {"lobby"}
    alice.type("/msg bob three")
    talk.settle()

    assert [text for room, _, text in again.heard if room != "lobby"] == ["three"]


def test_history_of_private_messages(talk: Conversation) -> None:
    """While one writes to a person, /history shows the messages with them, also after a new start."""
    alice, bob = talk.join("alice"), talk.join("bob")
    alice.type("/msg bob one", "for all")
    talk.advance(4)
    bob.type("/quit")
    talk.settle()
    again = talk.join("bob")
    again.type("/query alice", "/history", "/query nobody", "/history")
    talk.settle()

    assert again.saw("alice -> bob: one")
    assert count(again, "alice: for all") == 1
    assert again.saw("There is no user nobody")


def test_a_command_that_cannot_be_decoded_is_refused_by_its_number(talk: Conversation) -> None:
    """Even a refused frame is matched to its question or message, as far as it could be read."""
    alice = talk.join("alice")
    alice.carry_out(alice.core.say("x", talk.now, room="r" * 999))
    alice.carry_out(alice.core.ask(m.Who(room="r" * 999), talk.now))
    talk.settle()

    assert [n.refused.code for n in alice.notices if isinstance(n, a.Refusal)] == [Code.BAD_FRAME] * 2
    assert alice.core.waiting == 0
    assert alice.core.asking == 0


def test_a_client_of_another_version_is_told_so(talk: Conversation) -> None:
    """The broker's refusal of the version ends the program with that reason."""
    talk.replies.drop = 1.0
    client = talk.run("alice", lambda core: Tailer(core, rooms=["lobby"], start=Start(), follow=True, json=False))
    client.receive(wire.encode(m.Refused(code=Code.BAD_VERSION, detail="Install version 2.")))
    talk.settle()

    assert isinstance(client.error, RefusedError)
    assert client.error.code == Code.BAD_VERSION


def test_send_tells_how_many_it_went_to(talk: Conversation) -> None:
    """The ack counts other people, not screens and not the sender."""
    for nick in ("alice", "bob", "bob"):
        talk.join(nick)
    sends = [
        talk.run(nick, lambda core: Sender(core, room="lobby", to=None, text="x", json=True))
        for nick in ("alice", "zed")
    ]
    talk.settle()

    assert ['"delivered":1' in sends[0].printed[0], '"delivered":2' in sends[1].printed[0]] == [True, True]


def test_send_without_an_ack_in_time_fails(talk: Conversation) -> None:
    """Ten seconds without ack end a one-shot send; --timeout ends it with its own code."""
    talk.replies.drop = 1.0
    patient = talk.run("alice", lambda core: Sender(core, room="lobby", to=None, text="x"))
    hasty = talk.run("bob", lambda core: Sender(core, room="lobby", to=None, text="x", timeout=2))
    talk.advance(limits.ACK_PATIENCE + 1)

    assert isinstance(patient.error, NotAcked)
    assert isinstance(hasty.error, TimedOut)


def test_lines_beyond_the_window_wait(talk: Conversation) -> None:
    """A sender of many lines stops taking them while too many wait for acks, and goes on when they come."""
    sender = talk.run("alice", lambda core: Sender(core, room="load", to=None, text=None))
    for number in range(limits.WINDOW):
        sender.carry_out(sender.program.line(str(number), talk.now))
    assert not sender.program.wants_input
    talk.settle()
    assert sender.program.wants_input
    sender.carry_out(sender.program.end_of_input(talk.now))

    assert sender.ended == a.End()
    assert talk.history.heads() == {"load": limits.WINDOW}


def test_tail_without_following_ends_when_all_is_printed(talk: Conversation) -> None:
    """--no-follow prints what is there, from several rooms, and ends."""
    alice = talk.join("alice", "one", "two")
    alice.type("in one", "/join two", "in two")
    talk.settle()
    tail = talk.run(
        "bob", lambda core: Tailer(core, rooms=["one", "two"], start=Start(after=0), follow=False, json=False)
    )
    talk.settle()

    assert tail.ended == a.End()
    assert tail.saw("[one] alice: in one")
    assert tail.saw("[two] alice: in two")


def test_tail_without_following_refuses_an_unknown_room(talk: Conversation) -> None:
    """Only what follows creates a room."""
    tail = talk.run("bob", lambda core: Tailer(core, rooms=["nowhere"], start=Start(), follow=False, json=False))
    talk.settle()

    assert isinstance(tail.error, RefusedError)
    assert tail.error.code == Code.NO_SUCH_ROOM
    assert list(talk.history.table("room")) == []


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        (Start(after=0), ["1", "2", "3"]),
        (Start(last=2), ["2", "3"]),
        (Start(last=0), []),
        (Start(since_id="id-1"), ["2", "3"]),
        (Start(since=0), ["1", "2", "3"]),
        (Start(since=2**46), []),
        (Start(), []),
    ],
)
def test_where_a_tail_begins(talk: Conversation, start: Start, expected: list[str]) -> None:
    """-n and --since choose what is printed first."""
    for number in "123":
        talk.run("alice", lambda core, n=number: Sender(core, room="lobby", to=None, text=n, id=f"id-{n}"))
        talk.settle()
    tail = talk.run("bob", lambda core: Tailer(core, rooms=["lobby"], start=start, follow=False, json=False))
    talk.settle()

    assert tail.ended == a.End()
    assert tail.texts() == expected


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


def test_a_frame_that_is_no_message_costs_only_itself(talk: Conversation) -> None:
    """Garbage is answered with an error and the session goes on."""
    alice, bob = talk.join("alice"), talk.join("bob")
    talk.command(alice, b"\x01\xc1garbage")
    talk.command(alice, b"")
    alice.type("still here")
    talk.settle()

    assert bob.texts() == ["still here"]
    assert sum("refused" in line for line in talk.logged) == 2


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
