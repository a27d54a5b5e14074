"""Talk: what may be said, what is stored of it, and who hears of it then.

Owns the way of a message from `Say` to its broadcast. Does not know how it is stored. Pure; used by the broker's thread
alone.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..common import limits, messages as m, names, rules, wire
from ..common.clock import Now
from ..common.errors import Code
from ..common.names import PRIVATE_MARK
from .actions import Action, Publish, Reply, Said, Store
from .history import Append, Appended
from .refusals import Refusal, no_user, refuse_say
from .rooms import Rooms
from .roster import Room, Roster, Session, partners, private_room


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a message goes: the room's id, the addressee's nick, and the room's making if it is new."""

    room: str
    to: str | None = None
    create: Store | None = None


class Talk:
    """Everything that is said."""

    def __init__(self, roster: Roster, rooms: Rooms) -> None:
        self._roster = roster
        self._rooms = rooms

    def say(self, session: Session, say: m.Say, now: Now) -> list[Action]:
        """`Say`: check it, and have it stored."""
        identity, user = session.identity, session.user
        refusal = rules.refuse_text(say.text, say.kind)
        if refusal is not None:
            return [refuse_say(identity, say, *refusal)]
        place = self._place(session, say)
        if isinstance(place, Refusal):
            return [refuse_say(identity, say, *place)]
        session.active = now.mono
        append = Append(place.room, user.key, say.id, user.nick, say.text, now.wall, say.kind, place.to)
        said = Store(append, Said(identity, user.key, user.nick, place.room, say, now.wall))
        return [said] if place.create is None else [place.create, said]

    def _place(self, session: Session, say: m.Say) -> _Place | Refusal:
        """Where a message goes."""
        if say.to is not None:
            if say.kind == "topic" or say.room is not None:
                return Refusal(Code.ROOM_INVALID, "A private message has neither a room nor a topic. Send one of them.")
            other = self._roster.nicks.get(names.fold(say.to))
            if other is None:
                return no_user(say.to)
            return _Place(private_room(session.user.key, other.key), to=other.nick)
        name = say.room or ""
        room = self._rooms.find(session, name)
        if isinstance(room, Refusal):
            if room.code == Code.NO_SUCH_ROOM and not name.startswith(PRIVATE_MARK):
                return _Place(names.fold(name), create=self._rooms.create(name, session.identity, None))
            return room
        if room.is_private:
            return Refusal(Code.ROOM_INVALID, "Private messages are addressed to a nick, not to a room.")
        return _Place(room.id)

    def stored(self, said: Said, outcome: Appended, entries: dict[str, list[m.Entry]]) -> m.Ack:
        """The ack of what is now on the disk; the entry is added to those that are to be broadcast."""
        room = self._roster.rooms.get(said.room) or self._roster.add_private(said.room)
        assert room is not None
        user = self._roster.users[said.user]
        if room.is_private:
            other = user.private[room.id]
            delivered = int(other is not user and any(session.private for session in other.sessions))
        else:
            delivered = len(room.followers) - (user in room.followers)
        if not outcome.duplicate:
            room.head = outcome.seq
            if said.say.kind == "topic":
                room.topic = said.say.text
            to = user.private[room.id].nick if room.is_private else None
            entry = m.Entry(
                seq=outcome.seq,
                prev=outcome.prev,
                id=said.say.id,
                time=outcome.time,
                nick=said.nick,
                key=said.user,
                text=said.say.text,
                kind=said.say.kind,
                to=to,
            )
            entries.setdefault(room.id, []).append(entry)
        return m.Ack(
            id=said.say.id,
            room=room.id,
            seq=outcome.seq,
            time=outcome.time,
            delivered=delivered,
            duplicate=outcome.duplicate,
        )

    def broadcast(self, room: Room, entries: list[m.Entry]) -> list[Action]:
        """New entries of one room, packed in as few frames as fit, to all who may read it."""
        frames = [m.Entries(room=room.id, entries=pack) for pack in _packs(entries) if pack]
        if not room.is_private:
            return [Publish(wire.topic(room.id), frame) for frame in frames]
        users = {self._roster.users[key] for key in partners(room.id)}
        identities = tuple(s.identity for user in users for s in user.sessions if s.private and s.identity)
        return [Reply(identities, frame) for frame in frames]


def _packs(entries: list[m.Entry]) -> list[list[m.Entry]]:
    """The entries in order, cut so that each pack encodes to `limits.FRAME_BYTES` at most."""
    packs: list[list[m.Entry]] = [[]]
    size = 0
    for entry in entries:
        size += wire.entry_size(entry)
        if packs[-1] and size > limits.FRAME_BYTES:
            packs.append([])
            size = wire.entry_size(entry)
        packs[-1].append(entry)
    return packs
