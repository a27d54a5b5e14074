"""The figures as people read them: tables of text, plots, and the goals.

Owns the form. Does not know how anything was measured. Writes into one folder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from . import svg
from .goals import CPU, US, Goal, goals
from .results import Results, Spread
from .svg import brief


@dataclass(frozen=True)
class Table:
    """How a workload is shown: by which figure, and what that is."""

    workload: str
    figure: str
    unit: str


CPU_UNIT = "CPU seconds of the server per million deliveries (less is better)"
COMPARED = (
    Table("fan-out N=100 64 in flight", CPU, CPU_UNIT),
    Table("fan-out N=500 64 in flight", CPU, CPU_UNIT),
    Table("fan-out N=100 one at a time", CPU, CPU_UNIT),
    Table("ingress", "messages_per_second", "messages a second, 8 senders (more is better)"),
    Table("ingress", "cpu_per_million_messages", "CPU seconds of the server per million messages (less is better)"),
    Table("latency", "p50", "µs, median, 200 messages a second to 10 readers (less is better)"),
    Table("latency", "p99", "µs, 99th percentile, the same"),
    Table("private latency", "p50", "µs, median, a private message and its answer (less is better)"),
    Table("private latency", "p99", "µs, 99th percentile, the same"),
)
GROWING = (
    Table("growth N=", CPU, "CPU seconds per million deliveries over the number of readers, 64 in flight"),
    Table("history ", "cpu_per_million_messages", "CPU seconds per million messages over the entries in the room"),
    Table("history ", "start_seconds", "seconds from start to the ready line over the entries in the room"),
    Table("history ", "megabytes", "MB of memory over the entries in the room"),
    Table("history ", "search_milliseconds", "milliseconds of a search that finds every thousandth of the entries"),
    Table("history ", "replay_per_second", "entries of replay a second over the entries in the room"),
)


def write(results: Results, folder: Path) -> str:
    """Write the text, JSON and plots; returns the text."""
    folder.mkdir(parents=True, exist_ok=True)
    told = "\n".join(text(results)) + "\n"
    (folder / "results.txt").write_text(told)
    (folder / "results.json").write_text(results.json())
    for table in COMPARED:
        if rows := _rows(results, table):
            plot = svg.bars(table.workload, table.unit, rows, US)
            (folder / f"{_slug(table)}.svg").write_text(plot)
    for table in GROWING:
        if len(points := _points(results, table)) > 1:
            (folder / f"{_slug(table)}.svg").write_text(svg.line("zchat", table.unit, points))
    return told


def _slug(table: Table) -> str:
    words = f"{table.workload} {table.figure}".lower().replace("=", "-").replace("_", "-").split()
    return "-".join(words).replace("--", "-").removesuffix("-deliveries").replace("-cpu-per-million", "-cpu")


def _rows(results: Results, table: Table) -> dict[str, Spread]:
    found = {name: results.spread(table.workload, name, table.figure) for name in results.servers(table.workload)}
    return {name: spread for name, spread in found.items() if spread is not None}


def _points(results: Results, table: Table) -> list[tuple[int, Spread]]:
    names = {name for round_ in results.rounds for name in round_ if name.startswith(table.workload)}
    points = [
        (int(name.removeprefix(table.workload).split()[0]), spread)
        for name in names
        if (spread := results.spread(name, US, table.figure)) is not None
    ]
    return sorted(points, key=lambda point: point[0])


# --- text -----------------------------------------------------------------------------------------------------
def text(results: Results, *, told: Callable[[Goal], bool] = lambda goal: True) -> Iterator[str]:
    """Everything, line by line, with those goals that are to be told."""
    yield "Machine: " + ", ".join(f"{name} {value}" for name, value in results.machine.items())
    for name, version in results.versions.items():
        yield f"{name}: {version}"
    yield f"{len(results.rounds)} rounds. Medians, with the lowest and highest of the rounds. Ratio: zchat by this one,"
    yield "the median of the rounds. Server: how many cores it took; load: how many the load generator itself took."
    for table in COMPARED:
        rows = _rows(results, table)
        if rows:
            yield f"\n{table.workload}: {table.unit}"
            yield f"  {'':<30}{'median':>10}{'low':>10}{'high':>10}{'ratio':>8}{'server':>8}{'load':>7}"
        for name, spread in rows.items():
            shares = [results.median(table.workload, name, share) for share in ("server", "load")]
            ratio = results.ratio(table.workload, US, name, table.figure)
            yield (
                f"  {name:<30}{brief(spread.median):>10}{brief(spread.low):>10}{brief(spread.high):>10}"
                f"{'' if ratio is None else f'{ratio:.2f}':>8}{_share(shares[0]):>8}{_share(shares[1]):>7}"
            )
    for table in GROWING:
        points = _points(results, table)
        if points:
            yield f"\nzchat: {table.unit}"
        for size, spread in points:
            yield f"  {size:>12,}{brief(spread.median):>12}  ({brief(spread.low)} to {brief(spread.high)})"
    for workload in dict.fromkeys(name for round_ in results.rounds for name in round_ if _is_own(name)):
        yield f"\nzchat, {workload}"
        for figure in dict.fromkeys(f for round_ in results.rounds for f in round_.get(workload, {}).get(US, {})):
            if (found := results.spread(workload, US, figure)) is not None:
                words = figure.replace("_", " ")
                yield f"  {words:<30}{brief(found.median):>12}  ({brief(found.low)} to {brief(found.high)})"
    yield "\nGoals"
    for goal in filter(told, goals(results)):
        value = "" if goal.value is None else brief(goal.value)
        bound = f"{'>=' if goal.at_least else '<='} {brief(goal.bound)}"
        yield f"  {goal.what:<66}{value:>10} {bound:>11}  {goal.verdict}"
    for failure in results.failures:
        yield f"\nFailed: {failure}"


def _is_own(workload: str) -> bool:
    return workload.startswith(("idle", "pairs", "command line"))


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"
