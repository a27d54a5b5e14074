"""What the library tells its program, and how it ends, without threads."""

from __future__ import annotations

import datetime as dt

import pytest

from zchat.client import actions as a, library_events as events
from zchat.client.library_calls import Close, More
from zchat.client.library_core import FAREWELL
from zchat.common import messages as m

from .library import KEY, Library
from .shell import ack


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
