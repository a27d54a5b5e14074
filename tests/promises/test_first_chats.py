"""What three small chats promised that zchat grew out of: each promise is one test, named by its number.

A to C are the chats.
"""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from zchat.common.errors import Code
from zchat.common.ids import message_id
from zchat.common.messages import Entries, Refused, Replay, Say

from ..peer import Peer
from ..processes import LOGIN, Broker, LineMode, holds, run
from ..terminals import Terminal
from .showing import Join, Sit, Zchat, said, stored


# --- A ---
def test_a1_many_clients_at_once(join: Join, spawn_join: Join, zchat: Zchat, room: str) -> None:
    """Clients that join at the same moment all come in, and all are listed."""
    nicks = [f"guest{number}" for number in range(6)]
    guests = [spawn_join(nick, "-r", room, wait=False) for nick in nicks]
    for guest in guests:
        guest.wait_for("You joined")

    users = [json.loads(line) for line in zchat("who", "-r", room, "--json", nick="reader").stdout.splitlines()]

    assert sorted(user["nick"] for user in users) == nicks
    assert len({user["fingerprint"] for user in users}) == len(nicks)


def test_a2_join_asks_for_a_nick_at_a_terminal_only(own_broker: Callable[..., Broker], tmp_path: Path) -> None:
    """Without a nick `join` asks for one at a terminal, and never elsewhere."""
    broker = own_broker()
    done = run(tmp_path, "join", stdin="hello\n")
    assert done.returncode == 0
    assert "hello" in done.stdout
    assert f"as {LOGIN}." in done.stderr
    assert "our nick" not in done.stdout + done.stderr

    with Terminal(tmp_path / "stranger", "join", "-b", broker.link) as seat:
        seat.wait_for("Your nick")
        seat.enter("annalena")
        seat.wait_for("as annalena")


def test_a3_everyone_hears_that_somebody_joined(join: Join, room: str) -> None:
    """Who joins is announced to all who are there, and is told so too, with who is there."""
    alice, bob = join("alice"), join("bob")
    carol = join("carol")

    alice.wait_for("carol joined", room)
    bob.wait_for("carol joined", room)
    assert "with alice, bob." in carol.wait_for("You joined", room)


def test_a4_a_message_goes_to_the_others_and_stands_once_at_its_author(join: Join, sit: Sit) -> None:
    """Everyone sees a message once, its author too: neither the typed line nor an echo doubles it."""
    alice, bob = sit("alice"), join("bob")
    alice.enter("only once, please")
    bob.wait_for("alice: only once, please")
    bob.type("that was it")
    screen = "\n".join(alice.wait_until(lambda lines: any(holds(line, ["bob: that was it"]) for line in lines)))

    assert screen.count("only once, please") == 1
    assert said(bob) == ["alice: only once, please", "bob: that was it"]


def test_a5_a_message_arrives_while_a_line_is_half_typed(join: Join, sit: Sit, room: str) -> None:
    """What comes in appears above the line that is being typed, which stays whole and can be finished."""
    bob = join("bob")
    alice = sit("alice")
    alice.type("a line that is ha")
    alice.wait_for("> a line that is ha")
    bob.type("excuse me")

    lines = alice.wait_until(
        lambda lines: any("bob: excuse me" in line for line in lines) and lines[-2] == f"{room}> a line that is ha"
    )
    assert re.fullmatch(r"\d\d:\d\d +bob: excuse me", lines[-3])
    alice.enter("lf typed")

    bob.wait_for("alice: a line that is half typed")


def test_a5_keys_are_shown_by_the_input_line_alone(join: Join, sit: Sit) -> None:
    """What is typed between two lines, or while messages are being shown, is never mixed with them by the system."""
    alice = sit("alice")
    bob = join("bob")
    for number in range(5):
        alice.enter(f"line {number}")
        assert not alice.echoes(within=0.1)
    with alice.unread():
        bob.type(*["a long text " * 1_000] * 10, "the end")  # more than a terminal takes without being read
        bob.wait_for("bob: the end")
        assert not alice.echoes(within=0.5)
    alice.wait_for("bob: the end")


# --- B ---
@pytest.mark.parametrize("word", ["/who", "/list", "/names", "/users"])
def test_b1_the_list_of_users_is_the_same_inside_and_outside(join: Join, zchat: Zchat, room: str, word: str) -> None:
    """`/who` and its other names list the same users as `zchat who`."""
    alice = join("alice")
    join("bob")
    alice.type(f"{word} {room}")
    alice.wait_for("bob", "session")

    def users(text: str) -> list[list[str]]:
        return [
            re.sub(r"idle \w+|<?\d+ ms|\d+ behind,?", "", line).split()
            for line in text.splitlines()
            if "session" in line
        ]

    outside = users(zchat("who", "-r", room, nick="reader").stdout)
    assert [user[0] for user in outside] == ["alice", "bob"]
    assert users(alice.out) == outside


def test_b2_private_message_reaches_only_the_target(join: Join, zchat: Zchat, room: str) -> None:
    """A private message is seen by its two people, and by nobody else, live or in a history."""
    alice, bob, carol = join("alice"), join("bob"), join("carol")
    alice.type("/msg bob only for you", "for all", "/msg carol another")
    for each in (alice, bob, carol):
        each.wait_for("alice: for all")
    alice.wait_for("alice -> bob: only for you")
    bob.wait_for("alice -> bob: only for you")
    carol.wait_for("alice -> carol: another")

    history = zchat("tail", "-r", room, "--dm", "--since", "all", "--no-follow", nick="carol").stdout

    assert "for all" in history
    assert "only for you" not in history + carol.out + carol.err


def test_b2_private_message_is_not_even_sent_to_others(broker: Broker, join: Join, zchat: Zchat, room: str) -> None:
    """Nothing of a private message comes to the connection of a third, who is refused when asking for it."""
    alice = join("alice")
    join("bob")
    users = [json.loads(line) for line in zchat("who", "-r", room, "--json", nick="reader").stdout.splitlines()]
    with Peer(broker.link) as spy:
        spy.hello("spy")
        alice.type("/msg bob only for you", "/msg spy another")
        while "another" not in str(spy.receive(Entries)):
            pass
        spy.send(Replay(room="@" + ".".join(sorted(user["fingerprint"] for user in users)), after=0, ref=2))
        assert spy.receive(Refused).code == Code.NO_SUCH_ROOM

    assert "only for you" not in str(spy.heard)


def test_b3_msg_alone_lists_whom_one_can_write_to(join: Join) -> None:
    """`/msg` without a nick shows the users one can choose from."""
    alice = join("alice")
    join("bob")
    alice.type("/msg")

    assert alice.wait_for("bob", "session").startswith("bob ")


def test_b4_help_lists_and_explains_the_commands(join: Join) -> None:
    """`/help` lists every command, `/help COMMAND` explains one, by any of its names."""
    alice = join("alice")
    alice.type("/help", "/help tell", "/help nonsense")
    explained = alice.wait_for("/msg [NICK [TEXT]]", "also")
    alice.wait_for("no command /nonsense")

    commands = {line.split()[0] for line in alice.out.splitlines() if line.startswith("/")}
    assert commands >= {"/help", "/who", "/msg", "/reply", "/me", "/join", "/part", "/rooms", "/topic", "/quit"}
    assert "/tell" in explained


def test_b5_coming_and_going_are_told_to_all_the_welcome_to_one(join: Join, room: str) -> None:
    """All hear who joined and who left; that the connection stands is told only to whom it concerns."""
    alice = join("alice")
    bob = join("bob")
    alice.wait_for("bob joined", room)
    assert bob.quit() == 0
    alice.wait_for("bob left", room)

    assert bob.wait_for("Connected to", "as bob")
    assert "as bob" not in alice.out + alice.err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_b6_the_broker_says_when_it_is_ready_and_stops_cleanly(
    own_broker: Callable[..., Broker], tmp_path: Path, number: signal.Signals
) -> None:
    """It prints one line when it can be joined, logs who connects, and on a signal tells its clients and exits 0."""
    broker = own_broker()
    with LineMode(tmp_path, "alice") as alice:
        assert broker.stop(number) == 0
        alice.wait_for("The broker is gone", "closing")

    assert broker.process.out == f"zchat broker is ready: {broker.link}\n"
    assert "alice connected" in broker.log
    assert "Traceback" not in broker.log


# --- C ---
def test_c1_several_talk_together_and_see_the_same(join: Join) -> None:
    """Three people talk at once, hear of each other's coming, and see the same messages in the same order."""
    people = [join(nick) for nick in ("alice", "bob", "carol")]
    people[0].wait_for("bob joined")
    people[0].wait_for("carol joined")
    for number in range(5):
        for person in people:
            person.type(f"sentence {number}")
    for person in people:
        for nick in ("alice", "bob", "carol"):
            person.wait_for(f"{nick}: sentence 4")

    first = said(people[0])
    assert sorted(first) == sorted(f"{nick}: sentence {n}" for nick in ("alice", "bob", "carol") for n in range(5))
    assert [said(person) for person in people] == [first] * 3


def test_c2_private_talk_by_picking_somebody_first(join: Join) -> None:
    """After `/msg NICK` alone, or `/query NICK`, what is typed goes to them only, until `/query` alone."""
    alice, bob, carol = join("alice"), join("bob"), join("carol")
    alice.type("/msg", "/msg bob", "first secret", "/query", "for all", "/query bob", "second secret", "/query", "bye")
    for each in (alice, bob, carol):
        each.wait_for("alice: bye")
    bob.wait_for("alice -> bob: first secret")
    bob.wait_for("alice -> bob: second secret")

    alice.type("/msg carol another")
    carol.wait_for("alice -> carol: another")
    for each in (alice, bob, carol):
        assert said(each) == ["alice: for all", "alice: bye"]
    assert "secret" not in carol.out + carol.err


def test_c3_an_unknown_command_never_reaches_the_room(join: Join, zchat: Zchat, room: str) -> None:
    """What begins with a slash and is no command is an error with a suggestion; `//` says it all the same."""
    alice, bob = join("alice"), join("bob")
    alice.type("/mgs bob my password", "/wispher bob my password", "//shrug", "/", "done")
    bob.wait_for("alice: done")

    alice.wait_for("no command /mgs", "/msg")
    assert said(bob) == ["alice: /shrug", "alice: done"]
    assert stored(zchat, room) == ["/shrug", "done"]


@pytest.mark.parametrize(
    ("line", "shown"), [("/quit off to bed", "bob left {} (off to bed)"), ("/exit", "bob left {}")]
)
def test_c4_leaving_is_told_once(join: Join, room: str, line: str, shown: str) -> None:
    """`/quit` with a reason, or `/exit`, ends the client, and the others are told once."""
    alice, bob = join("alice"), join("bob")
    bob.type(line)
    assert bob.wait() == 0
    alice.wait_for("bob left")
    join("carol")
    alice.wait_for("carol joined")

    notices = [line for line in alice.lines if "bob left" in line]
    assert len(notices) == 1
    assert notices[0].endswith(shown.format(room))


def test_c5_nothing_is_taken_before_the_handshake(broker: Broker, join: Join, zchat: Zchat, room: str) -> None:
    """Who has not said hello is refused whatever they ask, and who comes without a key is not even answered."""
    alice = join("alice")
    say = Say(id=message_id(0, bytes(10)), text="let me in", room=room)
    with Peer(broker.link) as peer, Peer(broker.link, curve=False) as keyless:
        keyless.send(say)
        peer.send(say)
        assert peer.receive(Refused).code == Code.HELLO_FIRST
        assert not keyless.hears(0.3)
    alice.type("nobody else spoke")
    alice.wait_for("alice: nobody else spoke")

    assert stored(zchat, room) == ["nobody else spoke"]
