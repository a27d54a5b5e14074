"""Several brokers over one PostgreSQL: how late the other one is, what readers cost: `make bench-brokers`.

Owns the brokers, which have one database, and the people at each. The server is this run's own; everything shares the
cores of one machine, this load too, so what a broker adds shows in the CPU of each rather than in deliveries a second.

    python -m bench.brokers [--seconds N] [--readers N]
"""

from __future__ import annotations

import argparse
import contextlib
import os
import select
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.postgres import Postgres, emptied, find

from .crowds import Delivered
from .machine import cpu_seconds
from .servers import ZCHAT, Running, Server, running
from .workloads import delays, deliver, spread
from .zmq_crowds import ZmqCrowd

POLLING = (
    "from zchat.broker import server; opened = server.open_history;"
    "server.open_history = lambda where, hear: opened(where);"
    "from zchat.common.cli import main; main()"
)
"""A broker that neither gives nor hears hints, as where the database has none."""
IN_FLIGHT = 64
QUIET = 2.0
"""Seconds without a message after which none is under way: more than a broker that polls takes."""
LIMITS = ("burst", "rate", "room_burst", "owned_rooms", "sessions", "connection_burst")


@contextlib.contextmanager
def brokers(url: str, count: int, *, hints: bool = True) -> Iterator[list[Running]]:
    """So many brokers of one chat, without limits to rates."""
    first: list[Running] = []

    def command(program: str, folder: Path, port: int) -> list[str]:
        (folder / "config.toml").write_text("[limits]\n" + "".join(f"{name} = 10000000\n" for name in LIMITS))
        data = folder / "data" / "broker"
        data.mkdir(parents=True, mode=0o700)
        for broker in first[:1]:
            for name in ("broker.key", "operator.key"):
                shutil.copy(broker.folder / "data" / "broker" / name, data / name)
        start = [program] if hints else [sys.executable, "-c", POLLING]
        return [*start, "broker", "--port", "0", "--config", str(folder / "config.toml"), "--history", url]

    server = Server("zchat", "zchat", "", str(ZCHAT), command)
    with contextlib.ExitStack() as stack:
        for _ in range(count):
            first.append(stack.enter_context(running(server)))
        yield first


class Town:
    """Readers at several brokers, numbered through, and one sender at the first."""

    def __init__(self, at: Sequence[Running], readers: Sequence[int]) -> None:
        self._crowds: list[ZmqCrowd] = []
        self._poll = select.epoll()
        try:
            for broker, count in zip(at, readers, strict=True):
                self._crowds.append(ZmqCrowd(broker, count, beside=self._crowds[:]))
        except BaseException:
            self.close()
            raise
        for crowd in self._crowds:
            self._poll.register(crowd.fileno(), select.EPOLLIN)
        self._first = [sum(readers[:number]) for number in range(len(readers))]
        heard = time.monotonic()
        while time.monotonic() - heard < QUIET:
            if self.receive(0.1):
                heard = time.monotonic()

    def __enter__(self) -> Town:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Leave without a word."""
        for crowd in self._crowds:
            crowd.close()
        self._poll.close()

    def send(self, count: int) -> None:
        """The sender says so many messages."""
        self._crowds[0].send(count)

    def receive(self, timeout: float) -> Delivered:
        """Wait so long for what comes anywhere, and take it."""
        self._poll.poll(timeout)
        return [
            (first + reader, count)
            for first, crowd in zip(self._first, self._crowds, strict=True)
            for reader, count in crowd.receive(0)
        ]


def late(url: str, seconds: float) -> None:
    """How late a reader at the same broker and one at another are, with hints and without."""
    print("| | at the same broker: p50, p99 | at the other one: p50, p99 | added: p50 |")
    print("|---|---|---|---|")
    for name, hints in (("NOTIFY", True), ("polling only", False)):
        with brokers(emptied(url), 2, hints=hints) as at, Town(at, [1, 1]) as town:
            here, there = (spread(taken) for taken in delays(town, 2, seconds))
        cells = [f"{figures['p50'] / 1e3:,.1f}, {figures['p99'] / 1e3:,.1f} ms" for figures in (here, there)]
        print(f"| {name} | {' | '.join(cells)} | {(there['p50'] - here['p50']) / 1e3:,.1f} ms |", flush=True)


def spread_out(url: str, database: int, readers: int, seconds: float) -> None:
    """Deliveries a second of one room, and what they cost each process, by how many brokers its readers are at."""
    print(f"\n| brokers | deliveries/s, {readers} readers | CPU s a million: all brokers | the first | PostgreSQL |")
    print("|---|---|---|---|---|")
    for count in (1, 2, 4):
        with brokers(emptied(url), count) as at, Town(at, [readers // count] * count) as town:
            deliver(town, readers, IN_FLIGHT, seconds / 4)
            pids = [*(broker.pid for broker in at), database]
            before = [cpu_seconds(pid) for pid in pids]
            began = time.perf_counter()
            received = deliver(town, readers, IN_FLIGHT, seconds)
            took = time.perf_counter() - began
            spent = [(cpu_seconds(pid) - cpu) / received * 1e6 for pid, cpu in zip(pids, before, strict=True)]
        *each, of_database = spent
        print(
            f"| {count} | {received / took:,.0f} | {sum(each):.2f} | {each[0]:.2f} | {of_database:.2f} |",
            flush=True,
        )


def main() -> None:
    """Measure as the command line says, and print tables."""
    parser = argparse.ArgumentParser(description="Several brokers: how late the other is, what readers cost.")
    parser.add_argument("--seconds", type=float, default=10.0, help="for each figure")
    parser.add_argument("--readers", type=int, default=100, help="of the room, a multiple of 4")
    options = parser.parse_args()
    if find() is None:
        print("PostgreSQL is not installed here.")
        return
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores when it began\n")
    with Postgres() as server:
        late(server.url(), options.seconds)
        spread_out(server.url(), server.pid, options.readers, options.seconds)


if __name__ == "__main__":
    main()
