"""The keys of a chat that several brokers share: each has a copy of the same.

Owns what the history holds of them, and what each of the brokers makes of the operator's by itself. Does not know where
keys lie (`home`). Used once at start, by the broker's thread.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec

from ..common.errors import InputError
from ..common.keys import KeyPair, to_base32
from .history import Conflict, History, Put

KEYS, CHAT = "keys", "chat"
"""Table of the small state, and the one name in it: the `KeysState` of the chat."""


class KeysState(msgspec.Struct, frozen=True):
    """By which keys the brokers of a chat are known."""

    broker: str
    """The public key, as it stands in links."""
    operator: str
    """The fingerprint of the operator's."""


def check_keys(history: History, broker: KeyPair, operator: KeyPair, folder: Path) -> None:
    """The keys in this folder are the chat's; the first broker's become that. Raises `InputError`, or `NotStored`."""
    if not history.shared:
        return
    ours = KeysState(to_base32(broker.public), operator.fingerprint)
    value, _ = history.table(KEYS).get(CHAT, (b"", 0))
    if not value:
        (outcome,) = history.commit([Put(KEYS, CHAT, msgspec.msgpack.encode(ours), expect=0)])
        if not isinstance(outcome, Conflict):
            return
        value = outcome.value
    theirs = msgspec.msgpack.decode(value, type=KeysState)
    if theirs != ours:
        whose = f"broker's key, {theirs.broker}" if theirs.broker != ours.broker else f"operator, {theirs.operator}"
        raise InputError(
            f"The chat in this database has another {whose}. Copy broker.key and operator.key from the folder of one of"
            f" its brokers into {folder}; docs/operating.md tells how a chat gets new ones."
        )


def own_invitation(operator: KeyPair, history: History) -> str:
    """What lets the account's own users in at each of the brokers: none can know it but who has the operator's key."""
    secret = hashlib.blake2b(history.id.encode(), key=operator.secret, digest_size=16, person=b"zchat own invit")
    return to_base32(secret.digest())
