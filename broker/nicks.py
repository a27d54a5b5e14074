"""Nicks: whose they are, and what it takes to claim, change, give and free one.

Owns these rules and what is stored of nicks. Does not know who is admitted, nor what a session is but that its user is
told. Pure; used by the broker's thread alone.

A nick belongs to the key that claimed it. Who takes another one keeps the former for `limits.NICK_KEPT`, in which it
still means them.
"""

from __future__ import annotations

from functools import cache

import msgspec

from ..common import limits, messages as m, names
from ..common.clock import Now
from ..common.errors import Code, InputError
from ..common.skeleton import skeletons
from .actions import Action, Follow, Log, Reply, Store, Then
from .history import Done, Outcome, Put, Rows, Table, Together
from .refusals import Refusal, refuse, why_not
from .rooms import announce
from .roster import Roster, Session, User

NICKS = "nick"
"""Table of the small state: folded nick → `NickState`."""


class NickState(msgspec.Struct, frozen=True):
    """Who owns a nick."""

    nick: str
    key: str
    """Empty: nobody."""
    since: int
    until: int = 0
    """Until when a nick that was given up is kept for its former owner, in milliseconds; 0: it is in use."""

    def owner(self, wall: int) -> str:
        """The key whose nick it is now; empty when it is free."""
        return self.key if not self.until or self.until > wall else ""


FREE = NickState("", "", 0)


class Nicks:
    """All that belong to somebody."""

    def __init__(self, roster: Roster) -> None:
        self._roster = roster
        self._nicks: dict[str, tuple[NickState, int]] = {}
        """Folded nick → its state and revision."""

    def load(self, table: Table, now: Now) -> None:
        """Take over the nicks that the history holds."""
        for folded, (value, revision) in table.items():
            self._set(folded, msgspec.msgpack.decode(value, type=NickState), revision, now)

    def _set(self, folded: str, state: NickState, revision: int, now: Now) -> None:
        """A nick's state is stored."""
        before = self._roster.nicks.get(folded)
        if before is not None and before.key != state.owner(now.wall):
            self._roster.drop_nick(self._nicks[folded][0].nick, folded)
        self._nicks[folded] = state, revision
        if state.owner(now.wall):
            self._roster.add_user(state.key, state.nick, folded, state.since, alias=bool(state.until))

    # --- what other brokers have stored -----------------------------------------------------------------------
    def losers(self, rows: Rows) -> list[User]:
        """Who has no nick any more when these stand so."""
        states = [(folded, msgspec.msgpack.decode(value, type=NickState)) for folded, value, _ in rows]
        in_use = {state.key for _, state in states if not state.until}
        owners = [(self._roster.nicks.get(folded), folded, state) for folded, state in states]
        return [
            user
            for user, folded, state in owners
            if user is not None and names.fold(user.nick) == folded and user.key not in in_use and not state.until
        ]

    def learn(self, rows: Rows, now: Now) -> list[Action]:
        """These nicks stand so now; who is called otherwise than before is told, with all who see them."""
        before: dict[str, str] = {}
        for folded, value, revision in rows:
            state = msgspec.msgpack.decode(value, type=NickState)
            user = self._roster.users.get(state.key)
            before.setdefault(state.key, user.nick if user is not None else "")
            if revision > self._nicks.get(folded, (FREE, 0))[1]:
                self._set(folded, state, revision, now)
        actions: list[Action] = []
        for key, nick in before.items():
            user = self._roster.users.get(key)
            if user is not None and nick not in ("", user.nick):
                actions += self._tell_renamed(user, nick, now)
        return actions

    # --- claiming, changing, freeing --------------------------------------------------------------------------
    def why_not(self, nick: str, user: str, now: Now) -> Refusal | None:
        """Why this key cannot have a nick that is not its own yet."""
        if skeletons(nick) & _reserved():
            return Refusal(Code.NICK_INVALID, f"The nick {nick} is reserved. Choose another nick.")
        owner = self._state(nick)[0].owner(now.wall)
        if owner not in ("", user):
            detail = f"The nick {nick} belongs to somebody else. Choose another nick."
            return Refusal(Code.NICK_TAKEN, detail)
        for form in skeletons(nick):
            other = self._roster.look_alikes.get(form)
            if other is not None and other.key != user and self._holds(other, form, now):
                detail = f"The nick {nick} looks like {other.nick}, which is somebody else's. Choose another nick."
                return Refusal(Code.NICK_TAKEN, detail)
        return None

    def _holds(self, user: User, form: str, now: Now) -> bool:
        """Whether a nick of this user that looks so is still theirs; a former one may have run out meanwhile."""
        if form in skeletons(user.nick):
            return True
        states = [state for state, _ in self._nicks.values() if state.key == user.key]
        return any(form in skeletons(state.nick) and state.owner(now.wall) for state in states)

    def _state(self, nick: str) -> tuple[NickState, int]:
        return self._nicks.get(names.fold(nick), (FREE, 0))

    def claim(self, nick: str, key: str, now: Now) -> Put:
        """What makes a nick a key's, which `stored` is told of."""
        return self._put(nick, NickState(nick, key, now.wall))

    def _put(self, nick: str, state: NickState) -> Put:
        return Put(NICKS, names.fold(nick), msgspec.msgpack.encode(state), expect=self._state(nick)[1])

    def stored(self, put: Put, now: Now) -> None:
        """What was put is stored."""
        assert put.expect is not None
        self._set(put.name, msgspec.msgpack.decode(put.value, type=NickState), put.expect + 1, now)

    def rename(self, session: Session, rename: m.Rename, now: Now) -> list[Action]:
        """`Rename`: another nick for the same key; the former one is kept for a while."""
        nick = nick_of(rename.nick)
        refusal = nick if isinstance(nick, Refusal) else self.why_not(nick, session.user.key, now)
        if refusal is None and isinstance(nick, str):
            refusal = self._why_not_more(nick, session.user.key, now)
        if refusal is None and self._roster.nicks.get(names.OPERATOR) is session.user:
            refusal = Refusal(Code.NOT_ALLOWED, "The operator's key keeps its nick. Join with a key of your own.")
        if refusal is not None:
            return [refuse(session.identity, rename, *refusal)]
        assert isinstance(nick, str)
        if nick == session.user.nick:  # asked again, since the answer was lost
            return [Reply((session.identity,), m.Renamed(nick=nick, ref=rename.ref))]
        return self.give(session.user, nick, Then(session.identity, rename, lambda _, __: []), now)

    def _why_not_more(self, nick: str, user: str, now: Now) -> Refusal | None:
        """Why this key cannot have one nick more; one that is still its own is not one more."""
        if self._state(nick)[0].owner(now.wall) == user:
            return None
        kept = sum(state.key == user and state.until > now.wall for state, _ in self._nicks.values())
        if kept < limits.KEPT_NICKS:
            return None
        detail = f"You have changed your nick {kept} times lately, the most that is allowed. Wait a few days."
        return Refusal(Code.TOO_MANY, detail)

    def give(self, user: User, nick: str, then: Then, now: Now) -> list[Action]:
        """Have a nick stored as this user's, tell everybody, then go on."""
        former = user.nick
        puts = [self.claim(nick, user.key, now)]
        if former and names.fold(former) != names.fold(nick):
            kept = now.wall + int(limits.NICK_KEPT * 1_000)
            puts.append(self._put(former, NickState(former, user.key, user.claimed, kept)))

        def given(outcome: Outcome, now: Now) -> list[Action]:
            if not isinstance(outcome, Done):
                return [refuse(then.identity, then.command, *why_not(outcome))]
            for put in reversed(puts):
                self.stored(put, now)
            fields = {"user": user.key, "nick": nick, "former": former}
            actions: list[Action] = [Log(f"{former or user.key} is now {nick}", event="renamed", fields=fields)]
            ref = then.command.ref if isinstance(then.command, m.Rename) else 0
            return [*actions, *self._tell_renamed(user, former, now, then.identity, ref), *then.follow(outcome, now)]

        return [Store(Together(tuple(puts)), Then(then.identity, then.command, given))]

    def _tell_renamed(self, user: User, former: str, now: Now, identity: bytes = b"", ref: int = 0) -> list[Action]:
        """Somebody is called otherwise: tell them, answering who has asked for it, and their rooms."""
        actions: list[Action] = [
            Reply((session.identity,), m.Renamed(nick=user.nick, ref=ref if session.identity == identity else 0))
            for session in user.sessions
            if session.identity
        ]
        rooms = {room.id: room for session in user.sessions for room in session.rooms.values()}
        for room in rooms.values():
            if user in room.present and not room.is_direct and former:
                actions.append(announce(room, user, "renamed", now, old=former))
        return actions

    def free(self, user: User, nick: str, more: list[Put], leave: Follow, then: Then) -> list[Action]:
        """Have a nick belong to nobody, with those that were given up for it if it is in use; then go on.

        `more` is stored with it; a user whose nick was in use leaves first, under the name that others know.
        """
        in_use = names.fold(nick) == names.fold(user.nick)
        own = [state.nick for state, _ in self._nicks.values() if state.key == user.key] if in_use else [nick]
        puts = [self._put(each, FREE) for each in own]

        def freed(outcome: Outcome, now: Now) -> list[Action]:
            if not isinstance(outcome, Done):
                return [refuse(then.identity, then.command, *why_not(outcome))]
            actions = leave(now) if in_use else []
            if in_use:
                user.nick, user.former = "", user.nick
            for put in puts:
                self.stored(put, now)
            return [*actions, *then.follow(outcome, now)]

        return [Store(Together((*puts, *more)), Then(then.identity, then.command, freed))]

    def of(self, key: str, now: Now) -> list[str]:
        """The nicks that belong to a key, present and former."""
        return [state.nick for state, _ in self._nicks.values() if state.owner(now.wall) == key]

    def spelling(self, nick: str) -> str:
        """A nick as it was claimed."""
        return self._state(nick)[0].nick


def nick_of(text: str) -> str | Refusal:
    """The nick that somebody wants, as it would be theirs."""
    try:
        return names.parse_nick(text)
    except InputError as error:
        return Refusal(Code.NICK_INVALID, str(error))


@cache
def _reserved() -> frozenset[str]:
    """What reserved nicks look like."""
    return frozenset(form for nick in names.RESERVED for form in skeletons(nick))
