"""The client's shell: DEALER, SUB (`sockets`), the pipe from the input thread, and the one loop over them.

Owns the connections of one client and carries out what the core and the program ask. Does not know the rules of chat
(`core`) nor what is done with it (`program`). `run` is the receive thread, the only one that touches sockets and
core; other threads hold a `Pipe`.

libzmq's own reconnecting is switched off: after a refused handshake it would retry for ever at full speed, and a
fresh socket has a fresh identity, so a connection that died silently can never swallow its successor's mail. The
core decides when to dial.
"""

from __future__ import annotations

import secrets
import time
from collections import deque
from collections.abc import Callable

import zmq

from ..common import clock, limits, messages as m, wire
from ..common.clock import Now
from ..common.errors import Code, RefusedError, WireError, ZchatError
from ..common.keys import KeyPair, Link
from ..common.signals import uninterrupted
from . import pipe
from .actions import (
    Action,
    Connected,
    Dial,
    Disconnected,
    End,
    HangUp,
    Listen,
    NickChanged,
    Notice,
    Output,
    Print,
    Reached,
    Run,
    Send,
    Show,
    Subscribe,
    TurnedAway,
    Unsubscribe,
)
from .core import ClientCore
from .program import Program
from .sockets import Monitored
from .told import Alert, Status, Told
from .trouble import NOT_OURS, crowded, shut_out, trouble_of, unreachable

_FAREWELL_MS = 1_000
"""How long a last word may take to leave at the end."""
_REFUSED_WITHIN = 2.0
"""Seconds; a connection that comes to nothing later was not refused, but nobody was there to refuse it."""
_STRANGE_TIMES = 3
"""Once may be chance: a broker that is just ending. Whoever answers so again and again is not the one that is meant."""
_BATCH = 1_000
"""Frames or lines taken at once from one socket before the others are looked at."""
_BANNED = 400
"""The broker's gate to a key or an address that may not come in; any other number is for a while."""


class Connection:
    """One client's sockets and loop.

    `write` takes lines to show, `met` the first welcome, `renamed` the old and the new nick; all are called by the
    receive thread.
    """

    @uninterrupted()
    def __init__(
        self,
        link: Link,
        key: KeyPair,
        core: ClientCore,
        program: Program,
        *,
        write: Callable[[list[Output]], None],
        met: Callable[[m.Welcome], None],
        renamed: Callable[[str, str], None] = lambda _old, _new: None,
        output: int | None = None,
    ) -> None:
        self._link = link
        self._key = key
        self._core = core
        self._program = program
        self._write = write
        self._met = met
        self._renamed = renamed
        self._output = output
        """The descriptor of a pipe that is written to: when its reader goes, so do we."""
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._outside = self._context.socket(zmq.PAIR)
        self._inside = self._context.socket(zmq.PAIR)
        for end in (self._inside, self._outside):
            end.linger = 0
            end.sndhwm = end.rcvhwm = limits.WINDOW
        self._inside.bind("inproc://input")
        self._outside.connect("inproc://input")
        self.pipe = pipe.Pipe(self._outside)
        self._dealer: Monitored | None = None
        self._sub: Monitored | None = None
        self._unsent: deque[bytes] = deque()
        """Bodies that have not left, of many messages each as far as they were said together."""
        self._said: list[bytes] = []
        """What was said since the last look at the network, and leaves together."""
        self._ended: End | None = None
        self._parted = False
        """We have said goodbye: what followed would come to the broker from nobody."""
        self._reached = False
        self._away_since: float | None = None
        """When the broker was lost, or the first try began; None while it is there."""
        self._strange = 0
        """How often in a row something answered that was not the broker that is meant."""
        self.trouble = ""
        """Why the broker cannot be reached, as far as known."""
        self._turned_away: ZchatError | None = None
        """What the broker said that does not let us in for the moment."""
        self._garbled = 0
        self._dialled = 0.0

    # --- the loop ---------------------------------------------------------------------------------------------
    def run(self) -> None:
        """Serve until the program ends; raises the `ZchatError` it ended with."""
        now = clock.read()
        self._away_since = now.mono
        try:
            self._carry_out([*self._program.start(now), *self._core.start(now)], now)
            while self._ended is None:
                self._turn()
                if self.pipe.quitting:
                    self._ended = End()
                    self._carry_out(self._core.leave(), now)
                self._check_patience()
            if self._ended.error is not None:
                raise self._ended.error
        except BaseException:
            # However it ends, the others see us go now and not when the session expires.
            self._carry_out(self._core.leave(), now)
            raise
        finally:
            self.pipe.ended = True
            self._flush()
            self._hang_up(_FAREWELL_MS if self._core.live else 0)
            self._inside.close(linger=0)

    def close(self) -> None:
        """After `run` has ended: give up everything else. The pipe is closed too."""
        self._outside.close(linger=0)
        self._inside.close(linger=0)
        self._context.destroy(linger=0)

    def _check_patience(self) -> None:
        known = self._reached or self._turned_away is not None
        if self._away_since is None or (known and self._program.persistent):
            return
        patience = max(limits.CONNECT_PATIENCE, self._program.timeout or 0.0)
        if self._strange >= _STRANGE_TIMES or time.monotonic() - self._away_since > patience:
            raise self._turned_away or unreachable(", ".join(self._link.places), self.trouble)

    def _turn(self) -> None:
        """Wait for something, and do it."""
        now = clock.read()
        poller = zmq.Poller()
        # A poller without sockets would return at once, and the loop would run hot; POLLERR never comes.
        poller.register(self._inside, zmq.POLLIN if self._program.wants_input else zmq.POLLERR)
        dealer, sub = self._dealer, self._sub
        if dealer is not None:
            poller.register(dealer.socket, zmq.POLLIN | (zmq.POLLOUT if self._unsent else 0))
            poller.register(dealer.monitor, zmq.POLLIN)
        if sub is not None:
            poller.register(sub.socket, zmq.POLLIN)
            poller.register(sub.monitor, zmq.POLLIN)
        if self._output is not None:
            poller.register(self._output, zmq.POLLERR)
        wait = max(0.0, self._core.due(now) - now.mono)
        readable = dict(poller.poll(int(wait * 1_000) + 1))
        now = clock.read()
        if self._output in readable:
            raise BrokenPipeError
        if dealer is not None and dealer.socket in readable:
            self._receive_dealer(now)
        if sub is not None and sub.socket in readable:
            self._receive_sub(now)
        if dealer is not None and dealer.monitor in readable:
            self._receive_monitor(now)
        if sub is not None and sub.monitor in readable:
            self._receive_sub_monitor(now)
        if self._inside in readable:
            # What was shown in this turn is told first: who asks next is not to be taken for behind.
            self._carry_out(self._core.tick(now), now)
            self._receive_lines(now)
        self._carry_out([*self._core.tick(now), *self._program.tick(now)], now)
        self._flush()

    def _receive_dealer(self, now: Now) -> None:
        for _ in range(_BATCH):
            if self._dealer is None or self._ended:
                return
            try:
                frames = self._dealer.socket.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                break
            now = clock.read()  # so that an answer is not as old as its question
            self._receive(frames[0] if len(frames) == 1 else b"", now)
        self._flush()

    def _receive_sub(self, now: Now) -> None:
        for _ in range(_BATCH):
            if self._sub is None or self._ended:
                return
            try:
                frames = self._sub.socket.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            self._receive(frames[1] if len(frames) == 2 else b"", now)

    def _receive(self, body: bytes, now: Now) -> None:
        dealer = self._dealer
        for event in wire.decode_events(body):
            if isinstance(event, WireError):
                self._not_understood(event, now)
            else:
                self._carry_out(self._core.receive(event, now), now)
            if self._ended or self._dealer is not dealer:
                return  # the rest is of a connection that was given up

    def _not_understood(self, error: WireError, now: Now) -> None:
        if error.code == Code.BAD_VERSION and not self._reached:
            why = f"The broker cannot be understood: {error}. Install the same version on both sides."
            self._carry_out([End(RefusedError(error.code, why))], now)
            return
        self._garbled += 1
        if self._garbled == 1:
            why = f"zchat: The broker sent what cannot be understood: {error}. Are both sides of the same version?"
            self._carry_out([Print(why, aside=True)], now)

    def _receive_lines(self, now: Now) -> None:
        for _ in range(_BATCH):
            if self._ended or not self._program.wants_input:
                return
            try:
                frame = self._inside.recv(zmq.NOBLOCK)
            except zmq.Again:
                return
            match frame[:1]:
                case pipe.LINE:
                    self._carry_out(self._program.line(frame[1:].decode("utf-8", "surrogatepass"), now), now)
                case pipe.END:
                    self._carry_out(self._program.end_of_input(now), now)
                case pipe.CUT:
                    self._carry_out(self._core.lost("the connection was cut", now, float(frame[1:])), now)
                case _:
                    self._carry_out([*self._core.leave(), End()], now)

    # --- actions ----------------------------------------------------------------------------------------------
    def _carry_out(self, actions: list[Action], now: Now) -> None:
        """Do what is asked, in order; what the program makes of a notice comes right after it."""
        lines: list[Output] = []
        queue = deque(actions)
        while queue:
            action = queue.popleft()
            match action:
                case Show(notice):
                    self._watch(notice, now)
                    queue.extendleft(reversed(self._program.notice(notice, now)))
                case Print() | Reached() | Run() | Told() | Status() | Alert():
                    lines.append(action)
                case Send(command) if self._parted:
                    pass
                case Send(m.Say(kind="message" | "me") as say):
                    self._said.append(wire.encode(say))
                case Send(command):
                    self._pack()
                    self._unsent.append(wire.encode(command))
                    self._parted = isinstance(command, m.Goodbye)
                    self._flush()
                case Dial():
                    queue.extendleft(reversed(self._dial(now)))
                case HangUp():
                    self._hang_up(0)
                case Listen(port, topics):
                    self._listen(port, topics)
                case Subscribe(topic):
                    if self._sub is not None:
                        self._sub.socket.subscribe(topic)
                case Unsubscribe(topic):
                    if self._sub is not None:
                        self._sub.socket.unsubscribe(topic)
                case End():
                    self._ended = self._ended or action
        if lines:
            self._write(lines)

    def _watch(self, notice: Notice, now: Now) -> None:
        match notice:
            case Disconnected():
                self._away_since = now.mono
            case TurnedAway(error):
                self._turned_away = error
            case Connected(welcome):
                self._away_since, self.trouble, self._turned_away = None, "", None
                if not self._reached:
                    self._reached = True
                    self._met(welcome)
            case NickChanged(old, new):
                self._renamed(old, new)

    def _pack(self) -> None:
        self._unsent.extend(wire.pack(self._said, limits.PACK_BYTES))
        self._said.clear()

    def _flush(self) -> None:
        self._pack()
        while self._unsent and self._dealer is not None:
            try:
                self._dealer.socket.send(self._unsent[0], zmq.NOBLOCK)
            except zmq.Again:
                return
            self._unsent.popleft()

    def _dial(self, now: Now) -> list[Action]:
        self._hang_up(0)
        if self._dialled:
            self._link = self._link.onward
        self._dialled = now.mono
        self._dealer = dealer = Monitored(self._context, zmq.DEALER, self._link, self._key)
        # A fresh random name for each connection: it is a return address, nothing else.
        dealer.socket.routing_id = b"z" + secrets.token_bytes(15)
        dealer.socket.sndhwm = limits.CLIENT_QUEUE
        try:
            dealer.connect(self._link.port)
        except zmq.ZMQError as error:
            self.trouble = str(error)
            return self._core.lost(self.trouble, now)
        return self._core.dialled(now)

    def _listen(self, port: int, topics: tuple[bytes, ...]) -> None:
        self._close_sub()
        self._sub = sub = Monitored(self._context, zmq.SUB, self._link, self._key)
        for topic in topics:
            sub.socket.subscribe(topic)
        sub.connect(port)

    def _hang_up(self, linger: int) -> None:
        """Close DEALER and SUB; what is still unsent is the core's to repeat."""
        self._unsent.clear()
        self._said.clear()
        self._close_sub()
        if self._dealer is not None:
            self._dealer.close(linger)
        self._dealer = None

    def _close_sub(self) -> None:
        if self._sub is not None:
            self._sub.close()
        self._sub = None

    # --- what the monitors tell -------------------------------------------------------------------------------
    def _receive_monitor(self, now: Now) -> None:
        dealer = self._dealer
        for event, value in dealer.events() if dealer is not None else ():
            reason = trouble_of(event, value)
            if reason is None:
                continue
            if event == zmq.EVENT_CLOSED and now.mono - self._dialled > _REFUSED_WITHIN:
                reason = "no answer"
            self._receive_dealer(now)
            if self._dealer is not dealer or self._ended:
                return  # among what came before the end was its reason
            if event == zmq.EVENT_HANDSHAKE_FAILED_AUTH:
                return self._carry_out(self._not_let_in(value, now), now)
            # The plain end of a connection follows its cause; the cause is what people need.
            if reason or not self.trouble:
                self.trouble = reason or ("the connection broke" if self._reached else NOT_OURS)
            self._strange = self._strange + 1 if self.trouble == NOT_OURS else 0
            self._carry_out(self._core.lost(self.trouble, now), now)
            if self._reached:
                self.trouble = ""
            return

    def _not_let_in(self, value: int, now: Now) -> list[Action]:
        """The broker's gate refused us, for good or for a while."""
        if value == _BANNED:
            return [End(shut_out(self._link.place, self._key.fingerprint))]
        return self._core.turned_away(crowded(self._link.place), now)

    def _receive_sub_monitor(self, now: Now) -> None:
        sub = self._sub
        for event, value in sub.events() if sub is not None else ():
            if trouble_of(event, value) is None:
                continue
            self._receive_sub(now)  # what came before the end
            if self._sub is sub:
                self._close_sub()
                self._carry_out(self._core.deafened(now), now)
            return
