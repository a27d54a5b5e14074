"""Key pairs, fingerprints and links: who somebody is, and where a broker is found.

Owns their text forms and their files' form. Does not know which key belongs to which nick or broker
(`client.account`), nor any socket. Pure but for `KeyPair.generate`, `load` and `save`; any thread.

A user or a broker is a CURVE25519 key pair (RFC 26/CurveZMQ). Keys are written in base32 without padding, since
the usual Z85 has characters that shells and URLs eat.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from . import files
from .errors import InputError

KEY_BYTES = 32
FINGERPRINT_CHARACTERS = 32
DEFAULT_PORT = 5555

MOST_PLACES = 16
"""Brokers in one link."""

_LINK = re.compile(r"zchat://(?P<places>[^/?#]+)/(?P<key>[A-Za-z2-7]+)/?(?:\?(?P<query>[^#]*))?\Z")


def to_base32(raw: bytes) -> str:
    """Bytes in lower-case base32 without padding (RFC 4648)."""
    return base64.b32encode(raw).decode().rstrip("=").lower()


def from_base32(text: str) -> bytes:
    """The bytes of `to_base32`; raises `InputError`."""
    try:
        return base64.b32decode(text.upper() + "=" * (-len(text) % 8))
    except (binascii.Error, ValueError):
        raise InputError("A key is not written in base32. Copy the whole link or key again.") from None


def fingerprint(public: bytes) -> str:
    """The name of a key: 160 bits of its SHA-256 in base32, 32 characters."""
    return to_base32(hashlib.sha256(public).digest())[:FINGERPRINT_CHARACTERS]


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A CURVE key pair, 32 bytes each."""

    public: bytes
    secret: bytes = field(repr=False)

    @classmethod
    def generate(cls) -> KeyPair:
        """A new pair from libzmq's own generator."""
        import zmq
        from zmq.utils import z85

        public, secret = zmq.curve_keypair()
        return cls(z85.decode(public), z85.decode(secret))

    @property
    def fingerprint(self) -> str:
        """The public key's fingerprint."""
        return fingerprint(self.public)

    def save(self, path: Path) -> None:
        """Write a new file only its owner can read (0600); raises FileExistsError."""
        text = f"zchat key 1\npublic {to_base32(self.public)}\nsecret {to_base32(self.secret)}\n"
        if not files.create(path, text.encode()):
            raise FileExistsError(path)

    @classmethod
    def load(cls, path: Path) -> KeyPair:
        """Read what `save` wrote; raises `InputError` when it is something else."""
        try:
            text = path.read_text(encoding="ascii")
        except (OSError, UnicodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not text"
            raise InputError(f"The key file {path} cannot be read ({reason}). Restore it from a copy.") from None
        match text.split():
            case ["zchat", "key", "1", "public", public, "secret", secret]:
                with contextlib.suppress(InputError):
                    pair = cls(from_base32(public), from_base32(secret))
                    if pair.belongs_together:
                        return pair
        raise InputError(f"The file {path} is not a zchat key, or is damaged. Restore it from a copy.")

    @property
    def belongs_together(self) -> bool:
        """Whether the public key is that of the secret one; with another, a broker would refuse without a word."""
        if len(self.secret) != KEY_BYTES:
            return False
        import zmq
        from zmq.utils import z85

        return bool(z85.decode(zmq.curve_public(z85.encode(self.secret))) == self.public)


@dataclass(frozen=True, slots=True)
class Link:
    """Where a broker is and by which key it is known: ``zchat://HOST:PORT[,HOST:PORT…]/KEY[?invite=TOKEN]``.

    Several places are those of several brokers with one key, which are one chat.
    """

    host: str
    port: int
    key: bytes
    invite: str = field(default="", repr=False)
    """The token of an invitation, a secret; no part of what the broker is known by."""
    others: tuple[str, ...] = ()
    """The places of the other brokers of this chat, in the order in which they are tried."""

    def __str__(self) -> str:
        return f"zchat://{','.join(self.places)}/{to_base32(self.key)}"

    @property
    def with_invite(self) -> str:
        """The link with its invitation, to be given to one person; `str` leaves the secret out."""
        return f"{self}?invite={self.invite}" if self.invite else str(self)

    @property
    def place(self) -> str:
        """``HOST:PORT``, an IPv6 address in brackets."""
        return join_place(self.host, self.port)

    @property
    def places(self) -> tuple[str, ...]:
        """All places, that of this broker first."""
        return self.place, *self.others

    @property
    def onward(self) -> Link:
        """The link to the next of these brokers, after which this one comes last."""
        return self.at(self.others[0]) if self.others else self

    def at(self, place: str) -> Link:
        """The link that begins with this one of its places."""
        first = self.places.index(place)
        return Link(*split_place(place), self.key, self.invite, (*self.places[first + 1 :], *self.places[:first]))

    def beside(self, others: Iterable[str]) -> Link:
        """The link with these other places instead of those that it names."""
        new = tuple(dict.fromkeys(other for other in others if other != self.place))
        return Link(self.host, self.port, self.key, self.invite, new)

    @classmethod
    def parse(cls, text: str) -> Link:
        """The link in a text; raises `InputError`."""
        match = _LINK.match(text.strip())
        if match is None:
            raise InputError(
                "That is not a link of the form zchat://HOST:PORT/KEY. Copy the line that the broker printed."
            )
        first, *others = (split_place(place) for place in match["places"].split(",", MOST_PLACES))
        if len(others) >= MOST_PLACES:
            raise InputError(f"A link names at most {MOST_PLACES} brokers. Take some of them out.")
        key = from_base32(match["key"])
        if len(key) != KEY_BYTES:
            raise InputError("The key in the link is cut short. Copy the whole line that the broker printed.")
        link = cls(*first, key, _invite(match["query"] or ""))
        return link.beside(join_place(*other) for other in others)


def _invite(query: str) -> str:
    """The invitation in a link's query; what else stands there is for later versions."""
    for part in query.split("&"):
        name, _, token = part.partition("=")
        if name == "invite":
            if not re.fullmatch(r"[a-z2-7]{1,64}", token):
                raise InputError("The invitation in the link is damaged. Copy the whole link again.")
            return token
    return ""


def fingerprint_of(text: str) -> str | None:
    """The fingerprint that a text names, itself one or a public key in base32; None when it is neither."""
    text = text.lower()
    if len(text) == FINGERPRINT_CHARACTERS and re.fullmatch("[a-z2-7]+", text):
        return text
    with contextlib.suppress(InputError):
        key = from_base32(text)
        return fingerprint(key) if len(key) == KEY_BYTES else None
    return None


def join_place(host: str, port: int) -> str:
    """``HOST:PORT``, an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def split_place(text: str) -> tuple[str, int]:
    """Host and port of ``HOST[:PORT]``; the default port when none is given. Raises `InputError`."""
    match = re.match(r"(?:\[(?P<v6>[0-9A-Fa-f:.%\w]+)\]|(?P<host>[\w.\-]+))(?::(?P<port>\d{1,5}))?\Z", text)
    if match is None:
        raise InputError("A broker is named as HOST or HOST:PORT (an IPv6 address in brackets). Check it.")
    port = int(match["port"] or DEFAULT_PORT)
    if not 1 <= port <= 65_535:
        raise InputError("A port is a number from 1 to 65535. Check the broker's address.")
    return match["v6"] or match["host"], port
