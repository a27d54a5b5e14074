"""What has come while the history stands still: it is kept aside in its order, and pings are answered at once.

Owns that order. Does not know what a command means (`core`), nor when the rest is judged (`server`, `flow`).
Pure; used by the broker's thread alone.

A database may be silent for seconds. A client that is told nothing meanwhile takes its broker for gone and looks for
another, though nothing is wrong but what all of them have behind them. A ping needs nothing of the history, and whether
it is answered before or after what is still to be judged no client can tell: an ack may come later as well.
"""

from __future__ import annotations

from collections import deque

from ..common import limits, messages as m, wire
from ..common.clock import Now
from .actions import Action
from .core import Core
from .inbox import Frame


class Aside:
    """Frames that came and are not judged yet."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._frames: deque[Frame] = deque()

    def __bool__(self) -> bool:
        return bool(self._frames)

    @property
    def full(self) -> bool:
        """Whether no more are taken: what comes then is left to the network."""
        return len(self._frames) >= limits.ASIDE_FRAMES

    def take(self, frame: Frame, now: Now) -> list[Action]:
        """Answer a ping of somebody who is in; keep all else."""
        said = wire.decode_commands(frame.body) if frame.body is not None else []
        match said:
            case [m.Ping() as ping] if self._core.greeted(frame.identity):
                return self._core.handle(frame.identity, frame.user, ping, now, frame.address, len(frame.body or b""))
        self._frames.append(frame)
        return []

    def next(self) -> Frame:
        """The first of them; there must be one."""
        return self._frames.popleft()
