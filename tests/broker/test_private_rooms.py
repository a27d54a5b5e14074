"""Rooms for their members only: others see, hear and learn nothing of them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings, strategies as st

from zchat.broker.actions import Ask, Publish, Reply
from zchat.broker.policy import Policy
from zchat.common import limits, messages as m, names, wire
from zchat.common.names import LOBBY, OPERATOR

from .house import LAST, NO_ROOM, NOT_ALLOWED, House, Sent, codes, events, key, only


@pytest.fixture
def house() -> House:
    """Alice owns the private room ``den`` and bob is a member; both are in it. Mallory and carol are strangers."""
    house = House()
    house.enter(OPERATOR, "alice", "bob", "mallory", "carol")
    house.join("den", "alice", private=True)
    house.say("alice", "before bob", room="den")
    house.done("alice", "invite", "bob", "den")
    house.join("den", "bob")
    house.say("alice", "to bob", room="den")
    return house


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

    assert house.may_enter("alice", LOBBY) or house.ask("alice", m.Join(room=LOBBY), m.Entered)
    assert house.say("alice", "hello", room=LOBBY)
    assert not house.ask("alice", m.Join(room=LOBBY), m.Entered).private


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
    house.join("lobby", *house_users)
    for user, shown in (("alice", True), ("bob", True), ("mallory", False), (OPERATOR, False)):
        rooms = {info.room: info for info in house.ask(user, m.Rooms(), m.RoomList).rooms}
        assert ("den" in rooms) is shown
        if shown:
            assert (rooms["den"].private, rooms["den"].members, rooms["den"].online) == (True, 2, 2)
        for who in (m.Who(), m.Who(nick="bob"), m.Who(room="lobby")):
            infos = {info.nick: info for info in house.ask(user, who, m.Roster).users}
            assert infos["bob"].rooms == (["den", "lobby"] if shown else ["lobby"])


house_users = ("alice", "bob", "mallory", "carol")


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
def heard(sent: Sent) -> dict[str, set[str]]:
    """Who got entries or presence by ROUTER."""
    return {
        kind.__name__: {
            identity.decode()
            for action in sent
            if isinstance(action, Reply) and isinstance(action.event, kind)
            for identity in action.identities
        }
        for kind in (m.Entries, m.Presence)
    }


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


# --- what an invited member may read --------------------------------------------------------------------------
def test_an_invited_user_is_told(house: House) -> None:
    """On every screen, with the room's id and name and who invites; the others see it as an entry."""
    house.enter("carol/2")
    house.join("Tea-Room", "alice", private=True)
    sent = house.do("alice", "invite", "carol", "tea-room", text="come")

    for screen in ("carol", "carol/2"):
        assert only(sent, m.Invited, to=screen) == m.Invited(room="tea-room", name="Tea-Room", nick="alice")
    (entry,) = only(sent, m.Entries, to="alice").entries
    assert (entry.kind, entry.nick, entry.to, entry.target) == ("invite", "alice", "carol", key("carol"))
    assert (entry.text, entry.until) == ("come", 0)


READS: list[m.Command] = [
    m.Replay(room="den", after=0),
    m.Replay(room="den"),
    m.Replay(room="den", before=LAST),
    m.Replay(room="den", before=3),
    m.Replay(room="den", before=2),
    m.Replay(room="den", before=1),
    m.Replay(room="den", before=0),
    m.Replay(room="den", after=0, limit=1),
    m.Replay(room="den", before=3, limit=1),
]


@pytest.mark.parametrize("read", READS)
def test_a_member_reads_from_the_invitation_on(house: House, read: m.Command) -> None:
    """No question gives anything older, nor tells that there is."""
    page = house.ask("bob", read, m.Page)

    assert all(entry.seq >= 2 for entry in page.entries)
    assert "before bob" not in [entry.text for entry in page.entries]
    if isinstance(read, m.Replay) and read.before is not None and read.before <= 3:
        assert page.more is (read.before == 3 and not page.entries)


@pytest.mark.parametrize(
    "how",
    [
        {"after": 0},
        {"after": 1},
        {"last": 1_000},
        {"since": 0},
        {"since": 1},
        {},
        {"after": 0, "resumed": True},
        {"private": True, "after": 0},
    ],
)
def test_a_join_begins_at_the_invitation(house: House, how: dict[str, int]) -> None:
    """However far back it asks."""
    house.send(("bob", m.Part(room="den")))

    assert house.ask("bob", m.Join(room="den", **how), m.Entered).after >= 1  # type: ignore[arg-type]


def test_an_older_message_is_unknown(house: House) -> None:
    """A join after a message from before the invitation is answered as if there were none."""
    entries = house.page("alice", "den")
    assert house.refused("bob", m.Join(room="den", since_id=entries[0].id)) == "no_such_message"
    unknown = house.ask("bob", m.Join(room="den", since_id="unknown"), m.Refused)
    older = house.ask("bob", m.Join(room="den", since_id=entries[0].id), m.Refused)
    assert older.detail == unknown.detail.replace("unknown", entries[0].id)

    assert house.ask("bob", m.Join(room="den", since_id=entries[2].id), m.Entered).after == 3


def test_the_owner_reads_everything(house: House) -> None:
    """From the first entry on."""
    assert house.texts("alice", "den") == ["before bob", "", "to bob"]


def test_an_invited_user_reads_before_entering(house: House) -> None:
    """Membership is what counts, from the invitation on; it survives a restart."""
    house.done("alice", "invite", "carol", "den")
    house.say("alice", "to carol", room="den")
    assert house.texts("carol", "den") == ["", "to carol"]
    house.restart()
    house.enter("carol")

    assert house.texts("carol", "den") == ["", "to carol"]
    assert house.may_speak("carol", "den")


# --- removal --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", ["kick", "ban"])
def test_who_is_removed_is_out(house: House, kind: str) -> None:
    """They are told by whom and why; nothing of the room reaches them any more, though they know its name."""
    house.enter("bob/2")
    house.join("den", "bob/2")
    sent = house.do("alice", kind, "bob", "den", text="spam")
    for screen in ("bob", "bob/2"):
        parted = only(sent, m.Parted, to=screen)
        assert (parted.room, parted.ref) == ("den", 0)
        assert "alice" in parted.reason
        assert "spam" in parted.reason
    order = [type(action.event) for action in sent if isinstance(action, Reply) and b"bob" in action.identities]
    assert order[-1] is m.Parted, "something came after"
    assert heard(house.say("alice", "secret", room="den"))["Entries"] == {"alice"}

    for command in (m.Join(room="den", create=False), m.Replay(room="den"), m.Who(room="den"), m.Part(room="den")):
        sent = house.send(("bob", command))
        assert events(sent, m.Refused, to="bob")
        assert "secret" not in str(sent)
    assert house.ask("bob", m.Ping(seen={"den": 1}), m.Pong).heads == {}
    assert not house.may_speak("bob", "den")
    house.restart()
    house.enter("bob")
    assert not house.may_enter("bob", "den")


def test_the_others_see_who_was_removed(house: House) -> None:
    """The entry, then that they left, with who did it."""
    sent = house.do("alice", "kick", "bob", "den", text="spam")
    told = [action.event for action in sent if isinstance(action, Reply) and b"alice" in action.identities]

    assert [type(event) for event in told if not isinstance(event, m.Acked)] == [m.Entries, m.Presence]
    (left,) = events(sent, m.Presence, to="alice")
    assert (left.nick, left.change) == ("bob", "left")
    assert "alice" in left.reason
    (info,) = [info for info in house.ask("alice", m.Rooms(), m.RoomList).rooms if info.room == "den"]
    assert info.members == 1


def test_a_question_before_the_removal_gives_nothing_after_it(house: House) -> None:
    """A replay that waits for its turn is judged by what holds when it is answered."""
    house.say("alice", *(f"secret {number}" for number in range(5)), room="den")
    asked = [("bob", m.Replay(room="den", ref=number)) for number in range(5)]
    sent = house.send(*asked, ("bob", m.Join(room="den", last=5)), ("alice", house.doing("kick", "bob", "den")), *asked)
    parted = [
        number
        for number, action in enumerate(sent)
        if isinstance(action, Reply) and isinstance(action.event, m.Parted) and b"bob" in action.identities
    ]

    assert len(parted) == 1
    later = [action for action in sent[parted[0] :] if isinstance(action, Reply) and b"bob" in action.identities]
    assert len(later) == 11
    assert "secret" not in str(later)


def test_a_page_that_is_read_is_judged_again(house: House) -> None:
    """If rights change between reading a page and sending it, the page is not sent."""
    ((ask,),) = filter(None, house.groups([house.frame("bob", wire.encode(m.Replay(room="den", ref=3)))]))
    assert isinstance(ask, Ask)
    found = house.history.answer(ask.question)
    house.done("alice", "kick", "bob", "den")
    sent = house.core.complete([(ask.purpose, found)], house.now)

    assert "to bob" not in str(sent)


def test_a_join_that_looked_for_its_start_is_judged_again(house: House) -> None:
    """If rights change between finding where to begin and entering, nobody enters."""
    house.send(("bob", m.Part(room="den")))
    ((ask,),) = filter(None, house.groups([house.frame("bob", wire.encode(m.Join(room="den", last=3)))]))
    assert isinstance(ask, Ask)
    found = house.history.answer(ask.question)
    house.done("alice", "kick", "bob", "den")
    sent = house.carry_out(house.core.complete([(ask.purpose, found)], house.now))

    assert codes(sent, "bob") == [NO_ROOM]
    assert heard(house.say("alice", "secret", room="den"))["Entries"] == {"alice"}


def test_who_is_invited_again_begins_anew(house: House) -> None:
    """What was said meanwhile, and before, stays unknown to them."""
    house.done("alice", "kick", "bob", "den")
    house.say("alice", "secret", room="den")
    assert house.refused("alice", house.doing("kick", "bob", "den")) == NOT_ALLOWED
    house.done("alice", "invite", "bob", "den")
    house.join("den", "bob")
    house.say("alice", "hello again", room="den")

    assert house.texts("bob", "den") == ["", "hello again"]


def test_who_is_banned_is_not_invited(house: House) -> None:
    """Not before the ban is lifted, which alone does not let them in."""
    house.done("alice", "ban", "bob", "den")
    assert house.refused("alice", house.doing("invite", "bob", "den")) == NOT_ALLOWED
    house.done("alice", "unban", "bob", "den")
    assert not house.may_enter("bob", "den")
    house.done("alice", "invite", "bob", "den")

    assert house.may_enter("bob", "den")


def test_a_mute_outlasts_a_removal(house: House) -> None:
    """Who was muted, and put out, and let in again, still may not speak."""
    house.done("alice", "mute", "bob", "den")
    house.done("alice", "kick", "bob", "den")
    house.done("alice", "invite", "bob", "den")

    assert house.may_enter("bob", "den")
    assert not house.may_speak("bob", "den")


def test_members_may_not_invite(house: House) -> None:
    """Only the owner and whom they made an operator; nobody is invited twice, nor into a public room."""
    assert house.refused("bob", house.doing("invite", "carol", "den")) == NOT_ALLOWED
    house.done("alice", "op", "bob", "den")
    house.done("bob", "invite", "carol", "den")
    assert house.refused("bob", house.doing("invite", "carol", "den")) == NOT_ALLOWED
    house.join("open", "alice")
    assert house.refused("alice", house.doing("invite", "carol", "open")) == NOT_ALLOWED
    house.done("alice", "deop", "bob", "den")

    assert house.may_speak("bob", "den")
    assert house.refused("bob", house.doing("kick", "carol", "den")) == NOT_ALLOWED


def test_leaving_is_not_losing(house: House) -> None:
    """A member who parts, or is away, stays a member."""
    house.send(("bob", m.Part(room="den")))
    house.send(("bob", m.Goodbye()))
    house.enter("bob")

    assert house.may_enter("bob", "den")


def test_membership_belongs_to_the_key(house: House) -> None:
    """Who gets a member's former nick, or their nick itself, is a stranger."""
    house.send(("bob", m.Rename(nick="robert")))
    assert house.may_speak("bob", "den")
    house.advance(limits.NICK_KEPT + 1)
    house.enter(OPERATOR)
    house.ask("thief", m.Hello(nick="bob", instance="i"), m.Welcome)
    assert not house.may_enter("thief", "den")
    house.administer("reset", "robert", key=key("heir"))
    house.ask("heir", m.Hello(nick="robert", instance="i"), m.Welcome)

    assert not house.may_enter("heir", "den")


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
