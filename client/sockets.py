"""The network sockets of a client: DEALER or SUB, each with the monitor that tells how its connection ends.

Owns their options, and that socket and monitor are closed together. Does not know what is sent (`connection`), nor
what an end means (`trouble`). Used by the receive thread.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

import zmq
from zmq.utils import z85

from ..common import limits
from ..common.keys import KeyPair, Link, join_place
from ..common.signals import uninterrupted

# Event and value (zmq_socket_monitor(3)). zmq.utils.monitor does the same, and loads asyncio at every start.
_TOLD = struct.Struct("=Hi")
_EVENTS = (
    zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
    | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
    | zmq.EVENT_HANDSHAKE_FAILED_AUTH
    | zmq.EVENT_CLOSED
    | zmq.EVENT_DISCONNECTED
)
"""Every way in which a connection ends or does not begin."""


class Monitored:
    """One socket that makes one connection to the broker, and its monitor."""

    @uninterrupted()
    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], kind: zmq.SocketType, link: Link, key: KeyPair) -> None:
        self._host = link.host
        self.socket = socket = context.socket(kind)
        socket.linger = 0
        socket.ipv6 = ":" in link.host or not link.host.replace(".", "").isdigit()
        socket.curve_serverkey = z85.encode(link.key)
        socket.curve_publickey = z85.encode(key.public)
        socket.curve_secretkey = z85.encode(key.secret)
        # Never: the core dials. Not -1, since libzmq then drops what has come but is not yet read when the peer closes.
        socket.reconnect_ivl = 3_600_000
        socket.connect_timeout = 3_000
        socket.handshake_ivl = int(limits.HANDSHAKE * 1_000)
        socket.maxmsgsize = limits.CLIENT_FRAME_BYTES
        socket.rcvhwm = limits.CLIENT_INBOX
        self.monitor = socket.get_monitor_socket(_EVENTS)

    def connect(self, port: int) -> None:
        """Begin to connect to a port of the broker's host; raises `zmq.ZMQError`."""
        self.socket.connect(f"tcp://{join_place(self._host, port)}")

    def events(self) -> Iterator[tuple[int, int]]:
        """What the monitor has to tell now: event and value; ends when it is closed, too."""
        while not self.monitor.closed:
            try:
                told, _ = self.monitor.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            event, value = _TOLD.unpack(told)
            yield event, value

    def close(self, linger: int = 0) -> None:
        """Close both; a monitor that stays open would hang the context's end."""
        self.socket.disable_monitor()
        self.socket.close(linger=linger)
        self.monitor.close(linger=0)
