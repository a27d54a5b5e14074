"""Real processes under the faults that a chat meets, held against what `docs/guarantees.md` promises.

`make faults` does each of them at full length and prints a table; the tests by themselves do a little of most, some
side by side. FAULTS=full or short says which. How long it took until everybody was back is reported and not judged:
only that everybody came back.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from .checker import Report
from .ground import Unable
from .scenarios import SIZE, Size
from .several import FAULTS, LONG

TRIED = [fault for fault in FAULTS if SIZE is Size.FULL or fault not in LONG]


@pytest.mark.parametrize("fault", TRIED)
def test_nothing_is_lost_doubled_or_misordered(fault: str, report_of: Callable[[str], Report]) -> None:
    """Through the fault every acked message is kept once, and everybody comes back and shows the same in one order."""
    try:
        report = report_of(fault)
    except Unable as reason:
        pytest.skip(str(reason))

    print(report)
    assert report.verdict.acked
    assert not report.verdict.faults
