"""Hello and goodbye: whose nick it is, which session a connection belongs to, and its end.

Owns the rules of sessions and of claiming nicks. Does not know what is said. Pure; used by the broker's thread alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec
from msgspec.structs import replace

from ..common import limits, messages as m, names
from ..common.clock import Now
from ..common.errors import Code, InputError
from ..common.skeleton import skeletons
from .actions import Action, Claim, Log, Reply, Store
from .history import Conflict, NotStored, Outcome, Put
from .refusals import refuse, why_not
from .rooms import Rooms
from .roster import Roster, Session, User

NICKS = "nick"
"""Table of the small state: folded nick → `NickState`."""


class NickState(msgspec.Struct):
    """Who owns a nick."""

    nick: str
    key: str
    since: int


class Sessions:
    """The door: who comes in, comes back, and goes."""

    def __init__(
        self,
        roster: Roster,
        rooms: Rooms,
        reads: Mapping[tuple[str, str], int],
        word: Callable[[], str],
        greeting: m.Welcome,
    ) -> None:
        self._roster = roster
        self._rooms = rooms
        self._reads = reads
        self._word = word
        self._greeting = greeting
        """What every welcome has in common."""
        self._claims: dict[str, str] = {}
        """Key → the folded nick whose claim is on its way to the disk."""
        self._forms: dict[str, tuple[str, str]] = {}
        """Skeleton → the key and the nick of such a claim."""

    def load(self, table: Mapping[str, tuple[bytes, int]]) -> None:
        """Take over the nicks that the history holds."""
        for folded, (value, _) in table.items():
            nick = msgspec.msgpack.decode(value, type=NickState)
            self._roster.add_user(nick.key, nick.nick, folded)

    def hello(self, identity: bytes, user: str, hello: m.Hello, now: Now) -> list[Action]:
        """`Hello`: a known nick is welcomed or refused, a new one is claimed first."""
        try:
            nick = names.parse_nick(hello.nick)
        except InputError as error:
            return [refuse(identity, hello, Code.NICK_INVALID, str(error))]
        folded = names.fold(nick)
        owner = self._roster.nicks.get(folded)
        if owner is not None:
            if owner.key != user:
                return self._taken(identity, hello)
            return self._welcome(identity, owner, hello, now)
        twin = self._twin(nick, user)
        if twin is not None:
            return self._taken(identity, hello, f"The nick {nick} looks like {twin}, which is somebody else's.")
        known = self._roster.users.get(user)
        own = known.nick if known is not None else self._claims.setdefault(user, folded)
        if known is not None or own != folded:
            detail = f"This key already belongs to the nick {own}. Join as {own}, or with another key."
            return [refuse(identity, hello, Code.NICK_TAKEN, detail)]
        self._forms |= dict.fromkeys(skeletons(nick), (user, nick))
        value = msgspec.msgpack.encode(NickState(nick, user, now.wall))
        return [Store(Put(NICKS, folded, value, expect=0), Claim(identity, user, hello))]

    def _twin(self, nick: str, user: str) -> str | None:
        """Somebody else's nick, owned or being claimed, that looks like this one."""
        for form in skeletons(nick):
            owner = self._roster.look_alikes.get(form)
            if owner is not None and owner.key != user:
                return owner.nick
            claimant, claimed = self._forms.get(form, (user, ""))
            if claimant != user:
                return claimed
        return None

    def _taken(self, identity: bytes, hello: m.Hello, why: str = "") -> list[Action]:
        why = why or f"The nick {hello.nick} belongs to somebody else."
        return [refuse(identity, hello, Code.NICK_TAKEN, f"{why} Choose another nick."), Log(why, warning=True)]

    def claimed(self, claim: Claim, outcome: Outcome, now: Now) -> list[Action]:
        """The claim of a nick is stored, or somebody else was faster."""
        self._claims.pop(claim.user, None)
        for form in skeletons(claim.hello.nick):
            self._forms.pop(form, None)
        match outcome:
            case Conflict(value):
                state = msgspec.msgpack.decode(value, type=NickState)
                if state.key != claim.user:
                    return self._taken(claim.identity, claim.hello)
            case NotStored():
                return [refuse(claim.identity, claim.hello, *why_not(outcome))]
        nick = names.parse_nick(claim.hello.nick)
        user = self._roster.add_user(claim.user, nick, names.fold(nick))
        return self._welcome(claim.identity, user, claim.hello, now)

    def _welcome(self, identity: bytes, user: User, hello: m.Hello, now: Now) -> list[Action]:
        actions: list[Action] = []
        here = self._roster.by_identity.get(identity)
        if here is not None and here.instance != hello.instance:
            actions += self.remove(here, now)
        session = self._roster.sessions.get((user.key, hello.instance))
        resumed = session is not None
        if session is None:
            session = Session(
                user, hello.instance, self._word(), b"", hello.present, hello.private, now.wall, now.mono, now.mono
            )
            self._roster.add_session(session)
            actions.append(Log(f"{user.nick} connected ({hello.agent[:64]})"))
        session.heard = now.mono
        self._roster.connect(session, identity)
        welcome = replace(
            self._greeting,
            nick=user.nick,
            key=user.key,
            session=session.number,
            time=now.wall,
            private=self._private_heads(user) if hello.private else {},
            resumed=resumed,
            ref=hello.ref,
        )
        return [*actions, Reply((identity,), welcome)]

    def _private_heads(self, user: User) -> dict[str, m.PrivateHead]:
        """Where the private rooms stand; those with unread messages first, since not all may fit."""
        heads = {
            room: m.PrivateHead(
                nick=other.nick, head=self._roster.rooms[room].head, read=self._reads.get((user.key, room), 0)
            )
            for room, other in user.private.items()
        }
        unread_first = sorted(heads, key=lambda room: heads[room].read >= heads[room].head)
        return {room: heads[room] for room in unread_first[: limits.PRIVATE_ROOMS]}

    def remove(self, session: Session, now: Now, reason: str = "") -> list[Action]:
        """The session ends: it leaves its rooms, with a reason that the others read."""
        actions: list[Action] = []
        for room in list(session.rooms.values()):
            actions += self._rooms.leave(session, room, now, reason)
        self._roster.remove_session(session)
        return [*actions, Log(f"{session.user.nick} disconnected" + (f" ({reason})" if reason else ""))]
