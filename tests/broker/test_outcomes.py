"""What becomes of what was stored: faults of ours that cost only what they were found in."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from zchat.broker.questions import Questions
from zchat.broker.retention import Retention
from zchat.broker.talk import Talk
from zchat.common import limits, messages as m

from .house import House, events, only


class FaultyTalk(Talk):
    """Fails at the message ``bug``, once it is stored, and at telling what is new in the room ``bug``."""

    def stored(self, said: object, *more: object) -> object:  # type: ignore[override]
        """Fail at one."""
        if said.say.id == "bug":  # type: ignore[attr-defined]
            raise RuntimeError("a fault")
        return super().stored(said, *more)  # type: ignore[arg-type]

    def broadcast(self, room: object, entries: object) -> object:  # type: ignore[override]
        """Fail at one."""
        if room.id == "bug":  # type: ignore[attr-defined]
            raise RuntimeError("a fault")
        return super().broadcast(room, entries)  # type: ignore[arg-type]


class FaultyQuestions(Questions):
    """Fails at every page and list of rooms."""

    def answer(self, session: object, question: object, *more: object) -> object:  # type: ignore[override]
        """Fail at lists of rooms."""
        if isinstance(question, m.Rooms):
            raise RuntimeError("a fault")
        return super().answer(session, question, *more)  # type: ignore[arg-type]

    def page(self, *_: object) -> object:  # type: ignore[override]
        """Fail."""
        raise RuntimeError("a fault")


class FaultyRetention(Retention):
    """Fails at every tick."""

    def tick(self, *_: object) -> object:  # type: ignore[override]
        """Fail."""
        raise RuntimeError("a fault")


@pytest.fixture
def house() -> Iterator[House]:
    """A broker with faults, and alice and bob in the lobby and in the room ``bug``."""
    house = House()
    house.enter("alice", "bob")
    house.join("lobby", "alice", "bob")
    house.join("bug", "alice", "bob")
    house.core._talk.__class__ = FaultyTalk
    house.core._questions.__class__ = FaultyQuestions
    house.core._retention.__class__ = FaultyRetention
    house.faulty = True
    yield house
    house.history.close()


def say(id_: str, room: str = "lobby") -> m.Say:
    """Something that is said."""
    return m.Say(id=id_, room=room, text=id_)


@pytest.mark.parametrize("faulty", [say("bug"), say("x", room="bug"), m.Replay(room="lobby", after=0, ref=1)])
def test_a_fault_costs_only_what_it_was_found_in(house: House, faulty: m.Command) -> None:
    """What was stored or read together with it is acked, answered and told to all; the log has the fault."""
    sent = house.send(("bob", say("1")), ("alice", faulty), ("bob", say("2")))

    assert [ack.id for ack in only(sent, m.Acked, to="bob").acks] == ["1", "2"]
    told = [entry.id for event in events(sent, m.Entries) for entry in event.entries if event.room == "lobby"]
    assert [id_ for id_ in told if id_ != "bug"] == ["1", "2"]
    assert len([line for line in house.logged if "RuntimeError: a fault" in line]) == 1


def test_a_fault_in_one_answer_costs_only_that(house: House) -> None:
    """Who asks at the same time is answered, and what is told with it goes out."""
    sent = house.send(("alice", m.Rooms(ref=1)), ("bob", m.Who(ref=2)), ("bob", m.Ping(ref=3)))

    assert only(sent, m.Roster, to="bob").ref == 2
    assert only(sent, m.Pong, to="bob").ref == 3
    assert len([line for line in house.logged if "RuntimeError: a fault" in line]) == 1


def test_what_a_fault_has_lost_is_acked_when_it_comes_again(house: House) -> None:
    """It was stored, and is not stored twice."""
    assert events(house.send(("alice", say("bug"))), m.Acked, to="alice") == []
    house.core._talk.__class__ = Talk
    house.core._questions.__class__ = Questions

    (ack,) = only(house.send(("alice", say("bug"))), m.Acked, to="alice").acks
    assert ack.duplicate
    assert house.texts("bob", "lobby") == ["bug"]


def test_a_fault_in_one_work_leaves_time_to_the_others(house: House) -> None:
    """The beacon goes out, and who is gone is said to have left."""
    house.core.disconnect(b"bob", house.now)
    house.advance(limits.SESSION_EXPIRY + 1)
    house.core._roster.by_identity[b"alice"].heard = house.now.mono
    house.core._ticked = house.now.mono
    sent = house.tick()

    assert only(sent, m.Beacon)
    assert {event.nick for event in events(sent, m.Presence) if event.change == "left"} == {"bob"}
    assert any("RuntimeError: a fault" in line for line in house.logged)
