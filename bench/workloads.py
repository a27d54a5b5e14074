"""What is measured of every server alike: fan-out, ingress, latency.

Owns how each figure is taken. Does not know protocols (`crowds`, `zmq_crowds`) nor how servers are started (`servers`).
Each returns figures by name: CPU of the server in seconds per million deliveries or messages, rates per second, times
in microseconds; `load` is what the load generator itself took, of one core.
"""

from __future__ import annotations

import contextlib
import itertools
import re
import resource
import statistics
import subprocess
import time
from collections.abc import Iterator, Sequence
from typing import Protocol

from . import crowds, zmq_crowds
from .dialects import TEXT_BYTES
from .machine import cpu_seconds
from .servers import Failed, Running, find

Figures = dict[str, float]
Crowd = crowds.RawCrowd | zmq_crowds.ZmqCrowd
STALLED = 10.0
"""Seconds without a delivery after which something was lost."""
RATE = 200
"""Messages a second of the latency workload."""


@contextlib.contextmanager
def crowd_at(running: Running, readers: int, senders: int = 1) -> Iterator[Crowd]:
    """Readers and senders at a server."""
    kind = zmq_crowds.ZmqCrowd if running.server.is_ours else crowds.RawCrowd
    with contextlib.closing(kind(running, readers, senders)) as crowd:
        yield crowd


class Meter:
    """CPU of a server and of this process, from its making on."""

    def __init__(self, running: Running) -> None:
        self._pid = running.pid
        self._cpu, self._own, self._started = cpu_seconds(self._pid), _own_cpu(), time.perf_counter()

    @property
    def seconds(self) -> float:
        """Wall-clock seconds so far."""
        return time.perf_counter() - self._started

    def figures(self, count: int, what: str) -> Figures:
        """What `count` of something cost the server."""
        seconds, cpu = self.seconds, cpu_seconds(self._pid) - self._cpu
        return {
            f"cpu_per_million_{what}": cpu / count * 1e6,
            f"{what}_per_second": count / seconds,
            "server": cpu / seconds,
            "load": (_own_cpu() - self._own) / seconds,
        }


def _own_cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def fan_out(running: Running, readers: int, in_flight: int, seconds: float) -> Figures:
    """One sender, N readers of one room; so many messages are on the way until all readers have them."""
    with crowd_at(running, readers) as crowd:
        deliver(crowd, readers, in_flight, seconds / 4)
        before = crowd.frames
        meter = Meter(running)
        received = deliver(crowd, readers, in_flight, seconds)
        figures = meter.figures(received, "deliveries")
        packed = {"per_frame": received / (crowd.frames - before)} if crowd.frames > before else {}
        return {**figures, **packed}


class Talking(Protocol):
    """Who says something, and who hears it."""

    def send(self, count: int) -> None:
        """Say so many messages."""

    def receive(self, timeout: float) -> crowds.Delivered:
        """Wait so long for what comes, and take it."""


def deliver(crowd: Talking, readers: int, in_flight: int, seconds: float) -> int:
    """Keep so many messages on the way for so long; how many deliveries that were."""
    sent = received = 0
    end = heard = time.perf_counter()
    end += seconds
    while (now := time.perf_counter()) < end or received < sent * readers:
        more = in_flight - (sent - received // readers)
        if now < end and more >= (in_flight + 1) // 2:
            crowd.send(more)
            sent += more
        count = sum(count for _, count in crowd.receive(0.2))
        received += count
        if count:
            heard = now
        elif now - heard > STALLED:
            raise Failed(f"{sent * readers - received} of {sent * readers} deliveries never came")
    return received


def ingress(running: Running, senders: int, window: int, seconds: float) -> Figures:
    """Senders who keep a window of messages on the way, and one reader; where there are acks, they count."""
    if running.server.dialect == "pgbench":
        return _pgbench(running, seconds)
    acked = running.server.dialect in ("zchat", "jetstream", "redis_stream", "mqtt_acked")
    with crowd_at(running, int(running.server.dialect not in ("jetstream", "redis_stream")), senders) as crowd:
        before = sum(crowd.acked)
        sent = received = done = 0
        meter = Meter(running)
        heard = time.perf_counter()
        sent_by, start = [0] * senders, list(crowd.acked)
        while meter.seconds < seconds or done < sent:
            if meter.seconds < seconds:
                for sender in range(senders):
                    under_way = sent_by[sender] - (
                        crowd.acked[sender] - start[sender] if acked else received // senders
                    )
                    if under_way <= window // 2:
                        crowd.send(window - under_way, sender)
                        sent_by[sender] += window - under_way
                sent = sum(sent_by)
            received += sum(count for _, count in crowd.receive(0.05))
            last, done = done, sum(crowd.acked) - before if acked else received
            now = time.perf_counter()
            if done > last:
                heard = now
            elif now - heard > STALLED:
                raise Failed(f"{sent - done} of {sent} messages were never answered")
        return meter.figures(done, "messages")


def _pgbench(running: Running, seconds: float) -> Figures:
    """PostgreSQL's own load generator, in C: one row a transaction, once for each (author, id)."""
    script = running.folder / "script.sql"
    script.write_text(
        "\\set author random(1, 8)\n\\set id random(1, 1000000000)\nINSERT INTO entry (author, id, text) VALUES"
        f" (:author, :id, '{'x' * TEXT_BYTES}') ON CONFLICT DO NOTHING;\n"
    )
    where = ["-h", "127.0.0.1", "-p", str(running.port), "-U", "bench"]
    table = "CREATE TABLE entry (seq bigserial PRIMARY KEY, author int, id bigint, text text, UNIQUE (author, id))"
    subprocess.run([str(find("psql")), *where, "-q", "-c", table, "postgres"], check=True, capture_output=True)
    meter = Meter(running)
    bench = [str(find("pgbench")), *where, "-n", "-c", "64", "-j", "2", "-T", str(max(1, round(seconds)))]
    done = subprocess.run([*bench, "-f", str(script), "postgres"], check=True, capture_output=True, text=True)
    found = re.search(r"actually processed: (\d+)", done.stdout)
    rate = re.search(r"tps = ([\d.]+)", done.stdout)
    if found is None or rate is None:
        raise Failed(done.stdout[-300:])
    # The backends end with their connections: their CPU is then counted as that of the server's ended children.
    return {**meter.figures(int(found[1]), "messages"), "messages_per_second": float(rate[1])}


def latency(running: Running, readers: int, seconds: float) -> Figures:
    """200 messages a second, evenly; the time until each of them is at each reader."""
    with crowd_at(running, readers) as crowd:
        meter = Meter(running)
        taken = list(itertools.chain(*delays(crowd, readers, seconds)))
        return {**spread(taken), "server": meter.figures(1, "runs")["server"]}


def delays(crowd: Talking, readers: int, seconds: float) -> list[list[float]]:
    """How long each message was on its way, of each reader, in seconds."""
    sent_at: list[float] = []
    taken: list[list[float]] = [[] for _ in range(readers)]
    started = time.perf_counter()
    total = int(RATE * seconds)
    while missing := total * readers - sum(map(len, taken)):
        due = started + len(sent_at) / RATE
        now = time.perf_counter()
        if len(sent_at) < total and now >= due:
            sent_at.append(now)
            crowd.send(1)
        wait = max(0.0, started + len(sent_at) / RATE - now) if len(sent_at) < total else 0.5
        for reader, count in crowd.receive(min(wait, 0.5)):
            now = time.perf_counter()
            taken[reader] += [now - at for at in sent_at[len(taken[reader]) :][:count]]
        if now - started > seconds + STALLED:
            raise Failed(f"{missing} of {total * readers} deliveries never came")
    return taken


def private_latency(running: Running, seconds: float) -> Figures:
    """A private message and the private answer to it."""
    where = zmq_crowds if running.server.is_ours else crowds
    return spread(where.round_trips(running, seconds, RATE / 2))


def spread(taken: Sequence[float]) -> Figures:
    """The median and the 99th percentile, in microseconds."""
    return {
        "p50": statistics.median(taken) * 1e6,
        "p99": statistics.quantiles(taken, n=100, method="inclusive")[98] * 1e6,
    }
