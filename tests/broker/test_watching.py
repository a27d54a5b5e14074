"""What the broker tells its operator of itself, and how often."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

import pytest

from zchat.broker.history import NotStored
from zchat.broker.watching import AGAIN, SLOW_COMMIT, STALL, Watch
from zchat.common import messages as m
from zchat.common.errors import Code

from .house import House, hello

Told = Callable[[], list[tuple[str, dict[str, object], str]]]
KEY = "k" * 32


@pytest.fixture
def watch() -> Watch:
    """Bob is reached by ``b``; nobody else is known."""
    return Watch(lambda identity: (KEY, "bob") if identity == b"b" else ("", ""))


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> Told:
    """Event, fields and text of all that was logged since it was last asked."""
    caplog.set_level(logging.INFO, "zchat")

    def take() -> list[tuple[str, dict[str, object], str]]:
        found = [(record.event, record.fields, record.getMessage()) for record in caplog.records]  # type: ignore[attr-defined]
        caplog.clear()
        return found

    return take


def refused(code: Code) -> m.Refused:
    """A refusal with this code."""
    return m.Refused(code=str(code), detail="Not now.", ref=1)


def test_a_full_disk_is_told_once_a_minute(watch: Watch, told: Told) -> None:
    """That nothing can be stored makes a line at once, and then one a minute with how often; all are counted."""
    full = NotStored("The history cannot be written (database or disk is full).")
    for _ in range(100):
        watch.committed(1, 0.0, full)
    first = told()
    watch._failure_told -= AGAIN
    watch.committed(1, 0.0, full)

    assert first == [("not_stored", {"times": 1}, str(full))]
    assert [(event, fields) for event, fields, _ in told()] == [("not_stored", {"times": 100})]
    assert watch.metrics.commits_failed == 101


def test_gaps_are_told_once_a_minute_for_each_client(watch: Watch, told: Told) -> None:
    """What was sent again is counted at once, and told with whose it was; of who has gone nothing is told."""
    for _ in range(3):
        watch.repaired(b"b", 5)
    watch.repaired(b"gone", 1)
    watch.tick(2 * AGAIN)
    first = told()
    watch.repaired(b"b", 1)
    watch.tick(3 * AGAIN - 1)

    assert [(event, fields) for event, fields, _ in first] == [
        ("repaired", {"user": KEY, "nick": "bob", "gaps": 3, "entries": 15})
    ]
    assert told() == []
    assert (watch.metrics.gaps, watch.metrics.gap_entries) == (5, 17)


def test_a_refusal_is_told_once_a_minute(watch: Watch, told: Told) -> None:
    """Who is refused again and again makes one line for each reason, and one more with how often; all are counted."""
    for _ in range(1_000):
        watch.replied(refused(Code.TOO_FAST), (b"b",), 10, 0.0)
    watch.replied(refused(Code.NOT_ALLOWED), (b"b",), 10, 0.0)
    first = told()
    watch.tick(time.monotonic())
    soon = told()
    watch.tick(time.monotonic() + AGAIN + 1)
    later = told()
    watch.replied(refused(Code.TOO_FAST), (b"b",), 10, 0.0)

    assert [(event, fields["code"], fields["user"], fields["nick"]) for event, fields, _ in first] == [
        ("refused", "too_fast", KEY, "bob"),
        ("refused", "not_allowed", KEY, "bob"),
    ]
    assert f"bob ({KEY}) was refused (too_fast): Not now." == first[0][2]
    assert soon == []
    assert [(event, fields["times"]) for event, fields, _ in later] == [("refused", 999)]
    assert len(told()) == 1
    assert watch.metrics.refusals == {"too_fast": 1_001, "not_allowed": 1}


def test_a_refusal_of_nobody_known_is_only_counted(watch: Watch, told: Told) -> None:
    """Who has no session cannot fill the log by asking."""
    watch.replied(refused(Code.HELLO_FIRST), (b"?",), 10, 0.0)

    assert told() == []
    assert watch.metrics.refusals == {"hello_first": 1}


def test_a_slow_reader_is_named(watch: Watch, told: Told) -> None:
    """One line a second for each client that frames were dropped for, with how many."""
    for _ in range(5):
        watch.dropped(b"b")
    watch.dropped(b"?")
    watch.tick(0.0)
    lines = told()
    watch.tick(1.0)

    assert [(event, fields["user"], fields["frames"]) for event, fields, _ in lines] == [
        ("slow_reader", KEY, 5),
        ("slow_reader", "", 1),
    ]
    assert told() == []
    assert watch.metrics.dropped == 6


def test_a_slow_commit_is_told(watch: Watch, told: Told) -> None:
    """With how long it took and how much it held; the others are counted alone."""
    watch.committed(3, SLOW_COMMIT / 2, None)
    watch.committed(7, 2 * SLOW_COMMIT, None)
    watch.committed(7, 2 * SLOW_COMMIT, NotStored("The disk is full."))

    assert [(event, fields) for event, fields, _ in told() if event != "not_stored"] == [
        ("slow_commit", {"ms": 200, "changes": 7})
    ]
    assert sum(watch.metrics.commit_seconds.counts) == 2
    assert (watch.metrics.commits_failed, watch.metrics.storing) == (1, False)


def test_a_loop_that_was_held_up_is_told(watch: Watch, told: Told) -> None:
    """A turn of more than a second is a line, others are not."""
    watch.turned(time.monotonic())
    assert told() == []
    watch.turned(time.monotonic() - 2 * STALL)

    ((event, fields, _),) = told()
    assert event == "stall"
    assert fields["ms"] == pytest.approx(2_000 * STALL, rel=0.2)


def test_who_enters_and_leaves_a_room_is_told(watch: Watch, told: Told) -> None:
    """By PUB and by ROUTER alike, with room, nick and key; who is only called otherwise is told by the core."""
    for change in ("joined", "left", "renamed"):
        presence = m.Presence(room="lobby", nick="bob", key=KEY, change=change, time=1, reason="bye")
        watch.published(presence, 10)
        watch.replied(presence, (), 10, 0.0)

    assert [(event, fields["room"], fields["user"]) for event, fields, _ in told()] == [
        ("joined", "lobby", KEY),
        ("joined", "lobby", KEY),
        ("left", "lobby", KEY),
        ("left", "lobby", KEY),
    ]


def test_what_is_said_is_not_told_unless_it_is_wanted(watch: Watch, told: Told) -> None:
    """Entries are logged by a logger of their own, which `--log-messages` opens."""
    entry = m.Entry(seq=1, prev=0, id="x", time=1, nick="bob", key=KEY, text="my\nwords")
    logging.getLogger("zchat.messages").setLevel(logging.WARNING)
    watch.published(m.Entries(room="lobby", entries=[entry]), 10)
    assert told() == []
    logging.getLogger("zchat.messages").setLevel(logging.INFO)
    watch.published(m.Entries(room="lobby", entries=[entry]), 10)
    logging.getLogger("zchat.messages").setLevel(logging.NOTSET)

    ((event, fields, _),) = told()
    assert (event, fields["message"], fields["user"], fields["seq"]) == ("message", "my\nwords", KEY, 1)


def test_the_core_knows_who_is_reached() -> None:
    """By identity: key and nick of a session, nothing of a stranger; and how many there are."""
    house = House()
    house.enter("alice", "bob")
    house.send(("alice/2", hello("alice/2")))

    assert house.core.who(b"alice") == (house.frame("alice", None).user, "alice")
    assert house.core.who(b"stranger") == ("", "")
    assert house.core.census == (3, 2, 0)
