"""Members of private rooms: what they may read, from the invitation to the removal."""

from __future__ import annotations

import pytest

from zchat.broker.actions import Ask, Reply
from zchat.common import limits, messages as m, wire
from zchat.common.names import OPERATOR

from .house import LAST, NO_ROOM, NOT_ALLOWED, House, codes, events, heard, in_den, key, only


@pytest.fixture
def house() -> House:
    """Alice owns ``den``, bob is a member; mallory and carol are strangers."""
    return in_den()


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


READS = [
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
def test_a_member_reads_from_the_invitation_on(house: House, read: m.Replay) -> None:
    """No question gives anything older, nor tells that there is."""
    page = house.ask("bob", read, m.Page)

    assert all(entry.seq >= 2 for entry in page.entries)
    assert "before bob" not in [entry.text for entry in page.entries]
    if read.before is not None and read.before <= 3:
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
