"""What is done to somebody in a room, who may do it, and messages that are deleted."""

from __future__ import annotations

import re

import msgspec
import pytest

from zchat.broker.rooms import MEMBERS
from zchat.broker.roster import Member
from zchat.common import limits, messages as m
from zchat.common.names import LOBBY, OPERATOR

from .house import NO_ROOM, NOT_ALLOWED, NOT_STORED, House, codes, direct, events, key, only

KINDS = ("kick", "ban", "unban", "mute", "unmute", "op", "deop")


@pytest.fixture
def house() -> House:
    """In the public room ``dev``: olga, who made it, its operators otto and opal, and mick and rita."""
    house = House()
    house.enter(OPERATOR, "olga", "otto", "opal", "mick", "rita")
    house.join("dev", "olga", "otto", "opal", "mick", "rita")
    house.join(LOBBY, "olga", "mick")
    for name in ("otto", "opal"):
        house.done("olga", "op", name, "dev")
    return house


def member(house: House, user: str, room: str = "dev") -> Member:
    """What is kept of a user in a room."""
    value, _ = house.history.table(MEMBERS).get(f"{room} {key(user)}", (msgspec.msgpack.encode(Member()), 0))
    return msgspec.msgpack.decode(value, type=Member)


# --- ranks ----------------------------------------------------------------------------------------------------
RANKS = {"mick": 0, "otto": 1, "olga": 2, OPERATOR: 3}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("actor", [*RANKS, "rita"])
def test_who_may_do_what_to_whom(kind: str, actor: str) -> None:
    """Only those of a higher rank: an operator to members, the owner to operators; only owners name operators."""
    for target, rank in {**RANKS, "opal": 1}.items():
        house = House()
        house.enter(OPERATOR, "olga", "otto", "opal", "mick", "rita")
        house.join("dev", "olga")
        for name in ("otto", "opal"):
            house.done("olga", "op", name, "dev")
        if kind in ("unban", "unmute") and target in ("mick", "otto", "opal"):
            house.done("olga", kind.removeprefix("un"), target, "dev")
        needed = 2 if kind in ("op", "deop") else 1
        may = RANKS.get(actor, 0) >= needed and RANKS.get(actor, 0) > rank and actor != target
        # What cannot be undone, since nothing was done, is refused to everyone.
        if (kind, target) in (("deop", "mick"), ("deop", "olga"), ("op", "olga")):
            may = False
        if kind in ("unban", "unmute") and target == "olga":
            may = False
        before = member(house, target)
        sent = house.do(actor, kind, target, "dev")

        assert codes(sent, actor) == ([] if may else [NOT_ALLOWED]), target
        assert bool(events(sent, m.Acked, to=actor)) is may
        if not may:
            assert member(house, target) == before


@pytest.mark.parametrize("kind", KINDS)
def test_the_lobby_belongs_to_nobody(house: House, kind: str) -> None:
    """Who made it, by being the first to come, has no rights there; the broker's operators have."""
    assert house.refused("olga", house.doing(kind, "mick", LOBBY)) == NOT_ALLOWED
    assert house.ask("olga", m.Join(room=LOBBY), m.Entered).role == ""
    house.done(OPERATOR, "mute", "mick", LOBBY)
    house.done(OPERATOR, "op", "olga", LOBBY)
    house.done("olga", "unmute", "mick", LOBBY)

    assert house.may_speak("mick", LOBBY)


def test_the_maker_of_a_public_room_owns_it(house: House) -> None:
    """By joining or by speaking; also after a restart, and also when somebody else comes first then."""
    house.say("mick", "hello", room="spoken")
    house.restart()
    house.enter("rita", "mick")
    house.join("spoken", "rita")

    assert house.ask("mick", m.Join(room="spoken"), m.Entered).role == "owner"
    house.done("mick", "kick", "rita", "spoken")


def test_roles_are_told_on_entering(house: House) -> None:
    """Owner, operator or nothing."""
    roles = {user: house.ask(user, m.Join(room="dev"), m.Entered).role for user in ("olga", "otto", "mick", OPERATOR)}

    assert roles == {"olga": "owner", "otto": "operator", "mick": "", OPERATOR: ""}


def test_who_is_put_out_has_no_rights_left(house: House) -> None:
    """An operator of the room who was banned, or may not speak there, does nothing to others meanwhile."""
    for kind, undo in (("ban", "unban"), ("kick", "unban"), ("mute", "unmute")):
        house.done("olga", kind, "otto", "dev")
        for what in ("kick", "ban", "mute"):
            assert house.refused("otto", house.doing(what, "mick", "dev")) == NOT_ALLOWED, (kind, what)
        house.done("olga", undo, "otto", "dev")


# --- the words ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", ["invite", *KINDS])
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


@pytest.mark.parametrize("kind", KINDS)
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


# --- operators ------------------------------------------------------------------------------------------------
def test_operators_come_and_go(house: House) -> None:
    """Who is one no longer may do nothing from then on; a role survives a restart."""
    house.restart()
    house.enter("olga", "otto", "mick")
    house.done("otto", "mute", "mick", "dev")
    house.done("olga", "deop", "otto", "dev")
    assert house.refused("otto", house.doing("unmute", "mick", "dev")) == NOT_ALLOWED
    assert member(house, "otto") == Member()
    house.restart()
    house.enter("otto")

    assert house.refused("otto", house.doing("unmute", "mick", "dev")) == NOT_ALLOWED


def test_an_owner_is_not_made_less(house: House) -> None:
    """Naming the owner an operator leaves the room with its owner."""
    house.do(OPERATOR, "op", "olga", "dev")

    assert member(house, "olga").role == "owner"


def test_the_brokers_operators_stand_above_owners(house: House) -> None:
    """Also those whom the operator's key has named; and what they are not any more they may not."""
    house.administer("op", "rita")
    house.done("rita", "ban", "olga", "dev")
    assert not house.may_speak("olga", "dev")
    house.done("rita", "unban", "olga", "dev")
    assert house.refused("olga", house.doing("kick", "rita", "dev")) == NOT_ALLOWED
    house.administer("deop", "rita")

    assert house.refused("rita", house.doing("mute", "mick", "dev")) == NOT_ALLOWED


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


@pytest.mark.parametrize("kind", ["invite", *KINDS])
@pytest.mark.parametrize("room", ["dev", "den"])
def test_a_lost_ack_is_made_good(house: House, kind: str, room: str) -> None:
    """Whatever was done, and sent again because nothing was heard of it, is acked as done and not refused."""
    if room == "dev" and kind == "invite":
        return
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


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_not_stored_is_not_done(house: House, kind: str) -> None:
    """Entry and effect are stored together, or neither is; then the same command may come again."""
    target = "otto" if kind == "deop" else "mick"
    if kind.startswith("un"):
        house.done("otto", kind.removeprefix("un"), target, "dev")
    command = house.doing(kind, target, "dev")
    before, entries = member(house, target), len(house.page("rita", "dev"))
    with house.full_disk():
        sent = house.send(("olga", command))
        (refused,) = events(sent, m.Refused, to="olga")
        assert (refused.code, refused.id, len(sent)) == (NOT_STORED, command.id, 1)
        assert house.core._roster.rooms["dev"].members.get(key(target), Member()) == before
    assert (member(house, target), len(house.page("rita", "dev"))) == (before, entries)

    assert only(house.send(("olga", command)), m.Acked, to="olga").acks[0].duplicate is False


# --- deleting -------------------------------------------------------------------------------------------------
def delete(about: int, *, room: str | None = None, to: str | None = None, id: str = "", text: str = "") -> m.Say:
    """The command that deletes a message."""
    return m.Say(id=id or f"delete-{about}", kind="delete", about=about, room=room, to=to, text=text)


def rows(house: House, text: str) -> int:
    """How many rows of the database have a text in them."""
    return sum(text in line for line in house.history._db.iterdump())


def test_one_deletes_ones_own(house: House) -> None:
    """The text is gone from the history; everybody is told which entry, and by whom; the entry keeps its place."""
    house.say("mick", "first", "oops-1234", "last", room="dev")
    entry = next(entry for entry in house.page("mick", "dev") if entry.text == "oops-1234")
    assert rows(house, "oops-1234") == 1
    sent = house.send(("mick", delete(entry.seq, room="dev", text="typo")))
    (told,) = only(sent, m.Entries).entries
    assert (told.kind, told.about, told.text, told.nick) == ("delete", entry.seq, "typo", "mick")
    (after,) = [each for each in house.page("rita", "dev") if each.seq == entry.seq]

    assert (after.kind, after.text) == ("deleted", "")
    assert (after.id, after.time, after.key, after.prev) == (entry.id, entry.time, entry.key, entry.prev)
    assert rows(house, "oops-1234") == 0
    assert house.texts("rita", "dev")[-4:] == ["first", "", "last", "typo"]


@pytest.mark.parametrize(
    ("user", "may"), [("mick", True), ("otto", True), ("olga", True), (OPERATOR, True), ("rita", False)]
)
def test_operators_delete_anybodys(house: House, user: str, may: bool) -> None:
    """Others only their own; whoever may not is told as if there were no such message."""
    house.say("mick", "hello", room="dev")
    seq = house.page("mick", "dev")[-1].seq
    sent = house.send((user, delete(seq, room="dev")))

    assert codes(sent, user) == ([] if may else ["no_such_message"])
    assert ("hello" in house.texts("mick", "dev")) is not may
    assert len(house.page("mick", "dev")) == seq + may


def test_members_delete_their_own_in_the_lobby(house: House) -> None:
    """There is nobody else to do it, but for the broker's operators."""
    house.say("mick", "one", "two", room=LOBBY)
    assert house.refused("olga", delete(1, room=LOBBY)) == "no_such_message"
    assert house.refused("mick", delete(1, room=LOBBY)) == ""
    assert house.refused(OPERATOR, delete(2, room=LOBBY)) == ""

    assert house.texts("olga", LOBBY) == ["", "", "", ""]


def test_private_messages_are_deleted_by_their_author(house: House) -> None:
    """Named by the partner; the other may not, nor an operator, and strangers find nothing."""
    house.send(("mick", m.Say(id="1", text="secret", to="rita")))
    assert house.refused("rita", delete(1, to="mick")) == "no_such_message"
    assert house.refused("olga", delete(1, to="rita")) == NO_ROOM
    assert house.refused(OPERATOR, delete(1, room=direct("mick", "rita"))) in (NO_ROOM, NOT_ALLOWED)
    house.administer("op", "rita")
    assert house.refused("rita", delete(1, to="mick", id="again")) == "no_such_message"
    sent = house.send(("mick", delete(1, to="rita")))

    assert [entry.kind for entry in only(sent, m.Entries, to="rita").entries] == ["delete"]
    assert events(sent, m.Entries) == []
    assert [(entry.kind, entry.text) for entry in house.page("rita", to="mick")] == [("deleted", ""), ("delete", "")]
    assert rows(house, "secret") == 0


@pytest.mark.parametrize("about", [0, 99, 2**63 - 1])
def test_there_must_be_a_message(house: House, about: int) -> None:
    """What is not there is not deleted, and no entry is made of it."""
    before = house.history.heads()
    assert house.refused("olga", delete(about, room="dev", id="x")) == "no_such_message"
    assert house.refused("olga", delete(about, room="nowhere", id="x")) == NO_ROOM
    assert house.refused("olga", delete(about, to="rita", id="x")) == NO_ROOM
    assert house.history.heads() == before


def test_only_what_was_said_is_deleted(house: House) -> None:
    """Not a topic, nor what was done to somebody, nor a deletion."""
    house.send(("olga", m.Say(id="t", kind="topic", text="tea", room="dev")))
    house.done("olga", "mute", "mick", "dev")
    house.say("olga", "hello", room="dev")
    house.send(("olga", delete(house.page("olga", "dev")[-1].seq, room="dev")))
    for entry in house.page("olga", "dev"):
        assert house.refused("olga", delete(entry.seq, room="dev", id=f"x{entry.seq}")) == "no_such_message", entry.kind

    assert house.ask("rita", m.Join(room="dev"), m.Entered).topic == "tea"


def test_a_message_is_deleted_once(house: House) -> None:
    """The same command again is acked again; another one finds nothing to delete; two at once are one."""
    house.say("mick", "hello", "again", room="dev")
    seq = house.page("mick", "dev")[-2].seq
    first = house.send(("mick", delete(seq, room="dev")))
    second = house.send(("mick", delete(seq, room="dev")))
    assert only(second, m.Acked, to="mick").acks[0].duplicate
    assert only(first, m.Acked, to="mick").acks[0].seq == only(second, m.Acked, to="mick").acks[0].seq
    assert events(second, m.Entries) == []
    assert house.refused("mick", delete(seq, room="dev", id="other")) == "no_such_message"
    sent = house.send(("mick", delete(seq + 1, room="dev")), ("olga", delete(seq + 1, room="dev")))

    assert (codes(sent, "mick"), codes(sent, "olga")) == ([], ["no_such_message"])


def test_a_message_is_deleted_as_soon_as_it_stands(house: House) -> None:
    """Said and deleted in one moment: nobody reads it in the history, and both are told in order."""
    seq = house.page("mick", "dev")[-1].seq + 1
    sent = house.send(("mick", m.Say(id="1", text="oops", room="dev")), ("mick", delete(seq, room="dev")))

    assert codes(sent, "mick") == []
    assert house.texts("rita", "dev")[-2:] == ["", ""]
    assert rows(house, "oops") == 0


def test_a_deletion_that_is_not_stored_is_none(house: House) -> None:
    """The text stays, and the command may come again."""
    house.say("mick", "hello", room="dev")
    seq = house.page("mick", "dev")[-1].seq
    with house.full_disk():
        assert house.refused("mick", delete(seq, room="dev")) == NOT_STORED
    assert house.texts("rita", "dev")[-1] == "hello"

    assert house.refused("mick", delete(seq, room="dev")) == ""


def test_a_deleted_message_that_comes_again_is_acked(house: House) -> None:
    """Its author, who heard nothing of it, is told that it is stored, and does not say it anew under another id."""
    say = m.Say(id="1", text="hello", room="dev")
    house.send(("mick", say))
    house.send(("olga", delete(house.page("mick", "dev")[-1].seq, room="dev")))
    sent = house.send(("mick", say))

    assert only(sent, m.Acked, to="mick").acks[0].duplicate
    assert "hello" not in house.texts("rita", "dev")


def test_a_deletion_survives_a_restart(house: House) -> None:
    """Deleted stays deleted."""
    house.say("mick", "hello", room="dev")
    seq = house.page("mick", "dev")[-1].seq
    house.send(("mick", delete(seq, room="dev")))
    house.restart()
    house.enter("rita")

    assert [entry.kind for entry in house.page("rita", "dev")][-2:] == ["deleted", "delete"]
