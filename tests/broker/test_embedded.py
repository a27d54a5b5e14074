"""A broker inside another program."""

from __future__ import annotations

import resource
import threading
from pathlib import Path

import pytest

from zchat.broker import Broker
from zchat.common.errors import ZchatError
from zchat.common.keys import Link

pytestmark = pytest.mark.usefixtures("fresh_account")


def test_it_takes_only_what_it_is_given(home: Path, tmp_path: Path) -> None:
    """Without being told to, it leaves nothing in the account, raises no limit, and removes its temporary folder."""
    limit, before = resource.getrlimit(resource.RLIMIT_NOFILE), set(threading.enumerate())
    with Broker() as broker:
        folder = broker.data
        assert (folder / "history.sqlite").exists()
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == limit
    assert not folder.exists()
    assert not home.exists()
    assert set(threading.enumerate()) <= before


def test_a_note_is_left_if_it_is_wanted(home: Path, tmp_path: Path) -> None:
    """With a note, clients of the account find it, as long as it runs."""
    notes = home / "state" / "brokers"
    with Broker(tmp_path / "data", note=True) as broker:
        assert [path.stem for path in notes.iterdir()] == [str(Link.parse(broker.link).port)]
    assert list(notes.iterdir()) == []
    assert (tmp_path / "data").exists()


def test_it_starts_again_where_it_was(tmp_path: Path) -> None:
    """Stopped and started it has the same link; to do either again changes nothing."""
    with Broker(tmp_path) as broker:
        link = broker.link
        assert broker.start() is broker
        broker.stop()
        broker.stop()
        broker.start()
        assert broker.link == link


def test_what_cannot_be_had(tmp_path: Path) -> None:
    """A folder or a port that another one has is an error, and leaves nothing behind."""
    with Broker(tmp_path / "one") as broker:
        with pytest.raises(ZchatError, match="Another broker uses the folder"):
            Broker(tmp_path / "one").start()
        busy = Broker(port=Link.parse(broker.link).port)
        with pytest.raises(ZchatError, match="cannot listen"):
            busy.start()
        busy.close()
