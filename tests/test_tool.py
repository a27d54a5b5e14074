"""zchat as a tool that scripts rely on: commands that it runs, pipes, completion, a broker that is not there yet."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pexpect
import pytest

from . import processes
from .processes import PATIENCE, ZCHAT, Broker, LineMode, Process, Terminal, run_shell

Done = subprocess.CompletedProcess[str]
Zchat = Callable[..., Done]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One account for all of this."""
    return tmp_path_factory.mktemp("tool") / "home"


@pytest.fixture(scope="module", autouse=True)
def broker(home: Path) -> Iterator[Broker]:
    """One broker for all of this; each test has a room of its own."""
    with Broker(home) as broker:
        yield broker


@pytest.fixture
def room(request: pytest.FixtureRequest) -> str:
    """A room for one test."""
    return f"r-{zlib.crc32(request.node.name.encode())}"


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
    deadline = time.monotonic() + PATIENCE
    while not (path.exists() and path.read_text().count("\n") >= count):
        assert time.monotonic() < deadline
        os.sched_yield()
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


# --- completion -----------------------------------------------------------------------------------------------
COMPLETE = """
eval "$(zchat completion bash)"
complete_words() {
    COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()
    _zchat_completion zchat
    echo "${COMPREPLY[*]}"
}
"""


def completed(home: Path, *words: str) -> list[str]:
    """What a real bash makes of words of which the last is half typed."""
    done = run_shell(home, f"{COMPLETE} complete_words zchat {shlex.join(words)}")
    assert done.stderr == ""
    return done.stdout.split()


def test_bash_completes_commands_options_and_names(home: Path, zchat: Zchat, room: str) -> None:
    """Names are those that were met: rooms, partners, own nicks, brokers."""
    zchat("send", "-r", room, "hello", nick="bob")
    zchat("send", "-t", "bob", "psst", nick="dora")

    assert completed(home, "se") == ["send", "search"]
    assert completed(home, "send", "--each") == ["--each-line"]
    assert completed(home, "join", "--notices", "s") == ["smart"]
    assert completed(home, "send", "-r", room[:-2]) == [room]
    assert completed(home, "send", "-t", "b") == ["bob"]
    assert completed(home, "who", "-u", "dor") == ["dora"]
    assert any(word.startswith("127.0.0.1:") for word in completed(home, "who", "-b", "127"))
    assert "unban" in completed(home, "admin", "un")


def test_bash_completes_at_a_terminal(home: Path, tmp_path: Path) -> None:
    """Pressing Tab does it."""
    rc = tmp_path / "rc"
    rc.write_text(f'PATH="{ZCHAT.parent}:$PATH"; PS1="ready> "; eval "$(zchat completion bash)"\n')
    bash = pexpect.spawn("bash", ["--rcfile", str(rc), "-i"], env=processes.environment(home), encoding="utf-8")
    try:
        bash.expect_exact("ready> ", timeout=PATIENCE)
        bash.send("zchat comp\tb\t")
        bash.expect_exact("zchat completion bash", timeout=PATIENCE)
    finally:
        bash.close(force=True)


def test_names_that_a_shell_could_act_on_are_not_offered(home: Path) -> None:
    """A broker calls itself what it likes."""
    folder = home / "state" / "names"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "hostile.json").write_text(
        json.dumps({"rooms": ["*", "$(id)", "a b", "x\x1b[m", "file,x", "`id`"], "nicks": []})
    )
    try:
        assert not set(completed(home, "send", "-r", "")) & {"*", "$(id)", "a", "b", "x\x1b[m", "`id`"}
    finally:
        (folder / "hostile.json").unlink()


def test_completing_loads_neither_network_nor_screen(home: Path) -> None:
    """It is done at every Tab, so it must be quick."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", ZCHAT],
        env=processes.environment(home, _ZCHAT_COMPLETE="bash_complete", COMP_WORDS="zchat send -r ", COMP_CWORD="3"),
        capture_output=True,
        timeout=PATIENCE,
        text=True,
        check=True,
    )
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}

    assert "plain,lobby" in done.stdout.splitlines()
    assert "zchat.client.known" in loaded
    assert loaded.isdisjoint({"zmq", "prompt_toolkit", "asyncio", "sqlite3"})


@pytest.mark.parametrize("name", ["zsh", "fish"])
def test_other_shells_can_read_their_completion(home: Path, zchat: Zchat, name: str, tmp_path: Path) -> None:
    """It is a script of that shell, and names the command."""
    text = zchat("completion", name).stdout
    assert "_ZCHAT_COMPLETE" in text
    where = shutil.which(name)
    if where is None:
        pytest.skip(f"{name} is not installed")
    path = tmp_path / "completion"
    path.write_text(text)

    assert subprocess.run([where, "-n", path], timeout=PATIENCE, check=False).returncode == 0
