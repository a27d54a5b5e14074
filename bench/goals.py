"""What zchat is to reach, and whether it does.

Owns the goals and the figures they are judged by. Does not know how these were taken. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .results import Results

US = "zchat"
CPU = "cpu_per_million_deliveries"
RATE = "messages_per_second"


@dataclass(frozen=True)
class Goal:
    """One of them; `value` is None when it was not measured."""

    what: str
    value: float | None
    bound: float
    at_least: bool = False

    @property
    def verdict(self) -> str:
        """Whether it is met."""
        if self.value is None:
            return "not measured"
        met = self.value >= self.bound if self.at_least else self.value <= self.bound
        return "met" if met else "not met"


def goals(results: Results) -> Iterator[Goal]:
    """All of them, in the order of the tables."""
    median, ratio = results.median, results.ratio
    for readers in (100, 500):
        for peer, most in (("InspIRCd", 1.0), ("Redis", 1.0), ("InspIRCd, TLS", 0.5), ("NATS, TLS", 0.5)):
            what = f"fan-out, N={readers}, 64 in flight: CPU against {peer}"
            yield Goal(what, ratio(f"fan-out N={readers} 64 in flight", US, peer, CPU), most)
    peer = "libzmq relay, CURVE"
    yield Goal(f"fan-out one at a time: CPU against {peer}", ratio("fan-out N=100 one at a time", US, peer, CPU), 1.3)
    yield Goal("ingress, 8 senders: messages a second", median("ingress", US, RATE), 100_000, at_least=True)
    for peer in ("NATS JetStream, fsync", "PostgreSQL, 64 connections"):
        yield Goal(f"ingress against {peer}", ratio("ingress", US, peer, RATE), 10, at_least=True)
    p50, relay = median("latency", US, "p50"), median("latency", peer := "libzmq relay, CURVE", "p50")
    fsync = results.machine.get("fsync_us")
    if relay is not None and isinstance(fsync, int):
        yield Goal(f"latency: p50 in µs, at most fsync + 1.5 x {peer}", p50, fsync + 1.5 * relay)
    for workload in ("latency", "private latency"):
        p50, p99 = median(workload, US, "p50"), median(workload, US, "p99")
        yield Goal(f"{workload}: p99 by p50", p99 / p50 if p50 and p99 else None, 3)
    yield from _many(results)
    yield from _growth(results)
    yield Goal("tail: entries a second", median("command line", US, "tail_per_second"), 100_000, at_least=True)
    yield Goal("join: CPU seconds from start to end", median("command line", US, "join_cpu_seconds"), 0.4)


def _sizes(results: Results, prefix: str) -> list[tuple[int, str]]:
    names = {name for round_ in results.rounds for name in round_ if name.startswith(prefix)}
    return sorted((int(name.removeprefix(prefix).split()[0]), name) for name in names)


def _many(results: Results) -> Iterator[Goal]:
    for clients, workload in _sizes(results, "idle N=")[-1:]:
        of = f" ({clients:,} clients)"
        yield Goal(f"idle: kB a client{of}", _scaled(results, workload, "bytes_per_client", 1e-3), 70)
        yield Goal(f"idle: share of a core{of}", results.median(workload, US, "idle_share"), 0.05)
        yield Goal(f"idle: CPU seconds of 1,000 joins{of}", results.median(workload, US, "join_cpu_per_thousand"), 3)
        yield Goal(
            f"who: milliseconds until its first part{of}", results.median(workload, US, "who_first_milliseconds"), 50
        )
        yield Goal(f"who: milliseconds until all{of}", results.median(workload, US, "who_milliseconds"), 50)


def _growth(results: Results) -> Iterator[Goal]:
    readers = _sizes(results, "growth N=")
    if len(readers) > 1:
        costs = [results.median(name, US, CPU) or 0.0 for _, name in readers]
        what = f"growth, N={readers[0][0]} to {readers[-1][0]:,}: dearest delivery by the cheapest"
        yield Goal(what, max(costs) / min(costs), 1.2)
    histories = _sizes(results, "history ")
    if not histories:
        return
    costs = [results.median(name, US, "cpu_per_million_messages") or 0.0 for _, name in histories]
    sizes = f"{histories[0][0]:,} to {histories[-1][0]:,} entries"
    yield Goal(f"growth, {sizes}: dearest message by the cheapest", max(costs) / min(costs), 1.2)
    longest = histories[-1][1]
    rate = results.median(longest, US, "replay_per_second")
    yield Goal("replay: entries a second", rate, 200_000, at_least=True)
    of = f" with {histories[-1][0]:,} entries"
    yield Goal(f"start{of}: seconds", results.median(longest, US, "start_seconds"), 1)
    yield Goal(f"search{of}: milliseconds", results.median(longest, US, "search_milliseconds"), 50)


def _scaled(results: Results, workload: str, figure: str, by: float) -> float | None:
    value = results.median(workload, US, figure)
    return value * by if value is not None else None
