"""The broker: who is here, who may do what, and the history that is the truth.

`Broker` is one for use inside of other programs (docs/library.md), `Policy` what it allows; they are loaded when they
are asked for, since every command of `zchat broker` imports this package.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .embedded import Broker as Broker
    from .policy import Policy as Policy

_MODULES = {"Broker": "embedded", "Policy": "policy"}

__all__ = sorted(_MODULES)


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f".{_MODULES[name]}", __name__), name)
