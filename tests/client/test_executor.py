"""`tail --exec`: which messages a command is run for, in which order, and how far it is noted to have come."""

from __future__ import annotations

import json
from collections import deque

import pytest

from zchat.client import actions as a
from zchat.client.executor import QUEUE, Executor
from zchat.client.rooms import Start, Stopped
from zchat.common import messages as m
from zchat.common.errors import Code, ZchatError

from .shell import Shell

MINE = "key"
"""The key of the harness's own user."""


class Tail:
    """A `tail --exec` of the lobby, and a broker that keeps a history and answers from it."""

    def __init__(
        self, stored: int = 0, *, follow: bool = True, own: bool = False, cursor: int | None = None, keep: bool = True
    ) -> None:
        stopped = Stopped("h", {"lobby": cursor}) if cursor is not None else Stopped()
        self.shell = Shell(private=None, stopped=stopped)
        self.history: list[m.Entry] = []
        for _ in range(stored):
            self.store()
        self.executor = Executor(
            self.shell.core, rooms=["lobby"], start=Start(after=0), follow=follow, own=own, keep=keep
        )
        self.runs: deque[int] = deque()
        """Sequences for which the command is to be run and has not ended."""
        self.most = 0
        """Most of them at a time."""
        self.reached: dict[str, int] = {}
        self.ended: a.End | None = None
        self.replays = 0
        self.goodbyes = 0
        self.do(self.executor.start(self.shell.now))
        self.do(self.shell.core.receive(self.welcome(), self.shell.now))

    def welcome(self) -> m.Welcome:
        """The broker's answer to a hello."""
        assert self.shell.hello is not None
        return m.Welcome(
            nick="alice", key=MINE, session="s", broker="b", history="h", pub=1, time=0, ref=self.shell.hello.ref
        )

    def store(self, *, key: str = "bob.key") -> m.Entry:
        """Somebody says something: it is in the history."""
        seq = len(self.history) + 1
        entry = m.Entry(seq=seq, prev=seq - 1, id=f"i{seq}", time=0, nick="bob", key=key, text=f"message {seq}")
        self.history.append(entry)
        return entry

    def say(self, *, key: str = "bob.key") -> None:
        """Somebody says something, and it is heard."""
        entry = self.store(key=key)
        self.do(self.shell.core.receive(m.Entries(room="lobby", entries=[entry]), self.shell.now))

    def do(self, actions: list[a.Action]) -> None:
        """Carry out what is asked, and answer it."""
        queue = deque(actions)
        while queue:
            action = queue.popleft()
            match action:
                case a.Show(notice):
                    queue.extendleft(reversed(self.executor.notice(notice, self.shell.now)))
                case a.Run(message):
                    self.runs.append(json.loads(message)["seq"])
                    self.most = max(self.most, len(self.runs))
                case a.Reached(_, seqs):
                    self.reached |= seqs
                case a.End():
                    self.ended = self.ended or action
                case a.Dial():
                    queue.extend(self.shell.core.dialled(self.shell.now))
                case a.Send(m.Hello() as hello):
                    self.shell.hello = hello
                case a.Send(m.Goodbye()):
                    self.goodbyes += 1
                case a.Send(m.Join() as join):
                    entered = m.Entered(
                        room="lobby", name="lobby", head=len(self.history), after=join.after or 0, ref=join.ref
                    )
                    queue.extend(self.shell.core.receive(entered, self.shell.now))
                case a.Send(m.Replay() as replay):
                    self.replays += 1
                    after = replay.after or 0
                    page = self.history[after : after + replay.limit]
                    event = m.Page(room="lobby", entries=page, head=len(self.history), ref=replay.ref)
                    queue.extend(self.shell.core.receive(event, self.shell.now))

    def finish(self, trouble: str = "") -> int:
        """The command has ended; for which message it was."""
        seq = self.runs.popleft()
        self.do(self.executor.line(trouble, self.shell.now))
        return seq

    def finish_all(self) -> list[int]:
        """The command ends well each time; for which messages it was run."""
        done = []
        while self.runs:
            done.append(self.finish())
        return done


def test_it_is_run_for_each_message_one_at_a_time_in_order() -> None:
    """What stood there and what comes, and never two at once."""
    tail = Tail(stored=3)
    for _ in range(3):
        tail.say()

    assert tail.finish_all() == [1, 2, 3, 4, 5, 6]
    assert tail.most == 1


def test_only_what_succeeded_is_noted() -> None:
    """While the command runs for a message, a crash begins there again."""
    tail = Tail(stored=3)
    assert tail.reached == {"lobby": 0}
    tail.finish()
    assert tail.reached == {"lobby": 1}
    # The file is written now and then: what is told again is there even if nothing more is said.
    tail.reached.clear()
    tail.do(tail.executor.tick(tail.shell.now))

    assert tail.reached == {"lobby": 1}


def test_a_failure_ends_it_before_that_message() -> None:
    """The line names the message, and nothing more is run."""
    tail = Tail(stored=3)
    tail.finish()
    tail.finish("ended with status 3")

    assert tail.ended is not None
    assert isinstance(tail.ended.error, ZchatError)
    assert tail.ended.error.exit_code == 1
    assert str(tail.ended.error).startswith("The command ended with status 3 at message 2 of lobby, and")
    assert (tail.reached, len(tail.runs)) == ({"lobby": 1}, 0)


def test_it_goes_on_where_it_stopped() -> None:
    """With a cursor, the message at which the command failed is the first."""
    assert Tail(stored=5, cursor=2).finish_all() == [3, 4, 5]


@pytest.mark.parametrize("own", [False, True])
def test_what_one_says_oneself_is_passed_over_unless_wanted(own: bool) -> None:
    """A command that says something would else be run for that, for ever; the cursor passes over it."""
    tail = Tail(own=own)
    tail.say(key=MINE)
    tail.say()
    tail.say(key=MINE)

    assert tail.finish_all() == ([1, 2, 3] if own else [2])
    assert tail.reached == {"lobby": 3}


@pytest.mark.parametrize("stored", [0, 4 * QUEUE])
def test_a_slow_command_loses_nothing_and_keeps_little(stored: int) -> None:
    """What comes meanwhile, or was there, waits in the history: every message has its run, once, in order."""
    tail = Tail(stored=stored)
    for _ in range(3 * QUEUE):
        tail.say()
    assert len(tail.executor._queue) <= QUEUE
    done = []
    while tail.runs:
        done.append(tail.finish())
        assert len(tail.executor._queue) <= QUEUE
        if len(done) % 100 == 0:
            tail.say()

    assert done == list(range(1, len(tail.history) + 1))
    assert len(done) > 3 * QUEUE
    assert tail.reached == {"lobby": len(done)}


def test_what_is_removed_meanwhile_is_no_longer_waited_for() -> None:
    """A history that keeps less than the command is behind does not stop it."""
    tail = Tail()
    for _ in range(QUEUE + 10):
        tail.say()
    kept = tail.history
    tail.history = []
    tail.finish_all()
    tail.history = kept
    tail.say()

    assert tail.finish_all() == [QUEUE + 11]


def test_without_following_it_ends_when_the_last_run_has() -> None:
    """However long that takes, and with one goodbye."""
    tail = Tail(stored=3, follow=False)
    tail.finish()
    tail.shell.mono += 1_000
    tail.do(tail.executor.tick(tail.shell.now))
    assert tail.ended is None
    tail.finish_all()

    assert tail.ended == a.End(None)
    assert tail.goodbyes == 1


def test_without_following_an_empty_room_ends_it() -> None:
    """There is nothing to run."""
    tail = Tail(follow=False)

    assert tail.ended == a.End(None)


def test_a_room_that_may_no_longer_be_read_is_not_asked_for_again() -> None:
    """What was let go of it is lost with the right to read it; the others go on."""
    tail = Tail()
    for _ in range(QUEUE + 1):
        tail.say()
    refused = m.Refused(code=Code.NOT_ALLOWED, detail="no")
    tail.do(tail.executor.notice(a.Refusal(m.Replay(room="lobby"), refused), tail.shell.now))

    assert tail.finish_all() == list(range(1, QUEUE + 1))
    assert tail.ended is None
