"""What docs/library.md shows works: each of its programs, and the bots in docs/examples."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from zchat.broker import Broker
from zchat.client import Client, Message, Presence, Question

from .processes import PATIENCE, ZCHAT

pytest_plugins = ["pytester", "zchat.broker.testing"]

DOCS = Path(__file__).resolve().parent.parent / "docs"
BLOCKS = re.findall(r"^```python\n(.*?)^```$", (DOCS / "library.md").read_text(encoding="utf-8"), re.M | re.S)
FILES = {found[1]: block for block in BLOCKS if (found := re.match(r"# (\w+\.py)\n", block))}
PROGRAMS = [block for block in BLOCKS if block not in FILES.values()]


@pytest.fixture
def bob(zchat_broker: Broker) -> Iterator[Client]:
    """Somebody in the lobby who greets, says bye when he is answered, and to every question yes."""
    bob = Client(nick="bob")

    @bob.on(Presence)
    def greet(presence: Presence) -> None:
        if presence.change == "joined":
            bob.send(f"hello {presence.nick}")

    @bob.on(Question)
    def choose(question: Question) -> None:
        bob.answer(question, 0)

    @bob.on_message
    def answer(message: Message) -> None:
        bob.reply(message, "bye")

    with bob:
        yield bob


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: re.search(r'nick="(\w+)"', program)[1])
def test_programs_of_the_guide(program: str, bob: Client) -> None:
    """Each program of the guide runs to its end, with nothing else prepared than a broker and somebody to talk to."""
    bob.tell("bob", "one private message, so that there are some")

    exec(compile(program, "docs/library.md", "exec"), {})


def test_the_fixture_of_the_guide(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """A test suite that does what the guide says has a broker, and touches no account but its own."""
    for name, text in FILES.items():
        pytester.path.joinpath(name).write_text(text, encoding="utf-8")
    monkeypatch.setenv("ZCHAT_HOME", str(pytester.path / "mine"))
    monkeypatch.setenv("PATH", f"{ZCHAT.parent}{os.pathsep}{os.environ['PATH']}")

    outcome = pytester.runpytest_subprocess("-W", "error", timeout=3 * PATIENCE)

    outcome.assert_outcomes(passed=1)
    assert not (pytester.path / "mine").exists()


def run_bot(name: str, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-W", "error", DOCS / "examples" / f"{name}.py", *arguments],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def end_of(bot: subprocess.Popen[str]) -> tuple[int, str]:
    """Its exit code, and what it wrote to standard error."""
    with bot:
        try:
            return bot.wait(PATIENCE), bot.stderr.read()
        finally:
            bot.kill()


def test_echo(zchat_broker: Broker) -> None:
    """The echo answers in private and when it is named, to nothing else, and Ctrl-C ends it."""
    with Client(nick="alice") as alice:
        bot = run_bot("echo", "echo")
        try:
            assert bot.stdout.readline() == "echo is here. Ctrl-C ends it.\n"
            alice.send("hello everybody")
            alice.send("echo: hello")
            assert next(alice.messages(PATIENCE)).text == "hello"
            alice.tell("echo", "psst")
            heard = next(alice.messages(PATIENCE))
            assert (heard.text, heard.room) == ("psst", None)
        finally:
            bot.send_signal(signal.SIGINT)
        assert end_of(bot) == (130, "")
        left = (event for event in alice.events(PATIENCE) if isinstance(event, Presence) and event.change == "left")
        assert next(left).nick == "echo"


def test_ci_notifier(zchat_broker: Broker) -> None:
    """The notifier ends as its command does, tells each outcome once, and needs no broker for the former."""
    with Client(nick="alice", rooms=["builds"]) as alice:
        for code in (0, 3, 3):
            command = (sys.executable, "-c", f"raise SystemExit({code})")
            assert end_of(run_bot("ci_notifier", "builds", *command, CI_JOB_ID="42")) == (code, "")
        told = [message.text for message in alice.history()]
        assert len(told) == 2
        assert "passed (job 42)" in told[0]
        assert "FAILED with exit code 3" in told[1]
    zchat_broker.stop()
    code, errors = end_of(run_bot("ci_notifier", "builds", sys.executable, "-c", ""))
    assert code == 0
    assert errors.startswith("ci_notifier: No broker")


@pytest.mark.parametrize(("choice", "code"), [("yes", 0), ("no", 11)])
def test_on_call(zchat_broker: Broker, choice: str, code: int) -> None:
    """Who is on call is asked one after the other; the first answer is told to the room, and is the exit code."""
    with Client(nick="alice"), Client(nick="bob", rooms=["incidents"]) as bob:
        bot = run_bot("on_call", "nobody,alice,bob", "Restart db1?", "1.5")
        asked = next(event for event in bob.events(PATIENCE) if isinstance(event, Question))
        assert (asked.nick, asked.text, asked.room) == ("on-call", "Restart db1?", None)
        bob.answer(asked, choice)
        assert next(bob.messages(PATIENCE)).text == f"bob says {choice}: Restart db1?"
        ended, errors = end_of(bot)
        assert ended == code
        assert "nobody" in errors


def test_forty_lines(zchat_broker: Broker) -> None:
    """A client that was written from the protocol's page alone speaks in a room, hears it, and is heard there."""
    source = (DOCS / "examples" / "forty_lines.py").read_text(encoding="utf-8")
    code = [line for line in source.split('"""')[2].splitlines() if line.strip() and line.strip()[0] != "#"]
    assert len([line for line in code if not line.startswith(("import ", "from "))]) <= 40
    assert "zchat" not in "".join(line for line in code if line.startswith(("import ", "from ")))

    with Client(nick="alice", rooms=["Straße"]) as alice:
        alice.send("water's on", "Straße")
        bot = subprocess.run(
            [sys.executable, "-W", "error", DOCS / "examples" / "forty_lines.py", zchat_broker.link, "bare", "STRASSE"],
            input="coming\nwith \x1b[31mcups\n",
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        heard = [message.text for _, message in zip(range(2), alice.messages(PATIENCE), strict=False)]

    assert (bot.returncode, bot.stderr) == (0, "")
    assert bot.stdout.splitlines() == ['alice: "water\'s on"', "bare: 'coming'", "bare: 'with \\x1b[31mcups'"]
    assert heard == ["coming", "with \x1b[31mcups"]
