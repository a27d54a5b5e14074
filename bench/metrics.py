"""What serving metrics costs at full load: `make bench-metrics`, two to three minutes.

Two brokers, one with `--metrics` and scraped once a second, and one without. In each round both get the same load in
turn, now the one first and now the other: eight senders with as many messages on the way as the broker takes. A round
gives the ratio of the CPU seconds for each message, so what else the machine does touches both; the median of all
rounds is told, with the quarters around it. How many messages share a commit differs from round to round, and with it
their cost; so what a scrape takes by itself, of a broker that does nothing else, is told, too. What the broker counts
of everything anyway (for `zchat status`) is in both.

    python -m bench.metrics [--rounds 21] [--seconds 3]
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import threading
import urllib.request
from collections.abc import Iterator
from dataclasses import replace

from . import compare, workloads
from .machine import cpu_seconds
from .servers import ZCHAT_SERVER, Running, free_port, running

SCRAPE = 1.0
"""Seconds between two scrapes; Prometheus takes fifteen or more."""
SCRAPES = 200
"""So many tell what one takes."""
LIMIT = 0.03
"""What metrics may add."""


def _fetch(port: int) -> int:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        return len(answer.read())


@contextlib.contextmanager
def scraped(port: int) -> Iterator[list[int]]:
    """Somebody fetches the numbers each second; how many bytes each time."""
    ended, sizes = threading.Event(), list[int]()

    def fetch() -> None:
        while not ended.wait(SCRAPE):
            sizes.append(_fetch(port))

    thread = threading.Thread(target=fetch)
    thread.start()
    try:
        yield sizes
    finally:
        ended.set()
        thread.join()


def _load(at: Running, seconds: float) -> tuple[float, float, float]:
    """CPU seconds for a million messages, messages a second, and the share of a core that the broker had."""
    figures = workloads.ingress(at, 8, compare.WINDOW, seconds)
    return figures["cpu_per_million_messages"], figures["messages_per_second"], figures["server"]


def measure(rounds: int, seconds: float) -> tuple[list[float], float]:
    """Print each round; its ratio, and the CPU seconds of one scrape."""
    port = free_port()
    serving = replace(
        ZCHAT_SERVER,
        name="zchat --metrics",
        command=lambda *given: [*ZCHAT_SERVER.command(*given), "--metrics", str(port)],
    )
    ratios = []
    with running(ZCHAT_SERVER) as bare, running(serving) as watched:
        for at in (bare, watched):
            _load(at, seconds / 4)
        print(f"{'round':<8}{'without':>12}{'with':>12}{'ratio':>9}{'messages/s':>13}{'core':>7}", flush=True)
        with scraped(port) as sizes:
            for number in range(rounds):
                order = (bare, watched) if number % 2 else (watched, bare)
                taken = {at.server.name: _load(at, seconds) for at in order}
                (without, _, _), (with_, rate, core) = taken[bare.server.name], taken[serving.name]
                ratios.append(with_ / without)
                row = f"{number + 1:<8}{without:>12.1f}{with_:>12.1f}{ratios[-1]:>9.3f}{rate:>13,.0f}{core:>7.2f}"
                print(row, flush=True)
        began = cpu_seconds(watched.pid)
        for _ in range(SCRAPES):
            _fetch(port)
        scrape = (cpu_seconds(watched.pid) - began) / SCRAPES
        print(f"{len(sizes)} scrapes of {statistics.median(sizes):,.0f} bytes")
    return ratios, scrape


def main() -> None:
    """Measure as the command line says."""
    parser = argparse.ArgumentParser(description="What serving metrics costs at full load.")
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--seconds", type=float, default=3.0, help="of load at each broker in each round (3)")
    options = parser.parse_args()
    ratios, scrape = measure(options.rounds, options.seconds)
    low, middle, high = statistics.quantiles(ratios, n=4)
    verdict = "under" if middle < 1 + LIMIT else "OVER"
    print(
        f"metrics add {middle - 1:+.1%} CPU a message (half of the rounds {low - 1:+.1%} to {high - 1:+.1%}): ", end=""
    )
    print(f"{verdict} {LIMIT:.0%}")
    print(f"a scrape by itself takes {scrape * 1_000:.1f} ms: each second, {scrape / SCRAPE:.2%} of a core")


if __name__ == "__main__":
    main()
