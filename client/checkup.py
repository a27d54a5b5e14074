"""What `zchat doctor` finds out once the broker can be talked to, and how its findings look.

Owns these checks and what is normal. Does not know the checks of this machine and of the network (`doctor`). Pure;
used by the receive thread alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from ..common import limits, messages as m, wire
from ..common.clock import Now
from ..common.errors import ZchatError
from ..common.json_line import json_line
from ..common.text import clean
from .actions import Action, Answer, Connected, End, Notice
from .core import ClientCore
from .programs import Quiet

State = Literal["ok", "warn", "fail"]

PINGS = 5
SLOW = 200.0
"""Milliseconds of a round trip from which on people notice it."""
SKEW = 2.0
"""Seconds by which two clocks may differ."""
HEARING = 3 * limits.BEACON_INTERVAL
"""Seconds in which a beacon must come."""
TELLING = limits.REQUEST_AFTER + 1.0
"""Seconds in which a broker that knows the question tells its version."""
OLDEST_LIBZMQ = (4, 3, 5)


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check has come to."""

    check: str
    state: State
    detail: str
    error: ZchatError | None = None
    """What the command ends with, when this is the first that failed."""

    @property
    def line(self) -> str:
        """For people."""
        state = self.state.upper() if self.state == "fail" else self.state
        return f"{state:<4}  {self.check:<9}  {clean(self.detail)}"

    @property
    def json(self) -> str:
        """For programs."""
        value = {"v": 1, "check": self.check, "state": self.state, "detail": self.detail}
        return json_line(value)


Tell = Callable[[Finding], None]


def failed(check: str, error: ZchatError) -> Finding:
    """A check that failed by this error."""
    return Finding(check, "fail", str(error), error)


class Checkup(Quiet):
    """Looks at a broker that lets us in; `tell` hears what it finds, `deaf` the port of a PUB that is not heard."""

    def __init__(
        self,
        core: ClientCore,
        tell: Tell,
        deaf: Callable[[int], None],
        *,
        version: str,
        libzmq: str,
        timeout: float | None = None,
    ) -> None:
        super().__init__(core, timeout=timeout)
        self._tell, self._deaf = tell, deaf
        self._version, self._libzmq = version, libzmq
        self._began: float | None = None
        self._asked = 0.0
        self._trips: list[float] = []
        self._versions_told = False
        self._hearing_told = False

    def notice(self, notice: Notice, now: Now) -> list[Action]:
        """The welcome, the pongs, the report."""
        match notice:
            case Connected(welcome, False):
                return self._welcomed(welcome, now)
            case Answer(event=m.Pong()):
                return self._ponged(now)
            case Answer(event=m.Report() as report):
                self._tell_versions(versions(self._version, self._libzmq, report))
                return []
        return super().notice(notice, now)

    def tick(self, now: Now) -> list[Action]:
        """End when all is known, or will not be."""
        if self._began is None:
            return super().tick(now)
        waited = now.mono - self._began
        if not self._versions_told and waited > TELLING:
            detail = "The broker does not tell its version: it is older than this client. Update it when it suits."
            self._tell_versions(Finding("versions", "warn", detail))
        if not self._hearing_told and self.core.hears:
            self._hearing_told = True
            self._tell(Finding("pub", "ok", "what is said in public rooms comes at once"))
        known = len(self._trips) == PINGS and self._versions_told
        welcome = self.core.welcome
        if known and (self._hearing_told or waited > HEARING * (welcome.pace if welcome is not None else 1)):
            if not self._hearing_told and welcome is not None:
                self._deaf(welcome.pub)
            return [*self.core.leave(), End()]
        return super().tick(now)

    def _welcomed(self, welcome: m.Welcome, now: Now) -> list[Action]:
        self._began = self._asked = now.mono
        self._tell(Finding("handshake", "ok", "the connection is encrypted, and the broker has the key of its link"))
        self._tell(Finding("access", "ok", f"{welcome.broker} lets in {welcome.nick}"))
        self._tell(clock(welcome.time, now.wall))
        return [*self.core.ask(m.Inspect(), now), *self.core.ask(m.Ping(), now)]

    def _ponged(self, now: Now) -> list[Action]:
        self._trips.append((now.mono - self._asked) * 1_000)
        self._asked = now.mono
        if len(self._trips) < PINGS:
            return self.core.ask(m.Ping(), now)
        self._tell(latency(self._trips))
        return []

    def _tell_versions(self, finding: Finding) -> None:
        if not self._versions_told:
            self._versions_told = True
            self._tell(finding)


def clock(theirs: int, ours: int) -> Finding:
    """Whether the broker's clock and this one agree, in milliseconds since 1970."""
    ahead = (ours - theirs) / 1_000
    if abs(ahead) <= SKEW:
        return Finding("clock", "ok", f"this clock and the broker's agree within {max(abs(ahead), 0.1):.1f} s")
    way = "ahead of" if ahead > 0 else "behind"
    detail = f"This clock is {abs(ahead):,.1f} s {way} the broker's: times and --since are off. Set both by NTP."
    return Finding("clock", "warn", detail)


def latency(trips: Sequence[float]) -> Finding:
    """Whether answers come as quickly as people expect."""
    middle = sorted(trips)[len(trips) // 2]
    told = f"{middle:.1f} ms there and back, at most {max(trips):.1f} ms"
    if middle < SLOW:
        return Finding("latency", "ok", told)
    return Finding(
        "latency", "warn", f"It takes {told}. Look at the network, or whether the broker is busy (zchat top)."
    )


def versions(ours: str, our_libzmq: str, report: m.Report) -> Finding:
    """Whether both sides are of one version, and their libzmq new enough."""
    told = (
        f"zchat {ours} here, {report.version} there; libzmq {our_libzmq} here, {report.libzmq} there;"
        f" protocol {wire.VERSION}"
    )
    old = [where for where, libzmq in (("here", our_libzmq), ("there", report.libzmq)) if _is_old(libzmq)]
    if old:
        return Finding("versions", "warn", f"{told}. libzmq is old {' and '.join(old)}: install pyzmq 26 or newer.")
    if ours != report.version:
        return Finding("versions", "warn", f"{told}. They get on; update the older side when it suits.")
    return Finding("versions", "ok", told)


def _is_old(libzmq: str) -> bool:
    try:
        return tuple(map(int, libzmq.split("."))) < OLDEST_LIBZMQ
    except ValueError:
        return False
