"""Attacks that once worked, each kept as the test that failed."""

from __future__ import annotations

import contextlib
import itertools
import secrets
import sys
import time
from pathlib import Path

import pytest
import zmq

from zchat.common import limits, messages as m, wire

from ..peer import ENDED, IN, Ear, Peer, fate_of
from ..processes import PATIENCE, Broker, program
from .test_intruders import administer, operator, say, user

LITTLE = """
from zchat.common import limits
from zchat.common.cli import main

limits.PILE, limits.STRIKES = 1_000_000, 10**9
main()
"""
"""`zchat` where little may wait to be read, and nothing else shuts out."""


@pytest.fixture
def broker(tmp_path: Path) -> Broker:
    """A broker that lets everybody in."""
    return Broker(tmp_path / "home")


def test_what_is_no_subscription_ends_its_connection(broker: Broker) -> None:
    """ZMTP lets a subscriber send anything; whoever does is cut, and nobody else waits meanwhile."""
    with broker, user(broker, "alice") as alice, user(broker, "eve") as eve:
        with Ear(broker.link, eve.key, kind=zmq.XSUB) as ear:
            assert fate_of(ear.fate) == IN
            ear.socket.send(b"\x02x")
            assert fate_of(ear.fate) == ENDED
        say(alice, "all is well", room="lobby")


def test_a_flood_to_pub_holds_up_nobody(broker: Broker) -> None:
    """However fast one sends to PUB, others are answered, and the sender is shut out."""
    with broker, user(broker, "alice") as alice, user(broker, "eve") as eve:
        deadline = time.monotonic() + PATIENCE
        while "floods" not in broker.log and time.monotonic() < deadline:
            with Ear(broker.link, eve.key, kind=zmq.XSUB) as ear:
                if fate_of(ear.fate) != IN:
                    break
                while not ear.fate.poll(0) and time.monotonic() < deadline:
                    ear.socket.send(b"\x02" + b"x" * 100)
            alice.send(m.Ping(ref=7))
            assert alice.receive(m.Pong).ref == 7
    assert "floods" in broker.log


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what waits")
def test_who_sends_more_than_can_be_read_is_shut_out(tmp_path: Path) -> None:
    """Before it fills the broker's memory; others are answered."""
    little = program(tmp_path / "zchat", LITTLE)
    with Broker(tmp_path / "home", program=little) as broker, user(broker, "alice") as alice:
        with user(broker, "eve") as eve:
            says = [
                wire.encode(m.Say(id=str(number), text="x", room="lobby")) for number in range(limits.PACK_MESSAGES)
            ]
            (pack,) = wire.pack(says, limits.ROUTER_FRAME_BYTES)
            deadline = time.monotonic() + PATIENCE
            while not eve.fate.poll(0) or fate_of(eve.fate) != ENDED:
                assert time.monotonic() < deadline, "it goes on"
                with contextlib.suppress(zmq.Again):
                    eve.socket.send(pack, zmq.NOBLOCK)
        say(alice, "all is well", room="lobby")
        assert "floods" in broker.log


def test_ears_end_with_the_session(broker: Broker) -> None:
    """Who has said goodbye hears no more, however many subscriptions were left open."""
    with broker, user(broker, "alice") as alice, user(broker, "eve") as eve:
        ear = Ear(broker.link, eve.key, b"lobby\0", wire.BEACON_TOPIC)
        with ear:
            ear.hears(m.Entries, alice)
            eve.send(m.Goodbye())
            assert [fate_of(ear.fate), fate_of(ear.fate)] == [IN, ENDED]
            say(alice, "she is gone", room="lobby")
            while ear.socket.poll(0):
                assert b"she is gone" not in ear.socket.recv_multipart()[1]


def test_a_key_has_so_many_ears(broker: Broker) -> None:
    """A key's SUB connections are bounded by its sessions, and their topics by bytes."""
    with broker, user(broker, "eve") as eve:
        ears = [Ear(broker.link, eve.key, b"lobby\0") for _ in range(2 + limits.SPARE_EARS + 3)]
        try:
            deadline = time.monotonic() + PATIENCE
            ended: set[int] = set()
            while len(ended) < 3:
                assert time.monotonic() < deadline, "more are heard than there should be"
                for number, ear in enumerate(ears):
                    if ear.fate.poll(10) and fate_of(ear.fate) != IN:
                        ended.add(number)
        finally:
            for ear in ears:
                ear.__exit__()
        with Ear(broker.link, eve.key, kind=zmq.XSUB) as greedy:
            assert fate_of(greedy.fate) == IN
            deadline = time.monotonic() + PATIENCE
            for number in itertools.count():  # what its own queue has no room for is dropped, so go on
                greedy.socket.send(b"\x01" + f"{number:06}".encode() + b"x" * 240 + b"\0")
                if number % 100 == 0 and greedy.fate.poll(1):
                    break
                assert time.monotonic() < deadline, "it has more topics than it should"
            assert fate_of(greedy.fate) == ENDED


def test_a_return_address_is_not_inherited(broker: Broker) -> None:
    """Who takes the routing id of somebody who has just gone gets nothing of what is sent to them."""
    with broker, user(broker, "alice") as alice:
        with user(broker, "bob", identity=b"bobs-desk") as bob:
            key = bob.key
        with Peer(broker.link, identity=b"bobs-desk") as mallory:
            assert fate_of(mallory.fate) == IN
            for _ in range(5):
                alice.send(m.Say(id=secrets.token_hex(8), text="for bob alone", to="bob"))
                alice.receive(m.Acked)
            assert not mallory.hears(0.5)
        with user(broker, "bob", key=key) as bob:
            welcome = next(event for event in bob.heard if isinstance(event, m.Welcome))
            assert next(iter(welcome.private.values())).head == 5


def test_who_is_muted_does_not_speak_by_going(broker: Broker) -> None:
    """The words of a farewell are not read where one may not speak."""
    with broker, operator(broker) as boss, user(broker, "alice") as alice, user(broker, "eve") as eve:
        for number, peer in enumerate((alice, eve)):
            peer.send(m.Join(room="lobby", ref=number + 2))
            peer.receive(m.Entered)
        with Ear(broker.link, alice.key, b"lobby\0", wire.BEACON_TOPIC) as ear:
            ear.hears(m.Presence, alice)
            boss.send(m.Say(id="mute", text="", room="lobby", to="eve", kind="mute"))
            boss.receive(m.Acked)
            eve.send(m.Goodbye(reason="you cannot silence me"))
            deadline, gone = time.monotonic() + PATIENCE, list[m.Presence]()
            while not gone and time.monotonic() < deadline:
                gone = ear.hears(m.Presence, alice)

    assert [(each.nick, each.change, each.reason) for each in gone] == [("eve", "left", "")]


def test_a_ban_holds_when_descriptors_have_run_out(tmp_path: Path) -> None:
    """At the limit of descriptors connections can still be ended, and the operator still comes in."""
    resource = pytest.importorskip("resource")
    broker = Broker(tmp_path / "home")
    with broker, user(broker, "alice") as alice, operator(broker) as boss, user(broker, "eve") as eve:
        if not hasattr(resource, "prlimit"):
            pytest.skip("the limit of another process cannot be set here")
        used = len(list(Path(f"/proc/{broker.process.pid}/fd").iterdir()))
        resource.prlimit(broker.process.pid, resource.RLIMIT_NOFILE, (used + 4, used + 4))
        ears = [Ear(broker.link, eve.key, b"lobby\0") for _ in range(8)]
        try:
            in_ = [ear for ear in ears if ear.fate.poll(300) and fate_of(ear.fate) == IN]
            assert in_
            assert len(in_) < len(ears), "the limit was not reached"
            administer(boss, verb="ban", target="eve")
            say(alice, "she is gone", room="lobby")
            for ear in in_:
                assert fate_of(ear.fate) == ENDED
                while ear.socket.poll(0):
                    assert b"she is gone" not in ear.socket.recv_multipart()[1]
        finally:
            for ear in ears:
                ear.__exit__()


def test_another_text_is_not_taken_for_a_deleted_one(broker: Broker) -> None:
    """Under the id of a message that was deleted only that very message counts as a repeat."""
    with broker, user(broker, "alice") as alice:
        alice.send(m.Say(id="D1", text="one", room="lobby"))
        seq = alice.receive(m.Acked).acks[0].seq
        alice.send(m.Say(id="D2", text="", room="lobby", kind="delete", about=seq))
        alice.receive(m.Acked)
        alice.send(m.Say(id="D1", text="another", room="lobby"))
        assert alice.receive(m.Refused).code == "id_reused"
        alice.send(m.Say(id="D1", text="one", room="lobby"))
        assert alice.receive(m.Acked).acks[0].duplicate
