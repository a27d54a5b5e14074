"""What is done with one batch: a single commit for all changes, then the questions.

Owns that order. Does not know what is stored nor why (`core`). Used by the thread of the history.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice, repeat

from .actions import Action, Ask, Await, Purpose, Run, Store, StoreRun
from .history import Appended, Change, Done, History, News, NotStored, Outcome

log = logging.getLogger("zchat.broker")

Committed = Callable[[int, float, NotStored | None], None]
"""How many changes, the seconds they took, and why they were not stored."""


def fulfil(
    history: History, actions: Sequence[Action], committed: Committed | None = None
) -> list[tuple[Purpose, Outcome]]:
    """Commit every `Store` and `StoreRun` in one transaction, then answer every `Ask`, which sees it.

    The outcomes come in the order of the actions, those of questions last; an `Await` keeps its place. When the
    history refuses, the outcome of each is the `NotStored` error itself. `committed` is told of the commit.
    """
    changes: list[Change] = []
    for action in actions:
        if isinstance(action, Store):
            changes.append(action.change)
        elif isinstance(action, StoreRun):
            changes += action.run.appends
    outcomes: Iterator[Outcome] = iter(())
    if changes:
        began, failure = time.monotonic(), None
        try:
            outcomes = iter(history.commit(changes))
        except NotStored as error:
            outcomes, failure = repeat(error), error
        if committed is not None:
            committed(len(changes), time.monotonic() - began, failure)
    done: list[tuple[Purpose, Outcome]] = []
    for action in actions:
        if isinstance(action, Store):
            done.append((action.purpose, next(outcomes)))
        elif isinstance(action, StoreRun):
            done += _ran(action.run, list(islice(outcomes, len(action.run.appends))))
        elif isinstance(action, Await):
            done.append((action.purpose, Done(0)))
    return done + [(action.purpose, _answer(history, action)) for action in actions if isinstance(action, Ask)]


def _ran(run: Run, outcomes: list[Outcome]) -> list[tuple[Purpose, Outcome]]:
    """What came of a run: the first outcome if all are new, so that they stand in a row; else that of each."""
    if all(isinstance(outcome, Appended) and not outcome.duplicate for outcome in outcomes):
        return [(run, outcomes[0])]
    return list(zip(run.each(), outcomes, strict=True))


def _answer(history: History, ask: Ask) -> Outcome:
    try:
        return history.answer(ask.question)
    except NotStored as error:
        if not isinstance(ask.question, News):  # which is asked for every second, and told of when storing fails
            log.error("%s", error, extra={"event": "not_stored"})
        return error
    except Exception as error:  # a fault of ours that one question found must not end the others' chat
        log.exception("a question could not be answered", extra={"event": "fault"})
        return NotStored(f"The history cannot be read ({error!r}).")
