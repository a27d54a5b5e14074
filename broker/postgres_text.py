"""What a PostgreSQL database can hold of a text: all but NUL and lone surrogates, which stand there as U+FFFD.

The rules of a text let neither pass (`common.rules`); this is for what comes another way, so that one string can never
keep a whole batch from being stored. Pure; any thread.
"""

from __future__ import annotations

import re
from typing import Any, TypeVar, cast

from msgspec.structs import asdict, replace

from .history import Append, Change, Question, Together

_UNFIT = re.compile("[\0\ud800-\udfff]")

T = TypeVar("T", bound=Change | Question)


def fit(what: T) -> T:
    """The same change or question with texts that can be stored."""
    if isinstance(what, Together):
        return cast(T, Together(tuple(map(fit, what.changes))))
    if isinstance(what, Append):  # most of what comes, and most of that fits
        a = what
        if not _UNFIT.search(f"{a.text}{a.nick}{a.id}{a.room}{a.author}{a.to}{a.target}{''.join(a.choices)}"):
            return what
        what = replace(what, choices=tuple(_UNFIT.sub("\ufffd", choice) for choice in a.choices))
    unfit = {name: text for name, text in asdict(what).items() if isinstance(text, str) and _UNFIT.search(text)}
    better: dict[str, Any] = {name: _UNFIT.sub("\ufffd", text) for name, text in unfit.items()}
    return replace(what, **better) if better else what
