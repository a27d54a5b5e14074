"""What an account keeps in its files: keys and nicks."""

from __future__ import annotations

import getpass
import json
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import pytest

from zchat.client import account
from zchat.common.errors import InputError
from zchat.common.keys import KeyPair, Link, fingerprint
from zchat.common.names import parse_nick

from .notes import LINK, OTHER, note

pytestmark = pytest.mark.usefixtures("fresh_account")

T = TypeVar("T")

FIRST_START = """
import sys
from zchat.client.account import key_for
from zchat.common.keys import KeyPair, Link
link = Link.parse(sys.argv[1])
KeyPair.generate()  # what takes long to load is loaded
print("ready", flush=True)
sys.stdin.readline()
for number in range(int(sys.argv[2])):
    pair, fresh = key_for(link, f"nick{number}")
    print(pair.fingerprint, fresh)
"""


def key_files(home: Path) -> set[str]:
    """The fingerprints in the names of the key files."""
    return {path.stem for path in (home / "data" / "keys").iterdir()}


def at_once(threads: int, work: Callable[[], T]) -> list[T]:
    """What a call returns in threads that begin it together."""
    barrier = threading.Barrier(threads)

    def run() -> T:
        barrier.wait()
        return work()

    with ThreadPoolExecutor(threads) as pool:
        return [future.result() for future in [pool.submit(run) for _ in range(threads)]]


# --- keys -----------------------------------------------------------------------------------------------------
def test_a_key_is_made_once_and_found_again(home: Path) -> None:
    """The first use of a nick makes its key, every later one finds it, in whatever case the nick is written."""
    pair, fresh = account.key_for(LINK, "Alice")

    assert fresh
    assert account.key_for(LINK, "alice") == account.key_for(LINK, "ALICE") == (pair, False)
    assert key_files(home) == {pair.fingerprint}


def test_a_key_file_is_named_by_its_fingerprint_and_its_owners_alone(home: Path) -> None:
    """The key stands under its own name, readable by nobody else, and so do the folders."""
    pair, _ = account.key_for(LINK, "alice")
    path = home / "data" / "keys" / f"{pair.fingerprint}.key"

    assert KeyPair.load(path) == pair
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE((home / "data" / "nicks" / fingerprint(LINK.key)).stat().st_mode) == 0o700


def test_every_nick_and_every_broker_has_a_key_of_its_own(home: Path) -> None:
    """Two nicks, or one nick at two brokers, cannot be linked by their keys."""
    keys = [account.key_for(link, nick)[0].fingerprint for link in (LINK, OTHER) for nick in ("alice", "bob")]

    assert len(set(keys)) == 4
    assert key_files(home) == set(keys)
    assert set(account.own_nicks()) == {
        (fingerprint(LINK.key), "alice", keys[0]),
        (fingerprint(LINK.key), "bob", keys[1]),
        (fingerprint(OTHER.key), "alice", keys[2]),
        (fingerprint(OTHER.key), "bob", keys[3]),
    }


def test_a_broker_that_moved_is_the_same_broker() -> None:
    """A nick's key belongs to the broker's key, not to its address."""
    pair, _ = account.key_for(LINK, "alice")

    assert account.key_for(Link("192.0.2.9", 7000, LINK.key), "alice") == (pair, False)


def test_many_threads_that_start_at_once_get_one_key(home: Path) -> None:
    """First starts at the same moment agree on one key: one of them made it, and no other key stays behind."""
    results = at_once(16, lambda: account.key_for(LINK, "alice"))

    assert len({pair for pair, _ in results}) == 1
    assert sum(fresh for _, fresh in results) == 1
    assert key_files(home) == {results[0][0].fingerprint}
    assert len(list((home / "data" / "nicks" / fingerprint(LINK.key)).iterdir())) == 1


def test_many_processes_that_start_at_once_get_one_key(home: Path) -> None:
    """As with threads: for each nick the same key in every process, made by exactly one, and nothing left over."""
    count, nicks = 6, 15
    starts = [
        subprocess.Popen(
            [sys.executable, "-c", FIRST_START, str(LINK), str(nicks)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(count)
    ]
    for start in starts:
        assert start.stdout is not None
        assert start.stdout.readline() == "ready\n"
    for start in starts:
        assert start.stdin is not None
        start.stdin.write("\n")
        start.stdin.flush()
    printed = [start.communicate()[0].split("\n")[:nicks] for start in starts]
    by_nick = [[line.split() for line in lines] for lines in zip(*printed, strict=True)]

    assert [start.returncode for start in starts] == [0] * count
    for lines in by_nick:
        assert len({key for key, _ in lines}) == 1
        assert sorted(fresh for _, fresh in lines) == ["False"] * (count - 1) + ["True"]
    assert key_files(home) == {lines[0][0] for lines in by_nick}
    assert len(list((home / "data" / "nicks" / fingerprint(LINK.key)).iterdir())) == nicks


def test_a_dropped_key_leaves_nothing(home: Path) -> None:
    """After `drop_key` of a nick that the broker refused, the nick begins anew and the others are as they were."""
    kept, _ = account.key_for(LINK, "bob")
    pair, _ = account.key_for(LINK, "alice")
    account.drop_key(LINK, "alice", pair)
    assert key_files(home) == {kept.fingerprint}
    account.drop_key(LINK, "alice", pair)
    again, fresh = account.key_for(LINK, "alice")

    assert fresh
    assert again != pair
    assert key_files(home) == {kept.fingerprint, again.fingerprint}


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"../../etc/passwd\n", b"\0" * 33, b"A" * 32, b"a" * 33])
def test_a_damaged_index_is_refused_and_kept(home: Path, content: bytes) -> None:
    """An index file that names no key is told by its name; no new key silently takes the nick's place."""
    account.key_for(LINK, "alice")
    index = home / "data" / "nicks" / fingerprint(LINK.key) / "alice"
    index.write_bytes(content)
    before = key_files(home)
    with pytest.raises(InputError, match=r"names no key\. Restore it") as caught:
        account.key_for(LINK, "alice")

    assert str(index) in str(caught.value)
    assert index.read_bytes() == content
    assert key_files(home) == before


def test_a_lost_key_file_is_told_by_its_name(home: Path) -> None:
    """When the index names a key that is not there, the error says which file to restore."""
    pair, _ = account.key_for(LINK, "alice")
    path = home / "data" / "keys" / f"{pair.fingerprint}.key"
    path.unlink()
    with pytest.raises(InputError) as caught:
        account.key_for(LINK, "alice")

    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


# --- nicks ----------------------------------------------------------------------------------------------------
def test_the_last_nick_is_kept_for_each_broker() -> None:
    """The nick last used is remembered as it was written, apart for each broker."""
    assert account.last_nick(LINK) is None
    account.remember_nick(LINK, "alice")
    account.remember_nick(OTHER, "Зоя")
    account.remember_nick(LINK, "Bob")

    assert (account.last_nick(LINK), account.last_nick(OTHER)) == ("Bob", "Зоя")


def test_a_nick_that_cannot_be_noted_is_done_without(home: Path) -> None:
    """Which nick was used last is no reason not to go on."""
    (home / "state").mkdir(parents=True)
    (home / "state" / "nicks").write_text("in the way")
    account.remember_nick(LINK, "alice")

    assert account.last_nick(LINK) is None


@pytest.mark.parametrize("content", [b"", b"\xff", b"no nick", b"\x1b[2J", b"a" * 10_000])
def test_a_damaged_last_nick_is_no_nick(home: Path, content: bytes) -> None:
    """What is no legal nick is passed over, and the next use sets it right."""
    account.remember_nick(LINK, "alice")
    (home / "state" / "nicks" / fingerprint(LINK.key)).write_bytes(content)
    assert account.last_nick(LINK) is None
    account.remember_nick(LINK, "alice")

    assert account.last_nick(LINK) == "alice"


def test_the_login_name_becomes_a_nick(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not legal in a nick is dropped from it."""
    monkeypatch.setenv("LOGNAME", "CORP\\alice")

    assert account.login_nick() == "CORPalice"


@pytest.mark.parametrize("error", [KeyError("uid not found"), OSError("no login")])
def test_who_has_no_login_name_gets_a_nick_made_up(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """In a container without accounts there is no login name, and `user-XXXX` serves."""

    def fail() -> str:
        raise error

    monkeypatch.setattr(getpass, "getuser", fail)
    nicks = {account.made_up_nick() for _ in range(20)}

    assert account.login_nick() is None
    assert len(nicks) > 1
    for nick in nicks:
        assert parse_nick(nick) == nick
        assert nick.startswith("user-")


# --- other nicks, and one's own broker ------------------------------------------------------------------------
def index(home: Path) -> dict[str, str]:
    """Folded nick → fingerprint, as the index of `LINK` has it."""
    folder = home / "data" / "nicks" / fingerprint(LINK.key)
    return {path.name: path.read_text().strip() for path in folder.iterdir()}


def test_a_new_nick_names_the_same_key(home: Path) -> None:
    """The old entry is gone, the new nick is the one last used; doing it again, as another session does, is fine."""
    pair, _ = account.key_for(LINK, "Alice")
    for _ in range(2):
        account.rename_nick(LINK, "Alice", "Alicia", pair)

    assert index(home) == {"alicia": pair.fingerprint}
    assert account.key_for(LINK, "alicia") == (pair, False)
    assert account.last_nick(LINK) == "Alicia"
    assert key_files(home) == {pair.fingerprint}


def test_a_nick_in_other_letters_keeps_its_entry(home: Path) -> None:
    """Only how it is written changes."""
    pair, _ = account.key_for(LINK, "alice")
    account.rename_nick(LINK, "alice", "ALICE", pair)

    assert index(home) == {"alice": pair.fingerprint}
    assert account.last_nick(LINK) == "ALICE"


def test_another_keys_entry_is_left_alone(home: Path) -> None:
    """Who took up the old nick in the meantime keeps it; an entry that named another key gives way to the broker's."""
    pair, _ = account.key_for(LINK, "alice")
    account.key_for(LINK, "alicia")
    account.drop_key(LINK, "alice", KeyPair.generate())
    other, _ = account.key_for(LINK, "alice")
    account.rename_nick(LINK, "alice", "alicia", pair)

    assert index(home) == {"alice": other.fingerprint, "alicia": pair.fingerprint}


@pytest.mark.parametrize("broken", ["create", "replace"])
def test_a_key_is_not_lost_when_its_renaming_is_cut_short(
    home: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    """Wherever it stops, one of the two nicks names the key, and doing it again puts it right."""
    pair, _ = account.key_for(LINK, "alice")
    account.key_for(LINK, "alicia")

    def fail(*_: object) -> None:
        raise OSError("disk")

    with monkeypatch.context() as patch:
        patch.setattr(account.files, broken, fail)
        with pytest.raises(OSError, match="disk"):
            account.rename_nick(LINK, "alice", "alicia", pair)
    assert pair.fingerprint in index(home).values()
    account.rename_nick(LINK, "alice", "alicia", pair)

    assert index(home) == {"alicia": pair.fingerprint}


@pytest.mark.parametrize("nick", ["../alice", "", "a/b"])
def test_no_file_is_named_by_what_is_no_nick(home: Path, nick: str) -> None:
    """Whatever a broker says."""
    pair, _ = account.key_for(LINK, "alice")
    with pytest.raises(InputError):
        account.rename_nick(LINK, "alice", nick, pair)

    assert index(home) == {"alice": pair.fingerprint}


def test_the_own_broker_lets_this_account_in_and_be_its_operator(home: Path) -> None:
    """Its note has an invitation and the folder of the operator's key, by whatever place the broker is reached."""
    path = note(LINK)
    elsewhere = Link("example.org", 7000, LINK.key)
    assert (account.own_invite(elsewhere), account.operator_key(elsewhere)) == ("", None)
    path.write_text(json.dumps({**json.loads(path.read_text()), "data": str(home / "broker"), "invite": "abc"}))
    assert account.operator_key(LINK) is None
    pair = KeyPair.generate()
    (home / "broker").mkdir()
    pair.save(home / "broker" / "operator.key")

    assert (account.own_invite(elsewhere), account.operator_key(elsewhere)) == ("abc", pair)
    assert (account.own_invite(OTHER), account.operator_key(OTHER)) == ("", None)
