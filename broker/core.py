"""The broker's rules of chat: what a command means, who hears of it, what must be stored first.

Owns the order in which things are decided; the modules beside it decide them. Does not know sockets, threads, clocks
or disks: `server` brings commands with the time, carries out the actions, and brings back the outcome of what was
stored or read. Pure; used by the broker's thread alone.

A message's way: `handle` checks a `Say` and answers with `Store`. The server commits all that one wake-up brought
and calls `complete`, whose actions are the acks and the broadcasts (`outcomes`). So nothing is told to anyone before
it is on the disk.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial

from ..common import limits, messages as m, wire
from ..common.clock import Now
from ..common.errors import Code, WireError
from ..common.rules import ACTS
from . import absence
from .access import ACCESS, BANS, INVITES, OPERATORS, Access, Secrets
from .actions import Action, Log, Publish, Purpose, Reply, Report, StoreRun
from .admission import Admission
from .cluster import Cluster
from .faults import each_by_itself
from .governing import Governing
from .history import History, Outcome
from .lockouts import LOCKOUTS, LockOuts
from .moderation import Moderation
from .nicks import NICKS, Nicks
from .outcomes import Outcomes
from .policy import Policy
from .questions import READS, Questions
from .rates import PINGED_ROOMS, TOLD, Rates
from .refusals import Refusal, refuse, why_not
from .retention import Retention
from .rooms import MEMBERS, ROOMS, TOPICS, Rooms
from .roster import Roster, Session
from .search import Searches
from .sessions import Sessions
from .talk import Talk
from .turns import Question, Turns
from .upkeep import FORGOTTEN, Upkeep

TOO_FAST = Refusal(Code.TOO_FAST, "You are too fast for this broker. Wait a moment.", limits.TOO_FAST_RETRY)


class Core:
    """The rules; every method that takes the time returns the actions, in order."""

    def __init__(
        self,
        history: History,
        *,
        name: str,
        pub: int,
        word: Callable[[], str],
        now: Now,
        policy: Policy | None = None,
        secrets: Secrets | None = None,
    ) -> None:
        """Take over what the history holds; it is not used again. `word` makes random words that nobody guesses."""
        policy, secrets = policy or Policy(), secrets or Secrets()
        reads: dict[tuple[str, str], int] = {}
        greeting = m.Welcome(nick="", key="", session="", broker=name, history=history.id, pub=pub, time=0)
        self._roster = Roster()
        self._rates = Rates(policy)
        self._turns = Turns(policy)
        self._access = Access(self._roster, policy, secrets)
        self._rooms = Rooms(self._roster, reads, self._rates, policy, started=now.mono)
        self._moderation = Moderation(self._roster, self._rooms)
        self._talk = Talk(self._roster, self._rooms, self._moderation, self._rates, policy)
        self._questions = Questions(self._roster, self._rooms, reads, self._turns, self._rates, policy)
        self._searches = Searches(self._roster, self._rooms, self._turns, self._rates, policy)
        self._nicks = Nicks(self._roster)
        self._sessions = Sessions(self._roster, self._rooms, self._access, self._nicks, policy, reads, word, greeting)
        self._lockouts = LockOuts(self._access, self._rates, self._sessions)
        self._upkeep = Upkeep(self._roster, self._searches)
        self._governing = Governing(
            self._roster, self._access, self._nicks, self._sessions, self._upkeep, secrets.operator, word
        )
        self._retention = Retention(self._roster, policy)
        self._beat_due = self._ticked = now.mono
        self._rests = 0
        """Beats until the next beacon."""
        told_topics = history.table(TOPICS)  # first: what differs from the entries is then older than they are
        self._load(history, now)
        self._cluster = Cluster(
            history,
            self._roster,
            self._rooms,
            self._talk,
            self._questions,
            self._governing,
            self._upkeep,
            self._lockouts,
            told_topics,
            word,
            now,
        )
        self._outcomes = Outcomes(
            self._roster,
            self._rooms,
            self._talk,
            self._nicks,
            self._questions,
            self._searches,
            self._governing,
            self._retention,
            self._cluster,
        )

    def _load(self, history: History, now: Now) -> None:
        """Take over the users, then what is about them."""
        self._nicks.load(history.table(NICKS), now)
        heads, topics, floors = history.heads(), history.topics(), history.floors()
        self._rooms.load(history.table(ROOMS), history.table(MEMBERS), heads, topics, floors)
        self._questions.load(history.table(READS))
        self._upkeep.load(history.table(FORGOTTEN))
        self._access.load(*map(history.table, (ACCESS, BANS, INVITES, OPERATORS)))
        self._lockouts.load(history.table(LOCKOUTS))

    # --- input from clients -----------------------------------------------------------------------------------
    def settles(self, user: str, command: m.Command | m.Unknown) -> bool:
        """Whether all that came before must be stored before this is judged, and this before what comes after.

        So it is with everything that changes who may do what, or which rooms and nicks there are.
        """
        match command:
            case m.Say(kind=kind, room=room):
                return room is not None and (kind in ACTS or not self._rooms.exists(room))
            case m.Rename() | m.Admin():
                return True
            case m.Hello():
                known = self._roster.users.get(user)
                return self._cluster.shared or known is None or not known.nick
            case m.Join(room=room):
                return not self._rooms.exists(room)
        return False

    def handle(
        self,
        identity: bytes,
        user: str,
        command: m.Command | m.Unknown,
        now: Now,
        address: str = "",
        size: int = 0,
        came: float = math.inf,
    ) -> list[Action]:
        """One command of so many bytes from a connection whose key has the fingerprint `user`.

        It `came` at that monotonic time, if it had to wait.
        """
        session = self._roster.by_identity.get(identity)
        if session is not None and session.user.key == user:
            session.heard = now.mono
        elif not isinstance(command, m.Hello):
            no = refuse(identity, command, Code.HELLO_FIRST, "Say hello before anything else.")
            return [no, *self._lockouts.strike(user, now, 1 + size // limits.STRIKE_BYTES)]
        if isinstance(command, m.Say):
            assert session is not None
            return self._say(session, command, now, size, came)
        leaving = isinstance(command, m.Part | m.Goodbye)  # is never too fast, and not said again
        brokers = session.user.brokers if session is not None else 1
        if not self._rates.charge(user, command, size, now, brokers) and not leaving:
            return [refuse(identity, command, *TOO_FAST), *self._lockouts.strike(user, now)]
        if isinstance(command, m.Hello):
            return self._hello(identity, user, address, command, now)
        assert session is not None
        match command:
            case m.Ping():
                looked_at = len(session.rooms) + len(session.user.direct) * session.private
                self._rates.owe(user, looked_at // PINGED_ROOMS, now)
                return self._questions.ping(session, command, now)
            case m.Join():
                return self._rooms.join(session, command, now)
            case m.Part():
                return self._rooms.part(session, command, now)
            case m.Replay() | m.Search() | m.Who() | m.Rooms():
                return [] if self._turns.add(session, command) else [refuse(identity, command, *TOO_FAST)]
            case m.Away():
                return self._away(session, command, now)
            case m.Rename():
                return self._nicks.rename(session, command, now)
            case m.Inspect():
                return [Report(identity, command, session.user.operator)]
            case m.Admin():
                return self._governing.admin(session, command, now)
            case m.Goodbye():
                return self._sessions.goodbye(session, command, now)
            case m.Unknown():
                return []

    def _hello(self, identity: bytes, user: str, address: str, hello: m.Hello, now: Now) -> list[Action]:
        return self._cluster.surely(
            lambda now: self._sessions.hello(identity, user, address, hello, now),
            lambda outcome, now: [refuse(identity, hello, *why_not(outcome))],
            now,
        )

    def _away(self, session: Session, away: m.Away, now: Now) -> list[Action]:
        told = absence.away(session, away, now)
        self._rates.owe(session.user.key, TOLD * len(told), now)
        for each in session.user.sessions:
            self._roster.note(each)
        return told

    def _say(self, session: Session, say: m.Say, now: Now, size: int, came: float) -> list[Action]:
        user = session.user.key
        if session.stall is not None and self._talk.stalled(session, say, min(came, now.mono)):
            return self._lockouts.strike(user, now)
        if not self._rates.charge(user, say, size, now, session.user.brokers):
            return [*self._talk.stall(session, say, TOO_FAST, now), *self._lockouts.strike(user, now)]
        return self._talk.say(session, say, now)

    def run(
        self, identity: bytes, user: str, said: list[m.Command | m.Unknown | WireError], now: Now, size: int
    ) -> StoreRun | None:
        """What one frame brought, if it is a run of messages that can be taken as they are; None: judge each."""
        session = self._roster.by_identity.get(identity)
        if session is None or session.user.key != user or session.stall is not None:
            return None
        run = self._talk.run(session, said, now, size)
        if run is not None:
            session.heard = now.mono
        return run

    def put_off(
        self, identity: bytes, user: str, command: m.Command | m.Unknown, now: Now, came: float = math.inf
    ) -> list[Action]:
        """A command that came with too many others in one frame: it may come again."""
        session = self._roster.by_identity.get(identity)
        if not isinstance(command, m.Say) or session is None:
            no: list[Action] = [refuse(identity, command, *TOO_FAST)]
        elif self._talk.stalled(session, command, min(came, now.mono)):
            no = []
        else:
            no = self._talk.stall(session, command, TOO_FAST, now)
        return [*no, *self._lockouts.strike(user, now)]

    def over_subscribed(self, user: str, now: Now) -> list[Action]:
        """A SUB connection was cut for asking for too much; who does that again and again is shut out for a while."""
        return self._lockouts.strike(user, now, limits.STRIKES // 3)

    def piled(self, waiting: Mapping[str, int], now: Now) -> list[Action]:
        """So many bytes of each key wait to be read: who has too many is shut out for a while."""
        return self._lockouts.piled(waiting, now)

    def is_shut_out(self, user: str, now: Now) -> bool:
        """Whether a key floods, so that what still comes of it is not heard."""
        return self._access.floods.get(user, 0.0) > now.mono

    def refuse_frame(self, identity: bytes, user: str, error: WireError, now: Now, size: int = 0) -> list[Action]:
        """Bytes that are no command."""
        return [
            Reply((identity,), m.Refused(code=error.code, detail=f"{error}.", ref=error.ref, id=error.id)),
            Log(f"a frame of {user} was refused: {error}", True, "bad_frame", {"user": user, "code": error.code}),
            *self._lockouts.strike(user, now, 1 + size // limits.STRIKE_BYTES),
        ]

    def disconnect(self, identity: bytes, now: Now) -> None:
        """The connection is gone; its session may come back until it expires."""
        self._roster.disconnect(identity, now.mono)

    # --- time -------------------------------------------------------------------------------------------------
    @property
    def has_turns(self) -> bool:
        """Whether questions wait for their turn."""
        return bool(self._turns)

    def turn(self, now: Now) -> list[Action]:
        """Answer the next few questions, of all who ask in turn."""
        answers = [
            partial(self._answer, session, question, now)
            for session, question in self._turns.take(limits.TURN_QUESTIONS)
            if session.identity and self._roster.by_identity.get(session.identity) is session
        ]
        return each_by_itself([*answers, partial(self._cluster.turn, now)])

    def _answer(self, session: Session, question: Question, now: Now) -> list[Action]:
        if isinstance(question, m.Search):
            return self._searches.answer(session, question)
        return self._questions.answer(session, question, now)

    def hinted(self, now: Now) -> list[Action]:
        """Another broker has stored something, says the history."""
        return self._cluster.hinted(now)

    def tick(self, now: Now) -> list[Action]:
        """Whatever time brings."""
        if now.mono - self._ticked > limits.STANDSTILL:
            self._roster.stood_still(now.mono - self._ticked)
            self._rooms.everyone_comes_back(now)
        self._ticked = now.mono
        return each_by_itself(
            (
                partial(self._expire, now),
                partial(self._beat, now),
                partial(self._cluster.tick, now),
                self._questions.tick,
                partial(self._retention.tick, now),
                self._searches.tick,
                self._upkeep.tick,
            )
        )

    def _expire(self, now: Now) -> list[Action]:
        """End the sessions of whom nothing has been heard for too long."""
        actions: list[Action] = []
        pace = self._roster.pace
        for session in list(self._roster.sessions.values()):
            longest = limits.SESSION_SILENCE * pace if session.identity else limits.SESSION_EXPIRY
            if now.mono - session.heard > longest:
                actions += self._sessions.remove(session, now, "connection lost")
        return actions

    def _beat(self, now: Now) -> list[Action]:
        """Now and then: the beacon, and where the rooms stand; who has been quiet is forgotten."""
        if now.mono < self._beat_due:
            return []
        self._beat_due = now.mono + limits.BEACON_INTERVAL
        self._rates.forget(now)
        self._access.forget(now)
        return [*self._beacon(now), *self._talk.heads()]

    def _beacon(self, now: Now) -> list[Action]:
        """The broker's sign of life, with every beat, or more rarely when it goes to very many."""
        self._rests -= 1
        if self._rests > 0:
            return []
        self._rests = self._roster.pace
        return [Publish(wire.BEACON_TOPIC, m.Beacon(time=now.wall, pace=self._rests))]

    def close(self) -> list[Action]:
        """The broker goes down: tell everyone."""
        identities = tuple(self._roster.by_identity)
        closing = m.Closing(reason="the broker is closing", retry=limits.CLOSING_RETRY)
        return [Reply(identities, closing)] if identities else []

    # --- what the server asks ---------------------------------------------------------------------------------
    @property
    def admission(self) -> Admission:
        """What the gate shall know, the same object as long as nothing changes."""
        return self._access.admission

    def sessions_of(self, key: str) -> int:
        """How many sessions a key has."""
        user = self._roster.users.get(key)
        return sum(not session.elsewhere for session in user.sessions) if user is not None else 0

    @property
    def census(self) -> tuple[int, int, int]:
        """How many sessions there are, keys that have one, and rooms."""
        return len(self._roster.sessions), len(self._roster.live), len(self._roster.rooms)

    def who(self, identity: bytes) -> tuple[str, str]:
        """The key and the nick of who is reached by this identity; empty when nobody is."""
        session = self._roster.by_identity.get(identity)
        return (session.user.key, session.user.nick) if session is not None else ("", "")

    def greeted(self, identity: bytes) -> bool:
        """Whether this connection has a session."""
        return identity in self._roster.by_identity

    # --- input from storage -----------------------------------------------------------------------------------
    def complete(self, done: list[tuple[Purpose, Outcome]], now: Now) -> list[Action]:
        """The outcomes of one commit and of the reads after it, in order."""
        return self._outcomes.take(done, now)
