"""``search``, ``ask`` and ``send -v`` as commands: what they print and what they end with."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from .inside import run
from .processes import Broker, LineMode, Process


@pytest.fixture
def broker(home: Path) -> Iterator[Broker]:
    """A running broker."""
    with Broker(home) as broker:
        yield broker
        assert "Traceback" not in broker.log


def test_a_script_asks_a_person(home: Path, broker: Broker) -> None:
    """The command waits while the broker is killed and comes back, prints the answer, and its exit code tells which."""
    with (
        LineMode(home, "alice") as alice,
        Process(home, "ask", "-u", "ci", "-t", "alice", "Deploy?", "--choices", "yes,no,later") as ask,
    ):
        alice.wait_for("ci -> alice asks [1]: Deploy? (yes/no/later) — /answer yes")
        broker.kill()
        alice.wait_for("The broker is gone")
        broker.start()
        alice.wait_for("Connected to", "again")
        alice.type("/answer LATER")
        assert ask.wait() == 12

    assert (ask.lines, ask.err) == (["later"], "")


def test_asking_ends_with_the_right_code(home: Path, broker: Broker) -> None:
    """Time that ran out, nobody of that name, and what is no question."""
    codes = {
        ("ask", "Deploy?", "--timeout", "1"): 124,
        ("ask", "-t", "nobody", "Deploy?"): 6,
        ("ask", "Deploy?", "--choices", "yes"): 2,
        ("ask", "Deploy?", "--choices", ",".join("abcdefghijklmnopqrstu")): 2,
        ("ask", "Deploy?", "-r", "dev", "-t", "alice"): 2,
        ("ask", "", "--choices", "yes,no"): 2,
        ("ask", "Deploy?", "--id", "a b"): 2,
    }
    for command, code in codes.items():
        done = run(home, *command, nick="ci")
        assert (done.returncode, done.stdout) == (code, ""), (command, done)
        assert done.stderr.splitlines()[-1].startswith("zchat: ")
        assert "Traceback" not in done.stderr


def test_searching_from_a_script(home: Path, broker: Broker) -> None:
    """Lines or objects, the newest last; an unknown room is 6, no words are 2, nothing found is no error."""
    for text in ("deploy failed", "Деплой готов 🚀", "deployed again"):
        run(home, "send", "-r", "builds", text, nick="ci")
    found = run(home, "search", "dep*", "-r", "builds", "-n", "1", nick="alice")
    objects = run(home, "search", "деплой", "--json", nick="alice")

    assert found.stdout.splitlines()[0].endswith("ci: deployed again")
    assert "There is more" in found.stderr
    (message,) = [json.loads(line) for line in objects.stdout.splitlines()]
    assert (message["room"], message["text"], message["replay"]) == ("builds", "Деплой готов 🚀", True)
    assert run(home, "search", "x", "-r", "nowhere", nick="alice").returncode == 6
    assert run(home, "search", "!", nick="alice").returncode == 2
    assert run(home, "search", "a*", nick="alice").returncode == 2
    nothing = run(home, "search", "zebra", nick="alice")
    assert (nothing.returncode, nothing.stdout, nothing.stderr) == (0, "", "zchat: Nothing was found.\n")


def test_a_sender_is_told_where_it_went(home: Path, broker: Broker) -> None:
    """``-v`` says on standard error, ``--json`` in the object, how many people are there and who lags behind."""
    with LineMode(home, "alice"):
        told = run(home, "send", "-v", "hello", nick="ci")
        message = json.loads(run(home, "send", "--json", "hello", nick="ci").stdout)

    assert (told.stdout, told.stderr) == ("", "zchat: Stored as 1 in lobby; 1 other is there.\n")
    assert (message["delivered"], message["lagging"]) == (1, [])
    assert run(home, "send", "-v", "--each-line", nick="ci", stdin="x").returncode == 2


def test_a_bot_is_a_bot(home: Path, broker: Broker) -> None:
    """It is shown as one and is told nothing of what was said before it came."""
    run(home, "send", "before", nick="alice")
    with LineMode(home, "echo", "--bot") as bot:
        run(home, "send", "after", nick="alice")
        bot.wait_for("alice: after")
        (user,) = [json.loads(line) for line in run(home, "who", "--json", nick="alice").stdout.splitlines()]

    assert (user["nick"], user["bot"], user["away"], user["lag"]) == ("echo", True, None, 0)
    assert not any("before" in line for line in bot.lines)
