"""The throttle on the log."""

from __future__ import annotations

import logging

from zchat.broker.logs import MESSAGES, Throttle


def record(text: str, at: float, logger: str = "zchat.broker") -> logging.LogRecord:
    """A record of a moment."""
    made = logging.LogRecord(logger, logging.INFO, "", 0, text, None, None)
    made.created = at
    return made


def test_a_flood_of_lines_is_cut_and_counted() -> None:
    """So many a second pass; the next one tells how many did not; what is said always passes."""
    throttle = Throttle(3)
    flood = [record(str(number), 100.5) for number in range(10)]
    passed = [each.getMessage() for each in flood if throttle.filter(each)]
    later = record("later", 101.1)

    assert passed == ["0", "1", "2"]
    assert throttle.filter(record("said", 100.6, MESSAGES))
    assert throttle.filter(later)
    assert later.getMessage() == "later (and 7 more lines that were not written)"
