"""What tests say to a history, and what it tells them."""

from __future__ import annotations

from zchat.broker.history import Append, Find, Found, FoundIn, History, Index, Indexed, News, Read, Told
from zchat.common.searching import parse_search


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


def search(
    history: History, words: str, *readers: str, limit: int = 100, before: tuple[str, int] | None = None, **rooms: int
) -> FoundIn:
    """What is found, after all was indexed."""
    while history.commit([Index(1_000)]) != [Indexed(0)]:
        pass
    found = history.answer(Find(parse_search(words), readers if readers or rooms else ("",), rooms, limit, before))
    assert isinstance(found, FoundIn)
    return found
