"""Bare sockets at a broker, for clients that measure or flood: no queue of ours, no repeating, no politeness.

Owns how they are opened, and how a new user says hello and enters a room. Does not know what is measured.
"""

from __future__ import annotations

import secrets

import zmq
from zmq.utils import z85

from zchat.common import wire
from zchat.common.keys import KeyPair, Link
from zchat.common.messages import Entered, Hello, Join, Message, Refused, Welcome

PATIENCE = 10.0
"""Seconds until an answer is missed."""

Context = zmq.Context[zmq.Socket[bytes]]


def open_socket(
    context: Context, kind: int, link: Link, key: KeyPair, *, curve: bool = True, identity: str = ""
) -> zmq.Socket[bytes]:
    """A socket that speaks CURVE with the broker, on the port that takes this kind; it does not come back by itself."""
    socket = context.socket(kind)
    if identity:
        socket.routing_id = identity.encode()
    socket.linger = 0
    socket.reconnect_ivl = 3_600_000
    socket.sndhwm = socket.rcvhwm = 10_000
    if curve:
        socket.curve_serverkey = z85.encode(link.key)
        socket.curve_publickey = z85.encode(key.public)
        socket.curve_secretkey = z85.encode(key.secret)
    socket.connect(f"tcp://{link.host}:{link.port + (kind in (zmq.SUB, zmq.XSUB))}")
    return socket


def hello(nick: str, *, present: bool = True) -> bytes:
    """The first command of a connection."""
    return wire.encode(Hello(nick=nick, instance=secrets.token_hex(8), present=present, private=True, ref=1))


def enter(
    context: Context, link: Link, nick: str, room: str, key: KeyPair | None = None, *, present: bool = True
) -> zmq.Socket[bytes]:
    """The DEALER of a new user who is in a room; with a key of their own if none is given."""
    dealer = open_socket(context, zmq.DEALER, link, key or KeyPair.generate())
    dealer.send(hello(nick, present=present))
    receive(dealer, Welcome)
    dealer.send(wire.encode(Join(room=room, ref=2)))
    receive(dealer, Entered)
    return dealer


def receive(socket: zmq.Socket[bytes], kind: type[Message]) -> Message:
    """The next event of this kind; others beside it are passed over."""
    while socket.poll(int(PATIENCE * 1_000)):
        for event in wire.decode_events(socket.recv_multipart()[-1]):
            if isinstance(event, kind):
                return event
            if isinstance(event, Refused):
                raise SystemExit(f"bench: the broker refused: {event.detail}")
    raise SystemExit(f"bench: no {kind.__name__} came from the broker")
