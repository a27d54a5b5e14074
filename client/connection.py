"""The client's shell: DEALER, SUB, their monitor, the pipe from the input thread, and the one loop over them.

Owns the sockets of one client and carries out what the core and the program ask. Does not know the rules of chat
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
from typing import Protocol

import zmq
from zmq.utils import z85
from zmq.utils.monitor import parse_monitor_message

from ..common import clock, limits, messages as m, wire
from ..common.clock import Now
from ..common.errors import Code, RefusedError, WireError
from ..common.keys import KeyPair, Link, join_place
from . import pipe
from .actions import (
    Action,
    Connected,
    Dial,
    Disconnected,
    End,
    HangUp,
    Listen,
    Notice,
    Print,
    Send,
    Show,
    Subscribe,
    Unsubscribe,
)
from .core import ClientCore
from .trouble import NOT_OURS, trouble_of, unreachable

_FAREWELL_MS = 1_000
"""How long a last word may take to leave at the end."""
_REFUSED_WITHIN = 2.0
"""Seconds; a connection that comes to nothing later was not refused, but nobody was there to refuse it."""
_BATCH = 1_000
"""Frames or lines taken at once from one socket before the others are looked at."""


class Program(Protocol):
    """What a client does with its broker; all methods are called by the receive thread."""

    def start(self, now: Now) -> list[Action]:
        """Before the first connection."""
        ...

    def line(self, text: str, now: Now) -> list[Action]:
        """A line from the input thread."""
        ...

    def end_of_input(self, now: Now) -> list[Action]:
        """The input thread has no more lines."""
        ...

    def notice(self, notice: Notice, now: Now) -> list[Action]:
        """The core tells something."""
        ...

    def tick(self, now: Now) -> list[Action]:
        """About once a second, and when `due`."""
        ...

    @property
    def wants_input(self) -> bool:
        """Whether it can take another line now; while not, the input thread waits."""
        ...

    @property
    def persistent(self) -> bool:
        """Whether it rides through a broker's death, however long that lasts."""
        ...

    @property
    def timeout(self) -> float | None:
        """Seconds that its user gave it."""
        ...


class Connection:
    """One client's sockets and loop.

    `write` takes lines to show, `met` the first welcome; both are called by the receive thread.
    """

    def __init__(
        self,
        link: Link,
        key: KeyPair,
        core: ClientCore,
        program: Program,
        *,
        write: Callable[[list[Print]], None],
        met: Callable[[m.Welcome], None],
        output: int | None = None,
    ) -> None:
        self._link = link
        self._key = key
        self._core = core
        self._program = program
        self._write = write
        self._met = met
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
        self._dealer: zmq.Socket[bytes] | None = None
        self._monitor: zmq.Socket[bytes] | None = None
        self._sub: zmq.Socket[bytes] | None = None
        self._unsent: deque[bytes] = deque()
        """Bodies that DEALER could not take yet."""
        self._ended: End | None = None
        self._reached = False
        self._away_since: float | None = None
        """When the broker was lost, or the first try began; None while it is there."""
        self.trouble = ""
        """Why the broker cannot be reached, as far as known."""
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
            self._hang_up(_FAREWELL_MS if self._core.live else 0)
            self._inside.close(linger=0)

    def close(self) -> None:
        """After `run` has ended: give up everything else. The pipe is closed too."""
        self._outside.close(linger=0)
        self._inside.close(linger=0)
        self._context.destroy(linger=0)

    def _check_patience(self) -> None:
        if self._away_since is None or (self._reached and self._program.persistent):
            return
        patience = max(limits.CONNECT_PATIENCE, self._program.timeout or 0.0)
        if time.monotonic() - self._away_since > patience:
            raise unreachable(self._link.place, self.trouble)

    def _turn(self) -> None:
        """Wait for something, and do it."""
        now = clock.read()
        poller = zmq.Poller()
        # A poller without sockets would return at once, and the loop would run hot; POLLERR never comes.
        poller.register(self._inside, zmq.POLLIN if self._program.wants_input else zmq.POLLERR)
        if self._dealer is not None:
            poller.register(self._dealer, zmq.POLLIN | (zmq.POLLOUT if self._unsent else 0))
        for socket in (self._monitor, self._sub):
            if socket is not None:
                poller.register(socket, zmq.POLLIN)
        if self._output is not None:
            poller.register(self._output, zmq.POLLERR)
        wait = max(0.0, self._core.due(now) - now.mono)
        readable = dict(poller.poll(int(wait * 1_000) + 1))
        now = clock.read()
        if self._output in readable:
            raise BrokenPipeError
        if self._dealer in readable:
            self._receive_dealer(now)
        if self._sub in readable:
            self._receive_sub(now)
        if self._monitor in readable:
            self._receive_monitor(now)
        if self._inside in readable:
            self._receive_lines(now)
        self._carry_out([*self._core.tick(now), *self._program.tick(now)], now)

    def _receive_dealer(self, now: Now) -> None:
        for _ in range(_BATCH):
            if self._dealer is None or self._ended:
                return
            try:
                frames = self._dealer.recv_multipart(zmq.NOBLOCK)
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
                frames = self._sub.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            self._receive(frames[1] if len(frames) == 2 else b"", now)

    def _receive(self, body: bytes, now: Now) -> None:
        try:
            event = wire.decode_event(body)
        except WireError as error:
            if error.code == Code.BAD_VERSION and not self._reached:
                why = f"The broker cannot be understood: {error}. Install the same version on both sides."
                self._carry_out([End(RefusedError(error.code, why))], now)
                return
            self._garbled += 1
            if self._garbled == 1:
                why = f"zchat: The broker sent what cannot be understood: {error}. Are both sides of the same version?"
                self._carry_out([Print(why, aside=True)], now)
            return
        self._carry_out(self._core.receive(event, now), now)

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
        lines: list[Print] = []
        queue = deque(actions)
        while queue:
            action = queue.popleft()
            match action:
                case Show(notice):
                    self._watch(notice, now)
                    queue.extendleft(reversed(self._program.notice(notice, now)))
                case Print():
                    lines.append(action)
                case Send(command):
                    self._unsent.append(wire.encode(command))
                case Dial():
                    queue.extendleft(reversed(self._dial(now)))
                case HangUp():
                    self._hang_up(0)
                case Listen(port, topics):
                    self._listen(port, topics)
                case Subscribe(topic):
                    if self._sub is not None:
                        self._sub.subscribe(topic)
                case Unsubscribe(topic):
                    if self._sub is not None:
                        self._sub.unsubscribe(topic)
                case End():
                    self._ended = self._ended or action
        if lines:
            self._write(lines)
        self._flush()

    def _watch(self, notice: Notice, now: Now) -> None:
        if isinstance(notice, Disconnected):
            self._away_since = now.mono
        elif isinstance(notice, Connected):
            self._away_since, self.trouble = None, ""
            if not self._reached:
                self._reached = True
                self._met(notice.welcome)

    def _flush(self) -> None:
        while self._unsent and self._dealer is not None:
            try:
                self._dealer.send(self._unsent[0], zmq.NOBLOCK)
            except zmq.Again:
                return
            self._unsent.popleft()

    def _dial(self, now: Now) -> list[Action]:
        self._hang_up(0)
        self._dialled = now.mono
        # Known at once, so that it is closed whatever fails from here on.
        self._dealer = dealer = self._client_socket(zmq.DEALER)
        # A fresh random name for each connection: it is a return address, nothing else.
        dealer.routing_id = b"z" + secrets.token_bytes(15)
        dealer.sndhwm = dealer.rcvhwm = limits.CLIENT_QUEUE
        self._monitor = dealer.get_monitor_socket(
            zmq.EVENT_HANDSHAKE_SUCCEEDED
            | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
            | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
            | zmq.EVENT_HANDSHAKE_FAILED_AUTH
            | zmq.EVENT_CLOSED
            | zmq.EVENT_DISCONNECTED
        )
        try:
            dealer.connect(f"tcp://{self._link.place}")
        except zmq.ZMQError as error:
            self.trouble = str(error)
            return self._core.lost(self.trouble, now)
        return self._core.dialled(now)

    def _listen(self, port: int, topics: tuple[bytes, ...]) -> None:
        if self._sub is not None:
            self._sub.close(linger=0)
        self._sub = sub = self._client_socket(zmq.SUB)
        sub.rcvhwm = limits.CLIENT_QUEUE
        for topic in topics:
            sub.subscribe(topic)
        sub.connect(f"tcp://{join_place(self._link.host, port)}")

    def _client_socket(self, kind: zmq.SocketType) -> zmq.Socket[bytes]:
        socket = self._context.socket(kind)
        socket.linger = 0
        socket.ipv6 = ":" in self._link.host or not self._link.host.replace(".", "").isdigit()
        socket.curve_serverkey = z85.encode(self._link.key)
        socket.curve_publickey = z85.encode(self._key.public)
        socket.curve_secretkey = z85.encode(self._key.secret)
        # Never: the core dials. Not -1, since libzmq then drops what has come but is not yet read when the peer closes.
        socket.reconnect_ivl = 3_600_000
        socket.connect_timeout = 3_000
        socket.handshake_ivl = int(limits.HANDSHAKE * 1_000)
        socket.maxmsgsize = limits.CLIENT_FRAME_BYTES
        socket.heartbeat_ivl = int(limits.HEARTBEAT_INTERVAL * 1_000)
        socket.heartbeat_timeout = int(limits.HEARTBEAT_TIMEOUT * 1_000)
        socket.heartbeat_ttl = int(limits.HEARTBEAT_TTL * 1_000)
        return socket

    def _hang_up(self, linger: int) -> None:
        """Close DEALER, its monitor and SUB; what is still unsent is the core's to repeat."""
        self._unsent.clear()
        if self._dealer is not None:
            # A monitor that stays open would hang the context's end.
            self._dealer.disable_monitor()
            self._dealer.close(linger=linger)
        if self._monitor is not None:
            self._monitor.close(linger=0)
        if self._sub is not None:
            self._sub.close(linger=0)
        self._dealer = self._monitor = self._sub = None

    # --- what the monitor tells -------------------------------------------------------------------------------
    def _receive_monitor(self, now: Now) -> None:
        while self._monitor is not None:
            try:
                event = parse_monitor_message(self._monitor.recv_multipart(zmq.NOBLOCK))
            except zmq.Again:
                return
            reason = trouble_of(event["event"], event["value"])
            if reason is None:
                continue
            if event["event"] == zmq.EVENT_CLOSED and now.mono - self._dialled > _REFUSED_WITHIN:
                reason = "no answer"
            self._receive_dealer(now)
            if self._monitor is None:
                return  # among what came before the end was its reason
            # The plain end of a connection follows its cause; the cause is what people need.
            if reason or not self.trouble:
                self.trouble = reason or ("the connection broke" if self._reached else NOT_OURS)
            self._carry_out(self._core.lost(self.trouble, now), now)
            if self._reached:
                self.trouble = ""
            return
