"""What libzmq alone takes of memory for an idle client: a DEALER and a SUB at the bare relay, with a gate and without.

Owns the connections, which are all of this process. One thread, beside libzmq's own. What zchat takes for a client
that joined, `idle` measures.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import zmq

from zchat.common.keys import KeyPair

from .machine import memory
from .relay import TOPIC
from .servers import RELAY_CURVE, RELAY_GATE, Failed, Running, running
from .wires import PATIENCE, Context, open_socket
from .workloads import Figures

FRAMES = 256
"""As many as stand in one piece of a pipe (libzmq's `message_pipe_granularity`): then it takes the next piece."""
Pair = tuple[zmq.Socket[bytes], zmq.Socket[bytes]]


def pairs(count: int) -> Figures:
    """So many pairs: bytes of each as it is opened, without and with a gate, and after once and twice `FRAMES`."""
    with running(RELAY_CURVE) as relay:
        before = memory(relay.pid)
        with _opened(relay, count):
            without = (memory(relay.pid) - before) / count
    with running(RELAY_GATE) as relay:
        before = memory(relay.pid)
        with _opened(relay, count) as opened:
            figures = {"bytes_without_gate": without, "bytes_per_pair": (memory(relay.pid) - before) / count}
            for frames in (FRAMES, 2 * FRAMES):
                for _ in range(FRAMES):
                    _exchange(opened)
                figures[f"bytes_after_{frames}_frames"] = (memory(relay.pid) - before) / count
    return figures


@contextlib.contextmanager
def _opened(relay: Running, count: int) -> Iterator[list[Pair]]:
    """Pairs that hear themselves and each other."""
    assert relay.link is not None
    context: Context = zmq.Context()
    context.set(zmq.MAX_SOCKETS, 2 * count + 10)
    opened: list[Pair] = []
    try:
        for number in range(count):
            key = KeyPair.generate()
            dealer = open_socket(context, zmq.DEALER, relay.link, key, identity=f"n{number}")
            sub = open_socket(context, zmq.SUB, relay.link, key)
            sub.subscribe(TOPIC)
            dealer.send(b"@n%d hello" % number)
            _receive(dealer)
            opened.append((dealer, sub))
        for _, sub in opened:
            while not sub.poll(100):
                opened[0][0].send(b"hello")
        for _, sub in opened:
            while sub.poll(0):
                sub.recv_multipart()
        yield opened
    finally:
        context.destroy(linger=0)


def _exchange(opened: list[Pair]) -> None:
    """Each says something to itself, and the first one to all."""
    for number, (dealer, _) in enumerate(opened):
        dealer.send(b"@n%d again" % number)
    opened[0][0].send(b"again")
    for dealer, sub in opened:
        _receive(dealer)
        _receive(sub)


def _receive(socket: zmq.Socket[bytes]) -> None:
    if not socket.poll(int(PATIENCE * 1_000)):
        raise Failed("the relay sent nothing")
    socket.recv_multipart()
