"""Several brokers over one history are one chat: what is said and done at one of them holds at all."""

from __future__ import annotations

import pytest

from zchat.broker.actions import Ask, Publish, Reply, Store, StoreRun
from zchat.broker.inbox import groups
from zchat.common import limits, messages as m, wire

from .house import LAST, NOT_ALLOWED, NOT_STORED, TAKEN, House, Sent, codes, direct, events, hello, key, only
from .town import Town, changes, in_the_lobby


@pytest.fixture
def town() -> Town:
    """Two brokers; alice is at the first, bob at the second, both in the lobby."""
    return in_the_lobby()


def texts(sent: Sent, to: str | None = None) -> list[str]:
    """What was said, as it was told by PUB or to one user."""
    return [entry.text for told in events(sent, m.Entries, to=to) for entry in told.entries]


# --- entries --------------------------------------------------------------------------------------------------
def test_what_is_said_at_one_broker_is_told_at_the_other(town: Town) -> None:
    """Once, in order, and its author's own broker does not tell it again."""
    one, two = town.houses
    told = texts(one.say("alice", "a", "b", room="lobby"))
    sent = town.pass_on()

    assert told == ["a", "b"]
    assert (texts(sent[one]), texts(sent[two])) == ([], ["a", "b"])


def test_each_broker_tells_the_one_order_of_the_history(town: Town) -> None:
    """Who says something after others have, unheard so far, reads theirs first; the ack does not wait for that."""
    one, two = town.houses
    one.say("alice", "a", room="lobby")
    sent = two.say("bob", "b", room="lobby")
    acks = [action for action in sent if isinstance(action, Reply) and isinstance(action.event, m.Acked)]
    entries = [action for action in sent if isinstance(action, Publish) and isinstance(action.event, m.Entries)]

    assert texts(sent) == ["a", "b"]
    assert sent.index(acks[0]) < sent.index(entries[0])
    assert texts(town.pass_on()[one]) == ["b"]
    assert texts(one.say("alice", "c", room="lobby")) == ["c"]


def test_a_run_stands_behind_what_another_broker_has_stored(town: Town) -> None:
    """Each of its messages is acked with its own place, and told once, after what was not heard of so far."""
    one, two = town.houses
    one.say("alice", "a", "b", room="lobby")
    says = [m.Say(id=text, text=text, room="lobby") for text in "cde"]
    (pack,) = wire.pack(map(wire.encode, says), limits.PACK_BYTES)
    sent = [
        each
        for group in groups(two.core, [two.frame("bob", pack)], two.now)
        if any(isinstance(action, StoreRun) for action in group.actions)
        for each in two.carry_out(group.actions)
    ]

    assert [(ack.id, ack.seq) for ack in only(sent, m.Acked, to="bob").acks] == [("c", 3), ("d", 4), ("e", 5)]
    assert texts(sent) == ["a", "b", "c", "d", "e"]
    assert texts(town.pass_on()[one]) == ["c", "d", "e"]


def test_a_room_that_nobody_follows_only_moves_its_head(town: Town) -> None:
    """Its entries are not read there; who comes in is told where it stands."""
    one, two = town.houses
    one.join("dev", "alice")
    town.pass_on()
    one.say("alice", "a", "b", room="dev")
    sent = town.pass_on()

    assert texts(sent[two]) == []
    assert two.ask("bob", m.Join(room="dev"), m.Entered).head == 2
    assert texts(town.pass_on()[two]) == []


def test_who_comes_from_another_broker_finds_nothing_missing(town: Town) -> None:
    """A hello waits for all that is stored, so no head lies below what its client has seen."""
    one, two = town.houses
    one.say("alice", "a", "b", room="lobby")
    two.enter("alice")

    assert two.ask("alice", m.Join(room="lobby", after=2, resumed=True), m.Entered).head == 2


def test_a_private_message_reaches_the_other_broker(town: Town) -> None:
    """And its ack tells that it goes to somebody who is here, and their word for being away."""
    one, two = town.houses
    two.send(("bob", m.Away(text="lunch")))
    town.pass_on()
    ack = only(one.say("alice", "hi", to="bob"), m.Acked, to="alice").acks[0]
    sent = town.pass_on()

    assert (ack.delivered, ack.away) == (1, "lunch")
    assert texts(sent[two], to="bob") == ["hi"]
    assert two.page("bob", direct("alice", "bob"))[0].text == "hi"


def test_a_topic_is_known_where_nobody_follows_the_room(town: Town) -> None:
    """The list of rooms tells it, and how many are there in all."""
    one, two = town.houses
    one.join("dev", "alice")
    one.send(("alice", m.Say(id="t", kind="topic", text="news", room="dev")))
    town.pass_on()
    rooms = {info.room: info for info in two.ask("bob", m.Rooms(), m.RoomList).rooms}

    assert (rooms["dev"].topic, rooms["dev"].seq, rooms["dev"].online, rooms["lobby"].online) == ("news", 1, 1, 2)


def test_what_cannot_be_read_is_told_later(town: Town) -> None:
    """A broker that is cut from the history for a while leaves nothing out."""
    one, two = town.houses
    one.say("alice", "a", room="lobby")
    two.history.unreadable = True  # type: ignore[attr-defined]
    assert texts(town.pass_on()[two]) == []
    two.history.unreadable = False  # type: ignore[attr-defined]
    one.say("alice", "b", room="lobby")

    assert texts(town.advance(3)[two]) == ["a", "b"]


# --- the small state ------------------------------------------------------------------------------------------
def test_a_nick_belongs_to_who_was_faster(town: Town) -> None:
    """Two keys claim it at two brokers before these have heard of each other."""
    one, two = town.houses
    one.enter("carol")

    assert two.refused("dave", hello("dave", "carol")) == TAKEN


def test_a_rename_is_told_everywhere(town: Town) -> None:
    """To those who see it, and to one's own other screens; the former nick still means its owner."""
    one, two = town.houses
    two.enter("alice/2")
    town.pass_on()
    one.send(("alice", m.Rename(nick="alina")))
    sent = town.pass_on()

    assert [(p.old, p.nick) for p in events(sent[two], m.Presence)] == [("alice", "alina")]
    assert only(sent[two], m.Renamed, to="alice/2").nick == "alina"
    assert two.refused("eve", hello("eve", "alice")) == TAKEN


def test_a_rename_into_a_nick_that_was_just_taken_is_refused(town: Town) -> None:
    """It is judged again by what stands there."""
    one, two = town.houses
    one.enter("carol")

    assert two.refused("bob", m.Rename(nick="carol", ref=3)) == TAKEN


def test_an_invitation_for_one_lets_one_in() -> None:
    """At whichever broker it is used first."""
    town = Town()
    one, two = town.houses
    for house in town.houses:
        house.policy.access = "invite"
    one.enter("operator")
    token = one.administer("invite").invite
    town.pass_on()
    one.ask("alice", hello("alice", invite=token), m.Welcome)

    assert two.refused("bob", hello("bob", invite=token)) == NOT_ALLOWED


def test_two_operators_do_not_undo_each_other(town: Town) -> None:
    """What one does to somebody while the other has not heard of it yet is kept."""
    one, two = town.houses
    one.enter("olga")
    one.join("dev", "olga")
    town.pass_on()
    two.enter("olga/2", "carol")
    town.pass_on()
    one.done("olga", "mute", "carol", "dev")
    two.done("olga/2", "op", "carol", "dev")
    town.pass_on()

    assert [house.core._roster.rooms["dev"].members[key("carol")].role for house in town.houses] == ["operator"] * 2
    assert not two.may_speak("carol", "dev")


def test_what_was_read_at_one_broker_is_read(town: Town) -> None:
    """The mark does not go back when another broker sets its own later."""
    one, two = town.houses
    one.say("alice", "a", "b", "c", room="lobby")
    two.enter("alice/2")
    two.join("lobby", "alice/2")
    two.send(("alice/2", m.Ping(seen={"lobby": 1})))
    one.send(("alice", m.Ping(seen={"lobby": 3})))
    town.advance(3)

    for house, user in zip(town.houses, ("alice", "alice/2"), strict=True):
        assert house.ask(user, m.Join(room="lobby"), m.Entered).read == 3


# --- rights ---------------------------------------------------------------------------------------------------
def test_a_ban_from_the_broker_holds_at_all(town: Town) -> None:
    """Each broker ends its own connections of that key, once."""
    one, two = town.houses
    one.enter("operator")
    one.administer("ban", "bob", reason="spam")
    sent = town.pass_on()

    assert codes(sent[two], "bob") == [NOT_ALLOWED]
    assert two.cut == [key("bob")]
    assert ("bob", "left", "shut out by the operator: spam") in changes(sent[one])
    assert two.refused("bob", hello("bob")) == NOT_ALLOWED


def test_who_loses_a_nick_goes_at_all_brokers(town: Town) -> None:
    """It is free then at every one of them."""
    one, two = town.houses
    one.enter("operator")
    one.administer("reset", "bob")
    town.pass_on()

    assert two.cut == [key("bob")]
    two.enter("bob")


def test_a_kick_puts_out_everywhere_and_its_reason_is_read(town: Town) -> None:
    """By the one it happened to, and by the others at each broker, once."""
    one, two = town.houses
    one.enter("olga")
    one.join("dev", "olga")
    town.pass_on()
    two.join("dev", "bob")
    town.pass_on()
    here = changes(one.do("olga", "kick", "bob", "dev", text="spam"))
    sent = town.pass_on()

    assert only(sent[two], m.Parted, to="bob").reason == "kicked by olga: spam"
    assert here == [("bob", "left", "kicked by olga: spam")]
    assert changes(sent[one]) == []
    assert not two.may_enter("bob", "dev")


def den(town: Town) -> None:
    """Alice makes a private room and invites bob, who comes in."""
    one, two = town.houses
    one.join("den", "alice", private=True)
    one.say("alice", "before", room="den")
    one.done("alice", "invite", "bob", "den")
    town.pass_on()
    two.join("den", "bob")
    town.pass_on()


def test_an_invitation_to_a_private_room_reaches_the_other_broker(town: Town) -> None:
    """With who invites; what was said before it is not to be read there either."""
    one, two = town.houses
    one.join("den", "alice", private=True)
    one.say("alice", "before", room="den")
    one.do("alice", "invite", "bob", "den")
    sent = town.pass_on()

    assert only(sent[two], m.Invited, to="bob").nick == "alice"
    two.join("den", "bob")
    assert [entry.kind for entry in two.page("bob", "den")] == ["invite"]


def test_a_member_reads_from_the_invitation_on_whoever_said_something_just_before(town: Town) -> None:
    """Though the broker at which they were invited had not heard of that yet."""
    one, two = town.houses
    den(town)
    two.say("bob", "unheard", room="den")
    one.enter("carol")
    one.done("alice", "invite", "carol", "den")
    late = town.add()
    late.enter("carol/2")
    for house, user in ((one, "carol"), (late, "carol/2")):
        assert [(entry.kind, entry.text) for entry in house.page(user, "den")] == [("invite", "")]


def test_who_was_put_out_of_a_private_room_elsewhere_gets_no_more_of_it(town: Town) -> None:
    """Neither what is told after it, nor a page, nor what they look for; though no hint came."""
    one, two = town.houses
    den(town)
    one.done("alice", "kick", "bob", "den")
    one.say("alice", "secret", room="den")
    assert events(two.send(("bob", m.Replay(room="den", before=LAST))), m.Page, to="bob") == []
    sent = town.pass_on()

    assert texts(sent[two], to="bob") == []
    assert "secret" not in str(two.send(("bob", m.Search(words="secret"))))


def test_who_was_put_out_gets_nothing_that_is_told_after_it(town: Town) -> None:
    """Though their broker learns of both at once, from what somebody else there says next."""
    one, two = town.houses
    den(town)
    two.enter("carol")
    town.pass_on()
    one.done("alice", "invite", "carol", "den")
    town.pass_on()
    two.join("den", "carol")
    one.done("alice", "kick", "bob", "den")
    one.say("alice", "secret", room="den")
    sent = two.say("carol", "and more", room="den")

    assert texts(sent, to="carol") == ["", "secret", "and more"]
    assert texts(sent, to="bob") == []
    assert only(sent, m.Parted, to="bob").reason == "kicked by alice"


# --- a history that fails, or is nobody else's ----------------------------------------------------------------
def test_a_broker_that_is_cut_from_the_history_does_not_pretend(town: Town) -> None:
    """Nothing is acked, and who comes from another broker is asked to come again instead of being told of old heads."""
    _, two = town.houses
    two.history.full = two.history.unreadable = True  # type: ignore[attr-defined]

    assert codes(two.say("bob", "hi", room="lobby"), "bob") == [NOT_STORED]
    assert two.refused("alice", hello("alice")) == NOT_STORED
    town.advance(30)
    two.history.mend()  # type: ignore[attr-defined]
    town.advance(4)
    assert not any("is gone" in line for line in two.logged)


def test_alone_a_broker_asks_for_nothing() -> None:
    """Over a history of its own nobody else's news are looked for, and nothing is told of who is here."""
    house = House()
    house.enter("alice")
    house.join("lobby", "alice")
    for _ in range(20):
        house.advance(1)
        assert not [action for action in house.core.tick(house.now) if isinstance(action, Ask | Store)]

    assert (house.history.table("broker"), house.history.table("presence")) == ({}, {})
