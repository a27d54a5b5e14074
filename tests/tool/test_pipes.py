"""zchat as scripts rely on it: pipes, JSON, colour, and a broker that is not there yet."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from .. import processes
from ..processes import Broker, Process, run_shell
from ..terminals import Terminal

Zchat = Callable[..., subprocess.CompletedProcess[str]]


# --- pipes ----------------------------------------------------------------------------------------------------
def test_a_reader_that_has_enough_ends_a_tail(home: Path, zchat: Zchat, room: str) -> None:
    """`zchat tail | head -1`: the line, and neither a word nor a wait."""
    zchat("send", "-r", room, "--each-line", stdin="one\ntwo\nthree\n", nick="bob")
    done = run_shell(home, f"zchat tail -r {room} | head -n 1 | cut -d' ' -f3-; echo ${{PIPESTATUS[0]}}")

    assert (done.stdout, done.stderr) == ("bob: one\n141\n", "")


def strangers(zchat: Zchat) -> int:
    """How many commands the broker has refused since they came from nobody."""
    report = json.loads(zchat("status", "--json").stdout)
    return int(report["numbers"]["refusals"].get("hello_first", 0))


def test_lines_that_never_end_are_sent_as_far_as_they_come(home: Path, zchat: Zchat, room: str) -> None:
    """`yes | head -1000 | zchat send --each-line`: each line is a message, and nothing is said after the goodbye."""
    before = strangers(zchat)
    sending = f"zchat send -r {room} --each-line --json"
    done = run_shell(home, f"yes | head -n 1000 | {sending} | tail -n 1; echo ${{PIPESTATUS[2]}}", ZCHAT_NICK="bob")
    last, status = done.stdout.splitlines()

    assert (status, done.stderr) == ("0", "")
    assert json.loads(last)["seq"] == 1_000
    assert strangers(zchat) == before


# --- the broker -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("arguments", [("join",), ("tail", "-n", "5"), ("send", "--each-line")], ids=lambda a: a[0])
def test_what_is_begun_before_the_broker_finds_it(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """A broker that comes within five seconds was not away."""
    home = tmp_path / "home"
    with Broker(home) as broker:
        processes.run(home, "send", "first", nick="bob")
        broker.stop()
        with Process(home, *arguments, "-b", broker.link, nick="me") as process:
            process.type("hello")
            broker.start()
            process.end_input()
            if arguments[0] == "tail":
                process.wait_for("bob: first")
            else:
                assert process.wait() == 0
                assert "me: hello" in processes.run(home, "tail", "--no-follow").stdout


# --- json -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("command", ["ping", "link", "doctor", "key", "config", "who -r nowhere"])
def test_an_object_is_one_line_of_one_form(zchat: Zchat, command: str) -> None:
    """Whatever says it, errors too: ASCII, and no blank that is not data."""
    lines = zchat(*command.split(), "--json", nick="me").stdout.splitlines()

    assert lines
    for line in lines:
        assert line == json.dumps(json.loads(line), separators=(",", ":"))


# --- colour ---------------------------------------------------------------------------------------------------
def test_colour_is_for_terminals_and_for_who_asks(home: Path, zchat: Zchat, room: str) -> None:
    """A pipe gets none; on a terminal nicks have one, unless it is not wanted."""
    zchat("send", "-r", room, "hello", nick="bob")
    tail = ("tail", "-r", room, "--no-follow")
    assert "\x1b" not in zchat(*tail).stdout
    assert "m" + "bob" + "\x1b[39m: hello" in zchat(*tail, "--color", "always").stdout
    shown = {}
    for option in ("auto", "never"):
        with Terminal(home, *tail, "--color", option, nick="me") as terminal:
            terminal.wait()
            shown[option] = terminal.bytes
    assert b"mbob\x1b[39m: hello" in shown["auto"]
    assert b"\x1b[39m" not in shown["never"]
