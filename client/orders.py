"""Works that an operator orders and that take the broker a while: it is asked again until they are done.

Owns the asking. Does not know sockets (`connection`) nor options (`admin_cli`). Pure; used by the receive thread alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec.structs import replace

from ..common import messages as m
from ..common.clock import Now
from ..common.keys import fingerprint_of
from .actions import Action, Answer, End, Notice, Print
from .core import ClientCore
from .programs import Quiet

AGAIN = 1.0
"""Seconds between two questions: the broker's own step."""


class Order(Quiet):
    """Order something, and print what `show` makes of the answer once it is done.

    Of a nick, its key is asked for first: the nick may be another one's when it is named again.
    """

    def __init__(
        self, core: ClientCore, order: m.Admin, show: Callable[[m.Event], Sequence[str]], *, timeout: float | None
    ) -> None:
        super().__init__(core, timeout=timeout)
        self._order = order
        self._show = show
        self._again_at: float | None = None

    def begin(self, now: Now) -> list[Action]:
        """The question waits for the connection."""
        if self._order.target and fingerprint_of(self._order.target) is None:
            return self.core.ask(m.Who(nick=self._order.target), now)
        return self.core.ask(self._order, now)

    def notice(self, notice: Notice, now: Now) -> list[Action]:
        """An answer ends it, or is waited for anew."""
        match notice:
            case Answer(event=m.Roster(users=[user, *_])):
                self._order = replace(self._order, target=user.key)
                return self.core.ask(self._order, now)
            case Answer(event=m.Administered(more=True)):
                self._quiet_since, self._again_at = now.mono, now.mono + AGAIN
                return []
            case Answer():
                return [*map(Print, self._show(notice.event)), *self.core.leave(), End()]
        return super().notice(notice, now)

    def tick(self, now: Now) -> list[Action]:
        """Ask again when it is time."""
        if self._again_at is None or now.mono < self._again_at:
            return super().tick(now)
        self._again_at = None
        return [*self.core.ask(self._order, now), *super().tick(now)]
