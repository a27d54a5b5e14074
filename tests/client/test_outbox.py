"""What waits for its ack, and the hold of a broker that takes nothing for the moment."""

from __future__ import annotations

import pytest

from zchat.client.outbox import Outbox
from zchat.common import limits
from zchat.common.messages import Say


def said(*ids: str) -> Outbox:
    """An outbox with these messages, all sent at time 0."""
    outbox = Outbox()
    for id_ in ids:
        outbox.add(Say(id=id_, text=id_, room="lobby"), 0.0)
    return outbox


def sent(outbox: Outbox, now: float) -> list[str]:
    """The ids of what is to be sent."""
    return [say.id for say in outbox.unsent(now)]


def test_nothing_is_sent_during_a_hold() -> None:
    """Neither what was refused, nor what was said since, nor what has long had no ack; then all in its order."""
    outbox = said("a", "b", "c")
    first = outbox.put_off("b", 1.0, 30.0)
    assert first is not None
    assert (first.id, outbox.held) == ("b", True)
    outbox.add(Say(id="d", text="d", room="lobby"), None)
    assert sent(outbox, 1.0 + 29.9) == []
    assert limits.RESEND_AFTER < 29

    assert sent(outbox, 31.0) == ["a", "b", "c", "d"]
    assert not outbox.held
    assert sent(outbox, 31.1) == []


def test_what_was_on_its_way_does_not_lengthen_a_hold() -> None:
    """Of thousands of refusals one begins the hold, whether the others come during it or after it."""
    ids = [str(number) for number in range(limits.WINDOW)]
    outbox = said(*ids)
    assert outbox.put_off("0", 1.0, 2.0) is not None
    during = [outbox.put_off(id_, 2.0, 2.0) for id_ in ids[:1_000]]
    assert outbox.free_at == 3.0
    assert sent(outbox, 3.0) == ids
    after = [outbox.put_off(id_, 3.1, 2.0) for id_ in ids[1_000:]]

    assert set(during) | set(after) == {None}
    assert not outbox.held


def test_the_same_message_refused_again_begins_the_next_hold() -> None:
    """The answer to what was sent after the hold counts; and once that message is stored, any other's does."""
    outbox = said("a", "b")
    outbox.put_off("a", 1.0, 1.0)
    outbox.unsent(2.0)
    assert outbox.put_off("a", 2.1, 1.0) is not None
    outbox.unsent(4.0)
    assert outbox.put_off("b", 4.0, 1.0) is None
    assert outbox.remove("a") is not None

    assert outbox.put_off("b", 4.1, 1.0) is not None


def test_a_new_connection_ends_a_hold() -> None:
    """Everything is sent at once to who has not refused it."""
    outbox = said("a", "b")
    outbox.put_off("a", 1.0, 1_000.0)
    outbox.lost()

    assert not outbox.held
    assert sent(outbox, 2.0) == ["a", "b"]
    assert outbox.put_off("b", 2.1, 1.0) is not None


@pytest.mark.parametrize("id_", ["nobody", "gone"])
def test_who_does_not_wait_holds_nothing(id_: str) -> None:
    """A refusal of what is not waiting is no news."""
    outbox = said("gone", "a")
    outbox.remove("gone")

    assert outbox.put_off(id_, 1.0, 1.0) is None
    assert not outbox.held
