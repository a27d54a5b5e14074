"""Searches: where somebody may look, and when what was said becomes findable.

Owns these rules. What is found is what a replay would give: public rooms, one's private rooms from the invitation on,
one's own private messages. Does not know how words are found (`history`). Pure; used by the broker's thread alone.

What was said is indexed when there is little else to do; a search has the rest of it done first, a part at each of its
turns, so that nobody waits for it.
"""

from __future__ import annotations

from ..common import limits, messages as m, names
from ..common.clock import Now
from ..common.errors import Code, InputError
from ..common.searching import parse_search
from . import rights
from .actions import Action, Ask, Finding, Indexing, Reply, Store
from .history import Find, FoundIn, Index, Indexed, NotStored, Outcome
from .policy import Policy
from .rates import LONG_SEARCH, Rates
from .refusals import Refusal, no_user, refuse, why_not
from .rooms import Rooms
from .roster import Room, Roster, Session, User, direct_room
from .turns import Turns

TOO_LONG = "This search takes too long. Name rarer words, or more of their letters."


class Searches:
    """What clients look for."""

    def __init__(self, roster: Roster, rooms: Rooms, turns: Turns, rates: Rates, policy: Policy) -> None:
        self._roster = roster
        self._rooms = rooms
        self._turns = turns
        self._rates = rates
        self._policy = policy
        self._left = 0
        """Entries that are not indexed yet."""
        self._lately = 0
        """Entries that were stored since the last tick."""
        self._dirty = False

    # --- indexing ---------------------------------------------------------------------------------------------
    def stored(self, count: int) -> None:
        """So many more entries are to be indexed."""
        self._left += count
        self._lately += count

    def erased(self) -> None:
        """Something may have been taken out of the index, and must leave the file, too."""
        self._dirty = True

    @property
    def dirty(self) -> bool:
        """Whether something that was taken out still stands in the file."""
        return self._dirty

    def tick(self) -> list[Action]:
        """Have some entries indexed, unless so much is said that this can wait."""
        lately, self._lately = self._lately, 0
        if not (self._left or self._dirty) or (lately > limits.INDEX_BUSY and self._left < limits.INDEX_BACKLOG):
            return []
        return [Store(Index(max(limits.INDEX_ENTRIES, lately)), Indexing())]

    def indexed(self, indexing: Indexing, outcome: Outcome) -> list[Action]:
        """Some entries were indexed; a search that waits for all of them goes on, or waits for its next turn."""
        if isinstance(outcome, Indexed):
            self._left, self._dirty = outcome.left, outcome.dirty
        session = self._roster.by_identity.get(indexing.identity)
        if indexing.search is None or session is None:
            return []
        if self._left and not isinstance(outcome, NotStored):
            self._turns.go_on(session, indexing.search)
            return []
        return self._find(session, indexing.search)

    # --- searching --------------------------------------------------------------------------------------------
    def answer(self, session: Session, search: m.Search) -> list[Action]:
        """`Search`, when its turn has come."""
        if self._left:
            return [Store(Index(limits.INDEX_ENTRIES), Indexing(session.identity, search))]
        return self._find(session, search)

    def _find(self, session: Session, search: m.Search) -> list[Action]:
        find = self._judge(session.user, search)
        if isinstance(find, Refusal):
            return [refuse(session.identity, search, *find)]
        return [Ask(find, Finding(session.identity, search))]

    def _judge(self, user: User, search: m.Search) -> Find | Refusal:
        try:
            terms = parse_search(search.words)
        except InputError as error:
            return Refusal(Code.SEARCH_INVALID, str(error))
        limit = min(search.limit, self._policy.page_entries)
        before = None
        if search.before is not None:
            room = self._rooms.find(user, search.before_room)
            if isinstance(room, Refusal):
                return room
            # Of what one may not read one must not learn either when it was said.
            before = room.id, max(search.before, rights.floor(user, room) + 1)
        where = self._where(user, search)
        if isinstance(where, Refusal):
            return where
        if where is None:
            return Find(terms, ("", user.key), self._private_rooms(user), limit, before)
        return Find(terms, (), where, limit, before)

    def _where(self, user: User, search: m.Search) -> dict[str, int] | Refusal | None:
        """The one room to look through, with the floor there; None for all."""
        if search.to is not None:
            other = self._roster.nicks.get(names.fold(search.to))
            return {direct_room(user.key, other.key): 0} if other is not None else no_user(search.to)
        if search.room is None:
            return None
        room = self._rooms.find(user, search.room)
        return {room.id: rights.floor(user, room)} if isinstance(room, Room) else room

    def _private_rooms(self, user: User) -> dict[str, int]:
        """The private rooms of a user with their floors, not too many, the fullest first."""
        rooms = [room for room in self._roster.rooms.values() if room.private and room.head and room.member(user).role]
        floors = {room.id: rights.floor(user, room) for room in rooms}
        rooms.sort(key=lambda room: floors[room.id] - room.head)
        # Whom others invite into thousands of rooms must still be able to search.
        whole = [room.id for room in rooms if not floors[room.id]][: limits.USER_ROOMS]
        parts = [room.id for room in rooms if floors[room.id]][: limits.SEARCH_ROOMS]
        return {id_: floors[id_] for id_ in (*whole, *parts)}

    def found(self, finding: Finding, outcome: Outcome, now: Now) -> list[Action]:
        """What was found, but for what its author may no longer see by now."""
        if not isinstance(outcome, FoundIn):
            return [refuse(finding.identity, finding.search, *why_not(outcome))]
        session = self._roster.by_identity.get(finding.identity)
        if session is None:
            return []
        if outcome.too_long:
            self._rates.owe(session.user.key, min(LONG_SEARCH, self._policy.burst), now)
            if not outcome.entries:
                return [refuse(finding.identity, finding.search, Code.SEARCH_INVALID, TOO_LONG)]
        matches = []
        for id_, entry in outcome.entries:
            room = self._roster.rooms[id_]
            if rights.why_not_read(session.user, room) is None and entry.seq > rights.floor(session.user, room):
                matches.append(m.Match(room=id_, name=room.name, entry=entry))
        reply = m.Matches(matches=matches, more=outcome.more and bool(matches), ref=finding.search.ref)
        return [Reply((finding.identity,), reply)]
