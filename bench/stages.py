"""Where the broker's time goes, message by message: each stage timed by itself, without sockets: `make bench-stages`.

Owns the stages and how they are cut. Eight senders in one room, all rights checked, the history in a file with
``synchronous=FULL``; sizes of the batches that reach the broker together as named, in one frame of each sender. What
libzmq takes is not in it: `bench.compare` measures the whole.
"""

from __future__ import annotations

import contextlib
import itertools
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from zchat.broker.actions import Action, Publish, Reply, Store, StoreRun
from zchat.broker.core import Core
from zchat.broker.inbox import Frame, groups
from zchat.broker.policy import Policy
from zchat.broker.sqlite import SqliteHistory
from zchat.broker.storage import fulfil
from zchat.common import clock, wire
from zchat.common.limits import PACK_BYTES
from zchat.common.messages import Hello, Join

from .dialects import ROOM
from .zmq_crowds import Bodies

SENDERS = 8
STAGES = ("decode", "core before", "commit", "core after", "encode")
MESSAGES = 20_000
BATCHES = (1, 16, 64, 256, 1_024)


def stages(folder: Path, batch: int) -> dict[str, float]:
    """Microseconds a message of each stage, the medians over all batches of this size."""
    now = clock.read()
    with contextlib.closing(SqliteHistory(folder / f"{batch}.sqlite3")) as history:
        most = 10_000_000
        policy = Policy(burst=most, rate=most)
        core = Core(history, name="bench", pub=1, word=lambda: "word", now=now, policy=policy)

        def carry_out(actions: list[Action]) -> None:
            while actions:
                actions = core.complete(fulfil(history, actions), now)

        def together(*bodies: bytes) -> Iterator[Frame]:
            for user in range(SENDERS):
                for frame in wire.pack(bodies[user::SENDERS], PACK_BYTES):
                    yield Frame(f"id{user}".encode(), f"{user:032x}", "127.0.0.1", frame)

        for words in (
            [wire.encode(Hello(nick=f"n{user}", instance="i", ref=1)) for user in range(SENDERS)],
            [wire.encode(Join(room=ROOM, ref=1))] * SENDERS,
        ):
            for group in groups(core, together(*words), now):
                carry_out(group.actions)
        bodies = [Bodies(user) for user in range(SENDERS)]
        taken: dict[str, list[float]] = {stage: [] for stage in STAGES}
        for _ in range(max(20, min(MESSAGES // batch, 400))):
            said = [next(bodies[number % SENDERS]) for number in range(batch)]
            frames = list(together(*said))
            times = [time.perf_counter()]
            for frame in frames:
                wire.decode_commands(frame.body or b"")
            times.append(time.perf_counter())
            ((actions, _),) = groups(core, frames, now)
            times.append(time.perf_counter())
            assert sum(map(_messages, actions)) == batch
            done = fulfil(history, actions)
            times.append(time.perf_counter())
            sent = core.complete(done, now)
            times.append(time.perf_counter())
            for action in sent:
                if isinstance(action, Reply | Publish):
                    wire.encode(action.event)
            times.append(time.perf_counter())
            spans = [after - before for before, after in itertools.pairwise(times)]
            spans[1] -= spans[0]  # `groups` decodes, too
            for stage, span in zip(STAGES, spans, strict=True):
                taken[stage].append(span / batch * 1e6)
    return {stage: statistics.median(each) for stage, each in taken.items()}


def _messages(action: Action) -> int:
    return len(action.run.says) if isinstance(action, StoreRun) else int(isinstance(action, Store))


def main() -> None:
    """Print the table."""
    print("µs a message" + "".join(f"{stage:>14}" for stage in STAGES) + f"{'all':>14}")
    with tempfile.TemporaryDirectory(prefix="zchat-bench-") as folder:
        for batch in BATCHES:
            found = stages(Path(folder), batch)
            figures = (*found.values(), sum(found.values()))
            print(f"{f'{batch:,} together':<12}" + "".join(f"{figure:>14.1f}" for figure in figures))


if __name__ == "__main__":
    main()
