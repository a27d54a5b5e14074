"""What was measured: figures by workload and server, round by round; their medians, spreads and ratios.

Owns the arithmetic and the JSON. Does not know how anything is measured, nor how it is shown (`report`). Pure.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Spread:
    """A figure over all rounds."""

    median: float
    low: float
    high: float


@dataclass
class Results:
    """All figures of one run."""

    machine: Mapping[str, object]
    versions: Mapping[str, str]
    rounds: list[dict[str, dict[str, dict[str, float]]]] = field(default_factory=list)
    """For each round: workload → server → figures."""
    failures: list[str] = field(default_factory=list)

    def add(self, round_: int, workload: str, server: str, figures: Mapping[str, float]) -> None:
        """Take down what one run gave."""
        while len(self.rounds) <= round_:
            self.rounds.append({})
        self.rounds[round_].setdefault(workload, {})[server] = dict(figures)

    def servers(self, workload: str) -> list[str]:
        """Who was measured, in the order in which they were."""
        return list(dict.fromkeys(server for round_ in self.rounds for server in round_.get(workload, {})))

    def _each(self, workload: str, server: str, figure: str) -> list[float]:
        found = (round_.get(workload, {}).get(server, {}).get(figure) for round_ in self.rounds)
        return [value for value in found if value is not None]

    def spread(self, workload: str, server: str, figure: str) -> Spread | None:
        """A figure over all rounds; None when it was not measured."""
        values = self._each(workload, server, figure)
        return Spread(statistics.median(values), min(values), max(values)) if values else None

    def median(self, workload: str, server: str, figure: str) -> float | None:
        """The median of a figure over all rounds; None when it was not measured."""
        spread = self.spread(workload, server, figure)
        return spread.median if spread is not None else None

    def ratio(self, workload: str, one: str, other: str, figure: str) -> float | None:
        """The median of one's figure by the other's of the same round."""
        ratios = []
        for round_ in self.rounds:
            servers = round_.get(workload, {})
            above, below = servers.get(one, {}).get(figure), servers.get(other, {}).get(figure)
            if above is not None and below:
                ratios.append(above / below)
        return statistics.median(ratios) if ratios else None

    def json(self) -> str:
        """Everything, for programs."""
        told = {
            "machine": self.machine,
            "versions": self.versions,
            "failures": self.failures,
            "rounds": self.rounds,
        }
        return json.dumps(told, indent=1) + "\n"
