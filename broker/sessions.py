"""Hello and goodbye: which session a connection belongs to, and its end.

Owns the rules of sessions. Does not know what is said, whose a nick is (`nicks`), nor who may come in at all
(`access`). Pure; used by the broker's thread alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from msgspec.structs import replace

from ..common import limits, messages as m, names
from ..common.clock import Now
from ..common.errors import Code
from . import rights
from .access import Access, too_many_sessions
from .actions import Action, Log, Reply, Store, Then
from .history import Conflict, Done, Outcome, Together
from .nicks import Nicks, nick_of
from .policy import Policy
from .refusals import Refusal, refuse, why_not
from .rooms import Rooms
from .roster import Roster, Session, User


class Sessions:
    """The door: who comes in, comes back, and goes."""

    def __init__(
        self,
        roster: Roster,
        rooms: Rooms,
        access: Access,
        nicks: Nicks,
        policy: Policy,
        reads: Mapping[tuple[str, str], int],
        word: Callable[[], str],
        greeting: m.Welcome,
    ) -> None:
        self._roster = roster
        self._rooms = rooms
        self._access = access
        self._nicks = nicks
        self._policy = policy
        self._reads = reads
        self._word = word
        self._greeting = greeting
        """What every welcome has in common."""

    # --- they begin -------------------------------------------------------------------------------------------
    def hello(self, identity: bytes, user: str, address: str, hello: m.Hello, now: Now) -> list[Action]:
        """`Hello`: a known nick is welcomed or refused, a new one is claimed first."""
        admitted = self._access.judge(user, address, hello, now)
        if isinstance(admitted, Refusal):
            return self._refuse(identity, user, address, hello, admitted)
        known = self._roster.users.get(user)
        nick = nick_of(hello.nick)
        if isinstance(nick, Refusal):
            return self._refuse(identity, user, address, hello, nick)
        owner = self._roster.nicks.get(names.fold(nick))
        if known is not None and owner is known:
            return self._welcome(identity, address, known, hello, now)
        refusal = self._nicks.why_not(nick, user, now)
        if refusal is None and known is not None and known.nick:
            own = known.nick
            detail = f"This key already belongs to the nick {own}. Join as {own}, or with another key."
            refusal = Refusal(Code.NICK_TAKEN, detail)
        if refusal is not None:
            return self._refuse(identity, user, address, hello, refusal)
        claim = self._nicks.claim(nick, user, now)

        def claimed(outcome: Outcome, now: Now) -> list[Action]:
            if isinstance(outcome, Conflict):
                # Another broker was faster: judge again by what stands there, which has been learned.
                return self.hello(identity, user, address, hello, now)
            if not isinstance(outcome, Done):
                return [refuse(identity, hello, *why_not(outcome))]
            self._access.spent(admitted)
            self._nicks.stored(claim, now)
            return self._welcome(identity, address, self._roster.users[user], hello, now)

        return [Store(Together((claim, *admitted)), Then(identity, hello, claimed))]

    def _refuse(self, identity: bytes, user: str, address: str, hello: m.Hello, refusal: Refusal) -> list[Action]:
        text = f"{hello.nick} ({user}) from {address} was refused: {refusal.detail}"
        fields = {"nick": hello.nick, "user": user, "address": address, "code": str(refusal.code)}
        return [refuse(identity, hello, *refusal), Log(text, True, "refused", {**fields, "reason": refusal.detail})]

    def _welcome(self, identity: bytes, address: str, user: User, hello: m.Hello, now: Now) -> list[Action]:
        actions: list[Action] = []
        here = self._roster.by_identity.get(identity)
        if here is not None and (here.user is not user or here.instance != hello.instance):
            actions += self.remove(here, now)
        session = self._roster.sessions.get((user.key, hello.instance))
        if session is not None and any(s.elsewhere and s.instance == hello.instance for s in user.sessions):
            # It has been at another broker meanwhile, and what it did there is not known here.
            actions += self.remove(session, now)
            session = None
        resumed = session is not None
        if session is None:
            if len(user.sessions) >= self._policy.sessions:
                return [
                    *actions,
                    *self._refuse(identity, user.key, address, hello, too_many_sessions(self._policy.sessions)),
                ]
            session = Session(
                user, hello.instance, self._word(), b"", hello.present, hello.private, now.wall, now.mono, now.mono
            )
            session.bot, session.pinged = hello.bot, now.mono
            self._roster.add_session(session)
            agent = hello.agent[:64]
            fields = {"nick": user.nick, "user": user.key, "address": address, "agent": agent}
            actions.append(Log(f"{user.nick} connected from {address} ({agent})", event="connected", fields=fields))
        session.heard, session.address, session.stall = now.mono, address, None
        self._roster.connect(session, identity)
        welcome = replace(
            self._greeting,
            nick=user.nick,
            key=user.key,
            session=session.number,
            time=now.wall,
            private=self._direct_heads(user) if hello.private else {},
            resumed=resumed,
            pace=self._roster.pace,
            ref=hello.ref,
        )
        return [*actions, Reply((identity,), welcome)]

    def _direct_heads(self, user: User) -> dict[str, m.PrivateHead]:
        """Where the direct rooms stand; those with unread messages first, since not all may fit."""
        heads = {
            room: m.PrivateHead(
                nick=other.nick or other.former,
                head=self._roster.rooms[room].head,
                read=self._reads.get((user.key, room), 0),
            )
            for room, other in user.direct.items()
        }
        unread_first = sorted(heads, key=lambda room: heads[room].read >= heads[room].head)
        return {room: heads[room] for room in unread_first[: limits.PRIVATE_ROOMS]}

    # --- and end ----------------------------------------------------------------------------------------------
    def goodbye(self, session: Session, goodbye: m.Goodbye, now: Now) -> list[Action]:
        """`Goodbye`: its reason is read where its user may speak."""
        return self.remove(session, now, goodbye.reason[: limits.REASON_CHARACTERS], own_words=True)

    def remove(self, session: Session, now: Now, reason: str = "", *, own_words: bool = False) -> list[Action]:
        """The session ends: it leaves its rooms, with a reason that the others read."""
        actions: list[Action] = []
        for room in list(session.rooms.values()):
            silent = own_words and rights.why_not_speak(session.user, room, now.wall)
            actions += self._rooms.leave(session, room, now, "" if silent else reason)
        session.farewell = reason
        self._roster.remove_session(session)
        text = f"{session.user.nick} disconnected" + (f" ({reason})" if reason else "")
        fields = {"nick": session.user.nick, "user": session.user.key, "reason": reason}
        return [*actions, Log(text, event="disconnected", fields=fields)]
