"""What comes in by ROUTER: the frames of one wake-up, in order, and what was kept aside while nothing could be judged.

Owns how much is taken at once, and whose connection a frame came over. Does not know what a frame says (`inbox`), nor
when it may be judged (`flow`). Runs in the broker's thread.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator

import zmq

from ..common import limits
from .aside import Aside
from .connections import Connections
from .inbox import Frame
from .sockets import holds_something
from .watching import Watch


class Incoming:
    """The way in of one broker."""

    def __init__(self, router: zmq.Socket[bytes], speakers: Connections, aside: Aside, watch: Watch) -> None:
        self._router = router
        self._speakers = speakers
        self._aside = aside
        self._watch = watch
        self.drained = False
        """Whether nothing more was there when it was last looked at."""
        self._heard: set[str] = set()
        """The keys of which something was read since then."""

    @property
    def waits(self) -> bool:
        """Whether something was kept aside, which no socket tells of."""
        return bool(self._aside)

    @property
    def any(self) -> bool:
        """Whether something is there."""
        return self.waits or holds_something(self._router)

    @property
    def piles_up(self) -> bool:
        """Whether more comes than is judged: only then it is worth a look at each connection."""
        return self.waits or (not self.drained and self.any)

    @property
    def piling(self) -> Collection[str] | None:
        """Among which keys those are that send more than is judged, since libzmq reads of all in turn; None: all."""
        return None if self.waits else self._heard

    def frames(self) -> Iterator[Frame]:
        """What was kept aside and what ROUTER holds, for a short while, so that who sends much holds up nobody."""
        self.drained = False  # though those before may not be judged to the end yet, and go on then
        return self._frames()

    def _frames(self) -> Iterator[Frame]:
        end = time.monotonic() + limits.DRAIN_SECONDS
        for taken in range(limits.DRAIN):
            none_more = taken == 1 and not self.any  # asked, since often one comes alone
            frame = None if none_more else self._aside.next() if self._aside else self._receive()
            if frame is None:
                self.drained = True
                self._heard.clear()
                return
            yield frame
            if time.monotonic() > end:
                return

    def for_aside(self) -> Iterator[Frame]:
        """What ROUTER holds, as far as it can be kept aside."""
        for _ in range(limits.DRAIN):
            frame = None if self._aside.full else self._receive()
            if frame is None:
                return
            yield frame

    def _receive(self) -> Frame | None:
        """The next frame that ROUTER holds; None: there is none."""
        try:
            frames = self._router.recv_multipart(zmq.NOBLOCK, copy=False)
        except zmq.Again:
            return None
        identity, mono = frames[0].bytes, time.monotonic()
        peer = self._speakers.spoke(frames[-1], mono, identity)
        self._heard.add(peer.user)
        body = frames[1].bytes if len(frames) == 2 else None
        self._watch.received(len(body or b""))
        return Frame(identity, peer.user, peer.address, body, mono)
