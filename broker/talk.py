"""Talk: what may be said, what is stored of it, and who hears of it then.

Owns the way of a message from `Say` to its broadcast. Does not know how it is stored. Pure; used by the broker's thread
alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from ..common import limits, messages as m, names, rules, wire
from ..common.clock import Now
from ..common.errors import Code, WireError
from ..common.names import PRIVATE_MARK
from . import rights
from .actions import Action, Ask, Doubted, Run, Said, Store, StoreRun
from .history import Append, Appended, Missing, Resolve, Together
from .moderation import Moderation, unless_done
from .policy import Policy
from .rates import HEARERS, Rates
from .refusals import Refusal, no_room, no_user, not_allowed, refuse, why_not_answer
from .rooms import Rooms, deliver, put_topic
from .roster import Room, Roster, Session, Stall, User, direct_room, readers_of

ABOUT = ("delete", "answer")
"""Kinds that are about what was said before, so they make no room."""


class _Where(msgspec.Struct, frozen=True):
    """Where a message goes: the room's id, the addressee's nick, and the room's making if it is new."""

    room: str
    to: str | None = None
    create: Store | None = None


class Talk:
    """Everything that is said."""

    def __init__(self, roster: Roster, rooms: Rooms, moderation: Moderation, rates: Rates, policy: Policy) -> None:
        self._roster = roster
        self._rooms = rooms
        self._moderation = moderation
        self._rates = rates
        self._policy = policy
        self._stirred: dict[str, int] = {}
        """Rooms in which something was said → with how many beacons it is still told where they stand."""
        self.shared = False
        """Whether other brokers have to be told of topics."""
        self.untold: dict[str, int] = {}
        """Rooms that hold more than was told here, what other brokers have put there → the last that was told."""

    # --- before it is stored ----------------------------------------------------------------------------------
    def say(self, session: Session, say: m.Say, now: Now) -> list[Action]:
        """`Say`: check it, and have it stored."""
        identity, user = session.identity, session.user
        refusal = rules.refuse_text(say.text, say.kind, self._policy.message_bytes, self._policy.message_lines)
        if refusal is None and say.kind == "ask":
            refusal = rules.refuse_choices(say.choices)
        if refusal is not None:
            return [refuse(identity, say, *refusal)]
        if say.kind in rules.ACTS:
            return self._moderation.say(session, say, now)
        where = self._where(session, say, now)
        if isinstance(where, Refusal):
            return self.stall(session, say, where, now) if where.retry else [refuse(identity, say, *where)]
        if isinstance(where, Ask):
            return [where]
        session.active = now.mono
        if say.kind == "delete":
            return self._moderation.delete(session, say, self._roster.rooms[where.room], where.to, now)
        room = self._roster.rooms.get(where.room)
        if say.kind == "answer" and room is not None and say.about <= rights.floor(user, room):
            # Of what one may not read one must not learn either what could be chosen, and what was.
            return [refuse(identity, say, *why_not_answer(Missing(), user.key))]
        append = Append(
            where.room,
            user.key,
            say.id,
            user.nick,
            say.text,
            now.wall,
            say.kind,
            where.to,
            about=say.about if say.kind == "answer" else 0,
            choices=tuple(say.choices) if say.kind == "ask" else (),
            readers=readers_of(where.room, room),
        )
        if room is not None:
            self._rates.owe(user.key, self._told_singly(room) / HEARERS, now)
        change: Append | Together = append
        if say.kind == "answer":
            # With the question looked at in the same change, there is one first answer.
            change = Together((append, Resolve(where.room, say.about, user.key, say.text)))
        elif say.kind == "topic" and self.shared:
            change = Together((append, put_topic(where.room, say.text)))
        said = Store(change, Said(identity, user.key, say, append))
        return [said] if where.create is None else [where.create, said]

    def run(
        self, session: Session, said: Sequence[m.Command | m.Unknown | WireError], now: Now, size: int
    ) -> StoreRun | None:
        """Many at once, of so many bytes each, if they are plain messages to one room and nothing is against any."""
        first = said[0]
        if not isinstance(first, m.Say) or first.room is None:
            return None
        name, user = first.room, session.user
        says = [
            say for say in said if type(say) is m.Say and say.room == name and say.kind == "message" and say.to is None
        ]
        if len(says) < len(said) or not rules.are_plain([say.text for say in says], self._policy.message_bytes):
            return None
        room = self._rooms.find(user, name)
        if isinstance(room, Refusal) or room.is_direct or rights.why_not_speak(user, room, now.wall) is not None:
            return None
        if not self._rates.charge_all(user.key, len(says), size, self._told_singly(room), now, user.brokers):
            return None
        session.active = now.mono
        key, nick, readers = user.key, user.nick, room.readers
        appends = [Append(room.id, key, say.id, nick, say.text, now.wall, readers=readers) for say in says]
        return StoreRun(Run(session.identity, key, says, appends))

    def _told_singly(self, room: Room) -> int:
        """How many are told of a message each by itself, since PUB does not tell it to all."""
        return 0 if room.is_public else len(self._roster.hearers(room))

    def _where(self, session: Session, say: m.Say, now: Now) -> _Where | Ask | Refusal:
        """Where a message goes."""
        if say.to is not None:
            return self._direct(session, say)
        name = say.room or ""
        room = self._rooms.find(session.user, name)
        if isinstance(room, Refusal):
            if room.code == Code.NO_SUCH_ROOM and not name.startswith(PRIVATE_MARK) and say.kind not in ABOUT:
                making = self._rooms.create(name, session, None, now)
                return making if isinstance(making, Refusal) else _Where(names.fold(name), create=making)
            return room
        if room.is_direct:
            return Refusal(Code.ROOM_INVALID, "Private messages are addressed to a nick, not to a room.")
        silent = rights.why_not_speak(session.user, room, now.wall)
        return _Where(room.id) if silent is None else unless_done(session, say, room, silent)

    def _direct(self, session: Session, say: m.Say) -> _Where | Refusal:
        if say.kind == "topic" or say.room is not None:
            return Refusal(Code.ROOM_INVALID, "A private message has neither a room nor a topic. Send one of them.")
        other = self._roster.named(say.to or "")
        if other is None:
            return no_user(say.to or "")
        room = direct_room(session.user.key, other.key)
        if room not in self._roster.rooms:
            no = no_room(other.nick) if say.kind in ABOUT else self._rooms.why_not_one_more()
            if no is not None:
                return no
        if say.kind == "ask" and other is session.user:
            return not_allowed("A question to yourself has nobody to answer it. Ask somebody else.")
        return _Where(room, to=other.nick)

    def stalled(self, session: Session, say: m.Say, came: float) -> bool:
        """Whether this message has to wait for another one before it, so that their order is kept.

        It gets no answer: it comes again after the one that was refused, and thousands may be under way. What `came`
        before that one was given up stands behind it, however late it is judged, in monotonic seconds.
        """
        stall = session.stall
        if stall is not None and say.id != stall.id and came < stall.until:
            return True
        session.stall = None
        return False

    def stall(self, session: Session, say: m.Say, refusal: Refusal, now: Now) -> list[Action]:
        """A message is refused for the moment; those after it wait until it comes again."""
        session.stall = Stall(say.id, now.mono + refusal.retry + 2 * limits.RESEND_AFTER)
        return [refuse(session.identity, say, *refusal)]

    # --- once it is stored ------------------------------------------------------------------------------------
    def stored(self, said: Said, outcome: Appended, entries: dict[str, list[m.Entry]]) -> m.Ack:
        """The ack of what is now on the disk; the entry is added to those that are to be broadcast."""
        a = said.append
        room = self._roster.rooms.get(a.room) or self._roster.add_direct(a.room)
        user = self._roster.users[said.user]
        if room.is_direct:
            other = user.direct[room.id]
            delivered = int(other is not user and any(session.private for session in other.sessions))
            away = other.away if other is not user else None
        else:
            away = None
            delivered = _others(room, user)
        if not outcome.duplicate and (outcome.prev != room.head or (self.untold and room.id in self.untold)):
            self.untold.setdefault(room.id, room.head)
            room.head = max(room.head, outcome.seq)
        elif not outcome.duplicate:
            room.head = outcome.seq
            if a.kind == "topic":
                room.topic = a.text
            entry = m.Entry(
                seq=outcome.seq,
                prev=outcome.prev,
                id=a.id,
                time=outcome.time,
                nick=a.nick,
                key=a.author,
                text=a.text,
                kind=a.kind,
                to=a.to,
                target=a.target,
                about=a.about,
                until=a.until,
                choices=list(a.choices),
            )
            entries.setdefault(room.id, []).append(entry)
        return m.Ack(
            id=a.id,
            room=room.id,
            seq=outcome.seq,
            time=outcome.time,
            delivered=delivered,
            duplicate=outcome.duplicate,
            away=away,
        )

    def ran(self, run: Run, first: Appended, entries: dict[str, list[m.Entry]]) -> list[m.Ack]:
        """The same for a run, all of which is new, beginning with `first`."""
        room, user = self._roster.rooms[run.appends[0].room], self._roster.users[run.user]
        if first.prev != room.head or (self.untold and room.id in self.untold):
            places = range(first.seq, first.seq + len(run.says))
            each = [Appended(seq, seq - 1, first.time) for seq in places]
            return [self.stored(said, outcome, entries) for said, outcome in zip(run.each(), each, strict=True)]
        seq, time, nick, key = first.prev, first.time, run.appends[0].nick, run.user
        delivered, told, acks = _others(room, user), entries.setdefault(room.id, []), []
        for say in run.says:
            prev, seq = seq, seq + 1
            told.append(m.Entry(seq=seq, prev=prev, id=say.id, time=time, nick=nick, key=key, text=say.text))
            acks.append(m.Ack(id=say.id, room=room.id, seq=seq, time=time, delivered=delivered))
        room.head = seq
        return acks

    def repeated(self, doubted: Doubted, outcome: Appended) -> m.Ack:
        """The ack of a message that could not be taken now, but was before."""
        seq, time = outcome.seq, outcome.time
        return m.Ack(id=doubted.say.id, room=doubted.room, seq=seq, time=time, duplicate=True)

    def broadcast(self, room: Room, entries: list[m.Entry]) -> list[Action]:
        """New entries of one room, packed in as few frames as fit, to all who may read it."""
        if entries:
            self._stirred[room.id] = limits.HEADS_BEACONS
        return [deliver(self._roster, room, m.Entries(room=room.id, entries=pack)) for pack in _packs(entries) if pack]

    def heads(self) -> list[Action]:
        """Where the rooms stand in which something was said lately: who lost the last of it asks for it."""
        rooms = [self._roster.rooms[id_] for id_ in self._stirred]
        self._stirred = {id_: left - 1 for id_, left in self._stirred.items() if left > 1}
        return [deliver(self._roster, room, m.Entries(room=room.id, entries=[], head=room.head)) for room in rooms]


def _others(room: Room, user: User) -> int:
    """How many others follow a room."""
    return len(room.followers) - (user in room.followers)


def _packs(entries: list[m.Entry]) -> list[list[m.Entry]]:
    """The entries in order, cut so that each pack encodes to `limits.FRAME_BYTES` at most."""
    packs: list[list[m.Entry]] = [[]]
    filling = wire.Filling()
    for entry in entries:
        if filling.add(entry) > limits.FRAME_BYTES and packs[-1]:
            packs.append([])
            filling = wire.Filling()
            filling.add(entry)
        packs[-1].append(entry)
    return packs
