"""The broker's listening sockets: how they are set up, and where they are bound.

Owns their options, and the way from a host as the operator names it to an address. Does not know
what comes over them. Runs in the broker's thread.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import socket

import zmq
from zmq.utils import z85

from ..common import limits
from ..common.errors import ZchatError
from ..common.keys import KeyPair
from ..common.text import shown
from .gate import DOMAIN, PUB_DOMAIN, ZAP_ENFORCE_DOMAIN
from .policy import Policy

Context = zmq.Context[zmq.Socket[bytes]]

ANY_HOST = ("0.0.0.0", "::", "*")
_POLLIN = int(zmq.POLLIN)  # arithmetic with the enumeration itself takes longer than asking


class PortBusy(ZchatError):
    """The broker cannot listen there."""


def router_socket(context: Context, key: KeyPair, policy: Policy) -> zmq.Socket[bytes]:
    """ROUTER behind the gate."""
    sock = _server_socket(context, zmq.ROUTER, key, DOMAIN, policy)
    sock.router_mandatory = 1
    sock.maxmsgsize = limits.ROUTER_FRAME_BYTES
    sock.sndhwm = limits.ROUTER_QUEUE
    return sock


def pub_socket(context: Context, key: KeyPair, policy: Policy) -> zmq.Socket[bytes]:
    """PUB behind the gate, which tells who subscribes to what (zmq_setsockopt(3), ZMQ_XPUB_VERBOSER)."""
    sock = _server_socket(context, zmq.XPUB, key, PUB_DOMAIN, policy)
    sock.setsockopt(zmq.XPUB_VERBOSER, 1)
    sock.maxmsgsize = limits.PUB_FRAME_BYTES
    sock.sndhwm = limits.PUB_QUEUE
    sock.rcvbuf = limits.PUB_RECEIVE_BYTES
    return sock


def _server_socket(
    context: Context, kind: zmq.SocketType, key: KeyPair, domain: bytes, policy: Policy
) -> zmq.Socket[bytes]:
    sock = context.socket(kind)
    sock.linger = int(limits.LINGER * 1_000)
    sock.curve_server = True
    sock.curve_secretkey = z85.encode(key.secret)
    sock.zap_domain = domain
    sock.setsockopt(ZAP_ENFORCE_DOMAIN, 1)
    sock.handshake_ivl = int(policy.handshake * 1_000)
    # What the other end does not confirm ends the connection (tcp(7), TCP_USER_TIMEOUT), and a session of which nothing
    # is heard ends by itself. ZMTP's heartbeats would tell of a quiet one sooner, but with every answer to one libzmq
    # goes through the timers of all connections: half a core with 9,000. TCP's come in bursts, of which some are lost.
    sock.tcp_maxrt = int(limits.UNCONFIRMED * 1_000)
    # Without a bound: libzmq 4.3.5 stops reading a connection whose inbox is full, and when that one ends with a
    # heartbeat still unread it aborts the process (stream_engine_base.cpp, `!_io_error`). What can pile up is bounded
    # otherwise: who goes on when told to wait is cut, and who sends much faster than can be read (limits.PILE).
    sock.rcvhwm = 0
    sock.backlog = 1_024
    return sock


def bind_pair(router: zmq.Socket[bytes], pub: zmq.Socket[bytes], host: str, port: int) -> int:
    """Bind ROUTER to `port` and PUB to the next one; 0 finds a free pair. Returns ROUTER's port."""
    address = _address(host)
    router.ipv6 = pub.ipv6 = ":" in host
    tries = itertools.repeat(port, 1) if port else itertools.repeat(0, 64)
    for wanted in tries:
        try:
            router.bind(f"tcp://{address}:{wanted or '*'}")
            endpoint = router.getsockopt_string(zmq.LAST_ENDPOINT)
            bound = int(endpoint.rpartition(":")[2])
            try:
                pub.bind(f"tcp://{address}:{bound + 1}")
            except zmq.ZMQError:
                router.unbind(endpoint)
                raise
        except zmq.ZMQError as error:
            number = error.errno or errno.EINVAL
            continue
        return bound
    if number == errno.EADDRNOTAVAIL:
        raise PortBusy(f"This machine has no address {host}. Name one of its own with --bind.")
    ports = f"ports {port} and {port + 1}" if port else "any pair of ports"
    question = " Is one running there already?" if number == errno.EADDRINUSE else ""
    raise PortBusy(
        f"The broker cannot listen on {host}, {ports} ({os.strerror(number)}).{question} Name other ports with --port."
    )


def _address(host: str) -> str:
    """The numeric address to bind to, since libzmq resolves no host names here."""
    if host in ANY_HOST:
        return "*"
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no host's name"
        raise PortBusy(f"There is no address {shown(host)} ({reason}). Check --bind.") from None
    address = str(found[0][4][0])
    return f"[{address}]" if ":" in address else address


def reachable_host(bind: str) -> str:
    """The host that others reach this one by: where it is bound, or the interface that leads outward."""
    if bind not in ANY_HOST:
        return bind
    # Connecting a UDP socket sends nothing; it only picks the interface (192.0.2.0/24 is for documentation).
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
            return str(probe.getsockname()[0])
        except OSError:
            return "127.0.0.1"


def holds_something(socket: zmq.Socket[bytes]) -> bool:
    """Whether a socket can be read: where mostly it cannot, this costs a third of trying, with its exception."""
    return bool(int(socket.getsockopt(zmq.EVENTS)) & _POLLIN)


def file_limit(*, highest: bool) -> int:
    """How many file descriptors there are, two connections a client; if wanted, all that the system grants."""
    try:
        import resource
    except ImportError:  # not on Windows
        return 8_192
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if highest:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return soft if soft != resource.RLIM_INFINITY else 1_000_000
