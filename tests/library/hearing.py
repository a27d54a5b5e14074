"""What a client of the library hears next."""

from __future__ import annotations

import itertools

from zchat.client import Client

from ..processes import PATIENCE


def texts(client: Client, count: int) -> list[str]:
    """The next so many messages."""
    return [message.text for message in itertools.islice(client.messages(timeout=PATIENCE), count)]


def next_of(client: Client, kind: type) -> object:
    """The next event of a kind."""
    return next(event for event in client.events(timeout=PATIENCE) if isinstance(event, kind))
