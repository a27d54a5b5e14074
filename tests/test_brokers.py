"""Two brokers over one database, as people meet them: real processes, and a real server."""

from __future__ import annotations

from pathlib import Path

from .processes import Broker, LineMode, run


def test_two_brokers_are_one_chat(tmp_path: Path, database: str) -> None:
    """People at both see each other, read the same in the same order, and go on when the other broker was killed."""
    here, there = tmp_path / "here", tmp_path / "there"
    with (
        Broker(here, "--history", database) as one,
        Broker(there, "--history", database),
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
