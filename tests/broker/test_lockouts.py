"""Who floods, or piles up what cannot be read in time, is shut out for a while."""

from __future__ import annotations

import pytest

from zchat.broker.policy import Policy
from zchat.common import limits, messages as m
from zchat.common.errors import Code
from zchat.common.names import OPERATOR

from .house import GARBAGE, TOO_FAST, House, flood, hello, key, only, say


# --- floods ---------------------------------------------------------------------------------------------------
@pytest.fixture
def flooded(monkeypatch: pytest.MonkeyPatch) -> House:
    """A broker at which mallory, who had two sessions, has been shut out for flooding."""
    monkeypatch.setattr(limits, "STRIKES", 50)
    house = House()
    house.enter(OPERATOR, "alice", "mallory", "mallory/2")
    house.join("lobby", "alice", "mallory")
    house.published.clear()
    flood(house, "mallory")
    return house


def test_who_floods_is_shut_out(flooded: House) -> None:
    """Their sessions end, rooms hear why, the connections are cut, and the gate knows."""
    (left,) = [each.event for each in flooded.published if isinstance(each.event, m.Presence)]

    assert (left.nick, left.change) == ("mallory", "left")
    assert left.reason
    assert flooded.cut == [key("mallory")]
    assert flooded.core.admission.locked_out(key("mallory"), flooded.now)
    assert key("mallory") not in flooded.core.admission.live
    assert not flooded.core.admission.locked_out(key("alice"), flooded.now)
    assert flooded.may_speak("alice", "lobby")


def test_who_is_shut_out_does_not_come_back_at_once(flooded: House) -> None:
    """Also not over a connection that is still open; they are told to come later."""
    refused = only(flooded.send(("mallory", hello("mallory"))), m.Refused, to="mallory")

    assert (refused.code, refused.ref) == (TOO_FAST, 1)
    assert refused.retry > 0
    assert key("mallory") not in flooded.core.admission.live


def test_who_goes_on_flooding_makes_no_noise(flooded: House) -> None:
    """They are cut once and logged once, however much is still on its way."""
    before = len([line for line in flooded.logged if "floods" in line])
    for _ in range(500):
        flooded.carry_out(flooded.core.refuse_frame(b"mallory", key("mallory"), GARBAGE, flooded.now))

    assert before == len([line for line in flooded.logged if "floods" in line]) == 1
    assert flooded.cut == [key("mallory")]


def test_a_flood_is_forgiven(flooded: House) -> None:
    """After a while they may come again, and nothing is remembered."""
    flooded.advance(limits.LOCKOUT)
    assert not flooded.core.admission.locked_out(key("mallory"), flooded.now)
    flooded.tick()
    assert flooded.core.admission.floods == {}

    flooded.enter("mallory")
    assert flooded.may_speak("mallory", "lobby")


def test_what_counts_as_a_flood(monkeypatch: pytest.MonkeyPatch) -> None:
    """Going on after being refused for being too fast, and speaking before hello; not what is merely refused."""
    monkeypatch.setattr(limits, "STRIKES", 50)
    house = House(Policy(burst=300, rate=0.001))
    house.enter("alice", "mallory")
    for number in range(90):
        house.send(("alice", m.Say(id=str(number), text="", room="lobby")))
    assert house.cut == []
    for _ in range(400):
        house.send(("mallory", m.Ping()))
    assert house.cut == [key("mallory")]
    for _ in range(60):
        house.send(("stranger", m.Ping()))

    assert house.cut == [key("mallory"), key("stranger")]


def test_an_obedient_client_is_never_shut_out() -> None:
    """A full window that is refused, sent again as often as it is allowed to, is no flood."""
    house = House(Policy(burst=50, rate=1))
    house.enter("alice")
    for _ in range(20):
        house.send(*(("alice", say(f"{number}", room="lobby")) for number in range(limits.WINDOW)))
        house.advance(limits.TOO_FAST_RETRY)

    assert house.cut == []


# --- what waits to be read ------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("waiting", "out"),
    [
        ({"alice": limits.PILE, "bob": 1}, set()),
        ({"alice": limits.PILE + 1, "bob": limits.PILE - 1}, {"alice"}),
        ({"alice": limits.PILE - 1, "bob": limits.PILE, "carol": 9}, {"bob"}),
        ({"alice": 10, "unknown": limits.PILES + 1}, {"unknown"}),
    ],
)
def test_who_piles_up_too_much_is_shut_out(waiting: dict[str, int], out: set[str]) -> None:
    """One who sends more than can be read, or where it is too much of all together those who send the most."""
    house = House()
    house.enter("alice", "bob", "carol")

    house.carry_out(house.core.piled({key(user): size for user, size in waiting.items()}, house.now))

    assert set(house.cut) == {key(user) for user in out}
    assert {user for user in waiting if house.core.admission.locked_out(key(user), house.now)} == out


def test_what_somebody_who_is_shut_out_has_piled_up_is_not_heard() -> None:
    """It gets no answer, until the time is over."""
    house = House()
    house.enter("alice")
    house.carry_out(house.core.piled({key("alice"): limits.PILE + 1}, house.now))
    late = m.Say(id="1", room="lobby", text="x")
    assert house.send(("alice", late), ("alice", m.Ping(ref=1))) == []

    house.advance(limits.LOCKOUT + 1)
    assert house.refused("alice", late) == Code.HELLO_FIRST
