"""`zchat tail --cursor` prints every line once, over as many runs as it takes; who was away learns what is missing."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from zchat.broker.home import HISTORY
from zchat.broker.policy import Policy
from zchat.client.core import ClientCore
from zchat.client.rooms import UNREAD, Start
from zchat.client.tailing import Tailer
from zchat.common.errors import ExitCode

from .conversation import Conversation
from .processes import Broker, Process, run_shell, until

Command = Callable[..., subprocess.CompletedProcess[str]]
Say = Callable[..., list[str]]


@pytest.fixture
def cursor(tmp_path: Path) -> Path:
    """The cursor file."""
    return tmp_path / "cursor.json"


@pytest.fixture
def say(zchat: Command) -> Say:
    """`say(first, last, room="lobby")`: numbered lines are said; returns them."""

    def say(first: int, last: int, room: str = "lobby") -> list[str]:
        lines = [f"line {number}" for number in range(first, last + 1)]
        sent = zchat("send", "-r", room, "--each-line", stdin="\n".join(lines), nick="writer")
        assert sent.returncode == 0, sent
        return lines

    return say


@pytest.fixture
def follow(home: Path, cursor: Path) -> Iterator[Callable[..., Process]]:
    """`follow(*options)`: a `tail --cursor` that goes on until the test ends it."""
    with ExitStack() as stack:

        def start(*options: object) -> Process:
            return stack.enter_context(Process(home, "tail", "--json", "--cursor", cursor, *options, nick="reader"))

        yield start


@pytest.fixture
def rest(zchat: Command, cursor: Path) -> Callable[..., list[str]]:
    """`rest(*options)`: what a run that does not follow prints, its texts."""

    def rest(*options: object) -> list[str]:
        done = zchat("tail", "--json", "--no-follow", "--cursor", cursor, *options, nick="reader")
        assert done.returncode == 0, done
        return texts(done.stdout)

    return rest


def texts(output: str) -> list[str]:
    """The texts of what was printed with --json, as far as the lines are whole."""
    return [json.loads(line)["text"] for line in output.split("\n")[:-1]]


# --- one run after the other ----------------------------------------------------------------------------------
def test_each_run_prints_what_is_new(broker: Broker, say: Say, rest: Callable[..., list[str]]) -> None:
    """The first begins as it is told to, the others where the one before ended; with nothing new they print nothing."""
    say(1, 12)
    assert rest("-n", 5) == ["line 8", "line 9", "line 10", "line 11", "line 12"]
    assert rest() == []
    expected = say(13, 30)
    assert rest("-n", 5) == expected
    assert rest("--since", "all") == []


def test_a_run_that_printed_nothing_has_begun_all_the_same(
    broker: Broker, say: Say, rest: Callable[..., list[str]]
) -> None:
    """From now on means from the first run on."""
    say(1, 3)
    assert rest("-n", 0) == []

    assert say(4, 5) == rest("-n", 0)


def test_each_room_has_its_place(broker: Broker, say: Say, rest: Callable[..., list[str]], cursor: Path) -> None:
    """One that is not asked for stays where it was; a new one begins as it is told to."""
    say(1, 3, "one")
    say(1, 3, "two")
    assert rest("-r", "one") == ["line 1", "line 2", "line 3"]
    say(4, 4, "one")
    assert rest("-r", "two", "-n", 1) == ["line 3"]
    assert rest("-r", "one", "-r", "two") == ["line 4"]

    assert json.loads(cursor.read_text())["rooms"] == {"one": 4, "two": 3}
    assert cursor.stat().st_mode & 0o777 == 0o600


def test_private_messages_have_their_places_too(broker: Broker, zchat: Command, rest: Callable[..., list[str]]) -> None:
    """Also those of somebody who writes for the first time, between two runs, more than a first run would show."""
    assert rest("--dm", "-n", 1) == []
    for nick in ("alice", "bob"):
        for number in (1, 2):
            assert zchat("send", "-t", "reader", f"{nick} {number}", nick=nick).returncode == 0
    assert sorted(rest("--dm", "-n", 1)) == ["alice 1", "alice 2", "bob 1", "bob 2"]
    assert zchat("send", "-t", "reader", "alice 3", nick="alice").returncode == 0

    assert rest("--dm") == ["alice 3"]


# --- however it ends ------------------------------------------------------------------------------------------
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_a_run_in_order(
    broker: Broker, say: Say, follow: Callable[..., Process], rest: Callable[..., list[str]], number: signal.Signals
) -> None:
    """What was printed is not printed again, however short ago it was."""
    expected = say(1, 300)
    tail = follow("--since", "all")
    tail.wait_for('"line 300"')
    expected += say(301, 310)
    tail.wait_for('"line 305"')
    tail.send_signal(number)
    tail.wait()

    assert texts(tail.out) + rest() == expected


def test_kill_9_loses_nothing_and_repeats_little(
    broker: Broker, say: Say, follow: Callable[..., Process], rest: Callable[..., list[str]]
) -> None:
    """What a killed run printed in its last second may come again; it goes on right behind that."""
    expected = say(1, 3000)
    tail = follow("--since", "all")
    tail.wait_for('"line 1500"')
    tail.send_signal(signal.SIGKILL)
    tail.wait()
    before, after = texts(tail.out), rest("-n", 0)

    assert before == expected[: len(before)]
    assert after == expected[len(expected) - len(after) :]
    assert len(before) + len(after) >= len(expected)


def test_kill_9_a_second_later_repeats_nothing(
    broker: Broker, say: Say, follow: Callable[..., Process], rest: Callable[..., list[str]], cursor: Path
) -> None:
    """The file is written by itself soon after the last line."""
    say(1, 30)
    tail = follow("--since", "all")
    tail.wait_for('"line 30"')
    until(lambda: cursor.exists() and json.loads(cursor.read_text())["rooms"] == {"lobby": 30})
    tail.send_signal(signal.SIGKILL)
    tail.wait()

    assert rest() == []


@pytest.mark.parametrize("options", ["", "--no-follow"])
def test_what_a_reader_left_in_the_pipe_comes_first_next_time(
    broker: Broker, home: Path, say: Say, rest: Callable[..., list[str]], cursor: Path, options: str
) -> None:
    """`zchat tail | head -3`, again and again: three lines each, none lost and none twice."""
    expected = say(1, 20)
    command = f"zchat tail --json --cursor '{cursor}' --since all {options} | head -3"
    runs = [run_shell(home, command, ZCHAT_NICK="reader") for _ in range(4)]

    assert [run.stderr for run in runs] == [""] * 4
    assert [text for run in runs for text in texts(run.stdout)] == expected[:12]
    assert rest() == expected[12:]


def test_a_reader_may_take_lines_one_by_one(broker: Broker, home: Path, say: Say, cursor: Path) -> None:
    """As a loop of a shell does; when it has enough, the line behind its last one comes first next time."""
    expected = say(1, 6)
    loop = 'for n in 1 2 3; do read -r line && echo "$line"; done'
    command = f"zchat tail --json --cursor '{cursor}' --since all | {{ {loop}; }}"
    printed = [text for _ in range(2) for text in texts(run_shell(home, command, ZCHAT_NICK="reader").stdout)]

    assert printed == expected


# --- other brokers, other histories ---------------------------------------------------------------------------
def test_another_history_is_told_and_printed_from_its_beginning(
    broker: Broker, zchat: Command, say: Say, rest: Callable[..., list[str]], cursor: Path
) -> None:
    """The same broker, with nothing of what it knew; after that it goes on as before."""
    say(1, 5)
    rest()
    broker.stop()
    for file in broker.data.glob(f"{HISTORY}*"):
        file.unlink()
    broker.start()
    expected = say(101, 112)
    done = zchat("tail", "--json", "--no-follow", "--cursor", cursor, nick="reader")

    assert texts(done.stdout) == expected
    assert done.stderr == "zchat: The history of lobby was replaced; it is shown from its beginning.\n"
    assert say(113, 114) == rest()


def test_a_file_that_is_of_no_use_is_refused(broker: Broker, zchat: Command, tmp_path: Path) -> None:
    """In one line, with 2, before anything is asked of a broker."""
    (tmp_path / "damaged").write_text('{"broker": ')
    (tmp_path / "other").write_text('{"broker": "other", "history": "h", "rooms": {}}')
    broker.stop()
    for name, words in {
        "damaged": "is damaged, or not one that --cursor made",
        "other": "belongs to another broker",
        "missing/file": "There is no folder",
        ".": "is a directory",
    }.items():
        done = zchat("tail", "-b", broker.link, "--cursor", tmp_path / name)

        assert (done.returncode, done.stdout) == (ExitCode.USAGE, "")
        assert words in done.stderr
        assert done.stderr.count("\n") == 1


# --- what is unread, what is gone -----------------------------------------------------------------------------
def after_an_absence(policy: Policy | None = None) -> Conversation:
    """bob has seen three lines of alice's in the lobby, and missed twelve."""
    talk = Conversation(policy=policy)
    alice, bob = talk.join("alice"), talk.join("bob")
    alice.type(*(f"line {number}" for number in range(1, 4)))
    talk.advance(5)
    assert bob.texts() == ["line 1", "line 2", "line 3"]
    bob.vanish()
    talk.advance(20)
    alice.type(*(f"line {number}" for number in range(4, 16)))
    talk.advance(5)
    return talk


def test_who_comes_back_is_told_what_is_unread() -> None:
    """When less than that is shown; with `--since unread` all of it is."""
    bob = after_an_absence().join("bob", start=Start(last=2))
    assert bob.saw("You joined lobby, with alice. 12 unread messages; see them with /history 12.")
    assert bob.texts() == ["line 14", "line 15"]
    bob = after_an_absence().join("bob", start=UNREAD)

    assert bob.texts() == [f"line {number}" for number in range(4, 16)]
    assert not bob.saw("unread")


def test_who_comes_back_too_late_is_told_what_is_gone() -> None:
    """Once, in a chat and in a tail; who wants all that there is gets it without a word."""
    talk = after_an_absence(Policy(keep_messages=5))
    kept = [f"line {number}" for number in range(11, 16)]
    bob = talk.join("bob", start=UNREAD)

    def tail(after: int) -> Callable[[ClientCore], Tailer]:
        return lambda core: Tailer(core, rooms=["lobby"], start=Start(after=after), follow=False, json=False)

    late, fresh = talk.run("carol", tail(1)), talk.run("dave", tail(0))
    talk.settle()

    assert [client.texts() for client in (bob, late, fresh)] == [kept] * 3
    assert [line for line in bob.printed if "no longer kept" in line] == [
        "-- 7 older messages of lobby are no longer kept."
    ]
    assert late.printed[0] == "zchat: 9 older messages of lobby are no longer kept."
    assert not fresh.saw("no longer kept")
