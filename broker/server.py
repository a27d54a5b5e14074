"""The broker's shell: ROUTER, PUB, and the one loop over them and the thread of the history.

Owns the sockets. Does not know the rules of chat (`core`), nor what waits for what (`flow`).
`run` is the broker's thread; `stop` may be called from any other, or from a signal handler.
"""

from __future__ import annotations

import contextlib
import logging
import math
import os
import secrets
import socket
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

import zmq

from ..common import clock, limits, messages as m
from ..common.clock import Now
from ..common.keys import KeyPair, Link, to_base32
from . import footprint, home
from .access import Secrets
from .actions import Action
from .aside import Aside
from .connections import Connections
from .core import Core
from .deeds import Deeds
from .flow import Flow
from .gate import Gate
from .health import Health
from .history import History
from .incoming import Incoming
from .opening import open_history, without_password
from .outgoing import Outgoing
from .policy import Policy
from .reporting import Reporter
from .shared_keys import check_keys, own_invitation
from .sockets import bind_pair, file_limit, pub_socket, reachable_host, router_socket
from .subscriptions import Subscriptions
from .supervisor import Supervisor
from .watching import Watch, tell
from .writer import Fulfilled, Writer

log = logging.getLogger("zchat.broker")

TICK = 1.0


@dataclass(frozen=True, slots=True)
class Setup:
    """Where one broker is, and what it is part of."""

    data: Path
    history: str | None = None
    """The URL of a database that has it; None: a file in the folder."""
    bind: str = "127.0.0.1"
    port: int = 5555
    """0: a free adjacent pair."""
    advertise: str | None = None
    others: tuple[str, ...] = ()
    """Places of the other brokers of this chat, for the link."""
    name: str = "zchat"
    policy: Policy = field(default_factory=Policy)
    note: bool = True
    """Leave a note by which clients of this account find it."""
    descriptors: bool = True
    """Take all the file descriptors that the system grants, for the whole process."""
    metrics: str | None = None
    """Where to serve numbers, as ``[HOST:]PORT``; None: nowhere."""
    supervised: bool = False
    """It is what the process's supervisor waits for, not a part of another program."""


class Server:
    """A broker: opened by the constructor, served by `run`, given up by `close`.

    Raises `ZchatError` when the folder, the history or the ports cannot be had.
    """

    def __init__(self, setup: Setup) -> None:
        self._resources = contextlib.ExitStack()
        self._wake, self._woken = socket.socketpair()
        for end in (self._wake, self._woken):
            end.setblocking(False)
        self._stopping = False
        self._posted: deque[Callable[[], object]] = deque()
        """What other threads want done."""
        self._supervisor = Supervisor(os.environ if setup.supervised else {})
        self._ears, self._deaf = zmq.Poller(), zmq.Poller()
        """For all that may come, and for all but commands."""
        self._given_at = 0.0
        """When the history was given the batch that is under way, in monotonic seconds."""
        self._awake_since: float | None = None
        """When something came last, in monotonic seconds; None: the loop does not turn yet."""
        try:
            self._open(setup)
        except BaseException:
            self.close()
            raise

    def _open(self, setup: Setup) -> None:
        for end in (self._wake, self._woken):
            self._resources.callback(end.close)
        self._most_connections = file_limit(highest=setup.descriptors) * 9 // 10
        key, operator, history = self._open_home(setup)
        port = self._open_network(setup, key)
        host = setup.advertise or reachable_host(setup.bind)
        self.link = Link(host, port, key.public).beside(setup.others)
        own = Secrets(operator.fingerprint, own_invitation(operator, history) if history.shared else _word())
        self._core = Core(
            history, name=setup.name, pub=port + 1, word=_word, now=clock.read(), policy=self.policy, secrets=own
        )
        self._flow = Flow(self._core)
        self._aside = Aside(self._core)
        self._writer = self._resources.enter_context(contextlib.closing(Writer(self._context, history)))
        self._watch = Watch(self._core.who)
        self._incoming = Incoming(self._router, self._speakers, self._aside, self._watch)
        self._health = Health(self._gate, self._flow, self._watch.metrics, self.post)
        self._reporter = Reporter(self._watch.metrics, version("zeromq-chat"), zmq.zmq_version(), time.monotonic())
        self._subscriptions = Subscriptions(self._pub, self._listeners, self._core, self.policy)
        self._outgoing = Outgoing(
            self._router,
            self._pub,
            self._speakers,
            self._listeners,
            self._gate,
            self._core,
            self._watch,
            listen=self._listen,
            report=self._report,
        )
        self.metrics_url = self._serve_metrics(setup.metrics) if setup.metrics else None
        if setup.note:
            note = home.leave_note(self.link, setup.name, data=setup.data, invite=own.invite)
            self._resources.callback(home.remove_note, note)

    def _open_home(self, setup: Setup) -> tuple[KeyPair, KeyPair, History]:
        """The folder, the broker's key and the operator's, and the history."""
        self._home = home.Home(setup.data)
        self._resources.callback(self._home.close)
        self._deeds = Deeds(self._home.folder)
        key, operator = self._home.key(), self._home.operator_key()
        history = open_history(setup.history or self._home.history, self._hear)
        self._resources.callback(history.close)
        self._size = history.size
        database = f", history {without_password(setup.history)}" if setup.history else ""
        self._place = f"folder {self._home.folder}{database}"
        check_keys(history, key, operator, self._home.folder)
        return key, operator, history

    def _open_network(self, setup: Setup, key: KeyPair) -> int:
        """The gate, and the sockets behind it, which listen; ROUTER's port."""
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._resources.callback(self._context.term)
        self.policy = setup.policy
        self._gate = Gate(self._context, self.policy)
        self._gate.start()
        self._router = self._resources.enter_context(router_socket(self._context, key, self.policy))
        self._pub = self._resources.enter_context(pub_socket(self._context, key, self.policy))
        self._speakers, self._listeners = (
            self._resources.enter_context(contextlib.closing(Connections(self._context, listening)))
            for listening in (self._router, self._pub)
        )
        return bind_pair(self._router, self._pub, setup.bind, setup.port)

    def _serve_metrics(self, place: str) -> str:
        """Numbers and health by HTTP; their URL."""
        from .exporting import Exporter

        numbers = self._watch.metrics, self._gate.answers, self._home.folder, self._size
        exporter = Exporter(place, *numbers, self._health.ask)
        self._resources.callback(exporter.close)
        tell(f"metrics are served at {exporter.url}", "metrics", url=exporter.url)
        return exporter.url

    def _hear(self) -> None:
        """Another broker may have stored something, says a thread of the history."""
        self.post(self._look)

    def _look(self) -> None:
        now = clock.read()
        self._outgoing.send(self._flow.take(self._core.hinted(now)), now)

    def stop(self) -> None:
        """End `run` soon; may be called from a signal handler or another thread, again and again."""
        self._stopping = True
        self._rouse()

    def post(self, call: Callable[[], object]) -> None:
        """Have the broker's thread call this between two looks at the network; from a signal handler or any thread."""
        self._posted.append(call)
        self._rouse()

    def _rouse(self) -> None:
        with contextlib.suppress(OSError):
            self._wake.send(b"x")

    def close(self) -> None:
        """Give up sockets, history and folder; after `run` has ended."""
        self._resources.close()

    # --- the loop ---------------------------------------------------------------------------------------------
    def run(self) -> None:
        """Serve until `stop`; then store what was sent before, and tell the clients."""
        self._ears.register(self._router, zmq.POLLIN)
        for watched in (self._pub, self._speakers.monitor, self._listeners.monitor, self._woken, self._writer.pipe):
            self._ears.register(watched, zmq.POLLIN)
            self._deaf.register(watched, zmq.POLLIN)
        tick_due = bound_due = time.monotonic()
        tell(f"zchat {version('zeromq-chat')} serves {self.link.place}, {self._place}", "started")
        self._supervisor.ready()
        while not self._stopping:
            mono = time.monotonic()
            if mono >= bound_due:  # a tick may have to wait for a disk, and memory cannot
                bound_due = mono + TICK
                self._bound_what_waits(clock.read())
            self._flow.settling = mono >= tick_due
            if self._flow.settling and self._flow.idle:
                tick_due = mono + TICK
                self._flow.settling = False
                self._outgoing.rest()
                self._tick(clock.read())
            if mono >= tick_due:
                self._turn(TICK, hears=False)  # until nothing is under way
            else:
                self._turn(0.0 if self._flow.has_turns else tick_due - mono)
        self._wind_down()

    def _turn(self, wait: float, *, hears: bool = True) -> bool:
        """Wait until something comes, but so many seconds at most, and go on with all that has come; False: nothing.

        Unless it `hears`, and while commands cannot be judged, what ROUTER holds is left there; when the batch for
        which all wait takes long, it is looked through for pings.
        """
        self._store(alone=hears)
        hears = hears and self._flow.open
        if self._awake_since is not None:
            self._watch.turned(self._awake_since)
        late = not hears and time.monotonic() > self._given_at + limits.STILL_SECONDS
        looks = late and not self._aside.full
        if not hears:
            wait = min(wait, limits.STILL_SECONDS)
        elif self._incoming.waits:
            wait = 0.0
        readable = dict((self._ears if hears or looks else self._deaf).poll(math.ceil(wait * 1_000)))
        now = clock.read()
        self._awake_since = now.mono
        for connections in (self._speakers, self._listeners):
            if connections.monitor in readable:
                connections.watch(now.mono)
        if self._pub in readable:
            self._listen()
        if self._writer.pipe in readable:
            self._fulfilled(self._writer.take(), now)
        if hears and self._flow.open:
            self._judge(now)
        elif looks and self._router in readable:
            self._answer_pings(now)
        if self._woken.fileno() in readable:
            self._do_posted()
        return bool(readable) or self._incoming.waits

    def _judge(self, now: Now) -> None:
        """Judge what ROUTER holds; who was gone before has then been heard to the end."""
        leaving = self._outgoing.take_leaving()
        with _surviving():
            self._outgoing.send(self._flow.judge(self._incoming.frames(), now), now)
        if self._incoming.drained:
            self._outgoing.hung_up(leaving, now)
        else:
            self._outgoing.still_leaving(leaving)

    def _answer_pings(self, now: Now) -> None:
        """The history stands still: who asks whether the broker lives is told, and the rest is kept aside."""
        for frame in self._incoming.for_aside():
            with _surviving():
                self._outgoing.send(self._aside.take(frame, now), now)

    def _fulfilled(self, fulfilled: Fulfilled, now: Now) -> None:
        """A batch is carried out: have the next one begun, and then tell what came of it."""
        if fulfilled.changes:
            self._watch.committed(fulfilled.changes, fulfilled.seconds, fulfilled.failure)
            if fulfilled.failure is None:
                self._health.stored(now.mono)
        with _surviving():
            if fulfilled.failure is None and (batch := self._flow.start_ahead(now, fulfilled.seconds)):
                self._give(batch)
            actions = self._flow.complete(fulfilled.done, fulfilled.failure, now, fulfilled.seconds)
            self._store()
            self._outgoing.send(actions, now)

    def _store(self, *, alone: bool = False) -> None:
        """Have the next batch carried out, if none is under way; here, if that is quick and nobody else waits."""
        batch = self._flow.start()
        if batch and alone and self._writer.is_quick(batch) and not self._incoming.any:
            self._fulfilled(self._writer.carry_out(batch), clock.read())
        elif batch:
            self._give(batch)

    def _give(self, batch: Sequence[Action]) -> None:
        self._given_at = time.monotonic()
        self._writer.give(batch)

    def _do_posted(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._woken.recv(4_096)
        while self._posted:
            try:
                self._posted.popleft()()
            except Exception:  # a fault of ours; the chat goes on
                log.exception("what another thread wanted failed", extra={"event": "fault"})

    def _wind_down(self) -> None:
        """Take nobody in, store and ack what was sent, say when to come back, and store what was sent meanwhile."""
        self._supervisor.stopping()
        tell("the broker stops", "stopping")
        self._gate.closing = True
        self._take_the_rest()
        self._outgoing.send(self._core.close(), clock.read())
        self._take_the_rest()

    def _take_the_rest(self) -> None:
        end = time.monotonic() + limits.CLOSING_SECONDS
        hears = something = True
        while (something and hears) or not self._flow.idle:
            hears = time.monotonic() < end
            something = self._turn(limits.CLOSING_QUIET, hears=hears)

    def _tick(self, now: Now) -> None:
        self._outgoing.end_condemned()
        self._carry_out(self._core.tick(now), now)
        self._speakers.watch(now.mono)
        self._speakers.cut_silent(now.mono, self.policy.hello_patience, self._core.greeted)
        self._listen()
        self._listeners.cut_silent(now.mono, self.policy.hello_patience, self._core.greeted)
        self._listeners.cut_others(self._core.admission.live)
        full = len(self._speakers) + len(self._listeners) > self._most_connections
        if full and not self._gate.full:
            tell("hardly any descriptors are left: only who is known gets in", "full", level=logging.WARNING)
        self._gate.full = full
        self._health.tick()
        self._watch.tick(now.mono)
        metrics = self._watch.metrics
        metrics.sessions, metrics.users, metrics.rooms = self._core.census
        metrics.connections, metrics.listeners = len(self._speakers), len(self._listeners)
        for deed in self._deeds.take():
            tell(f"{deed.account} on this machine: {deed.done}", "outside", account=deed.account, done=deed.done)
        self._reporter.tick(now.mono)
        self._supervisor.alive()

    def _bound_what_waits(self, now: Now) -> None:
        """Shut out who sends so much more than can be read that it would fill the memory."""
        if self._incoming.piles_up:
            waiting = self._speakers.waiting(now.mono, self._incoming.piling)
            self._carry_out(self._core.piled(waiting, now), now)

    def _listen(self) -> None:
        """Take in who subscribes: before anything is published, so that nobody hears what they no longer may."""
        for user, now in self._subscriptions.take():
            self._carry_out(self._core.over_subscribed(user, now), now)

    def _carry_out(self, actions: list[Action], now: Now) -> None:
        """Send what can be sent at once; the rest waits for its batch."""
        with _surviving():
            self._outgoing.send(self._flow.take(actions), now)

    def _report(self, question: m.Inspect, numbers: bool, now: Now) -> m.Report:
        taken = footprint.taken(self._size(), self._home.folder) if numbers else None
        return self._reporter.report(question, now, taken, self._watch.troubles)


@contextlib.contextmanager
def _surviving() -> Iterator[None]:
    """A fault of ours: who got no answer asks again, and the others' chat goes on."""
    try:
        yield
    except zmq.ContextTerminated:
        raise
    except Exception:
        log.exception("a group of commands failed", extra={"event": "fault"})


def _word() -> str:
    """A random word of 128 bits, in the letters of links."""
    return to_base32(secrets.token_bytes(16))


def default_name() -> str:
    """This host's name."""
    return socket.gethostname() or "zchat"
