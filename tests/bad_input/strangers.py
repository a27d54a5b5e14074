"""What may listen where a broker was looked for: nobody, a web server, an ssh server, ZeroMQ without a key."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import zmq


class Web(BaseHTTPRequestHandler):
    """A web server."""

    def log_message(self, *_: object) -> None:
        """Not into the tests' output."""


@contextlib.contextmanager
def web_server() -> Iterator[int]:
    """Its port."""
    with HTTPServer(("127.0.0.1", 0), Web) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@contextlib.contextmanager
def plain_router() -> Iterator[int]:
    """The port of a ZeroMQ socket without encryption."""
    with zmq.Context() as context, context.socket(zmq.ROUTER) as router:
        router.linger = 0
        yield router.bind_to_random_port("tcp://127.0.0.1")


@contextlib.contextmanager
def listener(*, banner: bytes | None = None) -> Iterator[int]:
    """The port of a server that takes connections and says nothing, or only its banner before it hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        if banner is None:
            yield port
            return

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    with connection:
                        connection.sendall(banner)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield port
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


@contextlib.contextmanager
def closed_port() -> Iterator[int]:
    """A port on which nobody listens, kept from others meanwhile."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]
