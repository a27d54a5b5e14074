"""The input line on a real terminal."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from .processes import Broker, Terminal


@pytest.mark.usefixtures("broker")
def test_no_prompt_is_left_in_what_was_shown(terminal: Callable[..., Terminal]) -> None:
    """However often one asks, each answer stands on a line of its own and only the last line is the prompt."""
    alice = terminal("alice")
    alice.wait_for("You joined")
    for number in range(1, 21):
        alice.enter("/topic")
        alice.wait_until(lambda lines, n=number: sum("has no topic" in line for line in lines) == n)
    alice.wait_until(lambda lines: lines[-1].startswith("lobby>"))

    assert [line for line in alice.lines if "lobby>" in line] == [alice.lines[-1]]
    assert sum(line == "-- lobby has no topic." for line in alice.lines) == 20


def test_leaving_restores_the_terminal(broker: Broker, terminal: Callable[..., Terminal]) -> None:
    """Ctrl-D on an empty line leaves with 0, and the prompt goes with it."""
    alice = terminal("alice")
    alice.wait_for("You joined")
    alice.wait_until(lambda lines: lines[-1].startswith("lobby>"))
    alice.type("\x04")

    assert alice.wait() == 0
    assert not any("lobby>" in line for line in alice.lines)
    assert "Traceback" not in broker.log
