"""Who may do what to whom in a room: owners, its operators, and those of the broker."""

from __future__ import annotations

import pytest

from zchat.broker.roster import Member
from zchat.common import messages as m
from zchat.common.names import LOBBY, OPERATOR

from .house import NOT_ALLOWED, PUBLIC_ACTS, House, codes, events, in_dev


@pytest.fixture
def house() -> House:
    """Olga owns ``dev``; otto and opal are its operators, mick and rita are there."""
    return in_dev()


# --- ranks ----------------------------------------------------------------------------------------------------
RANKS = {"mick": 0, "otto": 1, "olga": 2, OPERATOR: 3}


@pytest.mark.parametrize("kind", PUBLIC_ACTS)
@pytest.mark.parametrize("actor", [*RANKS, "rita"])
def test_who_may_do_what_to_whom(kind: str, actor: str) -> None:
    """Only those of a higher rank: an operator to members, the owner to operators; only owners name operators."""
    for target, rank in {**RANKS, "opal": 1}.items():
        house = in_dev()
        if kind in ("unban", "unmute") and target in ("mick", "otto", "opal"):
            house.done("olga", kind.removeprefix("un"), target, "dev")
        needed = 2 if kind in ("op", "deop") else 1
        may = RANKS.get(actor, 0) >= needed and RANKS.get(actor, 0) > rank and actor != target
        # What cannot be undone, since nothing was done, is refused to everyone.
        if (kind, target) in (("deop", "mick"), ("deop", "olga"), ("op", "olga")):
            may = False
        if kind in ("unban", "unmute") and target == "olga":
            may = False
        before = house.member(target, "dev")
        sent = house.do(actor, kind, target, "dev")

        assert codes(sent, actor) == ([] if may else [NOT_ALLOWED]), target
        assert bool(events(sent, m.Acked, to=actor)) is may
        if not may:
            assert house.member(target, "dev") == before


@pytest.mark.parametrize("kind", PUBLIC_ACTS)
def test_the_lobby_belongs_to_nobody(house: House, kind: str) -> None:
    """Who made it, by being the first to come, has no rights there; the broker's operators have."""
    assert house.refused("olga", house.doing(kind, "mick", LOBBY)) == NOT_ALLOWED
    assert house.ask("olga", m.Join(room=LOBBY), m.Entered).role == ""
    house.done(OPERATOR, "mute", "mick", LOBBY)
    house.done(OPERATOR, "op", "olga", LOBBY)
    house.done("olga", "unmute", "mick", LOBBY)

    assert house.may_speak("mick", LOBBY)


def test_the_maker_of_a_public_room_owns_it(house: House) -> None:
    """By joining or by speaking; also after a restart, and also when somebody else comes first then."""
    house.say("mick", "hello", room="spoken")
    house.restart()
    house.enter("rita", "mick")
    house.join("spoken", "rita")

    assert house.ask("mick", m.Join(room="spoken"), m.Entered).role == "owner"
    house.done("mick", "kick", "rita", "spoken")


def test_roles_are_told_on_entering(house: House) -> None:
    """Owner, operator or nothing."""
    roles = {user: house.ask(user, m.Join(room="dev"), m.Entered).role for user in ("olga", "otto", "mick", OPERATOR)}

    assert roles == {"olga": "owner", "otto": "operator", "mick": "", OPERATOR: ""}


def test_who_is_put_out_has_no_rights_left(house: House) -> None:
    """An operator of the room who was banned, or may not speak there, does nothing to others meanwhile."""
    for kind, undo in (("ban", "unban"), ("kick", "unban"), ("mute", "unmute")):
        house.done("olga", kind, "otto", "dev")
        for what in ("kick", "ban", "mute"):
            assert house.refused("otto", house.doing(what, "mick", "dev")) == NOT_ALLOWED, (kind, what)
        house.done("olga", undo, "otto", "dev")


# --- operators ------------------------------------------------------------------------------------------------
def test_operators_come_and_go(house: House) -> None:
    """Who is one no longer may do nothing from then on; a role survives a restart."""
    house.restart()
    house.enter("olga", "otto", "mick")
    house.done("otto", "mute", "mick", "dev")
    house.done("olga", "deop", "otto", "dev")
    assert house.refused("otto", house.doing("unmute", "mick", "dev")) == NOT_ALLOWED
    assert house.member("otto", "dev") == Member()
    house.restart()
    house.enter("otto")

    assert house.refused("otto", house.doing("unmute", "mick", "dev")) == NOT_ALLOWED


def test_the_brokers_operators_stand_above_owners(house: House) -> None:
    """Also those whom the operator's key has named; and what they are not any more they may not."""
    house.administer("op", "rita")
    house.done("rita", "ban", "olga", "dev")
    assert not house.may_speak("olga", "dev")
    house.done("rita", "unban", "olga", "dev")
    assert house.refused("olga", house.doing("kick", "rita", "dev")) == NOT_ALLOWED
    house.administer("deop", "rita")

    assert house.refused("rita", house.doing("mute", "mick", "dev")) == NOT_ALLOWED
