"""Questions and answers, being away, lag and bots: what the broker makes of them."""

from __future__ import annotations

import pytest

from zchat.broker.policy import Policy
from zchat.common import limits, messages as m

from .house import NOT_ALLOWED, House, codes, events, hello, only


@pytest.fixture
def house() -> House:
    """Alice, bob and carol in the lobby."""
    house = House()
    house.enter("alice", "bob", "carol")
    house.join("lobby", "alice", "bob", "carol")
    return house


def question(text: str = "Deploy?", *choices: str, room: str | None = "lobby", to: str | None = None) -> m.Say:
    """A question as it is asked."""
    return m.Say(id="q", text=text, room=room, to=to, kind="ask", choices=list(choices) or ["yes", "no"])


def answer(text: str, seq: int, *, room: str | None = "lobby", to: str | None = None, id: str = "a") -> m.Say:
    """An answer as it is given."""
    return m.Say(id=id, text=text, room=room, to=to, kind="answer", about=seq)


def asked(house: House, say: m.Say, by: str = "alice") -> int:
    """Ask, and tell the sequence of the question."""
    return house.ask(by, say, m.Acked).acks[0].seq


# --- questions ------------------------------------------------------------------------------------------------
def test_the_first_answer_counts(house: House) -> None:
    """Of two answers that come together one is an entry, and the other is refused with who was faster."""
    seq = asked(house, question())
    sent = house.send(("bob", answer("no", seq)), ("carol", answer("yes", seq)))
    entries = [entry for event in events(sent, m.Entries) for entry in event.entries]

    assert [(entry.kind, entry.nick, entry.text, entry.about) for entry in entries] == [("answer", "bob", "no", seq)]
    refusal = only(sent, m.Refused, to="carol")
    assert (refusal.code, refusal.retry) == ("answered", 0)
    assert "bob has answered it already: no." in refusal.detail


def test_a_repeated_answer_is_acked_again(house: House) -> None:
    """Who did not hear the ack says the same once more, also after a restart; another choice is refused."""
    seq = asked(house, question())
    first = house.ask("bob", answer("no", seq), m.Acked).acks[0]
    house.restart()
    house.enter("bob")
    again = house.ask("bob", answer("no", seq), m.Acked).acks[0]

    assert (again.seq, again.duplicate) == (first.seq, True)
    assert house.refused("bob", answer("yes", seq, id="b")) == "answered"


def test_a_question_from_before_the_invitation_does_not_exist(house: House) -> None:
    """A new member of a private room learns neither its choices nor its answer, and cannot answer it."""
    house.join("den", "alice", private=True)
    house.done("alice", "invite", "bob", "den")
    open_one = asked(house, question("Whom?", "dave", "erin", room="den"))
    answered = house.ask("alice", m.Say(id="q2", text="When?", room="den", kind="ask", choices=["1", "2"]), m.Acked)
    house.send(("bob", answer("2", answered.acks[0].seq, room="den")))
    house.done("alice", "invite", "carol", "den")

    for seq in (open_one, answered.acks[0].seq):
        refusal = only(house.send(("carol", answer("x", seq, room="den"))), m.Refused, to="carol")
        assert (refusal.code, "dave" in refusal.detail) == ("no_such_message", False)
    assert house.refused("carol", answer("dave", open_one, room="den")) == "no_such_message"


@pytest.mark.parametrize(
    ("by", "text", "code"),
    [
        ("alice", "yes", "not_allowed"),
        ("bob", "maybe", "not_allowed"),
        ("bob", "Yes", "not_allowed"),
        ("bob", "", "empty"),
    ],
)
def test_what_is_no_answer(house: House, by: str, text: str, code: str) -> None:
    """One's own question, and what is none of the choices, letter by letter."""
    seq = asked(house, question())

    assert house.refused(by, answer(text, seq)) == code
    assert house.refused("carol", answer("yes", seq)) == ""


def test_what_is_no_question_has_no_answer(house: House) -> None:
    """Neither a message nor what is not there nor a deleted question can be answered, and no room is made for it."""
    house.say("alice", "hello", room="lobby")
    seq = asked(house, question())
    house.send(("alice", m.Say(id="d", text="", room="lobby", kind="delete", about=seq)))

    for about in (0, 1, seq, 99):
        assert house.refused("bob", answer("yes", about, id=f"a{about}")) == "no_such_message"
    assert house.refused("bob", answer("yes", 1, room="nowhere")) == "no_such_room"
    assert house.refused("bob", answer("yes", 1, room=None, to="carol")) == "no_such_room"


def test_who_may_not_speak_may_not_answer(house: House) -> None:
    """A muted or banned user is refused, and the question stays open."""
    house.join("dev", "alice", "bob", "carol")
    seq = asked(house, question(room="dev"))
    house.done("alice", "mute", "bob", "dev")
    house.done("alice", "ban", "carol", "dev")

    assert house.refused("bob", answer("yes", seq, room="dev")) == NOT_ALLOWED
    assert house.refused("carol", answer("yes", seq, room="dev")) == NOT_ALLOWED
    house.done("alice", "unmute", "bob", "dev")
    assert house.refused("bob", answer("yes", seq, room="dev")) == ""


def test_a_private_question_is_between_two(house: House) -> None:
    """It is answered by who was asked, to who asked; nobody asks themself."""
    seq = asked(house, question(room=None, to="bob"))
    page = house.page("bob", to="alice")

    assert [(entry.kind, entry.choices) for entry in page] == [("ask", ["yes", "no"])]
    assert house.refused("carol", answer("yes", seq, room=None, to="alice")) == "no_such_room"
    assert house.refused("bob", answer("yes", seq, room=None, to="alice")) == ""
    assert house.refused("alice", question(room=None, to="alice")) == NOT_ALLOWED


@pytest.mark.parametrize(
    ("choices", "code"),
    [
        (["yes"], "bad_frame"),
        (["yes", "YES"], "bad_frame"),
        (["yes", ""], "bad_frame"),
        (["yes", "n\no"], "bad_frame"),
        (["yes", " no"], "bad_frame"),
        (["yes", "n\x1bo"], "bad_frame"),
        (["yes", "n" * 65], "too_large"),
        (["ja", "нет", "👍🏽"], ""),
    ],
)
def test_choices_are_short_and_differ(house: House, choices: list[str], code: str) -> None:
    """Two to twenty of them, each one line that shows something."""
    assert house.refused("alice", question("Deploy?", *choices)) == code


def test_an_ask_repeated_with_other_choices_is_another(house: House) -> None:
    """The choices belong to what an id stands for, also when the question is gone."""
    seq = asked(house, question())
    assert asked(house, question()) == seq
    assert house.refused("alice", question("Deploy?", "a", "b")) == "id_reused"
    house.send(("alice", m.Say(id="d", text="", room="lobby", kind="delete", about=seq)))

    assert house.refused("alice", question("Deploy?", "a", "b")) == "id_reused"
    assert [entry.choices for entry in house.page("alice", "lobby")] == [[], []]


# --- away -----------------------------------------------------------------------------------------------------
def test_away_is_told_and_shown(house: House) -> None:
    """The rooms hear of it, `who` shows it, who writes privately is told; and nothing of it is kept."""
    sent = house.send(("bob", m.Away(text="lunch", ref=7)))
    assert only(sent, m.Absence, to="bob") == m.Absence(away=True, text="lunch", ref=7)
    told = only(sent, m.Presence)
    assert (told.nick, told.change, told.reason) == ("bob", "away", "lunch")
    (info,) = house.ask("alice", m.Who(nick="bob"), m.Roster).users
    assert info.away == "lunch"
    ack = house.ask("alice", m.Say(id="x", text="hi", to="bob"), m.Acked).acks[0]
    assert ack.away == "lunch"
    sent = house.send(("bob", m.Away(away=False)))

    assert only(sent, m.Presence).change == "back"
    assert house.page("alice", "lobby") == []
    assert house.ask("alice", m.Say(id="y", text="hi", to="bob"), m.Acked).acks[0].away is None


def test_away_said_twice_is_told_once(house: House) -> None:
    """Repeating changes nothing but that it is answered; the other sessions of the user hear of a change."""
    house.enter("bob/2")
    first, again = (house.send(("bob", m.Away(text="lunch", ref=7))) for _ in range(2))

    assert only(first, m.Absence, to="bob/2").ref == 0
    assert events(again, m.Presence) == events(again, m.Absence, to="bob/2") == []
    assert only(again, m.Absence, to="bob").ref == 7


def test_away_ends_with_the_last_session(house: House) -> None:
    """It lasts while any session lives."""
    house.enter("bob/2")
    house.send(("bob", m.Away(text="lunch")))
    house.send(("bob", m.Goodbye()))
    assert house.ask("alice", m.Who(nick="bob"), m.Roster).users[0].away == "lunch"
    house.send(("bob/2", m.Goodbye()))

    assert house.ask("alice", m.Who(nick="bob"), m.Roster).users[0].away is None


def test_who_is_muted_has_no_word_for_being_away(house: House) -> None:
    """A room that one may not speak in is told that one is away, and no more."""
    house.join("dev", "alice", "bob")
    house.done("alice", "mute", "bob", "dev")
    sent = house.send(("bob", m.Away(text="spam")))

    assert {(told.room, told.reason) for told in events(sent, m.Presence)} == {("lobby", "spam"), ("dev", "")}


# --- lag and round trip ---------------------------------------------------------------------------------------
def lag(house: House, user: str, *, asker: str = "alice", room: str | None = None) -> int:
    """How far somebody is behind, as another one is told."""
    users = house.ask(asker, m.Who(room=room), m.Roster).users
    return next(info.lag for info in users if info.nick == user)


def test_lag_is_what_the_last_ping_told(house: House) -> None:
    """What was said since the last ping does not count, as long as pings come; when they stop, it does."""
    house.say("alice", "1", "2", "3", room="lobby")
    house.send(("bob", m.Ping(seen={"lobby": 1}, rtt=3.5)))
    house.say("alice", "4", room="lobby")
    assert lag(house, "bob") == lag(house, "bob", room="lobby") == 2
    assert next(info.rtt for info in house.ask("alice", m.Who(), m.Roster).users if info.nick == "bob") == 3.5
    house.advance(limits.PING_OVERDUE + 1)
    assert lag(house, "bob") == 3
    house.send(("bob", m.Ping(seen={"lobby": 4})))

    assert lag(house, "bob") == 0


def test_the_screen_that_has_seen_most_counts(house: House) -> None:
    """A forgotten second screen is nobody's lag."""
    house.enter("bob/2")
    house.join("lobby", "bob/2")
    house.say("alice", "1", "2", room="lobby")
    house.send(("bob", m.Ping(seen={"lobby": 2})), ("bob/2", m.Ping()))

    assert lag(house, "bob") == 0


def test_lag_tells_nothing_of_rooms_that_the_asker_may_not_read(house: House) -> None:
    """Private rooms count for members, private messages for the two who have them."""
    house.join("den", "alice", private=True)
    house.done("alice", "invite", "bob", "den")
    house.join("den", "bob")
    house.say("alice", "1", "2", room="den")
    house.send(("bob", m.Ping()))

    assert (lag(house, "bob"), lag(house, "bob", asker="carol")) == (2, 0)


# --- bots -----------------------------------------------------------------------------------------------------
def test_a_bot_is_shown_as_one(house: House) -> None:
    """`who` and the notice of its coming say so; somebody who is here in person, too, is none."""
    house.send(("echo", m.Hello(nick="echo", instance="i", present=True, bot=True)))
    sent = house.send(("echo", m.Join(room="lobby")))
    assert only(sent, m.Presence).bot
    assert [info.nick for info in house.ask("alice", m.Who(), m.Roster).users if info.bot] == ["echo"]
    house.send(("echo/2", hello("echo/2", "echo")))

    assert not any(info.bot for info in house.ask("alice", m.Who(), m.Roster).users)


def test_questions_do_not_fill_a_budget() -> None:
    """Being away and back all the time is paid for."""
    house = House(Policy(burst=270, rate=1))
    house.enter("alice")

    assert [codes(house.send(("alice", m.Away(ref=1))), "alice") for _ in range(3)] == [[], [], ["too_fast"]]


def test_being_away_in_many_rooms_costs_more() -> None:
    """What is told to hundreds of rooms is paid for by their number."""
    house = House(Policy(burst=2_600, rate=1))
    house.enter("alice")
    for number in range(100):
        house.join(f"room{number}", "alice")
    sent = [house.refused("alice", m.Away(text="out", away=number % 2 == 0)) for number in range(4)]

    assert sent == ["", "", "", "too_fast"]
