"""The client's rules: what each event brings, and when to ask, repeat or give up a connection.

Owns what a client remembers of its broker, in parts: `session`, `heartbeat`, `following` with its rooms, `outbox`,
`questions`. Does not know sockets, threads, clocks, screens or what a program does with it: `connection` brings events
and the time and carries out the actions. Pure; used by the receive thread alone.

`say` keeps a message in the outbox until its ack; whatever happens to the connection, it is sent again with the
same id, so it is stored once.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from ..common import limits, messages as m, names, wire
from ..common.clock import Now
from ..common.errors import Code, RefusedError, ZchatError
from ..common.ids import message_id
from ..common.text import clean
from .actions import (
    Action,
    Answer,
    AwayChanged,
    CameOrWent,
    Connected,
    Dial,
    Disconnected,
    HangUp,
    Held,
    Listen,
    NickChanged,
    PutOff,
    Refusal,
    Send,
    Show,
    Stored,
    TurnedAway,
)
from .following import Following
from .heartbeat import Heartbeat
from .outbox import Outbox
from .questions import AnswerEvent, Question, Questions
from .rooms import ALL, NOW, Start
from .session import Profile, Session


class ClientCore:
    """One client of one broker; every method that takes the time returns the actions, in order."""

    def __init__(self, profile: Profile, random: Callable[[int], bytes]) -> None:
        self._session = Session(profile, random)
        self.hears = False
        """A beacon has come by SUB."""
        self._random = random
        self._outbox = Outbox()
        self._questions = Questions()
        self._ref = 0
        self._repeat_at = 0.0
        self._heartbeat = Heartbeat()
        self._following = Following(
            profile.private,
            profile.stopped.cursors,
            self.next_ref,
            self._heartbeat,
            # A bot would answer everything that was ever said.
            anew=NOW if profile.bot else ALL,
        )
        self.rooms = self._following.views
        """Folded name → view."""

    # --- the session ------------------------------------------------------------------------------------------
    @property
    def profile(self) -> Profile:
        """What kind of client this is, by the nick that it has now."""
        return self._session.profile

    @property
    def welcome(self) -> m.Welcome | None:
        """The last welcome; kept while the broker is away."""
        return self._session.welcome

    @property
    def live(self) -> bool:
        """Whether we are in."""
        return self._session.live

    # --- the connection ---------------------------------------------------------------------------------------
    def start(self, now: Now) -> list[Action]:
        """Begin: dial at once."""
        return [Dial()]

    def dialled(self, now: Now) -> list[Action]:
        """A DEALER is open (it may still be connecting): say hello."""
        return self._say_hello(now)

    def lost(self, reason: str, now: Now, pause: float = 0.0) -> list[Action]:
        """The connection failed or broke: try again after a while, and after `pause`."""
        was_live = self._session.lost(now.mono, pause)
        self._outbox.lost()
        self._following.lost()
        actions: list[Action] = [HangUp()]
        if was_live:
            actions.append(Show(Disconnected(reason, len(self._outbox))))
        return actions

    def turned_away(self, error: ZchatError, now: Now, pause: float = 0.0) -> list[Action]:
        """The broker does not let us in for now: say so, once, and try again as when the connection is lost."""
        news = self._session.turned_away()
        actions = self.lost(str(error), now, pause)
        return [*actions, Show(TurnedAway(error))] if news else actions

    def deafened(self, now: Now) -> list[Action]:
        """SUB broke or was refused: open it anew after a while."""
        if self.live:
            self._heartbeat.deafened(now.mono, self._random(1)[0] / 255)
        return []

    def tick(self, now: Now) -> list[Action]:
        """Whatever time brings."""
        if self._session.dial_at is not None:
            return [Dial()] if self._session.dial(now.mono) else []
        if not self.live:
            return self._say_hello(now) if self._session.hello_overdue(now.mono) else []
        if now.mono >= self._heartbeat.dead_at:
            return self.lost("it does not answer", now)
        actions = self._repeat(now)
        if self._outbox.free_at <= now.mono:
            actions += self._send_waiting(now)
        if now.mono >= self._heartbeat.due(news=self._following.has_news):
            actions.append(self._ping(now))
        if self._heartbeat.deaf(now.mono) and self.welcome is not None:
            actions += self._listen(self.welcome, now)
        return actions

    def due(self, now: Now) -> float:
        """When `tick` has something to do at the latest, in monotonic seconds."""
        if not self.live:
            # The shell has more to look after than the next try, such as how long it may still try.
            soon = now.mono + 0.5
            return soon if self._session.dial_at is None else min(self._session.dial_at, soon)
        ping_at = self._heartbeat.due(news=self._following.has_news)
        return min(ping_at, self._heartbeat.dead_at, self._heartbeat.listen_at, self._outbox.free_at, now.mono + 1.0)

    # --- what the program wants -------------------------------------------------------------------------------
    def join(self, room: str, start: Start, now: Now, *, create: bool = True, private: bool = False) -> list[Action]:
        """Follow a room, by a legal name (`names.parse_room`) or its id."""
        return self._following.join(room, start, now, create=create, private=private)

    def part(self, room: str) -> list[Action]:
        """Follow a room no more."""
        return self._following.part(room)

    def say(
        self, text: str, now: Now, *, room: str | None = None, to: str | None = None, kind: m.EntryKind = "message"
    ) -> list[Action]:
        """Put a message in the outbox, and send it if the broker takes it."""
        return self.put(m.Say(id="", text=text, room=room, to=to, kind=kind), now)

    def put(self, say: m.Say, now: Now) -> list[Action]:
        """The same with a `Say` of any kind; without an id it gets one."""
        if not say.id:
            say = replace(say, id=message_id(now.wall, self._random(10)))
        at_once = self.live and not self._outbox.held
        self._outbox.add(say, now.mono if at_once else None)
        return [Send(say)] if at_once else []

    def withdraw(self, id_: str) -> None:
        """Send a message no more that has no ack yet; it may be stored all the same."""
        self._outbox.drop(id_)

    def ask(self, question: Question, now: Now) -> list[Action]:
        """Put a question, with a ref of `next_ref` or without one; its `Answer` or `Refusal` holds it."""
        question = question if question.ref else replace(question, ref=self.next_ref())
        self._questions.add(question, now.mono)
        return [Send(question)] if self.live else []

    def ask_no_more(self, ref: int) -> None:
        """The answer to a question is not wanted any more."""
        self._questions.remove(ref)

    def pause(self) -> None:
        """Show no entries for now: the broker keeps them."""
        self._following.pause()

    def resume(self, now: Now) -> list[Action]:
        """Show entries again, those first that came meanwhile."""
        return self._following.resume(now)

    def leave(self, reason: str = "") -> list[Action]:
        """Say goodbye, with as much of the reason as can be sent; and what was seen, so that it is not shown again."""
        reason = reason.encode("utf-8", "replace").decode()[: limits.REASON_CHARACTERS]
        if not self.live:
            return []
        seen = self._following.seen()
        return [*([Send(m.Ping(seen=seen))] if seen else []), Send(m.Goodbye(reason=reason))]

    @property
    def nick(self) -> str:
        """What the broker calls us; before the first welcome, what we want to be called."""
        return self.welcome.nick if self.welcome is not None else self.profile.nick

    @property
    def key(self) -> str:
        """Our fingerprint, as the broker told it; "" before the first welcome."""
        return self.welcome.key if self.welcome is not None else ""

    def name_of(self, room: str) -> str:
        """The name of a room by its id."""
        view = self.rooms.get(room)
        return view.name if view is not None else room

    def look(self, room: str, seq: int | None) -> None:
        """Nobody has looked at a room, by its id, beyond this sequence, whatever came of it; None: at all of it."""
        if room in self.rooms:
            self.rooms[room].looked = seq

    @property
    def waiting(self) -> int:
        """How many messages have no ack yet."""
        return len(self._outbox)

    @property
    def waiting_says(self) -> list[m.Say]:
        """These messages, in the order in which they were said."""
        return self._outbox.says

    @property
    def held(self) -> bool:
        """Whether they wait because the broker, though it is there, takes none for now."""
        return self._outbox.held

    @property
    def asking(self) -> int:
        """How many questions have no answer yet."""
        return len(self._questions)

    @property
    def settled(self) -> bool:
        """Whether all that was said is acked, and shown where we follow the room."""
        return not self._outbox and self._following.settled

    # --- events -----------------------------------------------------------------------------------------------
    def receive(self, event: m.Event | m.Unknown, now: Now) -> list[Action]:
        """One event, by DEALER or by SUB."""
        self._heartbeat.heard(now.mono)
        match event:
            case m.Entries():
                return self._following.entries(event, now)
            case m.Acked():
                return self._acked(event)
            case m.Page():
                actions = self._following.page(event, now)
                return self._answered(event) if actions is None else actions
            case m.Presence():
                return [Show(CameOrWent(event))]
            case m.Beacon():
                self.hears = True
                self._heartbeat.beacon(now.mono, event.pace)
                return []
            case m.Pong():
                return self._pong(event, now)
            case m.Entered():
                return self._following.entered(event, now)
            case m.Welcome():
                return self._welcomed(event, now)
            case m.Refused():
                return self._refused(event, now)
            case m.Closing():
                return self.lost(event.reason, now, self._session.pause_after(event))
            case m.Roster() | m.RoomList() | m.Matches() | m.Report() | m.Administered():
                return self._answered(event)
            case m.Renamed():
                return [*self._renamed(event.nick), *self._answered(event)]
            case m.Absence():
                return [Show(AwayChanged(event.away, event.text)), *self._answered(event)]
            case m.Parted():
                return self._following.parted(event)
            case m.Invited():
                return self._following.invited(event, now)
            case m.Unknown():
                return []

    def _say_hello(self, now: Now) -> list[Action]:
        # To a broker that does not know us nothing was sent, and it owes us no answer.
        self._heartbeat.begin(now.mono)
        self._outbox.lost()
        self._following.lost()
        return [Send(self._session.hello(self.next_ref(), now.mono))]

    def _welcomed(self, welcome: m.Welcome, now: Now) -> list[Action]:
        before = self.welcome
        if not self._session.welcomed(welcome):
            return []
        self._heartbeat.pace = welcome.pace
        actions: list[Action] = [Show(Connected(welcome, before is not None))]
        if names.fold(welcome.nick) != names.fold(self.profile.nick):
            actions += self._renamed(welcome.nick)
        known = before.history if before is not None else self.profile.stopped.history
        if known and known != welcome.history:
            actions += self._following.restart()
        self._following.open_direct(welcome.private)
        actions += self._listen(welcome, now)
        actions += self._following.welcomed(now, resumed=welcome.resumed)
        actions += self._send_waiting(now)
        return actions + [Send(question) for question in self._questions.due(now.mono, again=True)]

    def _listen(self, welcome: m.Welcome, now: Now) -> list[Action]:
        self._heartbeat.listen(now.mono)
        return [Listen(welcome.pub, (*self._following.topics, wire.BEACON_TOPIC))]

    def _renamed(self, nick: str) -> list[Action]:
        old = self._session.renamed(nick)
        return [Show(NickChanged(old, nick))] if old is not None else []

    # --- refusals ---------------------------------------------------------------------------------------------
    def _refused(self, refused: m.Refused, now: Now) -> list[Action]:
        refused = replace(refused, retry=min(refused.retry, limits.RETRY_CAP))
        if refused.code == Code.BAD_VERSION and not self.live:
            refused = replace(refused, ref=self._session.hello_ref)
        if refused.code == Code.HELLO_FIRST:
            # The broker forgot us: it restarted, or we were silent for too long.
            return self._say_hello(now) if self.live else []
        if refused.id is not None:
            return self._say_refused(refused, refused.id, now)
        if not refused.ref:
            # Not an answer: the broker shuts us out.
            return self._shut_out(refused) if self.live and refused.code == Code.NOT_ALLOWED else []
        if refused.ref == self._session.hello_ref and not self.live:
            if refused.retry:
                return self.turned_away(RefusedError(refused.code, clean(refused.detail)), now, refused.retry)
            return self._shut_out(refused)
        if refused.ref not in self._questions:
            return self._following.refused(refused, now)
        if refused.retry:
            later = self._questions.put_off(refused.ref, now.mono + refused.retry)
            return [Show(PutOff(later, refused))] if later is not None else []
        question = self._questions.remove(refused.ref)
        return [Show(Refusal(question, refused))] if question is not None else []

    def _say_refused(self, refused: m.Refused, id_: str, now: Now) -> list[Action]:
        if refused.retry:
            first = self._outbox.put_off(id_, now.mono, refused.retry)
            return [Show(Held(first, refused))] if first is not None else []
        say = self._outbox.remove(id_)
        return [Show(Refusal(say, refused))] if say is not None else []

    def _shut_out(self, refused: m.Refused) -> list[Action]:
        """The broker does not want us: what to do now is the program's choice."""
        self._session.shut_out()
        self._following.lost()
        return [Show(Refusal(m.Hello(nick=self.profile.nick, instance=self.profile.instance), refused))]

    # --- acks, answers, pings ---------------------------------------------------------------------------------
    def _acked(self, acked: m.Acked) -> list[Action]:
        actions: list[Action] = []
        for ack in acked.acks:
            say = self._outbox.remove(ack.id)
            self._following.stored(ack.room, ack.seq)
            if say is not None:
                actions.append(Show(Stored(say, ack)))
        return actions

    def _answered(self, reply: AnswerEvent) -> list[Action]:
        answer = self._questions.answer(reply)
        return [Show(Answer(*answer))] if answer is not None else []

    def _ping(self, now: Now) -> Send:
        ref = self.next_ref()
        self._heartbeat.pinged(now.mono, ref)
        return Send(m.Ping(seen=self._following.seen(ref), rtt=self._heartbeat.rtt, ref=ref))

    def _pong(self, pong: m.Pong, now: Now) -> list[Action]:
        self._heartbeat.ponged(now.mono, pong.ref)
        self._following.arrived(pong.ref)
        actions = [*self._following.compare(pong.following, now), *self._following.heads(pong.heads, now)]
        return actions + (self._answered(pong) if pong.ref else [])

    def _repeat(self, now: Now) -> list[Action]:
        """Send again what should have been answered by now; everything in it is safe to repeat."""
        if now.mono < self._repeat_at:
            return []
        self._repeat_at = now.mono + 0.5
        questions: list[Action] = [Send(question) for question in self._questions.due(now.mono)]
        return [*self._following.repeat(now), *questions, *self._send_waiting(now)]

    def _send_waiting(self, now: Now) -> list[Action]:
        return [Send(say) for say in self._outbox.unsent(now.mono)]

    def next_ref(self) -> int:
        """A ref that was never used."""
        self._ref += 1
        return self._ref
