"""What a person at a terminal is told of what others and she herself say and do."""

from __future__ import annotations

import pytest

from zchat.client import actions as a
from zchat.client.ignoring import Ignored
from zchat.common import messages as m
from zchat.common.errors import Code

from .seat import DIRECT, Seat


@pytest.fixture
def alice() -> Seat:
    """alice is in lobby and dev, and sees lobby."""
    return Seat()


# --- what others say and do -----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("Alice!", True),
        ("ask alice.", True),
        ("malice", False),
        ("alice2", False),
        ("ａｌｉｃｅ?", True),
        ("hi", False),
    ],
)
def test_she_is_meant_by_her_nick_as_a_word(alice: Seat, text: str, meant: bool) -> None:
    """However its letters are written."""
    alice.entry(text)

    assert [line.mention for line in alice.told] == [meant]
    assert len(alice.alerts) == meant


def test_the_bell_rings_for_what_it_is_told_to(alice: Seat) -> None:
    """Mentions and private messages, in other places too; only the private ones; nothing. Never for her own words."""
    for setting in ("all", "pm", "off"):
        alice.type(f"/bell {setting}")
        alice.entry("alice", "dev")
        alice.entry("psst", DIRECT, to="alice")
        alice.entry("alice", "dev", nick="alice", key="key")

    assert [(alert.text, alert.room) for alert in alice.alerts] == [("alice", "dev"), ("psst", ""), ("psst", "")]
    alice.type("/bell loud")
    assert alice.lines[-1] == "-- /bell takes one of off, pm, all."


def test_the_bell_begins_as_it_is_set() -> None:
    """The setting holds until /bell changes it."""
    alice = Seat(bell="off")
    alice.entry("psst", DIRECT, to="alice")
    assert alice.alerts == []
    alice.type("/bell pm")
    alice.entry("psst", DIRECT, to="alice")
    assert [alert.text for alert in alice.alerts] == ["psst"]


def test_coming_and_going_is_shown_here_and_counted_everywhere(alice: Seat) -> None:
    """The status line knows how many are here; other rooms' comings are not told."""
    alice.presence("joined", "carol", "c")
    alice.presence("joined", "carol", "c", room="dev")
    assert (alice.lines, alice.status.people) == (["-- carol joined lobby"], 3)
    alice.presence("left")
    assert (alice.lines[1:], alice.status.people) == (["-- bob left lobby"], 2)
    alice.type("/notices none")
    alice.presence("left", "carol", "c")

    assert alice.lines[2:] == ["-- Nobody's coming and going is shown."]
    assert alice.status.people == 1
    alice.presence("left", "alice", "key")
    assert alice.status.people == 1


def test_who_spoke_last_is_offered_first(alice: Seat) -> None:
    """When a nick is completed."""
    alice.presence("joined", "carol", "c")
    alice.entry("hi")

    assert alice.status.nicks[0] == "bob"
    alice.entry("hi", nick="carol", key="c")
    assert alice.status.nicks[:2] == ("carol", "bob")
    alice.type("/query dave")
    assert set(alice.status.nicks) == {"alice", "bob", "carol", "dave"}


def test_nothing_is_shown_of_who_is_ignored() -> None:
    """Whatever they are called by then, until it is taken back; what they do to others is."""
    saved: list[dict[str, str]] = []
    alice = Seat(ignored=Ignored({}, lambda nicks: saved.append(dict(nicks))))
    alice.entry("before")
    alice.type("/ignore bob")
    alice.entry("hidden", nick="robert")
    alice.entry("hidden", DIRECT, to="alice")
    alice.presence("left")
    alice.entry("", kind="kick", to="carol")
    alice.type("/ignore", "/unignore robert")
    alice.entry("after")

    assert alice.lines == [
        "bob: before",
        "-- You hear nothing of bob any more. Take it back with /unignore bob.",
        "-- bob kicked carol out",
        "-- You ignore bob.",
        "-- You hear robert again.",
        "bob: after",
    ]
    assert saved == [{"b": "bob"}, {}]


def test_who_was_not_seen_yet_is_ignored_by_the_key_that_the_broker_tells(alice: Seat) -> None:
    """And who does not exist is not."""
    for users in ([m.UserInfo(nick="dave", key="d", rooms=[], idle=0, since=0, sessions=0)], []):
        alice.type("/ignore dave")
        who = alice.shell.sent(m.Who)
        if not who:
            break
        assert isinstance(who[-1], m.Who)
        alice.hear(m.Roster(users=users, ref=who[-1].ref))
        alice.type("/unignore dave")
        alice.shell.clear()
    alice.entry("hi", nick="dave", key="d")

    assert alice.lines[0].startswith("-- You hear nothing of dave")
    assert alice.lines[-1] == "dave: hi"


# --- what she says --------------------------------------------------------------------------------------------
def test_what_waits_is_shown_until_it_is_stored(alice: Seat) -> None:
    """The first few, and how many more; then it stands among what was said."""
    alice.type(*"abcde")
    assert [waiting.text for waiting in alice.status.waiting] == ["a", "b", "c"]
    assert alice.status.waiting_more == 2
    first = alice.shell.core.waiting_says[0].id
    alice.hear(m.Acked(acks=[m.Ack(id=first, room="lobby", seq=1, time=0, delivered=1)]))

    assert [waiting.text for waiting in alice.status.waiting] == ["b", "c", "d"]


def test_what_was_refused_is_sent_again_or_dropped(alice: Seat) -> None:
    """With a new id, and only when she says so."""
    alice.type("one")
    old = alice.shell.core.waiting_says[0].id
    alice.hear(m.Refused(code=Code.NOT_ALLOWED, detail="You are muted.", id=old))
    (refused,) = alice.status.waiting
    assert (refused.text, refused.refused) == ("one", "You are muted.")
    alice.type("/retry")
    (new,) = [say.id for say in alice.shell.core.waiting_says]
    assert new != old
    assert [(waiting.text, waiting.refused) for waiting in alice.status.waiting] == [("one", "")]
    alice.hear(m.Refused(code=Code.NOT_ALLOWED, detail="You are muted.", id=new))
    alice.type("/drop", "/drop", "/retry")

    assert alice.status.waiting == ()
    assert alice.lines[-3:] == [
        "-- 1 message dropped.",
        "-- Nothing was refused that could be dropped.",
        "-- Nothing was refused that could be sent again.",
    ]


def test_a_lost_broker_is_told_with_the_time(alice: Seat) -> None:
    """Until it is there again."""
    assert alice.status.trouble == ""
    alice.shell.mono += 60
    alice.react(alice.shell.do(alice.shell.core.lost("it broke", alice.shell.now)))
    assert (alice.status.trouble, alice.status.since) == ("no broker (it broke)", alice.shell.now.wall)
    alice.shell.pass_time(0)
    alice.do(alice.shell.core.dialled(alice.shell.now))
    alice.react(alice.shell.welcome())

    assert alice.status.trouble == ""


def test_leaving_waits_for_no_broker_that_is_gone(alice: Seat) -> None:
    """What could not be sent is told with the exit code."""
    alice.shell.lose()
    alice.type("hello?")
    alice.do(alice.chat.end_of_input(alice.shell.now))
    (end,) = alice.chat.tick(alice.shell.now)

    assert isinstance(end, a.End)
    assert str(end.error) == "1 message could not be delivered. Send it again later."


# --- the past -------------------------------------------------------------------------------------------------
def test_paging_back_goes_on_where_it_stopped(alice: Seat) -> None:
    """Each page lies before the one before, between headings, until there is nothing."""
    alice.seqs["lobby"] = 50
    alice.hear(m.Entries(room="lobby", entries=[]))
    alice.type("/history")
    assert alice.asked().limit == 20
    alice.answer("a", "b", first=31)
    alice.type("/history")
    assert alice.asked().before == 31
    alice.answer("z", first=30)
    alice.type("/history")
    alice.answer(first=0)

    assert alice.lines == [
        "== earlier in lobby",
        "bob: a",
        "bob: b",
        "== now",
        "== earlier in lobby",
        "bob: z",
        "== now",
        "-- There is nothing earlier in lobby.",
    ]


def test_last_shows_once_more_what_was_unread(alice: Seat) -> None:
    """Of this place, as it was when she came to it."""
    alice.type("/last")
    assert alice.lines == ["-- Nothing was unread here."]
    for text in ("one", "two"):
        alice.entry(text, "dev")
    alice.type("/join dev")
    alice.entry("three", "dev")
    alice.type("/last")

    assert (alice.asked().room, alice.asked().after) == ("dev", 0)
    alice.answer("one", first=1, room="dev", more=True)
    assert alice.lines[-3:] == ["== unread in dev", "bob: one", "-- More was unread: see it with /last."]
    alice.type("/last")
    assert alice.asked().after == 1
    alice.answer("two", first=2, room="dev")
    assert alice.lines[-3:] == ["== unread in dev", "bob: two", "== now"]


def test_what_no_screen_has_shown_stands_under_a_heading() -> None:
    """When a room is entered with some of its history."""
    alice = Seat("lobby")
    alice.type("/join ops")
    join = alice.shell.sent(m.Join)[-1]
    assert isinstance(join, m.Join)
    alice.enter(join, head=3, read=1, after=0)
    replay = alice.asked()
    entries = [m.Entry(seq=n, prev=n - 1, id=str(n), time=0, nick="bob", key="b", text=str(n)) for n in (1, 2, 3)]
    alice.hear(m.Page(room="ops", entries=entries, head=3, ref=replay.ref))

    assert alice.lines[0] == "== ops"
    assert alice.lines[1].startswith("-- You joined ops, with bob.")
    assert alice.lines[2:] == ["bob: 1", "== unread", "bob: 2", "bob: 3"]


def test_lines_are_counted_so_that_the_terminal_knows_what_was_taken(alice: Seat) -> None:
    """Each typed line once, whatever it does."""
    before = alice.status.heard
    alice.type("hello", "", "/nonsense", "/who")

    assert alice.status.heard - before == 4


def test_what_can_be_joined_and_answered_is_offered(alice: Seat) -> None:
    """Rooms that were listed or that she is invited to, but not her own; the choices of an open question."""
    alice.type("/rooms")
    asked = alice.shell.sent(m.Rooms)[-1]
    rooms = [m.RoomInfo(room=room, online=1, topic="", seq=0) for room in ("lobby", "builds")]
    assert isinstance(asked, m.Rooms)
    alice.hear(m.RoomList(rooms=rooms, ref=asked.ref))
    alice.hear(m.Invited(room="plans", name="Plans", nick="bob"))
    assert alice.status.rooms == ("builds", "Plans")

    alice.entry("Deploy?", kind="ask", choices=["yes", "later"])
    assert alice.status.choices == ("yes", "later")
    alice.entry("later", kind="answer", about=1, nick="carol", key="c")
    assert alice.status.choices == ()
