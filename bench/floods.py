"""What one flooding client does to two quiet people, in about a minute: `make bench-quick` has it.

For each kind of flood a fresh broker process with its history on disk; a sender who says 200 short messages a second in
a room of its own, and a reader in that room, both with keys of their own, on bare sockets, in this process. First they
talk undisturbed, then while one other client, in a process of its own, floods the broker with one kind of command (see
`bench.flood`).

Measured is the time from when a message was due to be sent until the reader has it from PUB, so what delays the
sender counts too. A message that has not come some seconds after the flood has ended is `unseen`, and counts with all
the time it was waited for. `ratio` is the p99 of a flood against that of the undisturbed phases before and after it, so
that a machine that is busy otherwise makes little difference. `refused` is how often the broker said no to the
flooder, `cuts` how often it hung up on it or did not let it in; RSS is the broker's memory before and after the flood.
The last line is how long a key takes to be seen at a terminal while 500 messages a second come (see `bench.keys`).
The line about `--each-line` is how long `zchat send --each-line` takes for 10,000 lines, from its start to its end.

Not measured: many floods at once, floods from many keys or addresses, networks other than loopback, and what the
flooder's own process costs: with two cores it takes up to one of them. What is shown is one run on one machine, and
differs by some ten percent from the next.

    python -m bench.floods [--seconds 4] [--calm 1.5] [--only KIND ...] [--json FILE]
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import zmq

from zchat.common import wire
from zchat.common.keys import KeyPair, Link
from zchat.common.messages import Entries, Ping, Refused, Say

from . import keys
from .flood import KINDS
from .machine import memory
from .servers import ZCHAT, ZCHAT_SERVER, Running, environment, running
from .wires import PATIENCE, Context, enter, open_socket

ROOM, LONG_ROOM = "quiet", "long"
RATE = 200
"""Messages a second of the quiet sender."""
LINES = 10_000
TYPING = 12.0
"""Seconds of typing while others talk."""
RECOVERY = 3.0
"""Seconds that messages on their way may still take when a phase is over."""
PING_EVERY = 3.0
"""Seconds between the quiet clients' signs of life."""


# --- the broker -----------------------------------------------------------------------------------------------
BROKER = replace(ZCHAT_SERVER, command=lambda program, _folder, _port: [program, "broker", "--port", "0"])
"""With its usual limits: it is these that hold a flood."""


def megabytes(broker: Running) -> float:
    """Its memory; not a number where the system does not tell."""
    try:
        return memory(broker.pid) / 1e6
    except OSError:
        return float("nan")


def lines_a_second(broker: Running) -> float:
    """How many lines a second `zchat send --each-line` brings to the broker's disk."""
    lines = "".join(f"line {number}: {'x' * 80}\n" for number in range(LINES))
    started = time.monotonic()
    subprocess.run(
        [ZCHAT, "send", "-r", LONG_ROOM, "--each-line", "-u", "piper"],
        env=environment(broker.folder),
        input=lines.encode(),
        check=True,
    )
    return LINES / (time.monotonic() - started)


# --- the quiet pair -------------------------------------------------------------------------------------------
class Pair:
    """A sender and a reader; one loop serves both."""

    def __init__(self, context: Context, link: Link) -> None:
        key = KeyPair.generate()
        self._reader = enter(context, link, "reader", ROOM, key)
        self._sender = enter(context, link, "sender", ROOM)
        self._sub = open_socket(context, zmq.SUB, link, key)
        self._sub.subscribe(wire.topic(ROOM))
        self._poller = zmq.Poller()
        for socket in (self._sub, self._sender, self._reader):
            self._poller.register(socket, zmq.POLLIN)
        self._number = 0
        self._due: dict[str, float] = {}
        """Id → when a message should have been sent, as long as the reader has not seen it."""
        self._latencies: list[float] = []
        self._ping_at = 0.0
        self.refused = 0
        self._await_sub()

    def close(self) -> None:
        """Leave without a word."""
        for socket in (self._sub, self._sender, self._reader):
            socket.close()

    def _await_sub(self) -> None:
        """Until the subscription is there."""
        deadline = time.monotonic() + PATIENCE
        while not self._latencies:
            if time.monotonic() > deadline:
                raise SystemExit("bench: the reader hears nothing")
            self._say(time.monotonic())
            self._turn(0.05)
        self._due.clear()

    def _say(self, due: float) -> None:
        self._number += 1
        id_ = f"quiet-{self._number}"
        self._due[id_] = due
        self._sender.send(wire.encode(Say(id=id_, room=ROOM, text=f"message {self._number}")))

    def _turn(self, seconds: float) -> None:
        """Wait for what comes, so long, and take it."""
        ready = dict(self._poller.poll(max(0, int(seconds * 1_000))))
        now = time.monotonic()
        if self._sub in ready:
            with contextlib.suppress(zmq.Again):
                while True:
                    for event in wire.decode_events(self._sub.recv_multipart(zmq.NOBLOCK)[-1]):
                        for entry in event.entries if isinstance(event, Entries) else ():
                            if entry.id in self._due:
                                self._latencies.append(now - self._due.pop(entry.id))
        for dealer in (self._sender, self._reader):
            with contextlib.suppress(zmq.Again):
                while dealer in ready:
                    events = wire.decode_events(dealer.recv(zmq.NOBLOCK))
                    self.refused += sum(isinstance(event, Refused) for event in events)
        if now >= self._ping_at:
            self._ping_at = now + PING_EVERY
            for dealer in (self._sender, self._reader):
                dealer.send(wire.encode(Ping()))

    def talk(self, seconds: float) -> tuple[list[float], int]:
        """Say messages for so long; how long each took to be seen, and how many never were."""
        self._latencies.clear()
        started = time.monotonic()
        for number in range(int(seconds * RATE)):
            due = started + number / RATE
            while (left := due - time.monotonic()) > 0:
                self._turn(left)
            self._say(due)
        end = time.monotonic() + RECOVERY
        while self._due and time.monotonic() < end:
            self._turn(0.05)
        now, unseen = time.monotonic(), len(self._due)
        latencies = [*self._latencies, *(now - due for due in self._due.values())]
        self._due.clear()
        return latencies, unseen


# --- phases ---------------------------------------------------------------------------------------------------
@dataclass
class Phase:
    """What was measured during one flood, or without one."""

    kind: str
    latencies: list[float] = field(repr=False)
    unseen: int
    seconds: float
    before: float = 0.0
    after: float = 0.0
    commands: int = 0
    answers: int = 0
    refused: int = 0
    cuts: int = 0

    @property
    def p50(self) -> float:
        """Milliseconds within which half of the messages were seen."""
        return statistics.median(self.latencies) * 1_000

    @property
    def p99(self) -> float:
        """Milliseconds within which 99 of 100 were."""
        return statistics.quantiles(self.latencies, n=100, method="inclusive")[98] * 1_000

    def figures(self) -> dict[str, object]:
        """What `--json` tells of it."""
        told = {name: value for name, value in asdict(self).items() if name != "latencies"}
        return {**told, "p50": self.p50, "p99": self.p99}


def calm(pair: Pair, seconds: float) -> Phase:
    """A phase without a flood."""
    latencies, unseen = pair.talk(seconds)
    return Phase("unloaded", latencies, unseen, seconds)


def flooded(pair: Pair, broker: Running, kind: str, seconds: float) -> Phase:
    """A phase with one."""
    assert broker.link is not None
    before = megabytes(broker)
    arguments = [sys.executable, "-m", "bench.flood", kind, str(broker.link), LONG_ROOM, str(seconds)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, cwd=Path(__file__).parent.parent) as flooder:
        try:
            assert flooder.stdout is not None
            flooder.stdout.readline()
            latencies, unseen = pair.talk(seconds)
            counts = json.loads(flooder.stdout.readline() or "{}")
        finally:
            flooder.kill()
    return Phase(kind, latencies, unseen, seconds, before, megabytes(broker), **counts)


def row(phase: Phase, ratio: float) -> str:
    """A phase as a line of the table."""
    latency = f"{phase.kind:<14}{phase.p50:>9.1f}{phase.p99:>10.1f}{ratio:>8.1f}{phase.unseen:>8}"
    if not phase.commands:
        return latency
    return (
        f"{latency}{phase.commands / phase.seconds:>12,.0f}{phase.answers:>10,}{phase.refused:>10,}{phase.cuts:>7,}"
        f"{phase.before:>6.0f} -> {phase.after:.0f}"
    )


def measure(kinds: Sequence[str], seconds: float, pause: float) -> dict[str, object]:
    """Run all phases and print the table; what `--json` writes."""
    calms, floods, refused, rates = [], [], 0, list[float]()
    for kind in [*kinds, None]:
        with running(BROKER) as broker, zmq.Context() as context:
            assert broker.link is not None
            if kind == "replays" or not kind:
                rates.append(lines_a_second(broker))
            with contextlib.closing(Pair(context, broker.link)) as pair:
                calms.append(calm(pair, pause))
                if kind:
                    floods.append(flooded(pair, broker, kind, seconds))
                refused += pair.refused
    print(
        f"{'':<14}{'p50 ms':>9}{'p99 ms':>10}{'ratio':>8}{'unseen':>8}{'commands/s':>12}{'answered':>10}"
        f"{'refused':>10}{'cuts':>7}{'RSS MB':>13}"
    )
    unloaded = together(calms)
    print(row(unloaded, 1.0))
    ratios = [flood.p99 / together(around).p99 for flood, around in zip(floods, itertools.pairwise(calms), strict=True)]
    for flood, ratio in zip(floods, ratios, strict=True):
        print(row(flood, ratio))
    print(f"zchat send --each-line: {LINES:,} lines, {max(rates):,.0f} a second")
    with running(BROKER) as broker:
        assert broker.link is not None
        typing = keys.measure(broker.link, environment(broker.folder), TYPING)
    print(typing)
    if refused:
        print(f"The quiet pair itself was refused {refused} times.")
    return {
        "machine": {"cores": os.cpu_count(), "python": platform.python_version(), "zmq": zmq.zmq_version()},
        "seconds": seconds,
        "unloaded": unloaded.figures(),
        "floods": [{**flood.figures(), "ratio": ratio} for flood, ratio in zip(floods, ratios, strict=True)],
        "each_line_per_second": max(rates),
        "typing": asdict(typing),
        "quiet_pair_refused": refused,
    }


def together(phases: Sequence[Phase]) -> Phase:
    """Undisturbed phases as one."""
    latencies = [latency for phase in phases for latency in phase.latencies]
    return Phase("unloaded", latencies, sum(p.unseen for p in phases), sum(p.seconds for p in phases))


def main() -> None:
    """Measure as the command line says."""
    parser = argparse.ArgumentParser(description="What one flooding client does to two quiet people.")
    parser.add_argument("--seconds", type=float, default=4.0, help="of each flood (4)")
    parser.add_argument("--calm", type=float, default=1.5, help="seconds between two floods (1.5)")
    parser.add_argument("--only", choices=KINDS, nargs="+", default=KINDS, help="some kinds of flood")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    options = parser.parse_args()
    figures = measure(options.only, options.seconds, options.calm)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
