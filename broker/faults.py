"""What a fault of ours costs: only what it was found in. It is logged, and the others' chat goes on.

Owns that rule for the core. Does not know what was tried. Pure; used by the broker's thread alone.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable

from .actions import Action, Log


def fault() -> Log:
    """What the log is told of the exception that is being handled."""
    return Log(traceback.format_exc(), True, "fault")


def each_by_itself(works: Iterable[Callable[[], list[Action]]]) -> list[Action]:
    """What these come to, in order; one that fails is logged."""
    actions: list[Action] = []
    for work in works:
        try:
            actions += work()
        except Exception:
            actions.append(fault())
    return actions
