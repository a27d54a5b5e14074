"""What lies between the clients and the broker: how it misbehaves, and what is under way."""

from __future__ import annotations

from dataclasses import dataclass

from zchat.common import messages as m, wire

LATENCY = 0.001
"""Seconds that every body takes at least."""
COMMANDS, REPLIES, BROADCASTS = range(3)
WAYS = ("commands", "replies", "broadcasts")


@dataclass(slots=True)
class Weather:
    """How the ways of one kind misbehave: chances between 0 and 1, and seconds at most."""

    drop: float = 0.0
    double: float = 0.0
    delay: float = 0.0
    """Later, but in order."""
    spread: float = 0.0
    """Later, and out of order."""


class Box:
    """A body under way; decoded once, however many get it."""

    __slots__ = ("body", "event")

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.event: m.Event | m.Unknown | None = None

    def open(self) -> m.Event | m.Unknown:
        """The event."""
        event = self.event
        if event is None:
            event = self.event = wire.decode_event(self.body)
        return event
