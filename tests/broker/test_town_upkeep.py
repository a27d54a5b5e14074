"""A person's words are erased at one of several brokers: the others learn it, whatever becomes of that one."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from zchat.broker.history import Change, NotStored, Outcome, Put
from zchat.broker.rooms import TOPICS
from zchat.common import limits, messages as m
from zchat.common.names import OPERATOR

from ..simulation.failing import Crash
from .house import House, key
from .town import Town


@pytest.fixture
def town() -> Town:
    """Three brokers; bob has changed the topic that alice had set, and an operator is at the first broker."""
    town = Town(3)
    one, two, _ = town.houses
    one.enter("alice", OPERATOR)
    one.join("dev", "alice")
    one.send(("alice", m.Say(id="t", kind="topic", text="hers", room="dev")))
    town.pass_on()
    two.enter("bob")
    two.join("dev", "bob")
    two.send(("bob", m.Say(id="t", kind="topic", text="his", room="dev")))
    town.pass_on()
    return town


def topics(town: Town) -> list[str]:
    """The topic as each broker has it."""
    return [house.core._roster.rooms["dev"].topic for house in town.houses]


def fail_at_topics(house: House, error: Exception) -> list[Put]:
    """Whatever would tell the other brokers of a topic fails from now on; the list fills with what it was."""
    commit, failed = house.history.commit, list[Put]()

    def failing(batch: Sequence[Change]) -> list[Outcome]:
        failed.extend(change for change in batch if isinstance(change, Put) and change.table == TOPICS)
        if failed:
            raise error
        return commit(batch)  # type: ignore[no-any-return]

    house.history.commit = failing
    return failed


def test_the_others_learn_of_the_topic_that_is_left(town: Town) -> None:
    """As soon as it is done."""
    assert topics(town) == ["his"] * 3
    town.houses[0].administer("forget", "bob")
    town.pass_on()

    assert topics(town) == ["hers"] * 3


def test_who_dies_over_it_has_others_tell(town: Town) -> None:
    """They do its work again when it is gone, and find what it had not told."""
    one = town.houses[0]
    failed = fail_at_topics(one, Crash())
    with pytest.raises(Crash):
        one.admin("forget", "bob")
    assert len(failed) == 1
    town.houses.remove(one)
    town.pass_on()
    assert topics(town) == ["his"] * 2
    town.advance(int(limits.LEASE) + 10)

    assert topics(town) == ["hers"] * 2
    assert town.add().core._roster.rooms["dev"].topic == "hers"


def test_what_cannot_be_told_comes_again(town: Town) -> None:
    """And the work is not done before."""
    one = town.houses[0]
    commit = one.history.commit
    fail_at_topics(one, NotStored("The disk is full."))
    one.admin("forget", "bob")
    town.advance(5)
    assert topics(town) == ["hers", "his", "his"]
    assert not any("are erased" in line for line in one.logged)
    one.history.commit = commit
    town.advance(8)
    town.pass_on()

    assert topics(town) == ["hers"] * 3
    assert f"the words of {key('bob')} are erased: 1 entries" in one.logged
