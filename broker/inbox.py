"""What one wake-up brought, as groups of actions that are carried out one after the other.

Owns decoding, and where one group ends and the next begins. Does not know what commands mean (`core`) nor where frames
come from (`server`). Pure; used by the broker's thread alone.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ..common import messages as m, wire
from ..common.clock import Now
from ..common.errors import WireError
from .actions import Action, Log
from .core import Core


class Frame(NamedTuple):
    """What came over one connection."""

    identity: bytes
    user: str
    """The fingerprint of the connection's key, as the gate knows it."""
    address: str
    body: bytes | None
    """None when it is not a single frame."""


def groups(core: Core, frames: Iterable[Frame], now: Now) -> Iterator[list[Action]]:
    """The actions of these commands, and of the questions whose turn it is; all of a group share one commit.

    Each group is to be carried out before the next one is asked for: what changes who may do what stands alone.
    """
    actions: list[Action] = []
    for frame in frames:
        command: m.Command | m.Unknown | None = None
        size = len(frame.body or b"")
        try:
            if frame.body is None:
                raise WireError("a command is one frame")
            command = wire.decode_command(frame.body)
            settles = core.settles(frame.user, command)
            if settles and actions:
                yield actions
                actions = []
            actions += core.handle(frame.identity, frame.user, command, now, frame.address, size)
            if settles:
                yield actions
                actions = []
        except WireError as error:
            actions += core.refuse_frame(frame.identity, frame.user, error, now, size)
        except Exception:  # a fault of ours that one client found must not end the others' chat
            id_ = command.id if isinstance(command, m.Say) else None
            fault = WireError("the broker failed on this command", ref=getattr(command, "ref", 0), id=id_)
            actions += [
                *core.refuse_frame(frame.identity, frame.user, fault, now),
                Log(traceback.format_exc(), True, "fault"),
            ]
    yield [*actions, *core.turn(now)]
