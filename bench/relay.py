"""What libzmq itself costs: a ROUTER that gives what it gets to a PUB, and nothing else: `python -m bench.relay`.

No rights, no membership, no history, no packing: each message leaves in a frame of its own. With `--curve` both sockets
speak CURVE; with `--gate`, too, a thread is asked about each connection (ZAP), and lets it in. What begins with ``@``
and an identity goes to that one by ROUTER instead. It prints a line with its link, and runs until it is ended.
"""

from __future__ import annotations

import contextlib
import itertools
import sys

import zmq
from zmq.auth import CURVE_ALLOW_ANY
from zmq.auth.thread import ThreadAuthenticator
from zmq.utils import z85

from zchat.common.keys import KeyPair, Link

TOPIC = b"bench\0"


def _pair(context: zmq.Context[zmq.Socket[bytes]], key: KeyPair | None, *, gate: bool) -> tuple[zmq.Socket[bytes], ...]:
    sockets = (context.socket(zmq.ROUTER), context.socket(zmq.PUB))
    for socket in sockets:
        socket.linger = 0
        socket.sndhwm = socket.rcvhwm = 0
        socket.backlog = 1_024
        if key is not None:
            socket.curve_server = True
            socket.curve_secretkey = z85.encode(key.secret)
        if gate:
            socket.zap_domain = b"bench"
    return sockets


def main() -> None:
    """Relay."""
    key, gate = KeyPair.generate(), "--gate" in sys.argv
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    if gate:
        asked = ThreadAuthenticator(context)
        asked.start()
        asked.configure_curve(domain="*", location=CURVE_ALLOW_ANY)
    for _ in itertools.repeat(None, 64):
        router, pub = _pair(context, key if gate or "--curve" in sys.argv else None, gate=gate)
        port = router.bind_to_random_port("tcp://127.0.0.1")
        with contextlib.suppress(zmq.ZMQError):
            pub.bind(f"tcp://127.0.0.1:{port + 1}")
            break
        router.close()
        pub.close()
    print(f"relay: {Link('127.0.0.1', port, key.public)}", flush=True)
    while True:
        _, body = router.recv_multipart()
        if body[:1] == b"@":
            identity, _, text = body[1:].partition(b" ")
            router.send_multipart([identity, text])
        else:
            pub.send_multipart([TOPIC, body])


if __name__ == "__main__":
    main()
