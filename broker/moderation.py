"""What is done to somebody in a room: invited, kicked, banned, muted, made an operator; and messages deleted.

Owns the rules of these. What is done is an entry of the room's history, stored together with its effect, so everyone
sees the same. Does not know who may come in at all (`access`). Pure; used by the broker's thread alone.
"""

from __future__ import annotations

from msgspec.structs import replace

from ..common import limits, messages as m
from ..common.clock import Now
from . import rights
from .actions import Action, Ask, Doubted, Follow, OwnStep, Reply, Said, Store
from .history import Append, Erase, Put, Recall, Together
from .refusals import Refusal, no_user, not_allowed, refuse
from .rooms import Rooms, put_member
from .roster import Member, Room, Roster, Session, User

DONE_BY = {"op": rights.OWNER, "deop": rights.OWNER}
"""The rank that it takes, if it is not an operator's."""


class Moderation:
    """Rights in rooms, given and taken."""

    def __init__(self, roster: Roster, rooms: Rooms) -> None:
        self._roster = roster
        self._rooms = rooms

    # --- somebody ---------------------------------------------------------------------------------------------
    def say(self, session: Session, say: m.Say, now: Now) -> list[Action]:
        """A `Say` of one of `ACTS`: check it, and have it stored with its effect."""
        room = self._rooms.find(session.user, say.room or "")
        if isinstance(room, Refusal):
            return [refuse(session.identity, say, *room)]
        done = self._judge(session.user, room, say, now)
        if isinstance(done, Refusal):
            return [unless_done(session, say, room, done)]
        target, member = done
        session.active = now.mono
        until = member.banned if say.kind == "ban" else member.muted if say.kind == "mute" else None
        append = Append(
            room.id,
            session.user.key,
            say.id,
            session.user.nick,
            say.text,
            now.wall,
            say.kind,
            to=target.nick,
            target=target.key,
            until=until or 0,
            readers=room.readers,
        )
        put = put_member(room.id, target.key, member, room.revisions.get(target.key, 0))
        by = session.user.nick
        said = Said(session.identity, session.user.key, say, append, self._follow(room, target, member, put, say, by))
        return [Store(Together((append, put)), said)]

    def _judge(self, actor: User, room: Room, say: m.Say, now: Now) -> tuple[User, Member] | Refusal:
        """Whom it is about, and what they are from now on; or why not."""
        target = self._roster.named(say.to or "")
        if target is None:
            return no_user(say.to or "")
        if say.kind == "invite" and room.is_public:
            nick = target.nick
            return not_allowed(f"{room.name} is public: {nick} may come in. Tell them: /msg {nick} come to {room.name}")
        rank = rights.rank(actor, room)
        silent = rights.why_not_speak(actor, room, now.wall)
        if silent is not None and not actor.operator:
            return silent
        if room.is_direct or rank < DONE_BY.get(say.kind, rights.OPERATOR):
            who = "its owner" if DONE_BY.get(say.kind) == rights.OWNER else "its owner and its operators"
            return not_allowed(f"In {room.name} only {who}, and those of the broker, may do that. Ask one of them.")
        if target is actor or rights.rank(target, room) >= rank:
            return not_allowed(f"You cannot do that to {target.nick}, who has the same rights as you or more.")
        member = self._changed(room, target, say, now)
        return member if isinstance(member, Refusal) else (target, member)

    def _changed(self, room: Room, target: User, say: m.Say, now: Now) -> Member | Refusal:
        member, nick = room.member(target), target.nick
        until = now.wall + round(say.seconds * 1_000) if say.seconds else 0
        # Out of a private room means a member no more; its door is closed anyway.
        outside = Member(muted=member.muted) if room.private else member
        match say.kind:
            case "invite" if member.role:
                return not_allowed(f"{nick} is a member of {room.name} already.")
            case "invite" if rights.in_force(member.banned, now.wall):
                return not_allowed(f"{nick} is banned from {room.name}. Lift that first, with unban.")
            case "invite":
                return replace(member, role="member", since=room.head)
            case "kick" | "mute" | "op" if room.private and not member.role:
                return not_allowed(f"{nick} is not a member of {room.name}.")
            case "kick" if room.private:
                return outside
            case "kick":
                kicked = now.wall + round(limits.KICK_SECONDS * 1_000)
                return member if rights.in_force(member.banned, kicked) else replace(member, banned=kicked)
            case "ban":
                return replace(outside, banned=until)
            case "unban" if member.banned is None:
                return not_allowed(f"{nick} is not banned from {room.name}.")
            case "unban":
                return replace(member, banned=None)
            case "mute":
                return replace(member, muted=until)
            case "unmute" if member.muted is None:
                return not_allowed(f"{nick} is not muted in {room.name}.")
            case "unmute":
                return replace(member, muted=None)
            case "op" if member.role == "owner":
                return not_allowed(f"{nick} owns {room.name}, which is more.")
            case "op" if rights.in_force(member.banned, now.wall):
                return not_allowed(f"{nick} is banned from {room.name}. Lift that first, with unban.")
            case "op":
                return replace(member, role="operator")
            case "deop" if member.role != "operator":
                return not_allowed(f"{nick} is not an operator of {room.name}.")
        return replace(member, role="member" if room.private else "")  # deop

    def _follow(self, room: Room, target: User, member: Member, put: Put, say: m.Say, by: str) -> Follow:
        def follow(now: Now) -> list[Action]:
            self._rooms.set_member(room, target.key, member, (put.expect or 0) + 1)
            if say.kind == "invite":
                return [*self._correct(room, target.key), *invited(target, room, by)]
            if say.kind in ("kick", "ban"):
                return self._rooms.remove(target, room, put_out(say.kind, by, say.text), now)
            return []

        return follow

    def _correct(self, room: Room, key: str) -> list[Action]:
        """The head has just moved to the invitation: where others said something before it, it begins later."""
        member = room.member_of(key)
        if member.since == room.head - 1:
            return []
        member, revision = replace(member, since=room.head - 1), room.revisions[key]
        self._rooms.set_member(room, key, member, revision + 1)
        return [Store(put_member(room.id, key, member, revision), OwnStep())]

    # --- messages ---------------------------------------------------------------------------------------------
    def delete(self, session: Session, say: m.Say, room: Room, to: str | None, now: Now) -> list[Action]:
        """A `Say` of kind ``delete``: one's own message, or as an operator of the room anybody's."""
        user = session.user
        anybodys = not room.is_direct and rights.rank(user, room) >= rights.OPERATOR
        append = Append(
            room.id,
            user.key,
            say.id,
            user.nick,
            say.text,
            now.wall,
            "delete",
            to=to,
            about=say.about,
            readers=room.readers,
        )
        erase = Erase(room.id, say.about, None if anybodys else user.key)
        return [Store(Together((append, erase)), Said(session.identity, user.key, say, append))]


def invited(target: User, room: Room, by: str) -> list[Action]:
    """Tell somebody that a private room is open to them."""
    identities = tuple(session.identity for session in target.sessions if session.identity)
    return [Reply(identities, m.Invited(room=room.id, name=room.name, nick=by))]


def put_out(kind: str, by: str, text: str) -> str:
    """Why somebody is in a room no more, as all read it."""
    return f"{'kicked' if kind == 'kick' else 'banned'} by {by}" + (f": {text}" if text else "")


def unless_done(session: Session, say: m.Say, room: Room, refusal: Refusal) -> Ask:
    """Refuse a `Say`, unless it has been stored before: then it may have been what made it impossible now."""
    otherwise = refuse(session.identity, say, *refusal)
    return Ask(
        Recall(room.id, session.user.key, say.id, say.kind, say.text),
        Doubted(session.identity, say, room.id, otherwise),
    )
