"""One run of one client: the real core and program, with the world in place of sockets."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING

from zchat.client import actions as a
from zchat.client.core import ClientCore
from zchat.client.program import Program
from zchat.client.rooms import RoomView
from zchat.client.session import Profile
from zchat.common import limits, messages as m, wire

from .ways import COMMANDS, REPLIES, WAYS, Box

if TYPE_CHECKING:
    from .world import World

HANDSHAKE = 1.5
"""A connection that is not there by then is given up."""


@dataclass(slots=True)
class Segment:
    """What one client has shown of one room, without having left it in between."""

    room: str
    view: RoomView
    after: int | None
    """Where the broker said that it begins; None in direct rooms."""
    shown: list[m.Entry] = field(default_factory=list)


class Party:
    """One run of one program, from its start to its end or death."""

    def __init__(
        self,
        world: World,
        number: int,
        slot: str,
        key: str,
        profile: Profile,
        program: Callable[[ClientCore], Program],
        salt: int,
    ) -> None:
        self.world = world
        self.number = number
        self.slot = slot
        self.key = key
        self.core = ClientCore(profile, Random(salt).randbytes)
        self.program = program(self.core)
        self.connection = 0
        """Grows with every dialling."""
        self.dialled = False
        self.peer = 0
        """Which start of the broker it is connected to."""
        self.sub = 0
        """Grows with every SUB."""
        self.topics: set[bytes] = set()
        """What PUB knows of SUB's subscriptions."""
        self.tick_at = 0.0
        self.ended: a.End | None = None
        self.dead = False
        """It was killed, and did not end by itself."""
        self.stalled = False
        """It does nothing at all, and reads nothing."""
        self.backlog: list[tuple[int, int, Box]] = []
        """(way, connection, body) that came meanwhile."""
        self.blocked = (False, False)
        """Whether nothing leaves, and nothing arrives."""
        self.held: list[tuple[int, int, Box | tuple[bytes, bool] | bytes]] = []
        """What waits for the end of the partition."""
        self.last_at = [0.0, 0.0, 0.0]
        self.ghosts_until: dict[int, float] = {}
        """Connection that has ended → until when what it sent still arrives."""
        self.severed: set[int] = set()
        """Connections of which something was lost."""
        self.segments: list[Segment] = []
        self.current: dict[str, Segment] = {}
        self.said: list[m.Say] = []
        """In the order in which they were said first."""
        self.acked: list[tuple[m.Say, m.Ack]] = []
        self.refused: list[tuple[m.Say, m.Refused]] = []
        self.restarted: list[str] = []
        self._said_ids: set[str] = set()
        self._unsent: list[bytes] = []
        """What this turn has to send yet."""

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self.ended is None

    @property
    def identity(self) -> bytes:
        """The routing id of the present connection."""
        return b"%d.%d" % (self.number, self.connection)

    # --- what it is made to do --------------------------------------------------------------------------------
    def type(self, line: str) -> None:
        """A line of input, if it is taken now."""
        if self.alive and not self.stalled and self.program.wants_input:
            self.carry_out(self.program.line(line, self.world.now))
            self.turn()

    def put(self, say: m.Say) -> None:
        """Something to say, whatever the program."""
        if self.alive and not self.stalled:
            self.carry_out(self.core.put(say, self.world.now))
            self.turn()

    def receive(self, way: int, connection: int, box: Box) -> None:
        """A body arrived."""
        if (
            self.ended is not None
            or connection != (self.connection if way == REPLIES else self.sub)
            or not self.dialled
        ):
            return
        if self.stalled:
            if sum(way == other for other, _, _ in self.backlog) < self.world.queue:
                self.backlog.append((way, connection, box))
            else:
                self.world.count(f"{WAYS[way]} dropped for a slow reader")
            return
        self.world.steps += 1
        self.carry_out(self.core.receive(box.open(), self.world.now))
        self.turn()

    def turn(self) -> None:
        """What the shell does each time after it woke up."""
        if self.ended is not None:
            return
        now = self.world.now
        self.carry_out(self.core.tick(now))
        if self.ended is None:
            self.carry_out(self.program.tick(now))
        if self.ended is None:
            self.world.tick_at(self, max(self.core.due(now), now.mono + 0.001))

    def lost(self, reason: str) -> None:
        """The connection breaks, and the client notices."""
        if self.alive and not self.stalled:
            self.carry_out(self.core.lost(reason, self.world.now))
            self.turn()

    def die(self) -> None:
        """The process is killed."""
        if self.alive:
            self.ended, self.dead = a.End(), True
            self._hang_up()

    def wake(self) -> None:
        """It goes on where it was stopped."""
        if not self.stalled:
            return
        self.stalled = False
        backlog, self.backlog = sorted(self.backlog, key=lambda item: item[0]), []
        for way, connection, box in backlog:
            self.receive(way, connection, box)
        self.turn()

    # --- its shell --------------------------------------------------------------------------------------------
    def carry_out(self, actions: Sequence[a.Action]) -> None:
        """As the connection does it, with the world for sockets."""
        if not actions:
            return
        queue = deque(actions)
        while queue:
            action = queue.popleft()
            match action:
                case a.Print():
                    pass
                case a.Show(notice):
                    self._note(notice)
                    queue.extendleft(reversed(self.program.notice(notice, self.world.now)))
                case a.Send(command):
                    if self.dialled:
                        self._send(command)
                case a.Dial():
                    queue.extendleft(reversed(self._dial()))
                case a.HangUp():
                    self._hang_up()
                case a.Listen(_, topics):
                    self.sub += 1
                    self.topics.clear()
                    for topic in topics:
                        self.world.subscribe(self, topic, True)
                case a.Subscribe(topic):
                    self.world.subscribe(self, topic, True)
                case a.Unsubscribe(topic):
                    self.world.subscribe(self, topic, False)
                case a.End():
                    self.ended = self.ended or action
                    self._hang_up(politely=True)
        self._flush()

    def _send(self, command: m.Command) -> None:
        """Messages of one turn leave together, before what comes after them."""
        if isinstance(command, m.Say):
            self._note_say(command)
            if command.kind in ("message", "me"):
                self._unsent.append(wire.encode(command))
                return
        self._flush()
        self.world.send(self, COMMANDS, self.connection, Box(wire.encode(command)))

    def _flush(self) -> None:
        bodies, self._unsent = self._unsent, []
        for body in wire.pack(bodies, limits.PACK_BYTES):
            self.world.send(self, COMMANDS, self.connection, Box(body))

    def _dial(self) -> list[a.Action]:
        self._hang_up()
        self.world = world = self.world.next_for(self)
        self.connection += 1
        if world.broker is None:
            return self.core.lost("connection refused", world.now)
        self.dialled, self.peer = True, world.starts
        self.last_at = [0.0, 0.0, 0.0]
        if any(self.blocked):
            world.later(HANDSHAKE, lambda connection=self.connection: self._check_handshake(connection))
        return self.core.dialled(world.now)

    def _check_handshake(self, connection: int) -> None:
        if self.dialled and self.connection == connection and any(self.blocked):
            self.lost("no handshake")

    def _hang_up(self, *, politely: bool = False) -> None:
        self._flush()
        if self.dialled and self.peer == self.world.running:
            # What the network has already taken may still arrive, the first of it or all.
            grace = 1.0 if politely else self.world.draw(b"ghost", self.number) * 0.3
            self.ghosts_until[self.connection] = self.world.now.mono + grace
        self.dialled = False
        self.sub += 1
        self.topics.clear()

    def _note_say(self, say: m.Say) -> None:
        if say.id not in self._said_ids:
            self._said_ids.add(say.id)
            self.said.append(say)
            self.world.said[self.key, say.id] = say

    def _note(self, notice: a.Notice) -> None:
        match notice:
            case a.Heard(room, entry):
                view = self.core.rooms.get(room)
                segment = self.current.get(room)
                if segment is None or segment.view is not view:
                    assert view is not None
                    segment = self._begin(room, view, None)
                segment.shown.append(entry)
            case a.InRoom(entered):
                self._begin(entered.room, self.core.rooms[entered.room], entered.after)
            case a.Stored(say, ack):
                self.acked.append((say, ack))
            case a.Refusal(command, refused) if isinstance(command, m.Say):
                self.refused.append((command, refused))
            case a.Restarted(room):
                self.restarted.append(room)
            case a.NickChanged(_, new):
                self.world.nicks[self.key] = new

    def _begin(self, room: str, view: RoomView, after: int | None) -> Segment:
        segment = self.current[room] = Segment(room, view, after)
        self.segments.append(segment)
        return segment

    def open_segment(self, room: str) -> Segment | None:
        """What it shows of a room that it still follows."""
        segment = self.current.get(room)
        return segment if segment is not None and segment.view is self.core.rooms.get(room) else None
