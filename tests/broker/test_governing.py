"""What only operators of the broker may do: shut people out, and name operators."""

from __future__ import annotations

import msgspec
import pytest

from zchat.broker.access import BANS, BanState
from zchat.broker.actions import Publish
from zchat.broker.history import Put
from zchat.broker.nicks import NICKS
from zchat.common import limits, messages as m
from zchat.common.names import OPERATOR

from .house import (
    INVALID,
    NOT_ALLOWED,
    NOT_STORED,
    SECRETS,
    TAKEN,
    House,
    codes,
    direct,
    events,
    hello,
    key,
    only,
)


@pytest.fixture
def house() -> House:
    """An open broker with its operator, alice and bob."""
    house = House()
    house.enter(OPERATOR, "alice", "bob")
    return house


# --- bans from the broker -------------------------------------------------------------------------------------
@pytest.mark.parametrize("target", ["mallory", key("mallory"), "192.0.2.66", "192.0.2.64/26", "::ffff:192.0.2.66"])
@pytest.mark.parametrize("verb", ["ban", "kick"])
def test_who_is_banned_is_out_at_once(house: House, verb: str, target: str) -> None:
    """They are told, with who and why; all their sessions end, the rooms see it, and the connection is cut."""
    house.addresses = dict.fromkeys(("mallory", "mallory/2"), "192.0.2.66")
    house.enter("mallory", "mallory/2")
    house.join("lobby", "mallory", "mallory/2", "alice")
    sent = house.admin(verb, target, reason="spam")

    for session in ("mallory", "mallory/2"):
        refused = only(sent, m.Refused, to=session)
        assert (refused.code, refused.ref, refused.id) == (NOT_ALLOWED, 0, None)
        assert "operator" in refused.detail
        assert "spam" in refused.detail
    (left,) = events(sent, m.Presence)
    assert (left.nick, left.change) == ("mallory", "left")
    assert len(house.cut) == 1
    assert house.core.admission.banned(key("mallory"), "192.0.2.66", house.now.wall)
    assert key("mallory") not in house.core.admission.live
    assert key("alice") in house.core.admission.live


def test_nothing_is_heard_of_who_is_banned(house: House) -> None:
    """What they had sent already, before they are cut, is refused, whatever it is."""
    house.enter("mallory")
    house.join("lobby", "mallory")
    late: list[m.Command] = [
        m.Say(id="late", text="late", room="lobby"),
        m.Say(id="late-2", text="late", to="alice"),
        m.Replay(room="lobby", ref=2),
        m.Who(ref=3),
        m.Join(room="other", ref=4),
        m.Rename(nick="other", ref=5),
        m.Ping(ref=6),
        m.Part(room="lobby", ref=7),
        m.Admin(verb="unban", target="mallory", ref=8),
        hello("mallory"),
        hello("mallory", "another"),
    ]
    ban = m.Admin(verb="ban", target="mallory")
    sent = house.send((OPERATOR, ban), *(("mallory", command) for command in late))

    assert len(codes(sent, "mallory")) == 1 + len(late)
    assert {type(action.event) for action in sent if not isinstance(action, Publish)} == {m.Refused, m.Administered}
    assert "late" not in house.texts("alice", "lobby")


def test_a_ban_ends_by_itself_or_is_lifted(house: House) -> None:
    """Until then every hello is refused; after it the user is who they were."""
    house.enter("mallory")
    house.administer("ban", "mallory", seconds=3_600)
    house.advance(3_599)
    assert house.refused("mallory", hello("mallory")) == NOT_ALLOWED
    house.advance(1)
    house.enter("mallory")
    assert not house.core.admission.banned(key("mallory"), "192.0.2.1", house.now.wall)
    house.administer("ban", "mallory")
    house.advance(10**8)
    assert house.refused("mallory", hello("mallory")) == NOT_ALLOWED
    house.enter(OPERATOR)
    house.administer("unban", "mallory")

    assert house.enter("mallory")[0].nick == "mallory"
    assert codes(house.admin("unban", "mallory"), OPERATOR) == [NOT_ALLOWED]
    assert codes(house.admin("unban", "192.0.2.0/24"), OPERATOR) == [NOT_ALLOWED]


def test_a_kick_lasts_a_minute(house: House) -> None:
    """Then they may come again."""
    house.enter("mallory")
    house.administer("kick", "mallory")
    house.advance(limits.KICK_SECONDS - 1)
    assert house.refused("mallory", hello("mallory")) == NOT_ALLOWED
    house.advance(1)

    assert house.enter("mallory")


@pytest.mark.parametrize(
    ("verb", "more", "done", "told"),
    [
        (
            "kick",
            {},
            "was put out of this broker, and may come back in 60 seconds.",
            "You may come back in 60 seconds.",
        ),
        ("ban", {}, "is banned from this broker.", "Ask the broker's operator"),
        ("ban", {"seconds": 60.0}, " UTC.", "That holds until 2023-11-14 22:14 UTC. Ask the broker's operator"),
        ("deny", {}, "is not let in any more.", "Ask the broker's operator"),
        ("reset", {}, "is free now.", "Join again with another nick."),
    ],
)
def test_who_is_shut_out_is_told_what_to_do(
    house: House, verb: m.AdminVerb, more: dict[str, float], done: str, told: str
) -> None:
    """And the operator is told what was done, not how."""
    house.enter("mallory")
    sent = house.admin(verb, "mallory", **more)

    assert only(sent, m.Administered, to=OPERATOR).detail.endswith(done)
    assert told in only(sent, m.Refused, to="mallory").detail


def test_a_kick_does_not_shorten_a_ban(house: House) -> None:
    """Who is banned for good is not let in a minute later because somebody kicked them too."""
    house.enter("mallory")
    house.administer("ban", "mallory")
    house.admin("kick", "mallory")
    house.advance(limits.KICK_SECONDS + 1)

    assert house.refused("mallory", hello("mallory")) == NOT_ALLOWED


def test_bans_survive_a_restart(house: House) -> None:
    """Those of keys and those of networks; and those that were lifted do not come back."""
    house.addresses["mallory/2"] = "2001:db8::1"
    for target in (key("banned"), "2001:db8::/64", "192.0.2.128/25", key("lifted")):
        house.administer("ban", target)
    for target in ("192.0.2.128/25", key("lifted")):
        house.administer("unban", target)
    house.restart()
    house.addresses |= {"elsewhere": "192.0.2.200"}

    assert house.refused("banned", hello("banned")) == NOT_ALLOWED
    assert house.refused("mallory/2", hello("mallory/2")) == NOT_ALLOWED
    assert [welcome.nick for welcome in house.enter("lifted", "elsewhere")] == ["lifted", "elsewhere"]
    assert len(house.core.admission.networks) == 1


def test_only_those_from_there_are_shut_out(house: House) -> None:
    """A banned network ends the sessions of those who came from it."""
    house.addresses |= {"near": "198.51.100.1", "far": "198.51.101.1", "mapped": "::ffff:198.51.100.9"}
    house.enter("near", "far", "mapped")
    sent = house.admin("ban", "198.51.100.77/24")

    assert [codes(sent, user) for user in ("near", "far", "mapped")] == [[NOT_ALLOWED], [], [NOT_ALLOWED]]
    assert house.cut == ["198.51.100.0/24"]
    assert house.may_speak("far", "lobby")


@pytest.mark.parametrize("target", ["0.0.0.0/0", "::/0", "::ffff:0:0/96"])
def test_nobody_bans_everybody(house: House, target: str) -> None:
    """A slip of the finger does not empty the house."""
    assert codes(house.admin("ban", target), OPERATOR) == [NOT_ALLOWED]
    assert house.may_speak("alice", "lobby")


@pytest.mark.parametrize("target", ["", "nobody", "1.2.3", "192.0.2.0/33", "not a name", "2001:db8::/129", "#x", "\0"])
def test_there_must_be_somebody_to_ban(house: House, target: str) -> None:
    """What is neither a nick, a key nor a network is told so, and nothing is stored."""
    for verb in ("ban", "kick", "unban", "deny", "allow", "reset", "op", "deop"):
        assert codes(house.admin(verb, target), OPERATOR) == ["no_such_user"], verb
    assert house.history.table(BANS) == {}


def test_a_ban_that_is_not_stored_is_none(house: House) -> None:
    """The operator is told to try again, and nobody is shut out meanwhile."""
    house.join("lobby", "alice")
    with house.full_disk():
        for verb in ("ban", "kick", "deny", "op", "invite", "reset"):
            sent = house.admin(verb, "alice")
            assert codes(sent, OPERATOR) == [NOT_STORED], verb
            assert events(sent, m.Refused, to=OPERATOR)[0].retry > 0, verb
            assert len(sent) == 1

    assert house.cut == []
    assert house.may_speak("alice", "lobby")


def test_who_bans_is_kept(house: House) -> None:
    """By whom, why and until when, for those who ask later."""
    house.administer("ban", "bob", seconds=60, reason="spam")
    value, _ = house.history.table(BANS)[key("bob")]

    assert msgspec.msgpack.decode(value, type=BanState) == BanState(house.now.wall + 60_000, key(OPERATOR), "spam")


# --- operators ------------------------------------------------------------------------------------------------
VERBS = ("allow", "deny", "kick", "ban", "unban", "op", "deop", "reset", "invite")


@pytest.mark.parametrize("verb", VERBS)
def test_who_is_no_operator_may_do_nothing(house: House, verb: str) -> None:
    """Every verb is refused, nothing is stored, and there is nothing to be learnt from it."""
    before = list(house.history._db.iterdump())
    for target in ("bob", "nobody", OPERATOR, "alice"):
        sent = house.admin(verb, target, user="alice", key=key("mallory"))
        assert codes(sent, "alice") == [NOT_ALLOWED]
        assert len(sent) == 1
    assert list(house.history._db.iterdump()) == before


def test_an_operator_may_do_most(house: House) -> None:
    """Named by the operator's key they shut out and invite, but name no operators, and touch none of their own rank."""
    house.enter("carol", "mallory")
    for name in ("alice", "bob"):
        house.administer("op", name)
    for verb in ("kick", "ban", "unban", "allow", "deny"):
        house.administer(verb, "mallory", user="alice")
    assert house.administer("invite", user="alice").invite

    for verb in ("op", "deop"):
        assert codes(house.admin(verb, "carol", user="alice"), "alice") == [NOT_ALLOWED]
    for target in ("bob", "alice", OPERATOR):
        assert codes(house.admin("reset", target, user="alice"), "alice") == [NOT_ALLOWED], target
        for verb in ("kick", "ban", "deny"):
            for named in (target, key(target)):
                assert codes(house.admin(verb, named, user="alice"), "alice") == [NOT_ALLOWED], (verb, named)


def test_operators_are_named_and_dismissed(house: House) -> None:
    """Only by the operator's key; it shows in who, survives a restart, and ends at once."""
    house.administer("op", "alice")
    assert only(house.send(("bob", m.Who(nick="alice"))), m.Roster, to="bob").users[0].operator
    house.restart()
    house.enter(OPERATOR, "alice", "bob")
    house.administer("invite", user="alice")
    house.administer("deop", "alice")
    assert codes(house.admin("invite", user="alice"), "alice") == [NOT_ALLOWED]
    house.restart()
    house.enter("alice")

    assert codes(house.admin("invite", user="alice"), "alice") == [NOT_ALLOWED]


def test_the_operators_key_shuts_out_operators(house: House) -> None:
    """It stands above those whom it named."""
    house.administer("op", "alice")

    assert codes(house.admin("ban", "alice"), "alice") == [NOT_ALLOWED]
    assert house.refused("alice", hello("alice")) == NOT_ALLOWED


def test_who_lost_the_key_lost_its_rights(house: House) -> None:
    """A key whose nick was taken away because it is lost is no operator any more, nor after it claims another nick."""
    house.administer("op", "alice")
    house.administer("reset", "alice")
    house.enter("mallory")
    house.send(("alice", hello("alice", "thief")))

    assert codes(house.admin("ban", "bob", user="alice"), "alice") == [NOT_ALLOWED]


def test_what_was_done_is_told_and_logged(house: House) -> None:
    """The answer is a sentence, with the question's number; the log has it with who did it."""
    for verb, target in (("ban", "bob"), ("unban", "bob"), ("allow", "bob"), ("deny", "bob"), ("op", "alice")):
        done = house.administer(verb, target)
        assert done.detail.endswith(".")
        assert done.ref == 5
        assert any(done.detail in line and OPERATOR in line for line in house.logged)


def test_the_operator_is_not_shown() -> None:
    """A key that is no user's is in no list, until it says hello as present."""
    house = House()
    house.enter(OPERATOR)
    house.send((OPERATOR, m.Goodbye()))
    house.enter("alice")

    assert [user.nick for user in house.ask("alice", m.Who(), m.Roster).users] == ["alice"]
    assert house.ask("alice", m.Who(nick=OPERATOR), m.Roster).users[0].operator
    assert SECRETS.operator == key(OPERATOR)


def test_an_older_history_may_have_an_operator() -> None:
    """A user who had that nick before it was reserved can come in under another one, and is not taken for it."""
    house = House()
    old = msgspec.msgpack.encode({"nick": OPERATOR, "key": key("alice"), "since": 0})
    house.history.commit([Put(NICKS, OPERATOR, old)])
    house.restart()
    house.enter(OPERATOR, "bob")

    assert house.refused("alice", hello("alice", OPERATOR)) in (INVALID, TAKEN)
    assert house.ask("alice", hello("alice"), m.Welcome).nick == "alice"
    house.say("bob", "hello", to=OPERATOR)
    assert direct("bob", OPERATOR) in house.history.heads()
