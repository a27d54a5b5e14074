"""Commands that zchat runs: for each message, to send their end, and for what is meant for one."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .. import processes
from ..processes import ZCHAT, Broker, LineMode, Process, run_shell, until

Zchat = Callable[..., subprocess.CompletedProcess[str]]


def script(path: Path, text: str) -> str:
    """A shell script that can be run; its path."""
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o700)
    return str(path)


# --- tail --exec ----------------------------------------------------------------------------------------------
def test_a_command_gets_each_message(zchat: Zchat, tmp_path: Path, room: str) -> None:
    """As JSON on standard input and in the environment; no shell sees its text, and its output is ours."""
    text = f"$(touch {tmp_path}/never); 'é' \U0001f600"
    zchat("send", "-r", room, text, nick="bob")
    command = script(
        tmp_path / "show",
        'echo "$ZCHAT_KIND|$ZCHAT_ROOM|$ZCHAT_FROM|$ZCHAT_TEXT|$ZCHAT_TO|$ZCHAT_NICK"\n'
        'IFS= read -r line && echo "$line"',
    )
    done = zchat("tail", "-r", room, "--no-follow", "--exec", f"{shlex.quote(command)} 'an argument'", nick="me")

    first, second = done.stdout.splitlines()
    assert first == f"message|{room}|bob|{text}||me"
    assert json.loads(second)["text"] == text
    assert not (tmp_path / "never").exists()
    assert (done.returncode, done.stderr) == (0, "")


def test_a_command_that_fails_stops_there_and_goes_on_there(zchat: Zchat, tmp_path: Path, room: str) -> None:
    """With a cursor nothing is run twice, and nothing is passed over; without one, too, it says where it stopped."""
    for text in ("one", "two", "three"):
        zchat("send", "-r", room, text, nick="bob")
    ready = tmp_path / "ready"
    command = script(tmp_path / "cmd", f'echo "$ZCHAT_TEXT"; [ "$ZCHAT_TEXT" != two ] || [ -e {ready} ]')
    follow = ("tail", "-r", room, "--no-follow", "--cursor", tmp_path / "cursor", "--exec", command)
    first = zchat(*follow, nick="me")
    ready.touch()
    second, third = zchat(*follow, nick="me"), zchat(*follow, nick="me")

    assert (first.returncode, first.stdout) == (1, "one\ntwo\n")
    assert first.stderr.startswith(f"zchat: The command ended with status 1 at message 2 of {room}, and ")
    assert first.stderr.count("\n") == 1
    assert (second.returncode, second.stdout) == (0, "two\nthree\n")
    assert (third.returncode, third.stdout) == (0, "")


def test_a_command_that_fails_can_be_run_again(zchat: Zchat, tmp_path: Path, room: str) -> None:
    """With --exec-retry, after a wait, and it is said."""
    zchat("send", "-r", room, "one", nick="bob")
    mark = tmp_path / "mark"
    command = script(tmp_path / "cmd", f"[ -e {mark} ] && echo again && exit 0; touch {mark}; exit 3")
    done = zchat("tail", "-r", room, "--no-follow", "--exec", command, "--exec-retry", 2, nick="me")

    assert (done.returncode, done.stdout) == (0, "again\n")
    assert done.stderr == "zchat: The command ended with status 3. It is run again in 1 s.\n"


def test_a_slow_command_is_no_slow_client(zchat: Zchat, home: Path, broker: Broker, tmp_path: Path, room: str) -> None:
    """While it runs the broker hears from us: nothing is lost, and the messages that wait are run one by one."""
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    command = script(tmp_path / "cmd", f'read -r go <{gate}; echo "ran $ZCHAT_TEXT"')
    with Process(home, "tail", "-r", room, "-n", 0, "--exec", command, nick="me") as process:
        processes.run(home, "send", "-r", room, "0", nick="bob")  # makes sure that the room is there ...
        lines = "".join(f"{number}\n" for number in range(1, 701))
        assert zchat("send", "-r", room, "--each-line", stdin=lines, nick="bob", timeout=30).returncode == 0
        descriptor = os.open(gate, os.O_RDWR)
        feeder = subprocess.Popen(["sh", "-c", f"yes go 2>/dev/null | head -n 800 >{gate}"])
        process.wait_for("ran 700")
        feeder.kill()
        feeder.wait()
        os.close(descriptor)

        ran = [int(line.split()[1]) for line in process.out.splitlines()]
    assert ran in (list(range(701)), list(range(1, 701)))  # ... which may have been before we listened


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_command_with_us(
    zchat: Zchat, home: Path, tmp_path: Path, room: str, number: signal.Signals
) -> None:
    """Nothing is left running, and the cursor stays before the message."""
    zchat("send", "-r", room, "one", nick="bob")
    command = script(tmp_path / "cmd", "echo pid $$; exec sleep 1000")
    cursor = tmp_path / "cursor"
    with Process(home, "tail", "-r", room, "--cursor", cursor, "--exec", command, nick="me") as process:
        child = int(process.wait_for("pid").split()[1])
        process.send_signal(number)

        assert process.wait() == 128 + number
        assert "Traceback" not in process.err
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)
    assert json.loads(cursor.read_text())["rooms"] == {room: 0}


def test_a_command_can_answer_as_the_same_user(zchat: Zchat, home: Path, room: str, tmp_path: Path) -> None:
    """A `zchat` in it is at the same broker with the same nick, and what it says does not run it again."""
    command = script(tmp_path / "cmd", f'"{ZCHAT}" send -r "$ZCHAT_ROOM" "echo: $ZCHAT_TEXT" && echo answered')
    with Process(home, "tail", "-r", room, "-n", 5, "--exec", command, nick="echo") as process:
        zchat("send", "-r", room, "one", nick="bob")
        process.wait_for("answered")
        zchat("send", "-r", room, "two", nick="bob")
        process.wait_for("answered", times=2)
    said = [json.loads(line) for line in zchat("tail", "-r", room, "--no-follow", "--json").stdout.splitlines()]

    assert [(entry["from"], entry["text"]) for entry in said] == [
        ("bob", "one"),
        ("echo", "echo: one"),
        ("bob", "two"),
        ("echo", "echo: two"),
    ]


# --- send --wait-cmd ------------------------------------------------------------------------------------------
def test_the_end_of_a_command_is_sent(zchat: Zchat, room: str) -> None:
    """Its output passes through as it is, and its last lines and its status are one message."""
    command = "sh -c 'echo out; echo err >&2; exit 3'"
    done = zchat("send", "-r", room, "--wait-cmd", command, nick="me")
    (message,) = [json.loads(line) for line in zchat("tail", "-r", room, "--no-follow", "--json").stdout.splitlines()]
    first, *lines = message["text"].split("\n")

    assert (done.returncode, done.stdout, done.stderr) == (0, "out\n", "err\n")
    assert first == f"{command}: ended with status 3 after 0s"
    assert sorted(lines) == ["err", "out"]


def test_a_reader_that_has_enough_changes_nothing_for_a_command(home: Path, zchat: Zchat, room: str) -> None:
    """It is run to its end, and that is sent."""
    command = "sh -c 'seq 1 100000; echo конец'"
    sending = f'zchat send -r {room} --wait-cmd "{command}"'
    done = run_shell(home, f"{sending} | head -n 1; echo ${{PIPESTATUS[0]}}", ZCHAT_NICK="me")

    assert (done.stdout, done.stderr) == ("1\n0\n", "")
    assert zchat("tail", "-r", room, "--no-follow").stdout.endswith("me: конец\n")


@pytest.mark.parametrize(("end", "code"), [("exit 3", 3), ("exit 0", 0), ("kill -9 $$", 137)])
def test_the_status_can_be_the_commands(zchat: Zchat, room: str, end: str, code: int) -> None:
    """With --status, as a shell would give it."""
    assert zchat("send", "-r", room, "--status", "--wait-cmd", f"sh -c '{end}'", nick="me").returncode == code


def test_what_cannot_be_run_is_not_waited_for(zchat: Zchat, tmp_path: Path) -> None:
    """Nor is anything run when nobody could be told."""
    mark = tmp_path / "mark"
    for arguments, code in ((("--wait-cmd", "no-such-command"), 2), (("-u", "1up", "--wait-cmd", f"touch {mark}"), 5)):
        done = zchat("send", *arguments)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (code, "", 1)
    assert not mark.exists()


def test_ctrl_c_ends_what_is_waited_for(zchat: Zchat, home: Path, room: str) -> None:
    """The command is ended, and nothing is sent."""
    with Process(home, "send", "-r", room, "--wait-cmd", "sh -c 'echo pid $$; exec sleep 1000'", nick="me") as process:
        child = int(process.wait_for("pid").split()[1])
        process.send_signal(signal.SIGINT)

        assert process.wait() == 130
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)
    assert zchat("tail", "-r", room, "--no-follow").returncode == 6


# --- hooks ----------------------------------------------------------------------------------------------------
@pytest.fixture
def hooked(home: Path, tmp_path: Path) -> Iterator[Path]:
    """The file in which a hook notes for what it was run."""
    runs = tmp_path / "runs"
    command = script(
        tmp_path / "hook", f'echo noise; echo "$ZCHAT_FROM|$ZCHAT_TEXT|$ZCHAT_TO" >>{runs}; echo x >>{runs}.n'
    )
    config = home / "config" / "config.toml"
    config.parent.mkdir(exist_ok=True)
    config.write_text(f'[hooks]\nmention = "{command}"\n')
    yield runs
    config.unlink()


def test_a_hook_is_run_for_what_is_meant_for_one(
    spawn_join: Callable[..., LineMode], zchat: Zchat, hooked: Path, room: str
) -> None:
    """For mentions and private messages that come, not for others' talk nor what was said before."""
    zchat("send", "-r", room, "carol: long ago", nick="bob")
    carol = spawn_join("carol", "-r", room)
    bob = ("send", "-r", room)
    zchat(*bob, "just talk", nick="bob")
    zchat(*bob, "hello @Carol!", nick="bob")
    zchat("send", "-t", "carol", "psst", nick="bob")
    carol.type("carol says so herself")
    carol.wait_for("psst")
    carol.wait_for("says so herself")
    done = carol.quit()

    assert done == 0
    assert "noise" not in carol.out + carol.err
    assert _lines_when(hooked, 2) == ["bob|hello @Carol!|", "bob|psst|carol"]


def _lines_when(path: Path, count: int) -> list[str]:
    """The lines of a file as soon as there are so many."""
    until(lambda: path.exists() and path.read_text().count("\n") >= count, f"{count} lines of {path.name}")
    return path.read_text().splitlines()


def test_a_hook_that_cannot_be_run_is_said_before_the_chat_begins(zchat: Zchat, home: Path, hooked: Path) -> None:
    """With the place where it is named."""
    config = home / "config" / "config.toml"
    config.write_text('[hooks]\nmention = "no-such-command"\n')
    done = zchat("join")

    assert done.returncode == 2
    assert done.stderr == (
        f"zchat: The hook mention ({config}): there is no command 'no-such-command'. Check its name, and PATH.\n"
    )
