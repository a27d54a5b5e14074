"""A broker with its history in PostgreSQL, as people and operators meet it: real processes, and a real server."""

from __future__ import annotations

import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from zchat.common import messages as m
from zchat.common.errors import ExitCode

from .inside import run
from .peer import Peer
from .postgres import Postgres
from .processes import Broker, LineMode, run_shell

Zchat = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def broker(home: Path, database: str) -> Iterator[Broker]:
    """A broker over the tests' own server."""
    with Broker(home, "--history", database) as broker:
        yield broker


def said(output: str) -> list[str]:
    """Nicks and texts of plain lines."""
    return [line.split(" ", 2)[2] for line in output.splitlines()]


def test_a_chat_over_a_database(
    broker: Broker, postgres: Postgres, zchat: Zchat, spawn_join: Callable[..., LineMode]
) -> None:
    """What is said is found and read after the broker was killed, and goes on when the database was away."""
    assert zchat("send", "hello world", nick="alice").returncode == 0
    assert zchat("send", "-t", "alice", "between us", nick="bob").returncode == 0
    broker.kill()
    broker.start()
    assert said(zchat("tail", "--no-follow", nick="bob").stdout) == ["alice: hello world"]
    assert "between us" in zchat("search", "between", nick="alice").stdout
    assert zchat("search", "between", nick="carol").stdout == ""
    bob = spawn_join("bob")
    postgres.stop(signal.SIGQUIT)
    try:
        refused = zchat("send", "--id", "once", "in between", nick="alice")
        broker.process.wait_for("The history cannot be written")
    finally:
        postgres.start()
    bob.type("from bob")
    bob.wait_for("bob: from bob")
    assert zchat("send", "--id", "once", "in between", nick="alice").returncode == 0
    bob.wait_for("alice: in between")

    assert refused.returncode in (ExitCode.NOT_ACKED, ExitCode.TIMEOUT)
    assert "The history cannot be" in refused.stderr
    assert said(zchat("tail", "--since", "all", "--no-follow", nick="bob").stdout) == [
        "alice: hello world",
        "bob: from bob",
        "alice: in between",
    ]
    assert not (broker.data / "history.sqlite").exists()


def test_the_log_names_the_database_without_its_password(home: Path, database: str) -> None:
    """So one sees what a broker serves, and the log may be shown."""
    with Broker(home, "--history", database.replace("zchat@", "zchat:secret@")) as broker:
        broker.process.wait_for(f", history {database.replace('zchat@', 'zchat:***@')}")

    assert "secret" not in broker.log


def test_a_silent_database_does_not_silence_the_broker(broker: Broker, postgres: Postgres) -> None:
    """Who asks whether it lives is told so meanwhile, and what was said before and after is stored, in its order."""
    with Peer(broker.link) as alice:
        alice.hello("alice")
        alice.send(m.Join(room="lobby"))
        alice.receive(m.Entered)
        with postgres.silent():
            alice.send(m.Say(id="1", room="lobby", text="before"))
            alice.send(m.Join(room="other", ref=3))
            for ref in range(10, 13):
                alice.send(m.Ping(ref=ref))
                assert alice.receive(m.Pong).ref == ref
            alice.send(m.Say(id="2", room="other", text="after"))
            alice.send(m.Ping(ref=13))
            assert alice.receive(m.Pong).ref == 13
            assert not any(isinstance(event, m.Acked | m.Refused) for event in alice.heard)
        acked = [ack.id for _ in range(2) for ack in alice.receive(m.Acked).acks]

    assert acked == ["1", "2"]


def test_a_broker_moves_to_a_database(home: Path, tmp_path: Path, database: str, zchat: Zchat) -> None:
    """With everything that was said, its keys and its link; a second time nothing is touched."""
    file = tmp_path / "backup.sqlite"
    with Broker(home) as before:
        assert zchat("send", "in the file", nick="alice").returncode == 0
        before.stop()
        folder = ("--data", before.data)
        assert zchat("admin", "backup", *folder, file).returncode == 0
        nowhere = zchat("admin", "restore", *folder, "--history", "mysql://x/y", file)
        away = zchat("admin", "restore", *folder, "--history", "postgresql://me:secret@127.0.0.1:1/x", file)
        moved = zchat("admin", "restore", *folder, "--history", database, file)
        again = zchat("admin", "restore", *folder, "--history", database, file)
    with Broker(home, "--history", database) as after:
        assert zchat("send", "in the database", nick="alice").returncode == 0
        told = said(zchat("tail", "--since", "all", "--no-follow", nick="bob").stdout)

    assert told == ["alice: in the file", "alice: in the database"]
    assert after.link.rpartition("/")[2] == before.link.rpartition("/")[2]
    assert (moved.returncode, moved.stderr) == (0, "")
    assert "1 entries. Start the broker with that --history." in moved.stdout
    assert [done.returncode for done in (nowhere, away, again)] == [ExitCode.USAGE, ExitCode.OTHER, ExitCode.USAGE]
    assert "--history takes postgresql://" in nowhere.stderr
    assert "cannot be used" in away.stderr
    assert "has a history already. Name an empty one." in again.stderr
    for done in (nowhere, away, again):
        assert len(done.stderr.splitlines()) == 1
        assert "secret" not in done.stderr


def test_the_drill(home: Path, broker: Broker, postgres: Postgres, tmp_path: Path) -> None:
    """Every command of the drill in docs/operating.md works, and shows what the page says."""
    page = (Path(__file__).parents[1] / "docs" / "operating.md").read_text(encoding="utf-8")
    (script,) = re.findall(r"```sh\n(.*?)```", page.partition("database: a drill\n")[2].partition("\n## ")[0], re.S)
    with psycopg.connect(postgres.url(), autocommit=True) as db:
        db.execute("CREATE DATABASE drill")
    urls = {"URL": postgres.url(), "DRILL": postgres.url("drill")}
    done = run_shell(
        home,
        f"{script}wait $! || true",
        shell=("sh", "-euxc"),
        places=[postgres.programs],
        timeout=30,
        DATA=str(broker.data),
        TMPDIR=str(tmp_path),
        **urls,
    )

    assert done.returncode == 0, done.stderr
    assert "before the backup" in done.stdout
    assert "after the backup" not in done.stdout
    assert "Nothing is in force." in done.stderr
    with psycopg.connect(postgres.url("drill")) as copy, psycopg.connect(postgres.url()) as db:
        ids = [one.execute("SELECT value FROM zchat.about WHERE name = 'history'").fetchone() for one in (copy, db)]
    assert ids[0] != ids[1]


@pytest.mark.parametrize(
    "command", [["backup", "x"], ["restore", "{file}"], ["export", "lobby", "x"], ["import", "{file}"]]
)
def test_what_works_on_a_file_says_what_does_it_for_a_database(tmp_path: Path, command: list[str]) -> None:
    """Copying and moving a database is the work of its own tools; nothing is read or written instead."""
    file = tmp_path / "file"
    file.touch()
    config = tmp_path / "config" / "config.toml"
    config.parent.mkdir()
    config.write_text('[broker]\nhistory = "postgresql://me:secret@host/chat"\n')
    done = run(tmp_path, "admin", *[word.format(file=file) for word in command])

    assert (done.returncode, done.stdout) == (ExitCode.USAGE, "")
    assert "pg_dump" in done.stderr
    assert "secret" not in done.stderr
    assert not (tmp_path / "data").exists()
