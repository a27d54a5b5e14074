"""All measurements, of all servers that are installed, several rounds interleaved: `make bench`.

Each measurement has a server process of its own, on loopback, with a fresh folder, and ends it. In one round each
workload runs on each server in turn, so that ratios are of runs that stood close together in time. What is not
installed is left out, and said. The figures go to the terminal and, as text, JSON and plots, into `docs/performance`;
a run of everything fills the tables of docs/performance.md and of the README, too.

    python -m bench.compare [--rounds 3] [--seconds 2] [--only WORD ...] [--long] [--out FOLDER]

`--only` takes those workloads whose name contains one of the words. `--long` adds a history of 10^7 entries (7 GB of
disk, three minutes) and 9,000 idle clients (3 GB of memory, three minutes, 20,000 descriptors for a process). All
is bounded in count and time.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import zmq

from zchat.common.errors import ZchatError

from . import idle, machine, own, page, pairs, report, servers, workloads
from .results import Results
from .servers import ROOT, ZCHAT_SERVER, Failed, Running, Server, running
from .workloads import Figures

OUT = ROOT / "docs" / "performance"
WINDOW = 1_000
"""Messages that each sender of the ingress has on the way."""
PRIVATE = ("zchat", "relay", "relay_curve", "irc", "nats")
"""Dialects in which somebody can be addressed alone."""


@dataclass(frozen=True)
class Workload:
    """One measurement; those of zchat alone start what they need by themselves."""

    name: str
    servers: Sequence[Server]
    run: Callable[[Running], Figures] | None = None
    run_alone: Callable[[], Figures] | None = None
    once: bool = False
    """One round is enough: it takes long, and is not compared."""


def _fan_out(readers: int, in_flight: int, seconds: float) -> Callable[[Running], Figures]:
    return lambda at: workloads.fan_out(at, readers, in_flight, seconds)


def compared(seconds: float) -> list[Workload]:
    """What is measured of all."""
    everybody = list(dict.fromkeys((*servers.FANOUT, *servers.DURABLE)))
    private = [server for server in servers.FANOUT if server.dialect in PRIVATE]
    return [
        Workload("fan-out N=100 64 in flight", servers.FANOUT, _fan_out(100, 64, seconds)),
        Workload("fan-out N=500 64 in flight", servers.FANOUT, _fan_out(500, 64, seconds)),
        Workload("fan-out N=100 one at a time", servers.FANOUT, _fan_out(100, 1, seconds)),
        Workload("ingress", everybody, lambda at: workloads.ingress(at, 8, WINDOW, seconds)),
        Workload("latency", servers.FANOUT, lambda at: workloads.latency(at, 10, seconds)),
        Workload("private latency", private, lambda at: workloads.private_latency(at, seconds)),
    ]


def alone(seconds: float, *, long: bool) -> list[Workload]:
    """What is measured of zchat alone."""
    sizes = (10**3, 10**5, 10**6, *((10**7,) if long else ()))
    return [
        *(
            Workload(f"growth N={readers}", [ZCHAT_SERVER], _fan_out(readers, 64, seconds))
            for readers in (10, 100, 500, 2_000)
        ),
        *(
            Workload(f"history {size}", [], run_alone=partial(own.history_growth, size, seconds), once=True)
            for size in sizes
        ),
        Workload("command line", [], run_alone=partial(own.command_line, 100_000), once=True),
        *(
            Workload(f"idle N={clients}", [], run_alone=partial(idle.idle, clients, 15 * seconds), once=True)
            for clients in (1_000, *((9_000,) if long else ()))
        ),
        Workload("idle in one room N=1000", [], run_alone=partial(idle.idle, 1_000, 15 * seconds, 1_000), once=True),
        Workload("pairs N=1000", [], run_alone=partial(pairs.pairs, 1_000), once=True),
    ]


def measure(chosen: Iterable[Workload], rounds: int, results: Results) -> None:
    """Run them, round by round, and say how it goes."""
    for number in range(rounds):
        for workload in chosen:
            if workload.run_alone is not None:
                if number == 0 or not workload.once:
                    _one(results, number, workload.name, ZCHAT_SERVER.name, workload.run_alone)
                continue
            for server in workload.servers:
                if server.path is not None:
                    _one(results, number, workload.name, server.name, partial(_on, server, workload))


def _on(server: Server, workload: Workload) -> Figures:
    assert workload.run is not None
    with running(server) as at:
        return workload.run(at)


def _one(results: Results, number: int, workload: str, server: str, run: Callable[[], Figures]) -> None:
    started = time.monotonic()
    told = "done"
    try:
        results.add(number, workload, server, run())
    except (Failed, OSError, ZchatError, zmq.ZMQError, SystemExit, subprocess.CalledProcessError) as error:
        told = f"FAILED: {error}"
        results.failures.append(f"{workload}, {server}: {error}")
    print(f"round {number + 1}: {workload}, {server}: {told} ({time.monotonic() - started:.1f} s)", file=sys.stderr)


def begin() -> Results:
    """What stands above all tables; and as many connections as the system lets us have."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    for line in servers.missing():
        print(f"bench: {line}", file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="zchat-bench-") as folder:
        return Results(machine.describe(Path(folder)), servers.versions())


def main() -> None:
    """Measure as the command line says."""
    parser = argparse.ArgumentParser(description="zchat beside what people would use instead.")
    parser.add_argument("--rounds", type=int, default=3, help="of all that is compared (3)")
    parser.add_argument("--seconds", type=float, default=2.0, help="of each measurement (2)")
    parser.add_argument("--only", nargs="+", default=[""], metavar="WORD", help="workloads with this in their name")
    parser.add_argument("--long", action="store_true", help="10^7 entries and 9,000 idle clients too")
    parser.add_argument("--out", type=Path, default=OUT, help="the folder for the figures")
    options = parser.parse_args()
    every = [*compared(options.seconds), *alone(options.seconds, long=options.long)]
    results = begin()
    measure([w for w in every if any(word in w.name for word in options.only)], options.rounds, results)
    print(report.write(results, options.out), end="")
    if options.out == OUT and options.only == [""]:
        page.fill(results)


if __name__ == "__main__":
    main()
