"""Messages to bytes and back, and the topics of the PUB socket.

Owns the version byte, msgpack and the forward rule. Does not know what a message means. Pure; any thread.

A body is one version byte and one msgpack map with a ``type``, or an array of such maps: a pack. ROUTER/DEALER carry
a body as one frame, PUB carries ``[topic, body]``. A map may hold keys and a ``type`` that this version does not know:
keys are skipped, a type becomes `Unknown`. Whatever comes is decoded into messages and `WireError`s; any exception
but that is a bug here.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from functools import reduce
from operator import or_
from typing import Any, TypeVar, cast

import msgspec

from . import batches
from .batches import Filling as Filling, entry_size as entry_size
from .errors import Code, WireError
from .limits import FRAME_ENTRIES, ID_CHARACTERS, PACK_MESSAGES
from .messages import Command, Event, Message, Unknown

VERSION = 1
"""The protocol's version, apart from the program's; it changes only when old and new cannot talk."""

BEACON_TOPIC = b"\0"
"""The topic of `Beacon`: no room's topic begins with NUL."""

PACK_HEAD = 4
"""Bytes of a pack before its messages, at most."""
_PREFIX = bytes([VERSION])
_ARRAYS = frozenset(bytes([byte]) for byte in (*range(0x90, 0xA0), 0xDC, 0xDD))
"""How an array begins in msgpack."""
_BROKEN = (msgspec.MsgspecError, ValueError, RecursionError, OverflowError)
_encoder = msgspec.msgpack.Encoder()
_commands: msgspec.msgpack.Decoder[Command] = msgspec.msgpack.Decoder(Command)
_command_packs: msgspec.msgpack.Decoder[list[Command]] = msgspec.msgpack.Decoder(list[Command])
_Event: Any = reduce(or_, (batches.FORMS.get(kind, kind) for kind in Event.__args__))
_events: msgspec.msgpack.Decoder[Event] = msgspec.msgpack.Decoder(_Event)
_event_packs: msgspec.msgpack.Decoder[list[Event]] = msgspec.msgpack.Decoder(list[_Event])
_FORMS = frozenset(batches.FORMS.values())
_raws = msgspec.msgpack.Decoder(list[msgspec.Raw])

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
    return _PREFIX + _encoder.encode(batches.form_of(message))


def pack(bodies: Iterable[bytes], most: int) -> Iterator[bytes]:
    """Bodies of one message each, in order, as few bodies of many; only a single one is larger than so many bytes."""
    together: list[bytes] = []
    size = 0
    for body in bodies:
        size += len(body)
        if together and (size + PACK_HEAD > most or len(together) == PACK_MESSAGES):
            yield _join(together)
            together, size = [], len(body)
        together.append(body)
    if together:
        yield _join(together)


def _join(bodies: list[bytes]) -> bytes:
    count = len(bodies)
    if count == 1:
        return bodies[0]
    head = bytes([0x90 | count]) if count < 16 else b"\xdc" + count.to_bytes(2, "big")
    return b"".join([_PREFIX, head, *(body[1:] for body in bodies)])


def decode_commands(body: bytes) -> list[Command | Unknown | WireError]:
    """All that a client said in one body; in the place of what is no command is what is wrong with it."""
    if body[1:2] not in _ARRAYS:
        return [_judged(body, _commands, COMMAND_TYPES, _Opener())]
    return _decode_pack(body, _commands, COMMAND_TYPES, _command_packs)


def decode_events(body: bytes) -> list[Event | Unknown | WireError]:
    """All that a broker said in one body; in the place of what is no event is what is wrong with it."""
    if body[1:2] not in _ARRAYS:
        return [_judged(body, _events, EVENT_TYPES, _Opener())]
    return _decode_pack(body, _events, EVENT_TYPES, _event_packs)


def decode_command(body: bytes | memoryview) -> Command | Unknown:
    """What a client said in a body of one message; raises `WireError` when it is not a command."""
    return _decode(body, _commands, COMMAND_TYPES, _Opener())


def decode_event(body: bytes | memoryview) -> Event | Unknown:
    """What a broker said in a body of one message; raises `WireError` when it is not an event."""
    return _decode(body, _events, EVENT_TYPES, _Opener())


def _decode_pack(
    body: bytes, one: msgspec.msgpack.Decoder[M], known: frozenset[str], packs: msgspec.msgpack.Decoder[list[M]]
) -> list[M | Unknown | WireError]:
    if body[0] != VERSION:
        return [_judged(body, one, known, _Opener())]
    kind = body[1]
    count = kind & 0x0F if kind & 0xF0 == 0x90 else int.from_bytes(body[2 : 4 if kind == 0xDC else 6], "big")
    if not 1 <= count <= PACK_MESSAGES:
        return [WireError(f"the frame holds {count} messages, not 1 to {PACK_MESSAGES}")]
    view = memoryview(body)[1:]
    try:
        open_ = _Opener()
        return [open_(message) for message in packs.decode(view)]
    except _BROKEN:
        pass  # one by one, so that what is wrong or unknown costs only itself
    try:
        open_ = _Opener()
        return [_judged(_PREFIX + bytes(raw), one, known, open_) for raw in _raws.decode(view)]
    except _BROKEN as error:
        return [WireError(f"the frame is not a pack of messages: {_brief(error)}")]


def _judged(
    body: bytes, decoder: msgspec.msgpack.Decoder[M], known: frozenset[str], open_: _Opener
) -> M | Unknown | WireError:
    try:
        return _decode(body, decoder, known, open_)
    except WireError as error:
        return error


class _Opener:
    """Brings the messages of one frame out of the forms in which they travel; what comes to too much is broken."""

    def __init__(self) -> None:
        self._left = FRAME_ENTRIES

    def __call__(self, message: M) -> M:
        if type(message) not in _FORMS:
            return message
        form = cast("batches.Form", message)
        if form.count > self._left:  # looked at first: of one byte an entry can be made, which takes hundreds
            raise ValueError(f"the frame holds more than {FRAME_ENTRIES} entries")
        self._left -= form.count
        return cast("M", form.opened())


def _decode(
    body: bytes | memoryview, decoder: msgspec.msgpack.Decoder[M], known: frozenset[str], open_: _Opener
) -> M | Unknown:
    view = memoryview(body)
    if len(view) < 2:
        raise WireError("the frame is empty")
    if view[0] != VERSION:
        raise WireError(
            f"the frame speaks version {view[0]} of the protocol, this side speaks {VERSION}", Code.BAD_VERSION
        )
    try:
        return open_(decoder.decode(view[1:]))
    except _BROKEN as error:
        head = _head(view[1:])
        if isinstance(head.type, str) and head.type not in known:
            return Unknown(kind=head.type)
        ref = head.ref if type(head.ref) is int and 0 <= head.ref < 2**63 else 0
        id_ = head.id if isinstance(head.id, str) and len(head.id) <= ID_CHARACTERS else None
        raise WireError(f"the frame is not a message: {_brief(error)}", ref=ref, id=id_) from None


def _head(body: memoryview) -> _Head:
    try:
        return _heads.decode(body)
    except _BROKEN:
        return _Head()


def _brief(error: BaseException) -> str:
    # Parts of the peer's bytes may be quoted in the library's text, so it is cut and made plain ASCII.
    return ascii(str(error))[1:-1][:200]


def digest(rooms: Iterable[str]) -> int:
    """A number that two sides compare to know whether they mean the same rooms, given by their ids.

    CRC-32 (ISO 3309, as in zlib) of the ids in ascending order, joined by NUL, in UTF-8.
    """
    return zlib.crc32("\0".join(sorted(rooms)).encode("utf-8", "surrogatepass"))


def topic(room: str) -> bytes:
    """The PUB topic of a room by its folded name: NUL-ended, since SUB matches prefixes (zguide, ch. 5)."""
    return room.encode() + b"\0"
