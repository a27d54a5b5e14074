"""What a broker tells of itself, as lines for people and as an object for programs.

Owns how a report looks. Does not know who asked for it (`top`, `health_cli`). Every remote string passes
`common.text.clean`. Pure; any thread.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from ..common.clock import utc
from ..common.json_line import json_line
from ..common.messages import Latency, Numbers, Report, Trouble
from ..common.text import clean, width
from .render import duration, local_minute

TRAFFIC = (
    ("messages", "messages in"),
    ("deliveries", "messages out"),
    ("frames_received", "frames in"),
    ("frames_sent", "frames to one"),
    ("frames_published", "frames to all"),
    ("replayed", "replayed"),
    ("dropped", "dropped"),
)
"""Totals with a rate, and what people call them."""
LATENCIES = (("ack", "acks"), ("commit", "commits"), ("turn", "loop busy"))
OPERATORS_ONLY = "Its numbers are for operators: zchat status on the broker's own account, or with --key."


def report_json(report: Report, broker: str, place: str) -> str:
    """One report as an object; without numbers they are null."""
    numbers = report.numbers
    told = None
    if numbers is not None:
        told = msgspec.to_builtins(numbers)
        told = {name: told.get(name, getattr(numbers, name)) for name in Numbers.__struct_fields__}
        told["troubles"] = [
            {"time": utc(trouble.time), "event": trouble.event, "text": trouble.text} for trouble in numbers.troubles
        ]
    value = {
        "v": 1,
        "broker": broker,
        "place": place,
        "version": report.version,
        "libzmq": report.libzmq,
        "uptime": round(report.uptime, 3),
        "time": utc(report.time),
        "numbers": told,
    }
    return json_line(value)


def report_lines(report: Report, broker: str, place: str) -> list[str]:
    """All of one report, for `zchat status`."""
    version, libzmq = clean(report.version), clean(report.libzmq)
    lines = [f"{clean(broker)} at {place}: zchat {version} with libzmq {libzmq}, up {duration(report.uptime)}"]
    numbers = report.numbers
    if numbers is None:
        return lines
    refusals = refusal_line(numbers)
    return [
        *lines,
        *state_lines(numbers),
        "",
        *traffic_lines(numbers),
        "",
        *latency_lines(numbers),
        *(["", refusals] if refusals else []),
        *(["", "Last warnings:", *map(trouble_line, numbers.troubles)] if numbers.troubles else []),
    ]


def state_lines(numbers: Numbers) -> list[str]:
    """What is there now, and what it takes."""
    gauges = numbers.gauges
    people = ", ".join(_count(gauges, name) for name in ("users", "sessions", "rooms"))
    wires = f"connections: {gauges.get('connections', 0):,} to ROUTER, {gauges.get('listeners', 0):,} to PUB"
    sizes = (("memory", "resident_memory_bytes"), ("history", "history_bytes"), ("free on disk", "disk_free_bytes"))
    machine = ", ".join(f"{word} {size(gauges[name])}" for word, name in sizes if gauges.get(name))
    stuck = [] if numbers.storing else ["NOTHING CAN BE STORED: see the broker's log"]
    return [*stuck, people, wires, *([machine] if machine else [])]


def traffic_lines(numbers: Numbers, *, brief: bool = False) -> list[str]:
    """What comes and goes: lately in a second, and since the broker started; if brief, what people understand."""
    rows = [
        [word, f"{numbers.rates.get(name, 0.0):,.1f}", f"{numbers.totals[name]:,}"]
        for name, word in TRAFFIC
        if name in numbers.totals and not (brief and _is_detail(name, numbers))
    ]
    return _table([[_lately(numbers), "a second", "in all"], *rows])


def latency_lines(numbers: Numbers) -> list[str]:
    """How long things took lately."""
    rows = [[word, *_milliseconds(numbers.latencies.get(name))] for name, word in LATENCIES]
    return _table([[_lately(numbers), "half", "99 %"], *rows])


def refusal_line(numbers: Numbers) -> str:
    """How often what was refused; "" when nothing was."""
    most = sorted(numbers.refusals.items(), key=lambda item: -item[1])
    return "refused: " + ", ".join(f"{clean(code)} {count:,}" for code, count in most) if most else ""


def trouble_line(trouble: Trouble) -> str:
    """A warning of the broker's log."""
    return f"{local_minute(trouble.time)} {clean(trouble.text)}"


def short_line(report: Report) -> str:
    """The most important of it in one line."""
    numbers = report.numbers
    assert numbers is not None
    ack, turn = numbers.latencies.get("ack"), numbers.latencies.get("turn")
    parts = (
        utc(report.time)[11:19],
        _count(numbers.gauges, "users"),
        f"{numbers.rates.get('messages', 0.0):,.1f}/s in",
        f"{numbers.rates.get('deliveries', 0.0):,.1f}/s out",
        f"ack {' '.join(_milliseconds(ack))}",
        f"loop {' '.join(_milliseconds(turn))}",
        f"{numbers.rates.get('dropped', 0.0):,.1f}/s dropped",
        f"{sum(numbers.refusals.values()):,} refused",
        *(() if numbers.storing else ("NOTHING CAN BE STORED",)),
    )
    return "  ".join(parts)


def size(count: int) -> str:
    """Bytes as people read them."""
    for unit, name in ((10**12, "TB"), (10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if count >= unit:
            return f"{count / unit:.1f} {name}"
    return f"{count} B"


def _is_detail(name: str, numbers: Numbers) -> bool:
    return name.startswith("frames_") or (name in ("replayed", "dropped") and not numbers.totals[name])


def _lately(numbers: Numbers) -> str:
    return f"last {duration(round(numbers.seconds))}"


def _count(gauges: Mapping[str, int], name: str) -> str:
    """``1 user`` or ``7 users``."""
    count = gauges.get(name, 0)
    return f"{count:,} {name.removesuffix('s') if count == 1 else name}"


def _milliseconds(latency: Latency | None) -> tuple[str, str]:
    if latency is None:
        return "-", "-"
    half, most = (f"{value:,.1f} ms" for value in (latency.p50, latency.p99))
    return half, most


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows whose first cell is a word and whose others are numbers."""
    widths = [max(map(width, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            [row[0].ljust(widths[0]), *(cell.rjust(size) for cell, size in zip(row[1:], widths[1:], strict=True))]
        )
        for row in rows
    ]
