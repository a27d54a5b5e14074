"""The gate: what ZAP is told about a connection, and so who is taken to speak."""

from __future__ import annotations

import functools
import logging
from collections.abc import Iterator

import pytest
import zmq
from hypothesis import example, given, settings, strategies as st

from zchat.broker import gate
from zchat.broker.admission import Admission, Keys, Network, network_of
from zchat.broker.gate import ADDRESSES, DOMAIN, PUB_DOMAIN, Gate, Openings, judge
from zchat.broker.policy import Policy
from zchat.common.clock import Now
from zchat.common.keys import KEY_BYTES, fingerprint

KEY = bytes(range(KEY_BYTES))
USER = fingerprint(KEY)
NOW = Now(1_000.0, 1_700_000_000_000)
LIVE = Admission(live=frozenset({USER}))


frames = st.sampled_from([b"", b"1.0", b"7", DOMAIN, b"CURVE", b"NULL", KEY, KEY[1:], KEY + b"x"]) | st.binary(
    max_size=40
)
"""Frames of a question, right and wrong ones."""


def question(
    mechanism: bytes = b"CURVE", domain: bytes = DOMAIN, *credentials: bytes, address: bytes = b"192.0.2.7"
) -> list[bytes]:
    """A question as libzmq puts it."""
    return [b"1.0", b"7", domain, address, b"identity", mechanism, *credentials]


def answer(request_: list[bytes], admission: Admission | None = None) -> list[bytes]:
    """What is judged of a first connection."""
    return judge(request_, admission or Admission(), Openings(Policy()), NOW)


def status(admission: Admission, domain: bytes = DOMAIN, address: str = "192.0.2.7") -> bytes:
    """The status for our key."""
    return answer(question(b"CURVE", domain, KEY, address=address.encode()), admission)[2]


def network(text: str) -> Network:
    """The network that is meant."""
    found = network_of(text)
    assert found is not None
    return found


def test_a_key_is_known_by_its_fingerprint() -> None:
    """The user id of a proven key is its fingerprint, whatever else the client says of itself."""
    assert answer(question(b"CURVE", DOMAIN, KEY)) == [b"1.0", b"7", b"200", b"OK", USER.encode(), b""]


@pytest.mark.parametrize(
    "request_",
    [
        question(b"NULL"),
        question(b"PLAIN", DOMAIN, b"alice", b"secret"),
        question(b"GSSAPI", DOMAIN, b"principal-of-thirty-two-letters!"),
        question(b"CURVE", b"", KEY),
        question(b"CURVE", b"other", KEY),
        question(b"CURVE", DOMAIN),
        question(b"CURVE", DOMAIN, KEY[1:]),
        question(b"CURVE", DOMAIN, KEY, b"more"),
        [b"2.0", *question(b"CURVE", DOMAIN, KEY)[1:]],
    ],
    ids=repr,
)
def test_everything_else_is_refused(request_: list[bytes]) -> None:
    """Without a key, in another domain or in another form nobody comes in, and has no user id."""
    assert answer(request_)[:3] == [b"1.0", b"7", b"400"]
    assert answer(request_)[4] == b""


# --- who is kept out ------------------------------------------------------------------------------------------
def test_only_sessions_listen() -> None:
    """PUB takes the keys that have a session, ROUTER everybody as far as their hello."""
    assert status(LIVE, PUB_DOMAIN) == status(LIVE) == status(Admission()) == b"200"
    assert status(Admission(), PUB_DOMAIN) == b"400"


@pytest.mark.parametrize("until", [0, NOW.wall + 1])
def test_a_banned_key_stays_out(until: int) -> None:
    """At both sockets, for good or until the ban ends."""
    banned = Admission(keys={USER: until}, live=frozenset({USER}))

    assert [status(banned, domain) for domain in (DOMAIN, PUB_DOMAIN)] == [b"400", b"400"]
    assert status(Admission(keys={"another": until})) == b"200"


def test_bans_end() -> None:
    """At its very end a ban holds no more, of a key and of a network."""
    over = Admission({USER: NOW.wall}, ((network("192.0.2.0/24"), NOW.wall),), {USER: NOW.mono}, frozenset({USER}))

    assert [status(over, domain) for domain in (DOMAIN, PUB_DOMAIN)] == [b"200", b"200"]


@pytest.mark.parametrize(
    ("banned", "address", "kept_out"),
    [
        ("192.0.2.7", "192.0.2.7", True),
        ("192.0.2.7", "192.0.2.70", False),
        ("192.0.2.0/24", "192.0.2.255", True),
        ("192.0.2.99/24", "192.0.2.7", True),
        ("192.0.2.0/24", "192.0.3.7", False),
        ("192.0.2.7", "::ffff:192.0.2.7", True),
        ("::ffff:192.0.2.7", "192.0.2.7", True),
        ("::ffff:c000:200/120", "192.0.2.7", True),
        ("2001:db8::/64", "2001:db8::1:2:3:4", True),
        ("2001:db8::/64", "2001:db8:0:1::1", False),
        ("2001:db8::1", "2001:DB8:0:0::1", True),
        ("fe80::1", "fe80::1%eth0", True),
        ("::1", "192.0.2.7", False),
        ("192.0.2.0/24", "2001:db8::1", False),
        ("192.0.2.0/24", "", False),
        ("192.0.2.0/24", "nonsense", False),
    ],
)
def test_networks_are_kept_out(banned: str, address: str, kept_out: bool) -> None:
    """Whoever comes from there, in whichever way libzmq writes the address."""
    admission = Admission(networks=((network(banned), 0),), live=frozenset({USER}))

    assert status(admission, DOMAIN, address) == (b"400" if kept_out else b"200")
    assert status(admission, PUB_DOMAIN, address) == (b"400" if kept_out else b"200")


def test_nothing_bans_the_operators_key() -> None:
    """Neither a ban of the key nor of the network it comes from, so that a mistake can be undone."""
    everything = (network("192.0.2.0/24"), 0), (network("::/1"), 0)
    admission = Admission({USER: 0}, everything, live=frozenset({USER}), operator=USER)

    assert [status(admission, domain) for domain in (DOMAIN, PUB_DOMAIN)] == [b"200", b"200"]


@pytest.mark.parametrize("domain", [DOMAIN, PUB_DOMAIN])
def test_who_floods_waits(domain: bytes) -> None:
    """A key that is locked out is told to come later, which is another status than a ban."""
    assert status(Admission(floods={USER: NOW.mono + 1}, live=frozenset({USER})), domain) == b"500"


# --- how often an address may come ----------------------------------------------------------------------------
def comings(openings: Openings, *addresses: str, mono: float = NOW.mono) -> list[bool]:
    """Whether each of these connections may be opened."""
    return [openings.take(address, mono) for address in addresses]


def test_an_address_opens_so_many_connections() -> None:
    """After a burst it waits, while others come in; the more time passes, the more it may again."""
    openings = Openings(Policy(connection_burst=3, connection_rate=2))

    assert comings(openings, *["192.0.2.7"] * 4, "192.0.2.8") == [True, True, True, False, True]
    assert comings(openings, *["192.0.2.7"] * 3, mono=NOW.mono + 1) == [True, True, False]
    assert comings(openings, *["192.0.2.7"] * 4, mono=NOW.mono + 99) == [True, True, True, False]


def test_a_fast_address_is_told_to_come_later() -> None:
    """The gate's answer to it has a status of its own."""
    openings = Openings(Policy(connection_burst=1))
    answers = [judge(question(b"CURVE", DOMAIN, KEY), Admission(), openings, NOW)[2] for _ in range(2)]

    assert answers == [b"200", b"500"]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8::1", "2001:db8::ffff:1:2:3", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("192.0.2.7", "::ffff:192.0.2.7", True),
        ("192.0.2.7", "192.0.2.8", False),
        ("fe80::1%eth0", "fe80::1%eth1", True),
    ],
)
def test_what_counts_as_one_address(one: str, other: str, same: bool) -> None:
    """Of IPv6 a /64, which one customer has; IPv4 counts as itself, however it is written."""
    assert comings(Openings(Policy(connection_burst=1)), one, other) == [True, not same]


@pytest.mark.parametrize("address", ["127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1"])
def test_loopback_is_never_too_fast(address: str) -> None:
    """All users of this machine come from there."""
    assert all(comings(Openings(Policy(connection_burst=1)), *[address] * 20))


def test_many_addresses_are_forgotten() -> None:
    """However many addresses come, no more are remembered than have come lately; those that wait still wait."""
    openings = Openings(Policy(connection_burst=2, connection_rate=1))
    for number in range(3 * ADDRESSES):
        openings.take(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", NOW.mono + number / 1_000)
    assert comings(openings, *["192.0.2.7"] * 3, mono=NOW.mono + 30) == [True, True, False]

    assert len(openings._buckets) <= ADDRESSES + 1
    assert comings(openings, "10.200.0.1", "192.0.2.7", mono=NOW.mono + 30) == [True, False]


@given(
    st.lists(frames, max_size=9)
    | st.tuples(st.just(b"1.0"), frames, frames, frames, frames, frames, st.binary(min_size=30, max_size=34)).map(list)
    | st.tuples(frames, frames, st.just(DOMAIN), frames, frames, st.just(b"CURVE"), frames).map(list)
)
@settings(deadline=None)
@example(question(b"CURVE", DOMAIN, KEY))
def test_any_question_is_answered(request_: list[bytes]) -> None:
    """Whatever the question, there is an answer to it; only a proven key of ours opens, under its fingerprint."""
    answered = answer(request_)
    proven = (
        len(request_) == 7
        and request_[0] == b"1.0"
        and request_[2] == DOMAIN
        and request_[5] == b"CURVE"
        and len(request_[6]) == KEY_BYTES
    )

    assert len(answered) == 6
    assert answered[:2] == [b"1.0", request_[1] if len(request_) > 1 else b""]
    assert answered[2] == (b"200" if proven else b"400")
    assert answered[4] == (fingerprint(request_[6]).encode() if proven else b"")


# --- the thread -----------------------------------------------------------------------------------------------
@pytest.fixture
def libzmq() -> Iterator[zmq.Socket[bytes]]:
    """The end at which libzmq puts its questions to a running gate."""
    with zmq.Context() as context:
        running = Gate(context)
        running.start()
        with context.socket(zmq.REQ) as asking:
            asking.linger = 0
            asking.connect("inproc://zeromq.zap.01")
            yield asking
        context.term()
        running._thread.join(timeout=10)
        assert not running._thread.is_alive()


def ask(libzmq: zmq.Socket[bytes], frames: list[bytes]) -> list[bytes]:
    """The gate's answer to a question."""
    libzmq.send_multipart(frames)
    assert libzmq.poll(10_000), "the gate does not answer"
    return libzmq.recv_multipart()


def test_the_gate_answers_one_question_after_another(libzmq: zmq.Socket[bytes]) -> None:
    """Its thread says what `judge` says, after refusals too, and ends with its context."""
    for request_ in (question(b"CURVE", DOMAIN, KEY), question(b"NULL"), [b""], question(b"CURVE", DOMAIN, KEY)):
        assert ask(libzmq, request_) == answer(request_)


def test_the_gate_outlives_a_fault_of_its_own(
    libzmq: zmq.Socket[bytes], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A question at which `judge` fails is refused and logged, once, and the next one is answered as ever."""

    def fail(request: list[bytes], *_: object) -> list[bytes]:
        raise RuntimeError("a fault")

    monkeypatch.setattr(logging.getLogger("zchat"), "propagate", True)
    monkeypatch.setattr(gate, "judge", fail)
    for request_ in (question(b"CURVE", DOMAIN, KEY), [b"1.0"]):
        answered = ask(libzmq, request_)
        assert len(answered) == 6
        assert answered[1:3] == [b"7" if len(request_) > 1 else b"", b"500"]
        assert answered[4] == b""
    monkeypatch.setattr(gate, "judge", judge)

    assert ask(libzmq, question(b"CURVE", DOMAIN, KEY))[2] == b"200"
    assert len([record for record in caplog.records if record.name == "zchat.gate"]) == 2


def opened(admission: Admission, *, times: int, full: bool = False, key: bytes = KEY) -> list[bytes]:
    """The statuses of connections that one key opens one after the other from one address."""
    openings = Openings(Policy(connection_burst=2, connection_rate=0.001))
    asked = question(b"CURVE", DOMAIN, key)
    return [judge(asked, admission, openings, NOW, full=full)[2] for _ in range(times)]


@pytest.mark.parametrize("admission", [LIVE, Admission(operator=USER)], ids=["has a session", "the operator"])
def test_who_is_known_is_not_kept_out_by_a_crowd(admission: Admission) -> None:
    """Who has a session, and the operator, come in past a spent budget of their address and without descriptors."""
    assert opened(admission, times=5) == [b"200"] * 5
    assert opened(admission, times=2, full=True) == [b"200"] * 2


def test_who_is_unknown_waits_for_the_crowd() -> None:
    """Anybody else may open as many as the budget of their address has, and none when descriptors run out."""
    assert opened(Admission(), times=4) == [b"200", b"200", b"500", b"500"]
    assert opened(Admission(), times=2, full=True) == [b"500", b"500"]


def test_the_gate_is_told_of_one_more_and_one_less() -> None:
    """Of very many who come and go, each picture has those of its moment, and stays as it is."""
    keys = [f"key{number}" for number in range(1_000)]
    none, many = Keys(), functools.reduce(Keys.plus, [*keys, *keys], Keys())
    fewer = functools.reduce(Keys.minus, keys[::2], many).minus("nobody")

    assert [len(none), len(many), len(fewer)] == [0, 1_000, 500]
    assert list(filter(many.__contains__, keys)) == keys
    assert list(filter(fewer.__contains__, keys)) == keys[1::2]
