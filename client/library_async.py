"""`AsyncClient`: the same client for asyncio.

Owns how an event loop waits for what `library_thread` brings: futures of the receive thread are wrapped, so results
come by `loop.call_soon_threadsafe`, and a task that is cancelled withdraws its call. Used in one event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, Self, TypeVar

from ..common.errors import Closed, ZchatError
from . import library_events as events
from .library_base import BaseClient, Finds, Kind, Pages, log_failure
from .library_events import Answer, Entry, Event, Message, Question, Room, Sent, Since, User
from .library_thread import Pending, Receiver

T = TypeVar("T")
E = TypeVar("E", bound=Event)


class AsyncClient(BaseClient):
    """A client for asyncio: as `Client`, but its calls are awaited; cancelling one withdraws it.

    Several messages are sent at once with `asyncio.gather`.
    """

    _what = "AsyncClient"
    _loop: asyncio.AbstractEventLoop
    _arrived: asyncio.Event
    _dispatching: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        return await self.open()

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def open(self) -> Self:
        """Connect and enter the rooms; raises when there is no broker, or it does not let us in."""
        self._loop, self._arrived = loop, arrived = asyncio.get_running_loop(), asyncio.Event()
        reach, *rooms = self._start()

        def tell() -> None:  # knows nothing of the client, so that it can be collected
            with contextlib.suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(arrived.set)

        self._running.inbox.arrived = tell
        try:
            await self._wait(reach, self._patience + self.timeout)
            for room in rooms:
                await self._wait(room)
        except BaseException:
            await self.close()
            raise
        return self

    async def close(self, reason: str = "") -> None:
        """Say goodbye and end, after a short wait for the acks of what was sent; what waits elsewhere fails."""
        receiver = self._receiver
        if receiver is None:
            return
        receiver.close(reason)
        ended = asyncio.wrap_future(receiver.ended)
        await asyncio.wait([ended])
        ended.exception()  # `wait` tells it to who asks; otherwise asyncio would complain
        receiver.join()
        if self._dispatching is not None and self._dispatching is not asyncio.current_task():
            await asyncio.wait([self._dispatching])

    async def wait(self) -> None:
        """Wait until the client has ended, closed here or elsewhere; raises the error if it ended with one."""
        await asyncio.shield(asyncio.wrap_future(self._running.ended))

    # --- talking ----------------------------------------------------------------------------------------------
    async def send(
        self,
        text: str,
        room: str | None = None,
        *,
        id: str | None = None,
        kind: Kind = "message",
        timeout: float | None = None,
    ) -> Sent:
        """As `Client.send`."""
        return await self._wait(self._say(text, room, None, id, kind), timeout)

    async def tell(self, nick: str, text: str, *, id: str | None = None, timeout: float | None = None) -> Sent:
        """As `Client.tell`."""
        return await self._wait(self._say(text, None, nick, id, "message"), timeout)

    async def reply(self, entry: Entry, text: str, *, timeout: float | None = None) -> Sent:
        """As `Client.reply`."""
        return await self._wait(self._reply(entry, text), timeout)

    async def ask(
        self,
        question: str,
        choices: Sequence[str] = ("yes", "no"),
        *,
        room: str | None = None,
        to: str | None = None,
        id: str | None = None,
        timeout: float | None = None,
    ) -> Answer:
        """As `Client.ask`."""
        return await self._wait_for(self._inquire(question, choices, room, to, id), timeout)

    async def answer(self, question: Question, choice: str | int, *, timeout: float | None = None) -> Sent:
        """As `Client.answer`."""
        return await self._wait(self._choose(question, choice), timeout)

    # --- rooms and people -------------------------------------------------------------------------------------
    async def join(
        self,
        room: str,
        since: Since = "now",
        *,
        create: bool = True,
        private: bool = False,
        timeout: float | None = None,
    ) -> None:
        """As `Client.join`."""
        await self._wait(self._enter(room, since, create=create, private=private), timeout)

    async def part(self, room: str, *, timeout: float | None = None) -> None:
        """As `Client.part`."""
        await self._wait(self._leave(room), timeout)

    async def who(self, room: str | None = None, *, timeout: float | None = None) -> list[User]:
        """As `Client.who`."""
        return [events.user(info) for info in (await self._wait(self._who(room), timeout)).users]

    async def rooms(self, *, timeout: float | None = None) -> list[Room]:
        """As `Client.rooms`."""
        return [events.room(info) for info in (await self._wait(self._list(), timeout)).rooms]

    async def history(
        self,
        room: str | None = None,
        *,
        to: str | None = None,
        limit: int = 100,
        before: int | None = None,
        after: int | None = None,
        timeout: float | None = None,
    ) -> list[Entry]:
        """As `Client.history`."""
        return await self._all(self._pages(room, to, limit, before, after), timeout)

    async def search(
        self,
        words: str,
        room: str | None = None,
        *,
        to: str | None = None,
        limit: int = 100,
        timeout: float | None = None,
    ) -> list[Entry]:
        """As `Client.search`."""
        return await self._all(self._finds(words, room, to, limit), timeout)

    async def _all(self, pages: Pages | Finds, timeout: float | None) -> list[Entry]:
        try:
            question: Any = next(pages)
            while True:
                question = pages.send(await self._wait(self._ask(question), timeout))
        except StopIteration as end:
            return list(end.value)

    async def away(self, text: str = "", *, timeout: float | None = None) -> None:
        """As `Client.away`."""
        await self._wait(self._be_away(text, away=True), timeout)

    async def back(self, *, timeout: float | None = None) -> None:
        """As `Client.back`."""
        await self._wait(self._be_away("", away=False), timeout)

    # --- events -----------------------------------------------------------------------------------------------
    def __aiter__(self) -> AsyncIterator[Event]:
        return self.events()

    def events(self, timeout: float | None = None) -> AsyncIterator[Event]:
        """As `Client.events`."""
        return self._iterate(Event, timeout)

    def messages(self, timeout: float | None = None) -> AsyncIterator[Message]:
        """As `Client.messages`."""
        return self._iterate(Message, timeout)

    def _iterate(self, kind: type[E], timeout: float | None) -> AsyncIterator[E]:
        self._check_iterable()
        receiver, arrived = self._running, self._arrived

        # Apart, so that the mistake above is told at once; it keeps the client from being collected.
        async def iterate(_client: AsyncClient) -> AsyncIterator[E]:
            with contextlib.suppress(Closed, TimeoutError):
                while True:
                    async with asyncio.timeout(timeout):
                        while not isinstance(event := await _next(receiver, arrived), kind):
                            pass
                    yield event

        return iterate(self)

    def _call_back(self) -> None:
        if self._dispatching is None and self._callbacks and self._receiver is not None:
            self._dispatching = self._loop.create_task(_dispatch(self._receiver, self._arrived, self._callbacks))

    # --- waiting ----------------------------------------------------------------------------------------------
    async def _wait(self, pending: Pending[T], timeout: float | None = None) -> T:
        """What a call brings, in so many seconds or the usual ones."""
        return await self._wait_for(pending, self.timeout if timeout is None else timeout)

    async def _wait_for(self, pending: Pending[T], timeout: float | None) -> T:
        """What a call brings; whatever else ends the waiting, withdraws it."""
        wrapped = asyncio.wrap_future(pending)
        try:
            done, _ = await asyncio.wait([wrapped], timeout=timeout)
            if not done and pending.cancel():
                raise self._running.late(pending)
            return await wrapped
        except BaseException:
            pending.cancel()
            raise


async def _next(receiver: Receiver, arrived: asyncio.Event) -> Event:
    while (event := receiver.inbox.take(0)) is None:
        arrived.clear()
        await arrived.wait()
    return event


async def _dispatch(
    receiver: Receiver, arrived: asyncio.Event, callbacks: Sequence[tuple[type[Event], Callable[..., object]]]
) -> None:
    """Call back with each event until the client ends; the client itself is not known here, so it can be collected."""
    with contextlib.suppress(ZchatError):
        while True:
            event = await _next(receiver, arrived)
            for kind, callback in tuple(callbacks):
                if isinstance(event, kind):
                    try:
                        result = callback(event)
                        if inspect.isawaitable(result):
                            await result
                    except Exception as error:
                        log_failure(receiver, error)
