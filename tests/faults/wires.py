"""TCP ports in front of a broker's pair, or of a database, whose wires can be slow, silent, cut or refused.

Clients that know the broker by the host of these wires find both of its ports there: a welcome names PUB by its port
alone. The loop runs in a thread of its own; the methods of `Wires` may be called from any.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import functools
import random
import socket
import threading
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, Self, TypeVar

from zchat.common.keys import Link

T = TypeVar("T")
Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]
FRONT = "127.0.0.2"
"""On Linux all of 127/8 is this machine."""
CHUNK = 65_536
CLOSED = (OSError, EOFError, asyncio.IncompleteReadError)


class _Wire:
    """A port in front of something else; used in the loop alone."""

    def __init__(self, host: str, port: int, connect: Callable[[], Awaitable[Ends]], seed: int) -> None:
        self._host, self.port, self._connect = host, port, connect
        self._random = random.Random(seed)
        self._open = asyncio.Event()
        self._open.set()
        self._server: asyncio.Server | None = None
        self._pairs: set[tuple[asyncio.StreamWriter, asyncio.StreamWriter]] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.slow = 0.0
        """At most so many seconds that each piece takes."""
        self.refusing = False
        self.left: int | None = None
        """How many bytes go through until everything is cut."""

    async def begin(self) -> None:
        self._server = await asyncio.start_server(self._accept, self._host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def end(self) -> None:
        assert self._server is not None
        self._server.close()
        self.refusing = True
        self._open.set()
        while self._tasks:
            self.cut()
            await asyncio.wait(self._tasks, timeout=0.1)

    def silence(self) -> None:
        """Forward nothing, close nothing."""
        self._open.clear()

    def heal(self) -> None:
        self.slow, self.refusing, self.left = 0.0, False, None
        self._open.set()

    def cut(self) -> None:
        for pair in self._pairs:
            for writer in pair:
                writer.transport.abort()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        pair: tuple[asyncio.StreamWriter, asyncio.StreamWriter] | None = None
        try:
            if self.refusing:
                return
            there, back = await self._connect()
            pair = (writer, back)
            self._pairs.add(pair)
            ways = [asyncio.ensure_future(self._pump(*way)) for way in ((reader, back), (there, writer))]
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
        except CLOSED:
            pass
        finally:
            for each in pair or (writer,):
                each.transport.abort()
            if pair is not None:
                self._pairs.discard(pair)
            self._tasks.discard(task)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(*CLOSED):
            while data := await reader.read(CHUNK):
                await self._open.wait()
                if self.slow:
                    await asyncio.sleep(self._random.uniform(0, self.slow))
                if self.left is not None:
                    data, self.left = data[: self.left], self.left - len(data)
                writer.write(data)
                await writer.drain()
                if self.left is not None and self.left <= 0:
                    self.left = None
                    self.cut()


class _Wires:
    """Wires that are open within a `with` block."""

    def __init__(self, wires: Sequence[_Wire]) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="wires")
        self._wires = wires

    def __enter__(self) -> Self:
        self._thread.start()
        for wire in self._wires:
            self._wait_for(wire.begin())
        return self

    def __exit__(self, *_: object) -> None:
        for wire in self._wires:
            self._wait_for(wire.end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _wait_for(self, doing: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(doing, self._loop).result()

    def slow(self, seconds: float, *which: int) -> None:
        """Every piece takes up to so long; 0 is the wire to ROUTER, 1 that to PUB."""
        for wire in self._chosen(which):
            wire.slow = seconds

    def silence(self, *which: int) -> None:
        """Nothing goes through any more, and no connection is closed."""
        for wire in self._chosen(which):
            self._loop.call_soon_threadsafe(wire.silence)

    def cut(self, *which: int) -> None:
        """End what is connected; who comes back is let through."""
        for wire in self._chosen(which):
            self._loop.call_soon_threadsafe(wire.cut)

    def cut_after(self, count: int, *which: int) -> None:
        """End what is connected once so many more bytes have gone through: in the middle of a frame."""
        for wire in self._chosen(which):
            wire.left = count

    def refuse(self, *which: int) -> None:
        """End what is connected, and let nobody through."""
        for wire in self._chosen(which):
            wire.refusing = True
        self.cut(*which)

    def heal(self) -> None:
        """Everything goes through again, also what was held back."""
        for wire in self._wires:
            self._loop.call_soon_threadsafe(wire.heal)

    def _chosen(self, which: tuple[int, ...]) -> list[_Wire]:
        return [self._wires[number] for number in which or range(len(self._wires))]


class Wires(_Wires):
    """Both ports of a broker, seen from `FRONT`."""

    def __init__(self, link: str, seed: int) -> None:
        at = Link.parse(link)
        self.link = str(dataclasses.replace(at, host=FRONT))
        """The broker's link through these wires."""
        ports = [at.port, at.port + 1]
        connects = [functools.partial(asyncio.open_connection, at.host, port) for port in ports]
        super().__init__([_Wire(FRONT, port, connect, seed) for port, connect in zip(ports, connects, strict=True)])

    @staticmethod
    def possible() -> bool:
        """Whether this machine has the address."""
        with socket.socket() as probe:
            try:
                probe.bind((FRONT, 0))
            except OSError:
                return False
        return True


class DatabaseWire(_Wires):
    """A port in front of a database's Unix socket."""

    def __init__(self, place: Path, seed: int) -> None:
        super().__init__([_Wire("127.0.0.1", 0, functools.partial(asyncio.open_unix_connection, place), seed)])

    @property
    def place(self) -> str:
        """``HOST:PORT`` of this end, once it is open."""
        return f"127.0.0.1:{self._wires[0].port}"
