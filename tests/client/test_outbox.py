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
    """Of thousands of refusals one begins the hold."""
    ids = [str(number) for number in range(limits.WINDOW)]
    outbox = said(*ids)
    assert outbox.put_off("0", 1.0, 2.0) is not None
    during = [outbox.put_off(id_, 2.0, 2.0) for id_ in ids]

    assert set(during) == {None}
    assert outbox.free_at == 3.0
    assert sent(outbox, 3.0) == ids


@pytest.mark.parametrize("id_", ["a", "b"])
def test_a_refusal_after_a_hold_begins_the_next_one(id_: str) -> None:
    """Of the same message or of another one: what the broker refused last is what it waits for."""
    outbox = said("a", "b")
    outbox.put_off("a", 1.0, 1.0)
    outbox.unsent(2.0)

    assert outbox.put_off(id_, 2.1, 1.0) is not None
    assert sent(outbox, 3.1) == ["a", "b"]


def test_what_is_acked_during_the_hold_that_it_began_is_sent_again_first() -> None:
    """A repeat was refused, and the broker waits for it though it has the message."""
    outbox = said("a", "b", "c")
    outbox.put_off("a", 1.0, 1.0)
    outbox.remove("a")

    assert sent(outbox, 2.0) == ["a", "b", "c"]
    assert sent(outbox, 2.0 + limits.RESEND_AFTER + 0.1) == ["b", "c"]


def test_what_was_refused_last_during_a_hold_is_sent_again_first() -> None:
    """The broker had taken the first one meanwhile, and then refused a repeat of the second."""
    outbox = said("a", "b", "c")
    outbox.put_off("a", 1.0, 1.0)
    outbox.put_off("b", 1.5, 1.0)
    outbox.remove("a")
    outbox.remove("b")

    assert sent(outbox, 2.0) == ["b", "c"]


def test_a_repeat_that_is_refused_after_the_ack_is_sent_again_first() -> None:
    """What was sent twice was acked at the first time, and refused at the second; what was sent once cannot be."""
    outbox = said("a", "b", "c")
    again = limits.RESEND_AFTER + 1
    assert sent(outbox, again) == ["a", "b", "c"]
    outbox.add(Say(id="d", text="d", room="lobby"), again)
    outbox.remove("a")
    outbox.remove("d")
    assert outbox.put_off("d", again, 1.0) is None
    assert outbox.put_off("a", again, 1.0) is not None

    assert sent(outbox, again + 1) == ["a", "b", "c"]


def test_what_is_withdrawn_is_never_sent_again() -> None:
    """Not even when the broker waits for it."""
    outbox = said("a", "b")
    outbox.put_off("a", 1.0, 1.0)
    outbox.drop("a")

    assert sent(outbox, 2.0) == ["b"]


def test_a_new_connection_ends_a_hold() -> None:
    """Everything is sent at once to who has not refused it."""
    outbox = said("a", "b")
    outbox.put_off("a", 1.0, 1_000.0)
    outbox.lost()

    assert not outbox.held
    assert sent(outbox, 2.0) == ["a", "b"]


@pytest.mark.parametrize("id_", ["nobody", "gone"])
def test_who_does_not_wait_holds_nothing(id_: str) -> None:
    """A refusal of what is not waiting is no news."""
    outbox = said("gone", "a")
    outbox.remove("gone")

    assert outbox.put_off(id_, 1.0, 1.0) is None
    assert not outbox.held
