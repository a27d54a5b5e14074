"""Messages to bytes and back, and the topics of the PUB socket.

Owns the version byte, msgpack and the forward rule. Does not know what a message means. Pure; any thread.

A body is one version byte and one msgpack map with a ``type``. ROUTER/DEALER carry a body as one frame, PUB
carries ``[topic, body]``. A map may hold keys and a ``type`` that this version does not know: keys are skipped,
a type becomes `Unknown`. `decode_command` and `decode_event` return a message or raise `WireError`; any other
exception is a bug here.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import TypeVar

import msgspec

from .errors import Code, WireError
from .limits import ID_CHARACTERS
from .messages import Command, Entry, Event, Message, Unknown

VERSION = 1
"""The protocol's version, apart from the program's; it changes only when old and new cannot talk."""

BEACON_TOPIC = b"\0"
"""The topic of `Beacon`: no room's topic begins with NUL."""

_PREFIX = bytes([VERSION])
_encoder = msgspec.msgpack.Encoder()
_commands: msgspec.msgpack.Decoder[Command] = msgspec.msgpack.Decoder(Command)
_events: msgspec.msgpack.Decoder[Event] = msgspec.msgpack.Decoder(Event)

M = TypeVar("M", bound=Message)


class _Head(msgspec.Struct):
    """What can be told of a body that is no message; nothing in it has been checked."""

    type: object = None
    ref: object = 0
    id: object = None


_heads = msgspec.msgpack.Decoder(_Head)


def _types(union: object) -> frozenset[str]:
    return frozenset(member.__name__.lower() for member in getattr(union, "__args__", ()))


COMMAND_TYPES = _types(Command)
EVENT_TYPES = _types(Event)


def encode(message: Message) -> bytes:
    """One message as a body."""
    return _PREFIX + _encoder.encode(message)


def decode_command(body: bytes | memoryview) -> Command | Unknown:
    """What a client said; raises `WireError` when it is not a command."""
    return _decode(body, _commands, COMMAND_TYPES)


def decode_event(body: bytes | memoryview) -> Event | Unknown:
    """What a broker said; raises `WireError` when it is not an event."""
    return _decode(body, _events, EVENT_TYPES)


def _decode(body: bytes | memoryview, decoder: msgspec.msgpack.Decoder[M], known: frozenset[str]) -> M | Unknown:
    view = memoryview(body)
    if len(view) < 2:
        raise WireError("the frame is empty")
    if view[0] != VERSION:
        raise WireError(
            f"the frame speaks version {view[0]} of the protocol, this side speaks {VERSION}", Code.BAD_VERSION
        )
    try:
        return decoder.decode(view[1:])
    except (msgspec.MsgspecError, ValueError, RecursionError, OverflowError) as error:
        head = _head(view[1:])
        if isinstance(head.type, str) and head.type not in known:
            return Unknown(kind=head.type)
        ref = head.ref if type(head.ref) is int and 0 <= head.ref < 2**63 else 0
        id_ = head.id if isinstance(head.id, str) and len(head.id) <= ID_CHARACTERS else None
        raise WireError(f"the frame is not a message: {_brief(error)}", ref=ref, id=id_) from None


def _head(body: memoryview) -> _Head:
    try:
        return _heads.decode(body)
    except (msgspec.MsgspecError, ValueError, RecursionError, OverflowError):
        return _Head()


def _brief(error: BaseException) -> str:
    # Parts of the peer's bytes may be quoted in the library's text, so it is cut and made plain ASCII.
    return ascii(str(error))[1:-1][:200]


def entry_size(entry: Entry) -> int:
    """About how many bytes an entry takes in a frame; never less."""
    size = len(entry.text.encode()) + len(entry.nick.encode()) + len((entry.to or "").encode()) + len(entry.id) + 160
    return size + sum(len(choice.encode()) + 3 for choice in entry.choices) if entry.choices else size


def digest(rooms: Iterable[str]) -> int:
    """A number that two sides compare to know whether they mean the same rooms, given by their ids.

    CRC-32 (ISO 3309, as in zlib) of the ids in ascending order, joined by NUL, in UTF-8.
    """
    return zlib.crc32("\0".join(sorted(rooms)).encode("utf-8", "surrogatepass"))


def topic(room: str) -> bytes:
    """The PUB topic of a room by its folded name: NUL-ended, since SUB matches prefixes (zguide, ch. 5)."""
    return room.encode() + b"\0"
