"""A script that fails, cut down to the events that matter (delta debugging), within a bounded time."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from .checker import Fault, check
from .script import Event, Script
from .town import stage
from .world import World

Check = Callable[[World], list[Fault]]


def faults_of(script: Script, judge: Check = check) -> list[Fault]:
    """Play a script; what is wrong then. Whatever it raises is a fault too."""
    try:
        return judge(stage(script).play())
    except Exception as error:
        return [Fault(f"nothing raises {type(error).__name__}", _where(error))]


def shrink(script: Script, promise: str, *, seconds: float = 30.0, judge: Check = check) -> Script:
    """The script without as many events as can go, so that the same promise is still broken."""
    end = time.monotonic() + seconds

    def fails(events: Sequence[Event]) -> bool:
        found = faults_of(replace(script, events=tuple(events)), judge)
        return any(fault.promise == promise for fault in found)

    events = list(script.events)
    chunk = max(1, len(events) // 2)
    while time.monotonic() < end:
        start, before = 0, len(events)
        while start < len(events) and time.monotonic() < end:
            fewer = events[:start] + events[start + chunk :]
            if fails(fewer):
                events = fewer
            else:
                start += chunk
        if chunk == 1 and len(events) == before:
            break
        chunk = max(1, chunk // 2)
    return replace(script, events=tuple(events))


def transcript(script: Script, judge: Check = check) -> str:
    """What is left of a script, and what is wrong with it."""
    roles = ", ".join(f"{role.slot} ({role.program} {' '.join(role.rooms)})" for role in script.roles)
    how = f"{script.brokers} brokers, {'orderly' if script.orderly else 'wild'}"
    kind = f"{how}, pause {script.pause}, queue {script.queue}, {script.policy}"
    lines = [f"seed {script.seed}: {roles}", kind, *map(str, script.events)]
    return "\n".join([*lines, *(f"  {fault}" for fault in faults_of(script, judge))])


def _where(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f"{trace.tb_frame.f_code.co_filename.rpartition('/')[2]}:{trace.tb_lineno}" if trace is not None else "?"
    return f"{error!r} at {place}"
