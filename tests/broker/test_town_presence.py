"""Who is here, whichever of several brokers they are at."""

from __future__ import annotations

import pytest

from zchat.common import limits, messages as m
from zchat.common.clock import Now

from .house import House, only
from .town import Town, changes, in_the_lobby


@pytest.fixture
def town() -> Town:
    """Two brokers; alice is at the first, bob at the second, both in the lobby."""
    return in_the_lobby()


def nicks(house: House, user: str, room: str | None = None) -> list[str]:
    """Who is here, as a user is told."""
    return [info.nick for info in house.ask(user, m.Who(room=room), m.Roster).users]


def test_people_see_each_other_whichever_broker_they_are_at(town: Town) -> None:
    """Who comes and goes, with their reason, who is away, who is here and to how many something went."""
    one, two = town.houses
    assert nicks(one, "alice") == nicks(two, "bob", "lobby") == ["alice", "bob"]
    assert only(one.say("alice", "hi", room="lobby"), m.Acked, to="alice").acks[0].delivered == 1
    two.enter("carol")
    two.join("lobby", "carol")
    assert changes(town.pass_on()[one]) == [("carol", "joined", "")]
    two.send(("carol", m.Away(text="lunch")))
    assert changes(town.pass_on()[one]) == [("carol", "away", "lunch")]
    two.send(("carol", m.Goodbye(reason="so long")))
    assert changes(town.pass_on()[one]) == [("carol", "left", "so long")]
    assert nicks(one, "alice") == ["alice", "bob"]


def test_who_goes_to_another_broker_makes_no_noise(town: Town) -> None:
    """Their session at the former one ends later, unnoticed."""
    one, two = town.houses
    one.core.disconnect(b"alice", one.now)
    two.enter("alice")
    sent = two.send(("alice", m.Join(room="lobby", resumed=True)))
    everything = [sent, *town.pass_on().values(), *town.advance(40).values()]

    assert [changes(part) for part in everything] == [[]] * 5
    assert "alice" in nicks(two, "alice")


def test_a_broker_that_is_gone_takes_its_people_along(town: Town) -> None:
    """When it has not renewed its lease for long enough; who has come elsewhere meanwhile has not left."""
    one, two = town.houses
    one.enter("carol")
    one.join("lobby", "carol")
    town.pass_on()
    town.houses.remove(one)
    two.enter("alice")
    two.join("lobby", "alice")
    soon = changes(town.advance(int(limits.LEASE) - 2)[two])
    later = changes(town.advance(5)[two])

    assert soon == []
    assert later == [("carol", "left", "connection lost")]
    assert nicks(two, "bob") == ["alice", "bob"]


def test_clocks_an_hour_apart_do_not_make_anybody_gone(town: Town) -> None:
    """Nothing compares them."""
    one, two = town.houses
    two.now = Now(two.now.mono + 3_600, two.now.wall + 3_600_000)
    sent = town.advance(60)

    assert (changes(sent[one]), changes(sent[two])) == ([], [])
    assert nicks(one, "alice") == nicks(two, "bob") == ["alice", "bob"]


def test_who_was_stopped_does_not_take_the_others_for_gone(town: Town) -> None:
    """Nor who could not read: what it did not see is nobody's silence. Those who go on take it for gone."""
    one, two = town.houses
    town.advance(60, without=one)
    assert "alice" not in nicks(two, "bob")
    sent = town.advance(3)

    assert not any(nick == "bob" for nick, _, _ in changes(sent[one]))
    assert ("alice", "joined", "") in changes(sent[two])
    assert any("took this one for gone" in line for line in one.logged)


def test_numbers_and_slots_are_used_again() -> None:
    """However often brokers start and clients come and go, the small state does not grow."""
    town = Town(1)
    for round_ in range(5):
        house = town.houses[0]
        house.enter(*(f"user{n}/{round_}" for n in range(4)))
        town.pass_on()
        house.send(*((f"user{n}/{round_}", m.Goodbye()) for n in range(4)))
        town.pass_on()
        town.add()
        town.houses.pop(0)
        town.advance(int(limits.LEASE) + 5)

    assert len(town.disk.state["broker"]) <= 2
    assert len(town.disk.state["presence"]) <= 8
