"""The broker's rules of chat: what a command means, who hears of it, what must be stored first.

Owns the order in which things are decided; `sessions`, `rooms`, `talk` and `questions` decide them. Does not know
sockets, threads, clocks or disks: `server` brings commands with the time, carries out the actions, and brings back the
outcome of what was stored or read. Pure; used by the broker's thread alone.

A message's way: `handle` checks a `Say` and answers with `Store`. The server commits all that one wake-up brought
and calls `complete`, whose actions are the acks and the broadcasts. So nothing is told to anyone before it is on
the disk.
"""

from __future__ import annotations

from collections.abc import Callable

from ..common import limits, messages as m, wire
from ..common.clock import Now
from ..common.errors import Code, WireError
from .actions import Action, Announce, Claim, Create, Log, Mark, Paging, Publish, Purpose, Reply, Said, Start
from .history import Appended, History, Outcome
from .questions import READS, Questions
from .refusals import refuse, refuse_say, why_not
from .rooms import ROOMS, Rooms
from .roster import Roster
from .sessions import NICKS, Sessions
from .talk import Talk


class Core:
    """The rules; every method that takes the time returns the actions, in order."""

    def __init__(self, history: History, *, name: str, pub: int, word: Callable[[], str], now: Now) -> None:
        """Take over what the history holds; it is not used again."""
        self._roster = Roster()
        reads: dict[tuple[str, str], int] = {}
        self._rooms = Rooms(self._roster, reads, started=now.mono)
        self._talk = Talk(self._roster, self._rooms)
        self._questions = Questions(self._roster, self._rooms, reads)
        greeting = m.Welcome(nick="", key="", session="", broker=name, history=history.id, pub=pub, time=0)
        self._sessions = Sessions(self._roster, self._rooms, reads, word, greeting)
        self._beacon_due = now.mono
        self._sessions.load(history.table(NICKS))
        self._rooms.load(history.table(ROOMS), history.heads(), history.topics())
        self._questions.load(history.table(READS))

    # --- input from clients -----------------------------------------------------------------------------------
    def handle(self, identity: bytes, user: str, command: m.Command | m.Unknown, now: Now) -> list[Action]:
        """One command from a connection whose key has the fingerprint `user`."""
        session = self._roster.by_identity.get(identity)
        if session is not None and session.user.key == user:
            session.heard = now.mono
        elif isinstance(command, m.Hello):
            return self._sessions.hello(identity, user, command, now)
        else:
            return [refuse(identity, command, Code.HELLO_FIRST, "Say hello before anything else.")]
        match command:
            case m.Ping():
                return self._questions.ping(session, command)
            case m.Say():
                return self._talk.say(session, command, now)
            case m.Join():
                return self._rooms.join(session, command, now)
            case m.Part():
                return self._rooms.part(session, command, now)
            case m.Replay():
                return self._questions.replay(session, command)
            case m.Who():
                return self._questions.who(session, command, now)
            case m.Rooms():
                return self._questions.rooms(session, command)
            case m.Hello():
                return self._sessions.hello(identity, user, command, now)
            case m.Goodbye():
                return self._sessions.remove(session, now, command.reason)
            case m.Unknown():
                return []

    def refuse_frame(self, identity: bytes, error: WireError) -> list[Action]:
        """Bytes that are no command."""
        return [
            Reply((identity,), m.Refused(code=error.code, detail=f"{error}.", ref=error.ref, id=error.id)),
            Log(f"a frame was refused: {error}", warning=True),
        ]

    def disconnect(self, identity: bytes) -> None:
        """The connection is gone; its session may come back until it expires."""
        self._roster.disconnect(identity)

    def tick(self, now: Now) -> list[Action]:
        """Whatever time brings: sessions that expire, the beacon."""
        actions: list[Action] = []
        for session in list(self._roster.sessions.values()):
            if now.mono - session.heard > limits.SESSION_EXPIRY:
                actions += self._sessions.remove(session, now, "connection lost")
        if now.mono >= self._beacon_due:
            self._beacon_due = now.mono + limits.BEACON_INTERVAL
            actions.append(Publish(wire.BEACON_TOPIC, m.Beacon(time=now.wall)))
        return actions

    def close(self) -> list[Action]:
        """The broker goes down: tell everyone."""
        identities = tuple(self._roster.by_identity)
        return [Reply(identities, m.Closing(reason="the broker is closing"))]

    # --- input from storage -----------------------------------------------------------------------------------
    def complete(self, done: list[tuple[Purpose, Outcome]], now: Now) -> list[Action]:
        """The outcomes of one commit and of the reads after it, in order."""
        actions: list[Action] = []
        acks: dict[bytes, list[m.Ack]] = {}
        entries: dict[str, list[m.Entry]] = {}
        for purpose, outcome in done:
            match purpose:
                case Said():
                    if isinstance(outcome, Appended):
                        acks.setdefault(purpose.identity, []).append(self._talk.stored(purpose, outcome, entries))
                    else:
                        actions.append(refuse_say(purpose.identity, purpose.say, *why_not(outcome)))
                case Claim():
                    actions += self._sessions.claimed(purpose, outcome, now)
                case Create():
                    actions += self._rooms.created(purpose, outcome, now)
                case Start():
                    actions += self._rooms.started_at(purpose, outcome, now)
                case Paging():
                    actions += self._questions.page(purpose, outcome)
                case Announce(room, publish):
                    actions += self._talk.broadcast(self._roster.rooms[room], entries.pop(room, []))
                    actions.append(publish)
                case Mark():
                    self._questions.marked(purpose, outcome)
        actions += [Reply((identity,), m.Acked(acks=list_)) for identity, list_ in acks.items() if identity]
        for room, list_ in entries.items():
            actions += self._talk.broadcast(self._roster.rooms[room], list_)
        return actions
