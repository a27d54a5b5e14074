"""The chat of ``zchat join``: what typed lines do, and what is told about rooms, people and private messages.

Owns where typed text goes (a room or a person) and the wording of what is shown. Does not know how a screen works
(`terminal`, `lines`) nor the connection. Pure; used by the receive thread alone, but for `where`, which the input
thread may read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ..common import messages as m, names
from ..common.clock import Now
from ..common.errors import Code, InputError, NotAcked, RefusedError
from ..common.limits import SESSION_EXPIRY, WINDOW
from ..common.rules import WORDS, refuse_text
from ..common.searching import parse_search
from ..common.text import clean, clean_lines, shown
from . import commands, moderation, render, wording
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
from .answers import Answers
from .core import ClientCore
from .destination import Destination, place_of
from .ignoring import Ignored
from .mentions import concerns
from .programs import Quiet, refused
from .rooms import Start
from .said import Said
from .searching import NOTHING, found_lines

SMART_SECONDS = 600.0
"""With ``--notices smart``, comings and goings are shown of people who spoke within this time."""
NOTICES = ("all", "smart", "none")
HISTORY_LINES = 20
SEARCH_LINES = 20
END_OF_TIME = 2**62
"""Beyond every sequence."""
QUIT_PATIENCE = 2.0
"""Seconds that /quit waits for the acks of what was just said."""


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


class Chat(Quiet):
    """One person's chat."""

    again = ""
    """The command that shows once more what was unread, if there is one."""

    def __init__(self, core: ClientCore, options: ChatOptions, *, timeout: float | None = None) -> None:
        super().__init__(core, timeout=timeout)
        self._options = options
        self._to = Destination(options.rooms[0])
        self._spoke: dict[str, float] = {}
        """Key → when they last said something."""
        self._notices = options.notices
        self._ignored = options.ignored
        self._said = Said()
        """By room, or by person."""
        self._caught_up: set[str] = set()
        """Rooms of which all that stood there when we came has been shown."""
        self._answers = Answers()
        self._absence = Absence()
        self._alone_told = False
        self._held_told = False
        """Since something was last stored it was told that messages wait."""
        self._connected_at, self._again = 0.0, False
        self._leaving = False
        self._reason = ""
        self._quit_by: float | None = None

    @property
    def where(self) -> str:
        """Where typed text goes: a room, a person, or nowhere; for the prompt."""
        return str(self._to)

    # --- the program ------------------------------------------------------------------------------------------
    def begin(self, now: Now) -> list[Action]:
        """Enter the rooms; the core sends it once connected."""
        options = self._options
        self._to.turn_to = names.fold(options.rooms[0])
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

    def line(self, text: str, now: Now) -> list[Action]:
        """One typed line."""
        try:
            # A pasted block ends with a newline that nobody means.
            typed = commands.parse(text.rstrip("\r\n"))
            if typed.command:
                return self._command(typed.command, typed.rest, now)
            return self._speak(typed.rest, now)
        except (InputError, RefusedError) as error:
            return [self._tell(clean(str(error)))]

    def notice(self, notice: Notice, now: Now) -> list[Action]:
        """What the core tells."""
        match notice:
            case Heard(room, entry, replay):
                return [*self._heard(room, entry, replay, now), *self._leave_if_done()]
            case CameOrWent(presence):
                return self._came_or_went(presence, now)
            case Connected(welcome, again):
                self._connected_at, self._again = now.mono, again
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
            case Refusal(command, refusal):
                return self._refused(command, refusal, notice)
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

    # --- what is typed ----------------------------------------------------------------------------------------
    def _speak(self, text: str, now: Now, kind: m.EntryKind = "message") -> list[Action]:
        if not text.strip():
            return [self._tell("Nothing was sent: the line is empty.")]
        refusal = refuse_text(text, kind)
        if refusal is not None:
            raise RefusedError(*refusal)
        room, partner = self._to.target
        view = self.core.rooms.get(names.fold(room)) if room is not None else None
        if view is not None and view.private and not view.entered:
            # Should the room turn out to be a public one, or not to be made, it must not be read by everybody.
            raise InputError(f"You are not in {room} yet. Nothing was sent; say it again when you are.")
        return self._say(text, now, room=room, to=partner, kind=kind)

    def _say(
        self, text: str, now: Now, *, room: str | None = None, to: str | None = None, kind: m.EntryKind = "message"
    ) -> list[Action]:
        actions = self.core.say(text, now, room=room, to=to, kind=kind)
        return [*actions, *self._waits(text)] if not self.core.live or self.core.held else actions

    def _waits(self, text: str) -> list[Action]:
        """What was said goes nowhere yet."""
        first, *more = clean_lines(text)
        return [self._tell(f"Waits for the broker: {first}{' …' if more else ''}")]

    def _turned(self, told: str) -> list[Action]:
        """What is typed next goes elsewhere."""
        return [self._tell(told)]

    def _command(self, command: str, rest: str, now: Now) -> list[Action]:
        match command:
            case "help":
                return [Print(line) for line in commands.help_lines(rest)]
            case "who":
                return self.core.ask(m.Who(room=names.parse_room(rest) if rest else None), now)
            case "rooms":
                return self.core.ask(m.Rooms(), now)
            case "msg":
                return self._msg(rest, now)
            case "query":
                return self._query(rest)
            case "reply":
                if self._to.last_partner is None:
                    raise InputError("Nobody has written to you privately yet. Write with /msg NICK TEXT.")
                return self._tell_privately(self._to.last_partner, rest, now)
            case "me":
                return self._speak(rest, now, "me")
            case "join":
                return self._join(rest, now)
            case "part":
                return self._part(rest, now)
            case "topic":
                return self._topic(rest, now)
            case "history":
                return self._history(rest, now)
            case "search":
                parse_search(rest)
                return self.core.ask(m.Search(words=rest, limit=SEARCH_LINES), now)
            case "answer":
                return self._answer_question(rest, now)
            case "away" | "back":
                return self._go_away(rest, now, away=command == "away")
            case "nick":
                return self.core.ask(m.Rename(nick=names.parse_nick(rest)), now)
            case "whois":
                return self.core.ask(m.Who(nick=moderation.whose(rest)), now)
            case "delete":
                return self._delete(rest, now)
            case "notices":
                return self._choose_notices(rest)
            case "ignore":
                return self._ignore(rest, now)
            case "unignore":
                return [self._tell(self._ignored.remove(rest))]
            case "edit" | "bell" | "last" | "retry" | "drop":
                raise InputError(f"/{command} needs a terminal with an input line; this chat reads plain lines.")
            case _ if command in moderation.ACTS:
                return self.core.put(moderation.parse(command, rest, self._to.current_room), now)
            case _:
                assert command == "quit", command
                return self._quit(rest, now)

    def _quit(self, reason: str, now: Now) -> list[Action]:
        """Leave when what was said is acked, or soon anyway."""
        self._leaving, self._reason = True, reason
        self._quit_by = now.mono + (QUIT_PATIENCE if self.core.live else 0)
        return self._leave_if_done()

    def tick(self, now: Now) -> list[Action]:
        """Who wants to quit is not held up for long."""
        if self._quit_by is not None and now.mono >= self._quit_by:
            unsent = self.core.waiting
            error = (
                NotAcked(f"{wording.messages(unsent)} could not be delivered. Send it again later.") if unsent else None
            )
            return [*self.core.leave(self._reason), End(error)]
        return super().tick(now)

    def _msg(self, rest: str, now: Now) -> list[Action]:
        nick, _, text = rest.partition(" ")
        if not nick:
            return self.core.ask(m.Who(), now)
        return self._tell_privately(nick, text.strip(), now) if text.strip() else self._query(nick)

    def _tell_privately(self, nick: str, text: str, now: Now) -> list[Action]:
        if not text:
            raise InputError("What shall be said? Write the text behind the command.")
        refusal = refuse_text(text)
        if refusal is not None:
            raise RefusedError(*refusal)
        return self._say(text, now, to=names.parse_nick(nick))

    def _query(self, nick: str) -> list[Action]:
        if nick:
            self._to.partner = names.parse_nick(nick)
            return self._turned(f"What you type now goes to {self._to.partner} alone. Go back with /query.")
        self._to.partner = None
        return self._turned(f"What you type now goes to {self.where}.")

    def _join(self, rest: str, now: Now) -> list[Action]:
        words = rest.split()
        private = "--private" in words
        room = names.parse_room(" ".join(word for word in words if word != "--private") if private else rest)
        known = self.core.rooms.get(names.fold(room))
        if known is not None:
            self._to.partner, self._to.room = None, known.name
            return self._turned(wording.turned(known.name))
        # At once: what is typed next is meant for that room, which is there when the broker gets it.
        self._to.entering(room)
        return self.core.join(room, self._options.start, now, private=private)

    def _part(self, rest: str, now: Now) -> list[Action]:
        room = names.parse_room(rest) if rest else self._to.current_room
        id_ = names.fold(room)
        if id_ not in self.core.rooms:
            raise InputError(f"You are not in the room {room}. Your rooms: {', '.join(self._my_rooms()) or 'none'}.")
        actions = self.core.part(room, now)
        self._to.left(room, self._my_rooms())
        return [*actions, self._tell(f"You left {room}. {wording.turned(self._to.room)}")]

    def _my_rooms(self) -> list[str]:
        return [view.name for view in self.core.rooms.values() if not view.id.startswith(names.PRIVATE_MARK)]

    def _topic(self, rest: str, now: Now) -> list[Action]:
        room = self._to.current_room
        if rest:
            refusal = refuse_text(rest, "topic")
            if refusal is not None:
                raise RefusedError(*refusal)
            return self._say(rest, now, room=room, kind="topic")
        topic = clean(self.core.rooms[names.fold(room)].topic)
        return [self._tell(f"The topic of {room}: {topic}" if topic else f"{room} has no topic.")]

    def _history(self, rest: str, now: Now) -> list[Action]:
        most = wording.LONGEST_HISTORY
        if rest and not (rest.isascii() and rest.isdigit() and 1 <= int(rest[:9]) <= most):
            raise InputError(f"/history takes a number from 1 to {most}.")
        limit = int(rest or HISTORY_LINES)
        if self._to.partner is not None:
            return self.core.ask(m.Replay(to=self._to.partner, before=END_OF_TIME, limit=limit), now)
        room = names.fold(self._to.current_room)
        return self.core.ask(m.Replay(room=room, before=END_OF_TIME, limit=limit), now)

    def _answer_question(self, typed: str, now: Now) -> list[Action]:
        room, partner = self._to.target
        question, choice, seq = self._answers.meant(typed, place_of(room, partner))
        if question is not None:
            room, partner = (question.room, None) if question.room is not None else (None, question.asker)
        return self.core.put(m.Say(id="", text=choice, room=room, to=partner, kind="answer", about=seq), now)

    def _go_away(self, text: str, now: Now, *, away: bool) -> list[Action]:
        refusal = refuse_text(text, "away")
        if refusal is not None:
            raise RefusedError(*refusal)
        return self.core.ask(m.Away(away=away, text=text if away else ""), now)

    def _delete(self, whose: str, now: Now) -> list[Action]:
        """Delete our own last message in the room, or to the person, that typed text goes to; or another's in the room.

        Whether we may is for the broker to say.
        """
        nick = moderation.parse_delete(whose)
        if nick is None or names.fold(nick) == names.fold(self._me):
            room, partner = self._to.target if nick is None else (self._to.current_room, None)
            seq, text = self._said.take_my_last(place_of(room, partner), self.core.waiting_says)
            told = f"Your message {shown(text)} is to be deleted."
        else:
            room, partner = self._to.current_room, None
            seq, text = self._said.take_last_of(place_of(room, None), nick)
            told = f"The message {shown(text)} of {nick} in {room} is to be deleted."
        say = m.Say(id="", text="", room=room, to=partner, kind="delete", about=seq)
        return [*self.core.put(say, now), self._tell(told)]

    def _choose_notices(self, rest: str) -> list[Action]:
        if rest and rest not in NOTICES:
            raise InputError(f"/notices takes one of {', '.join(NOTICES)}.")
        self._notices = rest or self._notices
        return [self._tell(wording.notices(self._notices))]

    def _ignore(self, rest: str, now: Now) -> list[Action]:
        if not rest:
            return [self._tell(self._ignored.listed)]
        nick = names.parse_nick(rest)
        if names.fold(nick) == names.fold(self._me):
            raise InputError("That is you. You cannot ignore yourself.")
        told = self._ignored.add(nick)
        return [self._tell(told)] if told else self.core.ask(m.Who(nick=nick), now)

    # --- what is told -----------------------------------------------------------------------------------------
    @property
    def _me(self) -> str:
        return clean(self.core.welcome.nick if self.core.welcome else self.core.profile.nick)

    def _tell(self, text: str) -> Action:
        return Print(f"-- {clean(text)}", aside=True)

    def _heard(self, room: str, entry: m.Entry, replay: bool, now: Now) -> list[Action]:
        self._ignored.met(entry.nick, entry.key)
        if entry.kind in WORDS and entry.key in self._ignored:
            return []
        if not replay:
            self._spoke[entry.key] = now.mono
        mine = self.core.welcome is not None and entry.key == self.core.welcome.key
        if room.startswith(names.PRIVATE_MARK) and not mine:
            self._to.last_partner = entry.nick
        author = self._said.heard(room, entry, mine=mine)
        private = room.startswith(names.PRIVATE_MARK)
        place = place_of(None, entry.to if mine else entry.nick) if private else room
        self._answers.heard(place, None if private else room, entry, mine=mine)
        return [*self._lines(room, entry, replay, author), *self._hook(room, entry, replay)]

    def _hook(self, room: str, entry: m.Entry, replay: bool) -> list[Action]:
        """What is meant for us has its command run, but not what was said before we came."""
        key = self.core.welcome.key if self.core.welcome else ""
        old = replay and room not in self._caught_up
        if old or not concerns(room, entry, key=key, nick=self._me):
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
        if self.core.welcome is not None and presence.key == self.core.welcome.key:
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
        if self._options.json and self.core.welcome is not None:
            own = m.Presence(
                room=entered.room, nick=self._me, key=self.core.welcome.key, change="joined", time=now.wall
            )
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
            return [self._tell(away)] if away else []
        # Right after a reconnection the others may still be on their way back.
        settling = self._again and now.mono - self._connected_at < SESSION_EXPIRY
        if settling:
            return []
        if say.to is not None and say.room is None:
            if say.kind not in WORDS or names.fold(say.to) == names.fold(self._me):
                return []
            return [self._tell(wording.away_without_word(clean(say.to)))]
        if self._alone_told or say.kind not in WORDS:
            return []
        self._alone_told = True
        return [self._tell("Nobody else is here; the message is kept for those who come.")]

    def _refused(self, command: m.Command, refusal: m.Refused, notice: Refusal) -> list[Action]:
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
            case m.Roster() | m.RoomList():
                if isinstance(event, m.Roster) and isinstance(question, m.Who) and not (event.users or question.room):
                    return [self._tell("Nobody is here.")]
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

    def _leave_if_done(self) -> list[Action]:
        if self._leaving and self.core.settled and not self.core.asking:
            return [*self.core.leave(self._reason), End()]
        return []
