"""What one wake-up brought, as groups of actions that are carried out one after the other.

Owns decoding, and where one group ends and the next begins. Does not know what commands mean (`core`), where frames
come from (`server`), nor when a group is carried out (`flow`). Pure; used by the broker's thread alone.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterable
from typing import NamedTuple

from ..common import limits, messages as m, wire
from ..common.clock import Now
from ..common.errors import WireError
from .actions import Action
from .core import Core
from .faults import fault
from .rates import WEIGHTY


class Frame(NamedTuple):
    """What came over one connection."""

    identity: bytes
    user: str
    """The fingerprint of the connection's key, as the gate knows it."""
    address: str
    body: bytes | None
    """Of one command or of many; None when it is not a single frame."""
    came: float = math.inf
    """When, in monotonic seconds, if it may have to wait until it is judged."""


class Group(NamedTuple):
    """What one or more commands come to."""

    actions: list[Action]
    settles: bool
    """All of it is to be carried out before the next group is asked for: what changes who may do what stands alone."""


def groups(core: Core, frames: Iterable[Frame], now: Now) -> Generator[Group, Now | None, None]:
    """The actions of these commands; all of a group share one commit. Who has waited since sends the present time."""
    actions: list[Action] = []
    for frame in frames:
        said = _said(frame)
        # Each message of a pack pays for itself and its share of the bytes: together for no less than all of them.
        size = len(frame.body or b"") // len(said)
        if core.is_shut_out(frame.user, now):
            # To refuse all that it has piled up would take longer than it took to send.
            said = [command for command in said if isinstance(command, m.Hello)]
        if len(said) > 1:
            try:
                run = core.run(frame.identity, frame.user, said, now, size)
            except Exception:  # judged one by one, it costs only what has it
                run = None
                actions.append(fault())
            if run is not None:
                actions.append(run)
                continue
        weighty = 0
        for command in said:
            try:
                if isinstance(command, WireError):
                    actions += core.refuse_frame(frame.identity, frame.user, command, now, size)
                    continue
                settles = core.settles(frame.user, command)
                weighty += settles or type(command) in WEIGHTY
                if weighty > limits.PACK_WEIGHTY:
                    actions += core.put_off(frame.identity, frame.user, command, now, frame.came)
                    continue
                if settles:
                    now = (yield Group(actions, True)) or now
                    actions = []
                actions += core.handle(frame.identity, frame.user, command, now, frame.address, size, frame.came)
                if settles:
                    now = (yield Group(actions, True)) or now
                    actions = []
            except Exception:  # a fault of ours that one client found must not end the others' chat
                id_ = command.id if isinstance(command, m.Say) else None
                failed = WireError("the broker failed on this command", ref=getattr(command, "ref", 0), id=id_)
                actions += [*core.refuse_frame(frame.identity, frame.user, failed, now), fault()]
    yield Group(actions, False)


def _said(frame: Frame) -> list[m.Command | m.Unknown | WireError]:
    if frame.body is None:
        return [WireError("a command is one frame")]
    return wire.decode_commands(frame.body)
