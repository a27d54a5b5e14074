"""Who comes in: access modes and invitations."""

from __future__ import annotations

from typing import get_args

import msgspec
import pytest

from zchat.broker.access import INVITES, hash_of
from zchat.broker.history import Put
from zchat.broker.nicks import NICKS
from zchat.broker.policy import Mode, Policy
from zchat.common import limits, messages as m
from zchat.common.keys import fingerprint, to_base32
from zchat.common.names import OPERATOR

from .house import (
    INVALID,
    NOT_ALLOWED,
    NOT_STORED,
    TAKEN,
    House,
    codes,
    events,
    hello,
    key,
    only,
)

MODES: tuple[Mode, ...] = get_args(Mode)


def closed(mode: Mode = "invite") -> House:
    """A broker whose operator is there, with an access mode."""
    house = House(Policy(access=mode))
    house.enter(OPERATOR)
    return house


def token(house: House, *, uses: int = 1, seconds: float = 0) -> str:
    """A new invitation."""
    return house.administer("invite", uses=uses, seconds=seconds).invite


# --- access modes ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("who", "lets_in"),
    [
        ("unknown", ("open",)),
        ("known", MODES),
        ("allowed", MODES),
        ("denied", ()),
        ("known and denied", ()),
        ("known and banned", ()),
        ("allowed and banned", ()),
        ("from a banned network", ()),
        ("of this account", MODES),
        ("of this account, and banned", ()),
        ("invited", ("open", "invite")),
        ("invited and denied", ()),
    ],
)
def test_who_comes_in_how(who: str, lets_in: tuple[str, ...]) -> None:
    """Open lets in all, invite who is known, allowed or invited, closed only the first two; nobody who was shut out."""
    found = []
    for mode in MODES:
        house = House()
        house.enter(OPERATOR)
        if "known" in who.split():
            house.enter("alice")
            house.send(("alice", m.Goodbye()))
        if "allowed" in who:
            house.administer("allow", key("alice"))
        if "denied" in who:
            house.administer("deny", key("alice"))
        if "banned" in who:
            house.administer("ban", "192.0.2.0/24" if "network" in who else key("alice"))
        invite = token(house) if "invited" in who else "own" if "account" in who else ""
        house.restart(Policy(access=mode))
        if events(house.send(("alice", hello("alice", invite=invite))), m.Welcome, to="alice"):
            found.append(mode)
            assert house.may_speak("alice", "lobby")
        else:
            assert not house.may_speak("alice", "lobby")
            assert key("alice") not in house.core.admission.live

    assert tuple(found) == lets_in


@pytest.mark.parametrize("mode", MODES)
def test_a_refusal_tells_what_to_do(mode: Mode) -> None:
    """Who is not let in reads how to be, with the key to name if that is needed."""
    house = closed(mode)
    house.administer("deny", key("mallory"))
    house.administer("ban", key("banned"))
    for user in ("stranger", "mallory", "banned"):
        sent = house.send((user, hello(user)))
        if (user, mode) != ("stranger", "open"):
            refused = only(sent, m.Refused, to=user)
            assert (refused.code, refused.ref, refused.retry) == (NOT_ALLOWED, 1, 0)
            assert refused.detail.endswith((".", key(user)))
            assert "invite" in refused.detail or key(user) in refused.detail


@pytest.mark.parametrize("mode", MODES)
def test_the_operators_key_always_comes_in(mode: Mode) -> None:
    """Whatever was denied or banned, by whichever way, before or after a restart."""
    house = closed(mode)
    house.administer("ban", "192.0.2.0/24")
    for verb in ("deny", "ban", "kick", "reset", "deop"):
        for target in (OPERATOR, key(OPERATOR)):
            assert codes(house.admin(verb, target), OPERATOR), f"{verb} {target}"
    assert house.administer("invite").invite
    house.restart()
    house.enter(OPERATOR)

    assert house.administer("unban", "192.0.2.0/24")


def test_the_nick_of_the_operator_is_its_keys_alone() -> None:
    """Another key cannot take it, and its own key can take no other."""
    house = closed("open")

    assert house.refused("mallory", hello("mallory", "Operator")) == INVALID
    assert house.refused(f"{OPERATOR}/2", hello(OPERATOR, "boss")) == TAKEN
    assert house.refused(OPERATOR, m.Rename(nick="boss")) == NOT_ALLOWED


def test_allowed_keys_come_in_until_they_are_denied() -> None:
    """Also by public key; denying ends the session, and allowing again lets in as before."""
    house = closed("closed")
    public = bytes(range(32))
    assert house.refused("alice", hello("alice")) == NOT_ALLOWED
    house.administer("allow", key("alice"))
    house.enter("alice")
    sent = house.admin("deny", "alice")
    assert codes(sent, "alice") == [NOT_ALLOWED]
    assert house.refused("alice", hello("alice")) == NOT_ALLOWED
    house.administer("allow", "alice")
    house.enter("alice")

    assert fingerprint(public) in house.administer("allow", to_base32(public)).detail
    assert codes(house.admin("allow", "nobody"), OPERATOR) == ["no_such_user"]


def test_a_denied_key_that_was_kicked_stays_out() -> None:
    """When the shorter ban is over the gate still knows of the longer one."""
    house = closed("open")
    house.administer("deny", key("mallory"))
    house.administer("kick", key("mallory"))
    house.advance(limits.KICK_SECONDS + 1)

    assert house.refused("mallory", hello("mallory")) == NOT_ALLOWED
    assert house.core.admission.banned(key("mallory"), "192.0.2.1", house.now.wall)


# --- invitations ----------------------------------------------------------------------------------------------
def test_an_invitation_is_good_for_so_many() -> None:
    """So many strangers come in by it, and no one more; who came in needs it no more."""
    house = closed()
    invite = token(house, uses=2)
    for user in ("alice", "bob"):
        house.ask(user, hello(user, invite=invite), m.Welcome)
    assert house.refused("carol", hello("carol", invite=invite)) == NOT_ALLOWED
    house.restart()

    assert [welcome.nick for welcome in house.enter("alice", "bob")] == ["alice", "bob"]
    assert house.refused("carol", hello("carol", invite=invite)) == NOT_ALLOWED


@pytest.mark.parametrize("invite", ["", "unknown", "Own", "own ", hash_of("word0")])
def test_nothing_else_is_an_invitation(invite: str) -> None:
    """Not even the hash that is stored of one."""
    house = closed()
    token(house)

    assert house.refused("alice", hello("alice", invite=invite[:64])) == NOT_ALLOWED
    assert house.nick("alice") == ""


def test_an_invitation_expires() -> None:
    """When its time is over nobody comes in by it any more, though uses are left."""
    house = closed()
    invite = token(house, uses=9, seconds=60)
    house.advance(59)
    house.ask("alice", hello("alice", invite=invite), m.Welcome)
    house.advance(1)

    assert house.refused("bob", hello("bob", invite=invite)) == NOT_ALLOWED
    assert house.ask("alice", hello("alice", invite=invite), m.Welcome).nick == "alice"


@pytest.mark.parametrize("nick", ["alice", "a1ice", "no nick", "admin", ""])
def test_a_refused_nick_does_not_spend(nick: str) -> None:
    """Whose nick is taken, reserved or illegal keeps the invitation for another try."""
    house = closed()
    house.ask("alice", hello("alice", invite="own"), m.Welcome)
    invite = token(house)
    assert house.refused("bob", m.Hello(nick=nick, instance="i", invite=invite)) in (TAKEN, INVALID)

    assert house.ask("bob", hello("bob", invite=invite), m.Welcome).nick == "bob"


def test_what_is_not_stored_does_not_spend() -> None:
    """Nick and invitation are stored together or not at all; afterwards the same hello gets in."""
    house = closed()
    invite = token(house)
    with house.full_disk():
        refused = house.ask("alice", hello("alice", invite=invite), m.Refused)
        assert (refused.code, refused.ref) == (NOT_STORED, 1)
        assert refused.retry > 0
        assert house.nick("alice") == ""

    assert house.ask("alice", hello("alice", invite=invite), m.Welcome).nick == "alice"
    assert house.refused("bob", hello("bob", invite=invite)) == NOT_ALLOWED


def test_a_lost_hello_is_repeated_for_nothing() -> None:
    """The same key with the same hello is welcomed again, at once or later, and spends one use."""
    house = closed()
    invite = token(house, uses=2)
    sent = house.send(*[("alice", hello("alice", invite=invite))] * 3)
    assert len(events(sent, m.Welcome, to="alice")) == 3
    house.restart()
    house.ask("alice", hello("alice", invite=invite), m.Welcome)

    assert house.ask("bob", hello("bob", invite=invite), m.Welcome).nick == "bob"
    assert house.refused("carol", hello("carol", invite=invite)) == NOT_ALLOWED


def test_two_do_not_share_the_last_use() -> None:
    """Of two who come at the same moment, with one nick or with two, one gets in."""
    for nicks in (("alice", "bob"), ("alice", "alice")):
        house = closed()
        invite = token(house)
        sent = house.send(*(((f"key{n}"), hello(f"key{n}", nicks[n], invite=invite)) for n in range(2)))
        assert events(sent, m.Welcome, to="key0")
        assert codes(sent, "key1") == [NOT_ALLOWED]


def test_another_broker_may_have_been_faster() -> None:
    """Whoever else uses the same storage: what is stored counts, and nobody comes in twice by one use."""
    house = closed()
    invite = token(house)
    stored = house.history.table(INVITES)[hash_of(invite)][0]
    spent = msgspec.msgpack.encode({**msgspec.msgpack.decode(stored), "spent": 1})
    house.history.commit([Put(INVITES, hash_of(invite), spent, expect=1)])

    assert house.refused("alice", hello("alice", invite=invite)) == NOT_ALLOWED
    assert house.history.table(NICKS) == {}


def test_a_token_is_kept_nowhere() -> None:
    """Neither the history nor the log has it; and no two are the same."""
    house = closed()
    tokens = [token(house) for _ in range(3)]
    house.ask("alice", hello("alice", invite=tokens[0]), m.Welcome)
    house.refused("bob", hello("bob", invite=tokens[0]))
    dump = "\n".join(house.history._db.iterdump())

    assert len(set(tokens)) == 3
    assert house.logged
    for text in (dump, *house.logged):
        for each in (*(word.encode().hex() for word in tokens), *tokens):
            assert each not in text.lower()
