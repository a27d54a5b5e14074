"""What is measured of zchat alone: growth, replay, start, the command line.

Owns how each figure is taken; those that are taken of others too are in `workloads`, and are returned as there. Clients
who do nothing are in `idle`.
"""

from __future__ import annotations

import contextlib
import resource
import secrets
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import zmq

from zchat.broker.history import Append
from zchat.broker.home import Home
from zchat.broker.sqlite import SqliteHistory
from zchat.common import wire
from zchat.common.keys import KeyPair
from zchat.common.messages import Matches, Message, Page, Replay, Search, Welcome

from . import workloads
from .dialects import ROOM, text
from .machine import memory
from .servers import ZCHAT, ZCHAT_SERVER, Failed, Running, environment, running
from .wires import Context, hello, open_socket, receive
from .workloads import Figures, Meter
from .zmq_crowds import ZmqCrowd

BATCH = 10_000
AUTHORS = 100
WORDS = 1_000
"""One in so many entries holds the word that is searched for."""


@contextlib.contextmanager
def with_history(entries: int) -> Iterator[Path]:
    """A folder of a broker with so many entries in the room, written to its file without a broker."""
    with tempfile.TemporaryDirectory(prefix="zchat-bench-") as name:
        folder = Path(name)
        with running(ZCHAT_SERVER, folder) as broker, workloads.crowd_at(broker, 1):
            pass  # the room is made
        with contextlib.closing(Home(next(folder.rglob("*.sqlite*")).parent)) as home:
            history = SqliteHistory(home.history)
            now = time.time_ns() // 1_000_000
            for first in range(0, entries, BATCH):
                numbers = range(first, min(entries, first + BATCH))
                history.commit(
                    [
                        Append(
                            ROOM,
                            f"{number % AUTHORS:032x}",
                            f"01900000-0000-7000-8000-{number:012x}",  # as a client makes them
                            f"n{number % AUTHORS}",
                            text(f"w{number % WORDS}"),
                            now + number,
                        )
                        for number in numbers
                    ]
                )
            history.close()
            SqliteHistory(home.history).close()  # which makes findable what is not yet
        yield folder


# --- growth ---------------------------------------------------------------------------------------------------
def history_growth(entries: int, seconds: float) -> Figures:
    """A room with so long a history: what starting, a message and replay cost, and the memory."""
    with with_history(entries) as folder:
        started = time.perf_counter()
        with running(ZCHAT_SERVER, folder) as broker:
            start = time.perf_counter() - started
            ingress = workloads.ingress(broker, 8, 1_000, seconds)
            held = memory(broker.pid)
            replay = _replay(broker, min(entries, 100_000))
            search = _asked(broker, Search(words="w7", room=ROOM, ref=7), Matches)
        size = sum(path.stat().st_size for path in folder.rglob("*.sqlite*"))
    return {
        "start_seconds": start,
        "cpu_per_million_messages": ingress["cpu_per_million_messages"],
        "megabytes": held / 1e6,
        "file_bytes_per_entry": size / entries,
        "search_milliseconds": search * 1_000,
        **replay,
    }


def _replay(broker: Running, entries: int) -> Figures:
    """Fetch the beginning of the room's history, page after page, one page ahead."""
    with contextlib.closing(ZmqCrowd(broker, readers=0)) as crowd:
        dealer = crowd.senders[0]
        meter = Meter(broker)
        count = 0
        dealer.send(wire.encode(Replay(room=ROOM, after=0, ref=3)))
        while count < entries:
            page = receive(dealer, Page)
            assert isinstance(page, Page)
            if page.more:
                dealer.send(wire.encode(Replay(room=ROOM, after=page.entries[-1].seq, ref=3)))
            count += len(page.entries)
            if not page.more:
                break
        figures = meter.figures(count, "entries")
        return {"replay_per_second": figures["entries_per_second"], "replay_cpu": figures["cpu_per_million_entries"]}


def _asked(broker: Running, question: Message, answer: type[Message]) -> float:
    """How many seconds until the answer to a question has come; the median of nine."""
    assert broker.link is not None
    context: Context = zmq.Context()
    taken = []
    try:
        dealer = open_socket(context, zmq.DEALER, broker.link, KeyPair.generate())
        dealer.send(hello(f"asker-{secrets.token_hex(3)}", present=False))
        receive(dealer, Welcome)
        for _ in range(9):
            started = time.perf_counter()
            dealer.send(wire.encode(question))
            receive(dealer, answer)
            taken.append(time.perf_counter() - started)
    finally:
        context.destroy(linger=0)
    return statistics.median(taken)


# --- the command line -----------------------------------------------------------------------------------------
def command_line(entries: int) -> Figures:
    """How fast `tail` prints, and what starting `join` costs."""
    with with_history(entries) as folder, running(ZCHAT_SERVER, folder) as broker:
        one, _ = _zchat(broker, "tail", "-r", ROOM, "-n", "1", "--no-follow")
        every, _ = _zchat(broker, "tail", "-r", ROOM, "--since", "all", "--no-follow")
        everything, _ = _zchat(broker, "tail", "-r", ROOM, "--since", "all", "--no-follow", "--json")
        joined, cpu = _zchat(broker, "join", "--plain", "-u", "joiner")
        return {
            "tail_per_second": entries / (every - one),
            "tail_json_per_second": entries / (everything - one),
            "join_cpu_seconds": cpu,
            "join_seconds": joined,
        }


def _zchat(broker: Running, *arguments: str) -> tuple[float, float]:
    """Run a command without input to its end; its wall-clock and CPU seconds."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(
        [ZCHAT, *arguments],
        env={**environment(broker.folder), "ZCHAT_BROKER": str(broker.link)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        check=False,
    )
    seconds, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise Failed(f"zchat {arguments[0]}: {done.stderr.decode()[-300:]}")
    return seconds, after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
