"""What is done to somebody in a room: how long it lasts, and that it is done once or not at all."""

from __future__ import annotations

import re

import pytest

from zchat.broker.roster import Member
from zchat.common import limits, messages as m
from zchat.common.names import LOBBY
from zchat.common.rules import ACTS

from .house import NO_ROOM, NOT_ALLOWED, NOT_STORED, PUBLIC_ACTS, House, codes, direct, events, in_dev, key, only


@pytest.fixture
def house() -> House:
    """Olga owns ``dev``; otto and opal are its operators, mick and rita are there."""
    return in_dev()


# --- the words ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", ACTS)
def test_there_must_be_somebody_and_somewhere(house: House, kind: str) -> None:
    """No such user, no such room, no room at all, and private messages are each told as such; no room is made."""
    assert house.refused("olga", house.doing(kind, "nobody", "dev")) == "no_such_user"
    assert house.refused("olga", house.doing(kind, "mick", "nowhere")) == NO_ROOM
    assert house.refused("olga", house.doing(kind, "mick", "no room")) == "room_invalid"
    assert house.refused("olga", m.Say(id="a", kind=kind, to="mick", text="")) in ("room_invalid", NO_ROOM)  # type: ignore[arg-type]
    assert house.refused("olga", m.Say(id="b", kind=kind, room="dev", text="")) == "no_such_user"  # type: ignore[arg-type]
    house.say("olga", "hello", to="mick")
    assert house.refused("olga", house.doing(kind, "mick", direct("olga", "mick"))) == NOT_ALLOWED
    assert house.refused("rita", house.doing(kind, "mick", direct("olga", "mick"))) == NO_ROOM

    assert house.refused("olga", m.Join(room="nowhere", create=False)) == NO_ROOM


def test_somebody_is_named_by_nick_or_key(house: House) -> None:
    """In any case, by a former nick, by fingerprint; also who is away."""
    house.send(("mick", m.Rename(nick="michael")))
    house.send(("mick", m.Goodbye()))
    for name in ("MICK", "michael", key("mick"), key("mick").upper()):
        house.done("olga", "mute", name, "dev")
        house.done("olga", "unmute", name, "dev")

    assert [entry.to for entry in house.page("olga", "dev")][-2:] == ["michael", "michael"]


@pytest.mark.parametrize("kind", PUBLIC_ACTS)
def test_what_is_done_stands_in_the_history(house: House, kind: str) -> None:
    """Who did what to whom, why and until when, told to the room and to those who read later."""
    target = "otto" if kind == "deop" else "mick"
    if kind.startswith("un"):
        house.done("otto", kind.removeprefix("un"), target, "dev")
    sent = house.do("olga", kind, target.upper(), "dev", seconds=60, text="the reason")
    (entry,) = only(sent, m.Entries).entries
    until = house.now.wall + 60_000 if kind in ("ban", "mute", "kick") else 0

    assert entry == house.page("mick" if kind not in ("kick", "ban") else "rita", "dev")[-1]
    assert (entry.kind, entry.nick, entry.key, entry.text) == (kind, "olga", key("olga"), "the reason")
    assert (entry.to, entry.target) == (target, key(target))
    if kind != "kick":
        assert entry.until == until


@pytest.mark.parametrize("text", ["two\nlines", "x" * (limits.REASON_CHARACTERS + 1)])
def test_a_reason_is_one_line(house: House, text: str) -> None:
    """A longer one is refused, and nothing is done."""
    assert codes(house.do("olga", "ban", "mick", "dev", text=text), "olga") == ["too_large"]
    assert house.may_speak("mick", "dev")


# --- kick and ban ---------------------------------------------------------------------------------------------
def test_a_kick_lasts_a_minute(house: House) -> None:
    """Who is kicked may read meanwhile, but neither enter nor speak; then they may again."""
    sent = house.do("otto", "kick", "mick", "dev", text="calm down")
    parted = only(sent, m.Parted, to="mick")
    assert (parted.room, parted.ref) == ("dev", 0)
    assert "otto" in parted.reason
    assert "calm down" in parted.reason
    (left,) = events(sent, m.Presence)
    assert (left.nick, left.change, left.reason) == ("mick", "left", parted.reason)
    house.advance(limits.KICK_SECONDS - 1)
    assert not house.may_enter("mick", "dev")
    assert not house.may_speak("mick", "dev")
    house.advance(1)

    assert house.may_enter("mick", "dev")
    assert house.may_speak("mick", "dev")


def test_every_kick_counts(house: House) -> None:
    """Who comes back after a minute and is kicked again, or whose ban is over, stays out another minute."""
    for kind in ("kick", "ban", "kick", "kick"):
        house.done("otto", kind, "mick", "dev", seconds=30)
        assert not house.may_enter("mick", "dev"), kind
        house.advance(limits.KICK_SECONDS)
        assert house.may_enter("mick", "dev"), kind


def test_a_kick_does_not_shorten_a_ban(house: House) -> None:
    """Who is banned for longer stays out for longer."""
    house.done("otto", "ban", "mick", "dev")
    house.do("otto", "kick", "mick", "dev")
    house.advance(limits.KICK_SECONDS)

    assert not house.may_enter("mick", "dev")


def test_a_ban_lasts_as_long_as_it_says(house: House) -> None:
    """Until its end, or until it is lifted; a new one takes its place; all of it survives a restart."""
    house.done("otto", "ban", "mick", "dev", seconds=3_600)
    house.advance(3_599)
    assert not house.may_enter("mick", "dev")
    house.advance(1)
    assert house.may_enter("mick", "dev")
    house.done("otto", "ban", "mick", "dev")
    house.advance(10**9)
    house.restart()
    house.enter("otto", "mick")
    assert not house.may_enter("mick", "dev")
    house.done("otto", "unban", "mick", "dev")
    house.restart()
    house.enter("mick")

    assert house.may_enter("mick", "dev")


def test_the_banned_may_read_what_is_public(house: House) -> None:
    """Everyone can; they may not enter, by whichever name or start, nor speak, nor set the topic, nor delete."""
    house.say("mick", "mine", room="dev")
    mine = house.page("mick", "dev")[-1].seq
    house.done("olga", "ban", "mick", "dev", seconds=90)
    assert house.texts("mick", "dev")[-2] == "mine"
    commands: list[m.Command] = [
        m.Join(room="dev"),
        m.Join(room="DEV", last=3),
        m.Join(room="dev", after=0, resumed=True),
        m.Join(room="dev", create=False),
        m.Say(id="a", text="x", room="dev"),
        m.Say(id="b", text="x", room="dev", kind="me"),
        m.Say(id="c", text="x", room="dev", kind="topic"),
        m.Say(id="d", text="", room="dev", kind="delete", about=mine),
    ]
    for command in commands:
        refused = house.ask("mick", command, m.Refused)
        assert refused.code == NOT_ALLOWED
        assert re.search(r"until \d{4}-\d\d-\d\d \d\d:\d\d UTC", refused.detail)
    assert house.may_speak("mick", LOBBY)
    assert codes(house.say("mick", "hello", to="olga"), "mick") == []


def test_all_screens_are_put_out(house: House) -> None:
    """Also those that come back later; other rooms are left alone."""
    house.enter("mick/2")
    house.join("dev", "mick/2")
    sent = house.do("otto", "ban", "mick", "dev")
    assert [only(sent, m.Parted, to=screen).room for screen in ("mick", "mick/2")] == ["dev", "dev"]
    house.enter("mick/3")

    assert not house.may_enter("mick/3", "dev")
    assert house.ask("olga", m.Who(nick="mick"), m.Roster).users[0].rooms == [LOBBY]
    assert "mick" not in [user.nick for user in house.ask("olga", m.Who(room="dev"), m.Roster).users]


def test_nobody_enters_at_the_moment_of_the_ban(house: House) -> None:
    """Whatever reached the broker together with it counts in its order."""
    house.send(("mick", m.Part(room="dev")))
    sent = house.send(
        ("mick", m.Join(room="dev", last=3)),
        ("mick", m.Say(id="1", text="before", room="dev")),
        ("otto", house.doing("ban", "mick", "dev")),
        ("mick", m.Join(room="dev", last=3)),
        ("mick", m.Say(id="2", text="after", room="dev")),
    )

    assert codes(sent, "mick") == [NOT_ALLOWED, NOT_ALLOWED]
    assert "before" in house.texts("rita", "dev")
    assert "after" not in house.texts("rita", "dev")
    assert "mick" not in [user.nick for user in house.ask("olga", m.Who(room="dev"), m.Roster).users]


# --- mute -----------------------------------------------------------------------------------------------------
def test_the_muted_may_read(house: House) -> None:
    """They stay in the room, may come and go, and say nothing there until it ends or is lifted."""
    house.done("otto", "mute", "mick", "dev", seconds=60)
    assert not house.may_speak("mick", "dev")
    assert codes(house.send(("mick", m.Say(id="t", text="x", room="dev", kind="topic"))), "mick") == [NOT_ALLOWED]
    house.send(("mick", m.Part(room="dev")))
    assert house.may_enter("mick", "dev")
    assert house.may_speak("mick", LOBBY)
    house.advance(60)
    assert house.may_speak("mick", "dev")
    house.done("otto", "mute", "mick", "dev")
    house.advance(10**9)
    house.restart()
    house.enter("mick", "otto")
    assert not house.may_speak("mick", "dev")
    house.done("otto", "unmute", "mick", "dev")

    assert house.may_speak("mick", "dev")


def test_a_ban_keeps_a_mute_and_a_role(house: House) -> None:
    """Each is lifted for itself."""
    house.done("olga", "mute", "otto", "dev")
    house.done("olga", "ban", "otto", "dev")
    house.done("olga", "unban", "otto", "dev")
    assert house.may_enter("otto", "dev")
    assert not house.may_speak("otto", "dev")
    house.done("olga", "unmute", "otto", "dev")

    house.done("otto", "mute", "mick", "dev")


# --- once, or not at all --------------------------------------------------------------------------------------
def test_a_repeat_has_no_second_effect(house: House) -> None:
    """The same command again, because its ack was lost, is acked again; what was lifted meanwhile stays lifted."""
    ban = house.doing("ban", "mick", "dev")
    first = only(house.send(("otto", ban)), m.Acked, to="otto").acks[0]
    house.done("olga", "unban", "mick", "dev")
    house.join("dev", "mick")
    sent = house.send(("otto", ban))
    again = only(sent, m.Acked, to="otto").acks[0]

    assert (again.seq, again.duplicate, first.duplicate) == (first.seq, True, False)
    assert not events(sent, m.Entries)
    assert not events(sent, m.Parted, to="mick")
    assert house.may_speak("mick", "dev")


@pytest.mark.parametrize(
    ("kind", "room"), [*((kind, "dev") for kind in PUBLIC_ACTS), *((kind, "den") for kind in ACTS)]
)
def test_a_lost_ack_is_made_good(house: House, kind: str, room: str) -> None:
    """Whatever was done, and sent again because nothing was heard of it, is acked as done and not refused."""
    house.join("den", "olga", private=True)
    target = "otto" if kind == "deop" else "mick"
    if room == "den" and kind not in ("invite", "unban"):
        house.done("olga", "invite", target, "den")
    if kind == "deop":
        house.do("olga", "op", target, room)
    if kind in ("unban", "unmute"):
        house.done("olga", kind.removeprefix("un"), target, room)
    command = house.doing(kind, target, room)
    assert codes(house.send(("olga", command)), "olga") == []
    sent = house.send(("olga", command))

    assert only(sent, m.Acked, to="olga").acks[0].duplicate
    assert codes(sent, "olga") == []


def test_a_message_before_a_ban_is_acked_again(house: House) -> None:
    """What was stored, and is sent again after its author was put out, is told to be stored."""
    say = m.Say(id="1", text="hello", room="dev")
    house.send(("mick", say))
    house.done("otto", "ban", "mick", "dev")
    sent = house.send(("mick", say))

    assert only(sent, m.Acked, to="mick").acks[0].duplicate


def test_one_id_is_for_one_deed(house: House) -> None:
    """Under an id that was used nothing is done to anybody else, and nobody is told that it was."""
    ban = house.doing("ban", "mick", "dev")
    house.send(("olga", ban))
    for other in (
        m.Say(id=ban.id, kind="ban", room="dev", to="rita", text=""),
        m.Say(id=ban.id, kind="kick", room="dev", to="mick", text=""),
        m.Say(id=ban.id, kind="ban", room="dev", to="mick", text="another reason"),
    ):
        assert codes(house.send(("olga", other)), "olga") == ["id_reused"]
    assert house.may_speak("rita", "dev")


@pytest.mark.parametrize("kind", PUBLIC_ACTS)
def test_what_is_not_stored_is_not_done(house: House, kind: str) -> None:
    """Entry and effect are stored together, or neither is; then the same command may come again."""
    target = "otto" if kind == "deop" else "mick"
    if kind.startswith("un"):
        house.done("otto", kind.removeprefix("un"), target, "dev")
    command = house.doing(kind, target, "dev")
    before, entries = house.member(target, "dev"), len(house.page("rita", "dev"))
    with house.full_disk():
        sent = house.send(("olga", command))
        (refused,) = events(sent, m.Refused, to="olga")
        assert (refused.code, refused.id, len(sent)) == (NOT_STORED, command.id, 1)
        assert house.core._roster.rooms["dev"].members.get(key(target), Member()) == before
    assert (house.member(target, "dev"), len(house.page("rita", "dev"))) == (before, entries)

    assert only(house.send(("olga", command)), m.Acked, to="olga").acks[0].duplicate is False
