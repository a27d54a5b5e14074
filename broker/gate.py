"""The gate: which keys may open a connection (ZAP, RFC 27).

Owns the ZAP socket and its thread. Does not know nicks, rooms or the roster. Every key comes in as far as its
`Hello`, which the core judges; the gate's work is to put the key's fingerprint on each frame as ``User-Id``, where
no client can change it.
"""

from __future__ import annotations

import contextlib
import logging
import threading

import zmq

from ..common.keys import KEY_BYTES, fingerprint

DOMAIN = b"zchat"
ZAP_ENFORCE_DOMAIN = 93
"""Socket option without a name in pyzmq: refuse everyone while no ZAP handler answers (zmq_setsockopt(3))."""

_log = logging.getLogger("zchat.gate")


class Gate:
    """A thread that answers libzmq's questions about who may connect."""

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]]) -> None:
        self._socket = context.socket(zmq.REP)
        self._socket.linger = 0
        self._socket.bind("inproc://zeromq.zap.01")
        self._thread = threading.Thread(target=self._run, name="zchat-gate", daemon=True)

    def start(self) -> None:
        """Begin to answer; ends when the context is terminated."""
        self._thread.start()

    def _run(self) -> None:
        with contextlib.closing(self._socket):
            while True:
                try:
                    request = self._socket.recv_multipart()
                    self._socket.send_multipart(_answer(request))
                except zmq.ContextTerminated:
                    return


def _answer(request: list[bytes]) -> list[bytes]:
    """What `judge` says; a refusal when it fails, since the gate must outlive any single question."""
    try:
        return judge(request)
    except Exception:
        _log.exception("a question to the gate failed")
        # REP takes no other question before this one is answered.
        return [b"1.0", request[1] if len(request) > 1 else b"", b"500", b"the gate failed", b"", b""]


def judge(request: list[bytes]) -> list[bytes]:
    """The ZAP reply to a ZAP request; never raises, refuses what it does not understand."""
    number = request[1] if len(request) > 1 else b""
    match request:
        case [b"1.0", _, domain, _, _, b"CURVE", key] if domain == DOMAIN and len(key) == KEY_BYTES:
            return [b"1.0", number, b"200", b"OK", fingerprint(key).encode(), b""]
    return [b"1.0", number, b"400", b"only CURVE keys are known here", b"", b""]
