"""Questions of programs that use the library: as short conversations with people who answer."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

import pytest

from zchat.client import library_events as events
from zchat.client.library_asking import Awaited
from zchat.client.library_calls import Asking, Awaiting, Call, Entering, More, Withdrawal, late
from zchat.client.library_core import LibraryCore
from zchat.client.rooms import Start
from zchat.common import messages as m
from zchat.common.errors import Closed, Code, NotAcked, RefusedError, TimedOut, ZchatError

from .conversation import Client, Conversation, Faults

CHOICES = ("yes", "no")


class Bot:
    """A program in a conversation: what its calls bring, and what it is told."""

    def __init__(self, talk: Conversation, nick: str = "bot", *, inbox: int = 1_000) -> None:
        self.talk = talk
        self.calls: deque[Call] = deque()
        self.told: list[events.Event] = []
        self.inbox = inbox
        self.client: Client = talk.run(
            nick, lambda core: LibraryCore(core, self.calls, self._put, key=f"key-of-{nick}"), present=True
        )
        talk.settle()

    def _put(self, event: events.Event, *, optional: bool = False) -> bool:
        if not (optional and len(self.told) >= self.inbox):
            self.told.append(event)
        return len(self.told) < self.inbox

    def hand_over(self, call: Call) -> None:
        """A thread calls."""
        self.calls.append(call)
        self.client.carry_out(self.client.program.line("", self.talk.now))
        self.talk.settle()

    def call(self, make: Callable[[Callable[[object], None]], Call]) -> list[object]:
        """Make a call; what it brings goes into the list."""
        outcome: list[object] = []
        self.hand_over(make(outcome.append))
        return outcome

    def ask(self, *, to: str | None = None, choices: Sequence[str] = CHOICES) -> list[object]:
        """Ask somebody, or the lobby."""
        return self.call(lambda settle: Awaiting(deploy(to, choices), settle))

    def follow(self, room: str = "lobby") -> None:
        """Follow a room."""
        self.call(lambda settle: Entering(room, Start(), True, False, settle))

    @property
    def library(self) -> LibraryCore:
        """Its rules."""
        assert isinstance(self.client.program, LibraryCore)
        return self.client.program


def deploy(to: str | None = None, choices: Sequence[str] = CHOICES) -> m.Say:
    """A question."""
    room = "lobby" if to is None else None
    return m.Say(id="q", text="Deploy?", room=room, to=to, kind="ask", choices=list(choices))


def answer_of(outcome: list[object]) -> tuple[str, int, str]:
    """The only outcome, which is an answer: choice, number, and whose it is."""
    (answer,) = outcome
    assert isinstance(answer, events.Answer)
    return answer.choice, answer.number, answer.nick


@pytest.mark.parametrize("to", ["alice", None])
def test_a_question_brings_its_first_answer(talk: Conversation, to: str | None) -> None:
    """Privately or in a room that the program does not follow, it is told who has chosen what."""
    alice = talk.join("alice")
    bot = Bot(talk)
    asked = bot.ask(to=to)
    talk.advance(5)
    assert asked == []

    alice.type("/answer no")
    talk.advance(5)

    assert answer_of(asked) == ("no", 1, "alice")


def test_an_answer_is_heard_at_once_where_the_room_is_followed(talk: Conversation) -> None:
    """Nobody waits for the next look into the history there; the room's other readers are told as well."""
    alice, bot = talk.join("alice"), Bot(talk)
    bot.follow()
    asked = bot.ask()
    talk.advance(0.1)

    alice.type("/answer yes")
    talk.settle()

    assert answer_of(asked) == ("yes", 0, "alice")
    assert [event.about for event in bot.told if isinstance(event, events.Answered)] == [1]


def test_a_question_is_answered_while_the_inbox_is_full(talk: Conversation) -> None:
    """A program that waits for an answer need not read what else is said, and reads all of that later."""
    alice, bot = talk.join("alice"), Bot(talk, inbox=3)
    bot.follow()
    asked = bot.ask()
    alice.type(*(f"line {number}" for number in range(5)), "/answer yes")
    talk.advance(5)
    assert answer_of(asked) == ("yes", 0, "alice")

    bot.inbox = 100
    bot.hand_over(More())
    talk.advance(5)

    assert [event.text for event in bot.told if isinstance(event, events.Entry)] == [
        *(f"line {number}" for number in range(5)),
        "yes",
    ]


def test_asking_again_under_the_same_id_brings_the_same_answer(talk: Conversation) -> None:
    """A program that was started again goes on waiting for what it asked, and knows what was answered meanwhile."""
    alice = talk.join("alice")
    first = Bot(talk)
    first.ask()
    first.client.vanish()
    alice.type("/answer yes")
    talk.advance(1)

    again = Bot(talk).ask()
    talk.advance(1)

    assert answer_of(again) == ("yes", 0, "alice")
    assert sum("asks" in line for line in alice.printed) == 1


def test_a_long_history_behind_the_question_is_looked_through(talk: Conversation) -> None:
    """The answer is found though it stands pages behind the question."""
    alice = talk.join("alice")
    Bot(talk).ask()
    for number in range(1_100):
        alice.type(f"line {number}")
        talk.settle()
    alice.type("/answer 1 yes")
    talk.advance(1)

    again = Bot(talk).ask()
    talk.advance(1)

    assert answer_of(again) == ("yes", 0, "alice")


@pytest.mark.parametrize("seed", range(4))
def test_an_answer_comes_whatever_is_lost(seed: int) -> None:
    """Frames are lost, doubled and late, the broker dies: the question is asked once and its answer known."""
    talk = Conversation(seed)
    alice, bot = talk.join("alice"), Bot(talk)
    talk.commands = talk.replies = talk.broadcasts = Faults(drop=0.2, double=0.2, delay=1.0)
    asked = bot.ask()
    talk.advance(20)
    talk.crash()
    talk.start_broker()
    talk.advance(30)
    talk.heal()
    alice.type("/answer yes")
    talk.advance(10)

    assert answer_of(asked) == ("yes", 0, "alice")
    assert sum("asks" in line for line in alice.printed) == 1


def test_a_question_that_was_deleted_fails(talk: Conversation) -> None:
    """Nobody can answer it any more, so nobody waits."""
    talk.join("alice")
    bot = Bot(talk)
    asked = bot.ask()
    gone = m.Say(id="d", text="", room="lobby", kind="delete", about=1)
    bot.client.carry_out(bot.client.core.put(gone, talk.now))
    talk.advance(5)

    assert [str(error) for error in asked] == ["The question was deleted. Ask it again, under another id."]


def test_a_history_that_was_replaced_gets_the_question_again(talk: Conversation) -> None:
    """A restore that lost the question does not lose who waits for its answer."""
    from zchat.broker.sqlite import SqliteHistory

    bot = Bot(talk)
    asked = bot.ask()
    talk.advance(1)
    talk.crash()
    talk.history = SqliteHistory(":memory:")
    talk.start_broker()
    talk.advance(10)
    alice = talk.join("alice")
    alice.type("/answer yes")
    talk.advance(5)

    assert answer_of(asked) == ("yes", 0, "alice")


def test_a_refused_question_fails(talk: Conversation) -> None:
    """Who asks somebody that does not exist hears so at once."""
    (error,) = Bot(talk).ask(to="nobody")
    assert isinstance(error, RefusedError)
    assert error.code == Code.NO_SUCH_USER


def test_who_may_no_longer_read_there_does_not_wait(talk: Conversation) -> None:
    """Who is put out of the private room in which it asked hears so."""
    alice, bot = talk.join("alice"), Bot(talk)
    alice.type("/join plans --private", "/invite bot")
    talk.settle()
    say = m.Say(id="q", text="Deploy?", room="plans", kind="ask", choices=list(CHOICES))
    asked = bot.call(lambda settle: Awaiting(say, settle))
    talk.advance(5)
    assert asked == []

    alice.type("/kick bot")
    talk.advance(5)

    (error,) = asked
    assert isinstance(error, RefusedError)
    assert error.code == Code.NO_SUCH_ROOM


def test_a_question_that_is_no_longer_kept_fails() -> None:
    """Its answer could not be kept either; but one that stands behind what was removed counts."""
    awaited, outcomes = Awaited(), [list[object](), list[object]()]
    refs = iter((1, 2))
    for number, outcome in enumerate(outcomes):
        ack = m.Ack(id="q", room=f"room-{number}", seq=7, time=0)
        awaited.add(Awaiting(deploy(), outcome.append), ack)
    assert len(awaited.due(0.0, lambda: next(refs))) == 2
    answer = m.Entry(seq=20, prev=19, id="a", time=0, nick="alice", key="k", text="yes", kind="answer", about=7)

    awaited.page(m.Page(room="room-0", entries=[], head=20, floor=19, ref=1), 0.0)
    awaited.page(m.Page(room="room-1", entries=[answer], head=20, floor=19, ref=2), 0.0)

    assert [str(error) for error in outcomes[0]] == ["The question is no longer kept. Ask it again, under another id."]
    assert answer_of(outcomes[1]) == ("yes", 0, "alice")


def test_who_gives_up_does_not_look_any_more(talk: Conversation) -> None:
    """A question that nobody waits for any more costs the broker nothing, nor does the look that was under way."""
    bot, outcome = Bot(talk), list[object]()
    call = Awaiting(deploy(), outcome.append)
    bot.hand_over(call)
    talk.advance(1)
    assert isinstance(late(call, None), TimedOut)
    talk.crash()
    talk.advance(5)
    assert bot.client.core.asking == 1

    bot.hand_over(Withdrawal(call))
    assert bot.client.core.asking == 0
    talk.advance(5)
    assert bot.client.core.asking == 0
    assert outcome == []


def test_whoever_waits_for_an_answer_at_the_end_is_told(talk: Conversation) -> None:
    """A question that is stored fails with the end's reason, one that may not be with its id."""
    bot = Bot(talk)
    stored = bot.ask()
    talk.crash()
    unsure: list[object] = []
    bot.hand_over(Awaiting(m.Say(id="later", text="?", room="lobby", kind="ask", choices=["a", "b"]), unsure.append))
    end = Closed("Closed.")

    bot.library.abandon(end)

    assert stored == [end]
    assert isinstance(unsure[0], NotAcked)
    assert unsure[0].id == "later"


def test_who_is_away_stays_so_when_the_broker_restarts(talk: Conversation) -> None:
    """A broker does not keep who is away: it is told again, until the program is back."""
    bot = Bot(talk)

    def away_after_a_restart() -> str | None:
        talk.crash()
        talk.start_broker()
        talk.advance(10)
        (roster,) = bot.call(lambda settle: Asking(m.Who(), settle))
        assert isinstance(roster, m.Roster)
        return roster.users[0].away

    bot.call(lambda settle: Asking(m.Away(text="maintenance"), settle))
    assert away_after_a_restart() == "maintenance"
    bot.call(lambda settle: Asking(m.Away(away=False), settle))
    assert away_after_a_restart() is None


def test_away_and_back_are_told(talk: Conversation) -> None:
    """Presence events tell who goes away, with their word for it, and who is back."""
    alice, bot = talk.join("alice"), Bot(talk)
    bot.follow()
    alice.type("/away lunch", "/back")
    talk.settle()

    presences = [event for event in bot.told if isinstance(event, events.Presence)]
    assert [(event.change, event.reason) for event in presences] == [("away", "lunch"), ("back", "")]
    assert [str(event) for event in presences] == ["[lobby] -- alice is away (lunch)", "[lobby] -- alice is back"]


def test_a_question_is_an_event_that_tells_its_choices(talk: Conversation) -> None:
    """A program can answer, and by number or in another case means the choice as it was offered."""
    asker, bot = Bot(talk, "ci"), Bot(talk)
    bot.follow()
    asker.ask(choices=("Yes", "No"))
    (question,) = (event for event in bot.told if isinstance(event, events.Question))

    assert (question.nick, question.text, question.choices) == ("ci", "Deploy?", ("Yes", "No"))
    assert [question.chosen("YES"), question.chosen(1)] == ["Yes", "No"]
    assert str(question) == "[lobby] ci asks: Deploy? (Yes/No)"
    for wrong in ("maybe", 2, -1):
        with pytest.raises(ZchatError, match="The choices are Yes, No"):
            question.chosen(wrong)
