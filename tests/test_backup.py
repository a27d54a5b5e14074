"""Backup while the broker runs, and a restore that is seen to work."""

from __future__ import annotations

import re
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from zchat.common.errors import ExitCode

from .processes import Broker, Process, run_shell

Zchat = Callable[..., subprocess.CompletedProcess[str]]


def texts(zchat: Zchat, room: str = "lobby") -> list[str]:
    """What stands in a room."""
    done = zchat("tail", "-r", room, "--since", "all", "--no-follow", nick="reader")
    return [line.partition(": ")[2] for line in done.stdout.splitlines()]


def test_a_backup_is_restored(home: Path, broker: Broker, zchat: Zchat, tmp_path: Path) -> None:
    """What was said up to the backup is there again, with nicks and rights; what came later is kept beside it."""
    file = tmp_path / "copy.sqlite"
    assert zchat("send", "before", nick="alice").returncode == 0
    assert zchat("admin", "ban", "alice").returncode == 0
    made = zchat("admin", "backup", "--data", broker.data, file)
    assert zchat("send", "after", nick="bob").returncode == 0
    refused = zchat("admin", "restore", "--data", broker.data, file)
    broker.stop()
    restored = zchat("admin", "restore", "--data", broker.data, file)
    broker.start()

    broker.process.wait_for("on this machine: the history was replaced by", "copy.sqlite")
    assert "on this machine: the history was copied to" in broker.log
    assert made.returncode == 0
    assert file.stat().st_mode & 0o777 == 0o600
    assert refused.returncode == ExitCode.OTHER
    assert "Another broker uses the folder" in refused.stderr
    assert restored.returncode == 0
    assert texts(zchat) == ["before"]
    assert zchat("send", "again", nick="alice").returncode == ExitCode.NOT_ALLOWED
    assert zchat("send", "after once more", nick="bob").returncode == 0
    (former,) = broker.data.glob("history.before-restore-*.sqlite")
    with sqlite3.connect(former) as db:
        assert ("after",) in db.execute("SELECT text FROM entry").fetchall()
    db.close()


def test_a_reader_notices_that_the_history_is_another_one(
    broker: Broker, zchat: Zchat, spawn_join: Callable[..., object], tmp_path: Path
) -> None:
    """Who is in the chat while the broker is stopped, restored and started is told, and shown what there is now."""
    file = tmp_path / "copy.sqlite"
    zchat("send", "before", nick="bob")
    zchat("admin", "backup", "--data", broker.data, file)
    alice = spawn_join("alice")
    zchat("send", "after", nick="bob")
    alice.wait_for("after")  # type: ignore[attr-defined]
    broker.stop()
    zchat("admin", "restore", "--data", broker.data, file)
    broker.start()
    zchat("send", "and on", nick="bob")

    alice.wait_for("history of lobby was replaced")  # type: ignore[attr-defined]
    alice.wait_for("and on")  # type: ignore[attr-defined]


def test_the_drill(home: Path, broker: Broker, tmp_path: Path) -> None:
    """Every command of the drill in docs/operating.md works, and shows what the page says."""
    page = (Path(__file__).parents[1] / "docs" / "operating.md").read_text(encoding="utf-8")
    (script,) = re.findall(r"```sh\n(.*?)```", page.partition("a drill\n")[2].partition("\n## ")[0], re.S)
    done = run_shell(
        home,
        f"{script}wait $! || true",
        shell=("sh", "-euxc"),
        timeout=30,
        DATA=str(broker.data),
        TMPDIR=str(tmp_path),
    )

    assert done.returncode == 0, done.stderr
    assert "before the backup" in done.stdout
    assert "after the backup" not in done.stdout
    assert "Nothing is in force." in done.stderr
    assert broker.process.err.count("Traceback") == 0


def test_many_messages_do_not_spoil_a_backup(home: Path, broker: Broker, zchat: Zchat, tmp_path: Path) -> None:
    """A backup made while messages pour in is whole, and holds all that was acked before it began."""
    first = "\n".join(f"first {number}" for number in range(2_000))
    assert zchat("send", "--each-line", stdin=first, nick="alice").returncode == 0
    file = tmp_path / "copy.sqlite"
    with Process(home, "send", "--each-line", "--json", nick="bob") as pouring:
        pouring.feed("".join(f"then {number}\n" for number in range(20_000)).encode())
        pouring.wait_for("then 0")
        made = zchat("admin", "backup", "--data", broker.data, file, "--json")
        pouring.end_input()
        assert pouring.wait() == 0

    assert made.returncode == 0
    with sqlite3.connect(file) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert db.execute("SELECT count(*) FROM entry WHERE text LIKE 'first %'").fetchone() == (2_000,)
    db.close()
    assert len(texts(zchat)) == 22_000


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of a running broker."""
    with Broker(tmp_path_factory.mktemp("home")) as broker:
        yield broker.data


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["backup", "--data", "{data}", "{there}"], ExitCode.USAGE, "is there already"),
        (["backup", "--data", "{nowhere}", "{new}"], ExitCode.USAGE, "There is no history"),
        (["backup", "--data", "{data}", "{nowhere}/x"], ExitCode.OTHER, "cannot be written"),
        (["restore", "--data", "{new}", "{nowhere}"], ExitCode.USAGE, "There is no file"),
        (["restore", "--data", "{new}", "{there}"], ExitCode.OTHER, "no whole history"),
        (["restore", "--data", "{new}", "{foreign}"], ExitCode.OTHER, "no history of zchat"),
    ],
)
def test_what_cannot_be_copied_is_said(
    data: Path, zchat: Zchat, tmp_path: Path, arguments: list[str], code: int, words: str
) -> None:
    """One line tells what is wrong, and nothing is changed."""
    there, foreign = tmp_path / "there", tmp_path / "foreign"
    there.write_text("no database" * 1_000)
    with sqlite3.connect(foreign) as db:
        db.execute("CREATE TABLE other (x)")
    db.close()
    names = {
        "data": data,
        "there": there,
        "foreign": foreign,
        "new": tmp_path / "new",
        "nowhere": tmp_path / "no",
    }
    done = zchat("admin", *(argument.format(**names) for argument in arguments))

    assert done.returncode == code
    assert words in done.stderr
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr
    assert there.read_text().startswith("no database")
