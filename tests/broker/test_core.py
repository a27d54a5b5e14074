"""The broker's answers, command by command, with a real history and no sockets."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import msgspec
import pytest
from hypothesis import given, settings, strategies as st

from zchat.broker.actions import Publish, Reply
from zchat.broker.nicks import NICKS
from zchat.broker.storage import fulfil
from zchat.common import limits, messages as m, names, wire
from zchat.common.errors import Code, InputError, WireError

from .house import NOW, House, direct, events, key, only


def mirrored(welcome: m.Welcome) -> m.Welcome:
    """As the client gets it."""
    event = wire.decode_event(wire.encode(welcome))
    assert isinstance(event, m.Welcome)
    return event


@pytest.fixture
def house() -> Iterator[House]:
    """A broker with alice, bob and carol, who are in no room."""
    house = House()
    house.enter("alice", "bob", "carol")
    yield house
    house.history.close()


# --- rooms and their ids --------------------------------------------------------------------------------------
NAMED_BY: list[Callable[[str], m.Command]] = [
    lambda room: m.Join(room=room, last=5, ref=9),
    lambda room: m.Replay(room=room, ref=9),
    lambda room: m.Who(room=room, ref=9),
    lambda room: m.Part(room=room, ref=9),
    lambda room: m.Say(id="again", text="again", room=room),
]


@pytest.mark.parametrize("name", ["Tea-Room", "İpek", "Straße", "ㅋㅋ", "น้ำ", "ᏣᎳᎩ"])
@pytest.mark.parametrize("command", NAMED_BY)
def test_a_room_is_found_by_name_and_by_id(house: House, name: str, command: Callable[[str], m.Command]) -> None:
    """Every event names a room by its id, and every command takes that id, also where it is no legal name."""
    entered = house.ask("alice", m.Join(room=name, ref=1), m.Entered)
    assert (entered.room, entered.name) == (names.fold(name), names.parse_room(name))
    house.say("alice", "hello", room=name)
    for word in (name, entered.room):
        sent = house.send(("alice", command(word)))
        assert events(sent, m.Refused, to="alice") == []
        named = [getattr(action.event, "room", entered.room) for action in sent]
        assert set(named) == {entered.room}
        house.send(("alice", m.Join(room=name)))


@given(st.text(st.sampled_from("aA1-éßſKİıΣςᾂ漢ㄱᏣꭰเาำ") | st.characters(categories=["Lu", "Ll", "Lo"]), max_size=3))
@settings(max_examples=200, deadline=None)
def test_an_id_names_its_own_room_and_no_other(name: str) -> None:
    """Folding an id changes nothing, so no other room can be made that takes its place."""
    try:
        id_ = names.fold(names.parse_room(name))
    except InputError:
        return

    assert names.fold(id_) == id_


ILLEGAL: list[Callable[[str], m.Command]] = [
    lambda room: m.Join(room=room, ref=9),
    lambda room: m.Join(room=room, create=False, ref=9),
    lambda room: m.Replay(room=room, ref=9),
    lambda room: m.Who(room=room, ref=9),
    lambda room: m.Say(id="i", text="hello", room=room),
]


@pytest.mark.parametrize("name", ["", "a b", "#lobby", "x" * 65])
@pytest.mark.parametrize("command", ILLEGAL)
def test_an_illegal_name_is_told_as_such(house: House, name: str, command: Callable[[str], m.Command]) -> None:
    """Whatever one wants of it, a room with that name cannot be."""
    assert house.ask("alice", command(name), m.Refused).code == Code.ROOM_INVALID


@pytest.mark.parametrize("say", [m.Say(id="i", text="x", room="lobby", to="bob"), m.Say(id="i", text="x")])
def test_a_message_has_one_place(house: House, say: m.Say) -> None:
    """Room and addressee at once, or neither, is refused, and nothing is stored."""
    refused = house.ask("alice", say, m.Refused)

    assert (refused.code, refused.id) == (Code.ROOM_INVALID, "i")
    assert house.history.heads() == {}


def test_a_start_at_an_unknown_message_is_refused(house: House) -> None:
    """The room is there, the message is not: nobody enters."""
    house.say("alice", "hello", room="lobby")
    refused = house.ask("bob", m.Join(room="lobby", since_id="nothing", ref=9), m.Refused)

    assert (refused.code, refused.ref) == (Code.NO_SUCH_MESSAGE, 9)
    assert house.ask("bob", m.Part(room="lobby"), m.Refused).code == Code.NO_SUCH_ROOM


def test_a_session_follows_so_many_rooms(house: House) -> None:
    """One more is refused until one is left; private rooms do not count, and those one is in may be joined again."""
    for number in range(limits.USER_ROOMS):
        house.send(("alice", m.Join(room=f"r{number}")))
    house.say("alice", "hello", to="bob")
    private = direct("alice", "bob")

    assert house.ask("alice", m.Join(room="more", ref=9), m.Refused).code == Code.TOO_MANY
    assert house.ask("alice", m.Join(room=private), m.Entered).room == private
    assert house.ask("alice", m.Join(room="R0"), m.Entered).room == "r0"
    house.send(("alice", m.Part(room="r0")))
    assert house.ask("alice", m.Join(room="more"), m.Entered).room == "more"


def test_comings_and_goings_keep_their_place(house: House) -> None:
    """What one commit brought is told on PUB in the order in which it reached the broker."""
    house.send(("alice", m.Join(room="lobby")), ("bob", m.Join(room="lobby")))
    said = iter(range(9))

    def say(user: str) -> tuple[str, m.Say]:
        number = next(said)
        return user, m.Say(id=f"i{number}", text=f"{number}", room="lobby")

    sent = house.send(
        say("alice"),
        ("carol", m.Join(room="lobby")),
        say("carol"),
        say("bob"),
        ("bob", m.Goodbye()),
        say("alice"),
        ("carol", m.Part(room="lobby")),
    )
    told = []
    for action in sent:
        match action:
            case Publish(b"lobby\0", m.Entries(room="lobby", entries=entries)):
                told += [entry.text for entry in entries]
            case Publish(b"lobby\0", m.Presence(room="lobby", nick=nick, change=change)):
                told.append(f"{nick} {change}")

    assert told == ["0", "carol joined", "1", "2", "bob left", "3", "carol left"]


# --- private rooms --------------------------------------------------------------------------------------------
def test_private_messages_are_joined_where_reading_stopped(house: House) -> None:
    """Without a start, a private room begins after what this user has read on any screen."""
    room = direct("alice", "bob")
    house.say("alice", "one", "two", "three", to="bob")
    house.send(("bob", m.Ping(seen={room: 2})))
    again = house.enter("bob")[0]
    other = m.Hello(nick="bob", instance="another", private=True)
    house.send(("bob", other))

    assert again.private == {room: m.PrivateHead(nick="alice", head=3, read=2)}
    assert house.ask("bob", m.Join(room=room), m.Entered).after == 2
    assert house.ask("alice", m.Join(room=room), m.Entered).after == 0
    assert house.ask("bob", m.Join(room=room, last=3), m.Entered).after == 0


def test_a_pong_tells_of_direct_rooms_that_were_not_entered(house: House) -> None:
    """Those in which something is unread, as far as this session has not seen it; nobody else hears of them."""
    room = direct("alice", "bob")
    house.say("alice", "one", "two", to="bob")
    assert house.ask("bob", m.Ping(), m.Pong).heads == {room: 2}
    assert house.ask("carol", m.Ping(), m.Pong).heads == {}
    assert house.ask("bob", m.Ping(seen={room: 2}), m.Pong).heads == {}
    house.say("alice", "three", to="bob")

    assert house.ask("bob", m.Ping(), m.Pong).heads == {room: 3}


def test_a_welcome_lists_what_is_unread_first(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of more private rooms than a welcome holds, those with something unread are in it."""
    monkeypatch.setattr(limits, "PRIVATE_ROOMS", 2)
    for partner in ("bob", "carol", "alice"):
        house.say(partner, "hello", to="alice")
    house.send(("alice", m.Ping(seen={direct("alice", "bob"): 1})))
    (welcome,) = house.enter("alice")

    assert {head.nick for head in mirrored(welcome).private.values()} == {"carol", "alice"}


def test_a_pong_tells_of_so_many_rooms(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """The others follow when these have been seen."""
    monkeypatch.setattr(limits, "PONG_ROOMS", 2)
    for number in range(5):
        house.send(("alice", m.Join(room=f"r{number}")))
        house.say("bob", "hello", room=f"r{number}")
    told: dict[str, int] = {}
    seen: dict[str, int] = {}
    for _ in range(3):
        seen = house.ask("alice", m.Ping(seen=seen), m.Pong).heads
        assert len(seen) <= 2
        told |= seen

    assert told == {f"r{number}": 1 for number in range(5)}


# --- history --------------------------------------------------------------------------------------------------
def test_history_with_a_person_is_asked_for_by_nick(house: House) -> None:
    """`to` instead of `room`; that there is none yet is no error, that there is nobody is one."""
    house.say("alice", "one", "two", to="bob")
    page = house.ask("bob", m.Replay(to="ALICE", before=2**63 - 1, ref=9), m.Page)
    assert (page.room, page.head, page.ref) == (direct("alice", "bob"), 2, 9)
    assert [entry.text for entry in page.entries] == ["one", "two"]
    empty = house.ask("bob", m.Replay(to="carol", ref=9), m.Page)
    assert (empty.room, empty.head, empty.entries, empty.ref) == (direct("bob", "carol"), 0, [], 9)

    assert house.ask("bob", m.Replay(to="nobody", ref=9), m.Refused).code == Code.NO_SUCH_USER


# --- frames ---------------------------------------------------------------------------------------------------
def test_what_cannot_be_decoded_is_refused_by_ref_and_id(house: House) -> None:
    """The answer to a bad frame carries what could be read of it."""
    (reply, _) = house.core.refuse_frame(b"alice", "alice", WireError("it is bad", ref=7, id="i"), NOW)

    assert reply == Reply((b"alice",), m.Refused(code=Code.BAD_FRAME, detail="it is bad.", ref=7, id="i"))


def test_broadcasts_fit_frames(house: House) -> None:
    """What one commit brought is packed into few frames, in order, and their entries fill none beyond its size."""
    house.join("lobby", "alice")
    texts = [f"{number:03}" + "x" * 5_000 for number in range(60)]
    sent = house.say("alice", *texts, room="lobby")
    frames = events(sent, m.Entries)
    sizes = [len(msgspec.msgpack.encode(frame.entries)) for frame in frames]

    assert [entry.text for frame in frames for entry in frame.entries] == texts
    assert max(sizes) <= limits.FRAME_BYTES
    assert min(sizes[:-1]) > limits.FRAME_BYTES - 5_500


def test_long_lists_come_in_parts(house: House) -> None:
    """All rooms are listed in order, in parts that follow each other and fit frames."""
    count = 500
    for number in range(count):
        say = m.Say(id=f"i{number}", text="é" * limits.TOPIC_CHARACTERS, room=f"r{number:04}", kind="topic")
        house.send(("alice", say))
    parts = events(house.send(("alice", m.Rooms(ref=9))), m.RoomList, to="alice")

    assert [info.room for part in parts for info in part.rooms] == [f"r{number:04}" for number in range(count)]
    assert [part.start for part in parts] == [sum(len(before.rooms) for before in parts[:n]) for n in range(len(parts))]
    assert [part.more for part in parts] == [True] * (len(parts) - 1) + [False]
    assert {part.ref for part in parts} == {9}
    assert max(len(msgspec.msgpack.encode(part.rooms)) for part in parts) <= limits.FRAME_BYTES
    assert len(parts) > 1


def test_who_lists_very_many_lets_others_in_between(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some users a turn, all of them in order; each costs, so that the next question may have to wait."""
    monkeypatch.setattr(limits, "LISTED_USERS", 10)
    everybody = ["alice", "bob", "carol", *(f"user{number:02}" for number in range(22))]
    house.enter(*everybody[3:])
    for user, question in (("alice", m.Who(ref=8)), ("bob", m.Who(nick="carol", ref=9))):
        house.core.handle(user.encode(), key(user), question, house.now)
    before = house.core._rates._keys[key("alice")].commands.level
    turns = []
    while house.core.has_turns:
        turns.append([reply for reply in house.core.turn(house.now) if isinstance(reply, Reply)])
    parts = [reply.event for turn in turns for reply in turn if reply.identities == (b"alice",)]
    told = [part for part in parts if isinstance(part, m.Roster)]

    assert [[reply.identities[0] for reply in turn] for turn in turns] == [[b"alice"], [b"bob"], [b"alice"], [b"alice"]]
    assert [info.nick for part in told for info in part.users] == everybody
    assert [(part.start, part.more, part.ref) for part in told] == [(0, True, 8), (10, True, 8), (20, False, 8)]
    assert before - house.core._rates._keys[key("alice")].commands.level == 5


def test_an_empty_list_is_one_part(house: House) -> None:
    """Also when there is nothing to tell, a question is answered."""
    assert house.ask("alice", m.Rooms(ref=9), m.RoomList) == m.RoomList(rooms=[], ref=9)


def test_nobody_makes_the_list_of_users_too_long_for_a_frame(house: House) -> None:
    """Whoever is in very many rooms on very many screens is listed with so many of them."""
    for screen in range(3):
        identity = f"{screen}".encode()
        house.core.handle(identity, key("alice"), m.Hello(nick="alice", instance=f"i{screen}", present=True), NOW)
        for number in range(limits.USER_ROOMS):
            actions = house.core.handle(identity, key("alice"), m.Join(room=f"{screen}-{number}" + "漢" * 50), NOW)
            house.core.complete(fulfil(house.history, actions), NOW)
    parts = events(house.send(("bob", m.Who(ref=9))), m.Roster, to="bob")

    assert [user.nick for part in parts for user in part.users] == ["alice", "bob", "carol"]
    assert len(parts[0].users[0].rooms) == limits.USER_ROOMS
    assert max(len(wire.encode(part)) for part in parts) < 2 * limits.FRAME_BYTES


@pytest.mark.parametrize("nicks", [["one", "two", "three"], ["one", "ONE", "two"]])
def test_a_key_claims_one_nick_however_fast_it_speaks(house: House, nicks: list[str]) -> None:
    """Of several nicks asked for at once a key gets the first, and the others stay free."""
    sent = house.send(*(("key", m.Hello(nick=nick, instance="i")) for nick in nicks))

    assert {welcome.nick for welcome in events(sent, m.Welcome, to="key")} == {"one"}
    refused = [refused.code for refused in events(sent, m.Refused, to="key")]
    assert refused == [Code.NICK_TAKEN] * sum(nick.lower() != "one" for nick in nicks)
    assert "two" not in house.history.table(NICKS)


def test_a_nick_that_was_taken_first_leaves_the_key_free(house: House) -> None:
    """A key whose claim came too late may claim another nick."""
    sent = house.send(("key-1", m.Hello(nick="one", instance="i")), ("key-2", m.Hello(nick="one", instance="i")))

    assert only(sent, m.Refused, to="key-2").code == Code.NICK_TAKEN
    assert house.ask("key-2", m.Hello(nick="two", instance="i"), m.Welcome).nick == "two"


def test_an_identity_does_not_make_another_key_its_user(house: House) -> None:
    """Who speaks is the key on the frame: another key at a known return address must say hello itself."""
    house.enter("alice")
    actions = house.core.handle(b"alice", key("mallory"), m.Say(id="x", text="as alice", room="lobby"), NOW)
    (reply,) = actions

    assert isinstance(reply, Reply)
    assert isinstance(reply.event, m.Refused)
    assert reply.event.code == Code.HELLO_FIRST


def test_a_crowd_hears_beacons_more_rarely(monkeypatch: pytest.MonkeyPatch) -> None:
    """With every so many sessions more the pace rises: the broker tells it, keeps it, and expects no more."""
    monkeypatch.setattr(limits, "PACE_SESSIONS", 2)
    house = House()
    welcomes = house.enter("alice", "bob", "carol", "dave")
    assert [welcome.pace for welcome in welcomes] == [1, 2, 2, 3]

    told: list[tuple[int, int]] = []
    there: list[int] = []
    for second in range(round(limits.SESSION_SILENCE * 3) + 2):
        house.advance(1)
        told += [(second, sent.event.pace) for sent in house.tick() if isinstance(sent.event, m.Beacon)]
        there.append(house.core.census[0])

    assert {pace for _, pace in told[:-1]} == {3}
    seconds = [second for second, _ in told]
    assert {later - sooner for sooner, later in itertools.pairwise(seconds[1:])} == {3 * limits.BEACON_INTERVAL}
    assert (there[-3], there[-1]) == (4, 0)
