"""Which connection is whose, on real sockets: who is known, who is cut, and that nothing is kept of the others."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator

import pytest
import zmq
from zmq.utils import z85

from zchat.broker.actions import Cut
from zchat.broker.aside import Aside
from zchat.broker.connections import Connections
from zchat.broker.gate import DOMAIN, Gate
from zchat.broker.incoming import Incoming
from zchat.broker.policy import Policy
from zchat.broker.sockets import pub_socket, router_socket
from zchat.broker.watching import Watch
from zchat.common import limits
from zchat.common.clock import Now
from zchat.common.keys import KeyPair

from .house import House

PATIENCE = 10.0
LATER = 1e9
"""Monotonic seconds at which everyone has had their time."""


class Door:
    """A listening socket behind a gate, with the table of its connections, and clients that come to it."""

    def __init__(self, kind: zmq.SocketType, stack: contextlib.ExitStack) -> None:
        self.context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.key = KeyPair.generate()
        gate = Gate(self.context)
        gate.start()
        stack.callback(gate._thread.join)
        stack.callback(self.context.term)
        listening = router_socket if kind == zmq.ROUTER else pub_socket
        self.socket = stack.enter_context(listening(self.context, self.key, Policy()))
        self.socket.zap_domain = DOMAIN  # at PUB, too: nobody here says hello first
        self.connections = stack.enter_context(contextlib.closing(Connections(self.context, self.socket)))
        self.clients = stack.enter_context(contextlib.ExitStack())
        self.socket.bind("tcp://127.0.0.1:*")
        self.endpoint = self.socket.getsockopt_string(zmq.LAST_ENDPOINT)
        self.port = int(self.endpoint.rpartition(":")[2])

    def client(self, key: KeyPair, kind: zmq.SocketType = zmq.DEALER) -> zmq.Socket[bytes]:
        """A client that knows its key, and does not come again when it is cut."""
        client = self.clients.enter_context(self.context.socket(kind))
        client.linger = 0
        client.reconnect_ivl = -1
        client.curve_serverkey = z85.encode(self.key.public)
        client.curve_publickey, client.curve_secretkey = z85.encode(key.public), z85.encode(key.secret)
        return client

    def knock(self) -> socket.socket:
        """Somebody who connects and says nothing."""
        return self.clients.enter_context(socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE))

    def take(self) -> tuple[bytes, zmq.Frame]:
        """The next frame that comes, with the identity in front of it."""
        assert self.socket.poll(int(PATIENCE * 1_000)), "nothing came"
        frames = self.socket.recv_multipart(copy=False)
        return frames[0].bytes, frames[-1]

    def meet(self, client: zmq.Socket[bytes]) -> None:
        """A client connects and speaks, and the table knows it."""
        client.connect(self.endpoint)
        client.send(b"hello")
        identity, frame = self.take()
        self.connections.spoke(frame, 0.0, identity)

    def until(self, true: Callable[[], bool]) -> None:
        """Watch what is opened and closed until something is true."""
        end = time.monotonic() + PATIENCE
        while not true():
            left = end - time.monotonic()
            assert left > 0, f"still {len(self.connections)} connections"
            self.connections.monitor.poll(int(left * 1_000))
            self.connections.watch(0.0)


@pytest.fixture
def door(request: pytest.FixtureRequest) -> Iterator[Door]:
    """A ROUTER, or what the test asks for."""
    with contextlib.ExitStack() as stack:
        yield Door(getattr(request, "param", zmq.ROUTER), stack)


def hears(client: zmq.Socket[bytes], door: Door) -> bool:
    """Whether what a client says arrives."""
    client.send(b"still here")
    return door.take()[1].bytes == b"still here"


def test_a_frame_tells_whose_it_is(door: Door) -> None:
    """By key and address; the same connection is the same peer, and a second one of the same key another."""
    keys = [KeyPair.generate() for _ in range(2)]
    clients = [door.client(key) for key in (keys[0], keys[0], keys[1])]
    peers = []
    for client in clients:
        client.connect(door.endpoint)
        for _ in range(2):
            client.send(b"hello")
            identity, frame = door.take()
            peers.append(door.connections.spoke(frame, 5.0, identity))

    assert [peer.user for peer in peers] == [keys[number].fingerprint for number in (0, 0, 0, 0, 1, 1)]
    assert {peer.address for peer in peers} == {"127.0.0.1"}
    assert [peers[0] is peers[1], peers[1] is peers[2], len(door.connections)] == [True, False, 3]


class Late:
    """A frame of somebody whose connection has ended, when the one of another frame has got its descriptor."""

    def __init__(self, of_the_other: zmq.Frame) -> None:
        self._frame = of_the_other

    def get(self, what: str | int) -> object:
        """Whose it is and where it came from, as libzmq tells it."""
        return "somebody gone" if what == "User-Id" else self._frame.get(what)

    def __len__(self) -> int:
        return 1


def test_a_late_frame_leaves_nothing_behind(door: Door) -> None:
    """A connection is whose frame came last, and nobody else's, when it has got a descriptor of somebody gone."""
    key = KeyPair.generate()
    client = door.client(key)
    client.connect(door.endpoint)
    client.send(b"hello")
    identity, frame = door.take()
    for _ in range(2):
        door.connections.spoke(Late(frame), 0.0, b"late")  # type: ignore[arg-type]
        assert (door.connections.is_there(b"late"), door.connections.is_there(identity)) == (True, False)
        door.connections.spoke(frame, 0.0, identity)
        assert (door.connections.is_there(b"late"), door.connections.is_there(identity)) == (False, True)
        assert list(door.connections.waiting(0.0)) == [key.fingerprint]
    client.close()
    door.until(lambda: len(door.connections) == 0)

    assert door.connections.ended == [identity]
    assert door.connections.waiting(0.0) == {}
    assert door.connections.of_user(key.fingerprint) == door.connections.of_user("somebody gone") == []


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux")
@pytest.mark.parametrize("door", [zmq.ROUTER, zmq.XPUB], indirect=True)
def test_the_system_notices_who_is_gone(door: Door) -> None:
    """What the other end does not confirm ends a connection; libzmq has no timer for each, as for its heartbeats."""
    door.knock()
    door.until(lambda: len(door.connections) == 1)
    (descriptor,) = door.connections._peers

    with socket.socket(fileno=os.dup(descriptor)) as opened:
        assert opened.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == limits.UNCONFIRMED * 1_000
    assert door.socket.heartbeat_ivl == 0


def test_a_key_is_cut(door: Door) -> None:
    """All its connections end, and no other."""
    banned, other = KeyPair.generate(), KeyPair.generate()
    clients = [door.client(key) for key in (banned, other, banned)]
    for client in clients:
        door.meet(client)

    assert door.connections.cut(Cut(banned.fingerprint)) == 2
    door.until(lambda: len(door.connections) == 1)
    assert hears(clients[1], door)
    assert door.connections.cut(Cut(banned.fingerprint)) == 0


def test_a_network_is_cut(door: Door) -> None:
    """Whoever comes from there; another network is nobody's business."""
    client = door.client(KeyPair.generate())
    door.meet(client)

    assert door.connections.cut(Cut(network="192.0.2.0/24")) == door.connections.cut(Cut(network="::/1")) == 0
    assert hears(client, door)
    assert door.connections.cut(Cut(network="127.0.0.0/30")) == 1
    door.until(lambda: len(door.connections) == 0)


def test_the_silent_are_cut(door: Door) -> None:
    """Who has not said who they are within their time, and who has but is not greeted; not who is."""
    greeted = door.client(KeyPair.generate())
    greeted.setsockopt(zmq.ROUTING_ID, b"greeted")
    door.meet(greeted)
    door.meet(door.client(KeyPair.generate()))
    silent = door.knock()
    door.until(lambda: len(door.connections) == 3)

    assert door.connections.cut_silent(9.0, 10.0, lambda identity: False) == 0
    assert door.connections.cut_silent(LATER, 10.0, lambda identity: identity == b"greeted") == 2
    door.until(lambda: len(door.connections) == 1)
    while silent.recv(1_000):
        pass
    assert hears(greeted, door)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells it")
@pytest.mark.parametrize("size", [10, 222, 223, 5_000])
def test_what_waits_to_be_read_is_known(door: Door, size: int) -> None:
    """By key, in bytes as they travel; what was read waits no more, but for how it began and signs of life."""
    key = KeyPair.generate()
    client = door.client(key)
    door.meet(client)
    (begun,) = door.connections.waiting(0.0).values()
    for _ in range(1_000):
        client.send(bytes(size))
    frames = [door.take() for _ in range(1_000)]
    assert door.connections.waiting(0.0)[key.fingerprint] >= 1_000 * size + begun
    for identity, frame in frames:
        door.connections.spoke(frame, 0.0, identity)

    assert begun <= door.connections.waiting(0.0)[key.fingerprint] < begun + 500
    assert door.connections.waiting(LATER) == {key.fingerprint: 0}
    assert door.connections.waiting(0.0, ()) == {}


def test_who_sends_too_much_is_looked_for_where_something_was_read(door: Door) -> None:
    """Among the keys that were heard since nothing was left; among all while nothing can be judged."""
    core = House().core
    aside = Aside(core)
    incoming = Incoming(door.socket, door.connections, aside, Watch(core.who))
    keys = [KeyPair.generate() for _ in range(2)]
    for key in keys:
        door.meet(door.client(key))
    speaker = door.client(keys[0])
    speaker.connect(door.endpoint)
    speaker.send(b"hello")
    assert door.socket.poll(int(PATIENCE * 1_000))

    frames = incoming.frames()
    frame = next(frames)
    assert incoming.piling == {keys[0].fingerprint}
    assert list(frames) == []
    assert incoming.piling == set()
    aside.take(frame, Now(0.0, 0))
    assert incoming.piling is None


@pytest.mark.parametrize("door", [zmq.XPUB], indirect=True)
def test_who_subscribes_is_known(door: Door) -> None:
    """With every subscription, also the second one to the same topic; who has none in time is cut, or whose key is."""
    keys = [KeyPair.generate() for _ in range(3)]
    listeners = [door.client(key, zmq.SUB) for key in keys]
    door.socket.setsockopt(zmq.XPUB_VERBOSER, 1)
    for listener in listeners:
        listener.connect(door.endpoint)
    users = []
    for listener in listeners[:2]:
        listener.subscribe(b"lobby\0")
        assert door.socket.poll(int(PATIENCE * 1_000))
        frame = door.socket.recv(copy=False)
        peer = door.connections.spoke(frame, 0.0)
        peer.subscriptions += 1
        users.append((peer.user, frame.bytes))
    door.until(lambda: len(door.connections) == 3)

    assert users == [(key.fingerprint, b"\1lobby\0") for key in keys[:2]]
    assert door.connections.cut_silent(LATER, 10.0, lambda identity: False) == 1
    door.until(lambda: len(door.connections) == 2)
    assert door.connections.cut(Cut(keys[0].fingerprint)) == 1
    door.until(lambda: len(door.connections) == 1)
    door.socket.send_multipart([b"lobby\0", b"news"])
    assert listeners[1].poll(int(PATIENCE * 1_000))


def test_one_of_many_is_cut(door: Door) -> None:
    """The one that is meant."""
    key = KeyPair.generate()
    clients = [door.client(key) for _ in range(3)]
    for client in clients:
        door.meet(client)
    clients[0].send(b"too much")
    identity, frame = door.take()
    door.connections.cut_one(door.connections.spoke(frame, 0.0, identity))
    door.until(lambda: len(door.connections) == 2)

    assert all(hears(client, door) for client in clients[1:])


def test_who_got_the_descriptor_of_another_is_not_cut(door: Door) -> None:
    """Between the look and the cut a connection may end, and its descriptor be given to the next one."""
    clients = [door.client(KeyPair.generate()) for _ in range(8)]
    gone = door.knock()
    door.until(lambda: len(door.connections) == 1)
    (descriptor,) = door.connections._peers
    gone.close()
    assert door.connections.monitor.poll(int(PATIENCE * 1_000)), "its end was not told"
    for client in clients:
        client.connect(door.endpoint)
        client.send(b"hello")
        if door.take()[1].get(zmq.SRCFD) == descriptor:
            break
    else:
        pytest.skip("the system gave the descriptor to nobody")

    assert door.connections.cut_silent(LATER, 10.0, lambda identity: False) == 1
    assert hears(client, door)


def test_nothing_is_kept_of_who_has_gone(door: Door) -> None:
    """However many come and go, at once or one by one, whether they speak or not."""
    for _ in range(4):
        silent = [door.knock() for _ in range(40)]
        speaking = [door.client(KeyPair.generate()) for _ in range(10)]
        for client in speaking:
            door.meet(client)
        door.until(lambda: len(door.connections) == 50)
        for knocking in silent:
            knocking.close()
        for client in speaking:
            client.close()
        door.until(lambda: len(door.connections) == 0)

    assert door.connections._peers == {}
    assert door.connections._by_identity == {}
