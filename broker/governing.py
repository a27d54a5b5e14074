"""What only the operators of the broker may do: let keys in or shut them out, free nicks, invite, name operators.

Owns the rules of `Admin`. Does not know rooms' own rights (`moderation`). Pure; used by the broker's thread alone.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import accumulate

import msgspec
from msgspec.structs import replace

from ..common import limits, messages as m, names
from ..common.clock import Now
from ..common.errors import Code
from ..common.keys import fingerprint_of
from ..common.rules import refuse_text
from ..common.skeleton import skeletons
from .access import ACCESS, BANS, INVITES, OPERATORS, Access, BanState, InviteState, KeyState, hash_of
from .actions import Action, Cut, Follow, Log, Reply, Store, Then
from .admission import network_of
from .history import Done, Outcome, Put, Rows, Together
from .nicks import Nicks
from .refusals import Refusal, no_user, not_allowed, refuse, until_when, why_not
from .rights import in_force
from .roster import Roster, Session, User, unnamed
from .sessions import Sessions
from .upkeep import Upkeep

ASK = "Ask the broker's operator to let you in again."
ANEW = "Join again with another nick."
"""What somebody who was shut out can do."""


class Governing:
    """The operators' commands."""

    def __init__(
        self,
        roster: Roster,
        access: Access,
        nicks: Nicks,
        sessions: Sessions,
        upkeep: Upkeep,
        operator: str,
        token: Callable[[], str],
    ) -> None:
        self._roster = roster
        self._access = access
        self._nicks = nicks
        self._sessions = sessions
        self._upkeep = upkeep
        self._operator = operator
        """The fingerprint of the key that the broker made for its operator."""
        self._token = token

    def admin(self, session: Session, admin: m.Admin, now: Now) -> list[Action]:
        """`Admin`: check it, and have it stored."""
        done = (
            self._judge(session, admin, now)
            if session.user.operator
            else not_allowed("Only an operator of the broker may do that. Ask them, or use the account that runs it.")
        )
        if isinstance(done, Refusal):
            return [refuse(session.identity, admin, *done)]
        return done

    def _judge(self, session: Session, admin: m.Admin, now: Now) -> list[Action] | Refusal:
        too_long = refuse_text(admin.reason, "ban")
        if too_long is not None:
            return Refusal(*too_long)
        match admin.verb:
            case "invite":
                return self._invite(session, admin, now)
            case "revoke":
                return self._revoke(session, admin)
            case "list":
                return self._list(session, admin, now)
            case "allow" | "deny":
                return self._give(session, admin, now)
            case "kick" | "ban" | "unban":
                return self._ban(session, admin, now)
            case "op" | "deop":
                return self._op(session, admin, now)
            case "reset":
                return self._reset(session, admin, now)
            case "forget":
                return self._forget(session, admin, now)
            case "vacuum":
                told = _order(session, "What is free of the history's file is given back to the system.")
                return self._upkeep.vacuum(session, admin, told)

    # --- the verbs --------------------------------------------------------------------------------------------
    def _invite(self, session: Session, admin: m.Admin, now: Now) -> list[Action]:
        token = self._token()
        until = now.wall + round(admin.seconds * 1_000) if admin.seconds else 0
        state = InviteState(admin.uses, until, session.user.key)
        times = "once" if admin.uses == 1 else f"{admin.uses} times"
        detail = f"An invitation was made; it can be used {times}{until_when(until)}."

        def follow(now: Now) -> list[Action]:
            self._access.invited(hash_of(token), state, 1)
            return []

        put = Put(INVITES, hash_of(token), msgspec.msgpack.encode(state), expect=0)
        return self._store(session, admin, put, detail, follow, invite=token)

    def _revoke(self, session: Session, admin: m.Admin) -> list[Action] | Refusal:
        found = self._access.invitation(admin.target)
        if found is None:
            return not_allowed(f"There is no invitation {admin.target}. See which there are: zchat admin list.")
        hash_, state, revision = found
        spent = replace(state, spent=state.uses)

        def follow(now: Now) -> list[Action]:
            self._access.invited(hash_, spent, revision + 1)
            return []

        put = Put(INVITES, hash_, msgspec.msgpack.encode(spent), expect=revision)
        return self._store(session, admin, put, f"The invitation {admin.target} lets nobody in any more.", follow)

    def _list(self, session: Session, admin: m.Admin, now: Now) -> list[Action]:
        rulings = self._access.rulings(now)
        sizes = accumulate(len(ruling.reason.encode()) for ruling in rulings[: limits.RULINGS])
        some = [ruling for ruling, size in zip(rulings, sizes, strict=False) if size <= limits.FRAME_BYTES]
        detail = f"{len(rulings)} are in force." if rulings else "Nothing is in force."
        return [Reply((session.identity,), m.Administered(detail=detail, rulings=some, ref=admin.ref))]

    def _give(self, session: Session, admin: m.Admin, now: Now) -> list[Action] | Refusal:
        key = self._key(admin.target)
        if key is None:
            return no_user(admin.target)
        if not self._may(session.user, key):
            return _too_high(admin.target)
        given = admin.verb == "allow"
        state = KeyState(given, session.user.key, now.wall)

        def follow(now: Now) -> list[Action]:
            self._access.give(key, state)
            return [] if given else self._shut_out(key, "", _by(session.user, admin), ASK, now)

        detail = f"The key {key} is let in." if given else f"The key {key} is not let in any more."
        return self._store(session, admin, Put(ACCESS, key, msgspec.msgpack.encode(state)), detail, follow)

    def _ban(self, session: Session, admin: m.Admin, now: Now) -> list[Action] | Refusal:
        network = network_of(admin.target)
        name = str(network) if network is not None else self._key(admin.target)
        if name is None:
            return no_user(admin.target)
        if network is None and not self._may(session.user, name):
            return _too_high(admin.target)
        if network is not None and network.prefixlen == 0:
            return not_allowed("That would ban everybody. Name a smaller network.")
        if admin.verb == "unban":
            if self._access.banned_until(name) is None:
                return not_allowed(f"{admin.target} is not banned.")
            until, detail, advice = None, f"{admin.target} is not banned any more.", ""
        else:
            seconds = limits.KICK_SECONDS if admin.verb == "kick" else admin.seconds
            until = now.wall + round(seconds * 1_000) if seconds else 0
            if admin.verb == "kick" and in_force(self._access.banned_until(name), until):
                return not_allowed(f"{admin.target} is banned from this broker already.")
            if admin.verb == "kick":
                back = f"come back in {limits.KICK_SECONDS:.0f} seconds"
                detail, advice = f"{admin.target} was put out of this broker, and may {back}.", f"You may {back}."
            else:
                detail = f"{admin.target} is banned from this broker{until_when(until)}."
                advice = f"That holds{until_when(until)}. {ASK}" if until else ASK
        state = BanState(until, session.user.key, admin.reason)

        def follow(now: Now) -> list[Action]:
            self._access.ban(name, state)
            if until is None:
                return []
            key, address = (name, "") if network is None else ("", name)
            return self._shut_out(key, address, _by(session.user, admin), advice, now)

        return self._store(session, admin, Put(BANS, name, msgspec.msgpack.encode(state)), detail, follow)

    def _shut_out(self, key: str, network: str, why: str, advice: str, now: Now) -> list[Action]:
        """End every session of a key or network, operators' excepted, and cut the connections."""
        actions: list[Action] = []
        refused = m.Refused(code=str(Code.NOT_ALLOWED), detail=f"You were shut out {why.rstrip('.')}. {advice}")
        for session in self._access.sessions_at(key or network):
            if session.user.key == self._operator:
                continue
            if session.identity:
                actions.append(Reply((session.identity,), refused))
            actions += self._sessions.remove(session, now, f"shut out {why}")
        return [*actions, Cut(key, network, spare=self._operator)]

    def _op(self, session: Session, admin: m.Admin, now: Now) -> list[Action] | Refusal:
        if session.user.key != self._operator:
            return not_allowed(
                "Only the operator's own key may do that: zchat admin, on the account that runs the broker."
            )
        user = self._roster.users.get(self._key(admin.target) or "")
        if user is None or not user.nick or user.key == self._operator:
            return no_user(admin.target)
        given = admin.verb == "op"

        state = KeyState(given, session.user.key, now.wall)

        def follow(now: Now) -> list[Action]:
            self._access.appoint(user.key, state)
            return []

        detail = f"{user.nick} is {'now' if given else 'no longer'} an operator of this broker."
        return self._store(session, admin, Put(OPERATORS, user.key, msgspec.msgpack.encode(state)), detail, follow)

    def _reset(self, session: Session, admin: m.Admin, now: Now) -> list[Action] | Refusal:
        """The nick of a lost key becomes free, or another key's."""
        user = self._roster.nicks.get(names.fold(admin.target))
        if user is None:
            return no_user(admin.target)
        if not self._may(session.user, user.key):
            return _too_high(admin.target)
        key = self._heir(user, admin)
        if isinstance(key, Refusal):
            return key
        in_use = names.fold(admin.target) == names.fold(user.nick)
        nick = user.nick if in_use else self._nicks.spelling(admin.target)
        others = self._nicks.of(user.key, now) if not in_use else []
        for other in others:
            if other != nick and skeletons(nick) & skeletons(other):
                return not_allowed(
                    f"The nick {nick} looks like {other}, which stays whose it is. Reset that one first."
                )
        done = f"The nick {nick} " + (f"belongs to the key {key} now." if key else "is free now.")
        reply = Reply((session.identity,), m.Administered(detail=done, ref=admin.ref))
        log = _order(session, done)

        def freed(_: Outcome, now: Now) -> list[Action]:
            if more:
                self._access.appoint(user.key, state)
            if not key:
                return [log, reply]
            heir = self._roster.users.get(key) or User(key, "")
            then = Then(session.identity, admin, lambda _, __: [log, reply])
            return self._nicks.give(heir, nick, then, now)

        def leave(now: Now) -> list[Action]:
            why = f"since the nick was taken away {_by(session.user, admin)}"
            return self._shut_out(user.key, "", why, ANEW, now)

        # Whoever finds or has stolen the key shall not be an operator with it.
        state = KeyState(False, session.user.key, now.wall)
        more = [Put(OPERATORS, user.key, msgspec.msgpack.encode(state))] if in_use and user.operator else []
        return self._nicks.free(user, nick, more, leave, Then(session.identity, admin, freed))

    def _heir(self, user: User, admin: m.Admin) -> str | Refusal:
        """The key that shall have somebody's nick; empty: nobody's."""
        if not admin.key:
            return ""
        key = fingerprint_of(admin.key)
        if key is None:
            return Refusal(Code.BAD_FRAME, "That is neither a fingerprint nor a public key. See: zchat key export.")
        return key if key not in (user.key, self._operator) else not_allowed("That key cannot be given this nick.")

    def _forget(self, session: Session, admin: m.Admin, now: Now) -> list[Action] | Refusal:
        """Somebody's words are erased; their nicks become free, and they leave."""
        key = self._key(admin.target)
        if key is None:
            return no_user(admin.target)
        if not self._may(session.user, key):
            return _too_high(admin.target)
        user = self._roster.users.get(key)
        if self._upkeep.is_forgetting(key) and (user is None or not user.nick):
            return [self._upkeep.tell_erasure(session.identity, admin, key)]
        puts = [self._upkeep.to_forget(key, session.user.key, now)]
        revoked = KeyState(False, session.user.key, now.wall)

        def forget(outcome: Outcome, now: Now) -> list[Action]:
            if not isinstance(outcome, Done):
                return [refuse(session.identity, admin, *why_not(outcome))]
            if user is not None:
                user.former = unnamed(key)
                if user.operator:
                    self._access.appoint(key, revoked)
            told = _order(session, f"The key {key} is forgotten: what it said is being erased.")
            begun = self._upkeep.forget(key, session.user.key, now)
            return [told, *begun, self._upkeep.tell_erasure(session.identity, admin, key)]

        then = Then(session.identity, admin, forget)
        if user is None or not user.nick:
            return [Store(Together(tuple(puts)), then)]
        if user.operator:
            puts.append(Put(OPERATORS, key, msgspec.msgpack.encode(revoked)))

        def leave(now: Now) -> list[Action]:
            return self._shut_out(
                key, "", f"since the words of this key were erased {_by(session.user, admin)}", ANEW, now
            )

        return self._nicks.free(user, user.nick, puts, leave, then)

    # --- what operators did at other brokers ------------------------------------------------------------------
    def learn_nicks(self, rows: Rows, now: Now) -> list[Action]:
        """Who has lost their nick goes; the others are called as these say."""
        actions: list[Action] = []
        for user in self._nicks.losers(rows):
            actions += self._shut_out(user.key, "", "since its nick was taken away", ANEW, now)
            user.nick, user.former = "", user.nick
        return [*actions, *self._nicks.learn(rows, now)]

    def learn_access(self, rows: Rows, now: Now) -> list[Action]:
        """Keys were allowed or denied."""
        actions: list[Action] = []
        for key, value, _ in rows:
            state = msgspec.msgpack.decode(value, type=KeyState)
            if self._access.give(key, state) and not state.given:
                actions += self._shut_out(key, "", self._by_key(state.by), ASK, now)
        return actions

    def learn_bans(self, rows: Rows, now: Now) -> list[Action]:
        """Keys or networks were banned, or are no more."""
        actions: list[Action] = []
        for name, value, _ in rows:
            state = msgspec.msgpack.decode(value, type=BanState)
            if self._access.ban(name, state) and in_force(state.until, now.wall):
                key, network = (name, "") if network_of(name) is None else ("", name)
                advice = f"That holds{until_when(state.until)}. {ASK}" if state.until else ASK
                actions += self._shut_out(key, network, self._by_key(state.by, state.reason), advice, now)
        return actions

    def learn_operators(self, rows: Rows, now: Now) -> list[Action]:
        """Operators were appointed or dismissed."""
        for key, value, _ in rows:
            self._access.appoint(key, msgspec.msgpack.decode(value, type=KeyState))
        return []

    def learn_invites(self, rows: Rows, now: Now) -> list[Action]:
        """Invitations were made, used or revoked."""
        for hash_, value, revision in rows:
            self._access.invited(hash_, msgspec.msgpack.decode(value, type=InviteState), revision)
        return []

    def _by_key(self, key: str, reason: str = "") -> str:
        user = self._roster.users.get(key)
        return _by_nick(user.nick if user is not None and user.nick else unnamed(key), reason)

    # --- what they share --------------------------------------------------------------------------------------
    def _key(self, target: str) -> str | None:
        """The fingerprint of whom a nick or key names; a key need not be known."""
        user = self._roster.nicks.get(names.fold(target))
        return user.key if user is not None else fingerprint_of(target)

    def _may(self, actor: User, key: str) -> bool:
        """Whether this operator may do something to the holder of this key."""
        user = self._roster.users.get(key)
        return key != self._operator and (actor.key == self._operator or user is None or not user.operator)

    def _store(
        self, session: Session, admin: m.Admin, put: Put, detail: str, effect: Follow, *, invite: str = ""
    ) -> list[Action]:
        identity = session.identity

        def follow(outcome: Outcome, now: Now) -> list[Action]:
            if not isinstance(outcome, Done):
                return [refuse(identity, admin, *why_not(outcome))]
            reply = Reply((identity,), m.Administered(detail=detail, invite=invite, ref=admin.ref))
            return [_order(session, detail), *effect(now), reply]

        return [Store(put, Then(identity, admin, follow))]


def _order(session: Session, done: str) -> Log:
    fields = {"nick": session.user.nick, "user": session.user.key, "done": done}
    return Log(f"{session.user.nick}: {done}", event="order", fields=fields)


def _too_high(target: str) -> Refusal:
    return not_allowed(f"{target} is an operator of this broker. Only the operator's own key may do that.")


def _by(user: User, admin: m.Admin) -> str:
    return _by_nick(user.nick, admin.reason)


def _by_nick(nick: str, reason: str) -> str:
    name = "the operator" if nick == names.OPERATOR else nick
    return f"by {name}" + (f": {reason}" if reason else "")
