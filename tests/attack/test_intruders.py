"""Attempts to get in, to hear, or to speak where one does not belong, on a real broker's own ports; each must fail."""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import zmq

from zchat.common import messages as m, wire
from zchat.common.errors import Code
from zchat.common.keys import KeyPair
from zchat.common.names import OPERATOR

from ..peer import ENDED, IN, OUT, Ear, Peer, events_of, fate_of
from ..processes import PATIENCE, Broker

NEVER = 2**62
"""A sequence beyond every other."""


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Broker]]:
    """`start(*options, config="")`: a broker with a configuration."""
    with contextlib.ExitStack() as stack:

        def begin(*options: object, config: str = "") -> Broker:
            file = tmp_path / "config.toml"
            file.write_text(config)
            return stack.enter_context(Broker(tmp_path / "home", "--config", file, *options))

        yield begin


@pytest.fixture
def broker(start: Callable[..., Broker]) -> Broker:
    """A broker that lets everybody in."""
    return start()


@contextlib.contextmanager
def user(broker: Broker, nick: str, *, key: KeyPair | None = None, identity: bytes | None = None) -> Iterator[Peer]:
    """Somebody with a session."""
    with Peer(broker.link, key=key, identity=identity) as peer:
        peer.hello(nick, present=True)
        yield peer


@contextlib.contextmanager
def operator(broker: Broker) -> Iterator[Peer]:
    """Whoever holds the key in the broker's folder."""
    with user(broker, OPERATOR, key=KeyPair.load(broker.data / "operator.key")) as peer:
        yield peer


def say(peer: Peer, text: str, **where: str) -> m.Acked:
    """Say something; returns when it is stored."""
    peer.send(m.Say(id=secrets.token_hex(8), text=text, **where))
    return peer.receive(m.Acked)


def refusal(peer: Peer, command: m.Message) -> str:
    """The code with which a command is refused."""
    peer.send(command)
    return peer.receive(m.Refused).code


def administer(peer: Peer, **admin: object) -> m.Administered:
    """Give an operator's command."""
    peer.send(m.Admin(ref=7, **admin))  # type: ignore[arg-type]
    return peer.receive(m.Administered)


def wait_for_clock(peer: Peer, seconds: float) -> None:
    """Until the broker's own clock has gone on so far."""
    times: list[int] = []
    while not times or times[-1] <= times[0] + seconds * 1_000:
        peer.send(m.Inspect(ref=9))
        times.append(peer.receive(m.Report).time)


# --- reading --------------------------------------------------------------------------------------------------
def test_a_subscription_to_everything_hears_nothing_private(broker: Broker) -> None:
    """Who subscribes to every topic there is hears public rooms, and not a word of private rooms or messages."""
    with user(broker, "alice") as alice, user(broker, "bob"), user(broker, "eve") as eve:
        alice.send(m.Join(room="plans", private=True, ref=2))
        alice.receive(m.Entered)
        with Ear(broker.link, eve.key, b"", b"plans\0", b"@", b"p") as ear:
            ear.hears(m.Entries, alice)
            say(alice, "the secret plan", room="plans")
            say(alice, "for your eyes", to="bob")
            alice.send(m.Say(id="t", text="a secret topic", room="plans", kind="topic"))
            alice.receive(m.Acked)
            say(alice, "hello all", room="lobby")
            heard = ear.hears(m.Entries, alice)

    assert [entry.text for entries in heard for entry in entries.entries] == ["hello all"]
    assert {entries.room for entries in heard} == {"lobby"}


def test_a_private_room_cannot_be_read_by_who_knows_its_name(broker: Broker) -> None:
    """Joining, replaying, asking who is there: to a stranger a private room is no room, and its list shows none."""
    with user(broker, "alice") as alice, user(broker, "eve") as eve:
        alice.send(m.Join(room="plans", private=True, ref=2))
        alice.receive(m.Entered)
        say(alice, "the secret plan", room="plans")
        answers = [
            refusal(eve, m.Join(room="plans", ref=3, create=False)),
            refusal(eve, m.Replay(room="plans", ref=4, after=0)),
            refusal(eve, m.Replay(room="PLANS", ref=5, before=NEVER)),
            refusal(eve, m.Who(room="plans", ref=6)),
        ]
        nowhere = [
            refusal(eve, m.Join(room="nowhere", ref=3, create=False)),
            refusal(eve, m.Replay(room="nowhere", ref=4, after=0)),
            refusal(eve, m.Replay(room="NOWHERE", ref=5, before=NEVER)),
            refusal(eve, m.Who(room="nowhere", ref=6)),
        ]
        for command in (m.Join(room="plans", ref=7), m.Join(room="plans", ref=8, private=True)):
            assert refusal(eve, command) == Code.NOT_ALLOWED
        assert refusal(eve, m.Say(id="x", text="let me in", room="plans")) == Code.NOT_ALLOWED
        eve.send(m.Rooms(ref=9))
        listed = eve.receive(m.RoomList).rooms
        eve.send(m.Who(ref=10))
        people = eve.receive(m.Roster).users

    assert answers == nowhere == [Code.NO_SUCH_ROOM] * 4
    assert "plans" not in [info.room for info in listed]
    assert all("plans" not in person.rooms for person in people)
    assert not any("secret" in str(event) for event in eve.heard)


def test_others_private_messages_cannot_be_replayed(broker: Broker) -> None:
    """The hidden room of two people is closed to a third, whatever name is tried."""
    with user(broker, "alice") as alice, user(broker, "bob") as bob, user(broker, "eve") as eve:
        room = say(alice, "for your eyes", to="bob").acks[0].room
        assert room.startswith("@")
        for command in (m.Replay(room=room, after=0, ref=3), m.Join(room=room, after=0, ref=4)):
            assert refusal(eve, command) == Code.NO_SUCH_ROOM
        assert refusal(eve, m.Say(id="x", text="hi", room=room)) == Code.NO_SUCH_ROOM
        eve.send(m.Replay(to="bob", after=0, ref=5))
        assert eve.receive(m.Page).entries == []
        eve.send(m.Ping(seen={room: 0}, ref=6))
        assert eve.receive(m.Pong).heads == {}
        assert [entry.text for entry in bob.receive(m.Entries).entries] == ["for your eyes"]


def test_who_was_put_out_of_a_private_room_hears_no_more(broker: Broker) -> None:
    """From the removal on nothing more of the room comes, though the connection stays, and nothing can be replayed."""
    with user(broker, "alice") as alice, user(broker, "bob") as bob:
        alice.send(m.Join(room="plans", private=True, ref=2))
        alice.receive(m.Entered)
        say(alice, "before bob", room="plans")
        alice.send(m.Say(id="in", text="", room="plans", to="bob", kind="invite"))
        alice.receive(m.Acked)
        assert bob.receive(m.Invited).room == "plans"
        bob.send(m.Join(room="plans", ref=2, after=0))
        bob.receive(m.Entered)
        bob.send(m.Replay(room="plans", ref=3, after=0))
        assert "before bob" not in [entry.text for entry in bob.receive(m.Page).entries]
        say(alice, "while bob is here", room="plans")
        assert bob.receive(m.Entries).entries[0].text == "while bob is here"

        alice.send(m.Say(id="out", text="bye", room="plans", to="bob", kind="kick"))
        alice.receive(m.Acked)
        assert "alice" in bob.receive(m.Parted).reason
        say(alice, "after bob", room="plans")
        assert refusal(bob, m.Replay(room="plans", ref=4, after=0)) == Code.NO_SUCH_ROOM
        assert refusal(bob, m.Join(room="plans", ref=5, create=False)) == Code.NO_SUCH_ROOM
        bob.send(m.Ping(ref=6))
        assert bob.receive(m.Pong).heads == {}
        assert not any("after bob" in str(event) for event in bob.heard)


# --- speaking as another ----------------------------------------------------------------------------------------
def test_a_nick_does_not_go_to_another_key(broker: Broker) -> None:
    """Neither hello nor rename gives a key what another one owns, nor what looks like it."""
    with user(broker, "alice") as alice, user(broker, "eve") as eve, Peer(broker.link) as stranger:
        for nick in ("alice", "ALICE", "a1ice", "operator", "adm1n"):
            assert refusal(stranger, m.Hello(nick=nick, instance="i", ref=1)) in (Code.NICK_TAKEN, Code.NICK_INVALID)
            assert refusal(eve, m.Rename(nick=nick, ref=2)) in (Code.NICK_TAKEN, Code.NICK_INVALID)
        say(alice, "still me", room="lobby")


def test_another_ones_address_and_session_are_of_no_use(broker: Broker) -> None:
    """Who takes over the routing id and the instance of somebody who is there speaks and hears as themselves."""
    with user(broker, "alice") as alice:
        welcome = next(event for event in alice.heard if isinstance(event, m.Welcome))
        with user(broker, "victim", identity=b"mine") as victim, Peer(broker.link, identity=b"mine") as eve:
            eve.send(m.Hello(nick="alice", instance=welcome.session, ref=1))
            eve.send(m.Say(id="x", text="as victim", room="lobby"))
            say(alice, "to the victim", to="victim")
            assert victim.receive(m.Entries).entries[0].text == "to the victim"
            assert not eve.hears(0.2), "a second connection of a name that is in use is not served"
        with Peer(broker.link) as eve:
            eve.hello("eve")
            eve.send(m.Hello(nick="eve", instance=welcome.session, ref=2))
            assert eve.receive(m.Welcome).nick == "eve"
            say(eve, "who am I", room="lobby")
            eve.send(m.Replay(room="lobby", ref=3, after=0))
            assert {(e.nick, e.key) for e in eve.receive(m.Page).entries} == {("eve", eve.key.fingerprint)}


# --- coming in --------------------------------------------------------------------------------------------------
def test_nobody_comes_in_without_a_good_invitation(start: Callable[..., Broker]) -> None:
    """Without one, with one that is made up, used or expired: refused, and nothing can be asked or heard."""
    broker = start("--access", "invite")
    with operator(broker) as boss:
        good = administer(boss, verb="invite").invite
        brief = administer(boss, verb="invite", seconds=0.01).invite
        wait_for_clock(boss, 0.01)

        with Peer(broker.link) as stranger:
            for invite in ("", "aaaaaaaaaaaaaaaaaaaaaaaaaa", brief, good[:-1]):
                hello = m.Hello(nick="eve", instance="i", invite=invite, ref=1)
                assert refusal(stranger, hello) == Code.NOT_ALLOWED
            for command in (m.Rooms(ref=2), m.Who(ref=3), m.Replay(room="lobby", ref=4), m.Join(room="lobby", ref=5)):
                assert refusal(stranger, command) == Code.HELLO_FIRST
            with Ear(broker.link, stranger.key, b"") as ear:
                assert fate_of(ear.fate) == OUT
        with Peer(broker.link) as bob:
            bob.send(m.Hello(nick="bob", instance="i", invite=good, ref=1))
            bob.receive(m.Welcome)
            bob.send(m.Hello(nick="bob", instance="i", invite=good, ref=2))
            assert bob.receive(m.Welcome).ref == 2, "a lost welcome can be asked for again"
        with Peer(broker.link) as late:
            hello = m.Hello(nick="late", instance="i", invite=good, ref=1)
            assert refusal(late, hello) == Code.NOT_ALLOWED


def test_a_closed_broker_takes_no_invitation(start: Callable[..., Broker]) -> None:
    """Only a key that was allowed comes in, and no more once it is denied."""
    broker = start("--access", "closed")
    with operator(broker) as boss, Peer(broker.link) as bob:
        token = administer(boss, verb="invite").invite
        hello = m.Hello(nick="bob", instance="i", invite=token, ref=1)
        assert refusal(bob, hello) == Code.NOT_ALLOWED
        administer(boss, verb="allow", target=bob.key.fingerprint)
        bob.hello("bob")
        administer(boss, verb="deny", target="bob")
        assert bob.receive(m.Refused).code == Code.NOT_ALLOWED
        assert [fate_of(bob.fate), fate_of(bob.fate)] == [IN, ENDED]


def test_pub_is_closed_to_who_has_not_said_hello(broker: Broker) -> None:
    """A key without a session is refused at PUB, also one whose session has ended."""
    with Ear(broker.link, KeyPair.generate(), b"") as ear:
        assert fate_of(ear.fate) == OUT
    with user(broker, "alice") as alice:
        with Ear(broker.link, alice.key, b"") as ear:
            assert fate_of(ear.fate) == IN
        alice.send(m.Goodbye())
        alice.send(m.Ping(ref=2))
        assert alice.receive(m.Refused).code == Code.HELLO_FIRST
        with Ear(broker.link, alice.key, b"") as ear:
            assert fate_of(ear.fate) == OUT


# --- staying ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("by", ["nick", "key", "address"])
def test_a_ban_ends_what_is_there_and_keeps_it_out(broker: Broker, by: str) -> None:
    """Whoever is banned is told so and cut on both sockets, hears nothing that is said after it, and is not let in."""
    with operator(broker) as boss, user(broker, "eve") as eve, Ear(broker.link, eve.key, b"") as ear:
        ear.hears(m.Entries, boss)
        target = {"nick": "eve", "key": eve.key.fingerprint, "address": "127.0.0.0/8"}[by]
        administer(boss, verb="ban", target=target, reason="enough")
        assert "enough" in eve.receive(m.Refused).detail
        say(boss, "she is gone", room="lobby")
        assert [fate_of(eve.fate), fate_of(eve.fate)] == [IN, ENDED]
        assert [fate_of(ear.fate) for _ in range(3)] == [IN, ENDED, OUT]
        while ear.socket.poll(0):
            assert b"she is gone" not in ear.socket.recv_multipart()[1]
        with Peer(broker.link, key=eve.key) as again:
            assert fate_of(again.fate) == OUT

        administer(boss, verb="unban", target=target)
        with user(broker, "eve", key=eve.key) as back:
            say(back, "I am sorry", room="lobby")


def test_an_ordinary_user_cannot_give_orders(broker: Broker) -> None:
    """Every command of the operators is refused to who is none, and does nothing."""
    with user(broker, "alice") as alice, user(broker, "eve") as eve:
        for verb in ("allow", "deny", "kick", "ban", "unban", "op", "deop", "reset", "invite"):
            command = m.Admin(verb=verb, target="alice", ref=3)
            assert refusal(eve, command) == Code.NOT_ALLOWED
        say(alice, "still here", room="lobby")


def test_who_never_says_hello_is_cut(start: Callable[..., Broker]) -> None:
    """A connection with a key that says nothing, or nothing but nonsense, ends after its time; so does a silent SUB."""
    broker = start(config="[limits]\nhello_patience = 1\n")
    with Peer(broker.link) as silent, Peer(broker.link) as babbling, user(broker, "alice") as alice:
        babbling.send(b"\x01nonsense")
        with Ear(broker.link, alice.key) as ear:
            for monitor in (silent.fate, babbling.fate, ear.fate):
                assert [fate_of(monitor), fate_of(monitor)] == [IN, ENDED]
        say(alice, "not me", room="lobby")


def test_too_many_subscriptions_end_their_connection(start: Callable[..., Broker]) -> None:
    """One SUB may subscribe so often; what follows cuts it, also when it takes subscriptions back in between."""
    broker = start(config="[limits]\nsubscriptions = 50\n")
    with user(broker, "eve") as eve:
        for takes_back in (False, True):
            with Ear(broker.link, eve.key, kind=zmq.XSUB) as ear:
                assert fate_of(ear.fate) == IN
                for number in range(60):
                    ear.socket.send(b"\x01" + f"room-{number}\0".encode())
                    if takes_back:
                        ear.socket.send(b"\x00" + f"nothing-{number}\0".encode())
                assert fate_of(ear.fate) == ENDED


def test_a_flood_is_refused_then_cut_then_forgiven(start: Callable[..., Broker]) -> None:
    """Who sends far too fast, and goes on when told so, is shut out for a while; others talk on meanwhile."""
    broker = start(config="[limits]\nburst = 200\nrate = 100\n")
    with user(broker, "alice") as alice, user(broker, "eve") as eve:
        deadline = time.monotonic() + 3 * PATIENCE
        number = 0
        while not eve.fate.poll(0) or fate_of(eve.fate) != ENDED:
            for _ in range(500):
                number += 1
                with contextlib.suppress(zmq.Again):
                    eve.socket.send(wire.encode(m.Say(id=f"{number}", text="x", room="lobby")), zmq.NOBLOCK)
            while eve.socket.poll(0):
                for event in events_of(eve.socket.recv()):
                    assert isinstance(event, m.Acked | m.Refused)
                    assert isinstance(event, m.Acked) or event.code == Code.HELLO_FIRST or event.retry > 0
            assert time.monotonic() < deadline, "a flood goes on and on"
        say(alice, "quiet again", room="lobby")
        with Peer(broker.link, key=eve.key) as again:
            assert fate_of(again.fate) == OUT
    assert "floods" in broker.log
