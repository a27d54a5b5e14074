"""One wake-up's use of the history: a single commit for all changes, then the questions.

Owns that order. Does not know what is stored nor why (`core`). Runs in the broker's thread.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from itertools import repeat

from .actions import Action, Ask, Await, Purpose, Store
from .history import Done, History, NotStored, Outcome

log = logging.getLogger("zchat.broker")


def fulfil(history: History, actions: Sequence[Action]) -> list[tuple[Purpose, Outcome]]:
    """Commit every `Store` in one transaction, then answer every `Ask`, which sees it.

    The outcomes come in the order of the actions, those of questions last; an `Await` keeps its place. When the
    history refuses, the outcome of each is the `NotStored` error itself.
    """
    stores = [action for action in actions if isinstance(action, Store)]
    outcomes: Iterator[Outcome] = iter(())
    if stores:
        try:
            outcomes = iter(history.commit([store.change for store in stores]))
        except NotStored as error:
            log.error("%s", error)
            outcomes = repeat(error)
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
        log.error("%s", error)
        return error
