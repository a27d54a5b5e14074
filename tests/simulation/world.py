"""One broker, many clients and a bad network, all in virtual time.

The broker's core, the clients' cores and programs and the wire are the real ones; the history is that of `store`. Time
jumps from one thing that happens to the next.

A **step** is one event of a script, one wake-up of the broker, or one body that has come to where it was sent to; ticks
of clients and bodies that were lost are not counted.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence

import msgspec

from zchat.broker.access import Secrets
from zchat.broker.actions import Action as BrokerAction, Publish, Purpose, Reply, StoreRun
from zchat.broker.core import Core
from zchat.broker.flow import Flow
from zchat.broker.history import NotStored, Outcome
from zchat.broker.inbox import Frame
from zchat.broker.policy import Policy
from zchat.broker.rooms import ROOMS
from zchat.broker.storage import fulfil
from zchat.broker.upkeep import FORGOTTEN, Forgotten
from zchat.common import messages as m, names, wire

from .failing import Crash, FailingHistory
from .network import SUBSCRIPTION, Network
from .party import Party
from .store import MemoryHistory
from .ways import BROADCASTS, REPLIES, Box

OPERATOR, OPERATOR_KEY = b"operator", "key-of-the-operator"
_LAST = 1_000_000
"""At one moment the broker wakes up after all clients."""


class World(Network):
    """The broker, and who has been there."""

    def __init__(
        self,
        *,
        policy: Policy,
        orderly: bool,
        pause: float,
        queue: int,
        disk_seconds: float = 0.0,
        history: MemoryHistory | None = None,
    ) -> None:
        super().__init__(orderly=orderly)
        self.policy = policy
        self.disk_seconds = disk_seconds
        """How long a commit takes at most; meanwhile the broker goes on."""
        self.pause = pause
        """Seconds from the first frame until the broker wakes up: what comes meanwhile shares a commit."""
        self.queue = queue
        """Bodies held for a client that does not read, of each of its two sockets."""
        history = history or MemoryHistory()
        self.disk = history.disk
        self.history = FailingHistory(history)
        self.steps = 0
        self.parties: list[Party] = []
        self.slots: dict[str, Party] = {}
        """The latest run of each."""
        self.nicks: dict[str, str] = {}
        """What each key was last called."""
        self.said: dict[tuple[str, str], m.Say] = {}
        """Everything that was ever sent, by author and id."""
        self.broker: Core | None = None
        self.starts = 0
        self.wrongs: list[str] = []
        """What must never happen, and did."""
        self._routes: dict[bytes, tuple[Party, int]] = {}
        self._inbox: deque[Frame] = deque()
        self._waking = self._tick_due = False
        self._batches = 0
        self.start_broker()

    # --- what comes to the broker -----------------------------------------------------------------------------
    def arrive(self, party: Party, connection: int, box: Box) -> None:
        """A command has come to the broker, if it runs and the connection stands."""
        if connection != party.connection or not party.dialled:
            if self.now.mono > party.ghosts_until.get(connection, 0.0):
                # What came after it on that connection cannot arrive either.
                party.severed.add(connection)
                return
            self.count("commands of a former connection")
        elif party.peer != self.running:
            return
        if self.broker is None:
            return
        self.steps += 1
        identity = b"%d.%d" % (party.number, connection)
        self._routes[identity] = (party, connection)
        self._inbox.append(Frame(identity, party.key, "192.0.2.1", box.body))
        self._wake_soon(self.pause)

    def _wake_soon(self, pause: float) -> None:
        if not self._waking:
            self._waking = True
            self._wake_in(pause, is_tick=False)

    def _wake_in(self, seconds: float, *, is_tick: bool) -> None:
        run = self.starts
        self.later(seconds, lambda: self._wake_up(is_tick=is_tick) if run == self.running else None, order=_LAST)

    def order(self, verb: str, target: str = "") -> None:
        """The operator, whose wire nothing harms, has the broker do something, if it runs."""
        if self.broker is None:
            return
        self.count("orders")
        for command in (m.Hello(nick=names.OPERATOR, instance="1", ref=1), m.Admin(verb=verb, target=target, ref=2)):  # type: ignore[arg-type]
            self._inbox.append(Frame(OPERATOR, OPERATOR_KEY, "192.0.2.1", wire.encode(command)))
        self._wake_soon(self.pause)

    @property
    def forgets(self) -> bool:
        """Whether somebody's words are still to be erased."""
        states = (value for value, _ in self.disk.state.get(FORGOTTEN, {}).values())
        return not all(msgspec.msgpack.decode(state, type=Forgotten).done for state in states)

    # --- the broker -------------------------------------------------------------------------------------------
    @property
    def stations(self) -> Sequence[World]:
        """Where brokers run: here alone, unless there are several (`town`)."""
        return (self,)

    def next_for(self, party: Party) -> World:
        """Where somebody connects who has lost their broker."""
        return self

    def pause_for(self, seconds: float) -> None:
        """The broker is stopped for a while; not here (`town`)."""

    def connected(self) -> Sequence[Party]:
        """Whose connections lead to this broker, if they have one."""
        return self.parties

    @property
    def running(self) -> int:
        """The number of the broker's present run; 0 while it is down."""
        return self.starts if self.broker is not None else 0

    def start_broker(self) -> None:
        """Start it from its disk, unless it runs."""
        if self.broker is not None:
            return
        self.starts += 1
        words = iter(range(1_000_000))
        self.broker = self.fresh_core(lambda: f"s{self.starts}.{next(words)}")
        self.flow = Flow(self.broker)
        self._waking = self._tick_due = False
        self._wake_in(0.0, is_tick=True)

    def fresh_core(self, word: Callable[[], str]) -> Core:
        """A core as it starts from what is on the disk."""
        secrets = Secrets(OPERATOR_KEY, "own")
        return Core(self.history, name="test", pub=5556, word=word, now=self.now, policy=self.policy, secrets=secrets)

    def crash(self, *, notice: bool = True) -> None:
        """The broker dies. What it had sent may still arrive; each client notices sooner or later."""
        if self.broker is None:
            return
        self.count("crashes")
        self.broker = None
        self._inbox.clear()
        self._routes.clear()
        for party in self.connected():
            party.ghosts_until.clear()
            party.topics.clear()
            party.held = [item for item in party.held if item[0] == SUBSCRIPTION]
            if party.dialled:
                after = self.draw(b"notice", party.number) * 0.2
                self.later(after, lambda party=party, connection=party.connection: self._bereave(party, connection))

    def _bereave(self, party: Party, connection: int) -> None:
        if party.dialled and party.connection == connection:
            party.lost("the broker died")
            if party.stalled:
                # It will notice when it goes on: until then it is connected to nobody.
                self.later(0.5, lambda: self._bereave(party, connection))

    def close_broker(self) -> None:
        """The broker goes down in order."""
        if self.broker is not None:
            self._carry_out(self.broker.close())
            self.crash()

    def _wake_up(self, *, is_tick: bool) -> None:
        """One wake-up of the broker, as the server does it: judge what has come, and have it stored."""
        broker, flow = self.broker, self.flow
        assert broker is not None
        self._waking = self._waking and is_tick
        self._tick_due = self._tick_due or is_tick
        ticks = self._tick_due and flow.idle
        if not (self._inbox or ticks or flow.has_turns):
            return
        self.steps += 1
        if ticks:
            self._tick_due = False
            self._wake_in(1.0, is_tick=True)
            self._carry_out(flow.take(broker.tick(self.now)))
        if flow.open and not self._tick_due:
            self._carry_out(flow.judge(self._frames(), self.now))
        self._store()

    def _frames(self) -> Iterator[Frame]:
        while self._inbox:
            yield self._inbox.popleft()

    def _store(self) -> None:
        """Have the next batch carried out; it is on the disk at once or a while later, and is told then."""
        batch = self.flow.start()
        if not batch:
            if (self._inbox and self.flow.open and not self._tick_due) or self.flow.has_turns:
                self._wake_soon(0.0)
            return
        self._run(batch)

    def _run(self, batch: Sequence[BrokerAction]) -> None:
        self._batches += 1
        if any(isinstance(action, StoreRun) for action in batch):
            self.count("messages judged as one run")
        chance = self.draw(b"commit", self._batches)
        seconds = chance * self.disk_seconds
        if chance * 7_919 % 1.0 < 0.5:
            done = self._fulfil(batch)
            self._at_commit(seconds, lambda: self._complete(*done) if done else None)
        else:
            self._at_commit(seconds, lambda: self._complete(*done) if (done := self._fulfil(batch)) else None)

    def _at_commit(self, seconds: float, call: Callable[[], None]) -> None:
        """Do something when the disk is done, unless the broker has died meanwhile; at once when it takes no time."""
        run = self.running
        if not seconds:
            call()
            return
        self.count("commits that take a while")
        self.later(seconds, lambda: call() if run == self.running else None)

    def _fulfil(self, batch: Sequence[BrokerAction]) -> tuple[list[tuple[Purpose, Outcome]], NotStored | None] | None:
        failures: list[NotStored | None] = []
        try:
            done = fulfil(self.history, batch, lambda _, __, failure: failures.append(failure))
        except Crash:
            self.count("crashes around a commit")
            self.crash()
            return None
        return done, failures[0] if failures else None

    def _complete(self, done: list[tuple[Purpose, Outcome]], failure: NotStored | None) -> None:
        following = self.flow.start_ahead(self.now, 0.0) if failure is None else []
        if following:
            self.count("batches begun before the one before is told")
        self._carry_out(self.flow.complete(done, failure, self.now))
        if self.broker is not None:
            if following:
                self._run(following)
            if self._tick_due and self.flow.idle:
                self._wake_up(is_tick=True)
            self._store()

    def _carry_out(self, actions: Sequence[BrokerAction]) -> None:
        for action in actions:
            match action:
                case Reply(identities, event):
                    box = Box(wire.encode(event))
                    for identity in identities:
                        self._reply(identity, box)
                case Publish(topic, event):
                    self._publish(topic, event)
                case _:
                    text = getattr(action, "text", "")
                    if "Traceback" in text:
                        self.wrongs.append(f"fault in the broker: {text}")

    def _reply(self, identity: bytes, box: Box) -> None:
        if identity == OPERATOR:
            return
        party, connection = self._routes[identity]
        if connection != party.connection or not party.dialled:
            if not any(party.blocked):  # else nobody has told the broker yet
                assert self.broker is not None
                self.broker.disconnect(identity, self.now)
            return
        self.send(party, REPLIES, connection, box)

    def _publish(self, topic: bytes, event: m.Event) -> None:
        body = wire.encode(event)
        if topic != wire.BEACON_TOPIC:
            self._check_public(topic, event, body)
        box = Box(body)
        for party in self.connected():
            if topic in party.topics:
                self.send(party, BROADCASTS, party.sub, box)

    def _check_public(self, topic: bytes, event: m.Event, body: bytes) -> None:
        room = getattr(event, "room", "?")
        state = self.disk.state.get(ROOMS, {}).get(room)
        private = state is None or b"\xa7private\xc3" in state[0]
        if private or room.startswith(names.PRIVATE_MARK) or b"secret" in body:
            self.wrongs.append(f"published: {topic!r} {event}")
