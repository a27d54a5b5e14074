"""What becomes of what was stored or read: the acks, the broadcasts, and what else each of it was for.

Owns the order in which that is told. Does not know how anything is stored, nor what comes of it in particular: the
modules that wanted it do. Pure; used by the broker's thread alone.

A fault of ours that one outcome finds costs only what comes of that one.
"""

from __future__ import annotations

from functools import partial

from ..common import limits, messages as m
from ..common.clock import Now
from .actions import (
    Action,
    Announce,
    Create,
    Doubted,
    Finding,
    Indexing,
    Mark,
    OwnStep,
    Paging,
    Purpose,
    Reply,
    Run,
    Said,
    Start,
    Then,
    Trimming,
)
from .cluster import Cluster
from .faults import each_by_itself, fault
from .governing import Governing
from .history import Appended, Conflict, Found, Located, NotStored, Outcome
from .nicks import Nicks
from .questions import Questions
from .refusals import refuse, why_not, why_not_answer
from .retention import Retention
from .rooms import Rooms, deliver
from .roster import Roster
from .search import Searches
from .talk import Talk


class Outcomes:
    """Brings each outcome to who waits for it."""

    def __init__(
        self,
        roster: Roster,
        rooms: Rooms,
        talk: Talk,
        nicks: Nicks,
        questions: Questions,
        searches: Searches,
        governing: Governing,
        retention: Retention,
        cluster: Cluster,
    ) -> None:
        self._roster = roster
        self._rooms = rooms
        self._talk = talk
        self._nicks = nicks
        self._questions = questions
        self._searches = searches
        self._governing = governing
        self._retention = retention
        self._cluster = cluster

    def take(self, done: list[tuple[Purpose, Outcome]], now: Now) -> list[Action]:
        """The outcomes of one commit and of the reads after it, in order."""
        actions: list[Action] = []
        acks: dict[bytes, list[m.Ack]] = {}
        entries: dict[str, list[m.Entry]] = {}
        stored = 0
        unsaid: set[bytes] = set()
        """Who has been told that a message is not stored: those after it wait for it."""
        for purpose, outcome in done:
            try:
                match purpose:
                    case Said() if isinstance(outcome, Appended):
                        ack = self._talk.stored(purpose, outcome, entries)
                        acks.setdefault(purpose.identity, []).append(ack)
                        stored += not outcome.duplicate
                        if purpose.follow is not None and not outcome.duplicate:
                            actions += purpose.follow(now)
                    case Run():
                        assert isinstance(outcome, Appended)
                        together = self._talk.ran(purpose, outcome, entries)
                        acks.setdefault(purpose.identity, []).extend(together)
                        stored += len(together)
                    case Said():
                        actions += self._not_said(purpose, outcome, unsaid, now)
                    case Doubted() if isinstance(outcome, Appended):
                        acks.setdefault(purpose.identity, []).append(self._talk.repeated(purpose, outcome))
                    case Announce(room, presence):
                        actions += self._talk.broadcast(self._roster.rooms[room], entries.pop(room, []))
                        actions.append(deliver(self._roster, self._roster.rooms[room], presence))
                    case _:
                        actions += self._follow(purpose, outcome, now)
            except Exception:
                actions.append(fault())
        self._searches.stored(stored)
        actions += [
            Reply((identity,), m.Acked(acks=list_[at : at + limits.FRAME_ACKS]))
            for identity, list_ in acks.items()
            if identity
            for at in range(0, len(list_), limits.FRAME_ACKS)
        ]
        told = [partial(self._talk.broadcast, self._roster.rooms[room], list_) for room, list_ in entries.items()]
        return [*actions, *each_by_itself([*told, self._cluster.read])]

    def _follow(self, purpose: Purpose, outcome: Outcome, now: Now) -> list[Action]:
        """What comes of what is no message."""
        match purpose:
            case Doubted():
                return [purpose.otherwise]
            case Then() if isinstance(outcome, Conflict):
                return self._judge_again(purpose, outcome, now)
            case Then():
                return purpose.follow(outcome, now)
            case OwnStep():
                told = self._cluster.stands(outcome, now) if isinstance(outcome, Conflict) else []
                return [*told, *purpose.follow(outcome, now)]
            case Create():
                return self._rooms.created(purpose, outcome, now)
            case Start():
                if isinstance(outcome, Located):
                    self._cluster.reached(self._roster.rooms.get(purpose.room), outcome.after or 0)
                return self._rooms.started_at(purpose, outcome, now)
            case Paging():
                return self._page(purpose, outcome, now)
            case Indexing():
                return self._searches.indexed(purpose, outcome)
            case Finding():
                return self._found(purpose, outcome, now)
            case Mark():
                self._questions.marked(purpose, outcome)
            case Trimming():
                self._retention.trimmed(purpose, outcome)
        return []

    # --- messages that are not stored -------------------------------------------------------------------------
    def _not_said(self, said: Said, outcome: Outcome, unsaid: set[bytes], now: Now) -> list[Action]:
        """Why, but for who waits for another one before it anyway."""
        if isinstance(outcome, Conflict):
            return self._judge_again(said, outcome, now)
        if said.identity in unsaid:
            return []
        session = self._roster.by_identity.get(said.identity)
        if isinstance(outcome, NotStored):
            unsaid.add(said.identity)
            if session is not None:
                return self._talk.stall(session, said.say, why_not(outcome), now)
        refusal = why_not_answer(outcome, said.user) if said.say.kind == "answer" else why_not(outcome)
        return [refuse(said.identity, said.say, *refusal)]

    # --- what other brokers have done meanwhile ---------------------------------------------------------------
    def _judge_again(self, purpose: Said | Then, conflict: Conflict, now: Now) -> list[Action]:
        """Another broker was faster: what was wanted is judged by what stands there."""
        actions = self._cluster.stands(conflict, now)
        session = self._roster.by_identity.get(purpose.identity)
        if isinstance(purpose, Said):
            return [*actions, *(self._talk.say(session, purpose.say, now) if session is not None else [])]
        match purpose.command:
            case m.Rename() if session is not None:
                return [*actions, *self._nicks.rename(session, purpose.command, now)]
            case m.Admin() if session is not None:
                return [*actions, *self._governing.admin(session, purpose.command, now)]
        return [*actions, *purpose.follow(conflict, now)]

    def _page(self, paging: Paging, outcome: Outcome, now: Now) -> list[Action]:
        """A page was read; of a private room, who may see it by now is known only after a look."""
        room = self._roster.rooms.get(paging.room)
        if isinstance(outcome, Found) and outcome.entries:
            self._cluster.reached(room, outcome.entries[-1].seq)
        if room is None or not room.private:
            return self._questions.page(paging, outcome)
        page = self._questions.page
        return self._cluster.surely(lambda now: page(paging, outcome), lambda no, now: page(paging, no), now)

    def _found(self, finding: Finding, outcome: Outcome, now: Now) -> list[Action]:
        """Somebody found something; the same holds."""
        found = self._searches.found
        return self._cluster.surely(
            lambda now: found(finding, outcome, now), lambda no, now: found(finding, no, now), now
        )
