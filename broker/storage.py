"""What is done with one batch: a single commit for all changes, then the questions.

Owns that order. Does not know what is stored nor why (`core`). Used by the thread of the history.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import repeat

from .actions import Action, Ask, Await, Purpose, Store
from .history import Done, History, News, NotStored, Outcome

log = logging.getLogger("zchat.broker")

Committed = Callable[[int, float, NotStored | None], None]
"""How many changes, the seconds they took, and why they were not stored."""


def fulfil(
    history: History, actions: Sequence[Action], committed: Committed | None = None
) -> list[tuple[Purpose, Outcome]]:
    """Commit every `Store` in one transaction, then answer every `Ask`, which sees it.

    The outcomes come in the order of the actions, those of questions last; an `Await` keeps its place. When the
    history refuses, the outcome of each is the `NotStored` error itself. `committed` is told of the commit.
    """
    stores = [action for action in actions if isinstance(action, Store)]
    outcomes: Iterator[Outcome] = iter(())
    if stores:
        began, failure = time.monotonic(), None
        try:
            outcomes = iter(history.commit([store.change for store in stores]))
        except NotStored as error:
            outcomes, failure = repeat(error), error
        if committed is not None:
            committed(len(stores), time.monotonic() - began, failure)
    done: list[tuple[Purpose, Outcome]] = [
        (action.purpose, next(outcomes) if isinstance(action, Store) else Done(0))
        for action in actions
        if isinstance(action, Store | Await)
    ]
    return done + [(action.purpose, _answer(history, action)) for action in actions if isinstance(action, Ask)]


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
