"""The faults that several brokers over one database meet, after those of one broker.

Each has a PostgreSQL server of its own. Where there is none, that is said.
"""

from __future__ import annotations

import itertools
import json
import signal
import time
from collections.abc import Callable
from pathlib import Path

from . import scenarios
from .checker import Report
from .ground import Clock
from .scenarios import GONE, HELD, SEED, Size
from .stage import Actor
from .town import Town, database
from .wires import DatabaseWire

LEASE_OVER = 18.0
"""Seconds after which a broker that shows no sign of life is gone, and its people are if they are nowhere else."""
SILENT = 6.0
"""Seconds: longer than clients bear that a broker says nothing, shorter than a broker bears it of the database."""
RARELY = {"FAKETIME_NO_CACHE": "0", "FAKETIME_CACHE_DURATION": "1"}
"""A broker looks up once a second what time it shall be; at each look at its clock, that is most of what it does."""


def one_of_two_killed(home: Path, size: Size) -> Report:
    """One broker of two is killed with -9; its people go to the other one, and later it is started again."""
    cycles = size.of(2, 10)
    with database() as server, Town(home, [server.url()] * 2) as town:
        town.people_at_both(size.of(1, 4), 1, 1)
        town.talk()
        for cycle, broker in zip(range(cycles), itertools.cycle(town.brokers), strict=False):
            town.says_more(20)
            broker.kill_broker()
            town.recovers(time.monotonic())
            town.hold(size.of(0.0, LEASE_OVER if cycle < 2 else 1.0))
            broker.start_broker()
        notices = town.new_notices
        report = town.report("kill -9 of one broker of two", cycles, f"{notices} comings or goings told")
    assert not notices, "who goes to another broker is announced"
    return report


def one_of_two_stopped(home: Path, size: Size) -> Report:
    """One broker of two stands still for longer than its lease, and goes on as if nothing were."""
    cycles = size.of(1, 3)
    with database() as server, Town(home, [server.url()] * 2) as town:
        town.people_at_both(size.of(1, 3), 1, 1)
        town.talk()
        for _, broker in zip(range(cycles), itertools.cycle(town.brokers), strict=False):
            stopped = time.monotonic()
            broker.broker.send_signal(signal.SIGSTOP)
            try:
                town.hold(6.0)
                town.recovers(time.monotonic())
                town.hold(max(0.0, stopped + LEASE_OVER - time.monotonic()))
            finally:
                broker.broker.send_signal(signal.SIGCONT)
            town.recovers(time.monotonic())
        notices = town.new_notices
        besides = f"all go on at the other meanwhile; {notices} comings or goings told"
        report = town.report(f"one broker of two stopped for {LEASE_OVER:g} s", cycles, besides)
    assert not notices, "who goes to another broker is announced"
    return report


def database_stopped(home: Path, size: Size) -> Report:
    """The database ends as if the power had failed, and starts later; every other time it restarts in order."""
    cycles = size.of(1, 8)
    with database() as server, Town(home, [server.url()] * 2) as town:
        town.people_at_both(size.of(1, 3), 1, 1)
        town.talk()
        for cycle in range(cycles):
            town.says_more(20)
            if cycle % 2:
                server.stop()
            else:
                _nothing_is_stored(town, town.writers, lambda: server.stop(signal.SIGQUIT))
            server.start()
            town.recovers(time.monotonic())
        notices = town.new_notices
        gone = sum(town.told(GONE, town.persons))
        besides = f"{notices} comings or goings told, {gone} connections lost"
        report = town.report("database stopped at once, or restarted", cycles, besides)
    assert not notices, "\n".join(town.notices())
    return report


def database_silent(home: Path, size: Size) -> Report:
    """All of the database stands still, and goes on: nobody leaves a broker, and who waits for long is told."""
    cycles = size.of([False], [False, True] * 3)
    with database() as server, Town(home, [server.url()] * 2) as town:
        town.people_at_both(size.of(1, 3), 1, 1)
        town.talk()
        for long in cycles:
            town.says_more(20)
            told = town.told(HELD, town.writers)
            with server.silent():
                town.hold(SILENT)
                if long:
                    town.until_told(HELD, town.writers, told)
            town.recovers(time.monotonic())
        notices, gone = town.new_notices, sum(town.told(GONE, town.persons))
        besides = f"{notices} comings or goings told, {gone} connections lost"
        report = town.report(f"database silent for {SILENT:g} s, or until people are told", len(cycles), besides)
    assert (notices, gone) == (0, 0), "somebody has left"
    return report


def database_fails_over(home: Path, size: Size) -> Report:
    """The primary dies as if the power had failed, and its standby takes over; then it comes back as the standby."""
    cycles = size.of(1, 3)
    with database() as primary, database() as standby:
        primary_now, standby_now = primary, standby
        with Town(home, [primary.url(or_at=standby)] * 2) as town:
            town.people_at_both(size.of(1, 3), 1, 1)
            town.talk()
            for _ in range(cycles):
                standby_now.stop()
                standby_now.follow(primary_now)
                town.recovers(time.monotonic())
                town.says_more(20)
                _nothing_is_stored(town, town.writers, lambda: primary_now.stop(signal.SIGQUIT))  # noqa: B023
                standby_now.take_over()
                town.recovers(time.monotonic())
                primary_now, standby_now = standby_now, primary_now
            notices = town.new_notices
            besides = f"it has a synchronous standby; {notices} comings or goings told"
            return town.report("database fails over", cycles, besides)


def cut_from_database(home: Path, size: Size) -> Report:
    """One broker of two cannot reach the database: there nothing is stored, and people are told so."""
    with database() as server, DatabaseWire(server.folder / ".s.PGSQL.5432", SEED) as wire:
        urls = [server.url(), f"postgresql://zchat@{wire.place}/postgres"]
        faults = size.of([wire.refuse], [wire.cut, wire.refuse] * 3 + [wire.silence])
        with Town(home, urls) as town:
            town.people_at_both(size.of(1, 3), 1, 1)
            town.talk()
            at_the_other = [writer for writer in town.writers if writer in town.there]
            for fault in faults:
                town.says_more(20)
                if fault == wire.cut:
                    fault()
                else:
                    _nothing_is_stored(town, at_the_other, fault)
                    town.recovers(time.monotonic(), town.here)
                wire.heal()
                town.recovers(time.monotonic())
            notices, gone = town.new_notices, sum(town.told(GONE, town.persons))
            besides = f"those of the other go on meanwhile; {notices} comings or goings told, {gone} connections lost"
            report = town.report("one broker of two cut from the database", len(faults), besides)
    assert (notices, gone) == (0, 0)
    return report


def _nothing_is_stored(town: Town, writers: list[Actor], fault: Callable[[], object]) -> None:
    """From then on these are told that nothing is, and get no acks."""
    told = town.told(HELD, writers)
    fault()
    town.until_told(HELD, writers, told)
    stored = [len(writer.times) for writer in writers]
    town.hold(1.0)
    assert [len(writer.times) for writer in writers] == stored, "something was acked"


def clocks_apart(home: Path, size: Size) -> Report:
    """The wall clocks of two brokers are an hour apart, each is killed and goes on, and they change places."""
    clocks = [Clock(home / f"{number}.time") for number in range(2)]
    turns = list(itertools.product(((0, 1), (1, 0), (-1, 0))[: size.of(1, 3)], (0, 1)))
    with (
        database() as server,
        Town(home, [server.url()] * 2, [{**clock.variables, **RARELY} for clock in clocks]) as town,
    ):
        town.people_at_both(size.of(1, 3), 1, 1)
        town.talk()
        for hours, which in turns:
            for clock, offset in zip(clocks, hours, strict=True):
                clock.set(offset)
            town.hold(size.of(1.5, LEASE_OVER / 2))
            town.recovers(time.monotonic())
            town.brokers[which].kill_broker()
            town.recovers(time.monotonic())
            town.brokers[which].start_broker()
        notices = town.new_notices
        times = {json.loads(line)["time"][:13] for line in town.writers[0].lines}
        assert len(times) >= 2, "the clocks were not apart"
        report = town.report("two brokers' clocks an hour apart", len(turns), f"{notices} comings or goings told")
    assert not notices
    return report


LONG = frozenset(("one_of_two_stopped", "database_fails_over", "clocks_apart"))
"""What takes too long for every day."""
FAULTS: dict[str, Callable[[Path, Size], Report]] = scenarios.FAULTS | {
    fault.__name__: fault
    for fault in (
        one_of_two_killed,
        one_of_two_stopped,
        database_stopped,
        database_silent,
        database_fails_over,
        cut_from_database,
        clocks_apart,
    )
}
