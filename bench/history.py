"""How fast each history takes messages in, by how many come together: `make bench-history`.

Owns the batches and their sizes; the histories are the broker's own, called as its storage calls them: no sockets and
no rules of chat. PostgreSQL is a server of this run's own, on the same disk as the file, with its usual settings; with
`--url` it is another one. The other threads of the machine are whatever they are: ratios tell more than numbers.

    python -m bench.history [--seconds N] [--writers N] [--rooms N] [--url URL]
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.postgres import Postgres, emptied, find
from zchat.broker.history import Append, History
from zchat.broker.postgres import PostgresHistory
from zchat.broker.sqlite import SqliteHistory

from .machine import fsync_seconds

BATCHES = (1, 16, 64, 256, 1_024)
TEXT = "a line of usual length, as people write it to each other, number {}"


def appends(history: History, batch: int, seconds: float, room: Callable[[int], str], author: str) -> list[float]:
    """What each commit took, in seconds, for so long."""
    numbers = itertools.count()
    taken: list[float] = []
    end = time.perf_counter() + seconds
    while (began := time.perf_counter()) < end:
        changes = [
            Append(room(number), author, f"{author}-{batch}-{number}", "nick", TEXT.format(number), 0)
            for number in itertools.islice(numbers, batch)
        ]
        began = time.perf_counter()
        history.commit(changes)
        taken.append(time.perf_counter() - began)
    return taken


def row(taken: list[float], batch: int) -> tuple[float, float, float]:
    """Messages a second, and milliseconds of half and of 99 of 100 commits."""
    taken = sorted(taken)
    return batch * len(taken) / sum(taken), statistics.median(taken) * 1e3, taken[int(len(taken) * 0.99)] * 1e3


@contextlib.contextmanager
def database(url: str | None) -> Iterator[str | None]:
    """The URL of a database to measure, if there is one."""
    if url is not None or find() is None:
        yield url
        return
    with Postgres() as server:
        yield server.url()


def several(url: str, writers: int, batch: int, seconds: float, room: Callable[[int], str]) -> float:
    """Messages a second that so many writers, each as a broker of its own, store together."""
    counts: list[int] = []

    def write(writer: int) -> None:
        with contextlib.closing(PostgresHistory(url)) as history:
            counts.append(batch * len(appends(history, batch, seconds, room, f"w{writer}")))

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / seconds


def main() -> None:
    """Measure as the command line says, and print a table."""
    parser = argparse.ArgumentParser(description="Appends of each history, by how many come together.")
    parser.add_argument("--seconds", type=float, default=2.0, help="for each figure")
    parser.add_argument("--rooms", type=int, default=1, help="rooms that are written to")
    parser.add_argument("--writers", type=int, default=4, help="brokers that write to one database at once")
    parser.add_argument("--url", help="a database to be used, and emptied, instead of an own server")
    options = parser.parse_args()

    def room(number: int) -> str:
        return f"room{number % options.rooms}"

    with tempfile.TemporaryDirectory() as folder, database(options.url) as url:
        print(f"fsync of this disk: {fsync_seconds(Path(folder)) * 1e3:.2f} ms\n")
        print("| together | SQLite | p50, p99 | PostgreSQL | p50, p99 | of SQLite |")
        print("|---|---|---|---|---|---|")
        for batch in BATCHES:
            with contextlib.closing(SqliteHistory(Path(folder) / f"{batch}.sqlite")) as history:
                rate, *times = row(appends(history, batch, options.seconds, room, "w"), batch)
            cells = [f"{batch:,}", f"{rate:,.0f}", "{:.2f}, {:.2f} ms".format(*times)]
            if url is not None:
                with contextlib.closing(PostgresHistory(emptied(url))) as other:
                    there, *times = row(appends(other, batch, options.seconds, room, "w"), batch)
                cells += [f"{there:,.0f}", "{:.2f}, {:.2f} ms".format(*times), f"{there / rate:.2f}"]
            print(f"| {' | '.join(cells)} |")
        if url is None:
            print("\nPostgreSQL is not installed here.")
            return
        for batch in (1, 64):
            rate = several(emptied(url), options.writers, batch, options.seconds, room)
            print(f"\n{options.writers} writers at once, {batch} together each: {rate:,.0f} a second")


if __name__ == "__main__":
    main()
