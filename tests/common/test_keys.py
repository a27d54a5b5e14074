"""Keys, fingerprints and links in their text forms, and key files."""

from __future__ import annotations

import base64
import hashlib
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from zchat.common.errors import InputError
from zchat.common.keys import (
    DEFAULT_PORT,
    FINGERPRINT_CHARACTERS,
    KEY_BYTES,
    KeyPair,
    Link,
    fingerprint,
    fingerprint_of,
    from_base32,
    join_place,
    split_place,
    to_base32,
)

KEY = bytes(range(KEY_BYTES))
KEY_TEXT = to_base32(KEY)

KEYS = st.binary(min_size=KEY_BYTES, max_size=KEY_BYTES)
PORTS = st.integers(1, 65_535)
HOSTS = (
    st.from_regex(r"[a-z0-9]([a-z0-9.-]{0,20}[a-z0-9])?", fullmatch=True)
    | st.ip_addresses(v=4).map(str)
    | st.ip_addresses(v=6).map(str)
)


# --- base32 and fingerprints ---


@given(st.binary(max_size=100))
@settings(max_examples=50, deadline=None)
def test_base32_round_trips(raw: bytes) -> None:
    """Bytes come back, also from capitals; the text is safe in shells and addresses."""
    text = to_base32(raw)

    assert from_base32(text) == from_base32(text.upper()) == raw
    assert set(text) <= set("abcdefghijklmnopqrstuvwxyz234567")
    assert base64.b32decode(text.upper() + "=" * (-len(text) % 8)) == raw


@given(st.text(max_size=60))
@settings(max_examples=100, deadline=None)
def test_what_is_no_base32_is_an_input_error(text: str) -> None:
    """Any text is base32 or an `InputError`."""
    try:
        raw = from_base32(text)
    except InputError:
        return
    assert isinstance(raw, bytes)


@pytest.mark.parametrize("text", ["1", "a", "aaa", "aaaaaa", "0189", "a b", "ä", "=a", "a\n", "\ud800"])
def test_malformed_base32_is_refused(text: str) -> None:
    """Impossible lengths and characters, and blanks are refused."""
    with pytest.raises(InputError, match="base32"):
        from_base32(text)


def test_fingerprint_is_a_cut_digest() -> None:
    """160 bits of SHA-256 in base32; the documented example."""
    assert fingerprint(KEY) == to_base32(hashlib.sha256(KEY).digest()[:20]) == "mmg42klgyqzwneiskrelxms3j72bfje4"
    assert len(fingerprint(KEY)) == FINGERPRINT_CHARACTERS


@given(one=KEYS, other=KEYS)
@settings(max_examples=30, deadline=None)
def test_fingerprints_tell_keys_apart(one: bytes, other: bytes) -> None:
    """Another key has another fingerprint, of the same length and letters."""
    assert (fingerprint(one) == fingerprint(other)) == (one == other)
    assert len(fingerprint(one)) == FINGERPRINT_CHARACTERS
    assert fingerprint(one).isascii()
    assert fingerprint(one).isalnum()


# --- links ---


@given(host=HOSTS, port=PORTS, key=KEYS)
@settings(max_examples=60, deadline=None)
def test_links_round_trip(host: str, port: int, key: bytes) -> None:
    """A printed link is read back as it was, with blanks around it, and with what later versions add."""
    link = Link(host, port, key)

    for text in (str(link), f"  {link}\n", f"{link}/", f"{link}?later=abc-123&", f"{link}?"):
        assert Link.parse(text) == link
    assert split_place(link.place) == (host, port)


def test_a_link_in_capitals_is_the_same_key() -> None:
    """A key read aloud and typed in capitals is the same."""
    assert Link.parse(f"zchat://h:1/{KEY_TEXT.upper()}") == Link("h", 1, KEY)


def test_the_port_may_be_left_out() -> None:
    """Then it is the default one."""
    assert Link.parse(f"zchat://chat.example/{KEY_TEXT}") == Link("chat.example", DEFAULT_PORT, KEY)


@pytest.mark.parametrize(
    ("host", "place"),
    [("::1", "[::1]:7"), ("fe80::1%eth0", "[fe80::1%eth0]:7"), ("127.0.0.1", "127.0.0.1:7"), ("h", "h:7")],
)
def test_ipv6_stands_in_brackets(host: str, place: str) -> None:
    """An IPv6 address has brackets around it, so that its port can be told."""
    assert join_place(host, 7) == place
    assert split_place(place) == (host, 7)
    assert Link.parse(f"zchat://{place}/{KEY_TEXT}") == Link(host, 7, KEY)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "zchat://",
        "zchat:///",
        f"zchat:///{KEY_TEXT}",
        "zchat://host:1",
        "zchat://host:1/",
        f"http://host:1/{KEY_TEXT}",
        f"zchat:/host:1/{KEY_TEXT}",
        f"host:1/{KEY_TEXT}",
        f"zchat://host:1/{KEY_TEXT[:-1]}",
        f"zchat://host:1/{KEY_TEXT[:-4]}",
        f"zchat://host:1/{KEY_TEXT}aaaaaaaa",
        f"zchat://host:1/{KEY_TEXT[:-1]}1",
        f"zchat://host:1/{KEY_TEXT}#x",
        f"zchat://host:1/{KEY_TEXT}/x",
        f"zchat://host:1/{KEY_TEXT}\nx",
        f"zchat://host:0/{KEY_TEXT}",
        f"zchat://host:65536/{KEY_TEXT}",
        f"zchat://host:999999/{KEY_TEXT}",
        f"zchat://host:-1/{KEY_TEXT}",
        f"zchat://host:x/{KEY_TEXT}",
        f"zchat://host:/{KEY_TEXT}",
        f"zchat://:1/{KEY_TEXT}",
        f"zchat://::1:5555/{KEY_TEXT}",
        f"zchat://[::1/{KEY_TEXT}",
        f"zchat://[]:1/{KEY_TEXT}",
        f"zchat://user@host:1/{KEY_TEXT}",
        f"zchat://ho st:1/{KEY_TEXT}",
        f"zchat://host:1:2/{KEY_TEXT}",
        f"zchat://host\0:1/{KEY_TEXT}",
        f"zchat://\ud800:1/{KEY_TEXT}",
    ],
)
def test_malformed_links_are_refused(text: str) -> None:
    """What is no link says so, in a sentence that tells what to do."""
    with pytest.raises(InputError, match=r"\. \w"):
        Link.parse(text)


@given(st.text(max_size=40), st.sampled_from(["", "zchat://", "zchat://host:1/", f"zchat://host:1/{KEY_TEXT}"]))
@settings(max_examples=150, deadline=None)
def test_any_text_is_a_link_or_an_input_error(text: str, head: str) -> None:
    """Parsing raises nothing else."""
    for parse in (Link.parse, split_place):
        try:
            found = parse(head + text)
        except InputError:
            continue
        assert isinstance(found, Link | tuple)


# --- several brokers ---


@given(key=KEYS, places=st.lists(st.tuples(HOSTS, PORTS), min_size=1, max_size=16, unique=True))
@settings(max_examples=40, deadline=None)
def test_a_link_names_several_brokers(key: bytes, places: list[tuple[str, int]]) -> None:
    """All places come back in their order, and going onward from each leads through all of them to the first."""
    first, *others = places
    link = Link(*first, key).beside(join_place(*other) for other in others)
    assert Link.parse(str(link)) == link
    assert link.places == tuple(join_place(*place) for place in places)

    seen = []
    for _ in places:
        seen.append(link.place)
        link = link.onward
    assert tuple(seen) == link.places == link.at(link.place).places


def test_a_place_is_named_once() -> None:
    """Also where somebody names it twice."""
    assert Link("a", 1, KEY).beside(["b:2", "a:1", "b:2"]).places == ("a:1", "b:2")


@pytest.mark.parametrize("places", ["a:1,", ",a:1", "a:1,,b:2", "a:1, b:2", "a:1,b:99999", "a:1;b:2"])
def test_bad_places_are_refused(places: str) -> None:
    """A link is read whole or not at all."""
    with pytest.raises(InputError):
        Link.parse(f"zchat://{places}/{KEY_TEXT}")


def test_a_link_of_very_many_brokers_is_refused() -> None:
    """It would keep a client dialling for ever, and is nobody's."""
    with pytest.raises(InputError, match="at most 16"):
        Link.parse(f"zchat://{','.join(f'h{number}' for number in range(17))}/{KEY_TEXT}")


# --- invitations ---


@given(key=KEYS, token=st.from_regex("[a-z2-7]{1,64}", fullmatch=True))
@settings(max_examples=40, deadline=None)
def test_an_invitation_travels_in_a_link(key: bytes, token: str) -> None:
    """It comes back from the link that was made to be given away, also beside what later versions add."""
    link = Link("h", 1, key, token)

    for text in (link.with_invite, f"{link}/?invite={token}", f"{link}?later=x&invite={token}&more"):
        assert Link.parse(text) == link
        assert Link.parse(text).invite == token
    assert Link("h", 1, key).with_invite == str(link)


def test_an_invitation_is_not_shown() -> None:
    """Where a link is shown, logged or compared as a place, the secret is left out."""
    link = Link("h", 1, KEY, "secrettoken")

    for text in (str(link), f"{link}", repr(link), repr([link]), link.place):
        assert "secrettoken" not in text


@pytest.mark.parametrize("token", ["", "UPPER", "a b", "a" * 65, "1", "abc%20", "ä", "a/b", "a=b"])
def test_a_damaged_invitation_is_refused(token: str) -> None:
    """Rather than taken for none, with which one would be refused at the door; nothing of it is repeated."""
    with pytest.raises(InputError, match=r"invitation|not a link") as caught:
        Link.parse(f"zchat://h:1/{KEY_TEXT}?invite={token}")
    assert len(token) < 5 or token not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (fingerprint(KEY), fingerprint(KEY)),
        (fingerprint(KEY).upper(), fingerprint(KEY)),
        (KEY_TEXT, fingerprint(KEY)),
        (KEY_TEXT.upper(), fingerprint(KEY)),
        ("", None),
        ("alice", None),
        (fingerprint(KEY)[:-1], None),
        (fingerprint(KEY)[:-1] + "1", None),
        (fingerprint(KEY) + "\n", None),
        (KEY_TEXT[:-2], None),
        (KEY_TEXT + "aaaaaaaa", None),
        ("ä" * 32, None),
        ("\ud800" * 32, None),
    ],
)
def test_a_key_is_named_by_fingerprint_or_in_full(text: str, found: str | None) -> None:
    """In any case; everything else names none."""
    assert fingerprint_of(text) == found


@given(st.text(max_size=60))
@settings(max_examples=100, deadline=None)
def test_any_text_names_a_key_or_none(text: str) -> None:
    """Asking never fails."""
    assert fingerprint_of(text) is None or len(fingerprint_of(text) or "") == FINGERPRINT_CHARACTERS


# --- key pairs and their files ---


def test_generated_pairs_differ() -> None:
    """Each pair is new, and its halves are 32 bytes."""
    one, other = KeyPair.generate(), KeyPair.generate()

    assert one != other
    assert {len(part) for pair in (one, other) for part in (pair.public, pair.secret)} == {KEY_BYTES}
    assert one.fingerprint == fingerprint(one.public)


def test_the_secret_is_not_shown() -> None:
    """A pair that lands in a log or a traceback does not give its secret away."""
    pair = KeyPair.generate()

    for text in (repr(pair), str(pair), f"{pair}", repr([pair])):
        assert repr(pair.secret) not in text
        assert pair.secret.hex() not in text
        assert to_base32(pair.secret) not in text
        assert "secret" not in text


def test_key_files_round_trip(tmp_path: Path) -> None:
    """What is saved is loaded."""
    pair = KeyPair.generate()
    pair.save(tmp_path / "new" / "folder" / "a.key")

    assert KeyPair.load(tmp_path / "new" / "folder" / "a.key") == pair


@pytest.mark.skipif(os.name != "posix", reason="modes are a POSIX matter")
@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_key_files_are_for_their_owner(tmp_path: Path, umask: int) -> None:
    """Whatever the umask, nobody else can read the file or list a folder made for it."""
    before = os.umask(umask)
    try:
        KeyPair.generate().save(tmp_path / "keys" / "a.key")
    finally:
        os.umask(before)

    assert stat.S_IMODE((tmp_path / "keys" / "a.key").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700


def test_a_key_file_is_never_overwritten(tmp_path: Path) -> None:
    """Saving over a key would lose it: it fails, and the first one stays."""
    first = KeyPair.generate()
    first.save(tmp_path / "a.key")

    with pytest.raises(FileExistsError):
        KeyPair.generate().save(tmp_path / "a.key")
    assert KeyPair.load(tmp_path / "a.key") == first


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"hello",
        b"zchat key 1\n",
        f"zchat key 1\npublic {KEY_TEXT}\n".encode(),
        f"zchat key 2\npublic {KEY_TEXT}\nsecret {KEY_TEXT}\n".encode(),
        f"zchat key 1\npublic {KEY_TEXT}\nsecret {KEY_TEXT[:-8]}\n".encode(),
        f"zchat key 1\npublic {KEY_TEXT}\nsecret 0\n".encode(),
        f"zchat key 1\npublic {KEY_TEXT}\nsecret {KEY_TEXT}\nmore\n".encode(),
        b"\0" * 200,
    ],
)
def test_a_damaged_key_file_is_an_input_error(tmp_path: Path, content: bytes) -> None:
    """The error says that a file is damaged and what to do, and repeats nothing of the file."""
    (tmp_path / "a.key").write_bytes(content)

    with pytest.raises(InputError) as caught:
        KeyPair.load(tmp_path / "a.key")
    assert KEY_TEXT[:16] not in str(caught.value)


def test_a_missing_key_file_is_an_input_error(tmp_path: Path) -> None:
    """A file that is gone, or is a folder, is told by its name."""
    for path in (tmp_path / "gone.key", tmp_path):
        with pytest.raises(InputError, match=path.name):
            KeyPair.load(path)
