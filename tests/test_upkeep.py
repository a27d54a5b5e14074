"""`zchat admin forget` and `zchat admin vacuum` on a running broker."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable

from zchat.common.errors import ExitCode

from .processes import Broker

Zchat = Callable[..., subprocess.CompletedProcess[str]]


def test_somebody_is_forgotten(broker: Broker, zchat: Zchat) -> None:
    """What they said is shown to nobody and found by nobody, and does not stand in the broker's files."""
    zchat("send", "--each-line", nick="alice", stdin="her zanzibar\nanother zanzibar\n")
    zchat("send", "-t", "alice", "from bob", nick="bob")
    zchat("send", "-t", "bob", "private zanzibar", nick="alice")
    zchat("send", "from bob", nick="bob")
    assert "zanzibar" in zchat("search", "zanzibar", nick="bob").stdout
    done = zchat("admin", "forget", "alice")
    read = zchat("tail", "--since", "all", "--no-follow", nick="carol").stdout
    found = zchat("search", "zanzibar", nick="bob")
    left = b"".join(file.read_bytes() for file in broker.data.glob("history.sqlite*"))

    assert done.returncode == 0, done
    assert "erased from 3 entries" in done.stdout
    assert "backups" in done.stdout
    assert read.count("(deleted)") == 2
    assert "from bob" in read
    assert "alice" not in read
    assert found.stdout == ""
    assert b"zanzibar" not in left
    assert "are erased: 3 entries" in broker.log
    assert zchat("send", "-t", "alice", "hello", nick="bob").returncode == ExitCode.NOT_FOUND


def test_room_is_given_back(broker: Broker, zchat: Zchat) -> None:
    """The command ends when it is done, and tells how much it was, also to a program."""
    done = zchat("admin", "vacuum", "--json")

    assert done.returncode == 0, done
    assert "given back" in json.loads(done.stdout)["done"]
    assert "were given back" in broker.log
    assert "operator: What is free of the history's file is given back" in broker.log
    assert zchat("admin", "vacuum", "-u", "alice").returncode == ExitCode.NOT_ALLOWED
    assert zchat("admin", "forget", "nobody").returncode == ExitCode.NOT_FOUND
