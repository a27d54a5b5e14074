"""`Client`: the chat for programs, that any thread may use.

Owns waiting for what a call brings, iterating over events, and the thread that calls back. Does not know how a call is
done (`library_thread`). `docs/library.md` is the guide.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Self, TypeVar

from ..common import limits
from ..common.errors import Closed, TimedOut, ZchatError
from . import library_events as events
from .library_base import BaseClient, Finds, Kind, Pages, log_failure
from .library_events import Answer, Entry, Event, Message, Question, Room, Sent, Since, User
from .library_thread import Pending, Receiver

T = TypeVar("T")
E = TypeVar("E", bound=Event)


class Client(BaseClient):
    """A client that blocks: a call returns when it is done, or raises a `ZchatError` when it cannot be.

    Any thread may call anything. Use it in a `with` block, or call `open` and `close`.
    """

    _dispatching: threading.Thread | None = None
    _window: threading.Semaphore
    """One for each message that may wait for its ack without somebody waiting for that."""

    def __enter__(self) -> Self:
        return self.open()

    def __exit__(self, *_: object) -> None:
        self.close()

    def open(self) -> Self:
        """Connect and enter the rooms; raises when there is no broker, or it does not let us in."""
        self._window = threading.Semaphore(limits.WINDOW)
        reach, *rooms = self._start()
        try:
            self._wait(reach, self._patience + self.timeout)
            for room in rooms:
                self._wait(room)
        except BaseException:
            self.close()
            raise
        return self

    def close(self, reason: str = "") -> None:
        """Say goodbye and end, after a short wait for the acks of what was sent; what waits elsewhere fails."""
        receiver = self._receiver
        if receiver is None:
            return
        receiver.close(reason)
        receiver.join()
        if receiver.is_current:
            return  # it ends after this
        if self._dispatching is not None and self._dispatching is not threading.current_thread():
            self._dispatching.join(self.timeout)

    def wait(self, timeout: float | None = None) -> None:
        """Wait until the client has ended, closed here or elsewhere; raises the error if it ended with one."""
        try:
            self._running.ended.result(timeout)
        except TimeoutError:
            raise TimedOut(f"The client has not ended within {timeout:g} s. Wait longer.") from None

    # --- talking ----------------------------------------------------------------------------------------------
    def send(
        self,
        text: str,
        room: str | None = None,
        *,
        id: str | None = None,
        kind: Kind = "message",
        timeout: float | None = None,
    ) -> Sent:
        """Send a message and wait until it is on the broker's disk; raises `NotAcked` when that takes too long.

        Once it has failed it is not sent any more. With the same `id` it is stored once, however often it is sent.
        """
        return self._wait(self._say(text, room, None, id, kind), timeout)

    def tell(self, nick: str, text: str, *, id: str | None = None, timeout: float | None = None) -> Sent:
        """Send a private message, as `send`."""
        return self._wait(self._say(text, None, nick, id, "message"), timeout)

    def reply(self, entry: Entry, text: str, *, timeout: float | None = None) -> Sent:
        """Send a message to where something came from: its room, or privately to the other one."""
        return self._wait(self._reply(entry, text), timeout)

    def send_soon(
        self,
        text: str,
        room: str | None = None,
        *,
        to: str | None = None,
        id: str | None = None,
        kind: Kind = "message",
        timeout: float | None = None,
    ) -> Pending[Sent]:
        """Send a message and return at once with a future; it is sent, again and again, until the future is done.

        Waits while too many are on their way; raises `TimedOut` when that takes too long.
        """
        waits = 0.0 if self._running.is_current else self.timeout if timeout is None else timeout
        if not self._window.acquire(timeout=waits):
            raise TimedOut(f"{limits.WINDOW} messages wait for their acks already. Wait for some of them.")
        try:
            pending = self._say(text, None if to is not None else room, to, id, kind, soon=True)
        except BaseException:
            self._window.release()
            raise
        pending.add_done_callback(lambda _: self._window.release())
        return pending

    def ask(
        self,
        question: str,
        choices: Sequence[str] = ("yes", "no"),
        *,
        room: str | None = None,
        to: str | None = None,
        id: str | None = None,
        timeout: float | None = None,
    ) -> Answer:
        """Ask a room, or privately, and wait for the first answer, however long the broker is away; raises `TimedOut`.

        Without a `timeout` it waits as long as the client is open. With the same `id` it is asked once, however often
        it is called, and brings the same answer, also after a restart of the program.
        """
        return self._wait_for(self._inquire(question, choices, room, to, id), timeout)

    def answer(self, question: Question, choice: str | int, *, timeout: float | None = None) -> Sent:
        """Answer by the text of a choice or its number from 0; raises `RefusedError` when somebody was faster."""
        return self._wait(self._choose(question, choice), timeout)

    # --- rooms and people -------------------------------------------------------------------------------------
    def join(
        self,
        room: str,
        since: Since = "now",
        *,
        create: bool = True,
        private: bool = False,
        timeout: float | None = None,
    ) -> None:
        """Follow a room, from a place in its history on; it is made if it is not there, as a private one if wanted."""
        self._wait(self._enter(room, since, create=create, private=private), timeout)

    def part(self, room: str, *, timeout: float | None = None) -> None:
        """Follow a room no more."""
        self._wait(self._leave(room), timeout)

    def who(self, room: str | None = None, *, timeout: float | None = None) -> list[User]:
        """Who is present, or in one room."""
        return [events.user(info) for info in self._wait(self._who(room), timeout).users]

    def rooms(self, *, timeout: float | None = None) -> list[Room]:
        """The rooms that we may read."""
        return [events.room(info) for info in self._wait(self._list(), timeout).rooms]

    def history(
        self,
        room: str | None = None,
        *,
        to: str | None = None,
        limit: int = 100,
        before: int | None = None,
        after: int | None = None,
        timeout: float | None = None,
    ) -> list[Entry]:
        """The last entries of a room, or of the private messages with somebody: before or after a sequence.

        They come in their order; a room need not be followed. `timeout` is for each page of some hundred.
        """
        return self._all(self._pages(room, to, limit, before, after), timeout)

    def search(
        self,
        words: str,
        room: str | None = None,
        *,
        to: str | None = None,
        limit: int = 100,
        timeout: float | None = None,
    ) -> list[Entry]:
        """The newest entries with all of these words, in their order: in a room, with somebody, or in all we may read.

        ``dep*`` finds what begins so, quotes what stands together. `timeout` is for each page of some hundred.
        """
        return self._all(self._finds(words, room, to, limit), timeout)

    def _all(self, pages: Pages | Finds, timeout: float | None) -> list[Entry]:
        try:
            question: Any = next(pages)
            while True:
                question = pages.send(self._wait(self._ask(question), timeout))
        except StopIteration as end:
            return list(end.value)

    def away(self, text: str = "", *, timeout: float | None = None) -> None:
        """Say that we are away, with a word for it, until we are back or all clients of this user have ended."""
        self._wait(self._be_away(text, away=True), timeout)

    def back(self, *, timeout: float | None = None) -> None:
        """Say that we are back."""
        self._wait(self._be_away("", away=False), timeout)

    # --- events -----------------------------------------------------------------------------------------------
    def __iter__(self) -> Iterator[Event]:
        return self.events()

    def events(self, timeout: float | None = None) -> Iterator[Event]:
        """What happens, as it happens, until the client is closed; or until nothing came for `timeout` seconds.

        Raises what the client ended with if that is an error. Of several threads each gets a part.
        """
        return self._iterate(Event, timeout)

    def messages(self, timeout: float | None = None) -> Iterator[Message]:
        """The same, but messages alone; other events are passed over."""
        return self._iterate(Message, timeout)

    def _iterate(self, kind: type[E], timeout: float | None) -> Iterator[E]:
        self._check_iterable()
        receiver = self._running

        # Apart, so that the mistake above is told at once; it keeps the client from being collected.
        def iterate(_client: Client) -> Iterator[E]:
            with contextlib.suppress(Closed):
                while (event := receiver.inbox.take_of(kind, timeout)) is not None:
                    yield event

        return iterate(self)

    def _call_back(self) -> None:
        if self._dispatching is None and self._callbacks and self._receiver is not None:
            name = f"zchat-{self.nick}-callbacks"
            arguments = (self._receiver, self._callbacks)
            self._dispatching = threading.Thread(target=_dispatch, args=arguments, name=name, daemon=True)
            self._dispatching.start()

    # --- waiting ----------------------------------------------------------------------------------------------
    def _wait(self, pending: Pending[T], timeout: float | None = None) -> T:
        """What a call brings, in so many seconds or the usual ones."""
        return self._wait_for(pending, self.timeout if timeout is None else timeout)

    def _wait_for(self, pending: Pending[T], timeout: float | None) -> T:
        """What a call brings; whatever else ends the waiting, withdraws it."""
        try:
            return pending.result(timeout)
        except TimeoutError:
            if pending.cancel():
                raise self._running.late(pending) from None
            return pending.result()
        except BaseException:
            pending.cancel()
            raise


def _dispatch(receiver: Receiver, callbacks: Sequence[tuple[type[Event], Callable[..., object]]]) -> None:
    """Call back with each event until the client ends; the client itself is not known here, so it can be collected."""
    with contextlib.suppress(ZchatError):
        while True:
            event = receiver.inbox.take()
            for kind, callback in tuple(callbacks):
                if isinstance(event, kind):
                    try:
                        callback(event)
                    except Exception as error:
                        log_failure(receiver, error)
