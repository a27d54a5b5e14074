"""A peer that speaks to a broker in bare frames: what our own client would never say, and what it must not see."""

from __future__ import annotations

import contextlib
import secrets
import threading
import time
from collections import deque
from collections.abc import Iterator
from typing import Self, TypeVar

import zmq
from zmq.utils import z85
from zmq.utils.monitor import parse_monitor_message

from zchat.common import wire
from zchat.common.errors import WireError
from zchat.common.keys import KeyPair, Link
from zchat.common.messages import Acked, Entries, Hello, Message, Ping, Pong, Refused, Say, Welcome

from .processes import PATIENCE

M = TypeVar("M", bound=Message)
FATES = (
    zmq.EVENT_HANDSHAKE_SUCCEEDED
    | zmq.EVENT_HANDSHAKE_FAILED_AUTH
    | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
    | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
    | zmq.EVENT_DISCONNECTED
)
"""What can become of a connection."""
IN, OUT, ENDED = zmq.EVENT_HANDSHAKE_SUCCEEDED, zmq.EVENT_HANDSHAKE_FAILED_AUTH, zmq.EVENT_DISCONNECTED


def fate_of(monitor: zmq.Socket[bytes]) -> int:
    """What happened next to a connection; fails when nothing did in time."""
    assert monitor.poll(int(PATIENCE * 1_000)), "nothing happened to the connection"
    return int(parse_monitor_message(monitor.recv_multipart())["event"])


def events_of(body: bytes) -> list[Message]:
    """What a broker said in one frame; fails when any of it is not understood."""
    events = [event for event in wire.decode_events(body) if not isinstance(event, WireError)]
    assert len(events) == len(wire.decode_events(body))
    return list(events)


@contextlib.contextmanager
def timed_context() -> Iterator[zmq.Context[zmq.Socket[bytes]]]:
    """A context that must end at once, which it does not while any of its sockets is open."""
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    try:
        yield context
    finally:
        ending = threading.Thread(target=context.term, daemon=True)
        ending.start()
        ending.join(PATIENCE)
        assert not ending.is_alive(), "a socket was left open"


_MARK = "do you hear me "


class Ear:
    """A SUB at a broker's PUB, which lets in only keys that have a session."""

    def __init__(self, link: str, key: KeyPair, *topics: bytes, kind: int = zmq.SUB) -> None:
        at = Link.parse(link)
        self._stack = contextlib.ExitStack()
        context = self._stack.enter_context(timed_context())
        self.socket: zmq.Socket[bytes] = self._stack.enter_context(context.socket(kind))
        self.socket.linger = 0
        self.socket.curve_serverkey = z85.encode(at.key)
        self.socket.curve_publickey = z85.encode(key.public)
        self.socket.curve_secretkey = z85.encode(key.secret)
        self.socket.reconnect_ivl = 100
        self.fate = self.socket.get_monitor_socket(FATES)
        """Readable when the connection was made, refused or ended."""
        for topic in topics:
            self.socket.subscribe(topic)
        self.socket.connect(f"tcp://{at.host}:{at.port + 1}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.disable_monitor()
        self.fate.close()
        self._stack.close()

    def hears(self, kind: type[M], speaker: Peer) -> list[M]:
        """All events of this kind until `speaker` is heard in the lobby, who speaks there until then."""
        events: list[M] = []
        word = f"{_MARK}{secrets.token_hex(8)}"
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            speaker.send(Say(id=secrets.token_hex(8), text=word, room="lobby"))
            speaker.receive(Acked)
            while self.socket.poll(50):
                for event in wire.decode_events(self.socket.recv_multipart()[1]):
                    texts = [entry.text for entry in event.entries] if isinstance(event, Entries) else []
                    if word in texts:
                        return events
                    if isinstance(event, kind) and not any(text.startswith(_MARK) for text in texts):
                        events.append(event)
        raise AssertionError("the speaker was not heard")


class Peer:
    """A DEALER at a broker's ROUTER, with a key of its own unless told to come without."""

    def __init__(
        self, link: str, *, key: KeyPair | None = None, curve: bool = True, identity: bytes | None = None
    ) -> None:
        self.link = Link.parse(link)
        self.key = key or KeyPair.generate()
        self._context = zmq.Context()
        self.socket = self._context.socket(zmq.DEALER)
        self.socket.linger = 0
        if curve:
            self.socket.curve_serverkey = z85.encode(self.link.key)
            self.socket.curve_publickey = z85.encode(self.key.public)
            self.socket.curve_secretkey = z85.encode(self.key.secret)
        if identity is not None:
            self.socket.routing_id = identity
        self.fate = self.socket.get_monitor_socket(FATES)
        """Readable when the connection was made, refused or ended."""
        self.socket.connect(f"tcp://{self.link.place}")
        self.heard: list[Message] = []
        """Every event that was received."""
        self._waiting: deque[Message] = deque()
        """What came in one frame with what was received."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.disable_monitor()
        self.fate.close()
        self.socket.close()
        self._context.term()

    def send(self, *frames: Message | bytes) -> None:
        """Send messages or bare bytes as the frames of one ZeroMQ message."""
        self.socket.send_multipart([frame if isinstance(frame, bytes) else wire.encode(frame) for frame in frames])

    def receive(self, kind: type[M]) -> M:
        """The next event of this kind; others before it are passed over."""
        while True:
            if not self._waiting:
                assert self.hears(PATIENCE), f"no {kind.__name__} came"
                self._waiting.extend(events_of(self.socket.recv()))
            event = self._waiting.popleft()
            self.heard.append(event)
            if isinstance(event, kind):
                return event

    def hears(self, seconds: float) -> bool:
        """Whether anything comes within a time."""
        return bool(self._waiting or self.socket.poll(int(seconds * 1_000)))

    def hello(self, nick: str, *, present: bool = False) -> Welcome:
        """Become a session."""
        self.send(Hello(nick=nick, instance=secrets.token_hex(8), present=present, private=True, ref=1))
        return self.receive(Welcome)


@contextlib.contextmanager
def mute_broker(*, refusing: str = "") -> Iterator[str]:
    """The link of a broker that welcomes everyone, answers pings, and does nothing else.

    It may refuse all messages, with this code.
    """
    key = KeyPair.generate()
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()

    def serve() -> None:
        with contextlib.suppress(zmq.ContextTerminated), router, pub:
            while True:
                identity, body = router.recv_multipart()
                for command in wire.decode_commands(body):
                    if isinstance(command, Hello):
                        welcome = Welcome(
                            nick=command.nick,
                            key="",
                            session="1",
                            broker="mute",
                            history="1",
                            pub=port,
                            time=0,
                            ref=command.ref,
                        )
                        router.send_multipart([identity, wire.encode(welcome)])
                    elif isinstance(command, Ping):
                        router.send_multipart([identity, wire.encode(Pong(ref=command.ref))])
                    elif isinstance(command, Say) and refusing:
                        refused = Refused(code=refusing, detail="No, it is said.", id=command.id)
                        router.send_multipart([identity, wire.encode(refused)])

    router, pub = context.socket(zmq.ROUTER), context.socket(zmq.PUB)
    for each in (router, pub):
        each.linger = 0
        each.curve_server = True
        each.curve_secretkey = z85.encode(key.secret)
    at = router.bind_to_random_port("tcp://127.0.0.1")
    port = pub.bind_to_random_port("tcp://127.0.0.1")
    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield str(Link("127.0.0.1", at, key.public))
    context.term()
    thread.join()
