"""What this account knows: its keys, whose nick at which broker they are, and the brokers it has met.

Owns these files. Does not know sockets or chat. Used by the main thread before and after a connection.

    data/keys/FINGERPRINT.key              a key pair, 0600
    data/nicks/BROKER/NICK                 the fingerprint of the key for a (folded) nick at a broker
    data/brokers/BROKER.json               a broker that was met: its key, name and places
    state/nicks/BROKER                     the nick last used there
    state/brokers/PORT.json                left by a running broker of this account

BROKER is the fingerprint of a broker's key.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import re
import secrets
from collections.abc import Iterator
from pathlib import Path

import msgspec

from ..common import files, names, paths
from ..common.errors import BrokerUnreachable, Code, InputError, RefusedError
from ..common.keys import (
    DEFAULT_PORT,
    FINGERPRINT_CHARACTERS,
    KeyPair,
    Link,
    fingerprint,
    from_base32,
    join_place,
    split_place,
    to_base32,
)
from ..common.text import SHOWN_CELLS, clean, cut

NO_BROKER = "No broker of this account runs here. Start one with: zchat broker, or name one with --broker LINK."
SHOWN_BROKERS = 3
"""Known brokers that are told to who has named none."""


class KnownBroker(msgspec.Struct):
    """A broker this account has been welcomed by."""

    key: str
    name: str
    places: list[str]
    others: list[str] = []
    """The places in the link that was used last, when it named several brokers of one chat."""

    @property
    def fingerprint(self) -> str:
        """The fingerprint of its key."""
        return fingerprint(from_base32(self.key))

    @property
    def links(self) -> list[Link]:
        """Its links, the one last used at the end."""
        return [Link.parse(f"zchat://{place}/{self.key}").beside(self.others) for place in self.places]


class _Note(msgspec.Struct):
    """What a running broker left; see `zchat.broker.home`."""

    link: str
    name: str = ""
    pid: int = 0
    usual: bool = False
    data: str = ""
    """The folder where its operator's key is."""
    invite: str = ""
    """What lets this account's own keys in."""


# --- brokers --------------------------------------------------------------------------------------------------
def find_broker(named: str | None) -> Link:
    """The link of a broker named by link, place or name; of this account's own broker when not named.

    Raises `BrokerUnreachable` when there is none, `RefusedError` when its key is not known or has changed.
    """
    if named is None:
        return _own_broker()
    if named.startswith("zchat:"):
        link = Link.parse(named)
        _check_pin(link)
        return link
    place = _place(named) or ""
    notes, known = _notes(), known_brokers()
    links = [link for broker in known for link in broker.links]
    host = named.removeprefix("[").removesuffix("]")
    if place == join_place(host, DEFAULT_PORT):
        place = _place_of_host(host, [*(Link.parse(note.link) for note in notes), *links])
    for note in reversed(notes):
        link = Link.parse(note.link)
        if named == note.name or place == link.place:
            return link
    # Places before names: a broker calls itself what it likes, another one's address for example.
    for link in links:
        if place in link.places:
            return link.at(place)
    called = [broker.links[-1] for broker in known if named == broker.name]
    if len(called) > 1:
        raise _ambiguous(named, [link.place for link in called])
    if called:
        return called[0]
    place = join_place(*split_place(named))
    raise RefusedError(
        Code.NOT_ALLOWED,
        f"The key of the broker at {place} is not known here. Ask there for its link (zchat link) and use that once.",
    )


def _place_of_host(host: str, links: list[Link]) -> str:
    """What HOST alone means: its usual port, or the only one of it that is known."""
    usual = join_place(host, DEFAULT_PORT)
    there = {place for link in links for place in link.places if split_place(place)[0] == host}
    if usual in there or not there:
        return usual
    if len(there) > 1:
        raise _ambiguous(host, sorted(there))
    return there.pop()


def _ambiguous(name: str, places: list[str]) -> InputError:
    return InputError(f"Several brokers are known as {name}: {', '.join(places)}. Name the one you mean so.")


def _place(named: str) -> str | None:
    """The place that a link or ``HOST[:PORT]`` names; None when it is neither."""
    try:
        return Link.parse(named).place if named.startswith("zchat:") else join_place(*split_place(named))
    except InputError:
        return None


def _own_broker() -> Link:
    notes = _notes()
    if not notes:
        raise BrokerUnreachable(_no_broker())
    return Link.parse(notes[-1].link)


def _no_broker() -> str:
    """That no broker of this account runs, and which others are known."""
    known = known_brokers()
    if not known:
        return NO_BROKER
    told = ", ".join(
        f"{cut(clean(broker.name), SHOWN_CELLS)} ({broker.links[-1].place})".lstrip()
        for broker in known[:SHOWN_BROKERS]
    )
    more = f" and {len(known) - SHOWN_BROKERS} more (zchat key list)" if len(known) > SHOWN_BROKERS else ""
    return (
        f"No broker of this account runs here. Known here: {told}{more}."
        f" Name one with -b {_way_to(known[0])}, or start one with: zchat broker."
    )


def _way_to(broker: KnownBroker) -> str:
    """How to name a known broker: as it calls itself if that is a plain word and means it alone, else by its place."""
    link = broker.links[-1]
    if re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,39}", broker.name):
        with contextlib.suppress(InputError, RefusedError):
            if find_broker(broker.name) == link:
                return broker.name
    return link.place


def own_link() -> Link:
    """The link of this account's running broker; raises `BrokerUnreachable`."""
    running = [note.link for note in _notes() if _runs(note.pid)]
    if not running:
        raise BrokerUnreachable(NO_BROKER)
    return Link.parse(running[-1])


def own_invite(link: Link) -> str:
    """The invitation that a broker of this account keeps for it; "" when it is another one's broker."""
    note = _note_of(link)
    return note.invite if note is not None else ""


def operator_key(link: Link) -> KeyPair | None:
    """The key of the operator of this account's own broker; None when it is another one's, or not to be read."""
    note = _note_of(link)
    path = Path(note.data) / "operator.key" if note is not None and note.data else None
    return KeyPair.load(path) if path is not None and os.access(path, os.R_OK) else None


def _note_of(link: Link) -> _Note | None:
    """The note of a broker, which is known by its key: its place has many names."""
    return next((note for note in reversed(_notes()) if Link.parse(note.link).key == link.key), None)


def _notes() -> list[_Note]:
    """The notes of this account's brokers, the one that is meant last: running, in the usual folder, the newest."""
    notes: list[tuple[bool, bool, float, _Note]] = []
    for path in (paths.state() / "brokers").glob("*.json"):
        with contextlib.suppress(OSError, msgspec.MsgspecError, UnicodeError, InputError):
            note = msgspec.json.decode(path.read_bytes(), type=_Note)
            Link.parse(note.link)
            notes.append((_runs(note.pid), note.usual, path.stat().st_mtime, note))
    return [entry[3] for entry in sorted(notes, key=lambda entry: entry[:3])]


def _runs(pid: int) -> bool:
    if os.name != "posix":
        return True
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True
    return True


def known_brokers() -> list[KnownBroker]:
    """The brokers this account has met."""
    brokers = []
    for path in sorted((paths.data() / "brokers").glob("*.json")):
        with contextlib.suppress(OSError, msgspec.MsgspecError, UnicodeError, InputError):
            broker = msgspec.json.decode(path.read_bytes(), type=KnownBroker)
            if broker.links:
                brokers.append(broker)
    return brokers


def name_of(link: Link) -> str:
    """What a broker that was met calls itself; "" when its key is not known."""
    key = to_base32(link.key)
    return next((broker.name for broker in known_brokers() if broker.key == key), "")


def _check_pin(link: Link) -> None:
    for broker in known_brokers():
        changed = [place for place in link.places if place in (*broker.places, *broker.others)]
        if changed and broker.key != to_base32(link.key):
            raise RefusedError(
                Code.NOT_ALLOWED,
                f"THE KEY OF THE BROKER AT {changed[0]} HAS CHANGED: known is {broker.fingerprint}, the link names"
                f" {fingerprint(link.key)}. Somebody may be in between. If its operator confirms the new key:"
                f" zchat key forget {changed[0]}.",
            )


def remember_broker(link: Link, name: str) -> None:
    """Pin the key of a broker that has welcomed us; its place is nobody else's any more."""
    own = fingerprint(link.key)
    known: KnownBroker | None = None
    for other in known_brokers():
        if other.fingerprint == own:
            known = other
        else:
            # Only a broker of this account's own takes over a place without being asked about (`_check_pin`).
            for place in link.places:
                _forget_place(other, place)
    places = [place for place in (known.places if known else []) if place != link.place]
    broker = KnownBroker(to_base32(link.key), name, [*places, link.place], list(link.places) if link.others else [])
    if broker != known:
        files.replace(_pin_path(broker), msgspec.json.encode(broker))


def forget_broker(named: str) -> list[str]:
    """Un-pin the brokers of this name, place, link or fingerprint; returns their fingerprints."""
    place = _place(named)
    called = [broker.fingerprint for broker in known_brokers() if named == broker.name]
    if len(called) > 1:
        raise _ambiguous(named, called)
    gone = []
    for broker in known_brokers():
        if named in (broker.name, broker.fingerprint):
            _pin_path(broker).unlink(missing_ok=True)
        elif place is None or not _forget_place(broker, place):
            continue
        gone.append(broker.fingerprint)
    if not gone:
        raise InputError(f"No broker {named} is known here. See them with: zchat key list.")
    return gone


def _forget_place(broker: KnownBroker, place: str) -> bool:
    """A place is a broker's no more; whether it was."""
    if place not in (*broker.places, *broker.others):
        return False
    broker.places = [other for other in broker.places if other != place]
    broker.others = [other for other in broker.others if other != place]
    if broker.places:
        files.replace(_pin_path(broker), msgspec.json.encode(broker))
    else:
        _pin_path(broker).unlink(missing_ok=True)
    return True


def _pin_path(broker: KnownBroker) -> Path:
    return paths.data() / "brokers" / f"{broker.fingerprint}.json"


# --- nicks and keys -------------------------------------------------------------------------------------------
def key_for(link: Link, nick: str) -> tuple[KeyPair, bool]:
    """The key of a nick at a broker, and whether it was made just now.

    Two first starts at once agree: the index entry appears whole or not at all, and only once.
    """
    index = _nick_path(link, nick)
    while True:
        name = _read_index(index)
        if name is not None:
            return KeyPair.load(_key_path(name)), False
        pair = KeyPair.generate()
        pair.save(_key_path(pair.fingerprint))
        if files.create(index, f"{pair.fingerprint}\n".encode()):
            return pair, True
        _key_path(pair.fingerprint).unlink()


def drop_key(link: Link, nick: str, pair: KeyPair) -> None:
    """Undo `key_for` of a key made just now: the broker did not give us the nick."""
    _nick_path(link, nick).unlink(missing_ok=True)
    _key_path(pair.fingerprint).unlink(missing_ok=True)


def rename_nick(link: Link, old: str, new: str, pair: KeyPair) -> None:
    """A nick's key goes by another nick from now on.

    Whenever this is cut short, one of the nicks or both name the key; with both, the next welcome puts it right.
    """
    after, before = _nick_path(link, names.parse_nick(new)), _nick_path(link, old)
    entry = f"{pair.fingerprint}\n".encode()
    if not files.create(after, entry):
        files.replace(after, entry)
    remember_nick(link, new)
    # By now it may be the entry of another key: somebody of this account took up the old nick.
    if before != after and _read_index(before) == pair.fingerprint:
        before.unlink(missing_ok=True)


def remember_nick(link: Link, nick: str) -> None:
    """This nick is the default at that broker from now on; a disk that is full keeps nobody from talking."""
    if last_nick(link) != nick:
        with contextlib.suppress(OSError):
            files.replace(paths.state() / "nicks" / fingerprint(link.key), nick.encode())


def last_nick(link: Link) -> str | None:
    """The nick last used at a broker."""
    try:
        return names.parse_nick((paths.state() / "nicks" / fingerprint(link.key)).read_text(encoding="utf-8"))
    except (OSError, UnicodeError, InputError):
        return None


def login_nick() -> str | None:
    """The login name made a legal nick."""
    try:
        return names.slug_nick(getpass.getuser())
    except (OSError, KeyError):
        return None


def made_up_nick() -> str:
    """A nick for those whose login name is none."""
    return f"user-{secrets.randbelow(9_000) + 1_000}"


def own_nicks() -> Iterator[tuple[str, str, str]]:
    """(broker fingerprint, folded nick, key fingerprint) of every nick of this account."""
    for path in sorted((paths.data() / "nicks").glob("*/[!.]*")):
        with contextlib.suppress(OSError, UnicodeError):
            yield path.parent.name, path.name, path.read_text(encoding="ascii").strip()


def _read_index(path: Path) -> str | None:
    """The fingerprint in an index file; None when there is no file."""
    try:
        name = path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return None
    except UnicodeError:
        name = ""
    if not re.fullmatch(f"[a-z2-7]{{{FINGERPRINT_CHARACTERS}}}", name):
        raise InputError(f"The file {path} names no key. Restore it from a copy.")
    return name


def _key_path(name: str) -> Path:
    return paths.data() / "keys" / f"{name}.key"


def _nick_path(link: Link, nick: str) -> Path:
    return paths.data() / "nicks" / fingerprint(link.key) / names.fold(nick)
