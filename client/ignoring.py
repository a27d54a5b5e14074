"""Whom a chat shows nothing of: by key, so that another nick does not help.

Owns the list, and who is called how as far as seen. Does not know where the list is kept: whoever made it is told of
each change. Pure; used by the receive thread alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..common.errors import InputError
from ..common.names import fold

MET = 1_000
"""People whose key is remembered."""


class Ignored:
    """Whom one does not want to hear; `known` is key → nick, `changed` is called with all of it."""

    def __init__(
        self, known: Mapping[str, str] | None = None, changed: Callable[[Mapping[str, str]], None] = lambda _: None
    ) -> None:
        self._nicks = dict(known or {})
        self._changed = changed
        self._met: dict[str, str] = {}
        """Folded nick → key."""
        self._awaited: set[str] = set()
        """Folded nicks whose key was asked for."""

    def __contains__(self, key: str) -> bool:
        return key in self._nicks

    def met(self, nick: str, key: str) -> None:
        """Somebody with this key is called so."""
        self._met.pop(fold(nick), None)
        self._met[fold(nick)] = key
        if len(self._met) > MET:
            del self._met[next(iter(self._met))]

    def add(self, nick: str) -> str:
        """Ignore somebody; what to tell, or "" when their key must be asked for first."""
        key = self._met.get(fold(nick))
        if key is None:
            self._awaited.add(fold(nick))
            return ""
        return self._add(nick, key)

    def _add(self, nick: str, key: str) -> str:
        self._nicks[key] = nick
        self._changed(self._nicks)
        return f"You hear nothing of {nick} any more. Take it back with /unignore {nick}."

    def awaits(self, nick: str | None) -> bool:
        """Whether the key of somebody was asked for."""
        return nick is not None and fold(nick) in self._awaited

    def answered(self, nick: str, key: str) -> str:
        """Their key is this, or "" when there is nobody; what to tell."""
        self._awaited.discard(fold(nick))
        return self._add(nick, key) if key else f"There is no user {nick}."

    def remove(self, nick: str) -> str:
        """Hear somebody again; what to tell. Raises `InputError` when they were not ignored."""
        keys = [key for key, known in self._nicks.items() if fold(nick) in (fold(known), key)]
        now = self._met.get(fold(nick))
        if now in self._nicks:
            keys.append(now)
        if not keys:
            raise InputError(f"{nick or 'Nobody'} is not ignored. {self.listed}")
        for key in keys:
            self._nicks.pop(key, None)
        self._changed(self._nicks)
        return f"You hear {nick} again."

    @property
    def listed(self) -> str:
        """Who is ignored."""
        return f"You ignore {', '.join(self._nicks.values())}." if self._nicks else "You ignore nobody."
