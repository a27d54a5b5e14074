"""The session of one client at its broker: as whom it comes, whether it is in, and when it dials or says hello again.

Owns these. Does not know what is said once it is in (`core`), nor how a broker is dialled (`connection`). Pure; used by
the receive thread alone.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field

from msgspec.structs import replace

from ..common import limits, messages as m, names
from ..common.errors import InputError
from .rooms import Start, Stopped


@dataclass(frozen=True, slots=True)
class Profile:
    """What kind of client this is."""

    nick: str
    instance: str
    agent: str
    present: bool = False
    private: Start | None = None
    """Where to begin in private messages; None: not wanted."""
    bot: bool = False
    """A program speaks here, not a person; it gets no history unless it asks."""
    invite: str = ""
    """The token of an invitation, shown with every hello; it counts while the key is not known."""
    stopped: Stopped = field(default_factory=Stopped)
    brokers: int = 1
    """How many brokers of this chat are known, which are dialled in turn."""


class Session:
    """The session, again and again; times are monotonic seconds, `random` returns so many random bytes."""

    def __init__(self, profile: Profile, random: Callable[[int], bytes]) -> None:
        self.profile = profile
        self.welcome: m.Welcome | None = None
        """The last welcome; kept while the broker is away."""
        self.live = False
        """We are in."""
        self.hello_ref = 0
        """The ref of the last hello."""
        self._hello_at: float | None = None
        """When it was said, while it has no answer."""
        self.dial_at: float | None = None
        """When the broker is to be dialled; None while it is, or need not be."""
        self._random = random
        self._failures = 0
        self._turned_away = False
        """Since we were last in, the broker said that it does not let us in for now, and that was told."""

    def hello(self, ref: int, now: float) -> m.Hello:
        """The first words of a connection; until they are answered we are not in."""
        self.live, self.hello_ref, self._hello_at = False, ref, now
        profile = self.profile
        return m.Hello(
            nick=profile.nick,
            instance=profile.instance,
            agent=profile.agent,
            present=profile.present,
            private=profile.private is not None,
            invite=profile.invite,
            bot=profile.bot,
            ref=ref,
        )

    def hello_overdue(self, now: float) -> bool:
        """Whether the last hello should have been answered by now."""
        return self._hello_at is not None and now - self._hello_at > limits.REQUEST_AFTER

    def welcomed(self, welcome: m.Welcome) -> bool:
        """We are in, if this answers the last hello."""
        if self._hello_at is None or welcome.ref != self.hello_ref:
            return False
        self.welcome = welcome
        self.live, self._hello_at, self._failures, self._turned_away = True, None, 0, False
        return True

    def lost(self, now: float, pause: float) -> bool:
        """The connection failed or broke: dial after a while (exponential, with jitter) and a pause; were we in?

        Where there are several brokers the next is tried soon, and the while grows when all of them have been.
        """
        was_live = self.live
        self.shut_out()
        ceiling = min(limits.BACKOFF_CAP, limits.BACKOFF_FIRST * 2 ** min(self._failures // self.profile.brokers, 10))
        self._failures += 1
        self.dial_at = now + pause + ceiling * (0.5 + self._random(1)[0] / 510)
        return was_live

    def dial(self, now: float) -> bool:
        """Whether it is time to dial; then it is done."""
        if self.dial_at is None or now < self.dial_at:
            return False
        self.dial_at = None
        return True

    def shut_out(self) -> None:
        """We are not in, and wait for no answer."""
        self.live, self._hello_at = False, None

    def turned_away(self) -> bool:
        """The broker does not let us in for now; whether that is new."""
        told, self._turned_away = self._turned_away, True
        return not told

    def pause_after(self, closing: m.Closing) -> float:
        """Seconds for which a broker that goes down is left alone; none where there is another one to go to.

        As it says, and a share of our own so that not all come at once.
        """
        pause = closing.retry * (1 + self._random(1)[0] / 255) if self.profile.brokers == 1 else 0.0
        return min(pause, limits.RETRY_CAP)

    def renamed(self, nick: str) -> str | None:
        """The broker calls us so from now on; the next hello does, too. The old nick; None for what is no news."""
        old = self.profile.nick
        if nick == old or not _is_nick(nick):
            return None
        self.profile = dataclasses.replace(self.profile, nick=nick)
        if self.welcome is not None:
            self.welcome = replace(self.welcome, nick=nick)
        return old


def _is_nick(text: str) -> bool:
    """Whether it can be what we are called, whoever says so: it becomes the name of a file."""
    try:
        return names.parse_nick(text) == text
    except InputError:
        return False
