"""What waits for what: batches that grow while one is under way, commands that wait, and what is not stored."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence

import pytest

from zchat.broker.actions import Action, Ask, Reply, Store
from zchat.broker.flow import Flow
from zchat.broker.history import NotStored
from zchat.broker.inbox import Frame
from zchat.broker.policy import Policy
from zchat.broker.storage import fulfil
from zchat.common import limits, messages as m, wire

from .house import House, acked, events, hello


class Loop:
    """The broker's loop, a step at a time; what has come and is not judged yet lies in `inbox`."""

    def __init__(self, policy: Policy | None = None) -> None:
        self.house = House(policy)
        self.house.enter("alice", "bob")
        self.house.join("lobby", "alice", "bob")
        self.flow = Flow(self.house.core)
        self.inbox: deque[Frame] = deque()
        self.sent: list[Reply] = []

    def comes(self, *commands: tuple[str, m.Command]) -> list[str]:
        """Commands come; the ids of what then waits to be stored."""
        self.hears(*commands)
        return ids(self.flow._waiting)

    def hears(self, *commands: tuple[str, m.Command]) -> None:
        """Commands come and are judged as far as they may be."""
        self.inbox += [self.house.frame(user, wire.encode(command)) for user, command in commands]
        if self.flow.open:
            self._send(self.flow.judge(self._frames(), self.house.now))

    def _frames(self) -> Iterator[Frame]:
        while self.inbox:
            yield self.inbox.popleft()

    def _send(self, actions: list[Action]) -> None:
        self.sent += [action for action in actions if isinstance(action, Reply)]

    def begins(self) -> Sequence[Action]:
        """The next batch is under way."""
        return self.flow.start()

    def ends(self, batch: Sequence[Action], failure: NotStored | None = None, seconds: float = 0.0) -> None:
        """It is carried out, or cannot be stored; the commit took so many seconds, or there was none."""
        done = fulfil(self.house.history, batch)
        if failure is not None:
            done = [(purpose, failure) for purpose, _ in done]
        self._send(self.flow.complete(done, failure, self.house.now, seconds))

    def rests(self) -> None:
        """All that has come is judged and carried out."""
        self.comes()
        while batch := self.begins():
            self.ends(batch)
            self.comes()

    @property
    def acked(self) -> list[str]:
        """The ids of what alice knows to be stored."""
        return acked(self.sent, "alice")


def ids(actions: Sequence[Action]) -> list[str]:
    """Of what is to be stored: an id, or what it is for."""
    return [
        getattr(action.change, "id", type(action.purpose).__name__) for action in actions if isinstance(action, Store)
    ]


def say(id_: str) -> tuple[str, m.Command]:
    """Alice says something."""
    return "alice", m.Say(id=id_, room="lobby", text="x")


def test_what_comes_meanwhile_is_the_next_batch() -> None:
    """However many times something comes while one batch is under way, there is one more commit."""
    loop = Loop()
    loop.comes(say("1"))
    first = loop.begins()
    loop.comes(say("2"), say("3"))
    assert (loop.begins(), loop.comes(say("4"))) == ([], ["2", "3", "4"])
    loop.ends(first)

    assert loop.acked == ["1"]
    assert ids(loop.begins()) == ["2", "3", "4"]


def test_what_settles_something_waits_and_is_waited_for() -> None:
    """It is judged once all before it is stored, and what comes after it is left alone until it is carried out."""
    loop = Loop()
    loop.comes(say("1"))
    first = loop.begins()
    loop.comes(say("2"), ("bob", m.Rename(nick="robert")), ("bob", m.Say(id="3", room="lobby", text="x")), say("4"))
    assert (ids(loop.flow._waiting), loop.flow.open, len(loop.inbox)) == (["2"], False, 2)
    loop.ends(first)
    assert not loop.flow.open
    loop.ends(loop.begins())
    assert (loop.flow.open, loop.comes()) == (True, ["Then"])
    loop.ends(loop.begins())
    assert loop.comes() == []
    loop.ends(loop.begins())
    assert loop.comes() == ["3", "4"]
    loop.rests()

    assert [entry.nick for entry in loop.house.page("alice", "lobby")] == ["alice", "alice", "robert", "alice"]


def test_what_settles_nothing_after_all_waits_for_nobody() -> None:
    """When nothing is under way, a refusal is no reason to stop."""
    loop = Loop()

    assert loop.comes(("bob", m.Rename(nick="alice")), say("1")) == ["1"]


def test_behind_what_is_not_stored_nothing_is_stored() -> None:
    """The first of whom it refuses is named, those after it come again with it, and their order is kept."""
    loop = Loop()
    loop.comes(say("1"), say("2"))
    batch = loop.begins()
    loop.comes(say("3"), ("bob", m.Say(id="b", room="lobby", text="x")))
    loop.ends(batch, NotStored("The disk is full."))
    assert [event.id for event in events(loop.sent, m.Refused, to="alice")] == ["1"]
    assert [event.id for event in events(loop.sent, m.Refused, to="bob")] == ["b"]
    assert (loop.begins(), loop.comes(say("4"))) == ([], [])
    loop.comes(say("1"), say("2"), say("3"), say("4"))
    loop.rests()

    assert loop.acked == ["1", "2", "3", "4"]
    assert [entry.id for entry in loop.house.page("alice", "lobby")] == ["1", "2", "3", "4"]


def test_a_full_disk_answers_questions() -> None:
    """What is only read, and waits behind what is not stored, is read."""
    loop = Loop()
    loop.comes(say("1"))
    batch = loop.begins()
    loop.comes(("bob", m.Join(room="lobby", last=3, ref=5)))
    loop.ends(batch, NotStored("The disk is full."))
    loop.rests()

    assert [event.ref for event in events(loop.sent, m.Entered, to="bob")] == [5]


def test_questions_go_with_the_next_batch() -> None:
    """While one is under way none is asked, so that a flood of them holds up nobody's message."""
    loop = Loop()
    loop.comes(say("1"))
    first = loop.begins()
    loop.comes(*(("bob", m.Replay(room="lobby", ref=number)) for number in range(1, 30)))
    assert not any(isinstance(action, Ask) for action in loop.flow._waiting)
    assert not loop.flow.has_turns
    loop.ends(first)
    assert sum(isinstance(action, Ask) for action in loop.begins()) == limits.TURN_QUESTIONS


def test_what_came_before_a_refusal_stands_behind_it_however_late_it_is_judged() -> None:
    """While the history stands still nothing is judged, yet the time for which it is waited for passes."""
    loop = Loop()
    first, second, third = (loop.house.frame("alice", wire.encode(say(id_)[1])) for id_ in "123")
    loop.comes(say("1"))
    loop.ends(loop.begins(), NotStored("The database does not answer."))
    came = loop.house.now.mono
    loop.house.advance(60)
    loop.inbox += [second._replace(came=came), third._replace(came=came), first, second]
    assert loop.comes() == ["1", "2"]

    loop.ends(loop.begins(), NotStored("The database does not answer."))
    loop.house.advance(60)
    loop.inbox += [third._replace(came=loop.house.now.mono)]
    assert loop.comes() == ["3"]  # the first one was given up


def test_the_history_goes_on_before_what_it_did_is_told() -> None:
    """Once a batch is stored the next one is under way at once; what came of each is told in order."""
    loop = Loop()
    loop.comes(say("1"))
    first = loop.begins()
    loop.comes(say("2"), ("bob", m.Who(ref=7)))
    done = fulfil(loop.house.history, first)
    second = loop.flow.start_ahead(loop.house.now, 0.001)
    assert (ids(second), loop.begins(), loop.flow.idle, loop.acked) == (["2"], [], False, [])

    loop._send(loop.flow.complete(done, None, loop.house.now, 0.001))
    assert (loop.acked, loop.begins()) == (["1"], [])
    assert events(loop.sent, m.Roster, to="bob")[0].ref == 7
    loop.ends(second)
    assert (loop.acked, loop.flow.idle) == (["1", "2"], True)


def test_questions_find_their_turn_however_much_is_said() -> None:
    """Though the history never rests, some go with each batch."""
    loop = Loop()
    loop.comes(say("0"))
    batch = loop.begins()
    loop.comes(*(("bob", m.Replay(room="lobby", ref=number)) for number in range(1, 30)))
    for number in range(1, 4):
        loop.comes(say(str(number)))
        done = fulfil(loop.house.history, batch)
        batch = loop.flow.start_ahead(loop.house.now, 0.0)
        loop._send(loop.flow.complete(done, None, loop.house.now))
        assert sum(isinstance(action, Ask) for action in batch) == limits.TURN_QUESTIONS
    assert len(loop.acked) == 3


def test_the_network_waits_when_too_much_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be stored soon is left where it is, so that a slow disk costs bounded memory."""
    monkeypatch.setattr(limits, "BATCH_LEAST", 3)
    loop = Loop()
    loop.comes(say("0"))
    first = loop.begins()
    loop.comes(say("1"), say("2"), say("3"))
    assert (loop.comes(say("4")), len(loop.inbox)) == (["1", "2", "3"], 1)
    loop.ends(first)
    loop.rests()

    assert loop.acked == ["0", "1", "2", "3", "4"]


@pytest.mark.parametrize(("seconds", "most"), [(0.006, 100), (0.0006, 1_000), (1.0, 64), (0.00001, 4_000)])
def test_batches_are_as_large_as_the_disk_is_quick(seconds: float, most: int) -> None:
    """After 200 messages took so long, as many may wait as are stored in some milliseconds, within bounds."""
    loop = Loop()
    loop.comes(*(say(str(number)) for number in range(200)))
    loop.ends(loop.begins(), seconds=seconds)
    loop.comes(say("first"))
    loop.begins()
    for number in range(4_100):
        loop.hears(say(f"more-{number}"))

    assert len(loop.flow._waiting) == most


def test_questions_wait_for_who_waits_for_all() -> None:
    """A tick wants nothing under way: however many questions there are, it comes after those that were begun."""
    loop = Loop()
    loop.comes(*(("bob", m.Replay(room="lobby", ref=number)) for number in range(1, 30)))
    loop.flow.settling = True
    batch = loop.begins()
    loop.ends(batch)
    assert (loop.flow.idle, loop.flow.has_turns) == (True, False)

    loop.flow.settling = False
    loop.rests()
    assert len(events(loop.sent, m.Page, to="bob")) == 29


def test_who_goes_meanwhile_hurts_nobody() -> None:
    """Whoever leaves, or loses the connection, while what they said is stored, has said it."""
    loop = Loop()
    loop.comes(say("1"), ("bob", m.Say(id="b", room="lobby", text="x")))
    batch = loop.begins()
    loop.comes(("alice", m.Goodbye()))
    loop.house.core.disconnect(b"bob", loop.house.now)
    loop.ends(batch)
    loop.rests()
    loop.comes(("bob", hello("bob")))

    assert [entry.id for entry in loop.house.page("bob", "lobby")] == ["1", "b"]
