"""Talk: what may be said, what is stored of it, and who hears of it then.

Owns the way of a message from `Say` to its broadcast. Does not know how it is stored. Pure; used by the broker's thread
alone.
"""

from __future__ import annotations

from ..common import limits, messages as m, names, rules, wire
from ..common.clock import Now
from ..common.errors import Code, InputError
from .actions import Action, Publish, Reply, Said, Store
from .history import Append, Appended
from .refusals import refuse_say
from .rooms import Rooms
from .roster import Room, Roster, Session, partners, private_room


class Talk:
    """Everything that is said."""

    def __init__(self, roster: Roster, rooms: Rooms) -> None:
        self._roster = roster
        self._rooms = rooms

    def say(self, session: Session, say: m.Say, now: Now) -> list[Action]:
        """`Say`: check it, and have it stored."""
        refusal = rules.refuse_text(say.text, say.kind)
        if refusal is not None:
            return [refuse_say(session.identity, say, *refusal)]
        if say.to is not None and say.kind == "topic":
            return [refuse_say(session.identity, say, Code.ROOM_INVALID, "Private messages have no topic.")]
        session.active = now.mono
        actions: list[Action] = []
        to = None
        if say.to is not None:
            other = self._roster.nicks.get(names.fold(say.to))
            if other is None or say.room is not None:
                detail = f"There is no user {say.to}. See who is here with who."
                return [refuse_say(session.identity, say, Code.NO_SUCH_USER, detail)]
            room = private_room(session.user.key, other.key)
            to = other.nick
        else:
            found = self._rooms.find(session, say.room or "")
            if isinstance(found, InputError):
                return [refuse_say(session.identity, say, Code.ROOM_INVALID, str(found))]
            if found is not None and found.is_private:
                detail = "Private messages are addressed to a nick, not to a room."
                return [refuse_say(session.identity, say, Code.ROOM_INVALID, detail)]
            if found is None:
                try:
                    actions.append(self._rooms.create(say.room or "", session.identity, None))
                except InputError as error:
                    return [refuse_say(session.identity, say, Code.ROOM_INVALID, str(error))]
            room = names.fold(say.room or "")
        nick = session.user.nick
        append = Append(room, session.user.key, say.id, nick, say.text, now.wall, say.kind, to)
        actions.append(Store(append, Said(session.identity, session.user.key, nick, room, say, now.wall)))
        return actions

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
            room=room.name,
            seq=outcome.seq,
            time=outcome.time,
            delivered=delivered,
            duplicate=outcome.duplicate,
        )

    def broadcast(self, room: Room, entries: list[m.Entry]) -> list[Action]:
        """New entries of one room, packed in as few frames as fit, to all who may read it."""
        frames = [m.Entries(room=room.name, entries=pack) for pack in _packs(entries) if pack]
        if not room.is_private:
            return [Publish(wire.topic(room.id), frame) for frame in frames]
        users = {self._roster.users[key] for key in partners(room.id)}
        identities = tuple(s.identity for user in users for s in user.sessions if s.private and s.identity)
        return [Reply(identities, frame) for frame in frames]


def _packs(entries: list[m.Entry]) -> list[list[m.Entry]]:
    """The entries in order, cut so that each pack encodes to about `limits.FRAME_BYTES` at most."""
    packs: list[list[m.Entry]] = [[]]
    size = 0
    for entry in entries:
        size += len(entry.text.encode()) + 200
        if packs[-1] and size > limits.FRAME_BYTES:
            packs.append([])
            size = len(entry.text.encode()) + 200
        packs[-1].append(entry)
    return packs
