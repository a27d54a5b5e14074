"""For every day, under three minutes: `make bench-quick`.

First the main figures in short: fan-out, ingress and latency of zchat, beside the bare libzmq relay and those peers
that goals name and that are installed; then a history of 10^4 and 10^5 entries. Then what one flooding client does to
two quiet people (`floods`). Nothing is written but what `--json` names. One round of half a second each on a machine
that may be busy: ratios within a run tell something, a few percent do not.

    python -m bench.quick [--json FILE] [--no-floods] [--no-figures]
"""

from __future__ import annotations

import argparse
import json
from functools import partial
from pathlib import Path

from . import compare, floods, own, report, servers, workloads
from .compare import Workload
from .flood import KINDS
from .results import Results

SECONDS = 0.5
BESIDE = (servers.ZCHAT_SERVER, servers.RELAY_CURVE, servers.INSPIRCD, servers.REDIS)
ZEROMQ = BESIDE[:2]


def short() -> list[Workload]:
    """What is measured, of whom."""
    return [
        Workload("fan-out N=100 64 in flight", BESIDE, lambda at: workloads.fan_out(at, 100, 64, SECONDS)),
        Workload("fan-out N=100 one at a time", ZEROMQ, lambda at: workloads.fan_out(at, 100, 1, SECONDS)),
        Workload("ingress", BESIDE, lambda at: workloads.ingress(at, 8, compare.WINDOW, 2 * SECONDS)),
        Workload("latency", ZEROMQ, lambda at: workloads.latency(at, 10, 2 * SECONDS)),
        Workload("private latency", ZEROMQ, lambda at: workloads.private_latency(at, 2 * SECONDS)),
        *(
            Workload(f"history {size}", [], run_alone=partial(own.history_growth, size, SECONDS))
            for size in (10_000, 100_000)
        ),
    ]


def figures() -> Results:
    """Measure, and print the tables."""
    results = compare.begin()
    compare.measure(short(), 1, results)
    print("\n".join(report.text(results, told=lambda goal: goal.value is not None)))
    return results


def main() -> None:
    """Measure as the command line says."""
    parser = argparse.ArgumentParser(description="The main figures, and what floods do, in under three minutes.")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    parser.add_argument("--no-floods", action="store_true", help="only the figures")
    parser.add_argument("--no-figures", action="store_true", help="only the floods")
    options = parser.parse_args()
    told: dict[str, object] = {}
    if not options.no_figures:
        told["figures"] = json.loads(figures().json())
        print()
    if not options.no_floods:
        told["floods"] = floods.measure(KINDS, seconds=4.0, pause=1.5)
    if options.json:
        options.json.write_text(json.dumps(told, indent=1) + "\n")


if __name__ == "__main__":
    main()
