"""What an account keeps in its files: keys, nicks and the brokers it has met."""

from __future__ import annotations

import getpass
import itertools
import json
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest

from zchat.client import account
from zchat.common.errors import BrokerUnreachable, Code, InputError, RefusedError
from zchat.common.keys import KeyPair, Link, fingerprint
from zchat.common.names import parse_nick

T = TypeVar("T")

LINK = Link("127.0.0.1", 5555, b"k" * 32)
OTHER = Link("192.0.2.7", 6000, b"o" * 32)
CHANGED = Link(LINK.host, LINK.port, b"c" * 32)

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


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a fresh account."""
    monkeypatch.setenv("ZCHAT_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def dead() -> int:
    """The id of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def note(link: Link, *, name: str = "box", pid: int | None = None, age: float = 0.0, usual: bool = False) -> Path:
    """What a broker of this account leaves, started `age` seconds ago."""
    path = account.paths.state() / "brokers" / f"{link.port}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    pid = os.getpid() if pid is None else pid
    path.write_text(json.dumps({"link": str(link), "name": name, "pid": pid, "usual": usual}))
    os.utime(path, (1e9 - age, 1e9 - age))
    return path


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
    (home / "state").mkdir()
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


# --- finding a broker: this account's own ---------------------------------------------------------------------
def test_without_any_broker_one_is_told_to_start_one() -> None:
    """Nothing named and nothing running is the error of an unreachable broker, with what to do."""
    with pytest.raises(BrokerUnreachable, match="Start one with: zchat broker"):
        account.find_broker(None)


def told_without_a_broker() -> str:
    """What who names no broker is told, which is one line."""
    with pytest.raises(BrokerUnreachable) as caught:
        account.find_broker(None)
    assert str(caught.value).isprintable()
    return str(caught.value)


def test_who_knows_other_brokers_is_told_how_to_name_them() -> None:
    """With names and places; what is said to type finds the first of them."""
    account.remember_broker(OTHER, "hub")

    assert told_without_a_broker() == (
        "No broker of this account runs here. Known here: hub (192.0.2.7:6000)."
        " Name one with -b hub, or start one with: zchat broker."
    )
    assert account.find_broker("hub") == OTHER


def test_at_most_three_known_brokers_are_told() -> None:
    """And how to see the others."""
    for number in range(5):
        account.remember_broker(Link("192.0.2.7", 6000 + number, bytes([number]) * 32), f"hub{number}")
    told = told_without_a_broker()

    assert told.count("(192.0.2.7:") == 3
    assert " and 2 more (zchat key list)." in told
    word = told.partition(" -b ")[2].partition(",")[0]
    assert account.find_broker(word) == account.known_brokers()[0].links[-1]


@pytest.mark.parametrize("name", ["", "my hub", "hub;reboot", "$(reboot)", "-b", "h\x1b[2Jub", "192.0.2.9", "x" * 64])
def test_a_name_that_is_no_plain_word_is_never_to_be_typed(name: str) -> None:
    """A broker calls itself what it likes; then its place is the way to name it, and its name is shown tamed."""
    account.remember_broker(Link("192.0.2.9", 5555, b"n" * 32), "nine")
    account.remember_broker(OTHER, name)
    account.forget_broker("nine")
    if name == "192.0.2.9":
        account.remember_broker(Link("192.0.2.9", 5555, b"n" * 32), name)
    told = told_without_a_broker()

    assert " Name one with -b 192.0.2." in told
    assert "(192.0.2.7:6000)" in told


def test_a_name_that_several_share_is_never_to_be_typed() -> None:
    """It would be refused as ambiguous."""
    account.remember_broker(LINK, "hub")
    account.remember_broker(OTHER, "hub")

    assert " -b hub" not in told_without_a_broker()


@pytest.mark.parametrize("ports", list(itertools.permutations((5001, 5002, 5003))))
def test_the_newest_of_the_running_brokers_is_the_default(ports: tuple[int, ...]) -> None:
    """Of several brokers of this account the one started last is meant, also by the name that they share."""
    links = [Link("127.0.0.1", port, b"k" * 32) for port in ports]
    for age, link in zip((20, 10, 0), links, strict=True):
        note(link, age=age)

    assert account.find_broker(None) == account.find_broker("box") == links[-1]
    assert account.own_link() == links[-1]


def test_a_dead_broker_is_passed_over_while_another_lives(dead: int) -> None:
    """A broker that was killed leaves its note; one that runs is meant before it, though it is older."""
    note(LINK, age=100)
    note(OTHER, pid=dead)

    assert account.find_broker(None) == LINK
    assert account.find_broker("box") == LINK
    assert account.own_link() == LINK


def test_the_broker_in_the_usual_folder_is_the_default(dead: int) -> None:
    """A second broker of the account, started later with a folder of its own, takes nobody's commands over."""
    note(LINK, age=100, usual=True)
    note(OTHER)

    assert account.find_broker(None) == LINK
    note(LINK, pid=dead, usual=True)
    assert account.find_broker(None) == OTHER


def test_the_link_of_a_dead_broker_is_not_given_out(dead: int) -> None:
    """`zchat link` tells only what can be joined."""
    note(LINK, pid=dead)

    with pytest.raises(BrokerUnreachable):
        account.own_link()


def test_a_host_alone_is_its_only_known_port(dead: int) -> None:
    """HOST without a port means the usual one, else the only one known; of several none is guessed."""
    first, second = Link(LINK.host, 7001, LINK.key), Link(LINK.host, 7002, LINK.key)
    note(first)
    assert account.find_broker(LINK.host) == first
    note(second)

    with pytest.raises(InputError, match="7001"):
        account.find_broker(LINK.host)


def test_a_dead_broker_is_tried_when_no_other_lives(dead: int) -> None:
    """The last note is followed even when its process is gone: perhaps it runs where its id is not seen."""
    note(LINK, pid=dead, age=100)
    note(OTHER, pid=dead)

    assert account.find_broker(None) == OTHER


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff",
        b"{}",
        b'{"link": "\xff"}',
        b"[]",
        b'{"link": 7}',
        b'{"link": "zchat://here"}',
        b'{"link": "zchat://127.0.0.1:5555/abc"}',
        b'{"link": "%s", "pid": "1"}' % str(OTHER).encode(),
    ],
)
def test_damaged_notes_are_passed_over(home: Path, content: bytes) -> None:
    """A note that cannot be read is as if it were not there, however a broker is named."""
    note(LINK, age=100)
    (home / "state" / "brokers" / "1.json").write_bytes(content)
    (home / "state" / "brokers" / "2.json").mkdir()

    assert account.find_broker(None) == account.find_broker("box") == account.find_broker("127.0.0.1") == LINK
    assert account.own_link() == LINK


@pytest.mark.parametrize("pid", [2**31, 2**70, -1, 0])
def test_a_note_with_any_process_id_is_read(pid: int) -> None:
    """A number that no process has does no harm."""
    note(LINK, pid=pid)

    assert account.find_broker(None) == LINK


@pytest.mark.parametrize("named", ["box", "127.0.0.1:5555", "127.0.0.1", str(LINK)])
def test_an_own_broker_is_found_by_what_it_is_called(named: str) -> None:
    """A running broker of this account goes by name, place, host and link, before it was ever joined."""
    note(Link("192.0.2.1", 6001, b"n" * 32), name="another")
    note(LINK, age=10)

    assert account.find_broker(named) == LINK


def test_an_own_broker_on_ipv6_is_found_by_its_host() -> None:
    """An address in brackets with the port left out means the default port."""
    link = Link("::1", 5555, b"k" * 32)
    note(link)

    assert account.find_broker("[::1]") == account.find_broker("[::1]:5555") == link


# --- finding a broker: one that was met -----------------------------------------------------------------------
def test_a_link_is_enough() -> None:
    """Who has the link needs nothing else, whatever runs here."""
    note(OTHER)

    assert account.find_broker(str(LINK)) == LINK
    assert account.find_broker(f"{LINK}?invite=abc") == replace(LINK, invite="abc")


@pytest.mark.parametrize("named", ["zchat:", "zchat://127.0.0.1", f"{LINK}"[:-20]])
def test_half_a_link_is_told(named: str) -> None:
    """A link that lost its end is refused with what to do."""
    with pytest.raises(InputError, match=r"link.*Copy"):
        account.find_broker(named)


@pytest.mark.parametrize("named", ["127.0.0.1:5555", "127.0.0.1", "home"])
def test_a_pinned_broker_is_found_by_place_host_and_name(named: str) -> None:
    """After one welcome the link is needed no more."""
    account.remember_broker(OTHER, "work")
    account.remember_broker(LINK, "home")

    assert account.find_broker(named) == LINK


def test_an_unknown_place_is_refused_with_what_to_do() -> None:
    """Without its key a broker is never talked to: HOST alone works once the key is pinned."""
    account.remember_broker(LINK, "home")
    for named in ("192.0.2.1", "127.0.0.1:5556", "somewhere"):
        with pytest.raises(RefusedError, match="not known here") as caught:
            account.find_broker(named)
        assert caught.value.code == Code.NOT_ALLOWED
        assert "zchat link" in str(caught.value)


@pytest.mark.parametrize("named", ["", "my broker", "a:b:c", "::1", "host:0", "host:99999", "http://host"])
def test_what_names_no_broker_is_an_input_error(named: str) -> None:
    """What is neither link, place nor known name is told in one sentence."""
    with pytest.raises(InputError):
        account.find_broker(named)


def test_a_name_finds_the_place_last_used() -> None:
    """A broker that moved is sought where it was met last, under the name it has now."""
    moved = Link("192.0.2.9", 7000, LINK.key)
    account.remember_broker(LINK, "old name")
    account.remember_broker(moved, "new name")
    assert account.find_broker("new name") == moved
    account.remember_broker(LINK, "new name")

    assert account.find_broker("new name") == LINK
    assert account.find_broker("192.0.2.9:7000") == moved
    with pytest.raises(InputError):
        account.find_broker("old name")


@pytest.mark.parametrize("name", ["192.0.2.7:6000", "192.0.2.7", str(OTHER)])
def test_a_broker_cannot_call_itself_another_ones_place(name: str) -> None:
    """Names are the brokers' own choice, so a place or a link is looked for first."""
    default = Link("192.0.2.7", 5555, b"d" * 32)
    account.remember_broker(LINK, name)
    account.remember_broker(OTHER, "work")
    account.remember_broker(default, "work too")
    expected = default if name == "192.0.2.7" else OTHER

    assert account.find_broker(name) == expected


@pytest.mark.parametrize("named", ["127.0.0.1", "192.0.2.9:7000", "home"])
def test_brokers_of_one_chat_are_known_together(named: str) -> None:
    """Who has met one of them can name any, or the chat, and has the others to go on to; forgetting it forgets all."""
    several = LINK.beside(["192.0.2.9:7000", "192.0.2.10:7000"])
    account.remember_broker(several, "home")
    account.remember_broker(several.onward, "home")
    found = account.find_broker(named)

    assert set(found.places) == set(several.places)
    assert named in ("home", found.place, found.host)
    with pytest.raises(RefusedError, match=r"AT 192\.0\.2\.10:7000 HAS CHANGED"):
        account.find_broker(str(Link("192.0.2.10", 7000, CHANGED.key)))

    account.forget_broker(fingerprint(LINK.key))
    assert account.known_brokers() == []


def test_a_chat_that_has_one_broker_again_is_known_so() -> None:
    """What the link named last counts."""
    account.remember_broker(LINK.beside(["192.0.2.9:7000"]), "home")
    account.remember_broker(LINK, "home")

    assert account.find_broker("home").places == (LINK.place,)


@pytest.mark.parametrize("healer", [CHANGED.place, "home", fingerprint(LINK.key), str(CHANGED), str(LINK)])
def test_a_changed_key_is_refused_loudly_until_it_is_forgotten(healer: str) -> None:
    """A link with another key for a known place is refused, with both keys and the way out, and the way out works."""
    account.remember_broker(LINK, "home")
    with pytest.raises(RefusedError, match="HAS CHANGED") as caught:
        account.find_broker(str(CHANGED))
    assert caught.value.code == Code.NOT_ALLOWED
    for words in (fingerprint(LINK.key), fingerprint(CHANGED.key), f"zchat key forget {LINK.place}"):
        assert words in str(caught.value)
    assert account.find_broker(LINK.place) == LINK

    assert account.forget_broker(healer) == [fingerprint(LINK.key)]
    assert account.find_broker(str(CHANGED)) == CHANGED
    account.remember_broker(CHANGED, "home")
    assert account.find_broker("home") == account.find_broker(CHANGED.place) == CHANGED


def test_forgetting_one_place_keeps_the_others() -> None:
    """A broker that is known at two places loses only the one that is forgotten, and by its name both."""
    moved = Link("192.0.2.9", 7000, LINK.key)
    account.remember_broker(LINK, "home")
    account.remember_broker(moved, "home")
    account.forget_broker(LINK.place)
    assert account.find_broker("home") == moved
    with pytest.raises(RefusedError):
        account.find_broker(LINK.place)
    account.forget_broker("home")

    assert account.known_brokers() == []


def test_forgetting_who_is_not_known_is_told() -> None:
    """A misspelt name forgets nothing."""
    account.remember_broker(LINK, "home")
    for named in ("hmoe", "127.0.0.1:5556", "my broker", ""):
        with pytest.raises(InputError, match="zchat key list"):
            account.forget_broker(named)

    assert len(account.known_brokers()) == 1


def test_a_place_has_one_key() -> None:
    """This account's own broker may come back at its place with another key; the place is then its alone."""
    elsewhere = Link("192.0.2.9", 7000, LINK.key)
    account.remember_broker(elsewhere, "old")
    account.remember_broker(LINK, "old")
    note(CHANGED, name="new")
    assert account.find_broker(None) == CHANGED
    account.remember_broker(CHANGED, "new")

    assert account.find_broker(str(CHANGED)) == CHANGED
    assert account.find_broker(elsewhere.place) == elsewhere
    assert [broker.places for broker in account.known_brokers() if broker.name == "old"] == [[elsewhere.place]]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff",
        b"{}",
        b'{"key": "\xff"}',
        b'{"key": "%s", "name": "home", "places": []}' % str(CHANGED).rpartition("/")[2].encode(),
        b'{"key": "abc", "name": "home", "places": ["127.0.0.1:5555"]}',
        b'{"key": "?", "name": "home", "places": ["127.0.0.1:5555"]}',
        b'{"key": "%s", "name": "home", "places": ["?"]}' % str(CHANGED).rpartition("/")[2].encode(),
    ],
)
def test_damaged_pins_are_passed_over(home: Path, content: bytes) -> None:
    """A pin that cannot be read hides no other one."""
    account.remember_broker(LINK, "home")
    (home / "data" / "brokers" / "1.json").write_bytes(content)
    (home / "data" / "brokers" / "2.json").mkdir()

    assert [broker.name for broker in account.known_brokers()] == ["home"]
    assert account.find_broker("home") == account.find_broker("127.0.0.1") == account.find_broker(str(LINK)) == LINK
    assert account.forget_broker("home") == [fingerprint(LINK.key)]


def test_meeting_a_broker_again_writes_nothing(home: Path) -> None:
    """What is known already is left as it stands."""
    account.remember_broker(LINK, "home")
    account.remember_nick(LINK, "alice")
    paths = [next((home / "data" / "brokers").iterdir()), next((home / "state" / "nicks").iterdir())]
    before = [path.stat().st_ino for path in paths]
    account.remember_broker(LINK, "home")
    account.remember_nick(LINK, "alice")

    assert [path.stat().st_ino for path in paths] == before
    assert not any(path.name.startswith(".") for path in home.rglob("*"))


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
