"""Time spans as they are typed."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from zchat.common.errors import InputError
from zchat.common.spans import LONGEST, parse_span, seconds_of


@pytest.mark.parametrize(
    ("text", "seconds"), [("30s", 30), ("10m", 600), ("2h", 7_200), ("7d", 604_800), ("0m", 0), ("007s", 7)]
)
def test_a_span_is_a_number_and_a_unit(text: str, seconds: float) -> None:
    """Seconds, minutes, hours and days."""
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "10", "m", "10 m", "-1m", "1.5h", "10min", "1w", "٣m", "10m\n", "9" * 10 + "s"])
def test_what_is_no_span(text: str) -> None:
    """Anything else is none, and an error where one is needed, as is an empty one."""
    assert seconds_of(text) is None
    for each in (text, "0s"):
        with pytest.raises(InputError, match=r"--for takes a time as 30s, 10m, 2h or 7d"):
            parse_span(each, "--for")


@given(st.integers(0, 10**9 - 1), st.sampled_from("smhd"))
def test_no_span_is_longer_than_the_protocol_can_tell(number: int, unit: str) -> None:
    """Whatever is typed can be sent."""
    seconds = seconds_of(f"{number}{unit}")

    assert seconds is not None
    assert 0 <= seconds <= LONGEST
