"""How lists of people, rooms and rulings look: in columns, or as JSON."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, strategies as st
from msgspec.structs import replace

from zchat.client import render
from zchat.common.messages import RoomInfo, Ruling, UserInfo

from .shown import HERE, TIME, is_tame, remote, times

pytestmark = pytest.mark.usefixtures("here")


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
