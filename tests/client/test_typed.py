"""What was typed is there the next time."""

from __future__ import annotations

from pathlib import Path

import pytest

from zchat.client.typed import KEPT_LINES, IgnoredFile, TypedFiles


@pytest.fixture(autouse=True)
def folder(fresh_account: Path) -> Path:
    """Where it is kept, in a fresh account."""
    return fresh_account / "state" / "typed" / "BROKER"


def files(nick: str = "Alice") -> TypedFiles:
    """The files as the next terminal finds them."""
    return TypedFiles("BROKER", nick)


def test_drafts_are_kept_until_they_are_sent(folder: Path) -> None:
    """For their owner alone; the draft of another terminal stays; with the last one the file goes."""
    one, other = files(), files()
    one.save_drafts({"lobby": "half", "dev": ""})
    other.save_drafts({"@bob": "psst"})
    assert files().drafts == {"lobby": "half", "@bob": "psst"}
    assert [path.name for path in folder.iterdir()] == ["alice.drafts"]
    assert (folder / "alice.drafts").stat().st_mode & 0o777 == 0o600
    one.save_drafts({"lobby": ""})
    other.save_drafts({"@bob": ""})

    assert files().drafts == {}
    assert list(folder.iterdir()) == []


def test_lines_are_kept_by_place_but_for_private_ones(folder: Path) -> None:
    """What is said to somebody alone is not, in whatever way it is typed."""
    typed = files()
    for place, line in [("lobby", "one"), ("lobby", "two\nrows"), ("dev", "three"), ("@bob", "psst")]:
        typed.add_line(place, line)
    for line in ("/msg bob psst", "/W bob psst", "/tell bob psst", "/r psst", "/reply psst"):
        typed.add_line("lobby", line)

    assert files().lines() == {"lobby": ["one", "two\nrows"], "dev": ["three"]}
    assert (folder / "alice.lines").stat().st_mode & 0o777 == 0o600
    assert files("bob").lines() == {}


def test_lines_are_not_kept_without_end(folder: Path) -> None:
    """The oldest go."""
    typed = files()
    typed.add_line("lobby", "x")
    (folder / "alice.lines").write_bytes(b'["lobby","x"]\nbroken\n[1]\n' * (2 * KEPT_LINES + 1))

    assert files().lines() == {"lobby": ["x"] * KEPT_LINES}
    assert len((folder / "alice.lines").read_bytes().splitlines()) == KEPT_LINES


def test_whom_one_ignores_is_kept_for_each_broker() -> None:
    """And a broken file is none."""
    IgnoredFile("ONE").save({"key": "bob"})

    assert IgnoredFile("ONE").load() == {"key": "bob"}
    assert IgnoredFile("OTHER").load() == {}


@pytest.mark.parametrize("content", [b"", b"\xff", b"[]", b'{"lobby": 1}', b'["lobby", "\xff"]'])
def test_broken_files_are_done_without(folder: Path, content: bytes) -> None:
    """A terminal opens whatever they hold."""
    folder.mkdir(parents=True)
    for name in ("alice.drafts", "alice.lines"):
        (folder / name).write_bytes(content)

    assert files().drafts == {}
    assert files().lines() == {}
