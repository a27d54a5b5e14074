"""What goes out, in order, whatever happens to a part of it."""

from __future__ import annotations

import contextlib

import zmq

from zchat.broker.actions import Publish, Reply, Report
from zchat.broker.connections import Connections
from zchat.broker.gate import Gate
from zchat.broker.outgoing import Outgoing
from zchat.broker.watching import Watch
from zchat.common import messages as m, wire
from zchat.common.clock import Now

from .house import NOW, House

PATIENCE = 10_000
"""Milliseconds."""


def fail(question: m.Inspect, numbers: bool, now: Now) -> m.Report:
    """A report that cannot be made."""
    raise RuntimeError("a fault")


def test_a_fault_keeps_nothing_else_back() -> None:
    """What was to go out after it does, broadcasts and replies, and the fault is logged."""
    with (
        zmq.Context() as context,
        context.socket(zmq.ROUTER) as router,
        context.socket(zmq.XPUB) as pub,
        context.socket(zmq.DEALER) as alice,
        context.socket(zmq.SUB) as ear,
        contextlib.closing(Connections(context, router)) as speakers,
        contextlib.closing(Connections(context, pub)) as listeners,
    ):
        for sock in (router, pub, alice, ear):
            sock.linger, sock.rcvtimeo = 0, PATIENCE
        router.router_mandatory = 1
        router.bind("inproc://router")
        pub.bind("inproc://pub")
        alice.routing_id = b"alice"
        alice.connect("inproc://router")
        ear.connect("inproc://pub")
        ear.subscribe(wire.BEACON_TOPIC)
        assert pub.recv()[1:] == wire.BEACON_TOPIC
        watch = Watch(lambda _: ("", ""))
        house, gate = House(), Gate(context)
        outgoing = Outgoing(router, pub, speakers, listeners, gate, house.core, watch, listen=lambda: None, report=fail)
        reply = Reply((b"alice",), m.Pong(ref=1))
        tell = Report(b"alice", m.Inspect(ref=2), numbers=False)
        outgoing.send([tell, Publish(wire.BEACON_TOPIC, m.Beacon(time=1)), tell, reply], NOW)

        assert wire.decode_events(alice.recv()) == [m.Pong(ref=1)]
        assert wire.decode_event(ear.recv_multipart()[1]) == m.Beacon(time=1)
        assert [trouble.event for trouble in watch.troubles] == ["fault"]
        house.history.close()
        gate._socket.close()
