"""Questions that a program has put to people: what settles each of them.

Owns where these questions stand, and when the history is asked for their answers. Does not know how a question is
stored (`library_core`). Pure; used by the receive thread alone.

An answer is heard at once where its room is followed. But nobody has to follow a room to ask there, and while the inbox
is full nothing is heard: so the history is asked as well, which knows the answer whatever happened meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable

from ..common import messages as m
from ..common.errors import ZchatError
from . import library_events as events
from .library_calls import Awaiting

LOOK_EVERY = 2.0
"""Seconds until the history is asked again."""


class Awaited:
    """The stored questions that wait for an answer."""

    def __init__(self) -> None:
        self.calls: list[Awaiting] = []

    def add(self, call: Awaiting, ack: m.Ack) -> None:
        """A question is stored, which it may have been for long: look for its answer at once."""
        call.room, call.seq = ack.room, ack.seq
        call.looked, call.ref, call.look_at = ack.seq, 0, 0.0
        self.calls.append(call)

    def remove(self, call: Awaiting) -> int:
        """Nobody waits for this one any more; the ref of the page that need not come."""
        if call in self.calls:
            self.calls.remove(call)
        return call.ref

    def restart(self) -> list[Awaiting]:
        """The history is another one: these questions have to be stored in it, too."""
        calls, self.calls = self.calls, []
        for call in calls:
            call.seq = call.ref = 0
        return calls

    def due(self, now: float, next_ref: Callable[[], int]) -> list[m.Replay]:
        """The pages that are to be asked for now."""
        return [self._page_for(call, next_ref()) for call in self.calls if not call.ref and now >= call.look_at]

    def _page_for(self, call: Awaiting, ref: int) -> m.Replay:
        call.ref = ref
        return m.Replay(room=call.room, after=call.looked, ref=ref)

    def heard(self, room: str, entry: m.Entry) -> None:
        """An entry was shown where a question may stand."""
        for call in [call for call in self.calls if call.room == room]:
            self._take(call, entry)

    def page(self, page: m.Page, now: float) -> None:
        """A page of the history came."""
        for call in [call for call in self.calls if call.ref == page.ref]:
            call.ref = 0
            call.look_at = now + (0 if page.more else LOOK_EVERY)
            for entry in page.entries:
                call.looked = entry.seq
                self._take(call, entry)
            if page.floor >= call.seq:
                self._settle(call, ZchatError("The question is no longer kept. Ask it again, under another id."))

    def refused(self, ref: int, error: ZchatError) -> None:
        """A page was refused: who may no longer read there waits in vain."""
        for call in [call for call in self.calls if call.ref == ref]:
            self._settle(call, error)

    def _take(self, call: Awaiting, entry: m.Entry) -> None:
        if entry.about != call.seq:
            return
        if entry.kind == "delete":
            self._settle(call, ZchatError("The question was deleted. Ask it again, under another id."))
        elif entry.kind == "answer" and entry.text in call.say.choices:
            self._settle(call, events.answer(entry, call.say))

    def _settle(self, call: Awaiting, outcome: object) -> None:
        if call in self.calls:
            self.calls.remove(call)
            call.settle(outcome)
