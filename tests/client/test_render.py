"""How entries, people and rooms look: to people as plain lines, to programs as JSON objects."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator

import pytest
from hypothesis import example, given, strategies as st
from msgspec.structs import replace

from zchat.client import render
from zchat.common.clock import utc
from zchat.common.messages import Ack, Entry, Presence, RoomInfo, Ruling, Say, UserInfo
from zchat.common.text import JOINERS

from ..zones import zone

TIME = 1_769_860_800_123
"""2026-01-31T12:00:00.123Z, 17:30 where these tests are."""
HERE = "2026-01-31 17:30"
PRIVATE = "@aaaa.bbbb"
KEYS = ["v", "kind", "id", "room", "to", "from", "seq", "time", "text", "replay"]

HOSTILE = "\n\r\t\v\f\x00\x07\x08\x1b[2J\x7f\x85\x90\x9b\u00a0\u200b\u200d\u202e\u2028\u2029\u2066\ufeff\U000e0041: *->"
remote = st.text() | st.text(alphabet=HOSTILE + "ab") | st.text(alphabet=st.characters(codec=None), max_size=20)
"""Anything that a peer may send, lone surrogates too."""
words = st.sampled_from(["message", "me", "topic", "joined", "left", "poke"]) | remote
addressees = st.none() | remote
rooms = st.just(PRIVATE) | remote
times = st.integers(0, 2**47)


@pytest.fixture(autouse=True, scope="module")
def here() -> Iterator[None]:
    """A place whose clocks are 5 h 30 min ahead of UTC."""
    with zone("HERE-5:30"):
        yield


def entry(
    text: str = "hello", *, kind: str = "message", to: str | None = None, nick: str = "alice", at: int = TIME
) -> Entry:
    """One entry of alice's, number 42."""
    return Entry(seq=42, prev=41, id="id-42", time=at, nick=nick, key="aaaa", text=text, kind=kind, to=to)


def lines(entry: Entry, room: str = "lobby", *, name_room: bool = False) -> list[str]:
    """An entry as a person sees it."""
    return render.entry_lines(entry, room, name_room=name_room)


def is_tame(line: str) -> bool:
    """One line that shows text and does nothing else."""
    return len(f"{line}x".splitlines()) == 1 and all(
        character in JOINERS or unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
        for character in line
    )


# --- JSON -----------------------------------------------------------------------------------------------------
def test_a_message_as_json() -> None:
    """The message object has every key of the contract, in the same order."""
    line = render.entry_json(entry(), "lobby", replay=False)

    assert line == (
        '{"v":1,"kind":"message","id":"id-42","room":"lobby","to":null,"from":"alice","seq":42,'
        '"time":"2026-01-31T12:00:00.123Z","text":"hello","replay":false}'
    )


def test_a_private_message_as_json() -> None:
    """A private message has an addressee and no room: the hidden room's id is nobody's business."""
    message = json.loads(render.entry_json(entry(to="bob"), PRIVATE, replay=True))

    assert message == {
        "v": 1,
        "kind": "message",
        "id": "id-42",
        "room": None,
        "to": "bob",
        "from": "alice",
        "seq": 42,
        "time": "2026-01-31T12:00:00.123Z",
        "text": "hello",
        "replay": True,
    }


@pytest.mark.parametrize("kind", ["message", "me", "topic", "something-new"])
def test_every_kind_keeps_its_name_and_text(kind: str) -> None:
    """The text is given as it was said, whatever the kind."""
    message = json.loads(render.entry_json(entry("a\n\x1bb ", kind=kind), "lobby", replay=False))

    assert (message["kind"], message["text"]) == (kind, "a\n\x1bb ")
    assert list(message) == KEYS


@pytest.mark.parametrize("change", ["joined", "left"])
def test_comings_and_goings_as_json(change: str) -> None:
    """`joined` and `left` have no sequence and no id, since they are no history; the reason is the text."""
    presence = Presence(room="lobby", nick="bob", key="bbbb", change=change, time=TIME, reason="tea")

    message = json.loads(render.presence_json(presence, "Lobby"))

    assert message == {
        "v": 1,
        "kind": change,
        "id": None,
        "room": "Lobby",
        "to": None,
        "from": "bob",
        "seq": None,
        "time": "2026-01-31T12:00:00.123Z",
        "text": "tea",
        "replay": False,
    }
    assert list(message) == KEYS


@pytest.mark.parametrize(
    ("say", "ack_room", "room", "to"),
    [
        (Say(id="id-42", text="hello", room="Lobby"), "lobby", "Lobby", None),
        (Say(id="id-42", text="hello", to="bob"), PRIVATE, None, "bob"),
    ],
)
def test_an_ack_as_json(say: Say, ack_room: str, room: str | None, to: str | None) -> None:
    """An acked message is the message object as the others get it, and how many others those are."""
    ack = Ack(id="id-42", room=ack_room, seq=42, time=TIME, delivered=3)
    message = json.loads(render.ack_json(say, ack, "alice"))

    assert list(message) == [*KEYS, "delivered", "lagging"]
    assert (message.pop("delivered"), message.pop("lagging")) == (3, None)
    assert message == json.loads(render.entry_json(entry(to=to), room or ack_room, replay=False))
    assert (message["room"], message["to"]) == (room, to)


def test_a_user_as_json() -> None:
    """A user object has the keys of the contract; idle is in seconds."""
    user = UserInfo(nick="bob", key="bbbb", rooms=["dev", "lobby"], idle=12.345, since=TIME, sessions=2)

    assert render.user_json(user) == (
        '{"nick":"bob","rooms":["dev","lobby"],"idle":12.3,"since":"2026-01-31T12:00:00.123Z","sessions":2,'
        '"fingerprint":"bbbb","away":null,"bot":false,"lag":0,"rtt":null}'
    )


def test_a_room_as_json() -> None:
    """A room object has the keys of the contract."""
    room = RoomInfo(room="dev", online=2, topic="tea", seq=7, private=True, members=3)

    assert render.room_json(room) == ('{"room":"dev","online":2,"members":3,"private":true,"topic":"tea","seq":7}')


@pytest.mark.parametrize(
    ("millis", "expected"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (5, "1970-01-01T00:00:00.005Z"),
        (1_000, "1970-01-01T00:00:01.000Z"),
        (951_782_399_999, "2000-02-28T23:59:59.999Z"),
        (2**47, "6429-10-17T02:45:55.328Z"),
    ],
)
def test_times_are_utc_with_milliseconds(millis: int, expected: str) -> None:
    """Always three digits, always Z, nothing rounded, up to the last time that a message can have."""
    assert utc(millis) == expected


@given(
    entry=st.builds(entry, remote, kind=words, to=addressees, nick=remote, at=times), room=rooms, replay=st.booleans()
)
def test_any_entry_is_one_line_of_ascii_json(entry: Entry, room: str, replay: bool) -> None:
    """Whatever stands in it, an entry is one printable line, and reading the line gives everything back."""
    line = render.entry_json(entry, room, replay=replay)
    message = json.loads(line)

    assert line.isascii()
    assert line.isprintable()
    assert list(message) == KEYS
    assert (message["from"], message["to"], message["text"]) == (entry.nick, entry.to, entry.text)
    assert message["room"] == (None if room.startswith("@") else room)
    assert (message["kind"], message["seq"], message["replay"]) == (entry.kind, entry.seq, replay)


# --- plain lines ----------------------------------------------------------------------------------------------
def test_a_message_as_a_line() -> None:
    """`YYYY-MM-DD HH:MM nick: text`, in local time."""
    assert lines(entry()) == [f"{HERE} alice: hello"]


def test_the_time_follows_the_place() -> None:
    """Elsewhere the same message has the time, and the day, of there."""
    with zone("THERE+13"):
        assert lines(entry()) == ["2026-01-30 23:00 alice: hello"]
    with zone("HERE-5:30"):
        assert lines(entry()) == [f"{HERE} alice: hello"]


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (entry("waves", kind="me"), "* alice waves"),
        (entry("tea at five", kind="topic"), "-- alice set the topic: tea at five"),
        (entry("", kind="topic"), "-- alice removed the topic"),
        (entry("psst", to="bob"), "alice -> bob: psst"),
        (entry("waves", kind="me", to="bob"), "* alice -> bob waves"),
        (entry("what is new", kind="something-new"), "alice: what is new"),
        (entry(""), "alice: "),
    ],
)
def test_the_kinds_of_lines(shown: Entry, expected: str) -> None:
    """Actions, topics and private messages are told apart; a kind from a later version is a message."""
    assert lines(shown) == [f"{HERE} {expected}"]


def test_the_room_is_named_where_it_is_asked_for() -> None:
    """With several rooms a line says which, but a private message needs none."""
    assert lines(entry(), "Dev", name_room=True) == [f"{HERE} [Dev] alice: hello"]
    assert lines(entry(kind="me"), "Dev", name_room=True) == [f"{HERE} [Dev] * alice hello"]
    assert lines(entry(to="bob"), PRIVATE, name_room=True) == [f"{HERE} alice -> bob: hello"]


def test_every_line_of_a_message_has_its_author() -> None:
    """A pasted block, empty lines included, cannot be taken for the words of others."""
    text = f"one\n\n{HERE} bob: yes, I agree\n"

    assert lines(entry(text)) == [
        f"{HERE} alice: one",
        f"{HERE} alice: ",
        f"{HERE} alice: {HERE} bob: yes, I agree",
        f"{HERE} alice: ",
    ]
    assert lines(entry("one\ntwo", kind="me")) == [f"{HERE} * alice one", f"{HERE} * alice two"]


def test_a_topic_is_one_line() -> None:
    """Even a topic of several lines, which no broker lets pass."""
    assert lines(entry(f"one\n{HERE} bob: two", kind="topic")) == [
        f"{HERE} -- alice set the topic: one␤{HERE} bob: two"
    ]


@pytest.mark.parametrize(
    ("change", "reason", "expected"),
    [("joined", "", "-- bob joined Lobby"), ("left", "good night", "-- bob left Lobby (good night)")],
)
def test_comings_and_goings_as_lines(change: str, reason: str, expected: str) -> None:
    """Who came or went, where, and why."""
    presence = Presence(room="lobby", nick="bob", key="bbbb", change=change, time=TIME, reason=reason)

    assert render.presence_line(presence, "Lobby") == f"{HERE} {expected}"


@given(
    entry=st.builds(entry, remote, kind=words, to=addressees, nick=remote, at=times), room=rooms, named=st.booleans()
)
@example(entry("\x1b[2J\r", nick="\x1b]0;x\x07", to="\n"), "\x9b2J", True)
def test_no_entry_does_anything_to_a_terminal(entry: Entry, room: str, named: bool) -> None:
    """No nick, addressee, room or text puts a control character or a line break into a line."""
    for line in lines(entry, room, name_room=named):
        assert is_tame(line)


@given(
    presence=st.builds(Presence, room=remote, nick=remote, key=remote, change=words, time=times, reason=remote),
    room=rooms,
)
def test_no_coming_or_going_does_anything_to_a_terminal(presence: Presence, room: str) -> None:
    """No nick, room or reason puts a control character or a line break into a notice."""
    line = render.presence_json(presence, room)

    assert is_tame(render.presence_line(presence, room))
    assert line.isascii()
    assert line.isprintable()


users = st.builds(
    UserInfo,
    nick=remote,
    key=remote,
    rooms=st.lists(remote, max_size=3),
    idle=st.floats(0, 2**40),
    since=times,
    sessions=st.integers(),
)
infos = st.builds(RoomInfo, room=remote, online=st.integers(), topic=remote, seq=st.integers(0))
rulings = st.builds(
    Ruling, kind=remote, name=remote, nick=remote, until=times, uses=st.integers(), by=remote, reason=remote
)


@given(st.lists(users, max_size=3), st.lists(infos, max_size=3), st.lists(rulings, max_size=3))
def test_no_list_does_anything_to_a_terminal(
    users: list[UserInfo], infos: list[RoomInfo], rulings: list[Ruling]
) -> None:
    """However users, rooms, topics and rulings are called, each has one tame line, and one line of JSON."""
    tables: list[tuple[list[UserInfo] | list[RoomInfo] | list[Ruling], list[str]]] = [
        (users, render.user_lines(users)),
        (infos, render.room_lines(infos)),
        (rulings, render.ruling_lines(rulings)),
    ]

    for listed, shown in tables:
        assert len(shown) == len(listed)
        assert all(map(is_tame, shown))
    for line in [*map(render.user_json, users), *map(render.room_json, infos), *map(render.ruling_json, rulings)]:
        assert line.isascii()
        assert line.isprintable()


@given(text=remote, kind=words, other=st.sampled_from(["bob", "* bob", "-- bob", "alicebob", "[lobby] bob"]))
@example("hi\r", "message", "bob")
@example("hi", "topic", "bob")
@example("hi", "ban", "bob")
@example("hi", "ask", "bob")
@example("hi", "answer", "bob")
def test_no_text_begins_a_line_like_another_author(text: str, kind: str, other: str) -> None:
    """Each line of an entry begins with its time, its kind's sign and its author's nick."""
    signs = {"me": "* alice ", **dict.fromkeys(["topic", "delete", *render.DONE], "-- alice ")}
    signs |= {"ask": "alice asks [42]: ", "answer": "alice answers [0]: "}
    forged = f"{text}\n{HERE} {other}: I agree\r{HERE} {other}: fully"

    for line in lines(entry(forged, kind=kind)):
        assert line.startswith(f"{HERE} {signs.get(kind, 'alice: ')}")


@given(reason=remote)
def test_no_reason_begins_a_line_like_an_author(reason: str) -> None:
    """The words of a farewell stand behind who left."""
    presence = Presence(
        room="lobby", nick="bob", key="bbbb", change="left", time=TIME, reason=f"{reason}\n{HERE} eve: x"
    )

    assert render.presence_line(presence, "lobby").startswith(f"{HERE} -- bob left lobby (")


# --- lists ----------------------------------------------------------------------------------------------------
def test_users_stand_in_columns() -> None:
    """Each user has a line, with wide letters measured as they are shown."""
    shown = render.user_lines(
        [
            UserInfo(nick="bob", key="b", rooms=["dev", "lobby"], idle=0.4, since=TIME, sessions=1),
            UserInfo(nick="田中さん", key="c", rooms=[], idle=7_500, since=TIME, sessions=2),
        ]
    )

    assert shown == [
        "bob       dev, lobby  idle 0s  1 session",
        "田中さん  -           idle 2h  2 sessions",
    ]


def test_rooms_stand_in_columns() -> None:
    """Each room has a line; none ends in blanks."""
    rooms = [RoomInfo(room="dev", online=1, topic="tea", seq=1), RoomInfo(room="lobby", online=12, topic="", seq=2)]

    assert render.room_lines(rooms) == ["dev    1 online   tea", "lobby  12 online"]
    assert render.room_lines([]) == render.user_lines([]) == []


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0s"),
        (59.9, "59s"),
        (60, "1m"),
        (3_599, "59m"),
        (3_600, "1h"),
        (86_399, "23h"),
        (86_400, "1d"),
        (2**40, "12725829d"),
    ],
)
def test_durations_have_one_unit(seconds: float, shown: str) -> None:
    """The largest unit that fits, rounded down."""
    assert render.duration(seconds) == shown


# --- what is done to somebody ---------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("kind", "text", "until", "line"),
    [
        ("kick", "spam", 0, "-- alice kicked bob out (spam)"),
        ("kick", "", 0, "-- alice kicked bob out"),
        ("ban", "spam", TIME, f"-- alice banned bob until {HERE} (spam)"),
        ("ban", "", 0, "-- alice banned bob"),
        ("unban", "", 0, "-- alice lifted the ban on bob"),
        ("mute", "", TIME, f"-- alice muted bob until {HERE}"),
        ("unmute", "", 0, "-- alice lets bob speak again"),
        ("op", "", 0, "-- alice made bob an operator"),
        ("deop", "", 0, "-- alice made bob an operator no more"),
        ("invite", "", 0, "-- alice invited bob"),
    ],
)
def test_what_is_done_to_somebody_is_one_line(kind: str, text: str, until: int, line: str) -> None:
    """Who, what, to whom, until when and why; it is no private message, though it has an addressee."""
    done = replace(entry(text, kind=kind, to="bob"), until=until, target="bbbb")

    assert lines(done) == [f"{HERE} {line}"]
    assert lines(done, name_room=True) == [f"{HERE} [lobby] {line}"]


def test_deletions_are_lines() -> None:
    """Whose message it was is told when it is known; what was deleted shows only that."""
    deletion = replace(entry("", kind="delete"), about=41)

    assert lines(deletion) == [f"{HERE} -- alice deleted a message"]
    assert render.entry_lines(deletion, "lobby", name_room=False, author="bob\x1b") == [
        f"{HERE} -- alice deleted a message of bob\u241b"
    ]
    assert lines(entry("", kind="deleted")) == [f"{HERE} alice: (deleted)"]
    assert lines(entry("", kind="deleted", to="bob"), PRIVATE) == [f"{HERE} alice -> bob: (deleted)"]


@pytest.mark.parametrize(
    ("kind", "until", "about", "more"),
    [
        ("ban", TIME, 0, {"until": "2026-01-31T12:00:00.123Z", "about": None}),
        ("kick", 0, 0, {"until": None, "about": None}),
        ("delete", 0, 41, {"until": None, "about": 41}),
    ],
)
def test_what_is_done_has_more_keys(kind: str, until: int, about: int, more: dict[str, object]) -> None:
    """Behind those of every message: when it ends, and which message it is about."""
    done = replace(entry("spam", kind=kind, to="bob"), until=until, about=about)
    message = json.loads(render.entry_json(done, "lobby", replay=False))

    assert list(message) == [*KEYS, "until", "about"]
    assert (message["to"], message["text"]) == ("bob", "spam")
    assert {key: message[key] for key in more} == more


def test_a_deleted_message_has_the_usual_keys() -> None:
    """It stands where a message stood."""
    assert list(json.loads(render.entry_json(entry("", kind="deleted"), "lobby", replay=True))) == KEYS


def test_a_new_nick_is_told_as_presence() -> None:
    """People read both nicks; programs find the new one where the author stands and the old one as the text."""
    presence = Presence(room="lobby", nick="alicia", key="a", change="renamed", time=TIME, old="alice\x1b")
    message = json.loads(render.presence_json(presence, "Lobby"))

    assert render.presence_line(presence, "Lobby") == f"{HERE} -- alice\u241b is now alicia in Lobby"
    assert (message["kind"], message["from"], message["text"]) == ("renamed", "alicia", "alice\x1b")
    assert list(message) == KEYS


@given(
    kind=st.sampled_from([*render.DONE, "delete", "deleted"]), nick=remote, to=addressees, text=remote, author=remote
)
def test_whatever_is_done_is_one_tame_line(kind: str, nick: str, to: str | None, text: str, author: str) -> None:
    """No name and no reason breaks the line or does anything to a terminal."""
    done = replace(entry(text, kind=kind, to=to, nick=nick), until=TIME, about=1)
    (line,) = render.entry_lines(done, "lobby", name_room=True, author=author)

    assert is_tame(line)


# --- who is it ------------------------------------------------------------------------------------------------
USER = UserInfo(nick="bob", key="bbbb", rooms=["den", "lobby"], idle=61, since=TIME, sessions=1, claimed=TIME)


def test_whois_tells_all_that_is_known() -> None:
    """Somebody who is here, and somebody who is away."""
    away = replace(USER, sessions=0, rooms=[], claimed=0, operator=True)

    assert render.whois_lines(USER) == [
        "bob: fingerprint bbbb",
        f"    here since {HERE}, idle 1m",
        f"    nick claimed {HERE}",
        "    rooms: den, lobby",
    ]
    assert render.whois_lines(away) == [
        "bob: fingerprint bbbb",
        "    away",
        f"    nick claimed {HERE}",
        "    operator of the broker",
    ]
    assert json.loads(render.whois_json(USER)) == {
        "nick": "bob",
        "rooms": ["den", "lobby"],
        "idle": 61.0,
        "since": "2026-01-31T12:00:00.123Z",
        "sessions": 1,
        "fingerprint": "bbbb",
        "away": None,
        "bot": False,
        "lag": 0,
        "rtt": None,
        "claimed": "2026-01-31T12:00:00.123Z",
        "operator": False,
    }


def test_a_private_room_is_marked_in_the_list() -> None:
    """Who may read it sees that others may not."""
    rooms = [RoomInfo(room=name, online=1, topic="", seq=1, private=name == "plans") for name in ("den", "plans")]

    assert render.room_lines(rooms) == ["den    1 online", "plans  1 online, private"]


RULINGS = [
    Ruling(kind="ban", name="b" * 32, nick="bob", until=TIME, by="operator", reason="too loud"),
    Ruling(kind="denied", name="192.0.2.0/24", by="alice"),
    Ruling(kind="invitation", name="0123456789ab", until=TIME, uses=20, by="alice"),
    Ruling(kind="invitation", name="ba9876543210", uses=1),
]


def test_rulings_stand_in_columns() -> None:
    """What it is, about whom (by nick if there is one), until when, how often it can be used, by whom, and why."""
    assert render.ruling_lines(RULINGS) == [
        f"ban         bob           until {HERE}  -             by operator  too loud",
        "denied      192.0.2.0/24  -                       -             by alice",
        f"invitation  0123456789ab  until {HERE}  20 uses left  by alice",
        "invitation  ba9876543210  -                       1 use left    by ?",
    ]
    assert render.ruling_lines([]) == []


def test_a_ruling_as_json() -> None:
    """The keys of the contract; no end is null."""
    first, second, *_ = (json.loads(render.ruling_json(ruling)) for ruling in RULINGS)

    assert list(first) == ["kind", "name", "nick", "until", "uses", "by", "reason"]
    assert list(first.values()) == ["ban", "b" * 32, "bob", "2026-01-31T12:00:00.123Z", 0, "operator", "too loud"]
    assert list(second.values()) == ["denied", "192.0.2.0/24", "", None, 0, "alice", ""]


def test_one_long_cell_does_not_push_the_others_apart() -> None:
    """Whoever is in very many rooms has a long line; everybody else's stays as it is."""
    busy = UserInfo(nick="busy", key="k", rooms=[f"room-{n}" for n in range(200)], idle=0, since=0, sessions=1)
    calm = UserInfo(nick="calm", key="k", rooms=["lobby"], idle=0, since=0, sessions=1)
    long, short = render.user_lines([busy, calm])

    assert len(long) > 1_000
    assert len(short) < 80
    assert "lobby" in short
