"""What two more small chats promised that zchat grew out of: each promise is one test, named by its number.

D and E are the chats.
"""

from __future__ import annotations

import ast
import datetime as dt
import json
import logging
import re
import signal
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from zchat.broker.logs import MESSAGES, open_log
from zchat.broker.options import DEFAULTS
from zchat.common.errors import InputError

from ..conversation import Conversation
from ..processes import LOGIN, Broker, LineMode, run
from ..terminals import Terminal
from .showing import MINUTE, Join, Zchat, said, stored

ROOT = Path(__file__).resolve().parents[2]


# --- D ---
def test_d1_ready_line_and_loopback_by_default(own_broker: Callable[..., Broker], tmp_path: Path) -> None:
    """Unless told otherwise the broker listens on this machine only, on the port that `--help` names."""
    broker = own_broker()
    assert DEFAULTS["port"] == 5555
    assert "5555" in run(tmp_path, "broker", "--help").stdout

    assert broker.link.startswith(f"zchat://127.0.0.1:{broker.port}/")
    for port in (broker.port, broker.port + 1):
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
        # All of 127/8 is this machine: what listens everywhere would be there too.
        with pytest.raises(OSError, match=r"refused|timed out|unreachable|assign"):
            socket.create_connection(("127.0.0.2", port), timeout=5)


def test_d2_the_prompt_for_a_nick_offers_the_login_name(stranger: Callable[..., Terminal], room: str) -> None:
    """The prompt says what is wanted and offers the login name, which Enter takes."""
    seat = stranger("-r", room)
    assert LOGIN in seat.wait_for("Your nick")
    seat.enter()

    seat.wait_for(f"as {LOGIN}.")


def test_d3_nicks_are_letters_and_digits_of_any_script(join: Join, zchat: Zchat, room: str) -> None:
    """A nick may be Cyrillic; one with other characters is refused by an error that names it, before anything else."""
    alice, pyotr = join("alice"), join("Пётр1")
    pyotr.type("привет")
    alice.wait_for("Пётр1: привет")

    for nick in ("two words", "a;b", "", "#alice", "Pётр"):
        done = zchat("join", "-r", room, "--nick", nick)
        assert (done.returncode, done.stdout) == (5, "")
        assert len(done.stderr.splitlines()) == 1
        assert nick in done.stderr


def test_d4_a_taken_nick_is_refused_and_another_can_be_given(
    broker: Broker, join: Join, stranger: Callable[..., Terminal], room: str, tmp_path: Path
) -> None:
    """At a terminal one is told that the nick is taken, and asked again; a program gets the exit code."""
    alice = join("alice")
    seat = stranger("-r", room, "--nick", "alice")
    seat.wait_for("alice", "belongs to somebody else")
    seat.wait_for("Your nick")
    seat.enter("ALICE")
    seat.wait_for("ALICE", "belongs to somebody else")
    seat.enter("alice2")
    seat.wait_for("as alice2")
    alice.wait_for("alice2 joined")

    done = run(tmp_path / "program", "join", "-b", broker.link, "--nick", "alice", stdin="hello\n")
    assert (done.returncode, done.stdout) == (5, "")
    assert "alice belongs to somebody else" in done.stderr


def test_d5_the_joiner_is_told_that_it_worked_the_others_who_came_and_went(join: Join, room: str) -> None:
    """The joiner reads that they are in; the others that they came, and at the end of their input that they went."""
    alice = join("alice")
    bob = join("bob")
    bob.wait_for("You joined", room, "with alice")
    alice.wait_for("bob joined", room)
    bob.end_input()

    assert bob.wait() == 0
    alice.wait_for("bob left", room)


def test_d6_an_empty_message_is_answered_with_a_hint(join: Join, zchat: Zchat, room: str) -> None:
    """An empty line, or one of blanks, sends nothing and says so; so does `send`."""
    alice, bob = join("alice"), join("bob")
    alice.type("", "  \t ", "now something")
    bob.wait_for("alice: now something")
    alice.wait_for("Nothing was sent", times=2)
    done = zchat("send", "-r", room, "", nick="alice")

    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)
    assert stored(zchat, room) == ["now something"]


def test_d7_a_message_is_acked_and_echoed_with_id_and_time(join: Join, zchat: Zchat, room: str) -> None:
    """The ack tells the message's id, number and the broker's time, the same that everyone sees with it."""
    alice, program = join("alice"), join("bob", "--json")
    ack = json.loads(zchat("send", "-r", room, "--json", "--id", "m-1", "hello", nick="carol").stdout)
    alice.wait_for("carol: hello")
    seen = json.loads(program.wait_for('"m-1"'))

    assert (ack["id"], ack["text"], ack["from"], ack["seq"], ack["delivered"]) == ("m-1", "hello", "carol", 1, 2)
    assert {**ack, "delivered": None} == {**seen, "delivered": None, "lagging": []}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", ack["time"])


def test_d8_who_is_alone_is_told(join: Join, zchat: Zchat, room: str) -> None:
    """The ack of a message that nobody else got says 0, and the chat says it in words, once."""
    ack = json.loads(zchat("send", "-r", room, "--json", "hello?", nick="carol").stdout)
    assert ack["delivered"] == 0

    alice = join("alice")
    alice.type("anybody?", "nobody?")
    alice.wait_for("alice: nobody?")
    join("bob")
    alice.type("/topic ping", "hello bob")
    alice.wait_for("alice: hello bob")
    alice.wait_for("Nobody else is here")
    assert alice.err.count("Nobody else is here") == 1


def test_d9_the_time_is_the_brokers() -> None:
    """The time that is shown is when the broker took the message, however long it was on its way."""
    talk = Conversation()
    alice, bob = talk.join("alice"), talk.join("bob")
    talk.broadcasts.delay = 600.0
    alice.type("hello")
    said_at = dt.datetime.fromtimestamp(talk.now.wall / 1_000)
    talk.advance(300.0)

    for each in (alice, bob):
        assert [line for line in each.printed if "hello" in line] == [f"{said_at:%Y-%m-%d %H:%M} alice: hello"]


def test_d9_every_line_begins_with_date_and_time(join: Join, zchat: Zchat, room: str) -> None:
    """Messages, notices and each line of a long message begin with date and time, and all readers see the same."""
    alice, bob = join("alice"), join("bob")
    alice.type("/me waves", "/topic weather", "/msg bob hello")
    zchat("send", "-r", room, "one\ntwo", nick="bob")
    bob.wait_for("bob: two")
    bob.wait_for("hello")
    assert alice.quit() == 0
    bob.wait_for("alice left")

    lines = bob.out.splitlines()
    assert len(lines) >= 6
    for line in lines:
        assert re.match(f"{MINUTE} ", line)
    later = zchat("tail", "-r", room, "--since", "all", "--no-follow", nick="carol").stdout.splitlines()
    assert set(later) <= set(lines)


def log_as(folder: Path, where: str, *, messages: bool) -> None:
    """What a broker with these options logs, by its own loggers."""
    handler = open_log(where, messages=messages, syslog_paths=(str(folder / "none"), str(folder / "syslog")))
    try:
        logging.getLogger("zchat.broker").info("%s", "bob\x1b[2J connected\nforged")
        logging.getLogger(MESSAGES).info("[%s] %s: %s", "lobby", "bob", "secret")
    finally:
        logging.getLogger("zchat").removeHandler(handler)
        handler.close()


def test_d10_messages_are_logged_to_a_file(own_broker: Callable[..., Broker], tmp_path: Path) -> None:
    """`--log FILE --log-messages` appends what is said, also by who is alone, readable by its owner only."""
    path = tmp_path / "logs" / "chat.log"
    broker = own_broker("--log", path, "--log-messages")
    run(tmp_path, "send", "first", nick="alice")
    broker.stop()
    broker.start()
    run(tmp_path, "send", "second", nick="alice")
    broker.stop()

    lines = [line for line in path.read_text().splitlines() if "alice: " in line]
    assert [line.rpartition("INFO ")[2] for line in lines] == ["[lobby] alice: first", "[lobby] alice: second"]
    assert all(re.match(MINUTE, line) for line in lines)
    assert path.stat().st_mode & 0o077 == 0
    assert broker.log == ""


def test_d10_messages_are_logged_to_syslog(tmp_path: Path) -> None:
    """`--log syslog` sends one clean line a record to this machine's syslog; what is said only if wanted."""
    with pytest.raises(InputError, match="No syslog"):
        log_as(tmp_path, "syslog", messages=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as syslog:
        syslog.bind(str(tmp_path / "syslog"))
        syslog.settimeout(5)
        for messages in (False, True):
            log_as(tmp_path, "syslog", messages=messages)
        lines = [syslog.recv(4_096).decode() for _ in range(3)]
        syslog.setblocking(False)
        with pytest.raises(BlockingIOError):
            syslog.recv(4_096)

    info_of_daemon = r"<30>zchat\[\d+\]: "
    assert re.fullmatch(info_of_daemon + r"bob␛\[2J connected␤forged\0?", lines[0])
    assert re.fullmatch(info_of_daemon + r"\[lobby\] bob: secret\0?", lines[2])


ONE_SYSTEM_ONLY = {
    *("curses", "fcntl", "grp", "posix", "pty", "pwd", "readline", "resource", "syslog", "termios", "tty"),
    *("_winapi", "msvcrt", "nt", "winreg", "winsound"),
}


def test_d11_nothing_of_one_system_only_is_needed_to_import_it() -> None:
    """No module of ours imports at its top what only Unix or only Windows has (the wheel's own test is elsewhere)."""
    sources = [path for folder in ("broker", "client", "common") for path in (ROOT / folder).rglob("*.py")]
    imported = {
        (path.name, name.partition(".")[0])
        for path in sources
        for node in ast.parse(path.read_bytes()).body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names])
    }

    assert any(name == "zmq" for _, name in imported)
    assert [(path, name) for path, name in imported if name in ONE_SYSTEM_ONLY] == []


# --- E ---
def test_e1_each_client_has_a_number_of_its_own() -> None:
    """Every session has a number that no other has, even of the same nick, and keeps it through a lost connection."""
    talk = Conversation()
    clients = [talk.join("alice"), talk.join("alice"), talk.join("bob")]

    def numbers() -> list[str]:
        return [client.core.welcome.session for client in clients if client.core.welcome]

    before = numbers()
    assert len(set(before)) == 3
    clients[0].cut()
    talk.advance(3.0)

    assert clients[0].saw("Connected", "again")
    assert numbers() == before


def test_e2_a_message_is_relayed_to_each_once(join: Join) -> None:
    """Each of several clients gets each message exactly once, its author no more than the others."""
    people = [join(nick) for nick in ("alice", "bob", "carol", "dave")]
    for person in people:
        person.type("hello", "goodbye")
    expected = sorted(f"{nick}: {word}" for nick in ("alice", "bob", "carol", "dave") for word in ("hello", "goodbye"))
    for person in people:
        for line in expected:
            person.wait_for(line)

    assert [sorted(said(person)) for person in people] == [expected] * 4


def test_e3_who_leaves_is_off_the_list_and_may_come_back_at_once(join: Join, zchat: Zchat, room: str) -> None:
    """After a disconnect one is listed no more, and may use the nick again at once, however one went."""
    alice = join("alice")
    bob = join("bob")
    assert bob.quit() == 0
    assert "bob" not in zchat("who", "-r", room, nick="reader").stdout

    again = join("bob")
    again.send_signal(signal.SIGKILL)
    again.wait()
    join("bob").type("back already")
    alice.wait_for("bob: back already")


def test_e4_host_and_port_can_be_given(own_broker: Callable[..., Broker], tmp_path: Path) -> None:
    """Host and port are options on both sides; HOST:PORT alone is enough for whom the broker's key is known."""
    broker = own_broker("--bind", "127.0.0.1")
    place = f"127.0.0.1:{broker.port}"
    broker.stop()
    broker.start()  # on the same port, which is now given
    assert broker.link.startswith(f"zchat://{place}/")
    with LineMode(tmp_path, "alice", "--broker", place) as alice:
        other = tmp_path / "other"
        assert run(other, "send", "--broker", place, "hello", nick="bob").returncode == 4
        assert run(other, "send", "--broker", broker.link, "hello", nick="bob").returncode == 0
        assert run(other, "send", "--broker", place, "again", nick="bob").returncode == 0
        alice.wait_for("bob: again")
