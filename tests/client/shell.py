"""A client's core with a clock, and a broker that says only what the test lets it say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from zchat.client import actions as a
from zchat.client.core import ClientCore
from zchat.client.program import Program
from zchat.client.rooms import UNREAD, Start, Stopped
from zchat.client.session import Profile
from zchat.common import messages as m
from zchat.common.clock import Now

STEP = 1 / 128
"""Seconds of one step of the clock; a power of two, so that steps add up exactly."""


@dataclass
class Shell:
    """A core with a clock, and a broker that says only what the test lets it say."""

    random: Callable[[int], bytes] = lambda size: b"\xff" * size
    mono: float = 1_000.0
    private: Start | None = UNREAD
    stopped: Stopped = field(default_factory=Stopped)
    """Where it stopped in an earlier life."""
    bot: bool = False
    core: ClientCore = field(init=False)
    actions: list[a.Action] = field(default_factory=list)
    """What the core asked for since `clear`."""
    brokers: int = 1
    """How many it knows."""
    hello: m.Hello | None = None
    unanswered: int = 0
    """The ref of a question whose answer is lost."""

    def __post_init__(self) -> None:
        profile = Profile(
            "alice", "instance", "test", True, self.private, self.bot, stopped=self.stopped, brokers=self.brokers
        )
        self.core = ClientCore(profile, self.random)
        self.do(self.core.start(self.now))

    @property
    def now(self) -> Now:
        """The time."""
        return Now(self.mono, round(self.mono * 1_000))

    def do(self, actions: list[a.Action]) -> list[a.Action]:
        """Note what the core asks for; a dial succeeds at once, as far as anybody can see."""
        todo = list(actions)
        while todo:
            action = todo.pop(0)
            self.actions.append(action)
            if isinstance(action, a.Dial):
                todo = self.core.dialled(self.now) + todo
            if isinstance(action, a.Send) and isinstance(action.command, m.Hello):
                self.hello = action.command
        return actions

    def receive(self, event: m.Event | m.Unknown) -> list[a.Action]:
        """The broker says something."""
        return self.do(self.core.receive(event, self.now))

    def welcome(self, *, history: str = "h", pub: int = 5556, **private: m.PrivateHead) -> list[a.Action]:
        """The broker answers the last hello."""
        assert self.hello is not None
        return self.receive(
            m.Welcome(
                nick="alice",
                key="key",
                session="s",
                broker="test",
                history=history,
                pub=pub,
                time=0,
                private={f"@{name}": head for name, head in private.items()},
                ref=self.hello.ref,
            )
        )

    def answer_pings(self, actions: list[a.Action]) -> None:
        """A living broker answers, and shows itself on PUB."""
        self.receive(m.Beacon(time=0))
        for action in actions:
            if isinstance(action, a.Send) and isinstance(action.command, m.Ping):
                self.receive(m.Pong(ref=action.command.ref if action.command.ref != self.unanswered else 0))

    def pass_time(self, seconds: float, *, alive: bool = True) -> None:
        """Let time go by in small steps; the broker answers pings if it is alive."""
        for _ in range(round(seconds / STEP)):
            self.mono += STEP
            actions = self.do(self.core.tick(self.now))
            if alive:
                self.answer_pings(actions)

    def until(self, kind: type[a.Action], *, limit: float = 60.0) -> float:
        """Let time go by until the core asks for such an action, with a broker that says nothing; how long it took."""
        began = self.mono
        while self.mono - began < limit:
            if any(isinstance(action, kind) for action in self.do(self.core.tick(self.now))):
                return self.mono - began
            self.mono += STEP
        raise AssertionError(f"no {kind.__name__} in {limit} s")

    def clear(self) -> None:
        """Forget what the core asked for."""
        self.actions.clear()

    def sent(self, kind: type[m.Message] = m.Message) -> list[m.Message]:
        """The commands of a kind that were sent since `clear`."""
        return [
            action.command for action in self.actions if isinstance(action, a.Send) and isinstance(action.command, kind)
        ]

    def shown(self, kind: type[a.Notice]) -> list[a.Notice]:
        """The notices of a kind since `clear`."""
        return [
            action.notice for action in self.actions if isinstance(action, a.Show) and isinstance(action.notice, kind)
        ]

    def lose(self) -> None:
        """The connection breaks."""
        self.do(self.core.lost("it broke", self.now))


def in_the_lobby() -> Shell:
    """A client in the lobby, a while after everything has settled."""
    live = Shell()
    live.welcome()
    live.do(live.core.join("lobby", Start(), live.now))
    (join,) = live.sent(m.Join)
    assert isinstance(join, m.Join)
    live.receive(entered(join))
    live.pass_time(10)
    live.clear()
    return live


class Player:
    """A program on the core of a shell."""

    shell: Shell
    program: Program

    def do(self, actions: list[a.Action]) -> None:
        """Carry out what is asked, as the connection does."""
        self.react(self.shell.do(actions))

    def react(self, actions: list[a.Action]) -> None:
        """Let the program have what the core shows, and note what the program wants."""
        for action in actions:
            if isinstance(action, a.Show):
                self.do(self.program.notice(action.notice, self.shell.now))
            else:
                self.note(action)

    def note(self, action: a.Action) -> None:
        """The program wants something that is no matter of the core's."""
        raise NotImplementedError

    def type(self, *lines: str) -> None:
        """Lines are typed."""
        for line in lines:
            self.do(self.program.line(line, self.shell.now))

    def hear(self, event: m.Event) -> None:
        """The broker says something."""
        self.do(self.shell.core.receive(event, self.shell.now))


def entered(join: m.Join, *, head: int = 0) -> m.Entered:
    """The broker's answer to a join."""
    return m.Entered(room=join.room, name=join.room, head=head, after=head, ref=join.ref)


def say(shell: Shell, text: str) -> str:
    """Say something in the lobby; its id."""
    actions = shell.core.put(m.Say(id=f"id-{text}", text=text, room="lobby"), shell.now)
    shell.do(actions)
    return f"id-{text}"


def ack(id_: str) -> m.Acked:
    """The broker has stored a message."""
    return m.Acked(acks=[m.Ack(id=id_, room="lobby", seq=1, time=0)])
