"""Rooms for their members only: others see, hear and learn nothing of them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings, strategies as st

from zchat.broker.actions import Publish, Reply
from zchat.broker.policy import Policy
from zchat.common import messages as m, names, wire
from zchat.common.names import LOBBY, OPERATOR

from .house import LAST, NO_ROOM, NOT_ALLOWED, House, codes, heard, in_den, key, only


@pytest.fixture
def house() -> House:
    """Alice owns ``den``, bob is a member; mallory and carol are strangers."""
    return in_den()


# --- making ---------------------------------------------------------------------------------------------------
def test_who_makes_it_owns_it(house: House) -> None:
    """The answer tells the role and that it is private; a member is one, and all of it survives a restart."""
    for _ in range(2):
        entered = house.ask("alice", m.Join(room="den"), m.Entered)
        assert (entered.private, entered.role) == (True, "owner")
        entered = house.ask("bob", m.Join(room="den"), m.Entered)
        assert (entered.private, entered.role) == (True, "member")
        house.restart()
        house.enter(OPERATOR, "alice", "bob", "mallory")

    assert house.refused("mallory", m.Join(room="den", create=False)) == NO_ROOM


def test_a_member_may_ask_for_a_private_room_again(house: House) -> None:
    """Who would make it, and is a member already, enters."""
    assert house.ask("bob", m.Join(room="Den", private=True), m.Entered).room == "den"


def test_a_public_room_stays_public(house: House) -> None:
    """Asked for as private it is refused, to whoever made it too; nobody enters by mistake."""
    house.join("open", "alice")
    house.send(("alice", m.Part(room="open")))
    for user in ("alice", "mallory"):
        assert house.refused(user, m.Join(room="open", private=True, ref=3)) == "room_invalid"
    assert house.ask("bob", m.Who(room="open"), m.Roster).users == []


def test_the_lobby_is_public() -> None:
    """The first to come cannot keep it to themselves, on a broker where nobody has been yet."""
    house = House()
    house.enter("mallory", "alice")
    house.send(("mallory", m.Join(room=LOBBY, private=True)))

    assert not house.ask("alice", m.Join(room=LOBBY), m.Entered).private
    assert house.may_speak("alice", LOBBY)


def test_two_make_one_room(house: House) -> None:
    """At the same moment: the first has it, the other is refused and not let in."""
    both = m.Join(room="cave", private=True)
    sent = house.send(("alice", both), ("mallory", both), ("carol", m.Join(room="cave")))

    assert only(sent, m.Entered, to="alice").role == "owner"
    assert codes(sent, "mallory") == codes(sent, "carol") == [NOT_ALLOWED]


def test_what_is_not_stored_is_not_made(house: House) -> None:
    """Room and owner are stored together, or there is none."""
    with house.full_disk():
        assert house.refused("mallory", m.Join(room="cave", private=True, ref=3)) == "not_stored"

    assert house.ask("alice", m.Join(room="cave", private=True), m.Entered).role == "owner"


# --- strangers ------------------------------------------------------------------------------------------------
LOOKS: list[Callable[[str], m.Command]] = [
    lambda room: m.Join(room=room, create=False, ref=3),
    lambda room: m.Join(room=room, create=False, last=5, ref=3),
    lambda room: m.Join(room=room, create=False, after=0, resumed=True, ref=3),
    lambda room: m.Part(room=room, ref=3),
    lambda room: m.Replay(room=room, after=0, ref=3),
    lambda room: m.Replay(room=room, before=LAST, ref=3),
    lambda room: m.Who(room=room, ref=3),
    lambda room: m.Ping(seen={room: 1}, ref=3),
    lambda room: m.Say(id="x", room=room, text="", kind="delete", about=1),
    *(
        lambda room, kind=kind: m.Say(id="x", room=room, to="bob", text="", kind=kind)
        for kind in ("invite", "kick", "ban", "unban", "mute", "unmute", "op", "deop")
    ),
]


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("stranger", ["mallory", OPERATOR])
def test_strangers_get_the_answer_of_no_room(house: House, look: Callable[[str], m.Command], stranger: str) -> None:
    """Word for word what they get of a room that is not there; an operator of the broker no less."""
    real, made_up = (house.send((stranger, look(room))) for room in ("den", "nod"))

    assert str(real) == str(made_up).replace("nod", "den")


@pytest.mark.parametrize("private", [True, False])
def test_a_taken_name_can_not_be_made(house: House, private: bool) -> None:
    """By joining or by speaking; that the name is taken is all that is told, and nothing is stored."""
    before = house.history.heads()
    assert house.refused("mallory", m.Join(room="Den", private=private, ref=3)) == NOT_ALLOWED
    for kind in ("message", "me", "topic"):
        assert house.refused("mallory", m.Say(id="x", text="x", room="den", kind=kind)) == NOT_ALLOWED

    assert house.history.heads() == before
    assert house.ask("alice", m.Who(room="den"), m.Roster).users[-1].nick == "bob"


@pytest.mark.parametrize("name", ["İpek", "ㅋㅋ", "Straße", "น้ำ"])
def test_an_id_that_is_no_name_is_refused_like_another(house: House, name: str) -> None:
    """Rooms whose folded name cannot be made are as closed as the others, and asking for them is no fault."""
    room = house.ask("alice", m.Join(room=name, private=True), m.Entered).room
    for word in (name, room):
        for command in (
            m.Join(room=word, ref=3),
            m.Join(room=word, private=True, ref=3),
            m.Say(id="x", text="x", room=word),
        ):
            sent = house.send(("mallory", command))
            assert codes(sent, "mallory") in ([NOT_ALLOWED], ["room_invalid"])
    assert not any("Traceback" in line for line in house.logged)


def test_lists_do_not_show_it(house: House) -> None:
    """Neither the list of rooms, nor anybody's rooms in who; to members they do."""
    house.join("lobby", "alice", "bob", "mallory", "carol")
    for user, shown in (("alice", True), ("bob", True), ("mallory", False), (OPERATOR, False)):
        rooms = {info.room: info for info in house.ask(user, m.Rooms(), m.RoomList).rooms}
        assert ("den" in rooms) is shown
        if shown:
            assert (rooms["den"].private, rooms["den"].members, rooms["den"].online) == (True, 2, 2)
        for who in (m.Who(), m.Who(nick="bob"), m.Who(room="lobby")):
            infos = {info.nick: info for info in house.ask(user, who, m.Roster).users}
            assert infos["bob"].rooms == (["den", "lobby"] if shown else ["lobby"])


def test_pings_tell_strangers_nothing(house: House) -> None:
    """Nor members who are not in it."""
    house.send(("bob", m.Part(room="den")))
    house.say("alice", "more", room="den")
    for user in ("bob", "mallory"):
        assert house.ask(user, m.Ping(seen={"den": 1}), m.Pong).heads == {}
    house.join("den", "bob")
    house.say("alice", "still more", room="den")

    assert house.ask("bob", m.Ping(seen={"den": 0}), m.Pong).heads == {"den": 5}


# --- who hears ------------------------------------------------------------------------------------------------
def test_only_screens_in_the_room_hear(house: House) -> None:
    """What is said, done and who comes goes to members' sessions that are in it, and to no other session of theirs."""
    house.enter("bob/2", "alice/2")
    house.join("den", "alice/2")
    here = {"alice", "alice/2", "bob"}
    house.published.clear()
    house.done("alice", "invite", "carol", "den")
    assert heard(house.say("bob", "hello", room="den"))["Entries"] == here
    assert heard(house.do("alice", "mute", "bob", "den"))["Entries"] == here
    assert heard(house.send(("carol", m.Join(room="den"))))["Presence"] == here | {"carol"}
    assert heard(house.send(("carol", m.Rename(nick="caro"))))["Presence"] == here | {"carol"}
    assert heard(house.send(("carol", m.Part(room="den"))))["Presence"] == here

    assert house.published == []


def test_an_away_session_is_passed_over(house: House) -> None:
    """Who is away for a moment is sent nothing, and catches up by replay."""
    house.core.disconnect(b"bob", house.now)
    assert heard(house.say("alice", "hello", room="den"))["Entries"] == {"alice"}
    house.enter("bob")

    assert house.texts("bob", "den")[-1] == "hello"


# --- always ---------------------------------------------------------------------------------------------------
PEOPLE = ("alice", "bob", "mallory")

DEEDS = ("invite", "kick", "ban", "unban", "mute", "op", "deop")

things = st.lists(
    st.tuples(
        st.sampled_from(PEOPLE),
        st.sampled_from(
            ["say", "join", "part", "make", "read", "topic", "delete", "away", "back", "rename", "who", *DEEDS]
        ),
        st.sampled_from(PEOPLE),
        st.sampled_from(["den", "cave"]),
    ),
    max_size=30,
)


@given(things)
@settings(max_examples=120, deadline=None)
def test_nothing_of_a_private_room_reaches_strangers(things: list[tuple[str, str, str, str]]) -> None:
    """Whatever happens: none of it is published, and entries go to members alone, none older than they may read."""
    house = House(Policy(room_burst=1_000, owned_rooms=1_000))
    house.enter(OPERATOR, *PEOPLE)
    for room in ("den", "cave"):
        house.join(room, "alice", private=True)
        house.done("alice", "invite", "bob", room)
    for number, (user, verb, other, room) in enumerate(things):
        commands: dict[str, m.Command] = {
            "say": m.Say(id=f"i{number}", text=f"secret {number}", room=room),
            "topic": m.Say(id=f"i{number}", text=f"secret {number}", room=room, kind="topic"),
            "delete": m.Say(id=f"i{number}", text="", room=room, kind="delete", about=number % 7),
            "join": m.Join(room=room, create=False, last=9),
            "make": m.Join(room=room, private=True),
            "part": m.Part(room=room),
            "read": m.Replay(room=room, after=0),
            "rename": m.Rename(nick=f"{user}-{number}"),
            "away": m.Goodbye(),
            "back": m.Hello(nick=house.nick(user), instance="i", present=True, private=True),
            "who": m.Rooms(),
        }
        command = commands[verb] if verb in commands else house.doing(verb, house.nick(other), room)
        members = {each: house.core._roster.rooms[room].member(house.core._roster.users[key(each)]) for each in PEOPLE}
        sent = house.send((user, command))
        after = {each: house.core._roster.rooms[room].member(house.core._roster.users[key(each)]) for each in PEOPLE}
        for action in sent:
            if isinstance(action, Reply) and "secret" in str(action.event):
                for who in (identity.decode() for identity in action.identities):
                    assert members[who].role, f"{who} is no member"
                    assert after[who].role, f"{who} is no member any more"
                    entries = getattr(action.event, "entries", [])
                    assert all(entry.seq > members[who].since for entry in entries)
    topics = {publish.topic for publish in house.published}
    assert topics.isdisjoint({wire.topic(names.fold(room)) for room in ("den", "cave")})
    assert "secret" not in str([publish for publish in house.published if isinstance(publish, Publish)])
    house.history.close()
