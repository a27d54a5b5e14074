"""What goes out: replies by ROUTER, broadcasts by PUB, records for the log, and the end of connections.

Owns the order in which that happens, and which names are nobody's any more. Does not know why (`core`), nor what is
stored first (`flow`). Runs in the broker's thread.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

import zmq

from ..common import messages as m, wire
from ..common.clock import Now
from .actions import Action, Cut, Log, Publish, Repaired, Reply, Report
from .connections import Connections
from .core import Core
from .faults import fault
from .gate import Gate
from .replies import Replies
from .watching import Watch


class Outgoing:
    """The way out of one broker.

    `listen` takes in who subscribes, and `report` makes what an operator asked for.
    """

    def __init__(
        self,
        router: zmq.Socket[bytes],
        pub: zmq.Socket[bytes],
        speakers: Connections,
        listeners: Connections,
        gate: Gate,
        core: Core,
        watch: Watch,
        *,
        listen: Callable[[], None],
        report: Callable[[m.Inspect, bool, Now], m.Report],
    ) -> None:
        self._pub = pub
        self._speakers = speakers
        self._listeners = listeners
        self._gate = gate
        self._core = core
        self._watch = watch
        self._listen = listen
        self._report = report
        self._leaving: list[bytes] = []
        """Identities of connections that are gone, of which ROUTER may still hold a last word."""
        self._ended: set[bytes] = set()
        """Names of connections that have ended since nothing was under way: what is for them is for nobody else."""
        self._condemned: list[Cut] = []
        """Whose ROUTER connections end at the next tick; nothing that comes over them is heard any more."""
        self._replies = Replies(router, watch, self._ended, self._leaving.append)

    def send(self, actions: list[Action], now: Now) -> None:
        """Carry out what stores and reads nothing, in order."""
        if not actions:
            return
        # First of all: whom a welcome sends to PUB must be let in there.
        self._gate.admission = self._core.admission
        # Before any reply: the name of a connection that has ended may be another one's by now.
        self._look_who_left()
        listened = False
        for action in actions:
            try:
                match action:
                    case Reply(identities, event):
                        self._replies.add(identities, event, now.mono)
                    case Report(identity, question, numbers):
                        self._replies.add((identity,), self._report(question, numbers, now), now.mono)
                    case Publish(topic, event):
                        if not listened:
                            # libzmq looks at new subscriptions only now and then while sending; this makes it look.
                            self._listen()
                            listened = True
                        body = wire.encode(event)
                        self._pub.send_multipart([topic, body])
                        self._watch.published(event, len(body))
                    case Log():
                        self._watch.logged(action)
                    case Repaired(identity, entries):
                        self._watch.repaired(identity, entries)
                    case Cut():
                        self._replies.send()
                        self._listeners.cut(action)
                        if action.at_once:
                            self._speakers.cut(action)
                        else:
                            self._condemned.append(action)
            except zmq.ContextTerminated:
                raise
            except Exception:  # a fault of ours: what comes after it goes out all the same
                self._watch.logged(fault())
        self._replies.send()

    def end_condemned(self) -> None:
        """End the connections of those who have had time to read why."""
        for cut in self._condemned:
            self._speakers.cut(cut)
        self._condemned.clear()

    # --- who is gone ------------------------------------------------------------------------------------------
    def take_leaving(self) -> list[bytes]:
        """The identities of connections that are gone; once ROUTER holds nothing more, they are `hung_up`."""
        self._look_who_left()
        leaving, self._leaving[:] = list(self._leaving), []
        return leaving

    def still_leaving(self, identities: Iterable[bytes]) -> None:
        """ROUTER may still hold something of theirs."""
        self._leaving += identities

    def hung_up(self, identities: Iterable[bytes], now: Now) -> None:
        """All that came from them has been judged."""
        for identity in identities:
            if not self._speakers.is_there(identity):  # nor another one by that name
                self._core.disconnect(identity, now)

    def rest(self) -> None:
        """Nothing is under way that could be for somebody who has gone."""
        self._ended.clear()

    def _look_who_left(self) -> None:
        self._speakers.watch(time.monotonic())
        self._leaving += self._speakers.ended
        self._ended.update(self._speakers.ended)
        self._speakers.ended.clear()
