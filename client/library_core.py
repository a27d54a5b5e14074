"""The library's rules: what becomes of each call of its users, and what they are told.

Owns the calls that are not settled, their order, and that nothing is taken from the broker while the inbox is full.
Does not know threads and futures (`library_thread`), nor sessions and gaps (`core`). Pure; used by the receive thread
alone, but for `connected` and `trouble`, which any thread may read.

Messages are put into the core's outbox `limits.WINDOW` at a time, the others wait here in their order.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Protocol, TypeVar

from msgspec.structs import replace

from ..common import limits, messages as m, names
from ..common.clock import Now
from ..common.errors import BrokerUnreachable, Code, RefusedError, ZchatError
from ..common.text import clean
from . import library_events as events
from .actions import (
    Action,
    Answer,
    AwayChanged,
    CameOrWent,
    Connected,
    Disconnected,
    End,
    Heard,
    Held,
    InRoom,
    InvitedTo,
    NickChanged,
    Notice,
    NotKept,
    PutOff,
    Refusal,
    Removed,
    Restarted,
    Stored,
    TurnedAway,
)
from .core import ClientCore
from .library_asking import Awaited
from .library_calls import (
    Asking,
    Awaiting,
    Call,
    Close,
    Entering,
    Leaving,
    More,
    Reach,
    Saying,
    Waiting,
    Withdrawal,
    late,
)
from .programs import refused

FAREWELL = 2.0
"""Seconds that closing waits for the acks of what was just said, as /quit does."""


W = TypeVar("W", bound=Waiting)


class Put(Protocol):
    """The inbox's entrance."""

    def __call__(self, event: events.Event, *, optional: bool = False) -> bool:
        """Take an event, an optional one only while there is room; False when it is full now."""
        ...


class LibraryCore:
    """One client of the library, as the program of a connection.

    `calls` are taken in their order whenever the pipe says that there are some. `key` is our own fingerprint, `own`
    whether what we said ourselves is told. `timeout` is how long a broker is looked for at the beginning.
    """

    def __init__(
        self, core: ClientCore, calls: deque[Call], put: Put, *, key: str, own: bool = False, timeout: float = 0.0
    ) -> None:
        self.core = core
        self.timeout = timeout
        self.connected = False
        self.trouble: ZchatError | None = None
        """Why something is not done yet, as far as the broker or its absence has told."""
        self._calls = calls
        self._put = put
        self._key = key
        self._own = own
        self._reaching: list[Reach] = []
        self._later: deque[Saying | Awaiting] = deque()
        """Messages beyond the window."""
        self._saying: dict[str, list[Saying | Awaiting]] = {}
        """Id → who waits for the ack; the first of them was put in the outbox."""
        self._asking: dict[int, Asking] = {}
        self._awaited = Awaited()
        self._entering: dict[str, list[Entering]] = {}
        self._history = ""
        """The id of the history that the broker has."""
        self._away: str | None = None
        """Our word for being away; None when we are not."""
        self._reason = ""
        self._close_by: float | None = None

    # --- the program ------------------------------------------------------------------------------------------
    def start(self, now: Now) -> list[Action]:
        """What was called before the start waits for the connection."""
        return self._take_calls(now)

    def line(self, text: str, now: Now) -> list[Action]:
        """The pipe says that there are calls."""
        return self._take_calls(now)

    def end_of_input(self, now: Now) -> list[Action]:
        """Nobody calls any more."""
        return self._close("", now)

    @property
    def wants_input(self) -> bool:
        """Calls are always taken: who sends too much waits here, not in the pipe."""
        return True

    @property
    def persistent(self) -> bool:
        """It rides through a broker's death."""
        return True

    def tick(self, now: Now) -> list[Action]:
        """Whether the end has come, and whether questions were answered."""
        asked = [
            action for page in self._awaited.due(now.mono, self.core.next_ref) for action in self.core.ask(page, now)
        ]
        unsaid = self.core.waiting + len(self._later)
        if self._close_by is None or (self.connected and unsaid and now.mono < self._close_by):
            return asked
        return [*self.core.leave(self._reason), End()]

    def abandon(self, error: ZchatError) -> None:
        """The client has ended: whoever still waits is told."""
        waiting: list[Waiting] = [*self._reaching, *self._later, *self._asking.values(), *self._awaited.calls]
        for saying in self._saying.values():
            waiting += saying
        for entering in self._entering.values():
            waiting += entering
        waiting += [call for call in self._calls if isinstance(call, Waiting)]
        self._calls.clear()
        for call in waiting:
            call.settle(late(call, error))

    # --- calls ------------------------------------------------------------------------------------------------
    def _take_calls(self, now: Now) -> list[Action]:
        actions: list[Action] = []
        while self._calls:
            actions += self._take(self._calls.popleft(), now)
        return actions

    def _take(self, call: Call, now: Now) -> list[Action]:
        match call:
            case Saying() | Awaiting():
                self._later.append(call)
                return self._say_more(now)
            case Asking(question):
                call.question = question = replace(question, ref=self.core.next_ref())
                self._asking[question.ref] = call
                return self.core.ask(question, now)
            case Entering():
                return self._enter(call, now)
            case Leaving(room, settle):
                _settle(self._entering.pop(names.fold(room), []), ZchatError(f"The room {room} was left meanwhile."))
                settle(None)
                return self.core.part(room)
            case Reach(settle):
                if self.core.welcome is not None:
                    settle(None)
                else:
                    self._reaching.append(call)
                return []
            case Withdrawal(withdrawn):
                return self._withdraw(withdrawn, now)
            case More():
                return self.core.resume(now)
            case Close(reason):
                return self._close(reason, now)

    def _say_more(self, now: Now) -> list[Action]:
        actions: list[Action] = []
        while self._later and self.core.waiting < limits.WINDOW:
            call = self._later.popleft()
            same = self._saying.setdefault(call.say.id, [])
            if same and same[0].say != call.say:
                call.settle(
                    RefusedError(Code.ID_REUSED, "Another message is on its way under this id. Choose another.")
                )
                continue
            same.append(call)
            if len(same) == 1:
                actions += self.core.put(call.say, now)
        return actions

    def _enter(self, call: Entering, now: Now) -> list[Action]:
        id_ = names.fold(call.room)
        view = self.core.rooms.get(id_)
        if view is not None and view.entered:
            call.settle(None)
            return []
        self._entering.setdefault(id_, []).append(call)
        return self.core.join(call.room, call.start, now, create=call.create, private=call.private)

    def _withdraw(self, call: Waiting, now: Now) -> list[Action]:
        match call:
            case Saying(say) | Awaiting(say):
                if call in self._later:
                    self._later.remove(call)
                elif _forget(self._saying, say.id, call):
                    self.core.withdraw(say.id)
                    return self._say_more(now)
                elif isinstance(call, Awaiting):
                    self.core.ask_no_more(self._awaited.remove(call))
            case Asking(question):
                if self._asking.pop(question.ref, None) is not None:
                    self.core.ask_no_more(question.ref)
            case Entering(room):
                if _forget(self._entering, names.fold(room), call):
                    return self.core.part(room)
            case Reach() if call in self._reaching:
                self._reaching.remove(call)
        return []

    def _close(self, reason: str, now: Now) -> list[Action]:
        if self._close_by is None:
            self._close_by, self._reason = now.mono + FAREWELL, reason
        return self.tick(now)

    # --- notices ----------------------------------------------------------------------------------------------
    def notice(self, notice: Notice, now: Now) -> list[Action]:
        """The core tells something."""
        match notice:
            case Heard(room, entry, replay):
                self._awaited.heard(room, entry)
                told = events.told(entry, self.core.name_of(room), replay=replay, key=self._key)
                return self._tell(told) if self._own or not told.mine else []
            case Stored(say, ack):
                self.trouble = None
                for call in self._saying.pop(say.id, []):
                    if isinstance(call, Awaiting):
                        self._awaited.add(call, ack)
                    else:
                        call.settle(events.sent(ack))
                return self._say_more(now)
            case Answer(question, event):
                self.trouble = None
                if isinstance(event, m.Page):
                    self._awaited.page(event, now.mono)
                self._answer(question, event)
            case InRoom(entered):
                _settle(self._entering.pop(entered.room, []), None)
            case Refusal():
                return self._refused(notice, now)
            case Held() | PutOff():
                self.trouble = refused(notice)
            case TurnedAway(error):
                self.trouble = error
            case Connected(welcome, again):
                self.connected, self.trouble = True, None
                _settle(self._reaching, None)
                self._reaching = []
                self._tell(events.Connected(welcome.nick, welcome.broker, again))
                return self._remind(welcome, now)
            case AwayChanged(away, text):
                self._away = text if away else None
            case _:
                return self._told(notice)
        return []

    def _remind(self, welcome: m.Welcome, now: Now) -> list[Action]:
        """Tell a broker that may have restarted, or has another history, what it no longer knows."""
        actions = self.core.ask(m.Away(text=self._away), now) if self._away is not None else []
        if welcome.history != self._history:
            self._history = welcome.history
            self._later += self._awaited.restart()
        return [*actions, *self._say_more(now)]

    def _told(self, notice: Notice) -> list[Action]:
        match notice:
            case CameOrWent(presence):
                event = events.presence(presence, self.core.name_of(presence.room), key=self._key)
                return self._tell(event, optional=True) if self._own or not event.mine else []
            case Disconnected(reason):
                self.connected = False
                self.trouble = BrokerUnreachable(
                    f"The broker is gone ({clean(reason)}). The client looks for it; try again later."
                )
                return self._tell(events.Disconnected(reason))
            case Removed(room, reason):
                return self._tell(events.Removed(room, reason))
            case InvitedTo(_, name, nick):
                return self._tell(events.Invited(name, nick))
            case NickChanged(old, new):
                return self._tell(events.Renamed(old, new))
            case Restarted(room):
                return self._tell(events.Restarted(_public(room)))
            case NotKept(room, count):
                return self._tell(events.NotKept(_public(self.core.name_of(room)), count))
        return []

    def _tell(self, event: events.Event, *, optional: bool = False) -> list[Action]:
        if not self._put(event, optional=optional):
            self.core.pause()
        return []

    def _refused(self, refusal: Refusal, now: Now) -> list[Action]:
        error = refused(refusal)
        match refusal.command:
            case m.Hello():
                return [End(error)]
            case m.Say(id=id_):
                _settle(self._saying.pop(id_, []), error)
                return self._say_more(now)
            case m.Join(room=room):
                _settle(self._entering.pop(names.fold(room), []), error)
            case m.Replay(ref=ref):
                self._awaited.refused(ref, error)
                self._answer(refusal.command, error)
            case question:
                self._answer(question, error)
        return []

    def _answer(self, question: m.Command, outcome: object) -> None:
        call = self._asking.pop(question.ref, None) if not isinstance(question, m.Goodbye | m.Say) else None
        if call is not None:
            call.settle(outcome)


def _settle(calls: Iterable[Waiting], outcome: object) -> None:
    for call in calls:
        call.settle(outcome)


def _forget(waiting: dict[str, list[W]], key: str, call: W) -> bool:
    """Take a call away; True when it was there, and nobody else waits for the same."""
    calls = waiting.get(key, [])
    if call not in calls:
        return False
    calls.remove(call)
    if not calls:
        del waiting[key]
    return not calls


def _public(room: str) -> str | None:
    return None if room.startswith(names.PRIVATE_MARK) else room
