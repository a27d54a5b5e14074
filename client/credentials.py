"""As whom a client comes to a broker: its nick and key, and what the account notes of the two.

Owns when these notes are made and when a key is given up again. Does not know the files (`account`) nor the
connection. Made by the thread that starts a client; then used by its receive thread, `refused` also once that has
ended.
"""

from __future__ import annotations

from ..common.errors import Code, RefusedError
from ..common.keys import KeyPair, Link
from ..common.messages import Welcome
from . import account


class Credentials:
    """A nick at a broker and its key; with a `key` of one's own, none of this account's nicks is read or written.

    With `usual`, the nick is the account's default there from then on. With a key and not `usual`, nothing is noted.
    """

    def __init__(self, link: Link, nick: str, key: KeyPair | None = None, *, usual: bool = True) -> None:
        self._link = link
        self._nick = nick
        self._own = key is None
        self._usual = usual
        self._fresh = False
        """The key was made just now, and the broker does not know it yet."""
        if key is None:
            key, self._fresh = account.key_for(link, nick)
        self.key = key

    def met(self, welcome: Welcome) -> None:
        """The broker has welcomed us."""
        self._fresh = False
        if self._own or self._usual:
            account.remember_broker(self._link, welcome.broker)
        if self._own and self._usual:
            account.remember_nick(self._link, welcome.nick)

    def renamed(self, old: str, new: str) -> None:
        """The broker calls us differently."""
        if self._own:
            account.rename_nick(self._link, old, new, self.key)

    def refused(self, error: RefusedError) -> None:
        """The broker does not have us; a nick that it does not give leaves no key behind."""
        if self._fresh and error.code in (Code.NICK_TAKEN, Code.NICK_INVALID):
            account.drop_key(self._link, self._nick, self.key)
