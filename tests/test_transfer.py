"""`zchat admin export` and `zchat admin import` as they are typed."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from zchat.common.errors import ExitCode

from .inside import run
from .processes import Broker

Zchat = Callable[..., subprocess.CompletedProcess[str]]


def test_a_room_moves_to_another_broker(broker: Broker, home: Path, zchat: Zchat, tmp_path: Path) -> None:
    """It is exported while its broker runs, imported into a stopped one's folder, and read there."""
    file = tmp_path / "lobby.jsonl"
    zchat("send", "--each-line", nick="alice", stdin="one\nдва 👋\nthree\n")
    made = zchat("admin", "export", "lobby", file, "--data", broker.data)
    lines = zchat("admin", "export", "lobby", "--data", broker.data).stdout.splitlines()
    running = zchat("admin", "import", file, "--data", broker.data)
    broker.process.wait_for("on this machine: lobby was exported, 3 entries, to", "lobby.jsonl")
    broker.process.wait_for("on this machine: lobby was exported, 3 entries, to standard output")
    with Broker(home, data=tmp_path / "other") as other:
        other.stop()
        moved = zchat("admin", "import", file, "--data", other.data, "--json")
        again = zchat("admin", "import", file, "--data", other.data, "-r", "lobby")
        other.start()
        read = zchat("tail", "--since", "all", "--no-follow", "--json", "-b", other.link, nick="bob").stdout
        other.process.wait_for("on this machine: 3 entries were imported into lobby from", "lobby.jsonl")
        assert not list((other.data / "deeds").iterdir()), "told once"

    assert made.stdout == f"{file}: 3 entries of lobby\n"
    assert file.read_text().splitlines() == lines
    assert file.stat().st_mode & 0o777 == 0o600
    assert running.returncode == ExitCode.OTHER
    assert "Another broker uses the folder" in running.stderr
    assert json.loads(moved.stdout) == {"room": "lobby", "added": 3, "known": 0, "other": 0}
    assert again.stdout == "lobby: 0 entries added, 3 were there already\n"
    shown = [json.loads(line) for line in read.splitlines()]
    assert [entry["text"] for entry in shown] == ["one", "два 👋", "three"]
    for entry, line in zip(shown, lines[1:], strict=True):
        assert entry.items() <= json.loads(line).items()


def test_an_export_is_said_again(broker: Broker, zchat: Zchat, tmp_path: Path) -> None:
    """In another room, by whoever runs it, whole messages in their order."""
    file = tmp_path / "lobby.jsonl"
    zchat("send", "one\nof two lines", nick="alice")
    zchat("send", "two", nick="bob")
    zchat("admin", "export", "lobby", file, "--data", broker.data)
    done = zchat("replay", file, "-r", "again", "--speed", "1000", nick="carol")
    read = zchat("tail", "-r", "again", "--since", "all", "--no-follow", "--json", nick="bob").stdout

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert [(line["from"], line["text"]) for line in map(json.loads, read.splitlines())] == [
        ("carol", "one\nof two lines"),
        ("carol", "two"),
    ]
    for options in (["--speed", "0"], ["--pause", "1e9"], ["-r", "a b"]):
        assert zchat("replay", file, *options, nick="carol").returncode == ExitCode.USAGE
    assert zchat("replay", tmp_path / "no", nick="carol").returncode == ExitCode.USAGE
    file.write_text("no export")
    assert zchat("replay", file, nick="carol").returncode == ExitCode.USAGE


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, dict[str, Path]]]:
    """The account of a broker, its folder, and an export of its lobby."""
    home = tmp_path_factory.mktemp("exported")
    with Broker(home) as broker:
        assert run(home, "send", "hello", nick="alice").returncode == 0
        assert run(home, "admin", "export", "lobby", home / "good", "--data", broker.data).returncode == 0
        yield home, {"good": home / "good", "data": broker.data}


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["export", "lobby", "{there}"], ExitCode.USAGE, "is there already"),
        (["export", "lobby", "{nowhere}/x"], ExitCode.OTHER, "cannot be written"),
        (["export", "nowhere"], ExitCode.NOT_FOUND, "There is no room"),
        (["export", "a b"], ExitCode.USAGE, "room"),
        (["export", "lobby", "--data", "{nowhere}"], ExitCode.USAGE, "There is no history"),
        (["import", "{nowhere}"], ExitCode.USAGE, "cannot be read"),
        (["import", "{there}"], ExitCode.USAGE, "Line 1 is not the first line of an export"),
        (["import", "{good}", "--data", "{nowhere}"], ExitCode.USAGE, "There is no history"),
        (["import", "{good}", "-r", "a b"], ExitCode.USAGE, "room"),
    ],
)
def test_a_mistake_is_one_line(
    exported: tuple[Path, dict[str, Path]], tmp_path: Path, arguments: list[str], code: int, words: str
) -> None:
    """It tells what is wrong, and nothing is changed."""
    home, names = exported
    there = tmp_path / "there"
    there.write_text("\x1b[31mno export\n")
    typed = [*arguments, *([] if "--data" in arguments else ["--data", "{data}"])]
    done = run(home, "admin", *(word.format(**names, there=there, nowhere=tmp_path / "no") for word in typed))

    assert done.returncode == code, done
    assert words in done.stderr
    assert done.stderr.count("\n") == 1
    assert "\x1b" not in done.stderr
    assert done.stdout == ""
    assert not (tmp_path / "no").exists()
