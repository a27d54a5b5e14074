"""What a chat tells of rooms, people and its broker, and what its commands do there."""

from __future__ import annotations

import json

import pytest

from zchat.common import messages as m
from zchat.common.errors import Code

from .seat import PlainSeat


@pytest.fixture
def alice() -> PlainSeat:
    """alice is in the lobby."""
    return PlainSeat()


# --- rooms ----------------------------------------------------------------------------------------------------
def test_being_put_out_turns_to_another_room() -> None:
    """With the reason; out of the last one it says how to enter another, and what is typed goes nowhere."""
    alice = PlainSeat("lobby", "den")
    alice.hear(m.Parted(room="lobby", reason="kicked by bob: spam"))
    assert alice.lines == ["-- You were removed from lobby (kicked by bob: spam). You are in den now."]
    assert alice.chat.where == "den"
    alice.hear(m.Parted(room="den"))
    assert alice.lines[1:] == ["-- You were removed from den. You are in no room now; enter one with /join ROOM."]
    alice.type("hello?")

    assert alice.lines[-1] == "-- You are in no room. Enter one with /join ROOM."


def test_being_put_out_of_another_room_changes_nothing_here() -> None:
    """What is typed goes on to the current one."""
    alice = PlainSeat("lobby", "den")
    alice.hear(m.Parted(room="den", reason="banned\x1b"))

    assert alice.lines == ["-- You were removed from den (banned\u241b)."]
    assert alice.chat.where == "lobby"


def test_an_invitation_says_how_to_enter(alice: PlainSeat) -> None:
    """By name."""
    alice.hear(m.Invited(room="plans", name="Plans", nick="bob"))

    assert alice.lines == ["-- bob invites you to the private room Plans. Enter it with /join Plans."]


@pytest.mark.parametrize(
    ("private", "role", "told"),
    [
        (True, "owner", "plans (private; you are its owner), alone so far."),
        (True, "member", "plans (private; you are a member), alone so far."),
        (False, "operator", "plans (you are an operator of it), alone so far."),
        (False, "", "plans, alone so far."),
        (False, "wizard\x1b", "plans (wizard\u241b), alone so far."),
    ],
)
def test_entering_tells_what_the_room_is_and_what_we_are(alice: PlainSeat, private: bool, role: str, told: str) -> None:
    """Private or not, and the role."""
    alice.type("/join plans --private")
    join = alice.sent(m.Join)
    assert isinstance(join, m.Join)
    assert (join.room, join.private) == ("plans", True)
    alice.enter(join, private=private, role=role)

    assert alice.lines == [f"-- You joined {told}"]


def test_rooms_can_be_private_from_the_start() -> None:
    """As `zchat join --private -r plans` asks for."""
    join = PlainSeat("plans", private=True).sent(m.Join)

    assert isinstance(join, m.Join)
    assert join.private


# --- people ---------------------------------------------------------------------------------------------------
def test_who_is_acted_upon_is_no_private_partner(alice: PlainSeat) -> None:
    """An entry about somebody is no private message: /reply has nobody to answer."""
    alice.entry("bob", "spam", kind="kick", to="carol", target="c")
    assert alice.lines[-1].endswith("-- bob kicked carol out (spam)")
    alice.type("/reply hi")

    assert alice.lines[-1] == "-- Nobody has written to you privately yet. Write with /msg NICK TEXT."


@pytest.mark.parametrize(
    ("line", "kind", "text", "seconds"),
    [
        ("/kick bob too loud", "kick", "too loud", 0),
        ("/ban bob 10m spam", "ban", "spam", 600),
        ("/mute bob", "mute", "", 0),
        ("/invite bob", "invite", "", 0),
        ("/op bob", "op", "", 0),
    ],
)
def test_commands_act_in_the_current_room(alice: PlainSeat, line: str, kind: str, text: str, seconds: float) -> None:
    """As one `Say`, also while what is typed goes to a person."""
    alice.type("/query bob", line)
    say = alice.sent(m.Say)
    assert isinstance(say, m.Say)

    assert (say.room, say.to, say.kind, say.text, say.seconds) == ("lobby", "bob", kind, text, seconds)


def test_a_renamed_partner_is_followed(alice: PlainSeat) -> None:
    """What is typed goes on to the same person."""
    alice.type("/query bob")
    alice.hear(m.Presence(room="lobby", nick="robert", key="b", change="renamed", time=0, old="bob"))

    assert alice.lines[-1].endswith("-- bob is now robert in lobby")
    assert alice.chat.where == "-> robert"


def test_a_new_nick_is_asked_for_and_told(alice: PlainSeat) -> None:
    """Once, whoever else hears of it."""
    alice.type("/nick alicia")
    rename = alice.sent(m.Rename)
    assert isinstance(rename, m.Rename)
    alice.hear(m.Presence(room="lobby", nick="alicia", key="key", change="renamed", time=0, old="alice"))
    alice.hear(m.Renamed(nick="alicia", ref=rename.ref))

    assert (rename.nick, alice.lines) == ("alicia", ["-- You are called alicia now."])
    alice.type("/nick b@d")
    assert alice.lines[-1].startswith("-- The nick 'b@d' ")


def test_whois_asks_and_tells(alice: PlainSeat) -> None:
    """All that the broker says."""
    alice.type("/whois bob")
    who = alice.sent(m.Who)
    assert isinstance(who, m.Who)
    assert who.nick == "bob"
    user = m.UserInfo(nick="bob", key="b", rooms=[], idle=0, since=0, sessions=0, claimed=1)
    alice.hear(m.Roster(users=[user], ref=who.ref))

    assert alice.lines[:2] == ["bob: fingerprint b", "    away"]


# --- a broker that takes nothing ------------------------------------------------------------------------------
def test_a_broker_that_takes_nothing_is_told_once(alice: PlainSeat) -> None:
    """With how many messages wait; what is typed meanwhile is shown as waiting, and later it is told anew."""

    def refuse() -> None:
        first = alice.core.waiting_says[0].id
        alice.hear(m.Refused(code=Code.NOT_STORED, detail="The disk is full.", id=first, retry=5.0))

    alice.type("one")
    refuse()
    alice.type("two")
    assert alice.lines == [
        "-- The broker takes no messages for the moment (The disk is full). 1 message waits.",
        "-- Waits for the broker: two",
    ]
    alice.shell.pass_time(6)
    refuse()
    assert len(alice.lines) == 2
    alice.shell.mono += 6
    alice.hear(m.Beacon(time=0))
    alice.do(alice.core.tick(alice.shell.now))
    alice.store()
    alice.lines.clear()
    alice.type("three")
    refuse()

    assert len(alice.lines) == 1


def test_who_is_shut_out_ends(alice: PlainSeat) -> None:
    """With the broker's reason, exit 4."""
    alice.hear(m.Refused(code=Code.NOT_ALLOWED, detail="You were shut out by bob."))

    assert alice.ended is not None
    assert alice.ended.error is not None
    assert (alice.ended.error.exit_code, str(alice.ended.error)) == (4, "You were shut out by bob.")


def test_programs_see_what_is_done_as_objects() -> None:
    """One a line, like messages."""
    alice = PlainSeat(json=True)
    alice.entry("bob", "spam", kind="ban", to="carol", until=1)
    done = json.loads(alice.lines[-1])

    assert (done["kind"], done["from"], done["to"], done["until"]) == (
        "ban",
        "bob",
        "carol",
        "1970-01-01T00:00:00.001Z",
    )
