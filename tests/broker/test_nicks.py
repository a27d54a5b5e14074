"""Nicks: whose they are, how they change, and that nobody is taken for somebody else."""

from __future__ import annotations

from collections import Counter

import msgspec
import pytest
from hypothesis import given, settings, strategies as st

from zchat.broker.history import Put
from zchat.broker.nicks import NICKS, NickState
from zchat.common import limits, messages as m
from zchat.common.names import OPERATOR, RESERVED, fold
from zchat.common.skeleton import skeletons

from .house import INVALID, NOT_ALLOWED, NOT_STORED, TAKEN, House, codes, direct, events, hello, key, only

DAY = 86_400.0


@pytest.fixture
def house() -> House:
    """A broker with its operator, alice and bob."""
    house = House()
    house.enter(OPERATOR, "alice", "bob")
    return house


def back(house: House, *users: str) -> None:
    """After a long time users say hello again, under the nicks they have."""
    for user in users:
        house.ask(user, hello(user, house.nick(user) or user), m.Welcome)


# --- renaming -------------------------------------------------------------------------------------------------
def test_a_user_takes_another_nick(house: House) -> None:
    """The answer has the question's number; from then on everything names them by the new one."""
    assert house.ask("alice", m.Rename(nick="Anna", ref=7), m.Renamed) == m.Renamed(nick="Anna", ref=7)
    house.say("alice", "hello", room="lobby")

    assert house.page("bob", "lobby")[0].nick == "Anna"
    assert house.ask("bob", m.Who(nick="anna"), m.Roster).users[0].key == key("alice")
    assert [user.nick for user in house.ask("bob", m.Who(), m.Roster).users] == ["Anna", "bob", OPERATOR]


def test_all_screens_are_told(house: House) -> None:
    """The one that asked gets the answer, the others hear of it unasked; nobody else does by ROUTER."""
    house.enter("alice/2", "alice/3")
    sent = house.send(("alice/2", m.Rename(nick="anna", ref=7)))

    told = {user: only(sent, m.Renamed, to=user).ref for user in ("alice", "alice/2", "alice/3")}
    assert told == {"alice": 0, "alice/2": 7, "alice/3": 0}
    assert events(sent, m.Renamed, to="bob") == []


def test_rooms_are_told_once(house: House) -> None:
    """Every room where the user is present hears it once, however many screens are in it; others do not."""
    house.enter("alice/2")
    house.enter("alice/3", present=False)
    house.join("lobby", "alice", "alice/2", "bob")
    house.join("dev", "alice/2")
    house.join("silent", "alice/3")
    house.join("other", "bob")
    sent = house.send(("alice", m.Rename(nick="anna")))
    told = events(sent, m.Presence)

    assert {(each.room, each.change, each.nick, each.old, each.key) for each in told} == {
        ("lobby", "renamed", "anna", "alice", key("alice")),
        ("dev", "renamed", "anna", "alice", key("alice")),
    }
    assert len(told) == 2


def test_the_old_nick_is_kept_for_a_while(house: House) -> None:
    """For seven days nobody else gets it nor a twin of it, and it still means the same user; then it is free."""
    house.send(("alice", m.Rename(nick="anna")))
    for _ in range(2):
        assert house.refused("mallory", hello("mallory", "alice")) == TAKEN
        assert house.refused("mallory", hello("mallory", "a1ice")) == TAKEN
        assert house.refused("bob", m.Rename(nick="Alice")) == TAKEN
        house.advance(limits.NICK_KEPT / 2 - 1)
        back(house, "bob")
    house.say("bob", "to the old nick", to="ALICE")
    assert house.ask("bob", m.Who(nick="alice"), m.Roster).users[0].nick == "anna"
    house.advance(2)

    assert house.ask("mallory", hello("mallory", "alice"), m.Welcome).nick == "alice"
    house.say("bob", "to the new owner", to="alice")
    heads = house.history.heads()
    assert (heads[direct("alice", "bob")], heads[direct("mallory", "bob")]) == (1, 1)


def test_the_owner_says_hello_with_an_old_nick(house: House) -> None:
    """And is welcomed under the present one, also after a restart."""
    house.send(("alice", m.Rename(nick="anna")))
    assert house.enter("alice")[0].nick == "anna"
    house.restart()

    assert house.enter("alice")[0].nick == "anna"
    assert house.ask("alice/2", hello("alice/2", "anna"), m.Welcome).nick == "anna"


def test_a_nick_can_be_taken_back(house: House) -> None:
    """As long as it is kept; then the other one is the former."""
    house.send(("alice", m.Rename(nick="anna")))
    assert house.ask("alice", m.Rename(nick="alice"), m.Renamed).nick == "alice"
    house.advance(limits.NICK_KEPT + 1)
    back(house, "alice")

    assert house.refused("mallory", hello("mallory", "alice")) == TAKEN
    assert house.ask("mallory", hello("mallory", "anna"), m.Welcome).nick == "anna"


def test_letters_change_their_case(house: House) -> None:
    """One's own nick written otherwise leaves no former one behind."""
    assert house.ask("alice", m.Rename(nick="ALICE"), m.Renamed).nick == "ALICE"
    assert len(house.history.table(NICKS)) == 2
    house.restart()

    assert house.enter("alice")[0].nick == "ALICE"


def test_a_nick_may_look_like_ones_own(house: House) -> None:
    """Nobody is deceived by a user who looks like themselves."""
    assert house.ask("alice", m.Rename(nick="a1ice"), m.Renamed).nick == "a1ice"
    assert house.refused("mallory", hello("mallory", "alíce")) == ""
    assert house.refused("carol", hello("carol", "aIice")) == TAKEN


@pytest.mark.parametrize(
    ("nick", "code"),
    [
        ("bob", TAKEN),
        ("BOB", TAKEN),
        ("b0b", TAKEN),
        ("ЬоЬ", TAKEN),
        ("no nick", INVALID),
        ("", INVALID),
        ("x" * 25, INVALID),
        ("admin", INVALID),
        ("robert", ""),
    ],
)
def test_a_new_nick_has_to_be_free_and_legal(house: House, nick: str, code: str) -> None:
    """The same holds for a rename as for a first hello; who is refused keeps theirs."""
    assert house.refused("carol", hello("carol", nick)) == code
    house = House()
    house.enter("alice", "bob")
    assert house.refused("alice", m.Rename(nick=nick, ref=3)) == code
    assert house.nick("alice") == ("alice" if code else nick)


def test_two_want_one_nick(house: House) -> None:
    """At the same moment: the first gets it, by hello or by rename, and no twin of it is given either."""
    sent = house.send(
        ("alice", m.Rename(nick="zoe")),
        ("bob", m.Rename(nick="Zoe")),
        ("carol", hello("carol", "z0e")),
        ("mallory", hello("mallory", "zoe")),
    )

    assert [codes(sent, user) for user in ("alice", "bob", "carol", "mallory")] == [[], [TAKEN], [TAKEN], [TAKEN]]


def test_a_rename_that_is_not_stored_is_none(house: House) -> None:
    """The user keeps the nick, everybody is told nothing, and the new one stays free."""
    house.join("lobby", "alice")
    with house.full_disk():
        sent = house.send(("alice", m.Rename(nick="anna", ref=3)))
    (refused,) = events(sent, m.Refused, to="alice")

    assert (refused.code, refused.ref, len(sent)) == (NOT_STORED, 3, 1)
    assert refused.retry > 0
    assert house.nick("alice") == "alice"
    assert house.ask("bob", m.Rename(nick="anna"), m.Renamed)


def test_another_broker_may_have_been_faster(house: House) -> None:
    """Whoever else uses the same storage: what is stored counts, and the hello is judged again by it."""
    state = NickState("carol", key("mallory"), 0)
    house.history.commit([Put(NICKS, "carol", msgspec.msgpack.encode(state), expect=0)])

    assert house.refused("carol", hello("carol")) == TAKEN
    assert house.ask("carol", hello("carol", "carla"), m.Welcome).nick == "carla"
    assert house.ask("mallory", hello("mallory", "carol"), m.Welcome).nick == "carol"


# --- reserved -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("nick", sorted(RESERVED))
def test_reserved_nicks_are_nobodys(house: House, nick: str) -> None:
    """However they are written: they would be taken for the broker or for everybody."""
    for written in (nick, nick.upper(), nick.title()):
        assert house.refused("mallory", hello("mallory", written)) == INVALID
        assert house.refused("alice", m.Rename(nick=written)) == INVALID


@pytest.mark.parametrize("nick", ["adm1n", "AdmIn", "r00t", "аӏӏ", "0perator", "Rооt"])
def test_what_looks_like_a_reserved_nick_is_nobodys(house: House, nick: str) -> None:
    """Digits and letters of other scripts deceive nobody."""
    assert house.refused("mallory", hello("mallory", nick)) == INVALID


@pytest.mark.parametrize("nick", ["administrata", "roots", "hereby", "alla", "owen", "admin2", "my-admin"])
def test_other_nicks_are_free(house: House, nick: str) -> None:
    """Only the words themselves are reserved."""
    assert house.refused("mallory", hello("mallory", nick)) == ""


# --- nicks of lost keys ---------------------------------------------------------------------------------------
def test_a_nick_is_freed(house: House) -> None:
    """The sessions of the old key end with a reason, its nicks and their twins are free, and it may claim another."""
    house.send(("alice", m.Rename(nick="anna")))
    house.enter("alice/2")
    sent = house.admin("reset", "anna", reason="key lost")
    for session in ("alice", "alice/2"):
        assert "key lost" in only(sent, m.Refused, to=session).detail
    assert "anna" in only(sent, m.Administered, to=OPERATOR).detail
    assert house.cut == [key("alice")]
    assert not house.may_speak("alice", "lobby")
    assert codes(house.send(("bob", m.Say(id="x", text="x", to="alice"))), "bob") == ["no_such_user"]

    assert house.ask("carol", hello("carol", "a1ice"), m.Welcome)
    assert house.ask("dave", hello("dave", "anna"), m.Welcome)
    assert house.ask("alice", hello("alice", "newcomer"), m.Welcome).nick == "newcomer"


def test_a_freed_nick_may_be_claimed_again(house: House) -> None:
    """Even by the same key, since nobody else has taken it; a restart changes nothing."""
    house.admin("reset", "alice")
    house.restart()
    assert house.nick("alice") == ""

    assert house.enter("alice")[0].nick == "alice"


def test_rooms_see_who_left_when_a_nick_is_freed(house: House) -> None:
    """They hear that somebody left under the name that they know."""
    house.join("lobby", "alice", "bob")
    sent = house.admin("reset", "alice")

    assert [(each.nick, each.change) for each in events(sent, m.Presence)] == [("alice", "left")]


def test_an_heir_gets_the_nick(house: House) -> None:
    """A key that nobody knows yet may come in under it, and the old key is told that it is somebody else's."""
    house.admin("reset", "alice", key=key("heir"))

    assert house.refused("alice", hello("alice")) == TAKEN
    assert house.ask("heir", hello("heir", "alice"), m.Welcome).nick == "alice"
    house.restart()
    assert house.ask("heir", hello("heir", "alice"), m.Welcome).nick == "alice"
    assert house.ask("alice", hello("alice", "newcomer"), m.Welcome).nick == "newcomer"


def test_an_heir_who_has_a_nick_changes_it(house: House) -> None:
    """Who is here is renamed, on every screen and in every room; their nick before is kept for them."""
    house.enter("alice2")
    house.join("lobby", "alice2")
    sent = house.admin("reset", "alice", key=key("alice2"))

    assert only(sent, m.Renamed, to="alice2") == m.Renamed(nick="alice")
    (renamed,) = events(sent, m.Presence)
    assert (renamed.nick, renamed.old, renamed.change) == ("alice", "alice2", "renamed")
    assert house.refused("mallory", hello("mallory", "alice2")) == TAKEN
    assert house.enter("alice2")[0].nick == "alice"


@pytest.mark.parametrize("heir", ["nonsense", "a" * 31, "!" * 32, "alice"])
def test_an_heir_is_named_by_key(house: House, heir: str) -> None:
    """By anything else the nick stays whose it is."""
    assert codes(house.admin("reset", "bob", key=heir), OPERATOR) == ["bad_frame"]
    assert codes(house.admin("reset", "bob", key=key("bob")), OPERATOR) == [NOT_ALLOWED]
    assert codes(house.admin("reset", "bob", key=key(OPERATOR)), OPERATOR) == [NOT_ALLOWED]
    assert house.nick("bob") == "bob"


def test_a_former_nick_is_freed_alone(house: House) -> None:
    """Who names the nick that somebody gave up does not take their present one."""
    house.send(("alice", m.Rename(nick="anna")))
    house.admin("reset", "alice")

    assert house.nick("alice") == "anna"


def test_partners_of_a_freed_nick_are_welcomed(house: House) -> None:
    """Their private messages are still there, under some name or not at all, but never under none."""
    house.say("alice", "hello", to="bob")
    house.admin("reset", "alice")
    (welcome,) = house.enter("bob")

    assert "" not in {head.nick for head in welcome.private.values()}


# --- always ---------------------------------------------------------------------------------------------------
USERS = ("u", "v", "w")
WORDS = ["alice", "a1ice", "aIice", "Alice", "bob", "b0b", "zed"]

steps = st.lists(
    st.one_of(
        st.tuples(st.just("hello"), st.sampled_from(USERS), st.sampled_from(WORDS)),
        st.tuples(st.just("rename"), st.sampled_from(USERS), st.sampled_from(WORDS)),
        st.tuples(st.just("reset"), st.sampled_from(["", *USERS]), st.sampled_from(WORDS)),
        st.tuples(st.just("pass"), st.just(""), st.sampled_from(["4", "8"])),
        st.tuples(st.just("restart"), st.just(""), st.just("")),
    ),
    max_size=20,
)


def consistent(house: House) -> None:
    """Every nick has one owner, no two look alike, and every user is found under theirs."""
    wall = house.now.wall
    owned: dict[str, str] = {}
    for folded, (value, _) in house.history.table(NICKS).items():
        state = msgspec.msgpack.decode(value, type=NickState)
        if owner := state.owner(wall):
            assert folded == fold(state.nick)
            for form in skeletons(state.nick):
                assert owned.setdefault(form, owner) == owner, f"{state.nick} looks like another's"
    roster = house.core._roster
    present = Counter(
        state.key
        for value, _ in house.history.table(NICKS).values()
        if (state := msgspec.msgpack.decode(value, type=NickState)).key and not state.until
    )
    assert set(present.values()) <= {1}, "a key has two nicks"
    for session in roster.sessions.values():
        assert session.user.nick
        assert roster.nicks[fold(session.user.nick)] is session.user
        assert roster.users[session.user.key] is session.user


@given(steps)
@settings(max_examples=300, deadline=None)
def test_nobody_is_ever_taken_for_somebody_else(steps: list[tuple[str, str, str]]) -> None:
    """Whatever happens, no two keys own one nick or two that look alike, and everyone is found under theirs."""
    house = House()
    house.enter(OPERATOR)
    for verb, user, word in steps:
        match verb:
            case "hello":
                house.send((user, m.Hello(nick=word, instance="i")))
            case "rename":
                house.send((user, m.Rename(nick=word)))
            case "reset":
                house.admin("reset", word, **({"key": key(user)} if user else {}))
            case "pass":
                house.advance(int(word) * DAY)
                house.enter(OPERATOR)
            case "restart":
                house.restart()
                house.enter(OPERATOR)
        consistent(house)
    house.history.close()


def test_a_former_nick_that_ran_out_frees_no_twin(house: House) -> None:
    """Who claimed a nick that looks like an expired one keeps it for themselves when the first user's nick is freed."""
    house.send(("alice", m.Rename(nick="anna")))
    house.advance(limits.NICK_KEPT + 1)
    back(house, OPERATOR)
    house.ask("carol", hello("carol", "a1ice"), m.Welcome)
    house.administer("reset", "anna")

    assert house.refused("mallory", hello("mallory", "alice")) == TAKEN
    assert house.refused("mallory", hello("mallory", "aIice")) == TAKEN


def test_nobody_collects_nicks(house: House) -> None:
    """A user who takes one nick after the other does not keep them all from the others for a week."""
    for number in range(100):
        house.send(("alice", m.Rename(nick=f"word{number}x")))
        house.advance(1)
    kept = [number for number in range(100) if house.refused(f"u{number}", hello(f"u{number}", f"word{number}x"))]

    assert len(kept) <= 20


def test_a_rename_whose_answer_was_lost_is_repeated(house: House) -> None:
    """It is answered again, changes nothing and tells nobody, also when it was the last one for a while."""
    house.join("lobby", "alice", "bob")
    for number in range(limits.KEPT_NICKS):
        rename = m.Rename(nick=f"word{number}x", ref=number)
        assert house.ask("alice", rename, m.Renamed).ref == number
        sent = house.send(("alice", rename))
        assert only(sent, m.Renamed, to="alice").ref == number
        assert events(sent, m.Presence) == []

    assert house.refused("alice", m.Rename(nick="onemore")) == "too_many"
    assert house.ask("alice", m.Rename(nick=f"WORD{number}X"), m.Renamed)
    assert house.ask("alice", m.Rename(nick="alice"), m.Renamed).nick == "alice"
