"""The chat of a person at a terminal: several places, of which one is shown, and what waits or was refused.

Owns what is shown of which place and when, for what the bell rings, and the commands that only make sense at
a terminal. Does not know how lines and status look (`layout`, `status`) nor keys (`terminal`). Pure; used by the
receive thread alone.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from ..common import messages as m, names
from ..common.clock import Now
from ..common.errors import InputError
from ..common.names import PRIVATE_MARK
from ..common.rules import WORDS
from . import telling, wording
from .actions import (
    Action,
    Answer,
    CameOrWent,
    CaughtUp,
    Connected,
    Disconnected,
    Heard,
    Held,
    InRoom,
    InvitedTo,
    Notice,
    Print,
    Refusal,
    Restarted,
    Stored,
    TurnedAway,
)
from .chat import Chat, ChatOptions
from .core import ClientCore
from .destination import place_of
from .places import Place, Places
from .rooms import END_OF_TIME
from .speaking import HISTORY_LINES
from .told import Alert, Status, Told, Waiting

SHOWN_WAITING = 3
"""Messages of our own above the input line."""
FAILED = 50
"""Refused messages that are kept to be sent again."""
BELLS = ("off", "pm", "all")
ROOMS_TOLD = 1_000
"""Rooms that are remembered to be offered."""
CROWD = 100
"""An answer to a join names so many people at most."""


class ScreenChat(Chat):
    """One person's chat at a terminal."""

    again = "/last"

    def __init__(self, core: ClientCore, options: ChatOptions, *, timeout: float | None = None) -> None:
        super().__init__(core, options, timeout=timeout)
        self._places = Places()
        self._here = ""
        """The id of the place that is shown."""
        self._now = Now(0.0, 0)
        self._bell = options.bell
        self._failed: list[tuple[m.Say, str]] = []
        self._trouble, self._since = "connecting", 0
        self._told_status: Status | None = None
        self._lines_heard = 0
        self._rooms_told: tuple[str, ...] = ()
        """Those that /rooms has listed, and to which we were invited."""

    # --- the program ------------------------------------------------------------------------------------------
    def begin(self, now: Now) -> list[Action]:
        """Enter the rooms."""
        self._now, self._since = now, now.wall
        actions = super().begin(now)
        for room in self._options.rooms:
            self._places.room(names.fold(room), room)
        self._here = self._place()
        return self._with_status(actions)

    def line(self, text: str, now: Now) -> list[Action]:
        """One typed line."""
        self._now = now
        self._lines_heard += 1
        return self._with_status(super().line(text, now))

    def end_of_input(self, now: Now) -> list[Action]:
        """Leave as with /quit: nobody sits there any more to wait for a broker that is gone."""
        self._now = now
        return self._with_status(self._quit("", now))

    def notice(self, notice: Notice, now: Now) -> list[Action]:
        """What the core tells."""
        self._now = now
        self._note(notice, now)
        return self._with_status(super().notice(notice, now))

    def _note(self, notice: Notice, now: Now) -> None:
        """What changes in the status line."""
        match notice:
            case Connected():
                self._trouble, self._since = "", now.wall
            case Disconnected(reason, _):
                self._trouble, self._since = f"no broker ({reason})", now.wall
            case TurnedAway(error):
                self._trouble = str(error)
            case Held(_, refusal):
                self._trouble, self._since = f"the broker takes nothing ({refusal.detail})", now.wall
            case Stored():
                self._trouble = ""
            case InRoom(entered):
                self._entered(entered)
            case InvitedTo(_, name, _):
                self._rooms_told = (*self._rooms_told[-ROOMS_TOLD:], name)
            case Answer(_, m.RoomList(rooms)):
                self._rooms_told = tuple(room.room for room in rooms[:ROOMS_TOLD])
            case CaughtUp(room):
                place = self._places.find(room)
                if place is not None:
                    place.caught_up = True
            case CameOrWent(presence):
                self._note_presence(presence)
            case Restarted(room):
                place = self._places.find(names.fold(room))
                if place is not None:
                    place.oldest = 0
                    place.recent.clear()
            case Heard(room, entry, _):
                place = self._places.find(room)
                if place is not None and entry.kind in WORDS and names.fold(entry.nick) in place.people:
                    place.spoke(entry.nick)

    def _entered(self, entered: m.Entered) -> None:
        place = self._places.room(entered.room, self.core.name_of(entered.room))
        place.people = {names.fold(nick): nick for nick in (*entered.online, self._me)}
        place.crowd = len(entered.online) >= CROWD
        if entered.read is not None and entered.read < entered.head:
            place.unread_after = entered.read

    def _note_presence(self, presence: m.Presence) -> None:
        if presence.change == "renamed":
            self._places.renamed(presence.old, presence.nick)
        place = self._places.find(presence.room)
        if place is not None and presence.change == "joined":
            place.people.setdefault(names.fold(presence.nick), presence.nick)
        elif place is not None and presence.change == "left" and names.fold(presence.nick) != names.fold(self._me):
            place.people.pop(names.fold(presence.nick), None)

    # --- commands ---------------------------------------------------------------------------------------------
    def _command(self, command: str, rest: str, now: Now) -> list[Action]:
        match command:
            case "history" if not rest:
                return self._page_back(now)
            case "last":
                return self._last(now)
            case "bell":
                return self._choose_bell(rest)
            case "retry":
                failed, self._failed = self._failed, []
                if not failed:
                    raise InputError("Nothing was refused that could be sent again.")
                return [action for say, _ in failed for action in self.core.put(replace(say, id=""), now)]
            case "drop":
                count, self._failed = len(self._failed), []
                if not count:
                    raise InputError("Nothing was refused that could be dropped.")
                return [self._tell(f"{wording.messages(count)} dropped.")]
            case "part" if self._to.partner is not None and not rest:
                self._places.remove(self._place())
                return self._query("")
        return super()._command(command, rest, now)

    def _tell_privately(self, nick: str, text: str, now: Now) -> list[Action]:
        """Who answers has read what was told of it."""
        actions = super()._tell_privately(nick, text, now)
        place = self._places.find(place_of(None, nick))
        if place is not None:
            place.take()
        return actions

    def _page_back(self, now: Now) -> list[Action]:
        place = self._places.find(self._place())
        room, partner = self._to.target
        before = (place.oldest if place is not None else 0) or END_OF_TIME
        question = m.Replay(room=names.fold(room) if room else "", to=partner, before=before, limit=HISTORY_LINES)
        return self.core.ask(question, now)

    def _last(self, now: Now) -> list[Action]:
        place = self._places.find(self._place())
        if place is None or place.unread_after is None:
            raise InputError("Nothing was unread here.")
        room, partner = self._to.target
        return self.core.ask(
            m.Replay(
                room=names.fold(room) if room else "",
                to=partner,
                after=place.unread_after,
                limit=wording.LONGEST_HISTORY,
            ),
            now,
        )

    def _choose_bell(self, rest: str) -> list[Action]:
        if rest and rest not in BELLS:
            raise InputError(f"/bell takes one of {', '.join(BELLS)}.")
        self._bell = rest or self._bell
        rings = {"off": "for nothing", "pm": "for private messages", "all": "for private messages and mentions"}
        return [self._tell(f"The bell rings {rings[self._bell]}.")]

    # --- what is told -----------------------------------------------------------------------------------------
    def _tell(self, text: str) -> Action:
        return Told("notice", text, self._now.wall)

    def _waits(self, text: str) -> list[Action]:
        return []  # it stands above the input line

    def _turned(self, told: str) -> list[Action]:
        return []  # a heading tells it

    def _lines(self, room: str, entry: m.Entry, replay: bool, author: str = "") -> list[Action]:
        private = room.startswith(PRIVATE_MARK)
        mine = entry.key == self.core.key
        place = self._places.partner((entry.to or "") if mine else entry.nick) if private else self._places.room(room)
        if entry.kind == "delete":
            place.deleted(entry.about)
        told = telling.of_entry(entry, me=self._me, mine=mine, author=author)
        if place.id == self._place():
            place.told(told)
            return [*self._new_mark(place, entry, replay), told, *self._alerts(entry, room, told, replay, mine=mine)]
        fresh = place.caught_up or not replay or private or place.unread_at_first(entry.seq)
        if fresh and not mine and entry.kind in WORDS:
            place.count(entry.seq, mention=told.mention or private)
            if not private:
                self.core.look(room, place.unread_after)
        place.keep(told)
        aside = telling.of_entry(entry, me=self._me, mine=mine, author=author, aside=True)
        return [*([aside] if private else []), *self._alerts(entry, room, told, replay, mine=mine)]

    def _new_mark(self, place: Place, entry: m.Entry, replay: bool) -> list[Action]:
        """A heading before what no screen has shown, when it is among what we begin with."""
        first = replay and place.unread_at_first(entry.seq) and not place.marked
        place.marked |= first
        return [Told("rule", "unread")] if first else []

    def _alerts(self, entry: m.Entry, room: str, told: Told, replay: bool, *, mine: bool) -> list[Action]:
        private = room.startswith(PRIVATE_MARK)
        wanted = (self._bell != "off") if private else (self._bell == "all" and told.mention)
        if not wanted or mine or entry.kind not in WORDS or (replay and not private):
            return []
        return [Alert(entry.nick, entry.text, "" if private else self.core.name_of(room))]

    def _presence(self, presence: m.Presence, room: str) -> list[Action]:
        place = self._places.find(presence.room)
        if place is None or place.id != self._place():
            return []
        told = telling.of_presence(presence, room)
        place.told(told)
        return [told]

    def _refused(self, notice: Refusal) -> list[Action]:
        command, refusal = notice.command, notice.refused
        if isinstance(command, m.Say) and command.kind in WORDS and len(self._failed) < FAILED:
            self._failed.append((command, refusal.detail))
        return super()._refused(notice)

    def _answer(self, question: m.Command, event: m.Event) -> list[Action]:
        if not isinstance(event, m.Page) or not isinstance(question, m.Replay):
            return super()._answer(question, event)
        partner = question.to
        place = self._places.partner(partner) if partner else self._places.room(event.room or question.room)
        unread = question.after is not None
        if not event.entries:
            return [self._tell(f"There is nothing {'unread' if unread else 'earlier'} in {place.name}.")]
        lines = [telling.of_entry(entry, me=self._me, mine=entry.key == self.core.key) for entry in event.entries]
        heading = Told("rule", f"{'unread' if unread else 'earlier'} in {place.name}")
        if not unread:
            place.showed(event.entries[0].seq)
        elif event.more:
            place.unread_after = event.entries[-1].seq
            return [heading, *lines, self._tell("More was unread: see it with /last.")]
        return [heading, *lines, Told("rule", "now")]

    # --- where we are -----------------------------------------------------------------------------------------
    def _place(self) -> str:
        to = self._to
        if to.partner is not None:
            return place_of(None, to.partner)
        return names.fold(to.room) if to.room is not None else (to.turn_to or "")

    def _with_status(self, actions: Sequence[Action]) -> list[Action]:
        """The same with what is to be shown of another place, if we are in one now; and where things stand."""
        told: list[Action] = [Told("text", a.text, marks=a.marks) if isinstance(a, Print) else a for a in actions]
        here = self._place()
        if self._to.partner is not None:
            place: Place | None = self._places.partner(self._to.partner)
        else:
            place = self._places.room(here, self._to.room or "") if here else None
        rooms = {view.id for view in self.core.rooms.values()}
        self._places.keep_rooms(rooms | ({here} if self._to.turn_to else set()))
        if here != self._here:
            self._here = here
            if place is not None:
                told += place.open(self._now.wall)
                self.core.look(place.id, None)
        status = self._status(place, rooms)
        if status != self._told_status:
            self._told_status = status
            told.append(status)
        return told

    def _status(self, place: Place | None, rooms: set[str]) -> Status:
        failed = [Waiting(say.text, why) for say, why in self._failed[-SHOWN_WAITING:]]
        says = [say for say in self.core.waiting_says if say.kind in WORDS] if self.core.waiting else []
        going = [Waiting(say.text) for say in says[: SHOWN_WAITING - len(failed)]]
        room = place is not None and not place.private
        return Status(
            here=self._here,
            where=self.where,
            places=tuple(each.status for each in self._places.all),
            people=len(place.people) if place is not None and room and place.people else None,
            crowd=place is not None and place.crowd,
            trouble=self._trouble,
            since=self._since,
            waiting=(*failed, *going),
            waiting_more=len(self._failed) + len(says) - len(failed) - len(going),
            nicks=self._places.nicks(place),
            rooms=tuple(room for room in self._rooms_told if names.fold(room) not in rooms),
            choices=self._answers.choices(self._here),
            heard=self._lines_heard,
        )
