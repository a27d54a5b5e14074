"""Who subscribes at PUB: counted, and cut when they may not listen or ask for more than anybody needs.

Owns what is read from PUB. Does not know what is published. Runs in the broker's thread.
"""

from __future__ import annotations

from collections.abc import Iterator

import zmq

from ..common import clock, limits
from ..common.clock import Now
from .connections import Connections, Peer
from .core import Core
from .policy import Policy
from .sockets import holds_something


class Subscriptions:
    """The subscriptions at one PUB socket."""

    def __init__(self, pub: zmq.Socket[bytes], listeners: Connections, core: Core, policy: Policy) -> None:
        self._pub = pub
        self._listeners = listeners
        self._core = core
        self._policy = policy

    def take(self) -> Iterator[tuple[str, Now]]:
        """Take in what has come; each key that asked for too much, and when."""
        taken = 0
        while taken < limits.DRAIN and holds_something(self._pub):
            frame = self._pub.recv(zmq.NOBLOCK, copy=False)
            now = clock.read()
            try:
                peer = self._listeners.spoke(frame, now.mono)
            except zmq.ZMQError:
                continue  # libzmq's own word that a connection has ended: it is nobody's
            if peer.ending:
                continue  # what was under way when it was cut; there is not much of it (`limits.PUB_RECEIVE_BYTES`)
            taken += 1
            if self._asks_too_much(peer, frame.bytes, now):
                yield peer.user, now

    def _asks_too_much(self, peer: Peer, frame: bytes, now: Now) -> bool:
        """Count a subscription, and cut who may not listen; True when they asked for more than anybody needs."""
        # 1: subscribe, 0: unsubscribe (RFC 29/PUBSUB); whatever comes costs us something, so everything counts.
        peer.subscriptions += 1
        peer.topics += len(frame) if frame[:1] == b"\1" else 0
        ears = self._listeners.of_user(peer.user)
        too_much = (
            frame[:1] not in (b"\0", b"\1")
            or peer.subscriptions > self._policy.subscriptions
            or sum(ear.topics for ear in ears) > limits.TOPIC_BYTES
            or len(ears) > 2 * self._core.sessions_of(peer.user) + limits.SPARE_EARS
        )
        if too_much or not self._core.admission.may_listen(peer.user, peer.address, now):
            self._listeners.cut_one(peer)
        return too_much
