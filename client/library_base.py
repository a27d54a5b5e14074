"""What the two clients of the library, `Client` and `AsyncClient`, have in common: all but waiting.

Owns their options, how a call is made of what a user wants, and who is called back. Does not know how a result is
waited for (`library`, `library_async`). Any thread.
"""

from __future__ import annotations

import logging
import os
import secrets
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterable, Sequence
from typing import Any, Literal, TypeVar

from msgspec.structs import replace

from ..common import clock, limits, messages as m, names
from ..common.errors import Closed, InputError, ZchatError
from ..common.ids import is_message_id, message_id
from ..common.keys import KeyPair, Link
from ..common.names import LOBBY
from ..common.rules import check_choices, check_text
from ..common.searching import parse_search
from . import account, library_events as events, questions
from .credentials import Credentials
from .library_calls import Asking, Awaiting, Entering, Leaving, Reach, Saying
from .library_events import Entry, Event, Message, Question, Since
from .library_thread import Pending, Receiver
from .rooms import END_OF_TIME, NOW, UNREAD, Start
from .session import Profile

log = logging.getLogger("zchat.client")

TIMEOUT = 10.0
"""Seconds that a call waits unless it is told otherwise."""
INBOX = 1_000

Kind = Literal["message", "me", "topic"]
E = TypeVar("E", bound=Event)
R = TypeVar("R")
Pages = Generator[m.Replay, m.Page, list[Entry]]
Finds = Generator[m.Search, m.Matches, list[Entry]]


class BaseClient(ABC):
    """One client of one broker."""

    _what = "client"

    def __init__(
        self,
        broker: str | Link | None = None,
        *,
        nick: str | None = None,
        key: KeyPair | None = None,
        rooms: Iterable[str] = (LOBBY,),
        since: Since = "now",
        private: Since | bool = True,
        present: bool = True,
        bot: bool = False,
        own: bool = False,
        inbox: int = INBOX,
        timeout: float = TIMEOUT,
        patience: float = limits.CONNECT_PATIENCE,
    ) -> None:
        """Nothing happens until it is opened; raises `InputError` for what cannot be right.

        `broker`: a link, ``HOST[:PORT]`` of a known one, or its name; None: ``ZCHAT_BROKER``, else the account's own.
        `nick`: None: ``ZCHAT_NICK``, else the one that the account last used there. Its key is kept in the account,
        and made on first use; with a `key` of one's own nothing of the account is read or written.
        `rooms`: followed from the beginning, from `since` on (``now``); the first of them is where `send` sends to.
        `private`: private messages are wanted; True begins with those seen on no screen, for a bot with the next one.
        `present`: shown in ``who`` and announced in rooms. `bot`: marked as a program. `own`: what this user says is
        told as well, here and on other screens.
        `inbox`: how many events wait to be taken before the rest waits at the broker.
        `timeout`: seconds that each call waits. `patience`: seconds that a broker is looked for at the beginning.
        """
        self.timeout = timeout
        self._broker = broker
        self._nick = nick
        self._key = key
        self._rooms = [names.parse_room(room) for room in ([rooms] if isinstance(rooms, str) else rooms)]
        self._since = since
        self._present, self._bot, self._own = present, bot, own
        now = clock.read().wall
        events.start_of(since, now)  # a mistake is told here, not when it is opened
        self._private = self._private_start(private, now)
        self._inbox, self._patience = max(1, inbox), patience
        self._receiver: Receiver | None = None
        self._callbacks: list[tuple[type[Event], Callable[..., object]]] = []

    def _private_start(self, private: Since | bool, now: int) -> Start | None:
        if private is True:
            return NOW if self._bot else UNREAD
        return None if private is False else events.start_of(private, now)

    def __del__(self) -> None:
        receiver = getattr(self, "_receiver", None)
        if receiver is not None and not receiver.ended.done():
            warnings.warn(f"a {self._what} was not closed: {self!r}", ResourceWarning, source=self, stacklevel=2)
            receiver.close()

    def __repr__(self) -> str:
        if self._receiver is None:
            return f"<{type(self).__name__}, not open>"
        over, connected = self._receiver.is_over, self._receiver.connected
        state = "ended" if over else "connected" if connected else "looking for its broker"
        return f"<{type(self).__name__} {self._receiver.nick} at {self._receiver.place}, {state}>"

    @property
    def nick(self) -> str:
        """What the broker calls us."""
        return self._running.nick

    @property
    def connected(self) -> bool:
        """Whether the broker is there now; while it is not, it is looked for."""
        return self._receiver is not None and self._receiver.connected

    # --- callbacks --------------------------------------------------------------------------------------------
    def on(self, kind: type[E]) -> Callable[[Callable[[E], R]], Callable[[E], R]]:
        """A decorator: call this function with each event of a kind, one after the other.

        What it raises is logged by ``zchat.client``, and the next event comes all the same.
        """

        def register(callback: Callable[[E], R]) -> Callable[[E], R]:
            self._callbacks.append((kind, callback))
            self._call_back()
            return callback

        return register

    def on_message(self, callback: Callable[[Message], R]) -> Callable[[Message], R]:
        """A decorator: call this function with each `Message`."""
        return self.on(Message)(callback)

    @abstractmethod
    def _call_back(self) -> None:
        """Begin to call back, if that has not begun and the client is open."""

    def _check_iterable(self) -> None:
        if self._callbacks:
            raise InputError("This client calls back, so there is nothing to iterate over. Do one of the two.")

    # --- making calls -----------------------------------------------------------------------------------------
    @property
    def _running(self) -> Receiver:
        if self._receiver is None:
            raise Closed(f"The {self._what} is not open. Open it: with {type(self).__name__}(…) as client.")
        return self._receiver

    def _start(self) -> list[Pending[Any]]:
        """Start the receive thread; what is to be waited for: the broker, and the rooms."""
        if self._receiver is not None:
            raise Closed(f"A {self._what} is opened once. Make another one.")
        link = self._link()
        nick = names.parse_nick(self._nick or os.environ.get("ZCHAT_NICK") or _usual_nick(link))
        credentials = Credentials(link, nick, self._key, usual=False)
        profile = Profile(
            nick=nick,
            instance=secrets.token_hex(8),
            agent=f"zchat library on {os.name}",
            present=self._present,
            private=self._private,
            bot=self._bot,
            invite=link.invite or account.own_invite(link),
            brokers=len(link.places),
        )
        self._receiver = receiver = Receiver(
            link, profile, credentials, own=self._own, inbox=self._inbox, patience=self._patience
        )
        self._call_back()
        reach = receiver.submit(Reach)
        return [reach, *(self._enter(room, self._since) for room in self._rooms)]

    def _link(self) -> Link:
        named = self._broker or os.environ.get("ZCHAT_BROKER") or None
        text = named.with_invite if isinstance(named, Link) else named
        if self._key is not None and text is not None and text.startswith("zchat:"):
            return Link.parse(text)
        return account.find_broker(text)

    def _say(
        self, text: str, room: str | None, to: str | None, id: str | None, kind: Kind, *, soon: bool = False
    ) -> Pending[events.Sent]:
        say = self._sayable(text, room, to, id, kind)
        return self._running.submit(lambda settle: Saying(say, settle), soon=soon)

    def _sayable(
        self,
        text: str,
        room: str | None,
        to: str | None,
        id: str | None,
        kind: m.EntryKind,
        choices: Sequence[str] = (),
    ) -> m.Say:
        check_text(text, kind)
        if id is not None and not is_message_id(id):
            raise InputError("An id is 1 to 64 letters, digits, dots, colons, _ or -. Choose another one.")
        return m.Say(
            id=id or message_id(clock.read().wall, secrets.token_bytes(10)),
            text=text,
            room=self._room(room) if to is None else None,
            to=names.legal_nick(to) if to is not None else None,
            kind=kind,
            choices=list(choices),
        )

    def _room(self, room: str | None) -> str:
        return names.parse_room(room) if room is not None else self._rooms[0] if self._rooms else LOBBY

    def _inquire(
        self, question: str, choices: Sequence[str], room: str | None, to: str | None, id: str | None
    ) -> Pending[events.Answer]:
        if room is not None and to is not None:
            raise InputError("A question goes to a room or to a nick. Give only one of room and to.")
        if isinstance(choices, str):  # which is a sequence of letters, too
            raise InputError("The choices are a list of texts. Write them as ['yes', 'no'].")
        check_choices(choices)
        say = self._sayable(question, room, to, id, "ask", choices)
        return self._running.submit(lambda settle: Awaiting(say, settle))

    def _choose(self, question: Question, choice: str | int) -> Pending[events.Sent]:
        say = m.Say(
            id=message_id(clock.read().wall, secrets.token_bytes(10)),
            text=question.chosen(choice),
            room=question.room,
            to=question.key if question.room is None else None,
            kind="answer",
            about=question.seq,
        )
        return self._running.submit(lambda settle: Saying(say, settle))

    def _reply(self, entry: Entry, text: str) -> Pending[events.Sent]:
        return self._say(text, entry.room, entry.place if entry.room is None else None, None, "message")

    def _enter(self, room: str, since: Since, *, create: bool = True, private: bool = False) -> Pending[None]:
        name, start = names.parse_room(room), events.start_of(since, clock.read().wall)
        return self._running.submit(lambda settle: Entering(name, start, create, private, settle))

    def _leave(self, room: str) -> Pending[None]:
        name = names.parse_room(room)
        return self._running.submit(lambda settle: Leaving(name, settle))

    def _ask(self, question: questions.Question) -> Pending[Any]:
        return self._running.submit(lambda settle: Asking(question, settle))

    def _who(self, room: str | None) -> Pending[m.Roster]:
        return self._ask(m.Who(room=names.parse_room(room) if room is not None else None))

    def _list(self) -> Pending[m.RoomList]:
        return self._ask(m.Rooms())

    def _be_away(self, text: str, *, away: bool) -> Pending[m.Absence]:
        check_text(text, "away")
        return self._ask(m.Away(away=away, text=text))

    def _pages(self, room: str | None, to: str | None, limit: int, before: int | None, after: int | None) -> Pages:
        """The questions for a part of a history; it is sent their answers, and returns the whole."""
        if (before is not None and after is not None) or limit < 0:
            raise InputError("A history is read before or after a sequence. Give one of them, and a limit above 0.")
        name = None if to is not None else self._room(room or None)
        nick = names.legal_nick(to) if to is not None else None
        before = END_OF_TIME if before is None and after is None else before
        key, found = self._running.key, list[Entry]()
        while len(found) < limit:
            page = yield m.Replay(room=name or "", to=nick, before=before, after=after, limit=limit - len(found))
            part = [events.told(entry, name or page.room, replay=True, key=key) for entry in page.entries]
            found = found + part if before is None else part + found
            if not page.more or not part:
                break
            before, after = (part[0].seq, None) if before is not None else (None, part[-1].seq)
        return found

    def _finds(self, words: str, room: str | None, to: str | None, limit: int) -> Finds:
        """The questions for what a search finds; it is sent their answers, and returns the whole."""
        if (room is not None and to is not None) or limit < 0:
            raise InputError("A search is in a room or with a nick. Give only one of room and to, and a limit above 0.")
        parse_search(words)
        search = m.Search(
            words=words,
            room=names.parse_room(room) if room is not None else None,
            to=names.legal_nick(to) if to is not None else None,
        )
        key, found = self._running.key, list[Entry]()
        while len(found) < limit:
            page = yield replace(search, limit=min(limit - len(found), limits.PAGE_ENTRIES))
            found[:0] = [events.told(match.entry, match.name, replay=True, key=key) for match in page.matches]
            if not page.more or not page.matches:
                break
            first = page.matches[0]
            search = replace(search, before=first.entry.seq, before_room=first.room)
        return found


def log_failure(receiver: Receiver, error: Exception) -> None:
    """A callback raised something: its author wants to know, and the next event is not the worse for it."""
    if not (receiver.is_over and isinstance(error, ZchatError)):  # else it was only held up by the end
        log.error("a callback failed", exc_info=error)


def _usual_nick(link: Link) -> str:
    return account.last_nick(link) or account.login_nick() or account.made_up_nick()
