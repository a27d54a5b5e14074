"""The chat on a real terminal: what stands where, and what keys do."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from zchat.common import messages as m

from .peer import Peer
from .processes import ZCHAT, Broker, Process
from .terminals import Terminal

Zchat = Callable[..., subprocess.CompletedProcess[str]]
Sit = Callable[..., Terminal]
ALT = "\x1b"
LEFT, RIGHT, UP, PAGE_UP = "\x1b[1;3D", "\x1b[1;3C", "\x1b[A", "\x1b[5~"
CTRL_C, CTRL_D, CTRL_R, CTRL_U, CTRL_Y, CTRL_Z = "\x03", "\x04", "\x12", "\x15", "\x19", "\x1a"


class Bob(Peer):
    """Somebody in some rooms who says what the test wants."""

    def __init__(self, link: str, *rooms: str) -> None:
        super().__init__(link)
        self.hello("bob", present=True)
        for room in rooms:
            self.send(m.Join(room=room, ref=2))
            self.receive(m.Entered)
        self._said = 0

    def say(self, text: str, **where: str) -> None:
        """Say something in a room, or to somebody."""
        self._said += 1
        self.send(m.Say(id=f"bob-{self._said}", text=text, **where))  # type: ignore[arg-type]


@pytest.fixture
def bob(broker: Broker) -> Iterator[Bob]:
    """bob is in lobby and dev."""
    with Bob(broker.link, "lobby", "dev") as bob:
        yield bob


@pytest.fixture
def sit(terminal: Sit) -> Sit:
    """`sit(nick, *options)`: somebody sits down at a terminal, and is in the lobby."""

    def sit(nick: str, *options: object, **screen: object) -> Terminal:
        seat = terminal(nick, *options, **screen)
        seat.wait_for("You joined lobby")
        seat.wait_for_prompt("lobby>")
        return seat

    return sit


def line(lines: list[str]) -> str:
    """The input line, which stands above the status line."""
    return lines[-2] if len(lines) > 1 else ""


@pytest.mark.usefixtures("broker")
def test_no_prompt_is_left_in_what_was_shown(sit: Sit) -> None:
    """However often one asks, each answer stands on a line of its own and only the last lines are the prompt."""
    alice = sit("alice")
    for number in range(1, 21):
        alice.enter("/topic")
        alice.wait_until(lambda lines, n=number: sum("has no topic" in line for line in lines) == n)
    alice.wait_until(
        lambda lines: (
            [row for row in lines if "lobby>" in row] == lines[-2:-1] == ["lobby>"]
            and [row for row in lines if "1:lobby" in row] == lines[-1:]
        )
    )

    assert sum(row.endswith(" -- lobby has no topic.") for row in alice.lines) == 20


def test_leaving_restores_the_terminal(broker: Broker, sit: Sit) -> None:
    """Ctrl-D on an empty line leaves with 0, and the prompt goes with it."""
    alice = sit("alice")
    alice.type(CTRL_D)

    assert alice.wait() == 0
    assert not any("lobby>" in row or "1:lobby" in row for row in alice.lines)
    assert "Traceback" not in broker.log


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_a_conversation_in_columns(bob: Bob, sit: Sit, columns: int) -> None:
    """Times, nicks and texts stand below each other at every width; long texts, /me and odd letters too."""
    alice = sit("alice", columns=columns, variables={"NO_COLOR": "1"} if columns == 80 else {})
    bob.say("hello " + "long words " * 9 + "end", room="lobby")
    bob.say("two\n\u0440\u044f\u0434\u0430 \u4e16\u754c \U0001f600 e\u0301", room="lobby")
    alice.enter("/me waves")
    bob.say("psst", to="alice")
    alice.wait_for("bob -> alice: psst") if columns > 60 else alice.wait_for("psst")
    alice.wait_for("alice waves")
    cells = {40: 8, 80: 12, 200: 16}[columns]
    lead = " " * (6 + cells + 2)
    rows = [row for row in alice.lines if not row.startswith(("lobby>", "1:lobby"))]

    first = next(row for row in rows if "hello" in row)
    assert re.fullmatch(rf"\d\d:\d\d {'bob'.rjust(cells)}: hello long words( long| words| end)*", first)
    assert any(re.fullmatch(rf"\d\d:\d\d {' ' * cells}[*] alice waves", row) for row in rows)
    second = next(n for n, row in enumerate(rows) if row.endswith("bob: two"))
    assert rows[second + 1].replace(" ", "") == "\u0440\u044f\u0434\u0430\u4e16\u754c\U0001f600\xe9"
    assert all(re.match(rf"\d\d:\d\d |{lead}\S", row) for row in rows)
    assert (b"38;5;" in alice.bytes) == (columns != 80)


def test_several_rooms_at_one_terminal(bob: Bob, sit: Sit, terminal: Sit) -> None:
    """Others count; Alt with a number or an arrow turns to them; each keeps its draft, which a crash does not take."""
    alice = sit("alice", "-r", "lobby", "-r", "dev")
    alice.wait_until(lambda lines: lines[-1] == "1:lobby 2 here | 2:dev")
    bob.say("for alice", room="dev")
    bob.say("and more", room="dev")
    bob.say("psst", to="alice")
    alice.wait_until(lambda lines: lines[-1] == "1:lobby 2 here | 2:dev 2 (1@) | 3:@bob 1 (1@)")
    assert b"\a" in alice.bytes
    assert not any("and more" in row for row in alice.lines)

    alice.type(f"half a line{ALT}2")
    alice.wait_until(lambda lines: lines[-2:] == ["dev>", "1:lobby | 2:dev 2 here | 3:@bob 1 (1@)"])
    heading = alice.lines.index("── dev ──")
    assert [row[6:].strip() for row in alice.lines[heading + 1 : heading + 3]] == ["bob: for alice", "bob: and more"]
    alice.type(f"another{LEFT}")
    alice.wait_until(lambda lines: line(lines) == "lobby> half a line")
    alice.type(LEFT)
    alice.wait_until(lambda lines: line(lines) == "-> bob>")
    alice.enter("secret")
    alice.wait_for("alice: secret")
    alice.type(f"{RIGHT}{RIGHT}")
    alice.wait_until(lambda lines: line(lines) == "dev> another")

    typed = "".join(path.read_text() for path in (alice.home / "state" / "typed").rglob("alice.*"))
    assert "another" in typed
    assert "secret" not in typed
    alice.send_signal(9)
    alice.wait()
    again = terminal("alice", "-r", "lobby", "-r", "dev")
    again.wait_until(lambda lines: line(lines) == "lobby> half a line")
    again.type(f"{ALT}2")
    again.wait_until(lambda lines: line(lines) == "dev> another")


def test_keys_at_the_input_line(bob: Bob, sit: Sit) -> None:
    """Tab, hints, the editor, lines typed before, more than one line, pastes: what is sent is one message each."""
    alice = sit("alice", variables={"EDITOR": "sed -i s/draft/edited/"})
    alice.type("bo\t")
    alice.wait_until(lambda lines: line(lines) == "lobby> bob:")
    alice.type("hi\x1b\rsecond")
    alice.wait_until(lambda lines: lines[-3:-1] == ["lobby> bob: hi", "       second"])
    alice.enter()
    alice.wait_for("alice: bob: hi")
    alice.wait_for_prompt("lobby>")

    alice.type("/un")
    alice.wait_until(lambda lines: lines[-2] == "/unignore /unban /unmute" or "/unban" in lines[-2])
    alice.type(f"{CTRL_U}/topic")
    alice.wait_until(lambda lines: lines[-2].startswith("/topic [TEXT]: "))
    alice.type(f"{CTRL_U}{UP}")
    alice.wait_until(lambda lines: lines[-3:-1] == ["lobby> bob: hi", "       second"])
    alice.type(CTRL_U)
    alice.wait_for_prompt("lobby>")
    alice.type(CTRL_Y)
    alice.wait_until(lambda lines: lines[-3:-1] == ["lobby> bob: hi", "       second"])
    alice.type(CTRL_U)
    alice.wait_for_prompt("lobby>")

    alice.enter("/edit my draft")
    alice.wait_until(lambda lines: line(lines) == "lobby> my edited")
    alice.enter()
    alice.wait_for("alice: my edited")
    alice.type(f"{CTRL_R}hi")
    alice.wait_for("lobby> bob: hi")
    alice.type(f"\r{CTRL_U}\x7f{CTRL_U}\x1b>{CTRL_U}\x7f{CTRL_U}")
    alice.wait_for_prompt("lobby>")

    alice.paste("one\r\ntwo\r\n")
    alice.wait_until(lambda lines: lines[-3:-1] == ["lobby> one", "       two"])
    alice.enter()
    alice.wait_for("alice: one")
    alice.wait_for_prompt("lobby>")
    alice.paste("".join(f"row {number}\n" for number in range(30)))
    alice.wait_for("… 30 lines are pasted. Enter takes them, Esc drops them.")
    alice.type("x\x1b")
    alice.wait_for_prompt("lobby>")
    alice.paste("".join(f"row {number}\n" for number in range(30)))
    alice.wait_for("30 lines are pasted")
    alice.enter()
    alice.wait_for("       row 29")
    alice.enter()
    alice.wait_for("alice: row 0")

    texts: list[str] = []
    bob.say("end", room="lobby")
    alice.wait_for("bob: end")
    bob.send(m.Replay(room="lobby", after=0, ref=9))
    texts = [entry.text for entry in bob.receive(m.Page).entries]
    rows = "\n".join(f"row {number}" for number in range(30))
    assert texts == ["bob: hi\nsecond", "my edited", "one\ntwo", rows, "end"]


def test_what_waits_and_what_is_refused(broker: Broker, sit: Sit) -> None:
    """Without a broker it stands above the input line; refused it stays there until it is sent again or dropped."""
    alice = sit("alice")
    broker.kill()
    alice.wait_until(lambda lines: re.search(r"^no broker \(.* since \d\d:\d\d \| 1:lobby", lines[-1]) is not None)
    alice.enter("are you there?")
    alice.wait_until(lambda lines: lines[-3:-1] == ["… are you there?", "lobby>"])
    broker.start()
    alice.wait_for("alice: are you there?")
    alice.wait_until(lambda lines: lines[-1].startswith("1:lobby") and not any("…" in row for row in lines))

    alice.enter("/msg nobody hello")
    alice.wait_until(lambda lines: any(row.startswith("✗ hello (") for row in lines))
    alice.type(f"{ALT}r")
    alice.wait_until(lambda lines: sum("There is no user nobody" in row for row in lines) == 3)
    alice.type(f"{ALT}x")
    alice.wait_for("1 message dropped")
    alice.wait_until(lambda lines: not any(row.startswith("✗") for row in lines))


def test_older_messages_come_by_pages(zchat: Zchat, broker: Broker, sit: Sit) -> None:
    """PageUp shows what is before the oldest that was shown, between headings."""
    zchat("send", "--each-line", stdin="".join(f"number {n}\n" for n in range(50)), nick="bob")
    alice = sit("alice", "--since", "5", rows=80)
    alice.wait_for("bob: number 49")
    assert not any("number 44" in row for row in alice.lines)
    for oldest in (25, 5):
        alice.type(PAGE_UP)
        alice.wait_until(lambda lines, n=oldest: any(row.endswith(f"bob: number {n}") for row in lines))
        alice.wait_for_prompt("lobby>")

    assert [row for row in alice.lines if row.startswith("──")] == [
        "── earlier in lobby ──",
        "── now ──",
    ] * 2


@pytest.mark.usefixtures("broker")
def test_to_the_shell_and_back(home: Path) -> None:
    """Ctrl-Z gives the terminal back as it was; with `fg` the line goes on where it was."""
    with Terminal(home, "--norc", "-i", program="bash", variables={"PS1": "$ "}) as shell:
        shell.enter(f"'{ZCHAT}' join -u alice")
        shell.wait_until(lambda lines: line(lines) == "lobby>")
        shell.type(f"half a line{CTRL_Z}")
        shell.wait_for("Stopped")
        shell.enter("echo $((40 + 2))")
        shell.wait_until(lambda lines: "42" in lines and not any("half" in row for row in lines))
        shell.enter("fg")
        shell.wait_until(lambda lines: line(lines) == "lobby> half a line")
        shell.type(CTRL_C)
        shell.wait_until(lambda lines: lines[-1] == "$")
        shell.enter("echo code $?")
        shell.wait_for("code 130")


@pytest.mark.usefixtures("broker")
def test_the_screen_follows_its_size(sit: Sit) -> None:
    """Narrower and wider, nothing of the input or status line is left behind, and what comes fits."""
    alice = sit("alice", columns=200)
    for columns in (40, 250, 80):
        alice.resize(columns)
        alice.enter("some words " * 6)
        # One look at all of it: the rows of one redrawing may come one after the other.
        alice.wait_until(
            lambda lines: (
                any("some words" in row for row in lines)
                and [row for row in lines if row.startswith("lobby>")] == [line(lines)] == ["lobby>"]
                and [row for row in lines if "1:lobby" in row] == lines[-1:]
            )
        )


@pytest.mark.usefixtures("broker")
def test_the_input_stays_whole_during_a_burst(home: Path, sit: Sit) -> None:
    """What is typed while a thousand messages come is neither lost nor mixed with them, and all of them are shown."""
    alice = sit("alice")
    text = "the quick brown fox jumps over the lazy dog"
    with Process(home, "send", "--each-line", nick="bob") as sender:
        sender.feed(b"".join(b"burst %d\n" % number for number in range(1_000)))
        sender.end_input()
        alice.wait_for("burst")
        for letter in text:
            alice.type(letter)
        assert sender.wait() == 0
    alice.wait_for("burst 999")
    alice.wait_until(lambda lines: line(lines) == f"lobby> {text}")

    shown = re.findall(rb"burst (\d+)", alice.bytes)
    assert [int(number) for number in shown] == list(range(1_000))


def test_a_dumb_terminal_gets_plain_lines(broker: Broker, terminal: Sit) -> None:
    """And what is typed there is a line of its own."""
    alice = terminal("alice", variables={"TERM": "dumb"})
    alice.wait_for("-- You joined lobby")
    alice.enter("hello")
    alice.wait_until(lambda lines: any(re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d alice: hello", row) for row in lines))

    assert b"\x1b" not in alice.bytes


def test_a_private_message_is_announced_on_the_desktop(bob: Bob, sit: Sit, tmp_path: Path) -> None:
    """By the program that is there for it, which gets the text as it is, but for what could do something."""
    pipe, program = tmp_path / "pipe", tmp_path / "notify-send"
    os.mkfifo(pipe)
    program.write_text(f'#!/bin/sh\nprintf "%s|" "$@" >{pipe}\n')
    program.chmod(0o700)
    alice = sit("alice", variables={"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}", "DISPLAY": ":0"})
    bob.say("$(id); \x1b]0;x\x07 `id`", to="alice")
    alice.wait_for("bob -> alice:")
    with open(pipe, encoding="utf-8") as notes:
        told = notes.read()

    assert told == "--app-name=zchat|--|bob|$(id); \u241b]0;x\u2407 `id`|"
    assert b"\x1b]0;x" not in alice.bytes
