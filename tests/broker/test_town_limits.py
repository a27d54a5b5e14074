"""What bounds one key holds over all brokers of a chat: lock-outs, budgets, sessions."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from zchat.broker.history import Put
from zchat.broker.lockouts import LOCKOUTS
from zchat.broker.policy import Policy
from zchat.common import limits, messages as m
from zchat.common.clock import Now
from zchat.common.errors import Code

from .house import TOO_FAST, House, codes, events, flood, hello, key
from .town import Town


@pytest.fixture
def town(monkeypatch: pytest.MonkeyPatch) -> Town:
    """Three brokers; mallory is at the first two, alice at the second."""
    monkeypatch.setattr(limits, "STRIKES", 50)
    town = Town(3)
    town.houses[0].enter("mallory")
    town.houses[1].enter("alice", "mallory/2")
    town.pass_on()
    return town


def locked_out(town: Town, user: str = "mallory") -> list[bool]:
    """Whether the gate of each broker keeps a user out."""
    return [house.core.admission.locked_out(key(user), house.now) for house in town.houses]


def puts(town: Town) -> int:
    """How often a row of lock-outs was written."""
    return sum(revision for _, revision in town.disk.state.get(LOCKOUTS, {}).values())


def test_who_is_shut_out_at_one_broker_is_at_all(town: Town) -> None:
    """Within a second, with the sessions there; those who only share the chat are not touched."""
    one, two, three = town.houses
    flood(one, "mallory")
    assert locked_out(town) == [True, False, False]
    town.advance(1)
    town.pass_on()

    assert locked_out(town) == [True, True, True]
    assert (two.cut, three.cut) == ([key("mallory")], [key("mallory")])
    assert codes(three.send(("mallory", hello("mallory"))), "mallory") == [TOO_FAST]
    assert two.may_speak("alice", "lobby")
    assert any("floods another broker" in line for line in two.logged)


def test_a_lock_out_ends_everywhere_by_each_brokers_own_time(town: Town) -> None:
    """Clocks an hour apart do not matter, nothing is left of it, and two rows were written in all."""
    one, two, three = town.houses
    two.now = Now(two.now.mono + 900, two.now.wall + 3_600_000)
    three.now = Now(three.now.mono + 77, three.now.wall - 3_600_000)
    flood(one, "mallory")
    town.advance(int(limits.LOCKOUT) - 1)
    assert locked_out(town) == [True, True, True]
    town.advance(6)

    assert locked_out(town) == [False, False, False]
    for house in town.houses:
        house.enter("mallory")
    assert [value for value, _ in town.disk.state[LOCKOUTS].values()] == [b"\xa0"]
    assert puts(town) == 2


def test_flooding_on_writes_nothing_more(town: Town) -> None:
    """However much comes of a key that is shut out, at however many brokers."""
    for house in town.houses:
        flood(house, "mallory")
        flood(house, "mallory")
        town.advance(2)

    assert puts(town) == 1


def test_a_flood_of_keys_fills_no_table(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys share a few rows; with too many at once some are shut out at one broker alone."""
    monkeypatch.setattr(limits, "LOCKOUT_ROWS", 8)
    users = [f"bot{number}" for number in range(100)]
    for user in users:
        flood(town.houses[0], user)
    town.advance(2)
    town.pass_on()

    assert len(town.disk.state[LOCKOUTS]) <= 8
    assert puts(town) <= 8
    assert all(locked_out(town, user)[0] for user in users)
    assert 1 <= sum(locked_out(town, user)[1] for user in users) <= 8
    town.advance(int(limits.LOCKOUT) + 5)
    assert {value for value, _ in town.disk.state[LOCKOUTS].values()} == {b"\xa0"}


def test_what_cannot_be_told_is_told_later(town: Town) -> None:
    """As long as it lasts."""
    one = town.houses[0]
    one.history.full = True
    flood(one, "mallory")
    town.advance(2)
    assert locked_out(town) == [True, False, False]
    one.history.mend()
    town.advance(3)

    assert locked_out(town) == [True, True, True]


def test_who_was_shut_out_before_a_broker_started_may_come_to_it(town: Town) -> None:
    """Since nobody knows how long ago that was: a broker that died has left its row for ever."""
    flood(town.houses[0], "mallory")
    town.advance(1)
    late = town.add()
    town.houses = [late]
    town.advance(2)

    assert locked_out(town) == [False]
    late.enter("mallory")


def test_of_two_who_share_a_row_each_lets_its_own_in_again(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """What another broker has written over is not taken away."""
    monkeypatch.setattr(limits, "LOCKOUT_ROWS", 1)
    one, two, three = town.houses
    flood(one, "mallory")
    town.advance(10)
    flood(two, "eve")
    town.advance(int(limits.LOCKOUT) - 5)
    assert (locked_out(town), locked_out(town, "eve")) == ([False] * 3, [True] * 3)
    town.advance(12)

    assert locked_out(town, "eve") == [False] * 3
    assert puts(town) == 3
    outcomes = three.history.commit([Put(LOCKOUTS, "0", b"\xa0", expect=3)])
    assert outcomes[0].revision == 4


# --- budgets and sessions -------------------------------------------------------------------------------------
def said(house: House, user: str, count: int) -> int:
    """How many messages of many a user may say at once."""
    says = [(user, m.Say(id=f"{user[-1]}{number}", room="lobby", text="x")) for number in range(count)]
    return sum(len(acked.acks) for acked in events(house.send(*says), m.Acked, to=user))


def test_who_is_at_two_brokers_says_no_more_than_at_one() -> None:
    """Each gives half of what a key may do: together as much as one does, once what was saved up is spent."""
    town = Town(2, Policy(burst=200, rate=50.0))
    one, two = town.houses
    one.enter("alice", "mallory")
    two.enter("mallory/2")
    town.pass_on()
    town.advance(10)
    for house, user in ((one, "mallory"), (two, "mallory/2")):
        said(house, user, 300)
    town.advance(2)
    together = said(one, "mallory", 300), said(two, "mallory/2", 300)
    two.send(("mallory/2", m.Goodbye()))
    town.pass_on()
    said(one, "mallory", 300)
    town.advance(2)

    assert all(40 <= part <= 51 for part in together), together
    assert 90 <= said(one, "mallory", 300) <= 101


def test_sessions_of_a_key_are_counted_at_all_brokers() -> None:
    """Also those that nobody sees, as soon as they stay; of one that ends at once nothing is written."""
    town = Town(2, Policy(sessions=3))
    one, two = town.houses
    for user in ("alice", "mallory", "mallory/2"):
        one.ask(user, replace(hello(user, present=False), private=False), m.Welcome)
    town.pass_on()
    before = len(town.disk.state.get("presence", {}))
    one.send(("alice", m.Goodbye()))
    town.advance(int(limits.HIDDEN_SECONDS) + 2)
    town.pass_on()
    two.enter("mallory/3")

    assert before == 0
    assert two.refused("mallory/4", hello("mallory/4")) == str(Code.TOO_MANY)
    assert len(town.disk.state["presence"]) == 3  # not of alice
