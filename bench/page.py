"""The measured tables of docs/performance.md and of the README, made anew from the figures: no number is typed there.

Owns the form of these tables. Does not know how anything was measured (`compare`), nor the prose around them. A table
stands between ``<!-- NAME: by make bench -->`` and ``<!-- end -->``; of the README's, the columns that it has.

    python -m bench.page [results.json]
"""

from __future__ import annotations

import json
import re
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from .goals import CPU, RATE, US, goals
from .results import Results
from .svg import brief

ROOT = Path(__file__).resolve().parent.parent
FANOUT = ("fan-out N=100 64 in flight", "fan-out N=500 64 in flight", "fan-out N=100 one at a time")
Cells = Sequence[str]
_CROWD = (
    ("rooms of {}", "clients_a_room", 1),
    ("{} kB each", "bytes_per_client", 1e-3),
    ("{} after the calm", "bytes_per_client_later", 1e-3),
    ("{} CPU seconds for a thousand to come in", "join_cpu_per_thousand", 1),
    ("then {} % of a core", "idle_share", 100),
    ("`who` in {} ms", "who_milliseconds", 1),
    ("its first part in {}", "who_first_milliseconds", 1),
    ("of one room in {}", "who_room_milliseconds", 1),
)
_PAIRS = (
    ("{} kB each", "bytes_without_gate", 1e-3),
    ("{} behind a gate", "bytes_per_pair", 1e-3),
    ("{} after 256 frames each way", "bytes_after_256_frames", 1e-3),
    ("{} after 512", "bytes_after_512_frames", 1e-3),
)
"""What is told of clients that do nothing, by which figure, and by what that is multiplied; and of bare connections."""


def fill(results: Results, root: Path = ROOT) -> None:
    """Put the figures into the pages."""
    page = root / "docs" / "performance.md"
    text = page.read_text()
    for name, table in TABLES.items():
        begin, end = f"<!-- {name}: by make bench -->\n\n", "\n\n<!-- end -->"
        before, found, rest = text.partition(begin)
        _, closed, after = rest.partition(end)
        if not (found and closed):
            raise SystemExit(f"{page} has no place for {name}")
        text = before + begin + "\n".join(table(results)) + end + after
    page.write_text(text)
    readme = root / "README.md"
    readme.write_text("\n".join(_readme(readme.read_text().split("\n"), results)))


def _table(head: Cells, rows: Iterable[Cells]) -> Iterator[str]:
    yield _row(head)
    yield "|---" * len(head) + "|"
    yield from map(_row, rows)


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _figure(results: Results, workload: str, server: str, figure: str) -> str:
    value = results.median(workload, server, figure)
    return "" if value is None else _told(value)


def _told(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else brief(value)


def _beside(results: Results, workload: str, server: str, figure: str) -> str:
    """A figure, and behind it zchat's divided by it."""
    told, ratio = _figure(results, workload, server, figure), results.ratio(workload, US, server, figure)
    return f"{told} ({ratio:.2f})" if told and ratio is not None and server != US else told


# --- tables ---------------------------------------------------------------------------------------------------
def _machine(results: Results) -> Iterator[str]:
    of, versions = results.machine, (f"{name} {_number(told)}" for name, told in results.versions.items())
    parts = [
        f"**Machine:** {of['cores']} cores of an {of['cpu']}, Linux {_number(str(of['kernel']))},",
        f"Python {of['python']}, libzmq {of['libzmq']}, pyzmq {of['pyzmq']};",
        f"an fsync of 4 kB takes {of['fsync_us']} µs when nobody else writes;",
        f"the load of others stood at {of['load']} when it began. {len(results.rounds)} rounds.",
        f"Beside it: {', '.join(versions)}.",
    ]
    yield from textwrap.wrap(" ".join(parts), 130, break_on_hyphens=False)


def _number(version: str) -> str:
    found = re.search(r"\d+(\.\d+)+", version)
    return found[0] if found else version


def _fan_out(results: Results) -> Iterator[str]:
    head = ["server", "N=100, 64 in flight", "N=500, 64 in flight", "N=100, one at a time"]
    servers = results.servers(FANOUT[0])
    return _table(head, ([name, *(_beside(results, work, name, CPU) for work in FANOUT)] for name in servers))


def _ingress(results: Results) -> Iterator[str]:
    rows = [
        [name, _beside(results, "ingress", name, RATE), _beside(results, "ingress", name, "cpu_per_million_messages")]
        for name in results.servers("ingress")
    ]
    return _table(["server", "messages a second", "CPU seconds per million"], rows)


def _latency(results: Results) -> Iterator[str]:
    head = ["server", "p50", "p99", "private, there and back: p50", "p99"]
    each = [(work, figure) for work in ("latency", "private latency") for figure in ("p50", "p99")]
    return _table(
        head,
        (
            [name, *(_figure(results, work, name, figure) for work, figure in each)]
            for name in results.servers("latency")
        ),
    )


def _alone(results: Results) -> Iterator[str]:
    def of(workload: str, figure: str, by: float = 1.0) -> str:
        value = results.median(workload, US, figure)
        return "" if value is None else _told(value * by)

    def sizes(prefix: str) -> list[tuple[int, str]]:
        names = {name for round_ in results.rounds for name in round_ if name.startswith(prefix)}
        return sorted((int(name.removeprefix(prefix).split()[0]), name) for name in names)

    rows: list[Cells] = []
    for readers, work in sizes("growth N="):
        rows.append([f"{readers:,} readers: CPU seconds per million deliveries", of(work, CPU)])
    for entries, work in sizes("history "):
        told = (
            f"{of(work, 'cpu_per_million_messages')} µs a message, {of(work, 'replay_per_second')} entries of replay a"
            f" second, search {of(work, 'search_milliseconds')} ms, start {of(work, 'start_seconds')} s,"
            f" {of(work, 'megabytes')} MB"
        )
        rows.append([f"{entries:,} entries in the room", told])
    for count, work in (*sizes("idle N="), *sizes("idle in one room N=")):
        rows.append([f"{count:,} clients that joined", _listed(results, work, _CROWD)])
    for count, work in sizes("pairs N="):
        rows.append([f"{count:,} pairs of connections at the libzmq relay, CURVE", _listed(results, work, _PAIRS)])
    work = "command line"
    rows.append(
        [
            "`tail`, 100,000 entries",
            f"{of(work, 'tail_per_second')} a second, {of(work, 'tail_json_per_second')} as JSON",
        ]
    )
    rows.append(["`join`, start to end", f"{of(work, 'join_cpu_seconds')} CPU seconds, {of(work, 'join_seconds')} s"])
    return _table(["what", "measured"], rows)


def _listed(results: Results, work: str, words: Sequence[tuple[str, str, float]]) -> str:
    """Those figures that there are, with their words."""
    found = ((said, results.median(work, US, figure), by) for said, figure, by in words)
    return ", ".join(said.format(_told(value * by)) for said, value, by in found if value is not None)


def _goals(results: Results) -> Iterator[str]:
    rows = [
        [
            goal.what,
            "" if goal.value is None else _told(goal.value),
            f"{'≥' if goal.at_least else '≤'} {_told(goal.bound)}",
            goal.verdict,
        ]
        for goal in goals(results)
    ]
    return _table(["goal", "measured", "bound", ""], rows)


TABLES: dict[str, Callable[[Results], Iterator[str]]] = {
    "machine": _machine,
    "fan-out": _fan_out,
    "ingress": _ingress,
    "latency": _latency,
    "alone": _alone,
    "goals": _goals,
}
_README = ((FANOUT[0], CPU), ("latency", "p50"), ("ingress", RATE))
"""The columns of the README's table of figures."""


def _readme(lines: Sequence[str], results: Results) -> Iterator[str]:
    within = False
    for line in lines:
        within = line.startswith("|") and (within or "million deliveries" in line)
        name, *cells = [cell.strip() for cell in line.strip("|").split("|")] if within else [""]
        if name and set(name) - set("-"):
            told = [_figure(results, work, name, figure) for work, figure in _README]
            yield _row([name, *(new if old else "" for old, new in zip(cells, told, strict=True))])
        else:
            yield line


def main() -> None:
    """Fill them from a file of figures."""
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "performance" / "results.json"
    told = json.loads(path.read_text())
    fill(Results(told["machine"], told["versions"], told["rounds"], told["failures"]))


if __name__ == "__main__":
    main()
