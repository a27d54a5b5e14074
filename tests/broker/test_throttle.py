"""The throttle on warnings."""

from __future__ import annotations

import logging

from zchat.broker.logs import Throttle


def record(text: str, at: float, level: int = logging.WARNING) -> logging.LogRecord:
    """A record of a moment."""
    made = logging.LogRecord("zchat", level, "", 0, text, None, None)
    made.created = at
    return made


def test_a_flood_of_warnings_is_cut_and_counted() -> None:
    """So many a second pass; the next one tells how many did not; other levels always pass."""
    throttle = Throttle(3)
    flood = [record(str(number), 100.5) for number in range(10)]
    passed = [each.getMessage() for each in flood if throttle.filter(each)]
    later = record("later", 101.1)

    assert passed == ["0", "1", "2"]
    assert throttle.filter(record("news", 100.6, logging.INFO))
    assert throttle.filter(later)
    assert later.getMessage() == "later (and 7 more warnings that were not written)"
