"""What others did to a broker's folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from zchat.broker import deeds


def test_word_is_taken_once_and_in_order(tmp_path: Path) -> None:
    """Each deed is told once, the oldest first, with who did it; what is no deed is taken away."""
    deeds.leave(tmp_path, "one")
    deeds.leave(tmp_path, "two")
    (tmp_path / deeds.FOLDER / "3.json").write_text("no deed")
    (tmp_path / deeds.FOLDER / "4.json").write_bytes(b'{"account": "\xff"}')
    left = deeds.Deeds(tmp_path)
    taken = left.take()

    assert sorted(deed.done for deed in taken) == ["one", "two"]
    assert [deed.time for deed in taken] == sorted(deed.time for deed in taken)
    assert all(deed.account for deed in taken)
    assert left.take() == []


def test_where_no_word_can_be_left_the_deed_is_done(tmp_path: Path) -> None:
    """A folder that cannot be written is no error, and one without word has none."""
    (tmp_path / deeds.FOLDER).write_text("in the way")
    deeds.leave(tmp_path, "one")

    assert deeds.Deeds(tmp_path).take() == []


def test_what_cannot_be_taken_holds_up_nothing_else(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A folder that lies among the deeds is told once, and the deeds after it are taken."""
    folder = tmp_path / deeds.FOLDER / "0.json"
    folder.mkdir(parents=True)
    left = deeds.Deeds(tmp_path)
    deeds.leave(tmp_path, "one")
    taken = left.take()
    deeds.leave(tmp_path, "two")
    taken += left.take()

    assert [deed.done for deed in taken] == ["one", "two"]
    assert [str(folder) in line for line in caplog.messages] == [True]
