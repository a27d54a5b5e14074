"""What becomes of the library's calls: each is settled once, by its own answer."""

from __future__ import annotations

import datetime as dt

from zchat.client import actions as a, library_events as events
from zchat.client.library_calls import Asking, Entering, Leaving, Reach, Saying, Withdrawal, late
from zchat.client.rooms import Start
from zchat.common import limits, messages as m
from zchat.common.errors import BrokerUnreachable, Code, NotAcked, RefusedError, TimedOut, ZchatError

from .library import Library
from .shell import ack


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
