"""The chat of ``zchat join``: what is told about rooms, people and private messages.

Owns when what is told; the sentences are in `wording`. Does not know what typed lines do (`speaking`), how a screen
works (`terminal`, `lines`) nor the connection. Pure; used by the receive thread alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ..common import messages as m, names
from ..common.clock import Now
from ..common.errors import Code
from ..common.limits import SESSION_EXPIRY, WINDOW
from ..common.rules import WORDS
from ..common.text import clean
from . import render, wording
from .absence import Absence
from .actions import (
    Action,
    Answer,
    AwayChanged,
    CameOrWent,
    CaughtUp,
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
    Print,
    PutOff,
    Refusal,
    Removed,
    Restarted,
    Run,
    Stored,
    TurnedAway,
)
from .core import ClientCore
from .destination import place_of
from .ignoring import Ignored
from .mentions import concerns
from .programs import refused
from .remarks import Remarks
from .rooms import Start
from .searching import NOTHING, found_lines
from .speaking import Speaker

SMART_SECONDS = 600.0
"""With ``--notices smart``, comings and goings are shown of people who spoke within this time."""


@dataclass(frozen=True, slots=True)
class ChatOptions:
    """What ``zchat join`` was asked for."""

    rooms: Sequence[str]
    start: Start
    notices: str = "all"
    json: bool = False
    private: bool = False
    """The rooms are private ones, and made so."""
    ignored: Ignored = field(default_factory=Ignored)
    bell: str = "all"


class Chat(Speaker):
    """One person's chat."""

    again = ""
    """The command that shows once more what was unread, if there is one."""

    def __init__(self, core: ClientCore, options: ChatOptions, *, timeout: float | None = None) -> None:
        super().__init__(
            core,
            options.rooms[0],
            options.start,
            notices=options.notices,
            ignored=options.ignored,
            timeout=timeout,
        )
        self._options = options
        self._spoke: dict[str, float] = {}
        """Key → when they last said something."""
        self._caught_up: set[str] = set()
        """Rooms of which all that stood there when we came has been shown."""
        self._absence = Absence()
        self._remarks = Remarks()
        self._alone_told = False
        self._held_told = False
        """Since something was last stored it was told that messages wait."""
        self._connected_at, self._returned = 0.0, False

    # --- the program ------------------------------------------------------------------------------------------
    def begin(self, now: Now) -> list[Action]:
        """Enter the rooms; the core sends it once connected."""
        options = self._options
        joins = [self.core.join(room, options.start, now, private=options.private) for room in options.rooms]
        return [action for join in joins for action in join]

    @property
    def persistent(self) -> bool:
        """A chat goes on."""
        return True

    @property
    def wants_input(self) -> bool:
        """Lines are taken once we are in the first room, so that none is said into nowhere, and not without end."""
        return self._to.is_somewhere and not self._leaving and self.core.waiting < WINDOW

    def end_of_input(self, now: Now) -> list[Action]:
        """Leave when all that was said is acked."""
        self._leaving = True
        return self._leave_if_done()

    def notice(self, notice: Notice, now: Now) -> list[Action]:
        """What the core tells."""
        match notice:
            case Heard(room, entry, replay):
                return [*self._heard(room, entry, replay, now), *self._leave_if_done()]
            case CameOrWent(presence):
                return self._came_or_went(presence, now)
            case Connected(welcome, again):
                self._connected_at, self._returned = now.mono, again
                broker = clean(welcome.broker)
                connected = f"Connected to {broker} again." if again else f"Connected to {broker} as {self._me}."
                away = self._absence.again()
                return [self._tell(connected), *(self.core.ask(away, now) if away is not None else [])]
            case Disconnected(reason, waiting):
                return [self._tell(wording.gone(reason, waiting))]
            case TurnedAway(error):
                return [self._tell(str(error))]
            case InRoom(entered):
                return self._in_room(entered, now)
            case Removed(room, reason):
                return self._removed(room, reason)
            case InvitedTo(_, name, nick):
                return [self._tell(wording.invited(nick, name))]
            case AwayChanged():
                told_away = self._absence.changed(notice)
                return [self._tell(told_away)] if told_away else []
            case NickChanged(_, new):
                return [self._tell(f"You are called {new} now.")]
            case Held(_, refusal):
                told, self._held_told = self._held_told, True
                return [] if told else [self._tell(wording.held(refusal.detail, self.core.waiting))]
            case PutOff(_, refusal):
                return [self._tell(refusal.detail)]
            case Stored(say, ack):
                return [*self._stored(say, ack, now), *self._leave_if_done()]
            case Refusal():
                return self._refused(notice)
            case Answer(question, event):
                return [*self._answer(question, event), *self._leave_if_done()]
            case CaughtUp(room):
                self._caught_up.add(room)
                return []
            case Restarted(room):
                self._said.forget(names.fold(room))
                self._caught_up.discard(names.fold(room))
                return [self._tell(wording.restarted(room))]
            case NotKept(room, count):
                return [self._tell(wording.not_kept(self.core.name_of(room), count))]
            case _:
                return []

    # --- what is told -----------------------------------------------------------------------------------------
    def _heard(self, room: str, entry: m.Entry, replay: bool, now: Now) -> list[Action]:
        self._ignored.met(entry.nick, entry.key)
        if entry.kind in WORDS and entry.key in self._ignored:
            return []
        if not replay:
            self._spoke[entry.key] = now.mono
        mine = entry.key == self.core.key
        private = room.startswith(names.PRIVATE_MARK)
        if private and not mine:
            self._to.last_partner = entry.nick
        place = place_of(None, entry.to if mine else entry.nick) if private else room
        author = self._said.heard(place, entry, mine=mine)
        self._answers.heard(place, None if private else room, entry, mine=mine)
        below = map(self._tell, self._remarks.below(room, entry.seq))
        return [*self._lines(room, entry, replay, author), *below, *self._hook(room, entry, replay)]

    def _hook(self, room: str, entry: m.Entry, replay: bool) -> list[Action]:
        """What is meant for us has its command run, but not what was said before we came."""
        old = replay and room not in self._caught_up
        if old or not concerns(room, entry, key=self.core.key, nick=self._me):
            return []
        return [Run(render.entry_json(entry, self.core.name_of(room), replay=replay))]

    def _lines(self, room: str, entry: m.Entry, replay: bool, author: str = "") -> list[Action]:
        name = self.core.name_of(room)
        if self._options.json:
            return [Print(render.entry_json(entry, name, replay=replay))]
        elsewhere = len(self._my_rooms()) > 1
        span = render.author_span(entry, name, name_room=elsewhere)
        lines = render.entry_lines(entry, name, name_room=elsewhere, author=author)
        return [Print(line, author=span) for line in lines]

    def _came_or_went(self, presence: m.Presence, now: Now) -> list[Action]:
        room = self.core.name_of(presence.room)
        if presence.key == self.core.key:
            # Our own coming was told when we entered; whether SUB was quick enough to hear of it is chance.
            return []
        if presence.change == "back":
            self._absence.is_back(presence.nick)
        if presence.change == "renamed":
            self._to.renamed(presence.old, presence.nick)
        self._ignored.met(presence.nick, presence.key)
        if presence.key in self._ignored:
            return []
        quiet = now.mono - self._spoke.get(presence.key, -SMART_SECONDS) >= SMART_SECONDS
        if self._notices == "none" or (self._notices == "smart" and quiet):
            return []
        return self._presence(presence, room)

    def _presence(self, presence: m.Presence, room: str) -> list[Action]:
        line = render.presence_json if self._options.json else render.presence_line
        return [Print(line(presence, room))]

    def _in_room(self, entered: m.Entered, now: Now) -> list[Action]:
        name = self.core.name_of(entered.room)
        self._to.entered(entered.room, name)
        told: list[Action] = []
        if self._options.json:
            own = m.Presence(room=entered.room, nick=self._me, key=self.core.key, change="joined", time=now.wall)
            told.append(Print(render.presence_json(own, name)))
        others = [clean(nick) for nick in entered.online if names.fold(nick) != names.fold(self._me)]
        return [*told, self._tell(wording.joined(entered, name, others, self.again))]

    def _removed(self, room: str, reason: str) -> list[Action]:
        told = wording.removed(room, reason)
        if self._to.left(room, self._my_rooms()):
            told = f"{told} {wording.turned(self._to.room)}"
        return [self._tell(told), *self._leave_if_done()]

    def _stored(self, say: m.Say, ack: m.Ack, now: Now) -> list[Action]:
        self._held_told = False
        if say.kind in WORDS:
            self._said.add(place_of(say.room, say.to), ack.seq, self._me, say.text, mine=True)
        if ack.delivered:
            self._alone_told = False
            away = self._absence.stored(say, ack)
            return self._remark(away, ack, now) if away else []
        # Right after a reconnection the others may still be on their way back.
        settling = self._returned and now.mono - self._connected_at < SESSION_EXPIRY
        if settling:
            return []
        if say.to is not None and say.room is None:
            if say.kind not in WORDS or names.fold(say.to) == names.fold(self._me):
                return []
            return self._remark(wording.away_without_word(clean(say.to)), ack, now)
        if self._alone_told or say.kind not in WORDS:
            return []
        self._alone_told = True
        return self._remark("Nobody else is here; the message is kept for those who come.", ack, now)

    def _remark(self, text: str, ack: m.Ack, now: Now) -> list[Action]:
        """Told below the message, which may not be shown yet."""
        view = self.core.rooms.get(ack.room)
        if view is not None and (view.cursor or 0) >= ack.seq:
            return [self._tell(text)]
        self._remarks.add(text, ack.room, ack.seq, now.mono)
        return []

    def _leave_if_done(self) -> list[Action]:
        done = super()._leave_if_done()
        return [*map(self._tell, self._remarks.rest()), *done] if done else []

    def tick(self, now: Now) -> list[Action]:
        """A message that is not shown holds nothing up for long."""
        return [*map(self._tell, self._remarks.overdue(now.mono)), *super().tick(now)]

    def _refused(self, notice: Refusal) -> list[Action]:
        command, refusal = notice.command, notice.refused
        if isinstance(command, m.Hello):
            return [End(refused(notice))]
        if isinstance(command, m.Join):
            if self._to.turn_to is not None and self._to.room is None:
                return [End(refused(notice))]
            self._to.left(command.room, self._my_rooms())
        if refusal.code == Code.NO_SUCH_USER and isinstance(command, m.Say) and command.room is None:
            self._to.partner = None if command.to == self._to.partner else self._to.partner
        told = refusal.detail
        if isinstance(command, m.Say) and command.kind == "delete":
            author = self._said.keep(place_of(command.room, command.to), command.about)
            if author and refusal.code == Code.NO_SUCH_MESSAGE:
                told = wording.not_deleted(author, command.room or "")
        return [self._tell(told), *self._leave_if_done()]

    def _answer(self, question: m.Command, event: m.Event) -> list[Action]:
        match event:
            case m.Roster(users) if isinstance(question, m.Who) and self._ignored.awaits(question.nick):
                return [self._tell(self._ignored.answered(question.nick or "", users[0].key if users else ""))]
            case m.Roster(users=[]) if isinstance(question, m.Who) and not question.room:
                return [self._tell("Nobody is here.")]
            case m.Roster() | m.RoomList():
                return [Print(line) for line in render.answer_lines(question, event, as_json=self._options.json)]
            case m.Matches(matches) if isinstance(question, m.Search):
                if self._options.json:
                    return [Print(render.entry_json(match.entry, match.name, replay=True)) for match in matches]
                return [*found_lines(matches, question.words)] if matches else [self._tell(NOTHING)]
            case m.Page(room, entries):
                if not entries:
                    return [self._tell("There is nothing yet.")]
                return [action for entry in entries for action in self._lines(room, entry, True)]
            case _:
                return []
