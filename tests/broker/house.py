"""A broker's core with a real history and no sockets, for the tests beside this module."""

from __future__ import annotations

import contextlib
import itertools
import re
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

import msgspec

from zchat.broker.access import Secrets
from zchat.broker.actions import Action, Cut, Log, Publish, Reply
from zchat.broker.core import Core
from zchat.broker.history import History
from zchat.broker.inbox import Frame, groups
from zchat.broker.policy import Policy
from zchat.broker.rooms import MEMBERS
from zchat.broker.roster import Member, direct_room
from zchat.broker.sqlite import SqliteHistory
from zchat.broker.storage import fulfil
from zchat.common import limits, messages as m, wire
from zchat.common.clock import Now
from zchat.common.errors import Code, WireError
from zchat.common.names import LOBBY, OPERATOR
from zchat.common.rules import ACTS

NOW = Now(1_000.0, 1_700_000_000_000)
LAST = 2**63 - 1
"""As `before`: the end of a room."""
PUBLIC_ACTS = tuple(act for act in ACTS if act != "invite")
"""What can be done to somebody in a public room."""
GARBAGE = WireError("it is garbage")
M = TypeVar("M", bound=m.Message)
Sent = list[Reply | Publish]


def key(user: str) -> str:
    """The fingerprint of a user's key. ``alice/2`` is alice on another connection."""
    return user.partition("/")[0].ljust(32, "a")


def direct(one: str, other: str) -> str:
    """The room of two users' private messages."""
    return direct_room(key(one), key(other))


SECRETS = Secrets(operator=key(OPERATOR), invite="own")


class House:
    """A broker's core; what a user sends is answered at once, or with others' in one commit."""

    def __init__(self, policy: Policy | None = None, history: History | None = None, word: str = "word") -> None:
        self.history: Any = history or SqliteHistory(":memory:", patience=60)
        self._word = word
        self.policy = policy or Policy(room_burst=2_000, owned_rooms=2_000)
        self.now = NOW
        self.addresses: dict[str, str] = {}
        """User → where they come from, if it is not 192.0.2.1."""
        self.logged: list[str] = []
        self.faulty = False
        """Whether faults of ours are looked for; else each fails the test."""
        self.cut: list[str] = []
        """Keys and networks that were cut."""
        self.published: list[Publish] = []
        self._ids = itertools.count()
        self.restart()

    def restart(self, policy: Policy | None = None) -> None:
        """The broker starts again from its history."""
        self.policy = policy or self.policy
        words = itertools.count()
        self.core = Core(
            self.history,
            name="test",
            pub=1,
            word=lambda: f"{self._word}{next(words)}",
            now=self.now,
            policy=self.policy,
            secrets=SECRETS,
        )

    # --- time and trouble -------------------------------------------------------------------------------------
    def advance(self, seconds: float) -> None:
        """Time passes, unnoticed by the core until something happens."""
        self.now = Now(self.now.mono + seconds, self.now.wall + round(seconds * 1_000))

    def tick(self) -> Sent:
        """What time brings."""
        return self.carry_out(self.core.tick(self.now))

    @contextlib.contextmanager
    def full_disk(self) -> Iterator[None]:
        """Nothing can be stored meanwhile."""
        self.history._db.execute("PRAGMA query_only = 1")
        yield
        self.history._db.execute("PRAGMA query_only = 0")

    # --- what users do ----------------------------------------------------------------------------------------
    def send(self, *commands: tuple[str, m.Command]) -> Sent:
        """Users send commands which reach the broker together; what it sends, in order."""
        frames = [self.frame(user, wire.encode(command)) for user, command in commands]
        sent: Sent = []
        for actions in self.groups(frames):
            sent += self.carry_out(actions)
        while self.core.has_turns:
            sent += self.send()
        return sent

    def groups(self, frames: Iterable[Frame]) -> Iterator[list[Action]]:
        """What frames come to that reach the broker together, and then the questions whose turn it is."""
        yield from (group.actions for group in groups(self.core, frames, self.now))
        yield self.core.turn(self.now)

    def frame(self, user: str, body: bytes | None) -> Frame:
        """What comes over a user's connection."""
        return Frame(user.encode(), key(user), self.addresses.get(user, "192.0.2.1"), body)

    def carry_out(self, actions: list[Action]) -> Sent:
        """Store, read and send, as the server does it."""
        sent: Sent = []
        while actions:
            sent += [action for action in actions if isinstance(action, Reply | Publish)]
            self.published += [action for action in actions if isinstance(action, Publish)]
            logs = [action for action in actions if isinstance(action, Log)]
            assert self.faulty or not any(log.event == "fault" for log in logs), logs
            self.logged += [log.text for log in logs]
            self.cut += [action.key or action.network for action in actions if isinstance(action, Cut)]
            actions = self.core.complete(fulfil(self.history, actions), self.now)
        return sent

    def enter(self, *users: str, present: bool = True) -> list[m.Welcome]:
        """Users say hello, one after the other; of ``alice/2`` the instance is ``i2``."""
        return [self.ask(user, hello(user, present=present), m.Welcome) for user in users]

    def ask(self, user: str, command: m.Command, kind: type[M]) -> M:
        """A user sends a command: the one event of this kind that answers it."""
        return only(self.send((user, command)), kind, to=user)

    def refused(self, user: str, command: m.Command) -> str:
        """A user sends a command: the code it is refused with, empty when it is not."""
        refusals = events(self.send((user, command)), m.Refused, to=user)
        assert len(refusals) < 2
        return refusals[0].code if refusals else ""

    def join(self, room: str, *users: str, **how: bool) -> None:
        """Users follow a room."""
        for user in users:
            self.ask(user, m.Join(room=room, **how), m.Entered)  # type: ignore[arg-type]

    def say(self, user: str, *texts: str, room: str | None = None, to: str | None = None) -> Sent:
        """A user says something."""
        ids = (re.sub("[^A-Za-z0-9]", "_", f"{user}-{room or to}-{text}")[:64] for text in texts)
        says = (m.Say(id=id_, text=text, room=room, to=to) for id_, text in zip(ids, texts, strict=True))
        return self.send(*((user, say) for say in says))

    def do(self, user: str, kind: str, to: str, room: str, *, seconds: float = 0, text: str = "") -> Sent:
        """A user does something to another one in a room."""
        return self.send((user, self.doing(kind, to, room, seconds=seconds, text=text)))

    def doing(self, kind: str, to: str, room: str, *, seconds: float = 0, text: str = "") -> m.Say:
        """The command for `do`."""
        id_ = f"do-{self._word}-{next(self._ids)}"
        return m.Say(id=id_, kind=kind, room=room, to=to, seconds=seconds, text=text)  # type: ignore[arg-type]

    def done(self, user: str, kind: str, to: str, room: str, *, seconds: float = 0) -> None:
        """A user does something to another one in a room, and may."""
        assert events(self.do(user, kind, to, room, seconds=seconds), m.Acked, to=user), f"{user} could not {kind} {to}"

    def admin(self, verb: str, target: str = "", *, user: str = OPERATOR, **how: object) -> Sent:
        """The operator, who must have entered, does something."""
        return self.send((user, m.Admin(verb=verb, target=target, ref=5, **how)))  # type: ignore[arg-type]

    def administer(self, verb: str, target: str = "", *, user: str = OPERATOR, **how: object) -> m.Administered:
        """The operator does something, and may."""
        return only(self.admin(verb, target, user=user, **how), m.Administered, to=user)

    # --- what users see ---------------------------------------------------------------------------------------
    def page(self, user: str, room: str = "", *, after: int | None = None, to: str | None = None) -> list[m.Entry]:
        """What a user may read of a room, or of the private messages with somebody."""
        where = {"before": LAST} if after is None else {"after": after}
        return self.ask(user, m.Replay(room=room, to=to, **where), m.Page).entries

    def texts(self, user: str, room: str) -> list[str]:
        """The texts that a user may read in a room."""
        return [entry.text for entry in self.page(user, room)]

    def nick(self, user: str) -> str:
        """How a user who is known is called; empty when nobody is known under their key."""
        answer = self.core._roster.users.get(key(user))
        return answer.nick if answer is not None else ""

    def member(self, user: str, room: str) -> Member:
        """What is kept of a user in a room."""
        value, _ = self.history.table(MEMBERS).get(f"{room} {key(user)}", (msgspec.msgpack.encode(Member()), 0))
        return msgspec.msgpack.decode(value, type=Member)

    def may_speak(self, user: str, room: str) -> bool:
        """Whether a user may say something in a room; says it."""
        say = m.Say(id=f"may-{self._word}-{next(self._ids)}", text="something", room=room)
        return bool(events(self.send((user, say)), m.Acked, to=user))

    def may_enter(self, user: str, room: str) -> bool:
        """Whether a user may follow a room; enters it."""
        return bool(events(self.send((user, m.Join(room=room, create=False))), m.Entered, to=user))


def in_dev() -> House:
    """In the public room ``dev``: olga, who made it, its operators otto and opal, and mick and rita."""
    house = House()
    house.enter(OPERATOR, "olga", "otto", "opal", "mick", "rita")
    house.join("dev", "olga", "otto", "opal", "mick", "rita")
    house.join(LOBBY, "olga", "mick")
    for name in ("otto", "opal"):
        house.done("olga", "op", name, "dev")
    return house


def in_den() -> House:
    """Alice owns the private room ``den`` and bob is a member; both are in it. Mallory and carol are strangers."""
    house = House()
    house.enter(OPERATOR, "alice", "bob", "mallory", "carol")
    house.join("den", "alice", private=True)
    house.say("alice", "before bob", room="den")
    house.done("alice", "invite", "bob", "den")
    house.join("den", "bob")
    house.say("alice", "to bob", room="den")
    return house


def hello(user: str, nick: str | None = None, *, invite: str = "", present: bool = True) -> m.Hello:
    """A user's first words."""
    name, _, number = user.partition("/")
    return m.Hello(
        nick=name if nick is None else nick, instance=f"i{number}", present=present, private=True, invite=invite, ref=1
    )


def say(id_: str, *, room: str = "lobby", to: str | None = None, text: str = "x") -> m.Say:
    """A message that has an id."""
    return m.Say(id=id_, text=text, room=None if to else room, to=to)


def flood(house: House, user: str) -> None:
    """A user sends garbage, far more than is borne."""
    for _ in range(limits.STRIKES + 10):
        house.carry_out(house.core.refuse_frame(user.encode(), key(user), GARBAGE, house.now))


def events(sent: Sent, kind: type[M], *, to: str | None = None) -> list[M]:
    """The events of a kind, to one user or by PUB."""
    mine = [
        action
        for action in sent
        if (
            isinstance(action, Publish)
            if to is None
            else isinstance(action, Reply) and to.encode() in action.identities
        )
    ]
    return [action.event for action in mine if isinstance(action.event, kind)]


def only(sent: Sent, kind: type[M], *, to: str | None = None) -> M:
    """The only event of a kind."""
    found = events(sent, kind, to=to)
    assert len(found) == 1, f"{len(found)} {kind.__name__} to {to} in {sent}"
    return found[0]


def heard(sent: Sent) -> dict[str, set[str]]:
    """Who got entries or presence by ROUTER."""
    return {
        kind.__name__: {
            identity.decode()
            for action in sent
            if isinstance(action, Reply) and isinstance(action.event, kind)
            for identity in action.identities
        }
        for kind in (m.Entries, m.Presence)
    }


def acked(sent: Sent, user: str) -> list[str]:
    """The ids of a user's messages that are stored."""
    return [ack.id for event in events(sent, m.Acked, to=user) for ack in event.acks]


def refusals(sent: Sent, user: str) -> dict[str | None, str]:
    """Which messages of a user were refused, and with which code."""
    return {refused.id: refused.code for refused in events(sent, m.Refused, to=user)}


def codes(sent: Sent, user: str) -> list[str]:
    """The codes with which a user was refused."""
    return [refused.code for refused in events(sent, m.Refused, to=user)]


TAKEN, INVALID, NOT_ALLOWED = str(Code.NICK_TAKEN), str(Code.NICK_INVALID), str(Code.NOT_ALLOWED)
NO_ROOM, TOO_FAST, NOT_STORED = str(Code.NO_SUCH_ROOM), str(Code.TOO_FAST), str(Code.NOT_STORED)
