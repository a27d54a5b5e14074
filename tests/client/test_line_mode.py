"""`zchat join` fed by a program: many lines at once, then the end of input."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

from ..processes import Broker, LineMode, run

Join = Callable[..., LineMode]
Zchat = Callable[..., subprocess.CompletedProcess[str]]


def test_what_follows_join_is_said_in_the_new_room(broker: Broker, home: Path, zchat: Zchat) -> None:
    """A line right behind `/join ROOM` goes to that room, not to the one before, though nobody waited in between."""
    done = run(home, "join", stdin="/join den\nhello den\n", nick="alice")

    assert done.returncode == 0
    assert "hello den" in zchat("tail", "-r", "den", "--no-follow", nick="alice").stdout
    assert zchat("tail", "-r", "lobby", "--no-follow", nick="alice").stdout == ""


def test_answers_are_printed_before_the_end_of_input_ends_it(broker: Broker, home: Path) -> None:
    """Who pipes in a question reads the answer, though the input ends behind it."""
    who, rooms = (run(home, "join", stdin=question, nick="alice") for question in ("/who\n", "/rooms\n"))

    assert (who.returncode, rooms.returncode) == (0, 0)
    assert "1 session" in who.stdout
    assert "1 online" in rooms.stdout


def test_a_private_message_that_was_read_is_not_shown_again(broker: Broker, zchat: Zchat, spawn_join: Join) -> None:
    """Leaving right after a private message came counts as having read it, on this screen and the next."""
    bob = spawn_join("bob")
    zchat("send", "-t", "bob", "first", nick="alice")
    bob.wait_for("alice -> bob: first")
    assert bob.quit() == 0
    zchat("send", "-t", "bob", "second", nick="alice")
    again = spawn_join("bob")
    again.wait_for("alice -> bob: second")

    assert "first" not in again.out
