"""Which broker is meant: one of this account, or one that was met; and how each of them may be named."""

from __future__ import annotations

import itertools
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from zchat.client import account
from zchat.common.errors import BrokerUnreachable, Code, InputError, RefusedError
from zchat.common.keys import Link, fingerprint

from .notes import CHANGED, LINK, OTHER, note

pytestmark = pytest.mark.usefixtures("fresh_account")


@pytest.fixture
def dead() -> int:
    """The id of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


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


@pytest.mark.parametrize(("host", "named"), [("127.0.0.1", "127.0.0.1"), ("::1", "[::1]")])
def test_a_host_alone_is_its_only_known_port(host: str, named: str) -> None:
    """HOST without a port means the usual one, else the only one known; of several none is guessed."""
    first, second = Link(host, 7001, LINK.key), Link(host, 7002, LINK.key)
    note(first)
    assert account.find_broker(named) == first
    note(second)

    with pytest.raises(InputError, match="7001"):
        account.find_broker(named)


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
