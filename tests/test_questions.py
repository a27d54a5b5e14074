"""Searching, asking, being away: as short conversations of who types what and who sees what."""

from __future__ import annotations

import json
import random

import pytest

from zchat.client import actions as a
from zchat.client.asking import Asker
from zchat.client.searching import Finder
from zchat.client.sending import Reporter
from zchat.common import limits, messages as m
from zchat.common.errors import NotAcked, RefusedError, TimedOut, ZchatError

from .conversation import Client, Conversation, Faults


def ask(
    talk: Conversation,
    nick: str = "ci",
    *,
    to: str | None = None,
    room: str | None = None,
    timeout: float | None = None,
    json: bool = False,
    choices: tuple[str, ...] = ("yes", "no", "Not now"),
) -> Client:
    """Somebody runs ``zchat ask "Deploy?"``."""
    say = m.Say(id="q", text="Deploy?", room=room if to is None else None, to=to, kind="ask", choices=list(choices))
    client = talk.run(nick, lambda core: Asker(core, say, json=json, timeout=timeout))
    talk.settle()
    return client


def exit_code(client: Client) -> int:
    """What the command ended with."""
    assert isinstance(client.program, Asker)
    assert client.ended == a.End()
    return client.program.exit_code


# --- asking ---------------------------------------------------------------------------------------------------
def test_a_private_question_is_answered(talk: Conversation) -> None:
    """Who is asked sees the question with its choices, answers by one of them, and the command ends with it."""
    alice = talk.join("alice")
    ci = ask(talk, to="alice")
    assert alice.saw("ci -> alice asks [1]: Deploy? (yes/no/Not now) — /answer yes")
    alice.type("/answer not NOW")
    talk.settle()

    assert ci.printed == ["Not now"]
    assert exit_code(ci) == 12
    assert alice.saw("alice -> ci answers [1]: Not now")


@pytest.mark.parametrize(("typed", "code"), [("yes", 0), ("YES", 0), ("0", 0), ("1", 11), ("1 no", 11), ("q 2", 12)])
def test_a_choice_is_named_by_text_or_number(talk: Conversation, typed: str, code: int) -> None:
    """In whatever case, counted from 0, and behind the question's number or id if that is said."""
    alice = talk.join("alice")
    ci = ask(talk, room="lobby")
    alice.type(f"/answer {typed}")
    talk.settle()

    assert exit_code(ci) == code


def test_a_choice_may_begin_with_a_number(talk: Conversation) -> None:
    """A choice that is typed whole is meant, though it begins like the number of a question."""
    alice = talk.join("alice")
    ci = ask(talk, room="lobby", choices=("1 day", "2 days"))
    alice.type("/answer 1 DAY")
    talk.settle()

    assert ci.printed == ["1 day"]


def test_what_is_no_choice_is_not_sent(talk: Conversation) -> None:
    """A slip of the keyboard is told with the choices, and so is an answer to nothing; the question stays open."""
    alice = talk.join("alice")
    alice.type("/answer yes")
    assert alice.saw("No question is open here.")
    ci = ask(talk, room="lobby")
    alice.type("/answer yse", "/answer", "/answer 7", "/answer 99 yes")
    talk.settle()

    assert sum("are yes, no, Not now. Take one of them, or name another" in line for line in alice.printed) == 2
    assert alice.saw("Which choice?")
    assert alice.saw("There is no such question here.")
    assert ci.ended is None


def test_the_first_of_two_answers_counts(talk: Conversation) -> None:
    """All see one answer; who was slower is told who was faster, and with what."""
    alice, bob = talk.join("alice"), talk.join("bob")
    ci = ask(talk, room="lobby")
    alice.type("/answer no")
    bob.type("/answer yes")
    talk.settle()

    assert exit_code(ci) == 11
    assert bob.saw("alice has answered it already: no. The first answer counts.")
    assert sum("answers" in line for line in bob.printed) == sum("answers" in line for line in alice.printed) == 1


@pytest.mark.parametrize("seed", range(8))
def test_races_end_with_one_answer_that_all_know(seed: int) -> None:
    """Whatever is lost, doubled and delayed, and though the broker dies: one answer, and the asker has that one."""
    talk = Conversation(seed)
    chance = random.Random(seed)
    people = [talk.join(nick) for nick in ("alice", "bob", "carol")]
    ci = ask(talk, room="lobby")
    talk.commands = talk.replies = talk.broadcasts = Faults(drop=0.2, double=0.2, delay=1.0)
    talk.crash_at = chance.choice(["before", "after"])
    for person in people:
        person.type(f"/answer {chance.choice(['yes', 'no'])}")
    talk.advance(chance.random() * 3)
    talk.heal()
    answers = {line.partition("answers ")[2] for person in people for line in person.printed if " answers [" in line}

    assert len(answers) == 1
    assert answers == {f"[1]: {ci.printed[-1]}"}
    assert exit_code(ci) == {"yes": 0, "no": 11}[ci.printed[-1]]


@pytest.mark.parametrize("to", [None, "alice"])
def test_a_question_outlives_the_broker(talk: Conversation, to: str | None) -> None:
    """Broker and asker go on where they were, and an answer that came meanwhile is not lost."""
    alice = talk.join("alice")
    ci = ask(talk, to=to, room="lobby")
    talk.crash()
    talk.advance(2)
    talk.start_broker()
    talk.advance(3)
    ci.cut()
    alice.type("/answer yes")
    talk.settle()
    assert ci.ended is None
    talk.advance(20)

    assert ci.printed == ["yes"]


def test_asking_again_with_the_id_waits_for_the_same_answer(talk: Conversation) -> None:
    """The question stands there once; an answer that came while nobody waited is found."""
    alice = talk.join("alice")
    ask(talk, to="alice").vanish()
    alice.type("/answer no")
    talk.settle()
    again = ask(talk, to="alice")

    assert exit_code(again) == 11
    assert sum("asks" in line for line in alice.printed) == 1


def test_a_question_ends_with_its_time(talk: Conversation) -> None:
    """With a timeout the command ends with 124; the question stays."""
    alice = talk.join("alice")
    ci = ask(talk, to="alice", timeout=5)
    talk.advance(6)

    assert isinstance(ci.error, TimedOut)
    alice.type("/answer yes")
    talk.settle()
    assert alice.saw("answers [1]: yes")


def test_a_question_that_is_deleted_has_no_answer(talk: Conversation) -> None:
    """Who waits for it is told."""
    asker = talk.join("ci")
    ci = ask(talk, room="lobby")
    asker.type("/delete")
    talk.settle()

    assert isinstance(ci.error, ZchatError)
    assert "The question was deleted" in str(ci.error)


def test_a_question_that_cannot_be_asked_is_refused(talk: Conversation) -> None:
    """Nobody there by that name, or one's own."""
    assert isinstance(ask(talk, to="nobody").error, RefusedError)
    assert isinstance(ask(talk, "dora", to="dora").error, RefusedError)


def test_without_a_broker_a_question_is_not_confirmed(talk: Conversation) -> None:
    """As a message: after ten seconds without an ack."""
    say = m.Say(id="q", text="Deploy?", room="lobby", kind="ask", choices=["yes", "no"])
    ci = talk.run("ci", lambda core: Asker(core, say))
    talk.crash()
    talk.advance(limits.ACK_PATIENCE + 1)

    assert isinstance(ci.error, NotAcked)


def test_an_answer_as_json(talk: Conversation) -> None:
    """The answer is a message object that tells which question it is about; the question has its choices."""
    alice = talk.join("alice", json=True)
    ci = ask(talk, room="lobby", json=True)
    alice.type("/answer yes")
    talk.settle()
    question = next(json.loads(line) for line in alice.printed if '"kind":"ask"' in line)
    answer = json.loads(ci.printed[-1])

    assert question["choices"] == ["yes", "no", "Not now"]
    assert (answer["kind"], answer["from"], answer["text"], answer["about"]) == ("answer", "alice", "yes", 1)


# --- searching ------------------------------------------------------------------------------------------------
def test_searching_in_the_chat(talk: Conversation) -> None:
    """/search shows what was said in all rooms, and says so when there is nothing."""
    alice, bob = talk.join("alice"), talk.join("bob")
    alice.type("Deploy now, deploying", "tea", "/msg bob the deploy is secret")
    talk.advance(1)
    bob.type("/me deploys")
    talk.settle()
    bob.printed.clear()
    bob.type("/search deploy*", "/search nothing*", "/search **")
    talk.settle()

    assert [line.partition(" ")[2].partition(" ")[2] for line in bob.printed if "deploy" in line.lower()] == [
        "[lobby] alice: Deploy now, deploying",
        "alice -> bob: the deploy is secret",
        "[lobby] * bob deploys",
    ]
    assert bob.saw("Nothing was found.")
    assert bob.saw("There is no word to search for.")


def test_found_words_are_marked(talk: Conversation) -> None:
    """The marks stand on what was searched for, in the words of the message alone."""
    from zchat.client.searching import found_lines

    entry = m.Entry(
        seq=1, prev=0, id="x", time=0, nick="deploy", key="k", text="it: DEPLOY\nthe déploy (lobby)", kind="message"
    )
    lines = found_lines([m.Match(room="lobby", name="lobby", entry=entry)], "deploy lobby")

    assert [[line.text[start:end] for start, end in line.marks] for line in lines] == [["DEPLOY"], ["déploy", "lobby"]]


def test_a_search_is_read_page_by_page() -> None:
    """As many as are wanted come in order, once, though the broker gives a few at a time and answers get lost."""
    from zchat.broker.policy import Policy

    talk = Conversation(3, policy=Policy(page_entries=7))
    alice = talk.join("alice")
    alice.type(*(f"tea {number}" for number in range(40)))
    talk.settle()
    talk.commands = talk.replies = Faults(drop=0.2, double=0.2, delay=0.3)
    finder = talk.run("alice", lambda core: Finder(core, m.Search(words="tea"), 30, timeout=600))
    talk.advance(60)

    assert [line.rpartition("tea ")[2] for line in finder.printed[:-1]] == [str(number) for number in range(10, 40)]
    assert finder.printed[-1].endswith("There is more; give a larger -n.")


def test_what_was_found_is_shown_though_the_next_page_is_refused(talk: Conversation) -> None:
    """A search that takes too long for the broker from some page on prints what it has, and then ends with why."""
    alice = talk.join("alice")
    finder, search = Finder(alice.core, m.Search(words="tea"), 30), m.Search(words="tea")
    entry = m.Entry(seq=9, prev=8, id="x", time=0, nick="bob", key="k", text="tea time")
    finder.notice(
        a.Answer(search, m.Matches(matches=[m.Match(room="lobby", name="lobby", entry=entry)], more=True)), talk.now
    )
    shown, end = finder.notice(
        a.Refusal(search, m.Refused(code="search_invalid", detail="Too long. Ask less.")), talk.now
    )

    assert isinstance(shown, a.Print)
    assert shown.text.endswith("bob: tea time")
    assert isinstance(end, a.End)
    assert str(end.error) == "Too long. Ask less."


# --- away -----------------------------------------------------------------------------------------------------
def test_being_away(talk: Conversation) -> None:
    """The others see it come and go; who writes privately is told once; it outlives a restart of the broker."""
    alice, bob = talk.join("alice"), talk.join("bob")
    bob.type("/away at lunch")
    talk.settle()
    alice.type("/msg bob one", "/msg bob two", "/who", "/whois bob")
    talk.settle()
    assert alice.saw("-- bob is away (at lunch)")
    assert sum("bob is away (at lunch); the message waits" in line for line in alice.printed) == 1
    assert alice.saw("bob", "away: at lunch")
    talk.crash()
    talk.advance(1)
    talk.start_broker()
    talk.advance(10)
    alice.printed.clear()
    alice.type("/who")
    talk.settle()
    assert alice.saw("bob", "away: at lunch")
    bob.type("/back")
    talk.settle()
    alice.type("/msg bob three")
    talk.settle()

    assert bob.saw("You are away (at lunch). Come back with /back.")
    assert bob.saw("You are back.")
    assert alice.saw("-- bob is back")
    assert not alice.saw("message waits")


# --- who got it -----------------------------------------------------------------------------------------------
def report(talk: Conversation, *, to: str | None = None, json: bool = False) -> Client:
    """Somebody runs ``zchat send -v hello``."""
    room = "lobby" if to is None else None
    client = talk.run("ci", lambda core: Reporter(core, room=room, to=to, text="hello", json=json))
    talk.settle()
    return client


def test_a_sender_is_told_who_is_there(talk: Conversation) -> None:
    """Nobody, one, or several, and who of them has not seen what came before."""
    assert report(talk).printed == ["zchat: Stored as 1 in lobby; nobody else is there."]
    talk.join("alice")
    bob = talk.join("bob")
    assert report(talk).printed == ["zchat: Stored as 2 in lobby; 2 others are there."]
    talk.advance(4)
    talk.clients.remove(bob)
    talk.advance(limits.PING_OVERDUE + 2)

    assert report(talk).printed == ["zchat: Stored as 3 in lobby; 2 others are there, bob is 1 behind."]
    assert json.loads(report(talk, json=True).printed[0])["lagging"] == ["bob"]


def test_a_private_sender_is_told_whether_they_are_there(talk: Conversation) -> None:
    """Here, away by their own word, or not here."""
    bob = talk.join("bob")
    assert report(talk, to="bob").printed == ["zchat: Stored as 1 for bob, who is here."]
    bob.type("/away tea")
    talk.settle()
    assert report(talk, to="bob").printed == ["zchat: Stored as 2 for bob, who is here, away (tea)."]
    bob.type("/quit")
    talk.settle()

    assert report(talk, to="bob").printed == ["zchat: Stored as 3 for bob, who is not here, so it waits."]


def test_a_report_does_not_wait_for_long(talk: Conversation) -> None:
    """When nobody can tell who lags, the message is reported anyway."""
    client = report(talk)
    assert client.ended
    sender = talk.run("dora", lambda core: Reporter(core, room="lobby", to=None, text="hi", json=True))
    talk.commands.drop = 1.0
    talk.settle()
    sender.carry_out(
        sender.core.receive(
            m.Acked(acks=[m.Ack(id=sender.core.waiting_says[0].id, room="lobby", seq=2, time=0)]), talk.now
        )
    )
    talk.advance(3)

    assert json.loads(sender.printed[0])["lagging"] is None
    assert sender.ended == a.End()
