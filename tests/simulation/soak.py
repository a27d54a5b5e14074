"""Seed after seed, on all processors, until so many steps are done: `make soak` (SOAK_STEPS, SOAK_SEED).

Prints how fast it went and what really went wrong on purpose. A seed that breaks a promise is cut down and shown, and
the exit code is 1.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import sys
import time
from collections import Counter
from typing import NamedTuple

from .checker import check
from .script import Script, compose
from .shrink import shrink, transcript
from .town import compose_town, stage

LENGTHS = (60, 120, 300)
"""Events of a script, in turn."""
AT_ONCE = 10
"""Seeds that a process plays before it tells."""
FEWEST = 200
"""A seed has more steps than that."""
SHOWN = 3
"""Failing seeds that are cut down."""


class Report(NamedTuple):
    """What some seeds did."""

    steps: int
    seconds: float
    happened: Counter[str]
    failed: list[tuple[int, str]]
    """Seed and promise."""


def script_of(seed: int) -> Script:
    """A seed's script: every second one has several brokers."""
    length = LENGTHS[seed // 2 % len(LENGTHS)]
    return compose_town(seed, length) if seed % 2 else compose(seed, length)


def play(first: int) -> Report:
    """Play some seeds."""
    logging.getLogger("zchat").setLevel(logging.CRITICAL)
    began, steps, happened = time.process_time(), 0, Counter[str]()
    failed: list[tuple[int, str]] = []
    for seed in range(first, first + AT_ONCE):
        try:
            world = stage(script_of(seed)).play()
        except Exception as error:
            failed.append((seed, f"nothing raises {type(error).__name__}"))
            continue
        steps += world.steps
        happened.update(world.happened)
        failed += sorted({(seed, fault.promise) for fault in check(world)})
    return Report(steps, time.process_time() - began, happened, failed)


def main() -> int:
    """Play until it is enough."""
    wanted = int(os.environ.get("SOAK_STEPS", "2000000"))
    first = int(os.environ.get("SOAK_SEED", "0"))
    processes = os.cpu_count() or 1
    began = time.monotonic()
    steps, seeds, busy, happened = 0, 0, 0.0, Counter[str]()
    failed: list[tuple[int, str]] = []
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        firsts = range(first, first + AT_ONCE * (wanted // (AT_ONCE * FEWEST) + 1), AT_ONCE)
        for report in pool.imap_unordered(play, firsts):
            steps, seeds, busy = steps + report.steps, seeds + AT_ONCE, busy + report.seconds
            happened += report.happened
            failed += report.failed
            if steps >= wanted:
                break
        pool.terminate()
    minutes = (time.monotonic() - began) / 60
    print(f"{steps:,} steps of {seeds:,} seeds from {first} on in {minutes * 60:.0f} s on {processes} processors:")
    print(f"{steps / minutes:,.0f} steps a minute, {steps / busy * 60:,.0f} on each processor")
    print(", ".join(f"{count:,} {what}" for what, count in sorted(happened.items())))
    for promise, count in Counter(promise for _, promise in failed).items():
        print(f"BROKEN in {count} seeds: {promise}")
    logging.getLogger("zchat").setLevel(logging.CRITICAL)
    for seed, promise in list({promise: (seed, promise) for seed, promise in reversed(failed)}.values())[:SHOWN]:
        script = shrink(script_of(seed), promise, seconds=30)
        print(f"\n{transcript(script)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
