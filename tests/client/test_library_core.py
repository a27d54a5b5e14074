"""The library's rules, without threads: what becomes of calls, and what is told."""

from __future__ import annotations

import datetime as dt
from collections import deque
from collections.abc import Callable

import pytest

from zchat.client import actions as a, library_events as events
from zchat.client.library_calls import (
    Asking,
    Call,
    Close,
    Entering,
    Leaving,
    More,
    Reach,
    Saying,
    Withdrawal,
    late,
)
from zchat.client.library_core import FAREWELL, LibraryCore
from zchat.client.rooms import UNREAD, Start
from zchat.common import limits, messages as m
from zchat.common.errors import BrokerUnreachable, Code, InputError, NotAcked, RefusedError, TimedOut, ZchatError

from .shell import Shell, ack, entered

KEY = "ours"


class Library:
    """The library's core over a client's core whose broker says only what the test lets it say."""

    def __init__(self, *, size: int = 10, own: bool = False, welcome: bool = True, bot: bool = False) -> None:
        self.shell = Shell(bot=bot)
        self.calls: deque[Call] = deque()
        self.told: list[events.Event] = []
        self.size = size
        self.core = LibraryCore(self.shell.core, self.calls, self._put, key=KEY, own=own)
        self.ended: list[a.End] = []
        if welcome:
            self.shell.welcome()
            self.turn()

    def _put(self, event: events.Event, *, optional: bool = False) -> bool:
        if not (optional and len(self.told) >= self.size):
            self.told.append(event)
        return len(self.told) < self.size

    def turn(self) -> None:
        """The program hears what the core has to tell, and its own actions are carried out."""
        while notices := self.shell.shown(object):  # type: ignore[arg-type]
            self.shell.actions[:] = [each for each in self.shell.actions if not isinstance(each, a.Show)]
            for notice in notices:
                self.do(self.core.notice(notice, self.shell.now))

    def do(self, actions: list[a.Action]) -> None:
        self.shell.do(actions)
        self.ended += [action for action in actions if isinstance(action, a.End)]

    def call(self, make: Callable[..., Call]) -> list[object]:
        """Make a call; what it brings goes into the list."""
        outcome: list[object] = []
        self.hand_over(make(outcome.append))
        return outcome

    def hand_over(self, call: Call) -> None:
        self.calls.append(call)
        self.do(self.core.line("", self.shell.now))
        self.turn()

    def receive(self, event: m.Event) -> None:
        self.shell.receive(event)
        self.turn()

    def say(self, text: str, id_: str | None = None) -> list[object]:
        return self.call(lambda settle: Saying(m.Say(id=id_ or text, text=text, room="lobby"), settle))

    def enter(self, room: str = "lobby") -> list[object]:
        return self.call(lambda settle: Entering(room, Start(), True, False, settle))

    def let_in(self, head: int = 0) -> None:
        (join,) = self.shell.sent(m.Join)
        assert isinstance(join, m.Join)
        self.receive(entered(join, head=head))
        self.shell.clear()

    def hear(self, *seqs: int, key: str = "another") -> None:
        entries = [
            m.Entry(seq=seq, prev=seq - 1, id=f"i{seq}", time=0, nick="bob", key=key, text=f"t{seq}") for seq in seqs
        ]
        self.receive(m.Entries(room="lobby", entries=entries))

    @property
    def texts(self) -> list[str]:
        return [event.text for event in self.told if isinstance(event, events.Message)]


def test_a_message_is_settled_by_its_ack() -> None:
    """What a message brings is where it stands, once it is stored and not before."""
    library = Library()
    said = library.say("hello")
    assert said == []

    library.receive(m.Acked(acks=[m.Ack(id="hello", room="lobby", seq=7, time=1_500, delivered=3)]))

    assert said == [events.Sent("hello", 7, dt.datetime(1970, 1, 1, 0, 0, 1, 500_000, dt.UTC), 3, False)]


def test_a_refused_message_fails_and_the_next_is_sent() -> None:
    """A refusal fails its own message alone."""
    library = Library()
    first, second = library.say("one"), library.say("two")

    library.receive(m.Refused(code=Code.NOT_ALLOWED, detail="No.", id="one"))
    library.receive(ack("two"))

    assert isinstance(first[0], RefusedError)
    assert first[0].code == Code.NOT_ALLOWED
    assert isinstance(second[0], events.Sent)


def test_no_more_than_a_window_is_on_its_way() -> None:
    """Messages beyond the window wait in their order until acks make room."""
    library = Library()
    for number in range(limits.WINDOW + 2):
        library.say(f"m{number}")
    assert len(library.shell.sent(m.Say)) == limits.WINDOW
    library.shell.clear()

    library.receive(ack("m0"))
    library.receive(ack("m1"))

    assert [say.id for say in library.shell.sent(m.Say)] == [f"m{limits.WINDOW}", f"m{limits.WINDOW + 1}"]


def test_two_calls_with_one_id_are_one_message() -> None:
    """The same message under the same id is sent once, and both calls learn of it."""
    library = Library()
    first, second = library.say("x", "id"), library.say("x", "id")

    assert len(library.shell.sent(m.Say)) == 1
    library.receive(ack("id"))
    assert first == second != []


def test_another_text_under_an_id_that_is_on_its_way_is_refused() -> None:
    """It must not take the place of the first one, which may not be stored yet."""
    library = Library()
    first, second = library.say("x", "id"), library.say("y", "id")

    assert isinstance(second[0], RefusedError)
    assert second[0].code == Code.ID_REUSED
    library.receive(ack("id"))
    assert isinstance(first[0], events.Sent)


def test_a_withdrawn_message_is_not_sent_again() -> None:
    """Whoever gave a message up does not say it an hour later, when the broker is back."""
    library = Library()
    library.shell.lose()
    call = Saying(m.Say(id="id", text="x", room="lobby"), lambda _: None)
    library.hand_over(call)
    library.hand_over(Withdrawal(call))

    library.shell.until(a.Dial)
    library.shell.welcome()

    assert library.shell.sent(m.Say) == []


def test_a_message_of_two_is_sent_until_both_are_withdrawn() -> None:
    """One of two who say the same gives up; the other one still wants it."""
    library = Library()
    calls = [Saying(m.Say(id="id", text="x", room="lobby"), lambda _: None) for _ in range(2)]
    for call in calls:
        library.hand_over(call)

    library.hand_over(Withdrawal(calls[0]))
    assert library.shell.core.waiting == 1
    library.hand_over(Withdrawal(calls[1]))
    assert library.shell.core.waiting == 0


def test_an_answer_settles_its_own_question() -> None:
    """Two alike questions are told apart, and a withdrawn one takes nothing away from the other."""
    library = Library()
    first = Asking(m.Who(), lambda _: None)
    library.hand_over(first)
    second = library.call(lambda settle: Asking(m.Who(), settle))
    refs = [command.ref for command in library.shell.sent(m.Who)]  # type: ignore[attr-defined]
    library.hand_over(Withdrawal(first))

    library.receive(m.Roster(users=[], ref=refs[0]))
    assert second == []
    library.receive(m.Roster(users=[], ref=refs[1]))
    assert second == [m.Roster(users=[], ref=refs[1])]


def test_a_refused_question_fails() -> None:
    """The error of a question has the broker's code."""
    library = Library()
    asked = library.call(lambda settle: Asking(m.Who(room="nowhere"), settle))
    (who,) = library.shell.sent(m.Who)

    library.receive(m.Refused(code=Code.NO_SUCH_ROOM, detail="No.", ref=who.ref))  # type: ignore[attr-defined]

    assert isinstance(asked[0], RefusedError)
    assert asked[0].code == Code.NO_SUCH_ROOM


def test_a_room_is_entered_once() -> None:
    """Entering is done when the broker says so; to enter again changes nothing."""
    library = Library()
    entering = library.enter()
    assert entering == []
    library.let_in()

    assert entering == [None]
    assert library.enter("LOBBY") == [None]
    assert library.shell.sent(m.Join) == []


def test_a_room_that_is_refused_is_not_followed() -> None:
    """The refusal of a room is the error of entering it."""
    library = Library()
    entering = library.enter("secret")
    (join,) = library.shell.sent(m.Join)

    library.receive(m.Refused(code=Code.NOT_ALLOWED, detail="No.", ref=join.ref))  # type: ignore[attr-defined]

    assert isinstance(entering[0], RefusedError)
    assert "secret" not in library.shell.core.rooms


def test_who_gives_up_entering_is_not_let_in_later() -> None:
    """A room whose entering took too long is left again."""
    library = Library()
    call = Entering("slow", Start(), True, False, lambda _: None)
    library.hand_over(call)

    library.hand_over(Withdrawal(call))

    assert "slow" not in library.shell.core.rooms
    assert len(library.shell.sent(m.Part)) == 1


def test_who_waits_to_enter_a_room_that_is_left_is_told() -> None:
    """Leaving a room ends all waiting for it."""
    library = Library()
    entering = library.enter()

    left = library.call(lambda settle: Leaving("lobby", settle))

    assert isinstance(entering[0], ZchatError)
    assert left == [None]


def test_reaching_the_broker_is_told() -> None:
    """Who waits for the broker hears of the first welcome, and at once when it was there before."""
    library = Library(welcome=False)
    first = library.call(Reach)
    assert first == []

    library.shell.welcome()
    library.turn()

    assert first == [None]
    assert library.call(Reach) == [None]


def test_what_is_heard_is_told_with_names() -> None:
    """A message tells its room's name, its author, its time in UTC, and where it came from."""
    library = Library()
    library.enter()
    library.let_in()
    library.hear(1)

    (message,) = (event for event in library.told if isinstance(event, events.Message))
    assert (message.room, message.nick, message.text, message.seq) == ("lobby", "bob", "t1", 1)
    assert message.time == dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    assert (message.replay, message.mine, message.place) == (False, False, "lobby")


@pytest.mark.parametrize(("own", "texts"), [(False, ["t2"]), (True, ["t1", "t2"])])
def test_own_messages_are_told_if_they_are_wanted(own: bool, texts: list[str]) -> None:
    """A bot that answers everything would else answer itself."""
    library = Library(own=own)
    library.enter()
    library.let_in()
    library.hear(1, key=KEY)
    library.hear(2)

    assert library.texts == texts


def test_while_the_inbox_is_full_the_broker_keeps_what_comes() -> None:
    """A reader that does not keep up is told all later, in order and once; the cursor does not run ahead of it."""
    library = Library(size=4)  # the welcome is the first
    library.enter()
    library.let_in()
    library.hear(1, 2, 3)
    library.hear(4, 5)
    library.hear(6)
    assert library.texts == ["t1", "t2", "t3"]
    assert library.shell.core.rooms["lobby"].cursor == 3

    library.told.clear()
    library.size = 100
    library.hand_over(More())
    (replay,) = library.shell.sent(m.Replay)
    assert isinstance(replay, m.Replay)
    assert replay.after == 3
    entries = [m.Entry(seq=n, prev=n - 1, id=f"i{n}", time=0, nick="bob", key="k", text=f"t{n}") for n in (4, 5, 6)]
    library.receive(m.Page(room="lobby", entries=entries, head=6, ref=replay.ref))
    library.hear(7)

    assert library.texts == ["t4", "t5", "t6", "t7"]


def test_a_page_that_comes_while_the_inbox_is_full_is_asked_for_again() -> None:
    """What cannot be told when it comes is not lost."""
    library = Library(size=2)
    library.enter()
    library.let_in(head=0)
    library.hear(2)  # the first one is missing
    (replay,) = library.shell.sent(m.Replay)
    assert isinstance(replay, m.Replay)
    library.shell.lose()  # the inbox is full now: connected, disconnected
    library.shell.until(a.Dial)
    library.shell.welcome()
    library.turn()
    library.let_in(head=2)
    assert library.shell.sent(m.Replay) == []

    library.told.clear()
    library.size = 100
    library.hand_over(More())

    assert len(library.shell.sent(m.Replay)) == 1


def test_a_private_message_that_comes_while_the_inbox_is_full_is_told_later() -> None:
    """Also when another screen was faster to read it, so that the broker says we begin behind it."""
    library = Library(size=1)
    entry = m.Entry(seq=1, prev=0, id="i", time=0, nick="bob", key="k", text="psst", to="alice")
    library.receive(m.Entries(room="@a.b", entries=[entry]))
    (join,) = library.shell.sent(m.Join)
    assert isinstance(join, m.Join)
    library.receive(m.Entered(room="@a.b", name="@a.b", head=1, after=1, ref=join.ref))
    assert library.texts == []

    library.size = 100
    library.hand_over(More())

    assert library.texts == ["psst"]


@pytest.mark.parametrize(("bot", "after", "last"), [(True, None, 0), (False, 0, None)])
def test_another_history_is_told_to_people_only(bot: bool, after: int | None, last: int | None) -> None:
    """When a history was replaced its rooms begin anew; a bot, which would answer all of it, begins at its end."""
    library = Library(bot=bot)
    library.enter()
    library.let_in(head=3)
    library.shell.lose()
    library.shell.until(a.Dial)
    library.shell.clear()
    library.shell.welcome(history="another")
    (join,) = library.shell.sent(m.Join)
    library.turn()

    assert isinstance(join, m.Join)
    assert (join.after, join.last) == (after, last)
    assert events.Restarted("lobby") in library.told


def test_acks_come_while_the_inbox_is_full() -> None:
    """Who only sends need not read."""
    library = Library(size=1)
    library.enter()
    library.let_in()
    library.hear(1, 2, 3)

    said = library.say("hello")
    library.receive(ack("hello"))

    assert isinstance(said[0], events.Sent)


def test_closing_waits_for_acks_while_the_broker_is_there() -> None:
    """What was sent just before is acked before the goodbye."""
    library = Library()
    said = library.say("hello")
    library.hand_over(Close())
    assert library.ended == []

    library.receive(ack("hello"))
    library.do(library.core.tick(library.shell.now))

    assert said
    assert len(library.ended) == 1
    assert library.shell.sent(m.Goodbye)


def test_closing_does_not_wait_for_ever() -> None:
    """A broker that does not answer holds up the end for a short while only; no broker at all does not."""
    library = Library()
    library.say("hello")
    library.hand_over(Close())
    library.shell.mono += FAREWELL
    library.do(library.core.tick(library.shell.now))
    assert len(library.ended) == 1

    gone = Library()
    gone.say("hello")
    gone.shell.lose()
    gone.turn()
    gone.hand_over(Close())
    assert len(gone.ended) == 1


def test_whoever_still_waits_at_the_end_is_told() -> None:
    """Every call is settled once: messages as not acked, with their id, all else with the reason of the end."""
    library = Library(welcome=False)
    for number in range(limits.WINDOW):
        library.say(f"m{number}")
    beyond, reach, enter = library.say("beyond"), library.call(Reach), library.enter()
    asked = library.call(lambda settle: Asking(m.Who(), settle))
    late: list[object] = []
    library.calls.append(Reach(late.append))
    end = BrokerUnreachable("Gone.")

    library.core.abandon(end)

    assert isinstance(beyond[0], NotAcked)
    assert beyond[0].id == "beyond"
    assert [reach, enter, asked, late] == [[end]] * 4


def test_a_call_that_took_too_long_tells_why() -> None:
    """The error of a call that was given up is what is known of the reason."""
    library = Library()
    assert isinstance(late(Reach(lambda _: None), library.core.trouble), TimedOut)
    library.shell.lose()
    library.turn()

    assert isinstance(late(Reach(lambda _: None), library.core.trouble), BrokerUnreachable)
    not_acked = late(Saying(m.Say(id="id", text="x"), lambda _: None), library.core.trouble)
    assert isinstance(not_acked, NotAcked)
    assert "id='id'" in str(not_acked)


@pytest.mark.parametrize(
    ("since", "start"),
    [
        ("now", Start()),
        ("all", Start(after=0)),
        ("unread", UNREAD),
        (20, Start(last=20)),
        ("20", Start(last=20)),
        ("10m", Start(since=400_000)),
        (dt.timedelta(seconds=1), Start(since=999_000)),
        (dt.datetime(1970, 1, 1, 0, 0, 5, tzinfo=dt.UTC), Start(since=5_000)),
        ("01a1fee3-9cd1", Start(since_id="01a1fee3-9cd1")),
    ],
)
def test_where_to_begin(since: events.Since, start: Start) -> None:
    """Each way to say where a history is to begin."""
    assert events.start_of(since, 1_000_000) == start


@pytest.mark.parametrize("since", ["", "no such", -1, 2**40, None, 1.5])
def test_what_is_no_place_to_begin_is_refused(since: events.Since) -> None:
    """A mistake is told, not taken for the beginning."""
    with pytest.raises(InputError):
        events.start_of(since, 0)


def test_what_is_printed_does_nothing_to_a_terminal() -> None:
    """`str` of whatever is told shows control characters as signs."""
    bad = "a\x1b[2Jb"
    entry = m.Entry(seq=1, prev=0, id="i", time=0, nick=bad, key="k", text=f"{bad}\n{bad}", to=bad)
    told = [
        events.told(entry, bad, replay=False, key=""),
        events.told(entry, "@x", replay=False, key=""),
        events.told(
            m.Entry(seq=1, prev=0, id="i", time=0, nick=bad, key="k", text=bad, kind="topic"), bad, replay=False, key=""
        ),
        *(
            events.told(
                m.Entry(seq=1, prev=0, id="i", time=0, nick=bad, key="k", text=bad, kind=kind, choices=[bad]),
                bad,
                replay=False,
                key="",
            )
            for kind in ("ask", "answer")
        ),
        events.presence(m.Presence(room=bad, nick=bad, key="k", change=bad, time=0, reason=bad, old=bad), bad, key=""),
        events.Connected(bad, bad, True),
        events.Disconnected(bad),
        events.Removed(bad, bad),
        events.Invited(bad, bad),
        events.Renamed(bad, bad),
        events.Restarted(bad),
        events.NotKept(bad, 1),
    ]
    for event in told:
        assert "\x1b" not in str(event)
        assert "a" in str(event)
