"""What a client does with its broker, as the connection sees it.

Owns this shape only: `programs`, `chat` and `library_core` have it. Pure; used by the receive thread alone.
"""

from __future__ import annotations

from typing import Protocol

from ..common.clock import Now
from .actions import Action, Notice


class Program(Protocol):
    """What a client does with its broker; all methods are called by the receive thread."""

    def start(self, now: Now) -> list[Action]:
        """Before the first connection."""
        ...

    def line(self, text: str, now: Now) -> list[Action]:
        """A line from the input thread."""
        ...

    def end_of_input(self, now: Now) -> list[Action]:
        """The input thread has no more lines."""
        ...

    def notice(self, notice: Notice, now: Now) -> list[Action]:
        """The core tells something."""
        ...

    def tick(self, now: Now) -> list[Action]:
        """After whatever came, and at the latest about once a second."""
        ...

    @property
    def wants_input(self) -> bool:
        """Whether it can take another line now; while not, the input thread waits."""
        ...

    @property
    def persistent(self) -> bool:
        """Whether it rides through a broker's death, however long that lasts."""
        ...

    @property
    def timeout(self) -> float | None:
        """Seconds that its user gave it."""
        ...
