"""What goes out by ROUTER: the replies of one group of actions, for each connection in as few frames as fit.

Owns this collecting, and what becomes of a frame that cannot be sent. Does not know why something is said (`core`).
Runs in the broker's thread. libzmq, encryption and the kernel cost by the frame, far more than by the byte.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence, Set

import zmq

from ..common import limits, messages as m, wire
from .watching import Watch


class Replies:
    """Replies that have not left. `gone` is told of connections that are no longer there; who has `ended` gets none."""

    def __init__(
        self, router: zmq.Socket[bytes], watch: Watch, ended: Set[bytes], gone: Callable[[bytes], None]
    ) -> None:
        self._router = router
        self._watch = watch
        self._ended = ended
        self._gone = gone
        self._bodies: dict[bytes, list[bytes]] = {}

    def add(self, identities: Sequence[bytes], event: m.Event, since: float) -> None:
        """One event for each of these; `since` is when what it answers came, in monotonic seconds."""
        body = wire.encode(event)
        for identity in identities:
            if identity in self._ended:
                continue
            self._bodies.setdefault(identity, []).append(body)
        self._watch.replied(event, identities, len(body), since)

    def send(self) -> None:
        """Let all of them go."""
        bodies, self._bodies = self._bodies, {}
        for identity, each in bodies.items():
            for body in wire.pack(each, limits.FRAME_BYTES):
                if not self._send_one(identity, body):
                    break

    def _send_one(self, identity: bytes, body: bytes) -> bool:
        """Whether the connection is there, though it may have no room."""
        self._watch.metrics.frames_sent += 1
        try:
            self._router.send_multipart([identity, body], zmq.NOBLOCK)
        except zmq.Again:
            self._watch.dropped(identity)
        except zmq.ZMQError as error:
            if error.errno != zmq.EHOSTUNREACH:
                raise
            self._gone(identity)
            return False
        return True
