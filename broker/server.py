"""The broker's shell: ROUTER, PUB, the history, and the one loop over them.

Owns the sockets and the order of things: drain, commit once, then send. Does not know the rules of chat (`core`).
`run` is the broker's thread; `stop` may be called from any other, or from a signal handler.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import logging
import os
import secrets
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import zmq
from zmq.utils import z85

from ..common import clock, limits, messages as m, wire
from ..common.clock import Now
from ..common.errors import ZchatError
from ..common.keys import KeyPair, Link, to_base32
from ..common.text import shown
from . import home
from .access import Secrets
from .actions import Action, Cut, Log, Publish, Reply
from .connections import Connections, Peer
from .core import Core
from .gate import DOMAIN, PUB_DOMAIN, ZAP_ENFORCE_DOMAIN, Gate
from .history import History
from .inbox import Frame, groups
from .policy import Policy
from .sqlite import SqliteHistory
from .storage import fulfil

log = logging.getLogger("zchat.broker")
message_log = logging.getLogger("zchat.messages")

ANY_HOST = ("0.0.0.0", "::", "*")
TICK = 1.0


@dataclass(frozen=True, slots=True)
class Settings:
    """What an operator may set."""

    data: Path
    bind: str = "127.0.0.1"
    port: int = 5555
    """0: a free adjacent pair."""
    advertise: str | None = None
    name: str = "zchat"
    policy: Policy = field(default_factory=Policy)
    note: bool = True
    """Leave a note by which clients of this account find it."""
    descriptors: bool = True
    """Take all the file descriptors that the system grants, for the whole process."""


class PortBusy(ZchatError):
    """The broker cannot listen there."""


class Server:
    """A broker: opened by the constructor, served by `run`, given up by `close`.

    Raises `ZchatError` when the folder, the history or the ports cannot be had.
    """

    def __init__(self, settings: Settings) -> None:
        self._resources = contextlib.ExitStack()
        self._wake, self._woken = socket.socketpair()
        self._stopping = False
        self._unread = 0
        """Replies dropped since the last tick."""
        self._condemned: list[Cut] = []
        """Whose ROUTER connections end at the next tick; nothing that comes over them is heard any more."""
        try:
            self._open(settings)
        except BaseException:
            self.close()
            raise

    def _open(self, settings: Settings) -> None:
        self._resources.callback(self._wake.close)
        self._resources.callback(self._woken.close)
        self._most_connections = _file_limit(highest=settings.descriptors) * 9 // 10
        self._home = home.Home(settings.data)
        self._resources.callback(self._home.close)
        key = self._home.key()
        self._history: History = SqliteHistory(self._home.history)
        self._resources.callback(self._history.close)
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._resources.callback(self._context.term)
        policy = self._policy = settings.policy
        self._gate = Gate(self._context, policy)
        self._gate.start()
        self._router = self._resources.enter_context(_server_socket(self._context, zmq.ROUTER, key, DOMAIN, policy))
        self._router.router_mandatory = 1
        self._router.maxmsgsize = limits.ROUTER_FRAME_BYTES
        self._router.sndhwm = limits.ROUTER_QUEUE
        # Without a bound: libzmq 4.3.5 stops reading a connection whose inbox is full, and when that one ends with a
        # heartbeat still unread it aborts the process (stream_engine_base.cpp, `!_io_error`). What one key can pile up
        # is bounded by its budget instead: who goes on when told to wait is cut.
        self._router.rcvhwm = 0
        # PUB that tells who subscribes to what (zmq_setsockopt(3), ZMQ_XPUB_VERBOSER).
        self._pub = self._resources.enter_context(_server_socket(self._context, zmq.XPUB, key, PUB_DOMAIN, policy))
        self._pub.setsockopt(zmq.XPUB_VERBOSER, 1)
        self._pub.maxmsgsize = limits.PUB_FRAME_BYTES
        self._pub.sndhwm = limits.PUB_QUEUE
        self._pub.rcvhwm = 0  # as above
        self._pub.rcvbuf = limits.PUB_RECEIVE_BYTES
        self._speakers, self._listeners = (
            self._resources.enter_context(contextlib.closing(Connections(self._context, listening)))
            for listening in (self._router, self._pub)
        )
        port = _bind_pair(self._router, self._pub, settings.bind, settings.port)
        host = settings.advertise or _reachable_host(settings.bind)
        self.link = Link(host, port, key.public)
        own = Secrets(self._home.operator_key().fingerprint, _word())
        self._core = Core(
            self._history, name=settings.name, pub=port + 1, word=_word, now=clock.read(), policy=policy, secrets=own
        )
        if settings.note:
            note = home.leave_note(self.link, settings.name, data=settings.data, invite=own.invite)
            self._resources.callback(home.remove_note, note)

    def stop(self) -> None:
        """End `run` soon; may be called from a signal handler or another thread, again and again."""
        self._stopping = True
        with contextlib.suppress(OSError):
            self._wake.send(b"x")

    def close(self) -> None:
        """Give up sockets, history and folder; after `run` has ended."""
        self._resources.close()

    # --- the loop ---------------------------------------------------------------------------------------------
    def run(self) -> None:
        """Serve until `stop`; then tell the clients."""
        poller = zmq.Poller()
        for watched in (self._router, self._pub, self._speakers.monitor, self._listeners.monitor, self._woken):
            poller.register(watched, zmq.POLLIN)
        tick_due = time.monotonic()
        while not self._stopping:
            wait = 0.0 if self._core.has_turns else max(0.0, tick_due - time.monotonic())
            readable = dict(poller.poll(int(wait * 1_000) + (wait > 0)))
            now = clock.read()
            for connections in (self._speakers, self._listeners):
                if connections.monitor in readable:
                    connections.watch(now.mono)
            if self._pub in readable:
                self._listen()
            for actions in groups(self._core, self._drain(), now):
                self._carry_out(actions, now)
            if now.mono >= tick_due:
                tick_due = now.mono + TICK
                self._tick(now)
        self._carry_out(self._core.close(), clock.read())

    def _tick(self, now: Now) -> None:
        for cut in self._condemned:
            self._speakers.cut(cut)
        self._condemned.clear()
        self._carry_out(self._core.tick(now), now)
        self._speakers.watch(now.mono)
        self._speakers.cut_silent(now.mono, self._policy.hello_patience, self._core.greeted)
        self._listen()
        self._listeners.cut_silent(now.mono, self._policy.hello_patience, self._core.greeted)
        self._listeners.cut_others(self._core.admission.live)
        self._gate.full = len(self._speakers) + len(self._listeners) > self._most_connections
        if self._unread:
            log.warning("%d replies were dropped: somebody reads too slowly, and will catch up by replay", self._unread)
            self._unread = 0

    def _drain(self) -> Iterator[Frame]:
        """What ROUTER holds, for a short while, so that who sends much does not hold up the others."""
        end = time.monotonic() + limits.DRAIN_SECONDS
        for _ in range(limits.DRAIN):
            try:
                frames = self._router.recv_multipart(zmq.NOBLOCK, copy=False)
            except zmq.Again:
                return
            mono = time.monotonic()
            identity = frames[0].bytes
            peer = self._speakers.spoke(frames[-1], mono, identity)
            yield Frame(identity, peer.user, peer.address, frames[1].bytes if len(frames) == 2 else None)
            if mono > end:
                return

    def _listen(self) -> None:
        """Take in who subscribes: before anything is published, so that nobody hears what they no longer may."""
        taken = 0
        while taken < limits.DRAIN:
            try:
                frame = self._pub.recv(zmq.NOBLOCK, copy=False)
            except zmq.Again:
                return
            now = clock.read()
            try:
                peer = self._listeners.spoke(frame, now.mono)
            except zmq.ZMQError:
                continue  # libzmq's own word that a connection has ended: it is nobody's
            if peer.ending:
                continue  # what was under way when it was cut; there is not much of it (`limits.PUB_RECEIVE_BYTES`)
            taken += 1
            if self._hears_too_much(peer, frame.bytes, now):
                self._carry_out(self._core.over_subscribed(peer.user, now), now)

    def _hears_too_much(self, peer: Peer, frame: bytes, now: Now) -> bool:
        """Count a subscription, and cut who may not listen; True when they asked for more than anybody needs."""
        # 1: subscribe, 0: unsubscribe (RFC 29/PUBSUB); whatever comes costs us something, so everything counts.
        peer.subscriptions += 1
        peer.topics += len(frame) if frame[:1] == b"\1" else 0
        ears = self._listeners.of_user(peer.user)
        too_much = (
            frame[:1] not in (b"\0", b"\1")
            or peer.subscriptions > self._policy.subscriptions
            or sum(ear.topics for ear in ears) > limits.TOPIC_BYTES
            or len(ears) > 2 * self._core.sessions_of(peer.user) + limits.SPARE_EARS
        )
        if too_much or not self._core.admission.may_listen(peer.user, peer.address, now.wall):
            self._listeners.cut_one(peer)
        return too_much

    def _carry_out(self, actions: list[Action], now: Now) -> None:
        """Send what can be sent at once; store and read the rest, and go on with what the core makes of that."""
        try:
            while actions:
                self._send(actions)
                done = fulfil(self._history, actions)
                actions = self._core.complete(done, now) if done else []
        except zmq.ContextTerminated:
            raise
        except Exception:  # a fault of ours: who got no answer asks again, and the others' chat goes on
            log.exception("a group of commands failed")

    def _send(self, actions: list[Action]) -> None:
        # First of all: whom a welcome sends to PUB must be let in there.
        self._gate.admission = self._core.admission
        # Before any reply: the name of a connection that has ended may be another one's by now.
        self._speakers.watch(time.monotonic())
        while self._speakers.ended:
            self._core.disconnect(self._speakers.ended.pop())
        listened = False
        for action in actions:
            match action:
                case Reply(identities, event):
                    body = wire.encode(event)
                    for identity in identities:
                        self._reply(identity, body)
                    self._log_messages(event)
                case Publish(topic, event):
                    if not listened:
                        # libzmq looks at new subscriptions only now and then while sending; this makes it look.
                        self._listen()
                        listened = True
                    self._pub.send_multipart([topic, wire.encode(event)])
                    self._log_messages(event)
                case Log(text, warning):
                    log.log(logging.WARNING if warning else logging.INFO, "%s", text)
                case Cut():
                    self._listeners.cut(action)
                    if action.at_once:
                        self._speakers.cut(action)
                    else:
                        self._condemned.append(action)

    def _reply(self, identity: bytes, body: bytes) -> None:
        try:
            self._router.send_multipart([identity, body], zmq.NOBLOCK)
        except zmq.Again:
            self._unread += 1
        except zmq.ZMQError as error:
            if error.errno != zmq.EHOSTUNREACH:
                raise
            self._core.disconnect(identity)

    def _log_messages(self, event: m.Event) -> None:
        if isinstance(event, m.Entries) and message_log.isEnabledFor(logging.INFO):
            for entry in event.entries:
                message_log.info("[%s] %s: %s", event.room, entry.nick, entry.text)


def _server_socket(
    context: zmq.Context[zmq.Socket[bytes]], kind: zmq.SocketType, key: KeyPair, domain: bytes, policy: Policy
) -> zmq.Socket[bytes]:
    """A listening socket behind the gate."""
    sock = context.socket(kind)
    sock.linger = 300
    sock.curve_server = True
    sock.curve_secretkey = z85.encode(key.secret)
    sock.zap_domain = domain
    sock.setsockopt(ZAP_ENFORCE_DOMAIN, 1)
    sock.handshake_ivl = int(policy.handshake * 1_000)
    sock.heartbeat_ivl = int(limits.BROKER_HEARTBEAT_INTERVAL * 1_000)
    sock.heartbeat_timeout = int(limits.BROKER_HEARTBEAT_TIMEOUT * 1_000)
    sock.backlog = 1_024
    return sock


def _bind_pair(router: zmq.Socket[bytes], pub: zmq.Socket[bytes], host: str, port: int) -> int:
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


def _reachable_host(bind: str) -> str:
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


def _file_limit(*, highest: bool) -> int:
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


def _word() -> str:
    """A random word of 128 bits, in the letters of links."""
    return to_base32(secrets.token_bytes(16))


def default_name() -> str:
    """This host's name."""
    return socket.gethostname() or "zchat"
