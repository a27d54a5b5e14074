"""Bugs that were read in two small chats before zchat was begun: each one stays out.

First those of a chat with one thread a client, then those of one with a loop.
"""

from __future__ import annotations

import importlib.metadata
import json
import re
import socket
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import msgspec
import pytest

from zchat.broker.logs import open_log
from zchat.common import wire
from zchat.common.errors import Code, InputError
from zchat.common.messages import Acked, Refused

from ..conversation import Conversation
from ..peer import Peer
from ..processes import PATIENCE, Broker, LineMode, run
from ..terminals import Terminal
from .showing import Join, Zchat


def texts(client: LineMode) -> list[str]:
    """What a client in line mode has shown on standard output, without the time."""
    return [line[17:] for line in client.out.splitlines()]


# --- one thread a client ---
def test_a_nick_has_one_owner(broker: Broker, join: Join, tmp_path: Path) -> None:
    """Somebody else who comes with a nick that is in use is refused, and its owner notices nothing."""
    alice = join("alice")
    done = run(tmp_path / "other", "send", "-b", broker.link, "I am alice", nick="Alice")
    alice.type("I am alice indeed")
    alice.wait_for("alice indeed")

    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (5, "", 1)
    assert texts(alice) == ["alice: I am alice indeed"]


def test_a_clean_close_is_told_once_and_sends_nothing_else(join: Join, room: str) -> None:
    """Who closes the connection has left, once, and no empty messages come of it."""
    alice, bob = join("alice"), join("bob")
    bob.end_input()
    assert bob.wait() == 0
    alice.wait_for("bob left")
    alice.type("quiet here")
    alice.wait_for("alice: quiet here")

    assert texts(alice) == [f"-- bob joined {room}", f"-- bob left {room}", "alice: quiet here"]


def test_a_client_that_vanishes_has_left_after_a_while() -> None:
    """A client that dies without a word is told to have left too, once, when it has been silent for long."""
    talk = Conversation()
    alice, bob = talk.join("alice"), talk.join("bob")
    bob.vanish()
    talk.advance(40.0)

    assert [line[17:] for line in alice.printed if "bob left" in line] == ["-- bob left lobby (connection lost)"]


def test_a_private_message_without_text_throws_nobody_out(join: Join) -> None:
    """`/tell NICK` alone, `/tell` alone and `/reply` alone are answered, and the chat goes on."""
    alice, bob = join("alice"), join("bob")
    alice.type("/tell", "/tell bob", "/query", "/tell bob  ", "/query", "/reply", "still here")

    bob.wait_for("alice: still here")
    alice.wait_for("Nobody has written to you privately")
    assert "-- alice left" not in bob.out


def test_a_private_message_to_nobody_is_an_error(join: Join, zchat: Zchat) -> None:
    """A private message to a nick that nobody has is refused where it was written, and does not vanish."""
    alice = join("alice")
    alice.type("/msg nobody hello")
    alice.wait_for("no user nobody")
    done = zchat("send", "-t", "nobody", "hello", nick="bob")

    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (6, "", 1)
    assert "nobody" in done.stderr


def test_the_author_is_known_by_the_key_not_by_what_is_sent(broker: Broker, join: Join, room: str) -> None:
    """Names that a client puts into its message are not looked at: the author is the owner of the key."""
    alice = join("alice")
    with Peer(broker.link) as mallory:
        mallory.hello("mallory")
        fields = {"type": "say", "id": "m-1", "text": "I resign", "room": room}
        forged = {**fields, "nick": "alice", "from": "alice", "author": "alice", "key": "alice", "user": "alice"}
        mallory.send(bytes([wire.VERSION]) + msgspec.msgpack.encode(forged))
        mallory.receive(Acked)
    alice.wait_for("I resign")

    assert texts(alice) == ["mallory: I resign"]


def test_a_text_cannot_look_like_somebody_elses(join: Join, zchat: Zchat, room: str) -> None:
    """Each line of a message names its author, and nothing in it moves the cursor."""
    alice = join("alice")
    done = zchat("send", "-r", room, "hm\n2026-01-31 12:00 alice: I resign\r\x1b[1A\x1b[2Kalice: yes", nick="trudy")
    assert done.returncode == 0
    alice.wait_for("I resign")

    assert len(alice.out.splitlines()) == 2
    assert all(re.match(r"[-0-9]{10} [:0-9]{5} trudy: ", line) for line in alice.out.splitlines())
    assert not {"\x1b", "\r"} & set(alice.out)


def test_silent_connections_hold_up_nobody(broker: Broker, join: Join) -> None:
    """Connections that never say anything, at any stage, keep nobody from joining and talking."""
    with ExitStack() as stack:
        for port in (broker.port, broker.port + 1):
            for _ in range(20):
                stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=PATIENCE))
        for _ in range(3):
            stack.enter_context(Peer(broker.link))
        alice, bob = join("alice"), join("bob")
        alice.type("hello")
        bob.wait_for("alice: hello")


def test_messages_have_the_bounds_they_were_sent_with(join: Join) -> None:
    """A long line arrives as one message, many lines sent at once as many, and a line in pieces as one."""
    alice, bob = join("alice"), join("bob", "--json")
    long = "а long line " * 800
    alice.feed("".join(f"line {n}\n" for n in range(100)).encode())
    alice.feed(f"{long}\n".encode())
    start, end = "in pieces: 👋".encode()[:-2], "in pieces: 👋".encode()[-2:]
    alice.feed(start)
    alice.feed(end + b"\n")
    bob.wait_for("in pieces")

    objects = [json.loads(line) for line in bob.out.splitlines()]
    messages = [message["text"] for message in objects if message["kind"] == "message"]
    assert messages == [*(f"line {n}" for n in range(100)), long, "in pieces: 👋"]


def test_the_author_sees_a_message_once(join: Join) -> None:
    """What one says stands once on one's own screen, as the broker accepted it."""
    alice = join("alice")
    alice.type("one", "two", "/quit")
    assert alice.wait() == 0

    assert texts(alice) == ["alice: one", "alice: two"]


# --- a loop ---
@pytest.fixture
def newcomer(stranger: Callable[..., Terminal], room: str) -> Terminal:
    """Somebody who joins at a terminal for the first time and is asked for a nick."""
    seat = stranger("-r", room)
    seat.wait_for("Your nick")
    return seat


def test_an_illegal_nick_can_be_corrected(newcomer: Terminal) -> None:
    """An illegal nick is named and explained, and another is asked for; the connection is not lost by it."""
    newcomer.enter("b@d nick")
    newcomer.wait_for("zchat: The nick 'b@d nick'")
    newcomer.wait_until(lambda lines: lines[-1].startswith("Your nick"))
    newcomer.enter("goodnick")

    newcomer.wait_for("as goodnick")


def test_who_exits_cleanly_leaves_no_ghost(join: Join, zchat: Zchat, room: str) -> None:
    """After a clean exit the nick is free for its owner and off the list at once, and both are told once."""
    alice = join("alice")
    assert join("bob").quit() == 0
    assert [line.split()[0] for line in zchat("who", "-r", room, nick="alice").stdout.splitlines()] == ["alice"]
    join("bob")
    alice.wait_for("bob joined", times=2)

    assert texts(alice) == [f"-- bob joined {room}", f"-- bob left {room}", f"-- bob joined {room}"]


def test_nothing_to_send_is_said(join: Join, zchat: Zchat) -> None:
    """Nothing, or nothing but blanks, gives a hint in the chat and exit code 2 in a script."""
    alice = join("alice")
    alice.type("", "   ", "/me")
    alice.wait_for("Nothing was sent", times=3)

    for done in (zchat("send", stdin=""), zchat("send", stdin=" \n\n"), zchat("send", " ")):
        assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)
    assert alice.out == ""


@pytest.mark.parametrize("key", ["\x03", "\x04"], ids=["Ctrl-C", "Ctrl-D"])
def test_who_leaves_before_having_a_nick_is_not_announced(
    broker: Broker, join: Join, newcomer: Terminal, key: str
) -> None:
    """Nobody hears of a visitor who goes away when asked for a nick, or of a connection that never named one."""
    alice = join("alice")
    newcomer.type(key)
    assert newcomer.wait() == 130
    with Peer(broker.link) as peer:
        peer.send(b"")
        peer.receive(Refused)
    alice.type("nobody came")
    alice.wait_for("alice: nobody came")

    assert texts(alice) == ["alice: nobody came"]
    assert "None" not in alice.err


def test_bytes_that_are_no_text_do_no_harm(broker: Broker, join: Join, zchat: Zchat) -> None:
    """Input that is not UTF-8 is one clear error; frames that are no messages are refused, and the broker goes on."""
    latin = "déjà vu\n".encode("latin-1")
    alice = join("alice")
    for done in (zchat("send", stdin=latin, nick="bob"), zchat("join", stdin=latin, nick="bob")):
        assert done.returncode == 2
        assert "UTF-8" in done.stderr.splitlines()[-1]
        assert "Traceback" not in done.stderr
    with Peer(broker.link) as peer:
        for junk in (b"\xff\xfe", latin, bytes([wire.VERSION]) + b"\xa5\xff\xff\xff\xff\xff"):
            peer.send(junk)
            assert peer.receive(Refused).code in (Code.BAD_FRAME, Code.BAD_VERSION)
        peer.send(b"one", b"two")
        assert peer.receive(Refused).code == Code.BAD_FRAME
    alice.type("all is well")

    alice.wait_for("alice: all is well")


def test_without_a_syslog_the_log_does_not_go_nowhere(tmp_path: Path) -> None:
    """If nothing listens at the places of the syslog, `--log syslog` is an error, not a log that is lost."""
    left_over = tmp_path / "left-over"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as syslog:
        syslog.bind(str(left_over))

    with pytest.raises(InputError, match="No syslog listens"):
        open_log("syslog", messages=True, syslog_paths=(str(tmp_path / "none"), str(left_over)))


def test_what_is_said_while_alone_is_logged_too(tmp_path: Path) -> None:
    """With `--log-messages` every message is in the log, whether or not anybody else got it."""
    with Broker(tmp_path, "--log-messages") as broker:
        assert run(tmp_path, "send", "-r", "den", "is anybody here?", nick="alice").returncode == 0
        broker.process.wait_for("[den] alice: is anybody here?")


def test_the_only_command_installed_is_zchat() -> None:
    """No other program of a user can be hidden by a command of ours."""
    entries = importlib.metadata.distribution("zeromq-chat").entry_points

    assert [(entry.group, entry.name) for entry in entries] == [("console_scripts", "zchat")]
