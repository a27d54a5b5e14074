"""What the faults have shown, each as the smallest test of it."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import pytest
import zmq
from zmq.utils import z85

from zchat.common import limits, messages as m, wire
from zchat.common.errors import ExitCode
from zchat.common.keys import KeyPair, Link

from ..broker.house import House, hello
from ..inside import run
from ..processes import ZCHAT, Broker, environment
from .ground import SmallDisk, Unable


def test_who_floods_and_hangs_up_does_not_end_the_broker(broker: Broker, home: Path) -> None:
    """Somebody sends more than the broker takes at once, heartbeats in between, and hangs up; the others go on."""
    link = Link.parse(broker.link)
    command = wire.encode(m.Ping(ref=1))
    for number in range(10):
        key = KeyPair.generate()
        with zmq.Context() as context, context.socket(zmq.DEALER) as peer:
            peer.linger = 0
            peer.curve_serverkey = z85.encode(link.key)
            peer.curve_publickey, peer.curve_secretkey = z85.encode(key.public), z85.encode(key.secret)
            peer.heartbeat_ivl, peer.heartbeat_timeout = 1, 60_000
            peer.connect(f"tcp://{link.place}")
            peer.send(wire.encode(m.Hello(nick=f"mallory{number}", instance="1", ref=1)))
            peer.recv()
            broker.process.send_signal(signal.SIGSTOP)  # as one that is busy for a moment, but surely
            for _ in range(100):
                for _ in range(30):
                    peer.send(command)
                peer.poll(1)
        broker.process.send_signal(signal.SIGCONT)
        answer = run(home, "ping")
        assert answer.returncode == 0, broker.log.splitlines()[-1]


def test_a_broker_that_stood_still_tells_nobody_that_people_came() -> None:
    """After a pause of the broker itself (SIGSTOP, a paused machine) all come back unannounced, as after a restart."""
    house = House()
    house.enter("alice", "bob")
    house.join("tea", "alice", "bob")
    house.tick()
    house.published.clear()

    house.advance(limits.SESSION_EXPIRY + 5)  # no tick comes: it is the broker that does not run
    house.tick()
    for user in ("alice", "bob"):
        house.send((user, hello(user, present=True)), (user, m.Join(room="tea", after=0, resumed=True)))

    assert [one.event for one in house.published if isinstance(one.event, m.Presence)] == []


def test_a_broker_on_a_full_disk_says_so(tmp_path: Path, home: Path) -> None:
    """A broker that is started where no byte fits names the disk as the cause, and what to do."""
    try:
        small = SmallDisk(tmp_path / "small", 1)
    except Unable as error:
        pytest.skip(str(error))
    *begin, script, folder = small.under
    filled = script.replace(" && exec", '; cat /dev/zero > "$0/ballast" 2>/dev/null; exec')
    done = subprocess.run(
        [*begin, filled, folder, ZCHAT, "broker", "--port", "0", "--data", folder / "data"],
        env=environment(home),
        capture_output=True,
        text=True,
        timeout=20,
    )

    assert done.returncode == ExitCode.OTHER
    assert done.stderr == f"zchat: The disk of {folder / 'data'} is full. Make room there, then start again.\n"
