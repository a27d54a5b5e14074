"""Local time elsewhere, for tests of what shows it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

import pytest

from zchat.client import render


@contextlib.contextmanager
def zone(name: str) -> Iterator[None]:
    """In this time zone, as POSIX's TZ names it; nothing remembered of the former one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", name)
        _moved()
        try:
            yield
        finally:
            patch.undo()
            _moved()


def _moved() -> None:
    time.tzset()
    render._local_minute.cache_clear()
