"""Upkeep that operators order: a person's words are erased, and what is free of the storage is given back.

Owns these two works, a step at each tick so that nobody waits for them, and what is told when they are done. A person
who is to be forgotten is noted in the history, so that a restart does not end the work. Does not know how a step is
made (`history`). Pure; used by the broker's thread alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from ..common import messages as m
from ..common.clock import Now
from ..common.errors import Code
from .actions import Action, Ask, Log, OwnStep, Reply, Store, Then
from .history import Checkpoint, Disown, Disowned, Done, Outcome, Put, Rows, Shrink, Shrunk, Table
from .refusals import refuse, why_not
from .rooms import put_topic
from .roster import Roster, Session, unnamed
from .search import Searches

FORGOTTEN = "forgotten"
"""Table of the small state: key → `Forgotten`."""
SHRINK_PAGES = 500
"""Pages that are given back at once: some 20 ms."""
_UNABLE = (
    "The history was made by a zchat that could not do that. Stop the broker, and write it anew:"
    " zchat admin backup FILE, then zchat admin restore FILE."
)


class Forgotten(msgspec.Struct, frozen=True):
    """Somebody whose words are erased, or are to be."""

    by: str
    time: int
    done: bool = False


@dataclass(slots=True)
class _Erasure:
    """Somebody's words, being erased."""

    by: str
    time: int
    after: tuple[int, int] | None = (0, 0)
    """How far it has come; None: through."""
    changed: int = 0
    done: bool = False


@dataclass(slots=True)
class _Vacuum:
    """Free pages, being given back."""

    freed: int = 0
    left: int = 0
    through: bool = False
    done: bool = False


class Upkeep:
    """The works under way."""

    def __init__(self, roster: Roster, searches: Searches) -> None:
        self._roster = roster
        self._searches = searches
        self._erasures: dict[str, _Erasure] = {}
        """Key → the work; one that is done stays until its end was told."""
        self._elsewhere: dict[str, _Erasure] = {}
        """What other brokers are about."""
        self._untold: dict[str, str] = {}
        """Room → its topic, which the other brokers have to be told of."""
        self._vacuum: _Vacuum | None = None
        self.shared = False
        """Whether other brokers have to be told of topics."""

    def load(self, forgotten: Table) -> None:
        """Go on with what the history says is to be done."""
        for key, (value, _) in forgotten.items():
            state = msgspec.msgpack.decode(value, type=Forgotten)
            if not state.done:
                self._erasures[key] = _Erasure(state.by, state.time)

    def learn(self, rows: Rows, now: Now) -> list[Action]:
        """Who is forgotten at another broker, which does the work."""
        for key, value, _ in rows:
            state = msgspec.msgpack.decode(value, type=Forgotten)
            user = self._roster.users.get(key)
            if user is not None and not user.nick:
                user.former = unnamed(key)
            if state.done:
                self._elsewhere.pop(key, None)
            elif key not in self._erasures:
                self._elsewhere[key] = _Erasure(state.by, state.time)
        return []

    def learn_topics(self, rows: Rows, now: Now) -> list[Action]:
        """Topics were set, or taken out with their author's words."""
        for id_, value, _ in rows:
            if id_ in self._roster.rooms:
                self._roster.rooms[id_].topic = msgspec.msgpack.decode(value, type=str)
        return []

    def take_over(self) -> None:
        """A broker is gone, and nobody knows whether it had finished: do its work again."""
        self._erasures |= self._elsewhere
        self._elsewhere.clear()

    # --- what operators order ---------------------------------------------------------------------------------
    def is_forgetting(self, key: str) -> bool:
        """Whether this key's words are being erased, or were and nobody has been told yet."""
        return key in self._erasures

    def to_forget(self, key: str, by: str, now: Now) -> Put:
        """What is stored with the order."""
        return Put(FORGOTTEN, key, msgspec.msgpack.encode(Forgotten(by, now.wall)))

    def forget(self, key: str, by: str, now: Now) -> list[Action]:
        """The order is stored: begin."""
        self._erasures[key] = _Erasure(by, now.wall)
        return self._erase(key)

    def tell_erasure(self, identity: bytes, admin: m.Admin, key: str) -> Reply:
        """How far it is."""
        work = self._erasures[key]
        if work.done:
            del self._erasures[key]
        return Reply((identity,), m.Administered(detail=_erased(key, work), more=not work.done, ref=admin.ref))

    def vacuum(self, session: Session, admin: m.Admin, told: Log) -> list[Action]:
        """Begin, which the log is told, or tell how far it is."""
        if self._vacuum is not None:
            return [self._tell_vacuum(session.identity, admin)]

        def begun(outcome: Outcome, now: Now) -> list[Action]:
            if not isinstance(outcome, Shrunk):
                return [refuse(session.identity, admin, *why_not(outcome))]
            if not outcome.able:
                return [refuse(session.identity, admin, Code.NOT_ALLOWED, outcome.instead or _UNABLE)]
            self._vacuum = self._vacuum or _Vacuum()
            return [told, *self._shrunk(outcome), self._tell_vacuum(session.identity, admin)]

        return [Store(Shrink(SHRINK_PAGES), Then(session.identity, admin, begun))]

    def _tell_vacuum(self, identity: bytes, admin: m.Admin) -> Reply:
        work = self._vacuum
        assert work is not None
        if work.done:
            self._vacuum = None
        return Reply((identity,), m.Administered(detail=_given_back(work), more=not work.done, ref=admin.ref))

    # --- a step at a time -------------------------------------------------------------------------------------
    def tick(self) -> list[Action]:
        """The next step of one work."""
        if self._untold:
            return self._tell_topics()
        for key, erasure in self._erasures.items():
            if erasure.after is not None:
                return self._erase(key)
            if not erasure.done:
                # Their words stand in the index, and in the log beside the file, until both are written anew.
                return [] if self._searches.dirty else self._end_erasure(key)
        work = self._vacuum
        if work is None or work.done:
            return []
        if work.through:
            return [Ask(Checkpoint(), OwnStep(self._end_vacuum))]
        return [Store(Shrink(SHRINK_PAGES), OwnStep(lambda outcome, now: self._shrunk(outcome)))]

    def _erase(self, key: str) -> list[Action]:
        work = self._erasures[key]
        assert work.after is not None

        def erased(outcome: Outcome, now: Now) -> list[Action]:
            if isinstance(outcome, Disowned):  # else the next tick tries again
                work.changed += outcome.changed
                work.after = outcome.after
                for id_, topic in outcome.topics.items():
                    room = self._roster.rooms[id_]
                    if self.shared and room.topic != topic:
                        self._untold[id_] = topic
                    room.topic = topic
                self._searches.erased()
            return self._tell_topics()

        return [Store(Disown(key, unnamed(key), work.after), OwnStep(erased))]

    def _tell_topics(self) -> list[Action]:
        """Tell the other brokers which topics there are now; what cannot be stored comes again."""
        untold, self._untold = self._untold, {}

        def telling(id_: str, topic: str) -> Store:
            def told(outcome: Outcome, now: Now) -> list[Action]:
                if not isinstance(outcome, Done):
                    self._untold.setdefault(id_, topic)
                return []

            return Store(put_topic(id_, topic), OwnStep(told))

        return [telling(*each) for each in untold.items()]

    def _end_erasure(self, key: str) -> list[Action]:
        work = self._erasures[key]

        def noted(outcome: Outcome, now: Now) -> list[Action]:
            if not isinstance(outcome, Done):
                return []
            return [Ask(Checkpoint(), OwnStep(ended))]

        def ended(outcome: Outcome, now: Now) -> list[Action]:
            if work.done or not isinstance(outcome, Done):
                return []
            work.done = True
            text = f"the words of {key} are erased: {work.changed} entries"
            return [Log(text, event="forgotten", fields={"user": key, "entries": work.changed})]

        put = Put(FORGOTTEN, key, msgspec.msgpack.encode(Forgotten(work.by, work.time, done=True)))
        return [Store(put, OwnStep(noted))]

    def _shrunk(self, outcome: Outcome) -> list[Action]:
        work = self._vacuum
        if isinstance(outcome, Shrunk) and work is not None:  # else the next tick tries again
            work.freed += outcome.freed
            work.left = outcome.left
            work.through = not outcome.left or not outcome.freed
        return []

    def _end_vacuum(self, outcome: Outcome, now: Now) -> list[Action]:
        work = self._vacuum
        if work is None or not isinstance(outcome, Done):
            return []
        work.done = True
        return [
            Log(f"{work.freed} bytes of the history's file were given back", False, "vacuum", {"bytes": work.freed})
        ]


def _erased(key: str, work: _Erasure) -> str:
    many = f"{work.changed:,} entr{'y' if work.changed == 1 else 'ies'}"
    if not work.done:
        return f"{many} of {unnamed(key)} are erased so far. The broker goes on."
    return (
        f"The words of {unnamed(key)} are erased from {many}. What stays: that they said something, and when, under"
        f" the name {unnamed(key)}; which choices they took; what others wrote of them or quoted; backups, exports,"
        " logs, and what screens have shown."
    )


def _given_back(work: _Vacuum) -> str:
    if not work.done:
        return f"{work.freed:,} bytes are given back so far, {work.left:,} are left. The broker goes on."
    return f"{work.freed:,} bytes were given back to the system."
