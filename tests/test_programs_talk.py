"""The programs behind the commands in short conversations: what they ask, send and print."""

from __future__ import annotations

import pytest

from zchat.broker.policy import Policy
from zchat.client import actions as a
from zchat.client.programs import OneQuestion
from zchat.client.rooms import Start
from zchat.client.sending import Sender
from zchat.client.tailing import Tailer
from zchat.common import limits, messages as m, wire
from zchat.common.errors import Code, NotAcked, RefusedError, TimedOut

from .conversation import Conversation


def test_who_and_slash_who_agree(talk: Conversation) -> None:
    """`zchat who` shows who joined, not those who only ask, send or tail."""
    alice = talk.join("alice")
    talk.run("watcher", lambda core: Tailer(core, rooms=["lobby"], start=Start(), follow=True, json=False))
    asked: list[m.Event] = []

    def show(event: m.Event) -> list[str]:
        asked.append(event)
        return []

    talk.run("asker", lambda core: OneQuestion(core, m.Who(), show))
    talk.settle()
    alice.type("/who")
    talk.settle()

    assert isinstance(asked[0], m.Roster)
    assert [(user.nick, user.rooms, user.sessions) for user in asked[0].users] == [("alice", ["lobby"], 1)]
    assert not alice.saw("watcher")
    assert not alice.saw("asker")


def test_a_long_list_of_rooms_comes_in_parts() -> None:
    """However many rooms there are, no frame grows beyond its size, and /rooms shows them all, after a loss too."""
    talk = Conversation(policy=Policy(room_burst=1_000, owned_rooms=1_000))
    alice = talk.join("alice")
    for number in range(700):
        alice.carry_out(alice.core.say("x" * limits.TOPIC_CHARACTERS, talk.now, room=f"room-{number}", kind="topic"))
    talk.settle()
    sizes: list[int] = []
    receive = alice.receive
    alice.receive = lambda body: (sizes.append(len(body)), receive(body))[1]  # type: ignore[method-assign]
    talk.replies.drop = 0.3
    alice.type("/rooms")
    talk.advance(limits.REQUEST_AFTER)
    talk.replies.drop = 0.0
    talk.advance(limits.REQUEST_AFTER + 1)

    assert sum(line.startswith("room-") for line in alice.printed) == 700
    assert max(sizes) <= limits.FRAME_BYTES + 100


def test_messages_with_a_partner_the_welcome_did_not_list_begin_where_reading_stopped(talk: Conversation) -> None:
    """Private messages already read are not shown again when a new one opens their room."""
    alice, bob = talk.join("alice"), talk.join("bob")
    alice.type("/msg bob one", "/msg bob two")
    talk.advance(4)
    bob.type("/quit")
    talk.settle()
    again = talk.join("bob")
    assert again.core.rooms.keys() == {"lobby"}
    alice.type("/msg bob three")
    talk.settle()

    assert [text for room, _, text in again.heard if room != "lobby"] == ["three"]


def test_history_of_private_messages(talk: Conversation) -> None:
    """While one writes to a person, /history shows the messages with them, also after a new start."""
    alice, bob = talk.join("alice"), talk.join("bob")
    alice.type("/msg bob one", "for all")
    talk.advance(4)
    bob.type("/quit")
    talk.settle()
    again = talk.join("bob")
    again.type("/query alice", "/history", "/query nobody", "/history")
    talk.settle()

    assert again.saw("alice -> bob: one")
    assert again.count("alice: for all") == 1
    assert again.saw("There is no user nobody")


def test_a_command_that_cannot_be_decoded_is_refused_by_its_number(talk: Conversation) -> None:
    """Even a refused frame is matched to its question or message, as far as it could be read."""
    alice = talk.join("alice")
    alice.carry_out(alice.core.say("x", talk.now, room="r" * 999))
    alice.carry_out(alice.core.ask(m.Who(room="r" * 999), talk.now))
    talk.settle()

    assert [n.refused.code for n in alice.notices if isinstance(n, a.Refusal)] == [Code.BAD_FRAME] * 2
    assert alice.core.waiting == 0
    assert alice.core.asking == 0


def test_a_client_of_another_version_is_told_so(talk: Conversation) -> None:
    """The broker's refusal of the version ends the program with that reason."""
    talk.replies.drop = 1.0
    client = talk.run("alice", lambda core: Tailer(core, rooms=["lobby"], start=Start(), follow=True, json=False))
    client.receive(wire.encode(m.Refused(code=Code.BAD_VERSION, detail="Install version 2.")))
    talk.settle()

    assert isinstance(client.error, RefusedError)
    assert client.error.code == Code.BAD_VERSION


def test_send_tells_how_many_it_went_to(talk: Conversation) -> None:
    """The ack counts other people, not screens and not the sender."""
    for nick in ("alice", "bob", "bob"):
        talk.join(nick)
    sends = [
        talk.run(nick, lambda core: Sender(core, room="lobby", to=None, text="x", json=True))
        for nick in ("alice", "zed")
    ]
    talk.settle()

    assert ['"delivered":1' in sends[0].printed[0], '"delivered":2' in sends[1].printed[0]] == [True, True]


def test_send_without_an_ack_in_time_fails(talk: Conversation) -> None:
    """Ten seconds without ack end a one-shot send; --timeout ends it with its own code."""
    talk.replies.drop = 1.0
    patient = talk.run("alice", lambda core: Sender(core, room="lobby", to=None, text="x"))
    hasty = talk.run("bob", lambda core: Sender(core, room="lobby", to=None, text="x", timeout=2))
    talk.advance(limits.ACK_PATIENCE + 1)

    assert isinstance(patient.error, NotAcked)
    assert isinstance(hasty.error, TimedOut)


def test_lines_beyond_the_window_wait(talk: Conversation) -> None:
    """A sender of many lines stops taking them while too many wait for acks, and goes on when they come."""
    sender = talk.run("alice", lambda core: Sender(core, room="load", to=None, text=None))
    for number in range(limits.WINDOW):
        sender.carry_out(sender.program.line(str(number), talk.now))
    assert not sender.program.wants_input
    talk.settle()
    assert sender.program.wants_input
    sender.carry_out(sender.program.end_of_input(talk.now))

    assert sender.ended == a.End()
    assert talk.history.heads() == {"load": limits.WINDOW}


def test_tail_without_following_ends_when_all_is_printed(talk: Conversation) -> None:
    """--no-follow prints what is there, from several rooms, and ends."""
    alice = talk.join("alice", "one", "two")
    alice.type("in one", "/join two", "in two")
    talk.settle()
    tail = talk.run(
        "bob", lambda core: Tailer(core, rooms=["one", "two"], start=Start(after=0), follow=False, json=False)
    )
    talk.settle()

    assert tail.ended == a.End()
    assert tail.saw("[one] alice: in one")
    assert tail.saw("[two] alice: in two")


def test_tail_without_following_refuses_an_unknown_room(talk: Conversation) -> None:
    """Only what follows creates a room."""
    tail = talk.run("bob", lambda core: Tailer(core, rooms=["nowhere"], start=Start(), follow=False, json=False))
    talk.settle()

    assert isinstance(tail.error, RefusedError)
    assert tail.error.code == Code.NO_SUCH_ROOM
    assert list(talk.history.table("room")) == []


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        (Start(after=0), ["1", "2", "3"]),
        (Start(last=2), ["2", "3"]),
        (Start(last=0), []),
        (Start(since_id="id-1"), ["2", "3"]),
        (Start(since=0), ["1", "2", "3"]),
        (Start(since=2**46), []),
        (Start(), []),
    ],
)
def test_where_a_tail_begins(talk: Conversation, start: Start, expected: list[str]) -> None:
    """-n and --since choose what is printed first."""
    for number in "123":
        talk.run("alice", lambda core, n=number: Sender(core, room="lobby", to=None, text=n, id=f"id-{n}"))
        talk.settle()
    tail = talk.run("bob", lambda core: Tailer(core, rooms=["lobby"], start=start, follow=False, json=False))
    talk.settle()

    assert tail.ended == a.End()
    assert tail.texts() == expected
