"""Messages that are deleted: by whom, and what is left of them."""

from __future__ import annotations

import pytest

from zchat.common import messages as m
from zchat.common.names import LOBBY, OPERATOR

from .house import NO_ROOM, NOT_ALLOWED, NOT_STORED, House, codes, direct, events, in_dev, only


@pytest.fixture
def house() -> House:
    """Olga owns ``dev``; otto and opal are its operators, mick and rita are there."""
    return in_dev()


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
