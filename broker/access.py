"""Who may come in at all: access modes, keys allowed and denied, invitations, bans, and the operators.

Owns these tables. Does not know sessions or rooms; who gives and takes such rights is `governing`. Pure; used by the
broker's thread alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace

import msgspec

from ..common import limits, messages as m, names
from ..common.clock import Now
from ..common.errors import Code
from .admission import Admission, network_of, within
from .history import Put, Table
from .policy import Policy
from .refusals import Refusal, not_allowed
from .rights import in_force
from .roster import Roster, Session

ACCESS, BANS, INVITES, OPERATORS = "access", "ban", "invite", "operator"
"""Tables of the small state: key → `KeyState`, ``KEY`` or ``NETWORK`` → `BanState`, a token's hash → `InviteState`,
key → `KeyState`."""
INVITE_NAME = 12
"""How much of its hash names an invitation: it lets nobody in."""


class KeyState(msgspec.Struct, frozen=True):
    """Whether a key has what the table is about."""

    given: bool
    by: str
    time: int


class BanState(msgspec.Struct, frozen=True):
    """A ban from the broker."""

    until: int | None
    """Milliseconds; 0: until it is lifted, None: it was lifted."""
    by: str
    reason: str = ""


class InviteState(msgspec.Struct, frozen=True):
    """An invitation; only the hash of its token is kept."""

    uses: int
    until: int
    by: str
    spent: int = 0


@dataclass(frozen=True, slots=True)
class Secrets:
    """What makes somebody an operator, or lets the account's own users in, without being stored in the history."""

    operator: str = ""
    """The fingerprint of the operator's key."""
    invite: str = ""
    """The token in the note that the broker leaves for its account."""


class Access:
    """The tables, and the picture of them for the gate."""

    def __init__(self, roster: Roster, policy: Policy, secrets: Secrets) -> None:
        self._roster = roster
        self._policy = policy
        self._secrets = secrets
        self._given: dict[str, KeyState] = {}
        """Key → whether it was allowed or denied."""
        self._operators: dict[str, KeyState] = {}
        self._invites: dict[str, tuple[InviteState, int]] = {}
        self._bans: dict[str, BanState] = {}
        """Key or network → its ban, over or not."""
        self._floods: dict[str, float] = {}
        self._picture: Admission | None = None

    def load(
        self,
        access: Table,
        bans: Table,
        invites: Table,
        operators: Table,
    ) -> None:
        """Take over what the history holds; after the users."""
        for key, (value, _) in access.items():
            self.give(key, msgspec.msgpack.decode(value, type=KeyState))
        for name, (value, _) in bans.items():
            self.ban(name, msgspec.msgpack.decode(value, type=BanState))
        for hash_, (value, revision) in invites.items():
            self.invited(hash_, msgspec.msgpack.decode(value, type=InviteState), revision)
        for key, (value, _) in operators.items():
            self.appoint(key, msgspec.msgpack.decode(value, type=KeyState))
        if self._secrets.operator:
            before = self._roster.nicks.get(names.OPERATOR)
            if before is not None:
                before.nick = ""  # claimed before it was reserved: they take another one
            operator = self._roster.add_user(self._secrets.operator, names.OPERATOR, names.OPERATOR, 0)
            operator.operator = True

    # --- who comes in -----------------------------------------------------------------------------------------
    def judge(self, key: str, address: str, hello: m.Hello, now: Now) -> tuple[Put, ...] | Refusal:
        """Whether this key may come in; if by an invitation, what that costs."""
        if key == self._secrets.operator:
            return ()
        given = key in self._given and self._given[key].given
        if (key in self._given and not given) or self.banned(key, address, now):
            return not_allowed(f"The operator of this broker has shut out this key ({key}) or address. Ask them.")
        if self._floods.get(key, 0.0) > now.mono:
            return Refusal(Code.TOO_FAST, "This key was too fast for too long. Wait a while.", limits.LOCKOUT)
        own = bool(hello.invite) and hello.invite == self._secrets.invite
        known = key in self._roster.users and bool(self._roster.users[key].nick)
        if self._policy.access == "open" or given or known or own:
            return ()
        if self._policy.access == "closed":
            return not_allowed(
                f"This broker lets in only keys that its operator has allowed. Ask them for: zchat admin allow {key}"
            )
        if not hello.invite:
            return not_allowed(
                "This broker lets in who is invited. Ask its operator for a link: zchat link --invite, and use that."
            )
        return self._spend(hello.invite, now)

    def _spend(self, token: str, now: Now) -> tuple[Put, ...] | Refusal:
        hash_ = hash_of(token)
        state, revision = self._invites.get(hash_, (None, 0))
        if state is None:
            return not_allowed("This invitation is not known here. Copy the link again, or ask for another one.")
        if state.spent >= state.uses:
            return not_allowed("This invitation has been used already. Ask for another one.")
        if state.until and state.until <= now.wall:
            return not_allowed("This invitation has expired. Ask for another one.")
        spent = msgspec.structs.replace(state, spent=state.spent + 1)
        return (Put(INVITES, hash_, msgspec.msgpack.encode(spent), expect=revision),)

    def spent(self, puts: tuple[Put, ...]) -> None:
        """What `judge` asked for is stored."""
        for put in puts:
            assert put.expect is not None
            self.invited(put.name, msgspec.msgpack.decode(put.value, type=InviteState), put.expect + 1)

    # --- what is stored ---------------------------------------------------------------------------------------
    def invited(self, hash_: str, state: InviteState, revision: int) -> None:
        """An invitation stands so."""
        self._invites[hash_] = (state, revision)

    def give(self, key: str, state: KeyState) -> bool:
        """A key is allowed or denied; whether that is new."""
        if self._given.get(key) == state:
            return False
        self._given[key] = state
        self._picture = None
        return True

    def appoint(self, key: str, state: KeyState) -> None:
        """A key is made an operator, or is one no more."""
        self._operators[key] = state
        if key in self._roster.users:
            self._roster.users[key].operator = state.given

    def ban(self, name: str, state: BanState) -> bool:
        """A key or network is banned, or no more; whether that is new."""
        if self._bans.get(name) == state:
            return False
        self._bans[name] = state
        self._picture = None
        return True

    def banned_until(self, name: str) -> int | None:
        """Until when this key or network has been banned; 0: until it is lifted, None: it is not."""
        return self._bans[name].until if name in self._bans else None

    def invitation(self, named: str) -> tuple[str, InviteState, int] | None:
        """The hash, state and revision of the invitation that is named by the beginning of its hash."""
        found = [(hash_, *state) for hash_, state in self._invites.items() if hash_[:INVITE_NAME] == named]
        return found[0] if len(found) == 1 else None

    def rulings(self, now: Now) -> list[m.Ruling]:
        """Everything that is in force."""
        bans = [
            m.Ruling(kind="ban", name=name, until=ban.until or 0, by=self._nick(ban.by), reason=ban.reason)
            for name, ban in self._bans.items()
            if in_force(ban.until, now.wall)
        ]
        keys = [
            m.Ruling(kind="allowed" if state.given else "denied", name=key, by=self._nick(state.by))
            for key, state in self._given.items()
        ]
        operators = [
            m.Ruling(kind="operator", name=key, by=self._nick(state.by))
            for key, state in self._operators.items()
            if state.given
        ]
        invitations = [
            m.Ruling(
                kind="invitation",
                name=hash_[:INVITE_NAME],
                until=state.until,
                uses=state.uses - state.spent,
                by=self._nick(state.by),
            )
            for hash_, (state, _) in self._invites.items()
            if state.spent < state.uses and in_force(state.until, now.wall)
        ]
        named = [
            msgspec.structs.replace(ruling, nick=self._nick(ruling.name, "")) for ruling in bans + keys + operators
        ]
        return invitations + named

    def _nick(self, key: str, otherwise: str | None = None) -> str:
        user = self._roster.users.get(key)
        return user.nick if user is not None and user.nick else key if otherwise is None else otherwise

    @property
    def floods(self) -> Mapping[str, float]:
        """The keys that are locked out for flooding, until when in monotonic seconds."""
        return self._floods

    def lock_out(self, key: str, now: Now) -> None:
        """A key that floods has to wait."""
        self._floods = {**self._floods, key: now.mono + limits.LOCKOUT}
        self._picture = None

    def forget(self, now: Now) -> None:
        """Let go of lock-outs that are over."""
        if any(end <= now.mono for end in self._floods.values()):
            self._floods = {key: end for key, end in self._floods.items() if end > now.mono}
            self._picture = None

    def banned(self, key: str, address: str, now: Now) -> bool:
        """Whether this key, or whoever comes from this address, is banned."""
        return self._bans_alone().banned(key, address, now.wall)

    def _bans_alone(self) -> Admission:
        if self._picture is None:
            ends = {name: ban.until for name, ban in self._bans.items() if ban.until is not None}
            networks = {network: end for name, end in ends.items() if (network := network_of(name)) is not None}
            # A denial has no end, whatever a ban says.
            denied = {key: 0 for key, state in self._given.items() if not state.given}
            self._picture = Admission(
                ends | denied,
                tuple(networks.items()),
                self._floods,
                self._roster.live,
                self._secrets.operator,
            )
        return self._picture

    @property
    def admission(self) -> Admission:
        """What the gate shall know; the same object as long as nothing changes."""
        picture = self._bans_alone()
        if picture.live is not self._roster.live:
            picture = self._picture = replace(picture, live=self._roster.live)
        return picture

    def sessions_at(self, name: str) -> list[Session]:
        """The sessions that a ban of this key or network is about."""
        network = network_of(name)
        if network is None:
            return [session for session in self._roster.sessions.values() if session.user.key == name]
        return [s for s in self._roster.sessions.values() if s.address and within(s.address, network)]


def hash_of(token: str) -> str:
    """What is kept of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


def too_many_sessions(most: int) -> Refusal:
    """A key that is here too often."""
    return Refusal(Code.TOO_MANY, f"This key has {most} sessions here, the most that is allowed. Close some.")
