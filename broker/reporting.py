"""What the broker tells of itself when it is asked: its numbers, and how they went in the last minute.

Owns that minute, and how a latency is told from counted ones. Does not know what is counted when (`watching`). Pure;
used by the broker's thread alone.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ..common import messages as m
from ..common.clock import Now
from .metrics import Histogram, Metrics

MINUTE = 60.0
TOTALS = (
    "messages",
    "duplicates",
    "deliveries",
    "frames_received",
    "frames_sent",
    "frames_published",
    "bytes_received",
    "bytes_sent",
    "bytes_published",
    "replays",
    "replayed",
    "dropped",
    "commits_failed",
    "log_lost",
)
GAUGES = ("sessions", "users", "rooms", "connections", "listeners")
LATENCIES = ("ack_seconds", "commit_seconds", "turn_seconds")


@dataclass(frozen=True, slots=True)
class _Sample:
    """How far the numbers were at one moment."""

    at: float
    totals: tuple[int, ...]
    counts: tuple[tuple[int, ...], ...]


class Reporter:
    """The reports of one broker, which started at `started`, in monotonic seconds."""

    def __init__(self, metrics: Metrics, version: str, libzmq: str, started: float) -> None:
        self._metrics = metrics
        self._version, self._libzmq, self._started = version, libzmq, started
        self._samples: deque[_Sample] = deque([self._sample(started)])

    def tick(self, mono: float) -> None:
        """About once a second: note how far the numbers are."""
        self._samples.append(self._sample(mono))
        while len(self._samples) > 1 and self._samples[1].at <= mono - MINUTE:
            self._samples.popleft()

    def report(
        self, question: m.Inspect, now: Now, footprint: Mapping[str, int] | None, troubles: Iterable[m.Trouble]
    ) -> m.Report:
        """The answer; without the footprint, it is for somebody who may not see the numbers."""
        numbers = None if footprint is None else self._numbers(question.seconds, now.mono, footprint, troubles)
        return m.Report(
            version=self._version,
            libzmq=self._libzmq,
            uptime=now.mono - self._started,
            time=now.wall,
            numbers=numbers,
            ref=question.ref,
        )

    def _numbers(
        self, seconds: float, mono: float, footprint: Mapping[str, int], troubles: Iterable[m.Trouble]
    ) -> m.Numbers:
        metrics, here = self._metrics, self._sample(mono)
        # The newest that is old enough, so that at least so many seconds are covered where there are so many.
        before = next((each for each in reversed(self._samples) if each.at <= mono - seconds), self._samples[0])
        span = max(here.at - before.at, 0.001)
        latencies = {}
        for name, then, counts in zip(LATENCIES, before.counts, here.counts, strict=True):
            histogram: Histogram = getattr(metrics, name)
            lately = [count - old for count, old in zip(counts, then, strict=True)]
            if sum(lately):
                p50, p99 = (round(quantile(histogram.bounds, lately, part) * 1_000, 3) for part in (0.5, 0.99))
                latencies[name.removesuffix("_seconds")] = m.Latency(p50=p50, p99=p99, count=sum(lately))
        grown = (new - old for new, old in zip(here.totals, before.totals, strict=True))
        return m.Numbers(
            seconds=round(span, 3),
            gauges={**{name: getattr(metrics, name) for name in GAUGES}, **footprint},
            totals=dict(zip(TOTALS, here.totals, strict=True)),
            rates={name: round(more / span, 3) for name, more in zip(TOTALS, grown, strict=True)},
            latencies=latencies,
            refusals=dict(metrics.refusals),
            storing=metrics.storing,
            troubles=list(troubles),
        )

    def _sample(self, mono: float) -> _Sample:
        metrics = self._metrics
        totals = tuple(getattr(metrics, name) for name in TOTALS)
        return _Sample(mono, totals, tuple(tuple(getattr(metrics, name).counts) for name in LATENCIES))


def quantile(bounds: Sequence[float], counts: Sequence[int], part: float) -> float:
    """Below which value this part of what was counted lies, as evenly spread between two bounds.

    What is above the last bound counts as that one.
    """
    rest, below = part * sum(counts), 0.0
    for bound, count in zip(bounds, counts, strict=False):
        if count and rest <= count:
            return below + (bound - below) * rest / count
        rest -= count
        below = bound
    return below
