"""What people and scripts get wrong: one clear line, the right exit code, nothing that hangs, a broker unharmed."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import secrets
import signal
import socket
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import zmq

from zchat.common import limits
from zchat.common.errors import ExitCode
from zchat.common.keys import KeyPair, Link

from . import processes
from .peer import mute_broker
from .processes import PATIENCE, ZCHAT, Broker, started

Done = subprocess.CompletedProcess[str]
Zchat = Callable[..., Done]

BYTE = os.fsdecode(b"\xff")
"""An argument's character that is not UTF-8."""
A_MEGABYTE = "a" * 1_000_000
NOT_UTF8 = b"one\n\xff\xfe\nthree\n"
BASE32 = "a" * 52


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One account for all of this."""
    return tmp_path_factory.mktemp("bad") / "home"


@pytest.fixture(scope="module", autouse=True)
def broker(home: Path) -> Iterator[Broker]:
    """One broker for all of this; that it outlives it is a part of what is shown."""
    with Broker(home, data=home / "data") as broker:
        yield broker
        assert processes.run(home, "send", "-r", "after", "still", "here").returncode == 0
        assert broker.stop() == 0
        assert "Traceback" not in broker.log


@pytest.fixture
def zchat(home: Path) -> Zchat:
    """`zchat(*arguments, stdin=None)` runs a command to its end."""
    return functools.partial(processes.run, home, nick="me")


@pytest.fixture
def shell(home: Path) -> Callable[..., Done]:
    """`shell(script, **environment)`: run a shell script that calls `zchat`."""

    def run(script: str, **more: str) -> Done:
        path = f"{ZCHAT.parent}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            ["bash", "-c", script],
            env=processes.environment(home, PATH=path, ZCHAT_NICK="me", **more),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PATIENCE,
            check=False,
        )
        out, err = (data.decode(errors="replace") for data in (done.stdout, done.stderr))
        return subprocess.CompletedProcess(done.args, done.returncode, out, err)

    return run


def assert_one_line(done: Done, code: int, *words: str) -> None:
    """It ended with this code, and said in one line what happened and what to do."""
    assert done.returncode == code, done
    assert_line(done.stderr, *words)
    assert done.stdout == ""


def assert_line(text: str, *words: str) -> None:
    """``zchat: WHAT HAPPENED. WHAT TO DO.``"""
    assert text.startswith("zchat: "), text
    assert text.endswith(".\n"), text
    assert text.count("\n") == 1, text
    assert len(text) < 400, text
    assert text.isascii() or text.replace("\n", "").isprintable(), text
    assert all(word in text for word in words), text


# --- the command line -----------------------------------------------------------------------------------------
USAGE: dict[str, tuple[str, ...]] = {
    "an unknown command": ("brocker",),
    "a command that is not UTF-8": (BYTE,),
    "a command that would colour the terminal": ("\x1b[31mwho\n",),
    "an unknown option": ("who", "--foo"),
    "an option for none": ("--foo",),
    "an argument too many": ("who", "extra"),
    "an option without its value": ("who", "-r"),
    "a time that is no number": ("who", "--timeout", "soon"),
    "a time of nothing": ("who", "--timeout", "0"),
    "a count that is no number": ("tail", "-n", "ten"),
    "a count below nothing": ("tail", "-n", "-1"),
    "a choice there is not": ("join", "--notices", "loud"),
    "an unknown key command": ("key", "lose"),
    "no broker to forget": ("key", "forget"),
    "a port that is no number": ("broker", "--port", "http"),
    "a port beyond the last": ("broker", "--port", "65535"),
    "an empty message": ("send", ""),
    "a blank message": ("send", " ", "\t"),
    "a message that is not UTF-8": ("send", BYTE),
    "both a room and a nick": ("send", "-r", "lobby", "-t", "bob", "hello"),
    "text beside lines": ("send", "--each-line", "hello"),
    "an id beside lines": ("send", "--each-line", "--id", "1"),
    "an empty id": ("send", "--id", "", "hello"),
    "an id with a blank": ("send", "--id", "a b", "hello"),
    "an id too long": ("send", "--id", "i" * 65, "hello"),
    "an id that is not UTF-8": ("send", "--id", BYTE, "hello"),
    "a beginning that is none": ("tail", "--since", "last week"),
    "an empty room": ("who", "-r", ""),
    "a room with a blank": ("send", "-r", "a b", "hello"),
    "a room with a sign": ("join", "-r", "#lobby"),
    "a room that is not UTF-8": ("tail", "-r", BYTE),
    "a room of two scripts": ("send", "-r", "l\u043ebby", "hello"),
    "a room too long": ("send", "-r", "r" * 65, "hello"),
    "an empty broker": ("who", "-b", ""),
    "an empty link": ("who", "-b", "zchat://"),
    "a link without its key": ("who", "-b", "zchat://127.0.0.1:5555"),
    "a link cut short": ("who", "-b", f"zchat://127.0.0.1:5555/{BASE32[:-3]}"),
    "a link with too much": ("who", "-b", f"zchat://127.0.0.1:5555/{BASE32}/more"),
    "a link with another key's alphabet": ("who", "-b", f"zchat://127.0.0.1:5555/{BASE32[:-1]}!"),
    "a link to a port beyond the last": ("who", "-b", f"zchat://127.0.0.1:99999/{BASE32}"),
    "a link to port 0": ("who", "-b", f"zchat://127.0.0.1:0/{BASE32}"),
    "a link with a blank": ("who", "-b", f"zchat://a b:5555/{BASE32}"),
    "a link with half a bracket": ("who", "-b", f"zchat://[::1/{BASE32}"),
    "a link of another kind": ("who", "-b", "http://127.0.0.1:5555/"),
    "a broker that is not UTF-8": ("who", "-b", BYTE),
    "a broker not known to be forgotten": ("key", "forget", "nowhere"),
    "an advertised host with a port": ("broker", "--advertise", "here:5555"),
    "an advertised host that is none": ("broker", "--advertise", "zchat://here"),
    "a broker's name of many lines": ("broker", "--name", "a\nb"),
}


@pytest.mark.parametrize("arguments", USAGE.values(), ids=USAGE)
def test_wrong_arguments_are_usage_errors(zchat: Zchat, arguments: tuple[str, ...]) -> None:
    """What cannot be meant is refused in one line, and the code is 2."""
    assert_one_line(zchat(*arguments), ExitCode.USAGE)


SLIPS = {
    "an option without its value": (("send", "-r"), "See: zchat send --help."),
    "an option of a command in a group": (("admin", "ban", "--for"), "See: zchat admin ban --help."),
    "a group without a command": (("admin",), "A command is missing. See: zchat admin --help."),
    "a command mistyped": (("jion",), "There is no command jion. Did you mean join? See: zchat --help."),
    "a command of a group mistyped": (("admin", "bann"), "Did you mean ban? See: zchat admin --help."),
}


@pytest.mark.parametrize(("arguments", "end"), SLIPS.values(), ids=SLIPS)
def test_a_slip_names_the_help_that_helps(zchat: Zchat, arguments: tuple[str, ...], end: str) -> None:
    """The line names the very command, and what was probably meant."""
    done = zchat(*arguments)

    assert_one_line(done, ExitCode.USAGE)
    assert done.stderr.rstrip().endswith(end)


NICKS = ["", "1bob", "a b", "#bob", "n" * 25, "b\u043eb", "\x1b[31m\n", BYTE]


@pytest.mark.parametrize("nick", NICKS, ids=ascii)
def test_an_illegal_nick_is_refused(zchat: Zchat, nick: str) -> None:
    """The line names the fault and the rule, and the code is 5."""
    assert_one_line(zchat("who", "-u", nick), ExitCode.NICK, "nick", "letters")


def test_an_illegal_nick_of_a_partner_is_refused(zchat: Zchat) -> None:
    """It is the same with the nick that a message is for."""
    assert_one_line(zchat("send", "-t", "#bob", "hello"), ExitCode.NICK, "nick", "letters")


def test_a_nick_of_somebody_else_is_refused(zchat: Zchat, broker: Broker, tmp_path: Path) -> None:
    """Another account that takes a nick in use is told to choose another one, whatever the command."""
    assert zchat("who").returncode == 0
    for command in (["who"], ["join"]):
        done = processes.run(tmp_path, *command, "-b", broker.link, nick="me")
        assert_one_line(done, ExitCode.NICK, "me", "another nick")


UNKNOWN: dict[str, tuple[tuple[str, ...], str]] = {
    "who": (("who", "-r", "nowhere"), "nowhere"),
    "tail": (("tail", "--no-follow", "-r", "nowhere"), "nowhere"),
    "send": (("send", "-t", "nobody", "hello"), "nobody"),
    "since": (("tail", "-r", "known", "--since", "no-such-id"), "no-such-id"),
    "since a week": (("tail", "-r", "known", "--since", "1w"), "1w"),
}


@pytest.mark.parametrize(("arguments", "word"), UNKNOWN.values(), ids=UNKNOWN)
def test_what_is_not_there_is_said(zchat: Zchat, arguments: tuple[str, ...], word: str) -> None:
    """An unknown room, user or message is named, and the code is 6."""
    assert zchat("send", "-r", "known", "hello").returncode == 0

    assert_one_line(zchat(*arguments), ExitCode.NOT_FOUND, word)


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        (("foo", "--json"), ExitCode.USAGE, "usage"),
        (("send", "--json", ""), ExitCode.USAGE, "empty"),
        (("who", "--json", "-u", "1"), ExitCode.NICK, "nick_invalid"),
        (("who", "--json", "-r", "nowhere"), ExitCode.NOT_FOUND, "no_such_room"),
        (("send", "--json", "-t", "nobody", "hello"), ExitCode.NOT_FOUND, "no_such_user"),
        (("who", "--json", "-b", "far.example"), ExitCode.NOT_ALLOWED, "not_allowed"),
    ],
)
def test_an_error_is_an_object_too(zchat: Zchat, arguments: tuple[str, ...], code: int, word: str) -> None:
    """With --json the same is printed as one object on standard output."""
    done = zchat(*arguments)

    assert done.returncode == code
    assert_line(done.stderr)
    told = json.loads(done.stdout)
    assert told == {"error": word, "detail": done.stderr.removeprefix("zchat: ").rstrip("\n")}


def test_a_host_whose_key_is_not_known_is_not_asked(zchat: Zchat) -> None:
    """A host alone is not enough the first time: the line says where its link comes from."""
    assert_one_line(zchat("who", "-b", "far.example"), ExitCode.NOT_ALLOWED, "far.example:5555", "link")


# --- what is sent ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("stdin", "code", "words"),
    [
        ("", ExitCode.USAGE, ["empty"]),
        (" \n\n", ExitCode.USAGE, ["empty"]),
        ("a\0b", ExitCode.USAGE, ["NUL"]),
        (NOT_UTF8, ExitCode.USAGE, ["UTF-8", "byte 5"]),
        (A_MEGABYTE, ExitCode.LIMIT, ["16384"]),
        ("a" * (limits.MESSAGE_BYTES + 1), ExitCode.LIMIT, ["16384"]),
        ("\u00e4" * (limits.MESSAGE_BYTES // 2 + 1), ExitCode.LIMIT, ["16384"]),
        ("line\n" * (limits.MESSAGE_LINES + 1), ExitCode.LIMIT, ["400 lines"]),
    ],
    ids=["nothing", "blank", "NUL", "not UTF-8", "a megabyte", "a byte too many", "umlauts", "lines"],
)
def test_an_unusable_message_is_refused(zchat: Zchat, stdin: str | bytes, code: int, words: list[str]) -> None:
    """What `send` reads and cannot send is said before a broker is asked."""
    assert_one_line(zchat("send", "-b", f"zchat://127.0.0.1:1/{BASE32}", stdin=stdin), code, *words)


def test_the_longest_message_is_taken(zchat: Zchat) -> None:
    """The limit itself is within it, with the line's end that every tool adds."""
    text = "a" * limits.MESSAGE_BYTES
    assert zchat("send", "-r", "long", stdin=text + "\r\n").returncode == 0

    assert zchat("tail", "-r", "long", "--no-follow").stdout.endswith(f" me: {text}\n")


def test_a_message_too_long_as_an_argument_is_refused(zchat: Zchat) -> None:
    """A megabyte in arguments is refused as it is from standard input."""
    assert_one_line(zchat("send", *["a" * 100_000] * 10), ExitCode.LIMIT, "16384")


def test_an_id_cannot_be_used_for_another_text(zchat: Zchat) -> None:
    """The same id with the same text changes nothing; with another text it is refused."""
    id_ = secrets.token_hex(8)
    assert [zchat("send", "-r", "ids", "--id", id_, "once").returncode for _ in range(2)] == [0, 0]
    assert_one_line(zchat("send", "-r", "ids", "--id", id_, "other"), ExitCode.OTHER, "id")

    assert zchat("tail", "-r", "ids", "--no-follow").stdout.count("\n") == 1


def test_a_bad_line_costs_only_itself(zchat: Zchat) -> None:
    """`send --each-line` names a line that cannot be sent, and sends the others."""
    done = zchat("send", "-r", "lines", "--each-line", stdin=f"one\n{A_MEGABYTE}\n\nfour\n")

    assert_one_line(done, ExitCode.LIMIT, "Line 2", "16384")
    assert texts(zchat, "lines") == ["one", "four"]


@pytest.mark.parametrize(("command", "room"), [(["send", "--each-line"], "sent"), (["join"], "joined")])
def test_lines_before_one_that_is_not_utf8_are_sent(zchat: Zchat, command: list[str], room: str) -> None:
    """Input that stops being text stops the command, but what came before it was said."""
    before = [str(number) for number in range(3_000)]
    done = zchat(*command, "-r", room, stdin="\n".join(before).encode() + b"\n" + NOT_UTF8)

    assert done.returncode == ExitCode.USAGE
    assert_line(done.stderr.splitlines(keepends=True)[-1], "Line 3002", "UTF-8")
    assert texts(zchat, room) == [*before, "one"]


def test_a_line_without_end_is_refused(zchat: Zchat) -> None:
    """Input that never ends its line is given up before it fills the memory."""
    assert_one_line(zchat("send", "--each-line", stdin="a" * 3_000_000), ExitCode.USAGE, "Line 1", "does not end")


def texts(zchat: Zchat, room: str) -> list[str]:
    """What was said in a room."""
    tail = zchat("tail", "-r", room, "--since", "all", "--no-follow", "--json")
    assert tail.returncode == 0, tail
    return [json.loads(line)["text"] for line in tail.stdout.splitlines()]


# --- standard streams -----------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def many(home: Path) -> str:
    """A room whose history fills any pipe."""
    lines = "\n".join(f"{number} {'x' * 80}" for number in range(3_000))
    assert processes.run(home, "send", "-r", "many", "--each-line", stdin=lines).returncode == 0
    return "many"


@pytest.mark.parametrize("command", ["who", "who --json", "send hello", "--help"])
def test_closed_output_is_said(shell: Callable[..., Done], command: str) -> None:
    """Without a standard output nothing is done."""
    assert_one_line(shell(f"zchat {command} >&-"), ExitCode.OTHER, "output is closed")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
@pytest.mark.parametrize(
    "command",
    [
        "rooms",
        "rooms --json",
        "send --json hello",
        "tail -r many --no-follow",
        "tail -r many",
        "join -r many",
        "link",
        "--help",
        "broker --port 0 --data $ZCHAT_HOME/full",
    ],
)
def test_a_full_disk_is_said(shell: Callable[..., Done], many: str, command: str) -> None:
    """Output that cannot be written ends a command, with the reason in one line."""
    done = shell(f"yes hello | head -3 | zchat {command} >/dev/full")

    assert done.returncode == ExitCode.OTHER
    notices = done.stderr.splitlines(keepends=True)
    assert all(notice.startswith("-- ") for notice in notices[:-1])
    assert_line(notices[-1], "No space left on device")


@pytest.mark.parametrize(
    "command", ["tail -r many --since all", "tail -r many --no-follow --since all", "who --help", "rooms"]
)
def test_a_reader_that_has_enough_ends_it_quietly(shell: Callable[..., Done], many: str, command: str) -> None:
    """A pipe that is read no more ends a command as it ends other tools."""
    done = shell(f"zchat {command} | head -0; exit ${{PIPESTATUS[0]}}")

    assert done.returncode == 128 + signal.SIGPIPE
    assert done.stderr == ""


def test_a_chat_whose_reader_has_gone_ends_though_nobody_types(home: Path, many: str) -> None:
    """Line mode does not wait for its input to find out that nobody listens."""
    command = [ZCHAT, "join", "-r", many, "--since", "3000"]
    with started(command, home, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as chat:
        assert chat.stdout is not None
        chat.stdout.read(1)
        chat.stdout.close()

        assert chat.wait(PATIENCE) == -signal.SIGPIPE


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ("zchat who <&-", ExitCode.DONE),
        ("zchat send hello <&-", ExitCode.DONE),
        ("zchat send <&-", ExitCode.USAGE),
        ("zchat send --each-line <&-", ExitCode.DONE),
        ("zchat join <&-", ExitCode.DONE),
        ("zchat who 2>&-", ExitCode.DONE),
        ("zchat join 2>&-", ExitCode.DONE),
        ("zchat foo 2>&-", ExitCode.USAGE),
        ("zchat foo 2>/dev/full", ExitCode.USAGE),
        ("zchat who -r nowhere 2>&-", ExitCode.NOT_FOUND),
        ("zchat who >&- 2>&-", ExitCode.OTHER),
        ("zchat who <&- >&- 2>&-", ExitCode.OTHER),
    ],
)
def test_closed_input_and_errors_change_no_code(shell: Callable[..., Done], script: str, code: int) -> None:
    """A command does what it can without the streams it does not need."""
    done = shell(script)

    assert done.returncode == code
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "environment",
    [{"PYTHONIOENCODING": "latin-1"}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}],
    ids=["Latin-1", "ASCII"],
)
def test_a_terminal_without_the_letters_gets_signs(
    shell: Callable[..., Done], zchat: Zchat, environment: dict[str, str]
) -> None:
    """What the terminal's encoding cannot show is shown as signs; JSON loses nothing."""
    assert zchat("send", "-r", "russian", "\u043f\u0440\u0438\u0432\u0435\u0442").returncode == 0
    plain = shell("zchat tail -r russian -n 1 --no-follow", **environment)
    as_json = shell("zchat tail -r russian -n 1 --no-follow --json", **environment)

    assert (plain.returncode, plain.stderr) == (0, "")
    assert "me: " in plain.stdout
    assert json.loads(as_json.stdout)["text"] == "\u043f\u0440\u0438\u0432\u0435\u0442"


# --- no broker, or not the one that was meant -----------------------------------------------------------------
class Web(BaseHTTPRequestHandler):
    """A web server."""

    def log_message(self, *_: object) -> None:
        """Not into the tests' output."""


@contextlib.contextmanager
def web_server() -> Iterator[int]:
    """Its port."""
    with HTTPServer(("127.0.0.1", 0), Web) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@contextlib.contextmanager
def plain_router() -> Iterator[int]:
    """The port of a ZeroMQ socket without encryption."""
    with zmq.Context() as context, context.socket(zmq.ROUTER) as router:
        router.linger = 0
        yield router.bind_to_random_port("tcp://127.0.0.1")


@contextlib.contextmanager
def listener(*, banner: bytes | None = None) -> Iterator[int]:
    """The port of a server that takes connections and says nothing, or only its banner before it hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        if banner is None:
            yield port
            return

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    with connection:
                        connection.sendall(banner)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield port
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


@contextlib.contextmanager
def closed_port() -> Iterator[int]:
    """A port on which nobody listens, kept from others meanwhile."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]


Timed = tuple[Done, float]
Ends = dict[str, Future[Timed]]


@pytest.fixture(scope="module", autouse=True)
def ends(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ends]:
    """Commands that wait for a broker in vain: how each ended, and after how long. They wait side by side."""
    away = tmp_path_factory.mktemp("away")
    key = KeyPair.generate().public
    with contextlib.ExitStack() as stack, ThreadPoolExecutor(20) as pool:
        nobody = stack.enter_context(closed_port())
        silent = stack.enter_context(listener())
        mute = stack.enter_context(mute_broker())
        with Broker(away / "note", data=away / "data") as dead:
            dead.kill()

        def link(port: int) -> Link:
            return Link("127.0.0.1", port, key)

        def timed(name: str, *arguments: object) -> Timed:
            began = time.monotonic()
            return processes.run(away / name, *arguments, nick="lost", timeout=30), time.monotonic() - began

        commands: dict[str, list[object]] = {
            "nobody": ["who", "-b", link(nobody)],
            "nobody, join": ["join", "-b", link(nobody)],
            "nobody, send": ["send", "-b", link(nobody), "hello"],
            "nobody, tail": ["tail", "-b", link(nobody)],
            "nobody, json": ["who", "--json", "-b", link(nobody)],
            "note": ["who"],
            "name": ["who", "-b", Link("no-such-host.invalid", 5555, key)],
            "web": ["who", "-b", link(stack.enter_context(web_server()))],
            "silent": ["who", "-b", link(silent)],
            "ssh": ["who", "-b", link(stack.enter_context(listener(banner=b"SSH-2.0-OpenSSH_9.6\r\n")))],
            "router": ["who", "-b", link(stack.enter_context(plain_router()))],
            "wrong key": ["who", "-b", link(broker.port)],
            "timeout": ["who", "--timeout", "1", "-b", link(silent)],
            "mute, timeout": ["who", "--timeout", "1", "-b", mute],
            "mute": ["who", "-b", mute],
            "mute, tail": ["tail", "--no-follow", "-b", mute],
            "mute, send": ["send", "-b", mute, "hello"],
        }
        yield {name: pool.submit(timed, name, *arguments) for name, arguments in commands.items()}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nobody", ["refused", "zchat broker"]),
        ("nobody, join", ["refused", "zchat broker"]),
        ("nobody, send", ["refused", "zchat broker"]),
        ("nobody, tail", ["refused", "zchat broker"]),
        ("note", ["refused", "zchat broker"]),
        ("name", ["no-such-host.invalid", "address"]),
        ("web", ["port"]),
        ("silent", ["says nothing", "port"]),
    ],
)
def test_a_broker_that_cannot_be_reached_is_said_in_time(ends: Ends, name: str, words: list[str]) -> None:
    """When its patience is over the line tells what was found at that place; the code is 3."""
    done, seconds = ends[name].result()

    assert_one_line(done, ExitCode.UNREACHABLE, *words)
    assert limits.CONNECT_PATIENCE <= seconds < limits.CONNECT_PATIENCE + PATIENCE


@pytest.mark.parametrize("name", ["ssh", "router", "wrong key"])
def test_what_is_not_the_broker_is_said_at_once(ends: Ends, name: str) -> None:
    """Something that answers, but not as the broker that is meant, is not waited for as a silent one is."""
    done, seconds = ends[name].result()
    _, waited = ends["silent"].result()  # started with it, on a machine that is as busy

    assert_one_line(done, ExitCode.UNREACHABLE, "not as the zchat broker", "port", "link")
    assert seconds < waited - 1


def test_a_broker_that_cannot_be_reached_is_an_object_too(ends: Ends) -> None:
    """Programs are told as well, with --json."""
    done, _ = ends["nobody, json"].result()

    assert json.loads(done.stdout)["error"] == "unreachable"


@pytest.mark.parametrize("name", ["timeout", "mute, timeout"])
def test_a_time_that_runs_out_is_said(ends: Ends, name: str) -> None:
    """With --timeout it is the user who says how long; the code is 124."""
    done, seconds = ends[name].result()

    assert_one_line(done, ExitCode.TIMEOUT, "--timeout")
    assert 1 <= seconds < 1 + PATIENCE


@pytest.mark.parametrize(
    ("name", "code", "word"),
    [
        ("mute", ExitCode.UNREACHABLE, "does not answer"),
        ("mute, tail", ExitCode.UNREACHABLE, "does not answer"),
        ("mute, send", ExitCode.NOT_ACKED, "--id"),
    ],
)
def test_a_broker_that_does_nothing_is_given_up(ends: Ends, name: str, code: int, word: str) -> None:
    """A broker that hangs does not make commands hang; `send` says how to send again safely."""
    done, _ = ends[name].result()

    assert_one_line(done, code, word)


def test_a_time_runs_out_while_all_is_well(zchat: Zchat) -> None:
    """What follows for ever ends when its time is up."""
    assert_one_line(zchat("tail", "-r", "quiet", "--timeout", "0.5"), ExitCode.TIMEOUT, "0.5 s")


def test_without_a_broker_the_line_says_how_to_start_one(tmp_path: Path) -> None:
    """An account that never had a broker is told at once, by every command."""
    for command in (["who"], ["join"], ["send", "hello"], ["link"], ["key"]):
        assert_one_line(processes.run(tmp_path, *command), ExitCode.UNREACHABLE, "zchat broker", "--broker")


def test_a_changed_key_is_refused_until_it_is_forgotten(home: Path, tmp_path: Path) -> None:
    """A broker that has another key than last time is refused loudly; `key forget` accepts it."""
    account = tmp_path / "account"
    with Broker(tmp_path / "host", data=tmp_path / "one") as broker:
        assert processes.run(account, "who", "-b", broker.link).returncode == 0
        broker.stop()
        broker.data = tmp_path / "two"
        broker.start()
        place = Link.parse(broker.link).place

        assert_one_line(
            processes.run(account, "who", "-b", broker.link),
            ExitCode.NOT_ALLOWED,
            "CHANGED",
            f"zchat key forget {place}",
        )
        assert processes.run(account, "key", "forget", place).returncode == 0
        assert processes.run(account, "who", "-b", broker.link).returncode == 0
        assert processes.run(account, "who", "-b", place).returncode == 0


# --- files ----------------------------------------------------------------------------------------------------
def test_a_home_that_is_a_file_is_said(broker: Broker, tmp_path: Path) -> None:
    """Where no key can be kept, nothing is sent, and the line names the place."""
    home = tmp_path / "home"
    home.write_text("")

    for command in (["who"], ["join"]):
        assert_one_line(processes.run(home, *command, "-b", broker.link), ExitCode.OTHER, str(home))
    assert_one_line(processes.run(home, "broker"), ExitCode.OTHER, str(home), "--data")


def test_a_home_of_nobody_is_said(shell: Callable[..., Done]) -> None:
    """A folder of a user that does not exist is no home."""
    assert_one_line(shell("zchat who", ZCHAT_HOME="~no-such-user/zchat"), ExitCode.USAGE, "ZCHAT_HOME")


class Account:
    """Another account, which was at the broker once."""

    def __init__(self, home: Path, link: str) -> None:
        self.home = home
        self._nick = f"kay-{secrets.token_hex(4)}"
        self._link = link
        assert self.who().returncode == 0

    def who(self) -> Done:
        """Ask the broker something."""
        return processes.run(self.home, "who", "-b", self._link, nick=self._nick)

    def file(self, pattern: str) -> Path:
        """The one file that matches."""
        (path,) = self.home.glob(pattern)
        return path


@pytest.fixture
def account(broker: Broker, tmp_path: Path) -> Account:
    """Somebody else."""
    return Account(tmp_path / "account", broker.link)


def swapped(text: str) -> str:
    """A key file whose public key is not that of its secret one."""
    public = text.split()[4]
    other = "b" if public[0] != "b" else "c"
    return text.replace(public, other + public[1:])


@pytest.mark.parametrize(
    "damage",
    [lambda _: "", lambda _: "rubbish", lambda _: "\0" * 100, lambda text: text[:-9], swapped],
    ids=["empty", "rubbish", "zeros", "cut", "swapped"],
)
def test_a_damaged_key_is_said(account: Account, damage: Callable[[str], str]) -> None:
    """A key file that is none any more is named at once, and left as it is."""
    path = account.file("data/keys/*.key")
    damaged = damage(path.read_text())
    path.write_text(damaged)

    assert_one_line(account.who(), ExitCode.USAGE, str(path), "copy")
    assert path.read_text() == damaged


def test_a_lost_key_is_said(account: Account) -> None:
    """A nick whose key is gone does not silently get another one."""
    path = account.file("data/keys/*.key")
    path.unlink()

    assert_one_line(account.who(), ExitCode.USAGE, str(path), "copy")


@pytest.mark.parametrize("pattern", ["data/brokers/*.json", "state/nicks/*"])
@pytest.mark.parametrize("damage", [b"", b"{}", b"\xff\0", b'{"key":"!!","name":"x","places":["a b"]}'])
def test_damaged_notes_are_passed_over(account: Account, pattern: str, damage: bytes) -> None:
    """What only saves typing is not worth an error when it is damaged."""
    account.file(pattern).write_bytes(damage)

    assert account.who().returncode == 0
    assert processes.run(account.home, "key", "list").returncode == 0


@pytest.mark.parametrize(
    "note", ["", "{}", '{"link":"zchat://"}', '{"link":"zchat://h:1/aa","pid":99999999999}', '{"link":1}']
)
def test_a_damaged_note_of_a_broker_is_none(tmp_path: Path, note: str) -> None:
    """A note that no broker wrote does not lead anywhere."""
    notes = tmp_path / "state" / "brokers"
    notes.mkdir(parents=True)
    (notes / "5555.json").write_text(note)

    assert_one_line(processes.run(tmp_path, "who"), ExitCode.UNREACHABLE, "zchat broker")


# --- starting a broker ----------------------------------------------------------------------------------------
def database(path: Path, *, application: int = 0, version: int = 0) -> None:
    """A SQLite file that is not what it should be."""
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.executescript(
            f"CREATE TABLE other (x); PRAGMA application_id = {application}; PRAGMA user_version = {version};"
        )


OURS = 0x7A636874
DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "another program's database": (lambda data: database(data / "history.sqlite"), "another program"),
    "a newer history": (lambda data: database(data / "history.sqlite", application=OURS, version=99), "newer zchat"),
    "a history without its tables": (
        lambda data: database(data / "history.sqlite", application=OURS, version=1),
        "cannot be used",
    ),
    "a history of rubbish": (lambda data: (data / "history.sqlite").write_bytes(b"rubbish " * 999), "cannot be used"),
    "a history that is a folder": (lambda data: (data / "history.sqlite").mkdir(), "history.sqlite"),
    "an empty key": (lambda data: (data / "broker.key").write_bytes(b""), "not a zchat key"),
    "a key of rubbish": (lambda data: (data / "broker.key").write_bytes(b"\xff" * 99), "broker.key"),
    "a key that is a folder": (lambda data: (data / "broker.key").mkdir(), "broker.key"),
    "a lock of rubbish": (lambda data: (data / "lock").write_bytes(b"rubbish " * 999), "cannot be used"),
}


@pytest.mark.parametrize(("damage", "word"), DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_folder_is_said_and_left_alone(
    zchat: Zchat, tmp_path: Path, damage: Callable[[Path], object], word: str
) -> None:
    """A broker does not start on files that it does not understand, and puts nothing in their place."""
    damage(tmp_path)
    damaged = sorted(path.name for path in tmp_path.iterdir())
    done = zchat("broker", "--port", 0, "--data", tmp_path)

    assert done.returncode in (ExitCode.OTHER, ExitCode.USAGE)
    assert_one_line(done, done.returncode, word)
    assert set(damaged) <= {path.name for path in tmp_path.iterdir()}


def test_a_second_broker_on_a_folder_is_refused(zchat: Zchat, broker: Broker) -> None:
    """The first one goes on; the second one is told of it."""
    assert_one_line(zchat("broker", "--port", 0, "--data", broker.data), ExitCode.OTHER, "Another broker", "--data")


@pytest.mark.parametrize("step", [-1, 0, 1])
def test_a_second_broker_on_a_port_is_refused(zchat: Zchat, broker: Broker, tmp_path: Path, step: int) -> None:
    """Both ports must be free: ROUTER's and the next one."""
    done = zchat("broker", "--port", broker.port + step, "--data", tmp_path)

    assert_one_line(done, ExitCode.OTHER, str(broker.port + step), "in use", "--port")


@pytest.mark.parametrize(
    ("host", "word"),
    [
        ("192.0.2.1", "no address 192.0.2.1"),
        ("no-such-host.invalid", "no-such-host.invalid"),
        ("", "address ''"),
        ("127.0.0.1:5555", "127.0.0.1:5555"),
        ("h" * 300, "hhh"),
        (BYTE, "address"),
    ],
    ids=["not ours", "unknown", "empty", "with a port", "too long", "not UTF-8"],
)
def test_an_address_that_is_not_here_is_refused(zchat: Zchat, tmp_path: Path, host: str, word: str) -> None:
    """The line names the address and the option."""
    done = zchat("broker", "--port", 0, "--data", tmp_path, "--bind", host)

    assert_one_line(done, ExitCode.OTHER, word, "--bind")


def test_a_data_folder_that_cannot_be_is_refused(zchat: Zchat, tmp_path: Path) -> None:
    """Neither a file nor a place below one is a folder."""
    file = tmp_path / "file"
    file.write_text("")

    assert_one_line(zchat("broker", "--data", file), ExitCode.USAGE, "--data", str(file))
    assert_one_line(zchat("broker", "--data", file / "below"), ExitCode.OTHER, "--data", str(file))


def test_a_log_that_cannot_be_written_is_refused(zchat: Zchat, tmp_path: Path) -> None:
    """A broker without the log that was asked for does not start."""
    file = tmp_path / "file"
    file.write_text("")
    for place in (tmp_path, file / "below"):
        done = zchat("broker", "--port", 0, "--data", tmp_path / "data", "--log", place)
        assert_one_line(done, ExitCode.USAGE, "--log", str(place))
