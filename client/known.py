"""Names that this account has met at its brokers, for completion and nothing else.

Owns these files, and what is offered for a word that is half typed. Does not know shells. Main thread.

    state/names/BROKER.json    {"rooms": [...], "nicks": [...]}, the one last met first

BROKER is the fingerprint of a broker's key.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import msgspec

from ..common import files, paths
from ..common.errors import ZchatError
from ..common.names import LOBBY, PRIVATE_MARK

NameKind = Literal["room", "nick", "own", "broker"]
"""``own``: a nick of this account's."""
_PLAIN = re.compile(r"\w[\w.:-]*")

MOST = 200
"""Names kept of each kind."""


class Names(msgspec.Struct):
    """What was met at one broker."""

    rooms: list[str] = []
    nicks: list[str] = []


def remember(broker: str, *, rooms: Iterable[str] = (), nicks: Iterable[str] = ()) -> None:
    """Note names that were met at a broker (by fingerprint), the last one last; what cannot be noted is let go."""
    known = _load(_path(broker))
    used = Names(_merged(rooms, known.rooms), _merged(nicks, known.nicks))
    if used != known:
        with contextlib.suppress(OSError):
            files.replace(_path(broker), msgspec.json.encode(used))


def offered(kind: NameKind, begun: str) -> list[str]:
    """What a word that is half typed can become; nothing when the account's files cannot be read."""
    with contextlib.suppress(ZchatError, OSError):
        # What others chose as a name could mean something to a shell; bash takes a colon for the end of a word.
        words = dict.fromkeys(word for word in _all(kind) if _PLAIN.fullmatch(word) and word.startswith(begun))
        return [] if ":" in begun else list(words)
    return []


def _all(kind: NameKind) -> list[str]:
    from . import account

    match kind:
        case "broker":
            brokers = account.known_brokers()
            return [*(broker.name for broker in brokers), *(place for broker in brokers for place in broker.places)]
        case "own":
            return [nick for _, nick, _ in account.own_nicks()]
    met = [_load(path) for path in sorted((paths.state() / "names").glob("*.json"))]
    if kind == "room":
        return [LOBBY, *(room for names in met for room in names.rooms)]
    return [nick for names in met for nick in names.nicks]


def _merged(used: Iterable[str], known: list[str]) -> list[str]:
    fresh = [name for name in used if not name.startswith(PRIVATE_MARK)]
    return list(dict.fromkeys([*reversed(fresh), *known]))[:MOST]


def _load(path: Path) -> Names:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Names)
    except (OSError, msgspec.MsgspecError, UnicodeError):
        return Names()


def _path(broker: str) -> Path:
    return paths.state() / "names" / f"{broker}.json"
