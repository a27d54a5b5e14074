"""The client's rules: session, rooms, outbox, and when to ask, repeat or give up a connection.

Owns everything a client remembers of its broker. Does not know sockets, threads, clocks, screens or what a program
does with it: `connection` brings events and the time and carries out the actions. Pure; used by the receive thread
alone.

`say` keeps a message in the outbox until its ack; whatever happens to the connection, it is sent again with the
same id, so it is stored once. `receive` passes entries through their room's `RoomView`, which shows each once and in
order, and asks for what is missing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from msgspec.structs import replace

from ..common import limits, messages as m, names, wire
from ..common.clock import Now
from ..common.errors import Code, InputError
from ..common.ids import message_id
from ..common.names import PRIVATE_MARK
from .actions import (
    Action,
    Answer,
    CameOrWent,
    CaughtUp,
    Connected,
    Dial,
    Disconnected,
    HangUp,
    Heard,
    InRoom,
    Listen,
    Refusal,
    Restarted,
    Send,
    Show,
    Stored,
    Subscribe,
    Unsubscribe,
)
from .heartbeat import Heartbeat
from .outbox import Outbox
from .questions import Question, Questions, Reply
from .rooms import RoomView, Start


@dataclass(frozen=True, slots=True)
class Profile:
    """What kind of client this is."""

    nick: str
    instance: str
    agent: str
    present: bool = False
    private: Start | None = None
    """Where to begin in private messages; None: not wanted."""


UNREAD = Start()
"""In private messages: after what was read on any screen."""


class ClientCore:
    """One client of one broker; every method that takes the time returns the actions, in order."""

    def __init__(self, profile: Profile, random: Callable[[int], bytes]) -> None:
        self.profile = profile
        self.rooms: dict[str, RoomView] = {}
        """Folded name → view."""
        self.welcome: m.Welcome | None = None
        """The last welcome; kept while the broker is away."""
        self.live = False
        self._random = random
        self._outbox = Outbox()
        self._questions = Questions()
        self._ref = 0
        self._hello_ref = 0
        self._hello_at: float | None = None
        self._dial_at: float | None = None
        self._failures = 0
        self._repeat_at = 0.0
        self._heartbeat = Heartbeat()
        self._parting: set[str] = set()
        """Rooms that were left, as long as the broker has not said so."""

    # --- the connection ---------------------------------------------------------------------------------------
    def start(self, now: Now) -> list[Action]:
        """Begin: dial at once."""
        self._dial_at = None
        return [Dial()]

    def dialled(self, now: Now) -> list[Action]:
        """A DEALER is open (it may still be connecting): say hello."""
        return self._say_hello(now)

    def lost(self, reason: str, now: Now, pause: float = 0.0) -> list[Action]:
        """The connection failed or broke: try again after a while (exponential, with jitter), and after `pause`."""
        was_live, self.live = self.live, False
        self._hello_at = None
        self._outbox.lost()
        for view in self.rooms.values():
            view.asked = 0
        ceiling = min(limits.BACKOFF_CAP, limits.BACKOFF_FIRST * 2 ** min(self._failures, 10))
        self._failures += 1
        self._dial_at = now.mono + pause + ceiling * (0.5 + self._random(1)[0] / 510)
        actions: list[Action] = [HangUp()]
        if was_live:
            actions.append(Show(Disconnected(reason, len(self._outbox))))
        return actions

    def tick(self, now: Now) -> list[Action]:
        """Whatever time brings."""
        if self._dial_at is not None:
            if now.mono < self._dial_at:
                return []
            self._dial_at = None
            return [Dial()]
        if not self.live:
            if self._hello_at is not None and now.mono - self._hello_at > limits.REQUEST_AFTER:
                return self._say_hello(now)
            return []
        if self._heartbeat.dead(now.mono):
            return self.lost("it does not answer", now)
        actions = self._repeat(now)
        if now.mono >= self._heartbeat.due:
            actions.append(self._ping(now))
        if self._heartbeat.deaf(now.mono) and self.welcome is not None:
            actions += self._listen(self.welcome, now)
        return actions

    def due(self, now: Now) -> float:
        """When `tick` has something to do at the latest, in monotonic seconds."""
        if not self.live:
            # The shell has more to look after than the next try, such as how long it may still try.
            soon = now.mono + 0.5
            return soon if self._dial_at is None else min(self._dial_at, soon)
        return min(self._heartbeat.due, now.mono + 1.0)

    # --- what the program wants -------------------------------------------------------------------------------
    def join(self, room: str, start: Start, now: Now, *, create: bool = True) -> list[Action]:
        """Follow a room; `room` is a legal name (`names.parse_room`)."""
        id_ = names.fold(room)
        if id_ in self.rooms:
            return []
        view = self.rooms[id_] = RoomView(id_, room, start, create)
        self._parting.discard(id_)
        if not self.live:
            return []
        return [Subscribe(wire.topic(id_)), self._enter(view, now)]

    def part(self, room: str, now: Now) -> list[Action]:
        """Follow a room no more."""
        view = self.rooms.pop(names.fold(room), None)
        if view is None:
            return []
        self._parting.add(view.id)
        return [Unsubscribe(wire.topic(view.id)), Send(m.Part(room=view.id))] if self.live else []

    def say(
        self,
        text: str,
        now: Now,
        *,
        room: str | None = None,
        to: str | None = None,
        kind: m.EntryKind = "message",
        id: str | None = None,
    ) -> list[Action]:
        """Put a message in the outbox, and send it if the broker is there."""
        id = id or message_id(now.wall, self._random(10))
        say = m.Say(id=id, text=text, room=room, to=to, kind=kind)
        self._outbox.add(say, now.mono if self.live else None)
        return [Send(say)] if self.live else []

    def ask(self, question: Question, now: Now) -> list[Action]:
        """Put a question; its `Answer` or `Refusal` holds it."""
        question = replace(question, ref=self._next_ref())
        self._questions.add(question, now.mono)
        return [Send(question)] if self.live else []

    def leave(self, reason: str = "") -> list[Action]:
        """Say goodbye, with as much of the reason as can be sent; and what was seen, so that it is not shown again."""
        reason = reason.encode("utf-8", "replace").decode()[: limits.REASON_CHARACTERS]
        if not self.live:
            return []
        seen = self._seen()
        return [*([Send(m.Ping(seen=seen))] if seen else []), Send(m.Goodbye(reason=reason))]

    def name_of(self, room: str) -> str:
        """The name of a room by its id."""
        view = self.rooms.get(room)
        return view.name if view is not None else room

    @property
    def waiting(self) -> int:
        """How many messages have no ack yet."""
        return len(self._outbox)

    @property
    def unacked(self) -> tuple[str, ...]:
        """The ids of these messages."""
        return self._outbox.ids

    @property
    def asking(self) -> int:
        """How many questions have no answer yet."""
        return len(self._questions)

    @property
    def settled(self) -> bool:
        """Whether all that was said is acked, and shown where we follow the room."""
        return not self._outbox and all((view.cursor or 0) >= view.echo for view in self.rooms.values())

    # --- events -----------------------------------------------------------------------------------------------
    def receive(self, event: m.Event | m.Unknown, now: Now) -> list[Action]:
        """One event, by DEALER or by SUB."""
        match event:
            case m.Entries():
                return self._entries(event, now)
            case m.Acked():
                return self._acked(event)
            case m.Page():
                return self._page(event, now)
            case m.Presence():
                return [Show(CameOrWent(event))]
            case m.Beacon():
                self._heartbeat.beacon(now.mono)
                return []
            case m.Pong():
                return self._pong(event, now)
            case m.Entered():
                return self._entered(event, now)
            case m.Welcome():
                return self._welcomed(event, now)
            case m.Refused():
                return self._refused(event, now)
            case m.Closing():
                return self.lost(event.reason, now)
            case m.Roster() | m.RoomList():
                return self._answered(event)
            case m.Parted():
                self._parting.discard(event.room)
                return []
            case m.Unknown():
                return []

    def _say_hello(self, now: Now) -> list[Action]:
        self.live = False
        # To a broker that does not know us nothing was sent, and it owes us no answer.
        self._heartbeat.begin(now.mono)
        self._outbox.lost()
        self._hello_ref = self._next_ref()
        self._hello_at = now.mono
        profile = self.profile
        return [
            Send(
                m.Hello(
                    nick=profile.nick,
                    instance=profile.instance,
                    agent=profile.agent,
                    present=profile.present,
                    private=profile.private is not None,
                    ref=self._hello_ref,
                )
            )
        ]

    def _welcomed(self, welcome: m.Welcome, now: Now) -> list[Action]:
        if self._hello_at is None or welcome.ref != self._hello_ref:
            return []
        before, self.welcome = self.welcome, welcome
        self.live, self._hello_at, self._failures = True, None, 0
        actions: list[Action] = []
        if before is not None and before.history != welcome.history:
            for view in self.rooms.values():
                view.restart()
                actions.append(Show(Restarted(view.name)))
        for room, private in welcome.private.items():
            if room not in self.rooms and self.profile.private is not None and self._wants(private):
                self.rooms[room] = RoomView(room, room, self.profile.private)
        actions += self._listen(welcome, now)
        # A session that goes on is still in the rooms that were left meanwhile; a new one is in none.
        self._parting = self._parting if welcome.resumed else set()
        actions += [Send(m.Part(room=room)) for room in sorted(self._parting)]
        actions += [self._enter(view, now) for view in self.rooms.values()]
        actions += [Send(say) for say in self._outbox.unsent(now.mono)]
        actions += [Send(question) for question in self._questions.due(now.mono, again=True)]
        return [Show(Connected(welcome, before is not None)), *actions]

    def _wants(self, private: m.PrivateHead) -> bool:
        """Whether there is something to show of these private messages; what comes later opens the room by itself."""
        return self.profile.private != UNREAD or private.read < private.head

    def _listen(self, welcome: m.Welcome, now: Now) -> list[Action]:
        self._heartbeat.listen(now.mono)
        public = [wire.topic(id_) for id_ in self.rooms if not id_.startswith(PRIVATE_MARK)]
        return [Listen(welcome.pub, (*public, wire.BEACON_TOPIC))]

    def _refused(self, refused: m.Refused, now: Now) -> list[Action]:
        if refused.code == Code.BAD_VERSION and not self.live:
            refused = replace(refused, ref=self._hello_ref)
        if refused.code == Code.HELLO_FIRST:
            # The broker forgot us: it restarted, or we were silent for too long.
            return self._say_hello(now) if self.live else []
        if refused.id is not None:
            say = self._outbox.remove(refused.id)
            return [Show(Refusal(say, refused))] if say else []
        if refused.ref and refused.ref == self._hello_ref and not self.live:
            self._hello_at = None
            hello = m.Hello(nick=self.profile.nick, instance=self.profile.instance)
            return [Show(Refusal(hello, refused))]
        question = self._questions.remove(refused.ref)
        if question is not None:
            return [Show(Refusal(question, refused))]
        for view in self.rooms.values():
            if refused.ref and view.asked == refused.ref:
                view.asked = 0
                if view.entered:
                    return []
                del self.rooms[view.id]
                return [Unsubscribe(wire.topic(view.id)), Show(Refusal(m.Join(room=view.name), refused))]
        return []

    # --- rooms ------------------------------------------------------------------------------------------------
    def _enter(self, view: RoomView, now: Now) -> Send:
        view.asked, view.asked_at, view.joining = self._next_ref(), now.mono, True
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
                create=view.create,
                resumed=view.entered,
            )
        )

    def _entered(self, entered: m.Entered, now: Now) -> list[Action]:
        view = self.rooms.get(entered.room)
        if entered.room in self._parting:
            # The answer to a join that was still under way when the room was left.
            return [Send(m.Part(room=entered.room))]
        if view is None or view.asked != entered.ref:
            return []
        view.asked, view.joining = 0, False
        if view.entered and entered.after > entered.head:
            # The cursor we named lies beyond the head: the history lost entries that we have seen.
            view.restart()
            return [Show(Restarted(view.name)), self._enter(view, now)]
        first, after = not view.entered, entered.after
        if view.id.startswith(PRIVATE_MARK):
            # What came before the answer is for this screen too, though another one may have read it meanwhile.
            after = min([after, *view.stash])
        view.topic = entered.topic
        if _is_name_of(entered.name, view.id):
            view.name = entered.name
        view.enter(after, entered.head)
        actions: list[Action] = []
        if first and not view.id.startswith(PRIVATE_MARK):
            actions.append(Show(InRoom(entered)))
        return [*actions, *self._take(view, [], now)]

    def _entries(self, event: m.Entries, now: Now) -> list[Action]:
        actions: list[Action] = []
        view = self.rooms.get(event.room)
        if view is None:
            if not event.room.startswith(PRIVATE_MARK) or self.profile.private is None:
                return []
            view, enter = self._open_private(event.room, now)
            actions.append(enter)
        return [*actions, *self._take(view, event.entries, now)]

    def _open_private(self, room: str, now: Now) -> tuple[RoomView, Send]:
        """Private messages of which the welcome did not tell: they begin after what was read."""
        view = self.rooms[room] = RoomView(room, room, UNREAD)
        return view, self._enter(view, now)

    def _page(self, page: m.Page, now: Now) -> list[Action]:
        view = self.rooms.get(page.room)
        if view is None or not page.ref or view.asked != page.ref:
            return self._answered(page)
        view.asked = 0
        view.head = max(view.head, page.head)
        if not page.entries and view.cursor is not None and view.cursor < page.head:
            # Nothing is kept between the cursor and the head.
            view.cursor = page.head
        return self._take(view, page.entries, now, replay=True)

    def _take(self, view: RoomView, entries: list[m.Entry], now: Now, *, replay: bool = False) -> list[Action]:
        """Show what follows of these entries, ask for what is missing, and tell when nothing is."""
        actions: list[Action] = []
        for entry in view.take(entries, contiguous=replay):
            actions.append(Show(Heard(view.id, entry, replay)))
            if entry.kind == "topic":
                view.topic = entry.text
        if view.reached_goal():
            actions.append(Show(CaughtUp(view.id)))
        if view.behind and not view.asked and self.live:
            actions.append(self._ask_replay(view, now))
        return actions

    def _ask_replay(self, view: RoomView, now: Now) -> Send:
        view.asked, view.asked_at = self._next_ref(), now.mono
        return Send(m.Replay(room=view.id, ref=view.asked, after=view.cursor))

    # --- acks, answers, pings ---------------------------------------------------------------------------------
    def _acked(self, acked: m.Acked) -> list[Action]:
        actions: list[Action] = []
        for ack in acked.acks:
            say = self._outbox.remove(ack.id)
            view = self.rooms.get(ack.room)
            if view is not None:
                view.echo = max(view.echo, ack.seq)
            if say is not None:
                actions.append(Show(Stored(say, ack)))
        return actions

    def _answered(self, reply: Reply) -> list[Action]:
        answer = self._questions.answer(reply)
        return [Show(Answer(*answer))] if answer is not None else []

    def _ping(self, now: Now) -> Send:
        self._heartbeat.pinged(now.mono)
        return Send(m.Ping(seen=self._seen()))

    def _seen(self) -> dict[str, int]:
        """How far rooms were shown, as far as the broker has not been told."""
        seen: dict[str, int] = {}
        for view in self.rooms.values():
            if len(seen) < limits.PING_ROOMS and view.cursor is not None and view.cursor != view.told:
                seen[view.id] = view.told = view.cursor
        return seen

    def _pong(self, pong: m.Pong, now: Now) -> list[Action]:
        self._heartbeat.ponged()
        actions: list[Action] = []
        for id_, head in pong.heads.items():
            view = self.rooms.get(id_)
            if view is not None:
                view.head = max(view.head, head)
                actions += self._take(view, [], now)
            elif id_.startswith(PRIVATE_MARK) and self.profile.private is not None:
                actions.append(self._open_private(id_, now)[1])
        return actions + (self._answered(pong) if pong.ref else [])

    def _repeat(self, now: Now) -> list[Action]:
        """Send again what should have been answered by now; everything in it is safe to repeat."""
        if now.mono < self._repeat_at:
            return []
        self._repeat_at = now.mono + 0.5
        actions: list[Action] = []
        for view in self.rooms.values():
            if view.asked and now.mono - view.asked_at > limits.REQUEST_AFTER:
                actions.append(self._enter(view, now) if view.joining else self._ask_replay(view, now))
        actions += [Send(question) for question in self._questions.due(now.mono)]
        return actions + [Send(say) for say in self._outbox.unsent(now.mono)]

    def _next_ref(self) -> int:
        self._ref += 1
        return self._ref


def _is_name_of(name: str, id_: str) -> bool:
    """Whether a broker's name for a public room can be believed: legal, and of that room."""
    try:
        return names.fold(names.parse_room(name)) == id_
    except InputError:
        return False
