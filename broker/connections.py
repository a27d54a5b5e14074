"""Which TCP connection is whose: to end those that may not stay, those that never say who they are, and who floods.

Owns the table of connections of both sockets, and the sockets' monitors. Does not know sessions or rooms. Runs in the
broker's thread.

libzmq tells the descriptor on which a frame came, and its monitor tells when a descriptor is opened and closed. A
connection is ended by shutting it down, never by closing the descriptor: that stays libzmq's. Between the look and the
shutdown the descriptor may already belong to another connection, so the peer's address is compared.

XPUB_VERBOSER makes libzmq pass every single subscription up, with the key and the descriptor that it came from. Who has
not subscribed gets nothing, so every connection that could hear anything is known here.
"""

from __future__ import annotations

import contextlib
import itertools
import socket
import struct
import sys
from collections.abc import Callable, Collection, Container, Iterator
from dataclasses import dataclass

import zmq

from .actions import Cut
from .admission import Network, network_of, within
from .sockets import holds_something

# Event and value (zmq_socket_monitor(3)). zmq.utils.monitor does the same, and loads asyncio at every start.
_TOLD = struct.Struct("=Hi")
_EVENTS = zmq.EVENT_ACCEPTED | zmq.EVENT_DISCONNECTED
_numbers = itertools.count()
# What a frame takes beside its content: encryption, and a head that is short for up to 255 bytes (ZMTP 3.1, CurveZMQ).
_SEALED, _SHORT, _SHORT_HEAD, _LONG_HEAD = 33, 255, 2, 9
_LIVING = 100
"""Bytes a second that signs of life of a connection may take."""
_TCP_INFO = getattr(socket, "TCP_INFO", None) if sys.platform == "linux" else None
_RECEIVED = struct.Struct("=128xQ")
"""The bytes that have come, as the kernel counts them (linux/tcp.h, tcpi_bytes_received)."""


@dataclass(slots=True)
class Peer:
    """One TCP connection."""

    since: float
    """When it was opened, in monotonic seconds."""
    peername: object
    """Where from, address and port."""
    user: str = ""
    address: str = ""
    identity: bytes = b""
    """ROUTER's name for it; empty until it has sent something, and at PUB."""
    subscriptions: int = 0
    """How many frames it has sent to PUB."""
    topics: int = 0
    """Bytes of the topics it has subscribed to."""
    taken: int = 0
    """Bytes of its frames that were read, as they travel."""
    ending: bool = False
    """It has been cut; what still comes is what was under way."""

    def matches(self, key: str, network: Network | None) -> bool:
        """Whether it belongs to a key or network."""
        return self.user == key if network is None else bool(self.address) and within(self.address, network)


class Connections:
    """The connections of one listening socket."""

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], listening: zmq.Socket[bytes]) -> None:
        self._peers: dict[int, Peer] = {}
        self._by_identity: dict[bytes, int] = {}
        self._of_user: dict[str, set[int]] = {}
        self.ended: list[bytes] = []
        """Identities whose connections have ended since this list was emptied: another may take the name now."""
        self._listening = listening
        self.monitor = context.socket(zmq.PAIR)
        """Readable when connections have been opened or closed."""
        self.monitor.linger = 0
        # Without a bound: libzmq's network thread would wait for a reader, and everybody with it.
        self.monitor.rcvhwm = 0
        endpoint = f"inproc://monitor-{next(_numbers)}"
        listening.monitor(endpoint, _EVENTS)
        self.monitor.connect(endpoint)

    def close(self) -> None:
        """Give up the monitor; an open one would hang the context's end."""
        with contextlib.suppress(zmq.ZMQError):
            self._listening.monitor(None, 0)
        self.monitor.close()

    def __len__(self) -> int:
        return len(self._peers)

    def watch(self, mono: float) -> None:
        """Take in what the monitor tells."""
        while holds_something(self.monitor):
            told, _ = self.monitor.recv_multipart(zmq.NOBLOCK)
            event, descriptor = _TOLD.unpack(told)
            self._forget(descriptor)
            if event == zmq.EVENT_ACCEPTED:
                self._peers[descriptor] = Peer(mono, _peername(descriptor))

    def _forget(self, descriptor: int) -> None:
        peer = self._peers.pop(descriptor, None)
        if peer is not None and self._disown(descriptor, peer):
            self.ended.append(peer.identity)

    def _disown(self, descriptor: int, peer: Peer) -> bool:
        """Nobody is known to be at this connection any more; whether it was somebody with a name at ROUTER."""
        self._of_user.get(peer.user, set()).discard(descriptor)
        if not self._of_user.get(peer.user, True):
            del self._of_user[peer.user]
        named = self._by_identity.get(peer.identity) == descriptor
        if named:
            del self._by_identity[peer.identity]
        return named

    def is_there(self, identity: bytes) -> bool:
        """Whether a connection has this name now."""
        return identity in self._by_identity

    def of_user(self, user: str) -> list[Peer]:
        """The connections of a key."""
        return [self._peers[descriptor] for descriptor in self._of_user.get(user, ())]

    def spoke(self, frame: zmq.Frame, mono: float, identity: bytes = b"") -> Peer:
        """A frame came: whose connection it is."""
        user = str(frame.get("User-Id"))
        descriptor = self._by_identity.get(identity, -1) if identity else int(frame.get(zmq.SRCFD))
        peer = self._peers.get(descriptor)
        if peer is not None and peer.user == user:
            peer.taken += _travelling(len(frame))
            return peer
        # That it was opened has been told by now, and so has the end of who had this descriptor before.
        self.watch(mono)
        descriptor = int(frame.get(zmq.SRCFD))
        peer = self._peers.get(descriptor) or Peer(mono, None)  # closed already; what it sent was still waiting
        # Or its descriptor is another one's by now, who is taken for it until they say something themselves.
        self._disown(descriptor, peer)
        peer.user, peer.address = user, str(frame.get("Peer-Address"))
        peer.taken += _travelling(len(frame))
        if descriptor in self._peers:
            self._of_user.setdefault(user, set()).add(descriptor)
            if identity:
                peer.identity = identity
                self._by_identity[identity] = descriptor
        return peer

    def waiting(self, mono: float, users: Collection[str] | None = None) -> dict[str, int]:
        """About how many bytes of each key, or of each of these, have come that were not read yet.

        Nothing where the system does not tell.
        """
        waiting: dict[str, int] = {}
        for user in self._of_user if users is None else users:
            for descriptor in self._of_user.get(user, ()):
                peer = self._peers[descriptor]
                left = _received(descriptor) - peer.taken - round((mono - peer.since) * _LIVING)
                waiting[user] = waiting.get(user, 0) + max(0, left)
        return waiting

    def cut(self, cut: Cut) -> int:
        """End the connections of a key or network; how many."""
        network = network_of(cut.network) if cut.network else None
        return self._cut(lambda peer: peer.user != cut.spare and peer.matches(cut.key, network))

    def cut_silent(self, mono: float, patience: float, greeted: Callable[[bytes], bool]) -> int:
        """End those that have not said hello, or not subscribed, within their time; how many."""

        def silent(peer: Peer) -> bool:
            known = greeted(peer.identity) if peer.identity else peer.subscriptions > 0
            return not known and mono - peer.since > patience

        return self._cut(silent)

    def cut_others(self, live: Container[str]) -> int:
        """End those of keys that have no session any more; how many."""
        return self._cut(lambda peer: bool(peer.user) and peer.user not in live)

    def cut_one(self, peer: Peer) -> None:
        """End this one."""
        self._cut(lambda other: other is peer)

    def _cut(self, doomed: Callable[[Peer], bool]) -> int:
        found = [(descriptor, peer) for descriptor, peer in self._peers.items() if not peer.ending and doomed(peer)]
        for descriptor, peer in found:
            peer.ending = True
            with contextlib.suppress(OSError), _borrowed(descriptor) as connection:
                if connection.getpeername() == peer.peername:
                    connection.shutdown(socket.SHUT_RDWR)
        return len(found)


@contextlib.contextmanager
def _borrowed(descriptor: int) -> Iterator[socket.socket]:
    """The connection with a descriptor that stays libzmq's; no duplicate, which could not be had when they run out."""
    connection = socket.socket(fileno=descriptor)
    try:
        yield connection
    finally:
        connection.detach()


def _travelling(size: int) -> int:
    """How many bytes a frame of this size takes on its way."""
    sealed = size + _SEALED
    return sealed + (_SHORT_HEAD if sealed <= _SHORT else _LONG_HEAD)


def _received(descriptor: int) -> int:
    """How many bytes have come over a connection."""
    if _TCP_INFO is None:
        return 0
    try:
        with _borrowed(descriptor) as connection:
            told = connection.getsockopt(socket.IPPROTO_TCP, _TCP_INFO, _RECEIVED.size)
    except OSError:
        return 0
    return int(_RECEIVED.unpack(told)[0]) if len(told) == _RECEIVED.size else 0


def _peername(descriptor: int) -> object:
    try:
        with _borrowed(descriptor) as connection:
            return connection.getpeername()
    except OSError:
        return None
