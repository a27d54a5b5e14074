"""What others did to a broker's folder."""

from __future__ import annotations

from pathlib import Path

from zchat.broker import deeds


def test_word_is_taken_once_and_in_order(tmp_path: Path) -> None:
    """Each deed is told once, the oldest first, with who did it; what is no deed is taken away."""
    deeds.leave(tmp_path, "one")
    deeds.leave(tmp_path, "two")
    (tmp_path / deeds.FOLDER / "3.json").write_text("no deed")
    (tmp_path / deeds.FOLDER / "4.json").write_bytes(b'{"account": "\xff"}')
    taken = deeds.take(tmp_path)

    assert sorted(deed.done for deed in taken) == ["one", "two"]
    assert [deed.time for deed in taken] == sorted(deed.time for deed in taken)
    assert all(deed.account for deed in taken)
    assert deeds.take(tmp_path) == []


def test_where_no_word_can_be_left_the_deed_is_done(tmp_path: Path) -> None:
    """A folder that cannot be written is no error, and one without word has none."""
    (tmp_path / deeds.FOLDER).write_text("in the way")
    deeds.leave(tmp_path, "one")

    assert deeds.take(tmp_path) == []
