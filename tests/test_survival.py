"""Real processes, and a broker that is killed: nothing acknowledged is lost, nothing is shown twice."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .processes import Broker, LineMode, Process, run, run_shell

Command = Callable[..., subprocess.CompletedProcess[str]]

MANY = 10_000


@pytest.fixture
def process(home: Path) -> Iterator[Callable[..., Process]]:
    """`process(*arguments, nick=None)`: a command that goes on until the test ends it."""
    started: list[Process] = []

    def start(*arguments: object, nick: str | None = None) -> Process:
        started.append(Process(home, *arguments, nick=nick))
        return started[-1]

    yield start
    for one in started:
        one.__exit__()


def texts(output: str) -> list[str]:
    """The texts of messages printed as JSON."""
    objects = [json.loads(line) for line in output.splitlines()]
    return [each["text"] for each in objects if each["kind"] == "message"]


def test_ten_thousand_lines_arrive_in_order_and_once(broker: Broker, home: Path) -> None:
    """What `send --each-line` took, `tail --since all` gives, in order."""
    lines = [str(number) for number in range(1, MANY + 1)]
    sent = run(home, "send", "-r", "load", "--each-line", stdin="\n".join(lines), timeout=60)
    tail = run(home, "tail", "-r", "load", "--since", "all", "--no-follow", "--json", timeout=60)

    assert (sent.returncode, sent.stdout, sent.stderr) == (0, "", "")
    assert texts(tail.stdout) == lines


def test_two_people_talk_on_through_a_killed_broker(broker: Broker, spawn_join: Callable[..., LineMode]) -> None:
    """Both go on by themselves; nothing is lost, nothing comes twice, nobody is said to have left or joined."""
    alice, bob = spawn_join("alice"), spawn_join("bob")
    alice.wait_for("bob joined")
    alice.type("before")
    bob.wait_for("alice: before")
    broker.kill()
    alice.wait_for("The broker is gone")
    alice.type("while it is dead")
    broker.start()
    bob.wait_for("alice: while it is dead")
    alice.wait_for("Connected", "again")
    bob.type("after")
    alice.wait_for("bob: after")
    assert bob.quit() == 0
    alice.wait_for("bob left")

    for person in (alice, bob):
        said = [line.split(": ", 1)[1] for line in person.out.splitlines() if ": " in line]
        assert said == ["before", "while it is dead", "after"]
    assert sum("joined" in line or " left" in line for line in alice.out.splitlines()) == 2


def test_a_pipe_rides_through_three_kills(broker: Broker, process: Callable[..., Process], zchat: Command) -> None:
    """`send --each-line` and `tail` go on through kill -9, three times: every line once and in order, on both ends."""
    tail = process("tail", "-r", "load", "--since", "all", "--json", nick="reader")
    sender = process("send", "-r", "load", "--each-line", "--json", nick="writer")
    lines: list[str] = []
    for _ in range(3):
        part = [f"line {len(lines) + number}" for number in range(300)]
        lines += part
        sender.type(*part)
        sender.wait_until(lambda expected=part[150]: f'"{expected}"' in sender.out, "the middle")  # type: ignore[misc]
        broker.kill()
        broker.start()
    sender.end_input()
    assert sender.wait() == 0
    tail.wait_until(lambda: f'"{lines[-1]}"' in tail.out, "the last line")
    history = zchat("tail", "-r", "load", "--since", "all", "--no-follow", "--json")

    assert texts(history.stdout) == lines
    assert texts(tail.out) == lines
    assert texts(sender.out) == lines


def test_a_stopped_broker_says_goodbye_and_clients_return(broker: Broker, spawn_join: Callable[..., LineMode]) -> None:
    """SIGTERM ends the broker with 0; clients are told, and come back to the next one."""
    alice = spawn_join("alice")
    assert broker.stop() == 0
    alice.wait_for("The broker is gone (the broker is closing)")
    broker.start()
    alice.wait_for("Connected", "again")
    alice.type("still here")
    alice.wait_for("alice: still here")


def test_one_shot_commands_wait_for_a_broker_that_comes_back(broker: Broker, process: Callable[..., Process]) -> None:
    """A `send` begun while the broker is dead succeeds when it returns within the patience."""
    broker.kill()
    sender = process("send", "hello", nick="alice")
    broker.start()

    assert sender.wait() == 0


def test_a_reader_that_has_enough_ends_the_tail(broker: Broker, home: Path, zchat: Command) -> None:
    """`zchat tail | head -1` returns at once, though nobody says anything any more."""
    for text in ("one", "two", "three"):
        zchat("send", text)
    pipeline = run_shell(home, "zchat tail | head -1")

    assert pipeline.returncode == 0
    assert pipeline.stdout.endswith(": one\n")
    assert pipeline.stderr == ""
