"""A whole conversation without a socket: a real broker core, real client cores and programs, joined by the real wire.

Time and randomness are the test's. What travels can be dropped, doubled and delayed (so reordered), on each of the
three ways apart: commands (DEALER to ROUTER), replies (ROUTER to DEALER) and broadcasts (PUB to SUB). The broker may
crash, before or after a commit, and start again from its history, which is the real SQLite one in memory.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from zchat.broker.access import Secrets
from zchat.broker.actions import Action as BrokerAction, Cut, Log, Publish, Reply, Store, StoreRun
from zchat.broker.core import Core
from zchat.broker.flow import Flow
from zchat.broker.history import History, NotStored
from zchat.broker.inbox import Frame
from zchat.broker.policy import Policy
from zchat.broker.sqlite import SqliteHistory
from zchat.broker.storage import fulfil
from zchat.client import actions as a
from zchat.client.chat import Chat, ChatOptions
from zchat.client.core import ClientCore
from zchat.client.program import Program
from zchat.client.rooms import UNREAD, Start
from zchat.client.session import Profile
from zchat.common import wire
from zchat.common.clock import Now
from zchat.common.errors import ZchatError

STEP = 0.05
"""Seconds of one step of the clock: every core ticks once."""
WALL = 1_700_000_000_000


@dataclass(slots=True)
class Faults:
    """How one way misbehaves: chances between 0 and 1, delay in seconds at most."""

    drop: float = 0.0
    double: float = 0.0
    delay: float = 0.0


@dataclass(order=True, slots=True)
class Delivery:
    """One body on its way."""

    at: float
    number: int
    arrive: Callable[[], None] = field(compare=False)


class Client:
    """One user's program and core, and what they saw."""

    def __init__(self, talk: Conversation, nick: str, program: Callable[[ClientCore], Program], present: bool) -> None:
        self.talk = talk
        self.nick = nick
        self.key = f"key-of-{nick}"
        profile = Profile(nick, f"{nick}-{len(talk.clients)}", "test", present, UNREAD if present else None)
        self.core = ClientCore(profile, talk.random.randbytes)
        self.program = program(self.core)
        self.connection = 0
        """Grows with every dialling; what belongs to an older one never arrives."""
        self.dialled = False
        self.topics: set[bytes] = set()
        self.printed: list[str] = []
        self.heard: list[tuple[str, int, str]] = []
        """(room, seq, text) of every entry shown, in order."""
        self.notices: list[a.Notice] = []
        self.ended: a.End | None = None

    @property
    def identity(self) -> bytes:
        """The routing id of the present connection."""
        return f"{self.key}#{self.core.profile.instance}#{self.connection}".encode()

    def type(self, *lines: str) -> None:
        """Type lines; they take their way when the clock goes on."""
        for line in lines:
            assert self.program.wants_input
            self.carry_out(self.program.line(line, self.talk.now))

    def carry_out(self, actions: Sequence[a.Action]) -> None:
        """As the connection does it, with the conversation for sockets."""
        queue = list(actions)
        while queue:
            action = queue.pop(0)
            match action:
                case a.Show(notice):
                    self.notices.append(notice)
                    if isinstance(notice, a.Heard):
                        self.heard.append((notice.room, notice.entry.seq, notice.entry.text))
                    queue[:0] = self.program.notice(notice, self.talk.now)
                case a.Print(text):
                    self.printed.append(text)
                case a.Send(command):
                    if self.dialled:
                        self.talk.command(self, wire.encode(command))
                case a.Dial():
                    self.connection += 1
                    self.dialled = True
                    self.topics.clear()
                    there = self.talk.broker is not None
                    now = self.talk.now
                    queue[:0] = self.core.dialled(now) if there else self.core.lost("connection refused", now)
                case a.HangUp():
                    self.dialled = False
                    self.topics.clear()
                case a.Listen(_, topics):
                    self.topics = set(topics)
                case a.Subscribe(topic):
                    self.topics.add(topic)
                case a.Unsubscribe(topic):
                    self.topics.discard(topic)
                case a.End():
                    self.ended = self.ended or action
                    self.dialled = False

    def receive(self, body: bytes) -> None:
        """A body arrived."""
        if self.ended is None:
            self.carry_out(self.core.receive(wire.decode_event(body), self.talk.now))

    def cut(self, reason: str = "the network failed") -> None:
        """The connection breaks, and the client notices."""
        self.carry_out(self.core.lost(reason, self.talk.now))

    def vanish(self) -> None:
        """The process dies: nothing more comes from it."""
        self.ended = a.End()
        self.dialled = False
        self.topics.clear()
        if self.talk.broker is not None:
            self.talk.broker.disconnect(self.identity, self.talk.now)  # the system closes what it had open

    def saw(self, *words: str) -> bool:
        """Whether some printed line holds all these words."""
        return self.count(*words) > 0

    def count(self, *words: str) -> int:
        """How many printed lines hold all these words."""
        return sum(all(word in line for word in words) for line in self.printed)

    def texts(self, room: str = "lobby") -> list[str]:
        """The texts shown in a room, in order."""
        return [text for where, _, text in self.heard if where == room]

    @property
    def error(self) -> ZchatError | None:
        """What the program ended with."""
        return self.ended.error if self.ended else None


class Conversation:
    """The clock, the ways between the cores, and the broker that can crash."""

    def __init__(self, seed: int = 0, *, history: History | None = None, policy: Policy | None = None) -> None:
        self.policy = policy or Policy()
        self.random = random.Random(seed)
        self.now = Now(1_000.0, WALL)
        self.history: History = history or SqliteHistory(":memory:", patience=60)
        self.clients: list[Client] = []
        self.commands, self.replies, self.broadcasts = Faults(), Faults(), Faults()
        self.broker: Core | None = None
        self.crash_at: str | None = None
        """Crash at the next commit: ``before`` or ``after`` it."""
        self.disk_seconds = 0.0
        """How long each commit takes; meanwhile the broker goes on."""
        self.logged: list[str] = []
        self.cuts: list[str] = []
        """Keys and networks whose connections the broker had cut."""
        self._identities: dict[bytes, Client] = {}
        self._ways: list[Delivery] = []
        self._count = 0
        self._inbox: list[Frame] = []
        self.start_broker()

    # --- people -----------------------------------------------------------------------------------------------
    def join(
        self, nick: str, *rooms: str, start: Start | None = None, json: bool = False, notices: str = "all"
    ) -> Client:
        """Somebody starts ``zchat join``; returns when they are in."""
        options = ChatOptions(rooms or ("lobby",), start or Start(last=20), notices, json)
        client = self.run(nick, lambda core: Chat(core, options), present=True)
        self.settle()
        return client

    def run(
        self, nick: str, program: Callable[[ClientCore], Program], *, present: bool = False, key: str | None = None
    ) -> Client:
        """Somebody starts a program; with a key that is not their nick's, if one is given."""
        client = Client(self, nick, program, present)
        client.key = key or client.key
        self.clients.append(client)
        client.carry_out([*client.program.start(self.now), *client.core.start(self.now)])
        return client

    # --- the broker -------------------------------------------------------------------------------------------
    def start_broker(self) -> None:
        """Start it from its history."""
        words = iter(range(1_000_000))
        self.broker = Core(
            self.history,
            name="test",
            pub=5556,
            word=lambda: f"s{next(words)}",
            now=self.now,
            policy=self.policy,
            secrets=Secrets(operator="key-of-operator", invite="own"),
        )
        self.flow = Flow(self.broker)

    def crash(self, *, notice: bool = True) -> None:
        """The broker dies; what was on its way to or from it is gone. Clients notice, unless told otherwise."""
        self.broker = None
        self._inbox.clear()
        self._ways.clear()
        for client in self.clients:
            if notice and client.dialled:
                client.cut("the broker died")

    def command(self, client: Client, body: bytes) -> None:
        """A command sets out."""
        identity = client.identity
        self._identities[identity] = client
        self._send(self.commands, lambda: self._inbox.append(Frame(identity, client.key, "192.0.2.1", body)))

    def _turn(self) -> None:
        """One wake-up of the broker, as the server does it: judge what has come, and have it stored."""
        if self.broker is None:
            return
        flow = self.flow
        if flow.open:
            self._carry_out(flow.judge(self._frames(), self.now))
            self._store()
        if flow.idle and self.broker is not None:
            self._carry_out(flow.take(self.broker.tick(self.now)))
            self._store()

    def _frames(self) -> Iterator[Frame]:
        while self._inbox:
            yield self._inbox.pop(0)

    def _store(self) -> None:
        """Have the next batch carried out, which takes `disk_seconds`."""
        self._run(self.flow.start())

    def _run(self, batch: Sequence[BrokerAction]) -> None:
        if not batch or self.broker is None:
            return
        crash, self.crash_at = (self.crash_at, None) if _commits(batch) else (None, self.crash_at)
        if crash == "before":
            return self.crash()
        failures: list[NotStored | None] = []
        done = fulfil(self.history, batch, lambda _, __, failure: failures.append(failure))
        if crash == "after":
            return self.crash()

        def complete(broker: Core | None = self.broker) -> None:
            if broker is self.broker:
                failure = failures[0] if failures else None
                following = self.flow.start_ahead(self.now, 0.0) if failure is None else []
                self._carry_out(self.flow.complete(done, failure, self.now))
                self._run(following)
                self._store()

        if not self.disk_seconds:
            complete()
            return
        self._count += 1
        heapq.heappush(self._ways, Delivery(self.now.mono + self.disk_seconds, self._count, complete))

    def _carry_out(self, actions: Sequence[BrokerAction]) -> None:
        for action in actions:
            match action:
                case Reply(identities, event):
                    for identity in identities:
                        self._reply(identity, wire.encode(event))
                case Publish(topic, event):
                    self._publish(topic, wire.encode(event))
                case Cut(key, network):
                    self.cuts.append(key or network)
                case Log(text, event=event):
                    assert event != "fault", text
                    self.logged.append(text)

    def _reply(self, identity: bytes, body: bytes) -> None:
        client = self._identities.get(identity)
        if client is None or not client.dialled or client.identity != identity:
            assert self.broker is not None
            self.broker.disconnect(identity, self.now)
            return
        self._send(self.replies, lambda: client.receive(body) if client.identity == identity else None)

    def _publish(self, topic: bytes, body: bytes) -> None:
        for client in self.clients:
            if any(topic.startswith(wanted) for wanted in client.topics):
                self._send(self.broadcasts, self._broadcast(client, client.connection, body))

    @staticmethod
    def _broadcast(client: Client, connection: int, body: bytes) -> Callable[[], None]:
        return lambda: client.receive(body) if client.dialled and client.connection == connection else None

    def _send(self, faults: Faults, arrive: Callable[[], None]) -> None:
        for _ in range(1 + (self.random.random() < faults.double)):
            if self.random.random() < faults.drop:
                continue
            self._count += 1
            at = self.now.mono + self.random.random() * faults.delay
            heapq.heappush(self._ways, Delivery(at, self._count, arrive))

    # --- time -------------------------------------------------------------------------------------------------
    def settle(self) -> None:
        """Let everything that is on its way arrive, in no time (as far as it has no delay)."""
        for _ in range(1_000):
            asking = self.broker is not None and self.flow.has_turns
            waiting = bool(self._inbox) and self.flow.open  # else it waits for the disk
            if not (waiting or asking or (self._ways and self._ways[0].at <= self.now.mono)):
                return
            self._deliver()
            self._turn()
        raise AssertionError("the conversation never comes to rest")

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        for _ in range(round(seconds / STEP)):
            self.now = Now(self.now.mono + STEP, self.now.wall + round(STEP * 1_000))
            self._deliver()
            self._turn()
            for client in self.clients:
                if client.ended is None:
                    client.carry_out(client.core.tick(self.now))
                    client.carry_out(client.program.tick(self.now))
        self.settle()

    def _deliver(self) -> None:
        while self._ways and self._ways[0].at <= self.now.mono:
            heapq.heappop(self._ways).arrive()
            if self.broker is None:
                self._inbox.clear()

    def heal(self) -> None:
        """From now on nothing is lost, and the broker runs; give everybody time to notice."""
        self.commands, self.replies, self.broadcasts = Faults(), Faults(), Faults()
        self.crash_at = None
        if self.broker is None:
            self.start_broker()
        self.advance(20.0)


def _commits(actions: Sequence[BrokerAction]) -> bool:
    return any(isinstance(action, Store | StoreRun) for action in actions)
