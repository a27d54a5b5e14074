"""The gate: what ZAP is told about a connection, and so who is taken to speak."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
import zmq
from hypothesis import example, given, settings, strategies as st

from zchat.broker import gate
from zchat.broker.gate import DOMAIN, Gate, judge
from zchat.common.keys import KEY_BYTES, fingerprint

KEY = bytes(range(KEY_BYTES))


frames = st.sampled_from([b"", b"1.0", b"7", DOMAIN, b"CURVE", b"NULL", KEY, KEY[1:], KEY + b"x"]) | st.binary(
    max_size=40
)
"""Frames of a question, right and wrong ones."""


def question(mechanism: bytes = b"CURVE", domain: bytes = DOMAIN, *credentials: bytes) -> list[bytes]:
    """A question as libzmq puts it."""
    return [b"1.0", b"7", domain, b"192.0.2.7", b"identity", mechanism, *credentials]


def test_a_key_is_known_by_its_fingerprint() -> None:
    """The user id of a proven key is its fingerprint, whatever else the client says of itself."""
    assert judge(question(b"CURVE", DOMAIN, KEY)) == [b"1.0", b"7", b"200", b"OK", fingerprint(KEY).encode(), b""]


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
    assert judge(request_)[:3] == [b"1.0", b"7", b"400"]
    assert judge(request_)[4] == b""


@given(
    st.lists(frames, max_size=9)
    | st.tuples(st.just(b"1.0"), frames, frames, frames, frames, frames, st.binary(min_size=30, max_size=34)).map(list)
    | st.tuples(frames, frames, st.just(DOMAIN), frames, frames, st.just(b"CURVE"), frames).map(list)
)
@settings(deadline=None)
@example(question(b"CURVE", DOMAIN, KEY))
def test_any_question_is_answered(request_: list[bytes]) -> None:
    """Whatever the question, there is an answer to it; only a proven key of ours opens, under its fingerprint."""
    answer = judge(request_)
    proven = (
        len(request_) == 7
        and request_[0] == b"1.0"
        and request_[2] == DOMAIN
        and request_[5] == b"CURVE"
        and len(request_[6]) == KEY_BYTES
    )

    assert len(answer) == 6
    assert answer[:2] == [b"1.0", request_[1] if len(request_) > 1 else b""]
    assert answer[2] == (b"200" if proven else b"400")
    assert answer[4] == (fingerprint(request_[6]).encode() if proven else b"")


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
        assert ask(libzmq, request_) == judge(request_)


def test_the_gate_outlives_a_fault_of_its_own(
    libzmq: zmq.Socket[bytes], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A question at which `judge` fails is refused and logged, once, and the next one is answered as ever."""

    def fail(request: list[bytes]) -> list[bytes]:
        raise RuntimeError("a fault")

    monkeypatch.setattr(logging.getLogger("zchat"), "propagate", True)
    monkeypatch.setattr(gate, "judge", fail)
    for request_ in (question(b"CURVE", DOMAIN, KEY), [b"1.0"]):
        answer = ask(libzmq, request_)
        assert len(answer) == 6
        assert answer[1:3] == [b"7" if len(request_) > 1 else b"", b"500"]
        assert answer[4] == b""
    monkeypatch.setattr(gate, "judge", judge)

    assert ask(libzmq, question(b"CURVE", DOMAIN, KEY))[2] == b"200"
    assert len([record for record in caplog.records if record.name == "zchat.gate"]) == 2
