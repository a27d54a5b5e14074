"""The gate: which keys may open a connection (ZAP, RFC 27).

Owns the ZAP socket, its thread, and how often an address may come. Does not know nicks, rooms or the roster: whom to
keep out it reads from `admission`, a picture that never changes and that the broker's thread replaces by another one.
At ROUTER every key that is not banned comes in as far as its `Hello`, which the core judges; at PUB only keys that have
a session. The gate puts the key's fingerprint on each frame as ``User-Id``, where no client can change it.

A client learns why from the status: 400 means no, 500 means not now.
"""

from __future__ import annotations

import contextlib
import ipaddress
import logging
import threading

import zmq

from ..common import clock
from ..common.clock import Now
from ..common.keys import KEY_BYTES, fingerprint
from .admission import Admission
from .policy import Policy
from .rates import Bucket

DOMAIN, PUB_DOMAIN = b"zchat", b"zchat.pub"
"""The ZAP domains of the two sockets."""
ZAP_ENFORCE_DOMAIN = 93
"""Socket option without a name in pyzmq: refuse everyone while no ZAP handler answers (zmq_setsockopt(3))."""
ADDRESSES = 10_000
"""Addresses remembered before those that have been quiet are forgotten."""

_log = logging.getLogger("zchat.gate")


class Gate:
    """A thread that answers libzmq's questions about who may connect."""

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], policy: Policy | None = None) -> None:
        self.admission = Admission()
        """Whom to keep out; may be replaced by another thread at any time."""
        self.full = False
        """Whether there are hardly any descriptors left; set by the broker's thread."""
        self.closing = False
        """Whether the broker goes down and takes nobody any more; set by the broker's thread."""
        self.answers: dict[str, int] = {}
        """How often each status was given; changed by the gate's thread alone."""
        self._openings = Openings(policy or Policy())
        self._socket = context.socket(zmq.REP)
        self._socket.linger = 0
        self._socket.bind("inproc://zeromq.zap.01")
        self._thread = threading.Thread(target=self._run, name="zchat-gate", daemon=True)

    def start(self) -> None:
        """Begin to answer; ends when the context is terminated."""
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether it answers."""
        return self._thread.is_alive()

    def _run(self) -> None:
        with contextlib.closing(self._socket):
            while True:
                try:
                    answer = self._answer(self._socket.recv_multipart())
                    status = answer[2].decode()
                    self.answers[status] = self.answers.get(status, 0) + 1
                    self._socket.send_multipart(answer)
                except zmq.ContextTerminated:
                    return

    def _answer(self, request: list[bytes]) -> list[bytes]:
        """What `judge` says; a refusal when it fails, since the gate must outlive any single question."""
        if self.closing:
            return [b"1.0", request[1] if len(request) > 1 else b"", b"500", b"the broker closes", b"", b""]
        try:
            return judge(request, self.admission, self._openings, clock.read(), full=self.full)
        except Exception:
            _log.exception("a question to the gate failed")
            # REP takes no other question before this one is answered.
            return [b"1.0", request[1] if len(request) > 1 else b"", b"500", b"the gate failed", b"", b""]


class Openings:
    """How often each address may open a connection; loopback as often as it likes."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._buckets: dict[str, Bucket] = {}

    def take(self, address: str, mono: float) -> bool:
        """Whether one more may be opened now."""
        origin = _origin(address)
        if origin is None:
            return True
        burst, rate = self._policy.connection_burst, self._policy.connection_rate
        if len(self._buckets) > ADDRESSES:
            self._buckets = {origin: b for origin, b in self._buckets.items() if b.level + (mono - b.at) * rate < burst}
        return self._buckets.setdefault(origin, Bucket(burst, mono)).take(1, burst, rate, mono)


def _origin(address: str) -> str | None:
    """What counts as one address: of IPv6 a /64, which is what one customer is given. None for loopback."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        parsed = parsed.ipv4_mapped or parsed
    if parsed.is_loopback:
        return None
    if parsed.version == 4:
        return str(parsed)
    return str(ipaddress.ip_network((parsed, 64), strict=False))


def judge(
    request: list[bytes], admission: Admission, openings: Openings, now: Now, *, full: bool = False
) -> list[bytes]:
    """The ZAP reply to a ZAP request; never raises, refuses what it does not understand."""
    number = request[1] if len(request) > 1 else b""

    def answer(status: bytes, text: bytes, user: str = "") -> list[bytes]:
        return [b"1.0", number, status, text, user.encode(), b""]

    match request:
        case [b"1.0", _, (b"zchat" | b"zchat.pub") as domain, address_, _, b"CURVE", key] if len(key) == KEY_BYTES:
            user, address = fingerprint(key), address_.decode("ascii", "replace")
            if admission.banned(user, address, now.wall):
                return answer(b"400", b"banned")
            # Who is here already, and the operator, are not kept out by the crowd behind the same address.
            known = user in admission.live or user == admission.operator
            if admission.locked_out(user, now) or not (known or (openings.take(address, now.mono) and not full)):
                return answer(b"500", b"too fast")
            if domain == PUB_DOMAIN and not admission.may_listen(user, address, now):
                return answer(b"400", b"say hello first")
            return answer(b"200", b"OK", user)
    return answer(b"400", b"only CURVE keys are known here")
