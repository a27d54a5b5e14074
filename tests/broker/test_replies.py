"""What leaves by ROUTER: together what was made together, and nobody's loss is another's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import zmq

from zchat.broker.replies import Replies
from zchat.broker.watching import Watch
from zchat.common import limits, messages as m, wire

PATIENCE = 10_000
"""Milliseconds."""


@dataclass
class Door:
    """A ROUTER with alice and bob at it, and who was found gone."""

    replies: Replies
    watch: Watch
    peers: dict[bytes, zmq.Socket[bytes]]
    gone: list[bytes]
    ended: set[bytes]

    def frames(self, name: bytes) -> list[list[m.Message]]:
        """What has come to somebody, frame by frame, up to a last word to them."""
        self.replies.send()
        self.replies.add((name,), m.Closing(), 0.0)
        self.replies.send()
        frames = []
        while frames[-1:] != [[m.Closing()]]:
            assert self.peers[name].poll(PATIENCE)
            frames.append(wire.decode_events(self.peers[name].recv()))
        return frames[:-1]


@pytest.fixture
def door() -> Iterator[Door]:
    """The sockets without keys, in this process."""
    with zmq.Context() as context, context.socket(zmq.ROUTER) as router:
        router.linger, router.router_mandatory, router.sndhwm = 0, 1, 4
        router.bind("inproc://router")
        peers = {}
        for name in (b"alice", b"bob"):
            peer = peers[name] = context.socket(zmq.DEALER)
            peer.linger, peer.routing_id, peer.rcvhwm = 0, name, 4
            peer.connect("inproc://router")
        gone: list[bytes] = []
        watch = Watch(lambda _: ("", ""))
        ended: set[bytes] = set()
        yield Door(Replies(router, watch, ended, gone.append), watch, peers, gone, ended)
        for peer in peers.values():
            peer.close()


def test_replies_of_one_group_are_one_frame(door: Door) -> None:
    """To each all that is for them, in order."""
    door.replies.add((b"alice",), m.Pong(ref=1), 0.0)
    door.replies.add((b"alice", b"bob"), m.Renamed(nick="n"), 0.0)
    door.replies.add((b"alice",), m.Pong(ref=2), 0.0)

    assert door.frames(b"alice") == [[m.Pong(ref=1), m.Renamed(nick="n"), m.Pong(ref=2)]]
    assert door.frames(b"bob") == [[m.Renamed(nick="n")]]


def test_what_does_not_fit_goes_on_in_the_next_frame(door: Door) -> None:
    """A frame stays under its limit, unless it is a single event."""
    for ref in range(1, 4):
        door.replies.add((b"bob",), m.Parted(room="r", reason="x" * (limits.FRAME_BYTES // 2), ref=ref), 0.0)

    assert [[event.ref for event in frame] for frame in door.frames(b"bob")] == [[1], [2], [3]]  # type: ignore[attr-defined]
    assert door.watch.metrics.frames_sent == 4


def test_who_is_gone_costs_the_others_nothing(door: Door) -> None:
    """Whoever is no longer there is told of once, and the others get theirs."""
    door.replies.add((b"carol", b"bob"), m.Parted(room="r", reason="x" * limits.FRAME_BYTES), 0.0)
    door.replies.add((b"carol",), m.Pong(), 0.0)

    assert len(door.frames(b"bob")) == 1
    assert door.gone == [b"carol"]


def test_who_does_not_read_loses_frames_and_stays(door: Door) -> None:
    """Frames for which there is no room are counted as dropped; the connection is not taken for gone."""
    for _ in range(20):
        door.replies.add((b"alice",), m.Pong(), 0.0)
        door.replies.send()

    assert 0 < door.watch.metrics.dropped < 20
    assert door.gone == []
    assert door.frames(b"bob") == []


def test_a_name_whose_connection_has_ended_gets_nothing(door: Door) -> None:
    """Another connection may have it by now, for which the reply was not meant."""
    door.ended.add(b"alice")
    door.replies.add((b"alice", b"bob"), m.Renamed(nick="n"), 0.0)
    assert door.frames(b"bob") == [[m.Renamed(nick="n")]]

    door.ended.clear()
    assert door.frames(b"alice") == []
