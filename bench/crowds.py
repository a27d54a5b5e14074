"""Readers and senders of one room over raw TCP or TLS, each a connection of its own, in one loop.

Owns the connections and counts what comes by its length, since all messages are alike: no parsing, so that the load is
cheaper than the server. Does not know what is measured (`workloads`). One thread. `zmq_crowds` has the same for what
speaks ZeroMQ.
"""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import time
from collections.abc import Sequence

from .dialects import DIALECTS, text
from .servers import PATIENCE, Failed, Running

BUFFER = 1 << 18
Delivered = list[tuple[int, int]]
"""(reader, how many messages it got)."""


class RawCrowd:
    """Everybody at one server; connection 0 to `senders`-1 send, the others read."""

    def __init__(self, running: Running, readers: int, senders: int = 1, *, private: bool = False) -> None:
        self._running = running
        self._dialect = DIALECTS[running.server.dialect]
        self._connections = [self._connect(number) for number in range(senders + readers)]
        self._come_in(0 if self._dialect.senders_listen or private else senders)
        self.senders, self.readers = self._connections[:senders], self._connections[senders:]
        self._numbers = {sock.fileno(): number for number, sock in enumerate(self.readers)}
        self._senders = {sock.fileno(): number for number, sock in enumerate(self.senders)}
        self._left = [0] * readers
        """Bytes of a message that has not come whole."""
        self._waiting = [b""] * senders
        self._bodies = [
            self._dialect.say(text("m"), to=number if self._dialect.ack else None) for number in range(senders)
        ]
        self.size = 0
        """Bytes of a message as a reader gets it."""
        self.acked = [0] * senders
        self.frames = 0
        """Not known: TCP has no frames."""
        self._tails = [b""] * senders
        """What may be the beginning of an ack."""
        self._epoll = select.epoll()
        if readers:
            self._settle()
        for sock in self._connections:
            sock.setblocking(False)
            self._epoll.register(sock, select.EPOLLIN)

    def close(self) -> None:
        """Leave without a word."""
        for sock in self._connections:
            sock.close()
        self._epoll.close()

    # --- coming in --------------------------------------------------------------------------------------------
    def _connect(self, number: int) -> socket.socket:
        sock = socket.create_connection(("127.0.0.1", self._running.port), PATIENCE)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._dialect.greeting:
            _receive(sock, self._dialect.greeting)
        if self._running.server.tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            sock = context.wrap_socket(sock)
        sock.sendall(self._dialect.enter(number)[0])
        return sock

    def _come_in(self, first_that_listens: int) -> None:
        # All at once: some servers take a second over each.
        for number, sock in enumerate(self._connections):
            _receive(sock, self._dialect.enter(number)[1])
        for number, sock in enumerate(self._connections[first_that_listens:], first_that_listens):
            words, answer = self._dialect.listen(number)
            sock.sendall(words)
            _receive(sock, answer)

    def _settle(self) -> None:
        """Read all that came while others were coming in, and find out how long a message is."""
        for word in ("settle", "measure"):
            body = text(word).encode()
            self.senders[0].sendall(self._dialect.say(text(word)))
            for reader in self.readers:
                got = _receive(reader, body)
                while not got.endswith((body, body + b"\r\n")):
                    got += reader.recv(BUFFER)
                self.size = len(got)

    # --- talking ----------------------------------------------------------------------------------------------
    def send(self, count: int, sender: int = 0) -> None:
        """Say so many messages."""
        waiting = self._waiting[sender]
        self._waiting[sender] = waiting + self._bodies[sender] * count
        if not waiting:
            self._push(sender)

    def _push(self, sender: int) -> None:
        sock, waiting = self.senders[sender], self._waiting[sender]
        with contextlib.suppress(BlockingIOError, ssl.SSLWantWriteError):
            waiting = waiting[sock.send(waiting) :]
        self._waiting[sender] = waiting
        self._epoll.modify(sock, select.EPOLLIN | (select.EPOLLOUT if waiting else 0))

    def receive(self, timeout: float) -> Delivered:
        """Wait so long for what comes, and take it."""
        delivered: Delivered = []
        for descriptor, events in self._epoll.poll(timeout):
            number = self._numbers.get(descriptor)
            if number is None:
                sender = self._senders[descriptor]
                if events & select.EPOLLOUT:
                    self._push(sender)
                if events & select.EPOLLIN:
                    self._count_acks(sender, _take(self.senders[sender]))
            else:
                count, self._left[number] = divmod(self._left[number] + len(_take(self.readers[number])), self.size)
                if count:
                    delivered.append((number, count))
        return delivered

    def _count_acks(self, sender: int, got: bytes) -> None:
        ack = self._dialect.ack
        if ack:
            got = self._tails[sender] + got
            self.acked[sender] += got.count(ack)
            self._tails[sender] = (
                got[got.rfind(ack) + len(ack) :][1 - len(ack) :] if ack in got else got[1 - len(ack) :]
            )
            if len(ack) == 1:
                self._tails[sender] = b""


def _take(sock: socket.socket) -> bytes:
    try:
        got = sock.recv(BUFFER)
        if not got:
            raise Failed("a connection was closed by the server")
        if isinstance(sock, ssl.SSLSocket):  # epoll does not see what TLS has decrypted already
            while sock.pending():
                got += sock.recv(BUFFER)
    except (BlockingIOError, ssl.SSLWantReadError):
        return b""
    return got


def _receive(sock: socket.socket, marker: bytes) -> bytes:
    """What comes until the marker is in it."""
    got = b""
    deadline = time.monotonic() + PATIENCE
    while marker not in got:
        more = sock.recv(BUFFER)
        got += more
        if not more or time.monotonic() > deadline:
            raise Failed(f"{marker!r} did not come, but {got[-200:]!r}")
    return got


def round_trips(running: Running, seconds: float, rate: float) -> Sequence[float]:
    """How long a private message and its private answer take, so many times a second."""
    dialect = DIALECTS[running.server.dialect]
    crowd = RawCrowd(running, readers=0, senders=2, private=True)
    try:
        one, other = crowd.senders
        for sock in (one, other):
            sock.setblocking(True)
        there, back = dialect.say(text("p"), to=1), dialect.say(text("p"), to=0)
        marker = text("p").encode()
        taken = []
        started = time.perf_counter()
        for number in range(int(seconds * rate)):
            time.sleep(max(0.0, started + number / rate - time.perf_counter()))
            sent = time.perf_counter()
            one.sendall(there)
            _receive(other, marker)
            other.sendall(back)
            _receive(one, marker)
            taken.append(time.perf_counter() - sent)
        return taken
    finally:
        crowd.close()
