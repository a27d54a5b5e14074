"""What tests say to a history, and what it tells them."""

from __future__ import annotations

from zchat.broker.history import Append, Found, History, News, Read, Told


def said(text: str, *, room: str = "lobby", author: str = "alice", id: str | None = None, time: int = 0) -> Append:
    """One message to append."""
    return Append(room, author, id or f"id-{text}", author, text, time)


def read(history: History, **where: int | str) -> list[str]:
    """The texts that a `Read` finds."""
    found = history.answer(Read(**{"room": "lobby", "limit": 100, **where}))  # type: ignore[arg-type]
    assert isinstance(found, Found)
    return [entry.text for entry in found.entries]


def news(history: History, after: int) -> Told:
    """What has changed since a cursor."""
    told = history.answer(News(after))
    assert isinstance(told, Told)
    return told
