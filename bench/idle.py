"""What clients cost who joined and do nothing: their coming, their memory, their signs of life, the list of them.

Owns how that is taken. The clients are played by processes of their own (`idlers`), with the timing of our client.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import math
import secrets
import select
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator

import zmq

from zchat.common import wire
from zchat.common.keys import KeyPair, Link
from zchat.common.limits import PACE_SESSIONS, PING_IDLE
from zchat.common.messages import Roster, Welcome, Who

from .machine import memory
from .servers import ROOT, ZCHAT_SERVER, Failed, running
from .wires import Context, hello, open_socket, receive
from .workloads import Figures, Meter

PROCESSES = 4
PATIENCE = 20.0
"""Seconds until all are in, and 1 more for each 50."""
TEAM = 100
"""How many are in one room: each hears of the others' coming."""
ASKED = 9
"""How often each question is put; the median is told."""


class Crowd:
    """Clients in processes of their own, on their way in."""

    def __init__(self, link: Link, clients: int, room: int) -> None:
        bounds = [clients * part // PROCESSES for part in range(PROCESSES + 1)]
        self._processes = [
            subprocess.Popen(
                [sys.executable, "-m", "bench.idlers", str(link), str(first), str(last), str(room)],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for first, last in itertools.pairwise(bounds)
        ]

    def wait(self, patience: float) -> None:
        """Until all are in; raises `Failed`."""
        deadline = time.monotonic() + patience
        for process in self._processes:
            assert process.stdout is not None
            ready, _, _ = select.select([process.stdout], [], [], max(0.0, deadline - time.monotonic()))
            if not ready or process.stdout.readline() != "in\n":
                raise Failed("not all idle clients came in")

    def leave(self) -> Counter[str]:
        """Send them away; what they have done. Raises `Failed`."""
        done: Counter[str] = Counter()
        for process in self._processes:
            told, _ = process.communicate()
            if process.returncode:
                raise Failed("some idle clients were turned away")
            done.update(json.loads(told))
        return done

    def close(self) -> None:
        """End what still runs."""
        for process in self._processes:
            process.kill()
            process.communicate()


def idle(clients: int, seconds: float, room: int = TEAM) -> Figures:
    """So many clients come in, so many into each room, and then give signs of life, for so long at least."""
    with running(ZCHAT_SERVER) as broker:
        assert broker.link is not None
        before, meter = memory(broker.pid), Meter(broker)
        with contextlib.closing(Crowd(broker.link, clients, room)) as crowd:
            crowd.wait(PATIENCE + clients / 50)
            joins, held = meter.figures(clients, "joins"), memory(broker.pid)
            meter = Meter(broker)
            time.sleep(_calm(clients, seconds))
            calm = meter.figures(1, "calms")
            kept = memory(broker.pid)
            with _asker(broker.link) as asker:
                everybody = _asked(asker, Who(ref=7), clients)
                team = _asked(asker, Who(room="room0", ref=7), room)
            done = crowd.leave()
    if done["lost"]:
        raise Failed(f"{done['lost']} of {clients} idle clients lost the broker")
    return {
        "clients_a_room": room,
        "join_cpu_per_thousand": joins["cpu_per_million_joins"] / 1_000,
        "joins_per_second": joins["joins_per_second"],
        "bytes_per_client": (held - before) / clients,
        "bytes_per_client_later": (kept - before) / clients,
        "idle_share": calm["server"],
        "idle_cpu_seconds": calm["cpu_per_million_calms"] / 1e6,
        "pings": done["pings"],
        "heard": done["heard"],
        "who_first_milliseconds": everybody[0] * 1_000,
        "who_milliseconds": everybody[1] * 1_000,
        "who_room_milliseconds": team[1] * 1_000,
    }


def _calm(clients: int, seconds: float) -> float:
    """At least so long, and as often as each of so many clients pings once: else it depends on when they came."""
    period = PING_IDLE * (1 + clients // PACE_SESSIONS)
    return period * math.ceil(seconds / period)


@contextlib.contextmanager
def _asker(link: Link) -> Iterator[zmq.Socket[bytes]]:
    """Somebody who is not present."""
    context: Context = zmq.Context()
    try:
        dealer = open_socket(context, zmq.DEALER, link, KeyPair.generate())
        dealer.send(hello(f"asker-{secrets.token_hex(3)}", present=False))
        receive(dealer, Welcome)
        yield dealer
    finally:
        context.destroy(linger=0)


def _asked(asker: zmq.Socket[bytes], who: Who, count: int) -> tuple[float, float]:
    """How many seconds until the first part of so long a list has come, and until all have; medians."""
    taken = []
    for _ in range(ASKED):
        started, came, told, more = time.perf_counter(), [], 0, True
        asker.send(wire.encode(who))
        while more:
            part = receive(asker, Roster)
            assert isinstance(part, Roster)
            came.append(time.perf_counter() - started)
            told, more = told + len(part.users), part.more
        if told != count:
            raise Failed(f"who told of {told} users instead of {count}")
        taken.append((came[0], came[-1]))
    return statistics.median(first for first, _ in taken), statistics.median(last for _, last in taken)
