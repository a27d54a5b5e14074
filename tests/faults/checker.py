"""What the promises make of what everybody did and saw: nothing lost, doubled, misordered or made up.

Owns the judgement and its row in the table. Pure: it is given what was sent, acked, shown and kept, and when things
happened; it knows no process, clock or network. Every text is said once, so a text tells which message it is.
"""

from __future__ import annotations

import bisect
import itertools
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf

HEADING = (
    "| What happened | Times | Acked | Lost | Doubled | Out of order | Never said | Back after at most | Besides |\n"
    "|---|---|---|---|---|---|---|---|---|"
)


@dataclass(frozen=True, slots=True)
class Line:
    """One message as an ack, a reader or the history tells of it; a screen tells its text alone."""

    text: str
    seq: int | None = None
    id: str | None = None
    room: str | None = None


@dataclass(slots=True)
class Record:
    """What everybody says: `sent` by author, `shown` by reader, both in order."""

    sent: dict[str, list[str]] = field(default_factory=dict)
    acked: list[Line] = field(default_factory=list)
    shown: dict[str, list[Line]] = field(default_factory=dict)
    history: list[Line] = field(default_factory=list)
    began: dict[str, int] = field(default_factory=dict)
    """How many entries the room had when a reader came that did not ask for them; the others saw it from its start."""


@dataclass(slots=True)
class Verdict:
    """What is wrong, in words, by kind."""

    acked: int = 0
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    misordered: list[str] = field(default_factory=list)
    unsaid: list[str] = field(default_factory=list)

    @property
    def faults(self) -> list[str]:
        """Everything that is wrong."""
        return self.lost + self.doubled + self.misordered + self.unsaid


@dataclass(frozen=True, slots=True)
class Report:
    """What one fault did, as a row of the table."""

    fault: str
    times: int
    verdict: Verdict
    recovery: float
    """Seconds from the end of a fault until everybody had an ack or a line again, the worst of all."""
    besides: str = ""

    def __str__(self) -> str:
        v = self.verdict
        counts = (v.acked, len(v.lost), len(v.doubled), len(v.misordered), len(v.unsaid))
        numbers = " | ".join(f"{count:,}" for count in counts)
        return f"| {self.fault} | {self.times} | {numbers} | {self.recovery:.2f} s | {self.besides or '-'} |"


def judge(told: Record) -> Verdict:
    """Hold what everybody saw against the history, and the history against what was said."""
    verdict = Verdict(acked=len({line.id for line in told.acked}))
    said = {text for texts in told.sent.values() for text in texts}
    kept = Counter(line.text for line in told.history)
    verdict.doubled += [f"the history has {text!r} {times} times" for text, times in kept.items() if times > 1]
    verdict.unsaid += [f"the history has {text!r}, which nobody said" for text in kept if text not in said]
    _judge_sequences(told.history, verdict)
    _judge_acks(told.acked, told.history, verdict)
    for author, texts in told.sent.items():
        mine = set(texts)
        stored = list(dict.fromkeys(line.text for line in told.history if line.text in mine))
        if stored != [text for text in texts if text in kept]:
            verdict.misordered.append(f"the history has what {author} said in another order")
    for reader, lines in told.shown.items():
        _judge_reader(reader, lines, told.history[told.began.get(reader, 0) :], said, verdict)
    return verdict


def _judge_sequences(history: Sequence[Line], verdict: Verdict) -> None:
    for before, after in itertools.pairwise(history):
        if (before.seq or 0) >= (after.seq or 0):
            verdict.misordered.append(f"the history has {after.text!r} with {after.seq} behind {before.seq}")


def _judge_acks(acked: Iterable[Line], history: Iterable[Line], verdict: Verdict) -> None:
    stored: dict[str | None, list[Line]] = {}
    for entry in history:
        stored.setdefault(entry.id, []).append(entry)
    for ack in acked:
        entries = stored.get(ack.id, [])
        if len(entries) > 1:
            verdict.doubled.append(f"{ack.text!r}, acked as {ack.seq}, is in the history {len(entries)} times")
        elif entries != [ack]:
            verdict.lost.append(f"{ack.text!r}, acked as {ack.seq} of {ack.room}, is not in the history so")


def _judge_reader(
    reader: str, lines: Sequence[Line], history: Sequence[Line], said: set[str], verdict: Verdict
) -> None:
    shown = Counter(line.text for line in lines)
    place = {entry.text: number for number, entry in enumerate(history)}
    verdict.doubled += [f"{reader} showed {text!r} {times} times" for text, times in shown.items() if times > 1]
    verdict.unsaid += [f"{reader} showed {text!r}, which nobody said" for text in shown if text not in said]
    verdict.lost += [f"{reader} did not show {entry.text!r}" for entry in history if entry.text not in shown]
    verdict.unsaid += [
        f"{reader} showed {text!r}, which was not kept" for text in shown if text in said and text not in place
    ]
    seen = [place[text] for text in shown if text in place]
    verdict.misordered += [
        f"{reader} showed {history[after].text!r} behind {history[before].text!r}"
        for before, after in itertools.pairwise(seen)
        if before > after
    ]
    verdict.misordered += [
        f"{reader} showed {line.text!r} as {line.seq}"
        for line in lines
        if line.text in place and line.seq is not None and line != history[place[line.text]]
    ]


def recovery(end: float, times: Mapping[str, Sequence[float]]) -> float:
    """Seconds from the end of a fault until the last of all had something again; infinity if one never had."""
    worst = 0.0
    for moments in times.values():
        place = bisect.bisect_right(moments, end)
        worst = max(worst, moments[place] - end if place < len(moments) else inf)
    return worst


def longest_gap(begin: float, end: float, times: Iterable[Sequence[float]]) -> float:
    """The longest time between two things that somebody had, between two moments."""
    worst = 0.0
    for moments in times:
        within = [begin, *(moment for moment in moments if begin < moment < end), end]
        worst = max(worst, *(after - before for before, after in itertools.pairwise(within)))
    return worst
