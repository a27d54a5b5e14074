"""What the five small chats promised that zchat grew out of: each promise is one test, named by its number.

A to E are the chats. One broker serves the whole file; each test has a room of its own.
"""

from __future__ import annotations

import ast
import datetime as dt
import itertools
import json
import logging
import re
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from zchat.broker.logs import MESSAGES, open_log
from zchat.broker.options import DEFAULTS
from zchat.common.errors import Code, InputError
from zchat.common.ids import message_id
from zchat.common.messages import Entries, Refused, Replay, Say

from ..conversation import Conversation
from ..peer import Peer
from ..processes import LOGIN, Broker, LineMode, Terminal, holds, run

ROOT = Path(__file__).resolve().parents[2]
MINUTE = r"\d{4}-\d\d-\d\d \d\d:\d\d"

NUMBERS = itertools.count(1)

Join = Callable[..., LineMode]
Sit = Callable[..., Terminal]
Zchat = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def broker(home: Path) -> Iterator[Broker]:
    with Broker(home) as broker:
        yield broker


@pytest.fixture
def own_broker(tmp_path: Path) -> Iterator[Callable[..., Broker]]:
    """A broker of another account, for tests that stop it or start it with options; its home is `tmp_path`."""
    with ExitStack() as stack:
        yield lambda *options: stack.enter_context(Broker(tmp_path, *options))


@pytest.fixture
def room(broker: Broker, request: pytest.FixtureRequest) -> str:
    """A room where nobody is but who the test sends there."""
    return f"{request.node.name.split('_')[1]}-{next(NUMBERS)}"


@pytest.fixture
def join(spawn_join: Join, room: str) -> Join:
    """`join(nick)`: somebody enters the room, in line mode."""
    return lambda nick, *options: spawn_join(nick, "-r", room, *options)


@pytest.fixture
def sit(terminal: Sit, room: str) -> Sit:
    """`sit(nick)`: somebody enters the room, at a terminal."""

    def sit(nick: str, **screen: int) -> Terminal:
        seat = terminal(nick, "-r", room, **screen)
        seat.wait_for("You joined")
        seat.wait_for_prompt(f"{room}>")
        return seat

    return sit


@pytest.fixture
def stranger(broker: Broker, tmp_path: Path) -> Iterator[Callable[..., Terminal]]:
    """`stranger(*options)`: `zchat join` at a terminal in an account that knows only the broker's link."""
    with ExitStack() as stack:

        def spawn(*options: object) -> Terminal:
            return stack.enter_context(Terminal(tmp_path / "stranger", "join", "-b", broker.link, *options))

        yield spawn


def said(client: LineMode) -> list[str]:
    """What was said to all in the room, as a client shows it, without the time."""
    return [line[17:] for line in client.out.split("\n") if re.match(f"{MINUTE} \\w+: ", line)]


def stored(zchat: Zchat, room: str) -> list[str]:
    """What a room's history holds."""
    done = zchat("tail", "-r", room, "--since", "all", "--no-follow", "--json", nick="reader")
    assert (done.returncode, done.stderr) == (0, "")
    return [json.loads(line)["text"] for line in done.stdout.splitlines()]


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
