"""What becomes of messages in a chat: whom they are meant for, where they went, and that they are deleted."""

from __future__ import annotations

import pytest

from zchat.client import actions as a
from zchat.client.remarks import PATIENCE
from zchat.common import messages as m
from zchat.common.errors import Code

from .seat import DIRECT, PlainSeat


@pytest.fixture
def alice() -> PlainSeat:
    """alice is in the lobby."""
    return PlainSeat()


# --- hooks ----------------------------------------------------------------------------------------------------
def test_what_is_meant_for_one_runs_the_hook(alice: PlainSeat) -> None:
    """Mentions and private messages, and not what is said to others or by oneself."""
    alice.entry("bob", "hello all")
    alice.entry("bob", "Alice: hello")
    alice.entry("alice", "alice is me", key="key")
    alice.hear(m.Entries(room=DIRECT, entries=[]))
    (join,) = [join for join in alice.shell.sent(m.Join) if isinstance(join, m.Join) and join.room == DIRECT]
    alice.seq = 0
    alice.enter(join)
    alice.entry("bob", "psst", DIRECT, to="alice")

    assert alice.runs == ["Alice: hello", "psst"]


def test_what_was_said_before_one_came_runs_no_hook() -> None:
    """What was missed while the connection was away does."""
    alice = PlainSeat()
    alice.chat._caught_up.clear()
    one, two, three = (
        m.Entry(seq=seq, prev=seq - 1, id=f"i{seq}", time=0, nick="bob", key="b", text=f"alice {seq}")
        for seq in (1, 2, 3)
    )
    for notice in (
        a.Heard("lobby", one, True),
        a.Heard("lobby", two, True),
        a.CaughtUp("lobby"),
        a.Heard("lobby", three, True),
    ):
        alice.do(alice.chat.notice(notice, alice.shell.now))

    assert alice.runs == ["alice 3"]


# --- messages -------------------------------------------------------------------------------------------------
def test_delete_takes_the_own_last_message_here(alice: PlainSeat) -> None:
    """Not another's, not that of another place; after it the one before, then nothing."""
    for text in ("one", "two"):
        alice.type(text)
        alice.store()
    alice.entry("bob", "three")
    alice.type("/msg bob psst")
    alice.store(DIRECT, echo=False)
    abouts = []
    for _ in range(2):
        alice.type("/delete")
        say = alice.sent(m.Say)
        assert isinstance(say, m.Say)
        abouts.append((say.kind, say.room, say.to, say.about))
    alice.type("/delete")

    assert abouts == [("delete", "lobby", None, 2), ("delete", "lobby", None, 1)]
    assert "-- Your message 'two' is to be deleted." in alice.lines
    assert alice.lines[-1] == "-- You have said nothing here lately that could be deleted."
    alice.type("/query bob", "/delete")
    say = alice.sent(m.Say)
    assert isinstance(say, m.Say)
    assert (say.room, say.to, say.about) == (None, "bob", 4)


def test_delete_never_takes_an_older_message_than_meant(alice: PlainSeat) -> None:
    """While the last one is not stored yet, nothing is deleted in its stead."""
    alice.type("one")
    alice.store()
    alice.type("oops", "/delete")

    assert alice.lines[-1] == "-- Your last message here is not stored yet. Try again in a moment."


def test_an_operator_deletes_the_last_message_of_somebody(alice: PlainSeat) -> None:
    """In the current room, also while what is typed goes to a person; typed again, the one before."""
    for text in ("one", "two"):
        alice.entry("bob", text)
    alice.entry("carol", "three")
    alice.type("/query bob", "/delete Bob")
    first = alice.sent(m.Say)
    alice.store()
    assert alice.lines[-1].endswith("-- alice deleted a message of bob")
    alice.type("/delete bob", "/delete bob")
    second = alice.sent(m.Say)
    assert isinstance(first, m.Say)
    assert isinstance(second, m.Say)

    assert (first.kind, first.room, first.to, first.about) == ("delete", "lobby", None, 2)
    assert (second.room, second.to, second.about) == ("lobby", None, 1)
    assert "-- The message 'two' of Bob in lobby is to be deleted." in alice.lines
    assert alice.lines[-1] == "-- bob has said nothing here lately that could be deleted."


def test_one_is_somebody_too(alice: PlainSeat) -> None:
    """With the own nick it is as without one, but in the room."""
    alice.type("one")
    alice.store()
    alice.type("/query bob", "/delete alice")
    say = alice.sent(m.Say)
    assert isinstance(say, m.Say)

    assert (say.kind, say.room, say.to, say.about) == ("delete", "lobby", None, 1)
    assert alice.lines[-1] == "-- Your message 'one' is to be deleted."


@pytest.mark.parametrize(
    ("code", "detail", "told"),
    [
        (
            Code.NO_SUCH_MESSAGE,
            "There is no such message of yours.",
            "-- The message of bob was not deleted: only operators of lobby may do that, unless it is gone already.",
        ),
        (Code.NOT_ALLOWED, "You are muted.", "-- You are muted."),
    ],
)
def test_a_refused_deletion_says_why_and_means_the_same_again(
    alice: PlainSeat, code: Code, detail: str, told: str
) -> None:
    """The broker judges who may; what it refused is tried again by the same words, not with an older message."""
    for text in ("one", "two"):
        alice.entry("bob", text)
    for _ in range(2):
        alice.type("/delete bob")
        say = alice.sent(m.Say)
        assert isinstance(say, m.Say)
        assert say.about == 2
        alice.hear(m.Refused(code=code, detail=detail, id=say.id))
        assert alice.lines[-1] == told


@pytest.mark.parametrize(
    ("line", "words"), [("/delete bob now", "one nick and nothing else"), ("/delete b@b", "'b@b'")]
)
def test_delete_says_what_it_takes(alice: PlainSeat, line: str, words: str) -> None:
    """A line that cannot be meant deletes nothing."""
    alice.entry("bob", "one")
    alice.type(line)

    assert words in alice.lines[-1]
    assert not alice.core.waiting_says


def test_a_deletion_by_another_tells_whose_message_it_was(alice: PlainSeat) -> None:
    """As far as it was seen here."""
    alice.entry("bob", "spam")
    alice.entry("carol", "", kind="delete", about=1)
    alice.entry("carol", "", kind="delete", about=1)

    assert [line[17:] for line in alice.lines] == [
        "bob: spam",
        "-- carol deleted a message of bob",
        "-- carol deleted a message",
    ]


# --- what is told of one's own messages -----------------------------------------------------------------------
def test_what_becomes_of_a_message_is_told_below_it() -> None:
    """That its addressee is away, though the ack, which tells so, comes before the message itself."""
    alice = PlainSeat()
    alice.type("/msg bob hello")
    (say,) = alice.core.waiting_says
    ack = m.Ack(id=say.id, room=DIRECT, seq=1, time=0, delivered=1, away="lunch")
    alice.hear(m.Acked(acks=[ack]))
    assert alice.lines == []
    entry = m.Entry(seq=1, prev=0, id=say.id, time=0, nick="alice", key="key", text="hello", to="bob")
    alice.hear(m.Entries(room=DIRECT, entries=[entry]))
    (join,) = [join for join in alice.shell.sent(m.Join) if isinstance(join, m.Join) and join.room == DIRECT]
    alice.hear(m.Entered(room=DIRECT, name=DIRECT, head=1, after=0, ref=join.ref))

    assert [line.partition(" -- ")[2] or line[17:] for line in alice.lines[:1]] == ["alice -> bob: hello"]
    assert alice.lines[1:] == ["-- bob is away (lunch); the message waits for them."]


def test_it_is_told_soon_if_the_message_is_not_shown() -> None:
    """Or at the end, if that comes first."""
    for end in (False, True):
        alice = PlainSeat()
        alice.type("anybody?")
        (say,) = alice.core.waiting_says
        alice.hear(m.Acked(acks=[m.Ack(id=say.id, room="lobby", seq=1, time=0, delivered=0)]))
        assert alice.lines == []
        alice.shell.mono += PATIENCE + 2 * end
        if end:
            alice.type("/quit")
            alice.shell.mono += 60
        alice.do(alice.chat.tick(alice.shell.now))

        assert alice.lines == ["-- Nobody else is here; the message is kept for those who come."]
        assert (alice.ended is not None) == end
