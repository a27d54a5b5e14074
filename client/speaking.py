"""What a person types in a chat: texts to a room or a person, and what the slash commands do.

Owns where typed text goes, what was said lately, and leaving. Does not know how lines are read (`commands`), what is
told of what others do (`chat`), nor how a screen works. Pure; used by the receive thread alone.
"""

from __future__ import annotations

from ..common import messages as m, names
from ..common.clock import Now
from ..common.errors import InputError, NotAcked, RefusedError
from ..common.rules import ACTS, check_text
from ..common.searching import parse_search
from ..common.text import clean, clean_lines, shown
from . import commands, moderation, wording
from .actions import Action, End, Print
from .answers import Answers
from .core import ClientCore
from .destination import Destination, place_of
from .ignoring import Ignored
from .programs import Quiet
from .rooms import END_OF_TIME, Start
from .said import Said

NOTICES = ("all", "smart", "none")
HISTORY_LINES = 20
SEARCH_LINES = 20
QUIT_PATIENCE = 2.0
"""Seconds that /quit waits for the acks of what was just said."""


class Speaker(Quiet):
    """Who types: what becomes of each line."""

    def __init__(
        self, core: ClientCore, room: str, start: Start, *, notices: str, ignored: Ignored, timeout: float | None
    ) -> None:
        super().__init__(core, timeout=timeout)
        self._to = Destination(room)
        self._start = start
        self._notices = notices
        self._ignored = ignored
        self._said = Said()
        """By room, or by person."""
        self._answers = Answers()
        self._leaving = False
        self._reason = ""
        self._quit_by: float | None = None

    @property
    def where(self) -> str:
        """Where typed text goes: a room, a person, or nowhere; for the prompt."""
        return str(self._to)

    @property
    def _me(self) -> str:
        return clean(self.core.nick)

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

    def _speak(self, text: str, now: Now, kind: m.EntryKind = "message") -> list[Action]:
        if not text.strip():
            return [self._tell("Nothing was sent: the line is empty.")]
        check_text(text, kind)
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
                return self._part(rest)
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
            case _ if command in ACTS:
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
        check_text(text)
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
        return self.core.join(room, self._start, now, private=private)

    def _part(self, rest: str) -> list[Action]:
        room = names.parse_room(rest) if rest else self._to.current_room
        id_ = names.fold(room)
        if id_ not in self.core.rooms:
            raise InputError(f"You are not in the room {room}. Your rooms: {', '.join(self._my_rooms()) or 'none'}.")
        actions = self.core.part(room)
        self._to.left(room, self._my_rooms())
        return [*actions, self._tell(f"You left {room}. {wording.turned(self._to.room)}")]

    def _my_rooms(self) -> list[str]:
        return [view.name for view in self.core.rooms.values() if not view.direct]

    def _topic(self, rest: str, now: Now) -> list[Action]:
        room = self._to.current_room
        if rest:
            check_text(rest, "topic")
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
        check_text(text, "away")
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

    def _tell(self, text: str) -> Action:
        return Print(f"-- {clean(text)}", aside=True)

    def _leave_if_done(self) -> list[Action]:
        if self._leaving and self.core.settled and not self.core.asking:
            return [*self.core.leave(self._reason), End()]
        return []
