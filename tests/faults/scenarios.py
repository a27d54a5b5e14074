"""The faults: each makes a chat of real processes, does its worst to it, and returns what became of it.

Each comes in two sizes: `Size.SHORT` for every day, `Size.FULL` for `make faults`.
"""

from __future__ import annotations

import enum
import itertools
import json
import os
import random
import re
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from .. import releases
from ..processes import run
from .checker import Line, Record, Report
from .ground import Cable, Clock, LimitedFiles, SmallDisk, Unable, file_limit
from .stage import PATIENCE, ROOM, Actor, Chat
from .wires import FRONT, Wires

T = TypeVar("T")
SEED = 20_261_121
GONE, HELD = "The broker is gone", "takes no messages for the moment"
"""What a person is told, and a pipe."""
STOPPED = 6.0
"""Seconds that a broker stands still: clients must notice within 4, and go on by themselves."""


class Size(enum.Enum):
    """How much of it."""

    SHORT = "short"
    FULL = "full"

    def of(self, short: T, full: T) -> T:
        """The one or the other."""
        return full if self is Size.FULL else short


SIZE = Size(os.environ.get("FAULTS", "short"))
"""The one that this run has."""


def killed(home: Path, size: Size) -> Report:
    """The broker is killed with -9 while everybody talks, and started again."""
    cycles, source = size.of(3, 50), random.Random(SEED)
    with Chat(home) as chat:
        chat.people(size.of(2, 8), size.of(1, 7), 1)
        chat.talk()
        for _ in range(cycles):
            chat.says_more(source.randrange(1, 60))
            chat.kill_broker()
            chat.recovers(chat.start_broker())
        notices = chat.new_notices
        report = chat.report("kill -9 of the broker", cycles, f"{notices} comings or goings told")
    assert not notices, "who comes back after a crash is announced"
    return report


def broker_stopped(home: Path, size: Size) -> Report:
    """The broker stands still and goes on: people are told while it stands."""
    cycles = size.of(1, 5)
    noticed = 0.0
    with Chat(home) as chat:
        chat.people(size.of(2, 4), size.of(1, 3), size.of(1, 2))
        chat.talk()
        for _ in range(cycles):
            told = chat.told(GONE, chat.persons)
            stopped = time.monotonic()
            chat.broker.send_signal(signal.SIGSTOP)
            try:
                chat.until_told(GONE, chat.persons, told)
                noticed = max(noticed, time.monotonic() - stopped)
                chat.hold(max(0.0, stopped + STOPPED - time.monotonic()))
            finally:
                chat.broker.send_signal(signal.SIGCONT)
            chat.recovers(time.monotonic())
        notices = chat.new_notices
        besides = f"people are told after {noticed:.1f} s; {notices} comings or goings told"
        report = chat.report(f"broker stopped for {STOPPED:g} s", cycles, besides)
    assert not notices, "who was cut off for a moment is said to have left"
    return report


def client_stopped(home: Path, size: Size) -> Report:
    """A reader and a writer stand still; the others do not notice."""
    cycles, seconds = size.of(1, 3), size.of(8.0, 20.0)
    gap = 0.0
    with Chat(home) as chat:
        chat.people(size.of(2, 4), size.of(2, 4), 1)
        chat.talk()
        still = [chat.writers[0], chat.readers[0]]
        others = [actor for actor in chat.everybody if actor not in still]
        for _ in range(cycles):
            begun = time.monotonic()
            for actor in still:
                actor.send_signal(signal.SIGSTOP)
            try:
                chat.hold(seconds)
            finally:
                for actor in still:
                    actor.send_signal(signal.SIGCONT)
            continued = time.monotonic()
            gap = max(gap, chat.worst_gap(begun, continued, others))
            chat.recovers(continued)
        besides = f"the others waited {gap:.2f} s at most, with a message every 0.05 s"
        return chat.report(f"a writer and a reader stopped for {seconds:g} s", cycles, besides)


# --- the network ----------------------------------------------------------------------------------------------
ROUTER, PUB = 0, 1


def wires(home: Path, size: Size) -> Report:
    """What is between the clients and both ports delays, cuts, falls silent and refuses, also for one port alone."""
    if not Wires.possible():
        raise Unable(f"this machine has no address {FRONT}")
    rounds, source = size.of(1, 2), random.Random(SEED)
    times = 0
    with Chat(home) as chat, Wires(chat.link, SEED) as between:
        chat.people(size.of(2, 4), size.of(1, 3), 1, between.link)
        chat.people(1, 1, 0, prefix="near")
        far = [actor for actor in chat.everybody if not actor.name.startswith("near")]
        near = [actor for actor in chat.everybody if actor not in far]
        chat.talk()
        for _ in range(rounds):
            for which in ((ROUTER, PUB), (ROUTER,), (PUB,)):
                for fault in _network_faults(chat, between, far, which, size, source):
                    fault()
                    between.heal()
                    healed = time.monotonic()
                    chat.recovers(healed)
                    times += 1
        assert not any(actor.ended for actor in near)
        return chat.report("wires slow, cut, silent, refused; both or one", times)


def _network_faults(
    chat: Chat, between: Wires, far: list[Actor], which: tuple[int, ...], size: Size, source: random.Random
) -> list[Callable[[], None]]:
    hears = which == (PUB,)  # then what is said comes by ROUTER, with the answer to a ping

    def goes_on() -> None:
        """Long enough to be noticed; who can still hear, does."""
        chat.hold(size.of(4.0, source.uniform(3.0, 9.0)))
        if hears:
            chat.recovers(time.monotonic(), [actor for actor in far if actor in chat.readers])

    def slow() -> None:
        between.slow(0.3, *which)
        chat.hold(size.of(1.0, 5.0))

    def cut() -> None:
        between.cut(*which)

    def cut_in_a_frame() -> None:
        for _ in range(size.of(2, 5)):
            between.cut_after(source.randrange(100, 5_000), *which)
            chat.says_more(source.randrange(20, 80))

    def silent() -> None:
        between.silence(*which)
        goes_on()

    def refused() -> None:
        between.refuse(*which)
        goes_on()

    if size is Size.SHORT:
        return [cut_in_a_frame, silent] if which == (ROUTER, PUB) else [refused if hears else cut]
    return [slow, cut, cut_in_a_frame, silent, refused]


def cable(home: Path, size: Size) -> Report:
    """The cable to the broker is pulled and put in again: packets are lost, nobody is told."""
    spans = size.of((5.0,), (2.0, 6.0, 6.0, 12.0, 30.0))
    noticed = 0.0
    wire = Cable()
    options = ("--bind", "0.0.0.0", "--advertise", wire.host)
    with Chat(home, options=options, under=wire.under) as chat:
        wire.plug(chat.broker.pid)
        chat.people(size.of(2, 4), size.of(1, 3), 1)
        chat.talk()
        for seconds in spans:
            told = chat.told(GONE, chat.persons)
            pulled = time.monotonic()
            wire.pull()
            if seconds > 4.0:
                chat.until_told(GONE, chat.persons, told)
                noticed = max(noticed, time.monotonic() - pulled)
            chat.hold(max(0.0, pulled + seconds - time.monotonic()))
            wire.join()
            chat.recovers(time.monotonic())
        lengths = " to ".join(f"{seconds:g}" for seconds in dict.fromkeys((min(spans), max(spans))))
        return chat.report(f"cable pulled for {lengths} s", len(spans), f"people are told after {noticed:.1f} s")


# --- the disk -------------------------------------------------------------------------------------------------
def disk_full(home: Path, size: Size) -> Report:
    """The disk is full, and later it is not."""
    disk = SmallDisk(home / "disk", megabytes=8)
    with Chat(home, data=disk.folder, under=disk.under) as chat:
        return _unwritable(chat, disk, size, "disk full", "reading goes on meanwhile")


def disk_refuses(home: Path, size: Size) -> Report:
    """No file can be written, and later they can; every other time the broker is killed in between."""
    besides = "the same; every other time with kill -9"
    with Chat(home) as chat:
        return _unwritable(chat, LimitedFiles(), size, "files cannot be written", besides, kill=True)


def _unwritable(
    chat: Chat, disk: SmallDisk | LimitedFiles, size: Size, fault: str, besides: str, *, kill: bool = False
) -> Report:
    """Messages are refused for now, reading goes on; once there is room, everything goes on."""
    cycles, source = size.of(2 if kill else 1, 10), random.Random(SEED)
    chat.people(size.of(2, 4), size.of(1, 3), 1)
    chat.talk()
    chat.history()  # who has never been here cannot come in while the disk is full: their nick cannot be stored
    for cycle in range(cycles):
        chat.says_more(source.randrange(20, 200))
        told = chat.told(HELD, chat.writers)
        with disk.filled(chat.broker.pid):
            chat.until_told(HELD, chat.writers, told)
            stored = [len(writer.times) for writer in chat.writers]
            history = chat.history()
            assert [len(writer.times) for writer in chat.writers] == stored, "something was acked"
            assert {line.id for line in history} >= {line.id for w in chat.writers for line in w.messages}
            assert run(chat.home, "ping", "--broker", chat.link, nick="checker", timeout=PATIENCE).returncode == 0
            if kill and cycle % 2:
                chat.broker.send_signal(signal.SIGKILL)
        if kill and cycle % 2:
            chat.broker.wait()
            chat.start_broker()
        chat.recovers(time.monotonic())
    return chat.report(fault, cycles, besides)


# --- the clock ------------------------------------------------------------------------------------------------
def clock_jumps(home: Path, size: Size) -> Report:
    """The wall clock of the broker, and that of a writer, jump by an hour in both directions."""
    jumps = list(itertools.product((1, 0, -1, 0), (True, False))) * size.of(1, 4)
    clocks = {True: Clock(home / "broker.time"), False: Clock(home / "writer.time")}
    with Chat(home, variables=clocks[True].variables) as chat:
        chat.writer("traveller", **clocks[False].variables)
        chat.people(size.of(1, 3), size.of(1, 3), 1)
        chat.talk()
        for hours, at_the_broker in jumps:
            clocks[at_the_broker].set(hours)
            chat.recovers(time.monotonic())
            chat.hold(size.of(0.5, 2.5))  # the broker looks around every second
        notices = chat.new_notices
        times = [json.loads(line)["time"][:13] for line in chat.writers[0].lines]
        assert len(set(times)) >= 3, "the clock did not jump"
        gone = sum(chat.told(GONE, chat.persons))
        besides = f"{notices} comings or goings told, {gone} connections lost"
        report = chat.report("wall clock jumps by an hour", len(jumps), besides)
    assert not notices
    assert not gone
    return report


# --- the crowd ------------------------------------------------------------------------------------------------
def crowd(home: Path, size: Size) -> Report:
    """Everybody comes back at once after the broker was killed."""
    processes, each, cycles = size.of((2, 30, 1), (4, 250, 3))
    with Chat(home) as chat:
        chat.people(1, 1, 0)
        chat.talk()
        file_limit(4 * processes * each)
        crowds = [chat.crowd(f"crowd{number}", each, each // 25, 0.0) for number in range(processes)]
        hear = _all_return(chat, crowds, cycles, chat.kill_broker)
        return chat.report(f"{processes * each:,} clients come back at once", cycles, crowd=hear)


def upgraded(home: Path, size: Size) -> Report:
    """While everybody talks the broker is stopped, and another version started on its folder and its ports."""
    processes, each, cycles = size.of((2, 20, 1), (4, 25, 10))
    versions = {number: _installed(home / number, number) for number in ("9000.2", "9000.1")[: size.of(1, 2)]}
    with Chat(home) as chat:
        chat.people(size.of(2, 6), 1, 1)
        chat.talk()
        crowds = [chat.crowd(f"crowd{number}", each, each, 2.0) for number in range(processes)]
        turns = itertools.cycle(versions)

        def upgrade() -> None:
            chat.says_more(size.of(20, 100))
            chat.stop_broker()
            chat.program = versions[next(turns)]

        hear = _all_return(chat, crowds, cycles, upgrade)
        assert chat.broker.count("zchat 9000."), chat.broker.errors
        notices = chat.new_notices
        besides = f"{notices} comings or goings told"
        report = chat.report(f"upgraded under {processes * each} clients that talk", cycles, besides, crowd=hear)
    assert not notices, "an upgrade is told as comings and goings"
    return report


def _installed(folder: Path, version: str) -> tuple[object, ...]:
    """These sources as another version, in a place of its own; what starts it."""
    source = releases.copy_sources(folder / "source")
    project = source / "pyproject.toml"
    project.write_text(re.sub(r'^version = "[^"]*"', f'version = "{version}"', project.read_text(), flags=re.M))
    wheel = releases.build(source, folder / "dist", "wheel")["wheel"]
    variables = releases.install_beside(wheel, folder / "installed")
    settings = (f"{name}={value}" for name, value in variables.items())
    return ("env", *settings, sys.executable, folder / "installed" / "bin" / "zchat")


def _all_return(
    chat: Chat, crowds: list[Actor], cycles: int, end_broker: Callable[[], object]
) -> Callable[[Record], None]:
    """The crowd comes, and comes back each time that the broker was ended and started; how it tells what it saw."""

    def all_in(times: int) -> bool:
        assert not any(one.ended for one in crowds), [one.errors[-3:] for one in crowds]
        return all(one.count('{"in": ') >= times for one in crowds)

    chat.wait_until(lambda: all_in(1), "the crowd")
    worst = 0.0
    for cycle in range(cycles):
        end_broker()
        ready = chat.start_broker()
        chat.wait_until(lambda: all_in(cycle + 2), "the crowd")  # noqa: B023
        chat.recovers(ready)
        last = [next(line for line in reversed(one.lines) if '{"in": ' in line) for one in crowds]
        worst = max(worst, *(json.loads(line)["at"] - ready for line in last))
    chat.recoveries.append(worst)

    def hear(told: Record) -> None:
        """Until all of the crowd has shown the last message, and what they have to say."""
        for one in crowds:
            one.type("quiet")
        chat.wait_until(lambda: all(one.count('{"quiet": ') for one in crowds), "the crowd's acks")
        for one in crowds:
            one.end_input()
            assert one.wait() == 0, one.errors[-3:]
            for line in one.lines:
                if line.startswith('{"name"'):
                    _hear(json.loads(line), told)

    return hear


def _hear(member: dict[str, Any], told: Record) -> None:
    name = str(member["name"])
    assert not member["waiting"], f"{name} has no ack"
    shown = [Line(text, seq, id_, ROOM) for seq, id_, text in member["shown"]]
    told.sent[name] = member["said"]
    told.shown[name] = shown
    texts = {line.id: line.text for line in shown}
    told.acked += [Line(texts.get(id_, "?"), seq, id_, ROOM) for id_, seq in member["acked"]]


FAULTS: dict[str, Callable[[Path, Size], Report]] = {
    fault.__name__: fault
    for fault in (
        killed,
        broker_stopped,
        client_stopped,
        wires,
        cable,
        disk_full,
        disk_refuses,
        clock_jumps,
        crowd,
        upgraded,
    )
}
