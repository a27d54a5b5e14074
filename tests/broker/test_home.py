"""The broker's folder: one broker at a time, a key of its own, and the note for its account's clients."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from zchat.broker import home
from zchat.broker.home import FolderBusy, Home
from zchat.common.errors import InputError, ZchatError
from zchat.common.keys import Link

LINK = Link("127.0.0.1", 5555, b"k" * 32)
DATA = Path("/data/broker")

HOLDER = """
import sys
from pathlib import Path
from zchat.broker.home import Home
held = Home(Path(sys.argv[1]))
print("locked", flush=True)
sys.stdin.read()
held.close()
"""


pytestmark = pytest.mark.usefixtures("fresh_account")


@pytest.fixture
def hold(tmp_path: Path) -> Iterator[Callable[[], subprocess.Popen[str]]]:
    """Starts another process that locks the folder until its standard input ends."""
    holders: list[subprocess.Popen[str]] = []

    def start() -> subprocess.Popen[str]:
        command = [sys.executable, "-c", HOLDER, str(tmp_path / "data")]
        holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        holders.append(holder)
        assert holder.stdout is not None
        assert holder.stdout.readline() == "locked\n"
        return holder

    yield start
    for holder in holders:
        holder.kill()
        holder.communicate()


# --- the lock -------------------------------------------------------------------------------------------------
def test_a_folder_has_one_broker(tmp_path: Path) -> None:
    """A second broker on the same folder is refused with what to do, and the first one is not disturbed."""
    first = Home(tmp_path / "data")
    for _ in range(2):
        with pytest.raises(FolderBusy, match=r"Another broker uses the folder .*data\. .* --data\."):
            Home(tmp_path / "data")
    Home(tmp_path / "other").close()
    first.close()

    Home(tmp_path / "data").close()


def test_another_process_is_kept_out_too(tmp_path: Path, hold: Callable[[], subprocess.Popen[str]]) -> None:
    """The lock holds between processes, and ends when its holder closes it."""
    holder = hold()
    with pytest.raises(FolderBusy):
        Home(tmp_path / "data")
    holder.communicate()

    Home(tmp_path / "data").close()


def test_a_killed_broker_leaves_no_lock(tmp_path: Path, hold: Callable[[], subprocess.Popen[str]]) -> None:
    """However a broker ends, the next one starts on its folder without any repair."""
    holder = hold()
    holder.kill()
    holder.wait()

    Home(tmp_path / "data").close()


def test_a_refused_broker_does_not_take_the_lock_away(
    tmp_path: Path, hold: Callable[[], subprocess.Popen[str]]
) -> None:
    """The attempt of one process does not open the folder for a third one."""
    first = Home(tmp_path / "data")
    with pytest.raises(FolderBusy):
        Home(tmp_path / "data")
    refused = subprocess.run(
        [sys.executable, "-c", HOLDER, str(tmp_path / "data")], input="", capture_output=True, text=True
    )
    assert "FolderBusy" in refused.stderr
    first.close()

    assert hold().poll() is None


def test_a_new_folder_is_its_owners_alone(tmp_path: Path) -> None:
    """Folders that are made on the way can be read by nobody else."""
    Home(tmp_path / "new" / "data").close()

    assert stat.S_IMODE((tmp_path / "new" / "data").stat().st_mode) == 0o700


@pytest.mark.parametrize("spoil", [lambda path: path.write_text("x"), lambda path: (path / "lock").mkdir(parents=True)])
def test_a_folder_that_cannot_be_used_is_told(tmp_path: Path, spoil: Callable[[Path], object]) -> None:
    """A file in its place, or something else where the lock should be, is one sentence with the folder's name."""
    spoil(tmp_path / "data")
    with pytest.raises(ZchatError, match=r"The folder .*data cannot be .*\. Name another with --data\.") as caught:
        Home(tmp_path / "data")

    assert not isinstance(caught.value, FolderBusy)


# --- the key --------------------------------------------------------------------------------------------------
def test_the_key_is_made_once(tmp_path: Path) -> None:
    """A broker is known by its key, so a restart has the same one; only its owner can read it."""
    first = Home(tmp_path / "data")
    key = first.key()
    assert first.key() == key
    first.close()
    again = Home(tmp_path / "data")
    other = Home(tmp_path / "other")

    assert again.key() == key
    assert other.key() != key
    assert stat.S_IMODE((tmp_path / "data" / "broker.key").stat().st_mode) == 0o600
    again.close()
    other.close()


def test_the_operator_has_a_key_of_its_own(tmp_path: Path) -> None:
    """It is made once, is not the broker's, and only the folder's owner can read it."""
    held = Home(tmp_path / "data")
    key = held.operator_key()
    held.close()
    again = Home(tmp_path / "data")

    assert again.operator_key() == key != again.key()
    assert stat.S_IMODE((tmp_path / "data" / "operator.key").stat().st_mode) == 0o600
    again.close()


@pytest.mark.parametrize("content", [b"", b"zchat key 1\n", b"\xff"])
def test_a_damaged_key_is_refused_and_kept(tmp_path: Path, content: bytes) -> None:
    """A broker never goes on with a new key by itself: every client would take it for an impostor."""
    held = Home(tmp_path / "data")
    path = tmp_path / "data" / "broker.key"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"broker\.key"):
        held.key()
    held.close()

    assert path.read_bytes() == content


# --- the note -------------------------------------------------------------------------------------------------
def test_a_note_tells_where_the_broker_is() -> None:
    """Link, name and process of a running broker, its folder, and an invitation that no other account can read."""
    path = home.leave_note(LINK, "test", data=DATA, invite="token")

    assert json.loads(path.read_bytes()) == {
        "link": str(LINK),
        "name": "test",
        "pid": os.getpid(),
        "usual": False,
        "data": str(DATA),
        "invite": "token",
    }
    assert list(home.notes_folder().iterdir()) == [path]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_note_tells_which_broker_is_the_usual_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one with the account's own folder, however it is written; a folder is noted as it is from the root."""
    home.usual_folder().mkdir(parents=True)
    monkeypatch.chdir(home.usual_folder().parent)
    for data in (home.usual_folder(), Path(home.usual_folder().name)):
        note = json.loads(home.leave_note(LINK, "test", data=data).read_bytes())
        assert (note["usual"], note["data"]) == (True, str(home.usual_folder()))

    assert json.loads(home.leave_note(LINK, "test", data=Path("else")).read_bytes())["usual"] is False


def test_a_note_of_an_older_broker_is_read() -> None:
    """What it does not tell is empty."""
    note = msgspec.json.decode(b'{"link": "l", "name": "n", "pid": 1, "later": 2}', type=home.BrokerNote)

    assert note == home.BrokerNote("l", "n", 1, False, "", "")


def test_a_note_goes_with_its_broker() -> None:
    """A broker that ends takes its own note away; brokers on other ports keep theirs, and twice does no harm."""
    kept = home.leave_note(Link("127.0.0.1", 6000, LINK.key), "other", data=DATA)
    path = home.leave_note(LINK, "test", data=DATA)
    home.remove_note(path)
    home.remove_note(path)

    assert list(home.notes_folder().iterdir()) == [kept]


def test_a_note_of_another_broker_stays() -> None:
    """A broker that ends late leaves the note of the one that has taken its port."""
    path = home.leave_note(LINK, "test", data=DATA)
    successor = json.dumps({"link": str(LINK), "name": "successor", "pid": os.getppid()})
    path.write_text(successor)
    home.remove_note(path)

    assert path.read_text() == successor


@pytest.mark.parametrize("content", [b"", b"\xff", b"{}", b'{"link": "\xff"}', b'{"pid": "x"}'])
def test_a_damaged_note_is_no_trouble(content: bytes) -> None:
    """What is not ours to understand stays, the broker ends well, and the next one on that port replaces it."""
    path = home.leave_note(LINK, "test", data=DATA)
    path.write_bytes(content)
    home.remove_note(path)
    assert path.read_bytes() == content

    assert home.leave_note(LINK, "test", data=DATA) == path
    assert json.loads(path.read_bytes())["pid"] == os.getpid()
