"""A peer that speaks to a broker in bare frames: what our own client would never say, and what it must not see."""

from __future__ import annotations

import secrets
from typing import Self, TypeVar

import zmq
from zmq.utils import z85

from zchat.common import wire
from zchat.common.keys import KeyPair, Link
from zchat.common.messages import Hello, Message, Welcome

from .processes import PATIENCE

M = TypeVar("M", bound=Message)


class Peer:
    """A DEALER at a broker's ROUTER, with a key of its own unless told to come without."""

    def __init__(self, link: str, *, key: KeyPair | None = None, curve: bool = True) -> None:
        self.link = Link.parse(link)
        self.key = key or KeyPair.generate()
        self._context = zmq.Context()
        self.socket = self._context.socket(zmq.DEALER)
        self.socket.linger = 0
        if curve:
            self.socket.curve_serverkey = z85.encode(self.link.key)
            self.socket.curve_publickey = z85.encode(self.key.public)
            self.socket.curve_secretkey = z85.encode(self.key.secret)
        self.socket.connect(f"tcp://{self.link.place}")
        self.heard: list[Message] = []
        """Every event that was received."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()
        self._context.term()

    def send(self, *frames: Message | bytes) -> None:
        """Send messages or bare bytes as the frames of one ZeroMQ message."""
        self.socket.send_multipart([frame if isinstance(frame, bytes) else wire.encode(frame) for frame in frames])

    def receive(self, kind: type[M]) -> M:
        """The next event of this kind; others before it are passed over."""
        while True:
            assert self.hears(PATIENCE), f"no {kind.__name__} came"
            event = wire.decode_event(self.socket.recv())
            self.heard.append(event)
            if isinstance(event, kind):
                return event

    def hears(self, seconds: float) -> bool:
        """Whether anything comes within a time."""
        return bool(self.socket.poll(int(seconds * 1_000)))

    def hello(self, nick: str, *, present: bool = False) -> Welcome:
        """Become a session."""
        self.send(Hello(nick=nick, instance=secrets.token_hex(8), present=present, private=True, ref=1))
        return self.receive(Welcome)
