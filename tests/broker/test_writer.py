"""The thread of the history: batches in order, faults that are told, and an end that waits."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import zmq

from zchat.broker.actions import Ask, Mark, Store
from zchat.broker.history import Append, Appended, Change, Found, Index, NotStored, Outcome, Put, Question, Read
from zchat.broker.sqlite import SqliteHistory
from zchat.broker.writer import Fulfilled, Writer
from zchat.common.errors import ZchatError

MARK = Mark("user", "room")


@pytest.fixture
def context() -> Iterator[zmq.Context[zmq.Socket[bytes]]]:
    """For the pipe."""
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    yield context
    context.term()


def said(id_: str) -> Store:
    """Something to store."""
    return Store(Append("lobby", "alice", id_, "alice", "x", 0), MARK)


def result(writer: Writer) -> Fulfilled:
    """The next one, when it is there."""
    assert writer.pipe.poll(10_000)
    return writer.take()


def test_batches_are_carried_out_in_order(context: zmq.Context[zmq.Socket[bytes]], tmp_path: Path) -> None:
    """Each by one commit, then its questions, which see it."""
    history = SqliteHistory(tmp_path / "history.sqlite")
    writer = Writer(context, history)
    writer.give([said("a"), said("b")])
    writer.give([Ask(Read("lobby", after=0, limit=9), MARK), said("c")])
    first, second = result(writer), result(writer)
    writer.close()
    history.close()

    assert (first.done, first.changes, first.failure) == (
        [(MARK, Appended(1, 0, 0)), (MARK, Appended(2, 1, 0))],
        2,
        None,
    )
    found = second.done[-1][1]
    assert isinstance(found, Found)
    assert [entry.id for entry in found.entries] == ["a", "b", "c"]


def test_what_cannot_be_stored_is_told(context: zmq.Context[zmq.Socket[bytes]]) -> None:
    """The thread goes on after it; a change that SQLite cannot take is no other's fault."""
    history = SqliteHistory(":memory:")
    writer = Writer(context, history)
    writer.give(
        [said("a"), Store(Put("t", "x", b"", expect=2**70), MARK), Store(Append("r", "k", "i", "k", "x", 2**70), MARK)]
    )
    writer.give([said("a")])
    bad, good = result(writer), result(writer)
    writer.close()
    history.close()

    assert isinstance(bad.failure, NotStored)
    assert [outcome for _, outcome in bad.done] == [bad.failure] * 3
    assert good.done == [(MARK, Appended(1, 0, 0))]


class Broken(SqliteHistory):
    """It stores, and then nobody knows what; and of one room it cannot be read."""

    def answer(self, question: Question) -> Outcome:
        """Read, but for that room."""
        if isinstance(question, Read) and question.room == "broken":
            raise RuntimeError("a fault")
        return super().answer(question)

    def commit(self, batch: Sequence[Change]) -> list[Outcome]:
        """Store and fail."""
        if batch and isinstance(batch[0], Append):
            raise RuntimeError("a fault")
        return super().commit(batch)


def test_a_fault_of_ours_ends_the_broker_aloud(
    context: zmq.Context[zmq.Socket[bytes]], caplog: pytest.LogCaptureFixture
) -> None:
    """When it is not known what is stored nobody is told anything: the thread ends, and who waits for it is told so."""
    history = Broken(":memory:")
    writer = Writer(context, history)
    writer.give([said("a")])
    with pytest.raises(ZchatError, match="has failed"):
        result(writer)
    writer.close()
    history.close()

    assert "RuntimeError: a fault" in caplog.text
    assert [thread.name for thread in threading.enumerate() if thread.name == "zchat-history"] == []


def test_a_fault_that_a_question_finds_costs_only_itself(
    context: zmq.Context[zmq.Socket[bytes]], caplog: pytest.LogCaptureFixture
) -> None:
    """It is told as what cannot be read, the log has where it was, and the thread goes on."""
    history = Broken(":memory:")
    writer = Writer(context, history)
    writer.give([Ask(Read(room, after=0, limit=9), MARK) for room in ("broken", "lobby")])
    (_, broken), (_, lobby) = result(writer).done
    writer.close()
    history.close()

    assert isinstance(broken, NotStored)
    assert lobby == Found([], more=False)
    assert "RuntimeError: a fault" in caplog.text


def test_a_few_messages_are_not_worth_the_way(context: zmq.Context[zmq.Socket[bytes]]) -> None:
    """After a quick commit a few more may be stored where one is; what may take long, or is a question, may not."""
    history = SqliteHistory(":memory:")
    writer = Writer(context, history)
    assert not writer.is_quick([said("a")])
    while not writer.is_quick([said("b")]):  # in memory: sooner or later one is quick on any machine
        assert writer.carry_out([said("a")]).changes == 1
    quick = [
        writer.is_quick([said(str(number)) for number in range(10)]),
        writer.is_quick([said(str(number)) for number in range(100)]),
        writer.is_quick([said("c"), Store(Index(9), MARK)]),
        writer.is_quick([Ask(Read("lobby", after=0, limit=9), MARK)]),
    ]
    history.shared = True  # a database elsewhere, which may say nothing for seconds
    quick.append(writer.is_quick([said("d")]))
    writer.close()
    history.close()

    assert quick == [True, False, False, False, False]


def test_an_end_waits_for_what_is_under_way(context: zmq.Context[zmq.Socket[bytes]], tmp_path: Path) -> None:
    """What was given before is stored."""
    history = SqliteHistory(tmp_path / "history.sqlite")
    writer = Writer(context, history)
    for number in range(20):
        writer.give([said(str(number))])
    writer.close()

    assert history.heads() == {"lobby": 20}
    history.close()
