"""A client that goes on where it stopped in an earlier life, and what it learns about what it has missed."""

from __future__ import annotations

import pytest

from zchat.client import actions as a
from zchat.client.chat import Chat, ChatOptions
from zchat.client.rooms import UNREAD, Start, Stopped
from zchat.client.tailing import Tailer
from zchat.common import messages as m

from .shell import Shell

DIRECT = "@bob.key"


def returning(history: str = "h", private: Start | None = UNREAD, **cursors: int) -> Shell:
    """A client that stopped at these cursors, and has not been welcomed yet."""
    names = {DIRECT if room == "bob" else room: seq for room, seq in cursors.items()}
    return Shell(private=private, stopped=Stopped(history, names))


def entries(*seqs: int, room: str = "lobby") -> list[m.Entry]:
    """Entries of a dense history."""
    return [m.Entry(seq=seq, prev=seq - 1, id=f"i{seq}", time=0, nick="bob", key="bob", text=f"t{seq}") for seq in seqs]


def last_join(shell: Shell) -> m.Join:
    """What was joined last."""
    *_, join = shell.sent(m.Join)
    assert isinstance(join, m.Join)
    return join


def enter(shell: Shell, join: m.Join, *, head: int, after: int | None = None) -> list[a.Action]:
    """The broker lets us in; without `after` where we asked to begin."""
    where = join.after if after is None else after
    return shell.receive(m.Entered(room=join.room, name=join.room, head=head, after=where or 0, ref=join.ref))


def page(shell: Shell, *seqs: int, head: int, floor: int = 0) -> list[a.Action]:
    """The broker answers the last replay."""
    *_, replay = shell.sent(m.Replay)
    assert isinstance(replay, m.Replay)
    return shell.receive(m.Page(room=replay.room, entries=entries(*seqs), head=head, floor=floor, ref=replay.ref))


# --- where it goes on -----------------------------------------------------------------------------------------
def test_a_room_goes_on_where_it_stopped() -> None:
    """It is joined after the cursor, not as a room one was in; another one begins as it is told to."""
    shell = returning(lobby=5)
    for room in ("Lobby", "den"):
        shell.do(shell.core.join(room, Start(last=10), shell.now))
    shell.welcome()

    assert [(join.room, join.after, join.last, join.resumed) for join in shell.sent(m.Join)] == [  # type: ignore[attr-defined]
        ("Lobby", 5, None, False),
        ("den", None, 10, False),
    ]
    assert not shell.shown(a.Restarted)


def test_a_live_entry_that_follows_needs_no_page() -> None:
    """The cursor counts from the beginning, as after a reconnection."""
    shell = returning(lobby=5)
    shell.do(shell.core.join("lobby", Start(), shell.now))
    shell.welcome()
    shell.receive(m.Entries(room="lobby", entries=entries(6)))
    enter(shell, last_join(shell), head=6)

    assert [heard.entry.seq for heard in shell.shown(a.Heard)] == [6]  # type: ignore[attr-defined]
    assert not shell.sent(m.Replay)


def test_another_history_is_told_and_shown_from_its_beginning() -> None:
    """Rooms that had been read begin anew, private messages too; one that had not begins as it is told to."""
    shell = returning("old", lobby=5, bob=3)
    for room in ("lobby", "den"):
        shell.do(shell.core.join(room, Start(last=10), shell.now))
    shell.welcome(history="new", **{"bob.key": m.PrivateHead(nick="bob", head=7)})

    assert shell.shown(a.Restarted) == [a.Restarted("lobby"), a.Restarted(DIRECT)]
    assert {join.room: (join.after, join.last) for join in shell.sent(m.Join)} == {  # type: ignore[attr-defined]
        "lobby": (0, None),
        "den": (None, 10),
        DIRECT: (0, None),
    }


def test_a_cursor_above_the_head_is_of_another_history() -> None:
    """Though the history's id says nothing."""
    shell = returning(lobby=9)
    shell.do(shell.core.join("lobby", Start(), shell.now))
    shell.welcome()
    enter(shell, last_join(shell), head=4)

    assert shell.shown(a.Restarted) == [a.Restarted("lobby")]
    assert last_join(shell).after == 0


def test_private_messages_go_on_where_they_stopped() -> None:
    """Also with somebody of whom the welcome does not tell."""
    shell = returning(bob=3)
    shell.welcome()
    shell.receive(m.Pong(heads={DIRECT: 7}))

    assert last_join(shell).after == 3


@pytest.mark.parametrize(("private", "after", "unread"), [(Start(after=0), 0, False), (UNREAD, None, True)])
def test_who_wants_all_private_messages_gets_those_of_strangers_from_the_first(
    private: Start, after: int | None, unread: bool
) -> None:
    """Others begin after what was read."""
    shell = returning(private=private)
    shell.welcome()
    shell.receive(m.Pong(heads={DIRECT: 7}))

    assert (last_join(shell).after, last_join(shell).unread) == (after, unread)


def test_what_was_not_seen_can_be_asked_for() -> None:
    """`--since unread` is a start like the others."""
    shell = Shell()
    shell.welcome()
    shell.do(shell.core.join("lobby", UNREAD, shell.now))

    assert last_join(shell) == m.Join(room="lobby", unread=True, ref=last_join(shell).ref)


# --- what is no longer kept -----------------------------------------------------------------------------------
def behind(after: int, *, head: int) -> Shell:
    """A client in the lobby that has just asked for what follows a cursor."""
    shell = Shell()
    shell.welcome()
    shell.do(shell.core.join("lobby", Start(after=after), shell.now))
    enter(shell, last_join(shell), head=head)
    return shell


@pytest.mark.parametrize(
    ("after", "floor", "seqs", "missed"),
    [
        (5, 8, (9, 10), 3),
        (5, 5, (6, 7), 0),
        (5, 10, (), 5),  # nothing is kept
        (5, 2**60, (9, 10), 3),  # a floor above what is there
        (5, 2**60, (), 5),
        (0, 8, (9, 10), 0),  # begins with what there is
    ],
)
def test_what_was_missed_for_good_is_told_once(after: int, floor: int, seqs: tuple[int, ...], missed: int) -> None:
    """Who was somewhere learns how much of what followed is gone, and goes on with what is kept."""
    shell = behind(after, head=10)
    page(shell, *seqs, head=10, floor=floor)
    shell.receive(m.Entries(room="lobby", entries=entries(11, 13)))
    page(shell, 12, 13, head=13, floor=floor)

    assert shell.shown(a.NotKept) == ([a.NotKept("lobby", missed)] if missed else [])
    rest = (11, 12, 13) if seqs[-1:] in ((), (10,)) else (12, 13)
    assert [heard.entry.seq for heard in shell.shown(a.Heard)] == [*seqs, *rest]  # type: ignore[attr-defined]


def test_the_words_for_what_is_no_longer_kept() -> None:
    """In a chat and on the standard error of a tail."""
    shell = Shell()
    chat = Chat(shell.core, ChatOptions(["lobby"], Start()))
    tail = Tailer(shell.core, rooms=["lobby"], start=Start(), follow=True, json=False)

    assert chat.notice(a.NotKept("lobby", 120), shell.now) == [
        a.Print("-- 120 older messages of lobby are no longer kept.", aside=True)
    ]
    assert tail.notice(a.NotKept(DIRECT, 1), shell.now) == [
        a.Print("zchat: 1 older message of a private conversation is no longer kept.", aside=True)
    ]
    assert tail.notice(a.Restarted("lobby"), shell.now) == [
        a.Print("zchat: The history of lobby was replaced; it is shown from its beginning.", aside=True)
    ]


# --- what is unread -------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("read", "after", "head", "told"),
    [
        (3, 15, 15, " 12 unread messages; see them with /history 12."),
        (3, 10, 15, " 12 unread messages; see them with /history 12."),
        (14, 15, 15, " 1 unread message; see it with /history 1."),
        (3, 15, 1003, " 1000 unread messages; see the last 500 with /history 500."),
        (3, 3, 15, ""),  # they are shown anyway
        (15, 15, 15, ""),
        (0, 15, 15, " 15 unread messages; see them with /history 15."),  # it was empty when they were here
        (None, 15, 15, ""),  # never here before
    ],
)
def test_who_joins_is_told_what_is_unread(read: int | None, after: int, head: int, told: str) -> None:
    """Only when it does not come by itself."""
    shell = Shell()
    chat = Chat(shell.core, ChatOptions(["lobby"], Start()))
    entered = m.Entered(room="lobby", name="lobby", head=head, after=after, read=read, online=["bob"], topic="tea")
    (line,) = chat.notice(a.InRoom(entered), shell.now)

    assert line == a.Print(f"-- You joined lobby, with bob.{told} Topic: tea", aside=True)
