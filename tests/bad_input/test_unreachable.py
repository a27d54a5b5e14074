"""No broker, or not the one that was meant: said in time, and nothing hangs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from zchat.common import limits
from zchat.common.errors import ExitCode
from zchat.common.keys import Link

from .. import processes
from ..processes import PATIENCE, Broker
from .lines import Ends, Zchat, assert_one_line


def test_a_time_runs_out_while_all_is_well(zchat: Zchat) -> None:
    """What follows for ever ends when its time is up."""
    assert_one_line(zchat("tail", "-r", "quiet", "--timeout", "0.5"), ExitCode.TIMEOUT, "0.5 s")


def test_without_a_broker_the_line_says_how_to_start_one(tmp_path: Path) -> None:
    """An account that never had a broker is told at once, by every command."""
    for command in (["who"], ["join"], ["send", "hello"], ["link"], ["key"]):
        assert_one_line(processes.run(tmp_path, *command), ExitCode.UNREACHABLE, "zchat broker", "--broker")


def test_a_changed_key_is_refused_until_it_is_forgotten(home: Path, tmp_path: Path) -> None:
    """A broker that has another key than last time is refused loudly; `key forget` accepts it."""
    account = tmp_path / "account"
    with Broker(tmp_path / "host", data=tmp_path / "one") as broker:
        assert processes.run(account, "who", "-b", broker.link).returncode == 0
        broker.stop()
        broker.data = tmp_path / "two"
        broker.start()
        place = Link.parse(broker.link).place

        assert_one_line(
            processes.run(account, "who", "-b", broker.link),
            ExitCode.NOT_ALLOWED,
            "CHANGED",
            f"zchat key forget {place}",
        )
        assert processes.run(account, "key", "forget", place).returncode == 0
        assert processes.run(account, "who", "-b", broker.link).returncode == 0
        assert processes.run(account, "who", "-b", place).returncode == 0


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nobody", ["refused", "zchat broker"]),
        ("nobody, join", ["refused", "zchat broker"]),
        ("nobody, send", ["refused", "zchat broker"]),
        ("nobody, tail", ["refused", "zchat broker"]),
        ("note", ["refused", "zchat broker"]),
        ("name", ["no-such-host.invalid", "address"]),
        ("web", ["port"]),
        ("silent", ["says nothing", "port"]),
    ],
)
def test_a_broker_that_cannot_be_reached_is_said_in_time(ends: Ends, name: str, words: list[str]) -> None:
    """When its patience is over the line tells what was found at that place; the code is 3."""
    done, seconds = ends[name].result()

    assert_one_line(done, ExitCode.UNREACHABLE, *words)
    assert limits.CONNECT_PATIENCE <= seconds < limits.CONNECT_PATIENCE + PATIENCE


@pytest.mark.parametrize("name", ["ssh", "router", "wrong key"])
def test_what_is_not_the_broker_is_said_at_once(ends: Ends, name: str) -> None:
    """Something that answers, but not as the broker that is meant, is not waited for as a silent one is."""
    done, seconds = ends[name].result()
    _, waited = ends["silent"].result()  # started with it, on a machine that is as busy

    assert_one_line(done, ExitCode.UNREACHABLE, "not as the zchat broker", "port", "link")
    assert seconds < waited - 1


def test_a_broker_that_cannot_be_reached_is_an_object_too(ends: Ends) -> None:
    """Programs are told as well, with --json."""
    done, _ = ends["nobody, json"].result()

    assert json.loads(done.stdout)["error"] == "unreachable"


@pytest.mark.parametrize("name", ["timeout", "mute, timeout"])
def test_a_time_that_runs_out_is_said(ends: Ends, name: str) -> None:
    """With --timeout it is the user who says how long; the code is 124."""
    done, seconds = ends[name].result()

    assert_one_line(done, ExitCode.TIMEOUT, "--timeout")
    assert 1 <= seconds < 1 + PATIENCE


@pytest.mark.parametrize(
    ("name", "code", "word"),
    [
        ("mute", ExitCode.UNREACHABLE, "does not answer"),
        ("mute, tail", ExitCode.UNREACHABLE, "does not answer"),
        ("mute, send", ExitCode.NOT_ACKED, "--id"),
    ],
)
def test_a_broker_that_does_nothing_is_given_up(ends: Ends, name: str, code: int, word: str) -> None:
    """A broker that hangs does not make commands hang; `send` says how to send again safely."""
    done, _ = ends[name].result()

    assert_one_line(done, code, word)
