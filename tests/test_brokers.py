"""Two brokers over one database, as people meet them: real processes, and a real server."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

import psycopg
import zmq

from zchat.common import limits
from zchat.common.errors import ExitCode

from . import processes
from .inside import run
from .peer import ENDED, IN, OUT, Peer, fate_of
from .processes import PATIENCE, Broker, LineMode


def test_two_brokers_are_one_chat(tmp_path: Path, database: str) -> None:
    """People at both see each other, read the same in the same order, and go on when the other broker was killed."""
    here, there = tmp_path / "here", tmp_path / "there"
    with (
        Broker(here, "--history", database) as one,
        one.beside(there, "--history", database),
        LineMode(here, "alice") as alice,
        LineMode(there, "bob") as bob,
    ):
        alice.wait_for("bob joined")
        alice.type("hello bob", "/msg bob between us")
        bob.wait_for("alice: hello bob")
        bob.wait_for("between us")
        bob.type("/msg alice I see", "hello alice")
        alice.wait_for("I see")
        alice.wait_for("bob: hello alice")
        who = run(there, "who", nick="carol").stdout
        taken = run(here, "send", "I am", nick="bob")
        one.kill()
        bob.type("are you there?")
        bob.wait_for("bob: are you there?")
        one.start()
        alice.wait_for("bob: are you there?")
        noise = [line for line in bob.lines if "alice left" in line or "alice joined" in line]

    assert [line.split()[0] for line in who.splitlines()] == ["alice", "bob"]
    assert "belongs to somebody else" in taken.stderr
    assert noise == []


def test_brokers_of_one_chat_have_one_key(tmp_path: Path, database: str) -> None:
    """Who starts with keys of its own over the history of others says at once what to copy, and changes nothing."""
    options = ("broker", "--port", 0, "--history", database)
    with Broker(tmp_path / "one", "--history", database) as one:
        stranger = processes.run(tmp_path / "two", *options)
        (tmp_path / "two" / "data" / "broker" / "broker.key").write_bytes((one.data / "broker.key").read_bytes())
        half = processes.run(tmp_path / "two", *options)
        assert run(tmp_path / "one", "send", "hello", nick="alice").returncode == 0
        one.stop()
        one.start()
    with psycopg.connect(database, autocommit=True) as db:  # as docs/operating.md tells who has new keys
        db.execute("DELETE FROM zchat.state WHERE kind = 'keys'")
    with Broker(tmp_path / "new", "--history", database):
        assert "hello" in run(tmp_path / "new", "tail", "--no-follow", nick="bob").stdout

    for done, whose in ((stranger, "another broker's key"), (half, "another operator")):
        assert (done.returncode, done.stdout) == (ExitCode.USAGE, "")
        assert f"zchat: The chat in this database has {whose}" in done.stderr
        assert f"Copy broker.key and operator.key from the folder of one of its brokers into {tmp_path}" in done.stderr
        assert "Traceback" not in done.stderr


def test_the_account_is_at_home_at_each_of_its_brokers(tmp_path: Path, database: str) -> None:
    """The invitation that one broker keeps for its account lets in at the others, and their operator is one."""
    here, there, options = tmp_path / "here", tmp_path / "there", ("--history", database, "--access", "invite")
    with Broker(here, *options) as one, one.beside(there, *options) as other:
        at_the_other = ("-b", other.link)
        refused = run(tmp_path / "elsewhere", "send", *at_the_other, "hello", nick="eve")
        let_in = run(here, "send", *at_the_other, "hello", nick="alice")
        invitation = run(here, "link", "--invite").stdout.split()[-1]
        invited = run(
            tmp_path / "away", "send", "-b", invitation.replace(str(one.port), str(other.port)), "hi", nick="bob"
        )
        banned = run(here, "admin", "ban", "bob", *at_the_other)
        listed = run(there, "admin", "list")

    assert refused.returncode == ExitCode.NOT_ALLOWED
    assert (let_in.returncode, let_in.stderr) == (0, "")
    assert (invited.returncode, invited.stderr) == (0, "")
    assert (banned.returncode, banned.stderr) == (0, "")
    assert "bob" in listed.stdout


def test_who_floods_one_broker_is_shut_out_at_the_other(tmp_path: Path, database: str) -> None:
    """Where they have sent nothing that they should not: the connection there ends, and no new one is let in."""
    garbage = b"\0" * (limits.ROUTER_FRAME_BYTES - 1_024)
    with (
        Broker(tmp_path / "here", "--history", database) as one,
        one.beside(tmp_path / "there", "--history", database) as other,
        Peer(one.link) as flooding,
        Peer(other.link, key=flooding.key) as quiet,
    ):
        flooding.hello("mallory")
        quiet.hello("mallory")
        assert fate_of(quiet.fate) == IN
        deadline = time.monotonic() + PATIENCE
        while not quiet.fate.poll(0):
            assert time.monotonic() < deadline, "a flood goes on and on"
            with contextlib.suppress(zmq.Again):
                flooding.socket.send(garbage, zmq.NOBLOCK)
        assert fate_of(quiet.fate) == ENDED
        with Peer(other.link, key=flooding.key) as again:
            assert fate_of(again.fate) == OUT
        assert run(tmp_path / "there", "send", "all is well", nick="alice").returncode == 0

    assert "floods another broker, and is shut out for 30 s" in other.log
