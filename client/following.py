"""The rooms that a client follows: entering, catching up, leaving, and being put out.

Owns the views (`rooms`) of one client and what is asked of the broker for them. Does not know the session, messages
of one's own or other questions (`core`). Pure; used by the receive thread alone.

SUB hears only public rooms. Private ones and private messages come by DEALER, so their names are never subscribed to.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..common import limits, messages as m, names, wire
from ..common.clock import Now
from ..common.errors import InputError
from ..common.names import PRIVATE_MARK
from .actions import (
    Action,
    CaughtUp,
    Heard,
    InRoom,
    InvitedTo,
    NotKept,
    PutOff,
    Refusal,
    Removed,
    Restarted,
    Send,
    Show,
    Subscribe,
    Unsubscribe,
)
from .heartbeat import Heartbeat
from .rooms import ALL, UNREAD, RoomView, Start

ASTRAY, ASTRAY_AGAIN = 2, 20
"""In other rooms than the broker says, by so many pongs: enter them again, and every so many pongs once more."""


class Following:
    """The rooms of one client.

    `direct` is where to begin in private messages, None when they are not wanted; `cursors`, by room, where to go on;
    `anew` where to begin when the history is another one.
    """

    def __init__(
        self,
        direct: Start | None,
        cursors: Mapping[str, int],
        next_ref: Callable[[], int],
        heartbeat: Heartbeat,
        *,
        anew: Start = ALL,
    ) -> None:
        self.views: dict[str, RoomView] = {}
        """Folded name → view."""
        self._direct = direct
        self._cursors = dict(cursors)
        """Those that no room has taken up yet."""
        self._next_ref = next_ref
        self._heartbeat = heartbeat
        self._anew = anew
        self._live = False
        self._paused = False
        """Nothing is shown: the program cannot take more."""
        self._parting: set[str] = set()
        """Rooms that were left, as long as the broker has not said so."""
        self._carried: dict[int, dict[str, int]] = {}
        """Refs of pings that nobody has answered yet → what each has told the broker as seen."""
        self._astray = 0
        """How often in a row the broker said that it has us in other rooms than we believe."""

    # --- the session ------------------------------------------------------------------------------------------
    def lost(self) -> None:
        """Nobody answers what was asked."""
        self._live = False
        for view in self.views.values():
            view.asked = 0

    def restart(self) -> list[Action]:
        """The broker has another history."""
        begun = [view for view in self.views.values() if view.cursor is not None]
        for view in begun:
            view.restart(self._anew)
        direct = [id_ for id_ in self._cursors if id_.startswith(PRIVATE_MARK) and self._direct is not None]
        self._cursors = dict.fromkeys(self._cursors, 0)
        return [Show(Restarted(room)) for room in [*(view.name for view in begun), *direct]]

    def open_direct(self, heads: Mapping[str, m.PrivateHead]) -> None:
        """The welcome tells of private messages."""
        for room, head in heads.items():
            if room not in self.views and self._direct is not None and self._wants(head):
                self._add(room, self._direct)

    def _add(self, name: str, start: Start, *, create: bool = True, private: bool = False) -> RoomView:
        id_ = name if name.startswith(PRIVATE_MARK) else names.fold(name)
        view = self.views[id_] = RoomView(id_, name, start, create, private, cursor=self._cursors.pop(id_, None))
        return view

    def _wants(self, head: m.PrivateHead) -> bool:
        """Whether there is something to show of these private messages; what comes later opens the room by itself."""
        return self._direct != UNREAD or head.read < head.head

    def welcomed(self, now: Now, *, resumed: bool) -> list[Action]:
        """We are in, and listen: enter the rooms."""
        self._live, self._astray = True, 0
        self._carried.clear()
        for view in self.views.values():
            # A broker that died may have lost what it was told last.
            view.told = view.telling = -1
        # A session that goes on is still in the rooms that were left meanwhile; a new one is in none.
        self._parting = self._parting if resumed else set()
        parts: list[Action] = [self._leave(room) for room in sorted(self._parting)]
        return parts + [self._enter(view, now) for view in self.views.values()]

    @property
    def topics(self) -> list[bytes]:
        """What SUB subscribes to for them."""
        return [wire.topic(view.id) for view in self.views.values() if not (view.direct or view.private)]

    @property
    def has_news(self) -> bool:
        """Whether something was shown of which no ping has told."""
        return any(view.seen is not None and view.seen != view.telling for view in self.views.values())

    def seen(self, ref: int = 0) -> dict[str, int]:
        """How far rooms were shown, as far as the broker has not been told: for a ping of this ref."""
        seen: dict[str, int] = {}
        for view in self.views.values():
            if len(seen) < limits.PING_ROOMS and view.seen is not None and view.seen != view.told:
                seen[view.id] = view.telling = view.seen
        if seen and ref:
            self._carried[ref] = seen
        return seen

    @property
    def settled(self) -> bool:
        """Whether all that was stored of our own is shown where we follow the room."""
        return all((view.cursor or 0) >= view.echo for view in self.views.values())

    def stored(self, room: str, seq: int) -> None:
        """A message of ours stands there."""
        view = self.views.get(room)
        if view is not None:
            view.echo = max(view.echo, seq)

    def pause(self) -> None:
        """Show no entries for now; what comes meanwhile is not kept here, but by the broker."""
        self._paused = True

    def resume(self, now: Now) -> list[Action]:
        """Show entries again, and fetch what came meanwhile."""
        self._paused = False
        return [action for view in self.views.values() for action in self._take(view, [], now)]

    # --- entering and leaving ---------------------------------------------------------------------------------
    def join(self, room: str, start: Start, now: Now, *, create: bool, private: bool) -> list[Action]:
        """Follow a room; `room` is a legal name, or an id."""
        id_ = names.fold(room)
        if id_ in self.views:
            return []
        view = self._add(room, start, create=create, private=private)
        self._parting.discard(id_)
        if not self._live:
            return []
        enter = self._enter(view, now)
        return [enter] if private or view.direct else [Subscribe(wire.topic(id_)), enter]

    def part(self, room: str) -> list[Action]:
        """Follow a room no more."""
        view = self.views.pop(names.fold(room), None)
        if view is None:
            return []
        self._parting.add(view.id)
        return [*_deafen(view), self._leave(view.id)] if self._live else []

    def _leave(self, room: str) -> Send:
        # With a ref, so that the answer is told from being put out.
        return Send(m.Part(room=room, ref=self._next_ref()))

    def parted(self, parted: m.Parted) -> list[Action]:
        """The answer to a part; or we were put out."""
        self._parting.discard(parted.room)
        view = self.views.get(parted.room)
        return self._drop(view, parted.reason) if view is not None and not parted.ref else []

    def _drop(self, view: RoomView, reason: str) -> list[Action]:
        del self.views[view.id]
        return [*(_deafen(view) if self._live else []), Show(Removed(view.name, reason))]

    def invited(self, invited: m.Invited, now: Now) -> list[Action]:
        """Somebody lets us into a private room; that we had been put out of it we may not have heard."""
        name = invited.name if _is_name_of(invited.name, invited.room) else invited.room
        view = self.views.get(invited.room)
        again = [self._enter(view, now)] if view is not None and view.entered and self._live else []
        return [Show(InvitedTo(invited.room, name, invited.nick)), *again]

    def _enter(self, view: RoomView, now: Now) -> Send:
        view.asked, view.again_at, view.joining = self._next_ref(), now.mono + limits.REQUEST_AFTER, True
        start = view.start if view.cursor is None else Start(after=view.cursor)
        self._heartbeat.ping_soon(now.mono)
        return Send(
            m.Join(
                room=view.name,
                ref=view.asked,
                after=start.after,
                last=start.last,
                since=start.since,
                since_id=start.since_id,
                unread=start.unread,
                create=view.create,
                # Also after a reconnection: a room that was private is not to be made anew as a public one.
                private=view.private and not view.direct,
                resumed=view.entered,
            )
        )

    def entered(self, entered: m.Entered, now: Now) -> list[Action]:
        """The answer to a join."""
        view = self.views.get(entered.room)
        if entered.room in self._parting:
            # The answer to a join that was still under way when the room was left.
            return [self._leave(entered.room)]
        if view is None or view.asked != entered.ref:
            return []
        view.asked, view.joining, view.put_off = 0, False, False
        if view.cursor is not None and entered.after > entered.head:
            # The cursor we named lies beyond the head: the history lost entries that we have seen.
            view.restart(self._anew)
            return [Show(Restarted(view.name)), self._enter(view, now)]
        first, after = not view.entered, entered.after
        if view.direct:
            # What came before the answer is for this screen too, though another one may have read it meanwhile.
            after = min([after, *view.stash])
        view.topic = entered.topic
        if _is_name_of(entered.name, view.id):
            view.name = entered.name
        view.enter(after, entered.head)
        actions = self._note_privacy(view, entered.private, now)
        if first and not view.direct:
            actions.append(Show(InRoom(entered)))
        return [*actions, *self._take(view, [], now)]

    def _note_privacy(self, view: RoomView, private: bool, now: Now) -> list[Action]:
        if view.direct or view.private == private:
            return []
        view.private = private
        self._heartbeat.ping_soon(now.mono)
        topic = wire.topic(view.id)
        return [Unsubscribe(topic) if private else Subscribe(topic)]

    def refused(self, refused: m.Refused, now: Now) -> list[Action]:
        """The broker said no to a join or a replay, if it was one."""
        view = next((view for view in self.views.values() if refused.ref and view.asked == refused.ref), None)
        if view is None:
            return []
        join = m.Join(room=view.name)
        if refused.retry:
            view.again_at = now.mono + refused.retry
            told, view.put_off = view.put_off or not view.joining or view.direct, view.joining
            return [] if told else [Show(PutOff(join, refused))]
        view.asked = 0
        if view.entered:
            return self._drop(view, refused.detail) if view.joining and not view.direct else []
        del self.views[view.id]
        return [*_deafen(view), Show(Refusal(join, refused))]

    # --- entries ----------------------------------------------------------------------------------------------
    def entries(self, event: m.Entries, now: Now) -> list[Action]:
        """What was said right now."""
        actions: list[Action] = []
        view = self.views.get(event.room)
        if view is None:
            if not event.room.startswith(PRIVATE_MARK) or self._direct is None:
                return []
            view, enter = self._meet(event.room, now)
            actions.append(enter)
        view.head = max(view.head, event.head)
        return [*actions, *self._take(view, event.entries, now)]

    def _meet(self, room: str, now: Now) -> tuple[RoomView, Send]:
        """Private messages of which the welcome did not tell: who does not want all begins after what was read."""
        whole = self._direct is not None and self._direct.after is not None
        view = self._add(room, Start(after=0) if whole else UNREAD)
        return view, self._enter(view, now)

    def page(self, page: m.Page, now: Now) -> list[Action] | None:
        """What was missing, in part; None when it is not for us."""
        view = self.views.get(page.room)
        if view is None or not page.ref or view.asked != page.ref:
            return None
        view.asked = 0
        view.head = max(view.head, page.head)
        first = page.entries[0].seq if page.entries else page.head + 1
        missed = view.pass_over(min(page.floor, first - 1))
        told: list[Action] = [Show(NotKept(view.id, missed))] if missed else []
        if not page.entries and view.cursor is not None and view.cursor < page.head:
            # Nothing is kept between the cursor and the head.
            view.cursor = page.head
        return [*told, *self._take(view, page.entries, now, replay=True)]

    def arrived(self, ref: int) -> None:
        """The ping of this ref is answered, so the broker knows what it told; one before it may have been refused."""
        for id_, seq in self._carried.get(ref, {}).items():
            if id_ in self.views:
                self.views[id_].told = seq
        self._carried = {later: seen for later, seen in self._carried.items() if later > ref}

    def heads(self, heads: Mapping[str, int], now: Now) -> list[Action]:
        """A pong tells where rooms stand."""
        actions: list[Action] = []
        for id_, head in heads.items():
            view = self.views.get(id_)
            if view is not None:
                view.head = max(view.head, head)
                actions += self._take(view, [], now)
            elif id_.startswith(PRIVATE_MARK) and self._direct is not None:
                actions.append(self._meet(id_, now)[1])
        return actions

    def compare(self, following: int | None, now: Now) -> list[Action]:
        """The broker tells, as a digest, which rooms it has us in: if that is not so, enter and leave them again.

        That we were put out, or that we left, may have been lost on the way. Once is not enough: what changes just
        now is told by an answer that is still under way.
        """
        rooms = [view for view in self.views.values() if not view.direct]
        if following is None or any(view.joining or not view.entered for view in rooms):
            return []
        self._astray = 0 if following == wire.digest(view.id for view in rooms) else self._astray + 1
        if self._astray % ASTRAY_AGAIN != ASTRAY:
            return []
        leave: list[Action] = [self._leave(room) for room in sorted(self._parting)]
        return leave + [self._enter(view, now) for view in rooms]

    def repeat(self, now: Now) -> list[Action]:
        """Ask again for what should have been answered by now."""
        return [
            self._enter(view, now) if view.joining else self._ask_replay(view, now)
            for view in self.views.values()
            if view.asked and now.mono > view.again_at
        ]

    def _take(self, view: RoomView, entries: list[m.Entry], now: Now, *, replay: bool = False) -> list[Action]:
        """Show what follows of these entries, ask for what is missing, and tell when nothing is."""
        if self._paused:
            view.pass_by(entries)
            return []
        actions: list[Action] = []
        for entry in view.take(entries, contiguous=replay):
            actions.append(Show(Heard(view.id, entry, replay)))
            if entry.kind == "topic":
                view.topic = entry.text
        if view.reached_goal():
            actions.append(Show(CaughtUp(view.id)))
            if replay:
                self._heartbeat.ping_now(now.mono)  # else we would be taken to be behind for some seconds yet
        if view.behind and not view.asked and self._live:
            # First of all: the broker reads the next page while this one is shown.
            actions.insert(0, self._ask_replay(view, now))
        return actions

    def _ask_replay(self, view: RoomView, now: Now) -> Send:
        view.asked, view.again_at = self._next_ref(), now.mono + limits.REQUEST_AFTER
        return Send(m.Replay(room=view.id, ref=view.asked, after=view.cursor))


def _deafen(view: RoomView) -> list[Action]:
    """Hear no more of a room by SUB."""
    return [] if view.direct or view.private else [Unsubscribe(wire.topic(view.id))]


def _is_name_of(name: str, id_: str) -> bool:
    """Whether a broker's name for a room can be believed: legal, and of that room."""
    try:
        return names.fold(names.parse_room(name)) == id_
    except InputError:
        return False
