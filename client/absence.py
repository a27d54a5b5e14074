"""Being away: what was said of ourselves, and of whom it was told.

Owns this memory of one chat. Does not know when it is told (`chat`). Pure; used by the receive thread alone.
"""

from __future__ import annotations

from ..common.messages import Ack, Away, Say
from ..common.names import fold
from . import wording
from .actions import AwayChanged


class Absence:
    """Whether we are away, and which partners are known to be."""

    def __init__(self) -> None:
        self._own: str | None = None
        """Our word for being away; None when we are not."""
        self._told: set[str] = set()
        """Folded nicks of those of whom it was told."""

    def changed(self, changed: AwayChanged) -> str:
        """We count as away or back; what is to be told, "" for nothing new."""
        was, self._own = self._own, changed.text if changed.away else None
        return wording.away(changed.away, changed.text) if self._own != was else ""

    def again(self) -> Away | None:
        """What a broker that may have restarted has to be told."""
        return Away(text=self._own) if self._own is not None else None

    def is_back(self, nick: str) -> None:
        """Somebody is back; when they go away again, it is told again."""
        self._told.discard(fold(nick))

    def stored(self, say: Say, ack: Ack) -> str:
        """A message is stored; that its addressee is away is told with the first one, else ""."""
        partner = fold(say.to or "")
        if ack.away is None:
            self._told.discard(partner)
            return ""
        first = partner not in self._told
        self._told.add(partner)
        return wording.partner_away(say.to or "", ack.away) if first else ""
