"""What the server does, counted and told: numbers for `metrics`, records for the log.

Owns what is worth a line and how often. Does not know the rules of chat (`core`) nor where numbers and records go. Runs
in the broker's thread, on the way of every message: what is done here for each of them is a handful of additions.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence

from ..common import messages as m
from .actions import Log
from .history import NotStored
from .logs import Background
from .metrics import Metrics

logging.getLogger("zchat").addHandler(logging.NullHandler())  # who embeds a broker decides where its log goes
log = logging.getLogger("zchat.broker")
message_log = logging.getLogger("zchat.messages")

SLOW_COMMIT = 0.1
"""Seconds after which a commit is told."""
STALL = 1.0
"""Seconds after which a turn of the loop is told."""
TROUBLES = 20
"""Warnings that are kept for operators who ask, and of each so many characters."""
TROUBLE_CHARACTERS = 300
AGAIN = 60.0
"""Seconds in which the same refusal of the same key is told once, and that nothing can be stored."""

Who = Callable[[bytes], tuple[str, str]]
"""The key and the nick behind an identity; empty when there is no session."""


def tell(text: str, event: str, *, level: int = logging.INFO, **fields: object) -> None:
    """Write a record: text for people, event and fields for machines."""
    log.log(level, "%s", text, extra={"event": event, "fields": fields})


class Watch:
    """Looks at what passes; `who` tells whose connection it is."""

    def __init__(self, who: Who) -> None:
        self.metrics = Metrics()
        self.troubles: deque[m.Trouble] = deque(maxlen=TROUBLES)
        """The last warnings, the newest at the end."""
        self._who = who
        self._slow: dict[bytes, int] = {}
        """Replies that were dropped since the last tick, for whom."""
        self._gaps: dict[bytes, tuple[int, int]] = {}
        """Gaps, and entries in them, that were filled since it was told last."""
        self._gaps_told = 0.0
        self._refused: dict[tuple[str, str], tuple[float, int]] = {}
        """(Key, code) → when it was told, and how often it has come since."""
        self._failure_told, self._failures = -AGAIN, 0
        """When it was told that nothing can be stored, and how often it could not since."""

    # --- what passes ------------------------------------------------------------------------------------------
    def received(self, size: int) -> None:
        """A frame came in."""
        self.metrics.frames_received += 1
        self.metrics.bytes_received += size

    def replied(self, event: m.Event, identities: Sequence[bytes], size: int, since: float) -> None:
        """An event goes out by ROUTER; `since` is when what it answers came, in monotonic seconds."""
        metrics = self.metrics
        metrics.bytes_sent += len(identities) * size
        match event:
            case m.Acked(acks=acks):
                known = sum(ack.duplicate for ack in acks)
                metrics.duplicates += known
                metrics.messages += len(acks) - known
                metrics.deliveries += sum(ack.delivered for ack in acks if not ack.duplicate)
                metrics.ack_seconds.observe(time.monotonic() - since, len(acks))
            case m.Refused():
                metrics.refusals[event.code] = metrics.refusals.get(event.code, 0) + 1
                self._tell_refusal(event, identities[0])
            case m.Page():
                metrics.replays += 1
                metrics.replayed += len(event.entries)
            case m.Entries() | m.Presence():
                self._tell(event)

    def published(self, event: m.Event, size: int) -> None:
        """An event goes out by PUB."""
        self.metrics.frames_published += 1
        self.metrics.bytes_published += size
        self._tell(event)

    def committed(self, changes: int, seconds: float, error: NotStored | None) -> None:
        """A batch of changes is on the disk, or could not be stored."""
        metrics = self.metrics
        metrics.storing = error is None
        if error is not None:
            metrics.commits_failed += 1
            self._tell_failure(str(error))
            self._keep(str(error), "not_stored")
            return
        metrics.commit_seconds.observe(seconds)
        metrics.commit_changes.observe(changes)
        if seconds > SLOW_COMMIT:
            millis = round(seconds * 1_000)
            text = f"a commit of {changes} changes took {millis} ms: the disk is slow or busy"
            self._warn(text, "slow_commit", ms=millis, changes=changes)

    def dropped(self, identity: bytes) -> None:
        """A reply found no room: its reader is too slow."""
        self.metrics.dropped += 1
        self._slow[identity] = self._slow.get(identity, 0) + 1

    def repaired(self, identity: bytes, entries: int) -> None:
        """What somebody had missed was sent to them again."""
        self.metrics.gaps += 1
        self.metrics.gap_entries += entries
        gaps, before = self._gaps.get(identity, (0, 0))
        self._gaps[identity] = gaps + 1, before + entries

    def logged(self, action: Log) -> None:
        """The core tells the operator something."""
        if action.warning:
            self._warn(action.text, action.event, **action.fields)
        else:
            tell(action.text, action.event, **action.fields)  # type: ignore[arg-type]  # no field is called level

    # --- time -------------------------------------------------------------------------------------------------
    def turned(self, began: float) -> None:
        """The loop has done all that one look at the network brought."""
        self.metrics.turned = now = time.monotonic()
        took = now - began
        self.metrics.turn_seconds.observe(took)
        if took > STALL:
            text = f"the broker was busy for {took:.1f} s and heard nobody meanwhile"
            self._warn(text, "stall", ms=round(took * 1_000))

    def tick(self, mono: float) -> None:
        """Tell who reads too slowly, and who went on being refused."""
        self.metrics.log_lost = sum(
            each.lost for each in logging.getLogger("zchat").handlers if isinstance(each, Background)
        )
        for identity, count in self._slow.items():
            key, nick = self._who(identity)
            text = f"{count} replies to {nick or 'somebody'} ({key}) were dropped: too slow a reader, replay will help"
            self._warn(text, "slow_reader", user=key, nick=nick, frames=count)
        self._slow.clear()
        if mono - self._gaps_told > AGAIN:
            self._gaps_told = mono
            self._tell_gaps()
        for (key, code), (at, count) in list(self._refused.items()):
            if mono - at > AGAIN:
                del self._refused[key, code]
                if count:
                    text = f"{key} was refused {count} times more: {code}"
                    self._warn(text, "refused", user=key, code=code, times=count)

    def _tell_gaps(self) -> None:
        gaps, self._gaps = self._gaps, {}
        for identity, (count, entries) in gaps.items():
            key, nick = self._who(identity)
            if key:
                text = f"{nick} ({key}) had missed {entries} messages in {count} gaps, and got them by replay"
                tell(text, "repaired", user=key, nick=nick, gaps=count, entries=entries)

    def _warn(self, text: str, event: str, **fields: object) -> None:
        """Write a warning, and keep it."""
        tell(text, event, level=logging.WARNING, **fields)
        self._keep(text, event)

    def _keep(self, text: str, event: str) -> None:
        if event == "fault":
            text = "a mistake in zchat; the log has it"  # a traceback may hold what somebody said
        text = " ".join(text.split())[:TROUBLE_CHARACTERS]
        if self.troubles and (self.troubles[-1].event, self.troubles[-1].text) == (event, text):
            self.troubles.pop()  # the same again
        self.troubles.append(m.Trouble(time=time.time_ns() // 1_000_000, event=event, text=text))

    def _tell_failure(self, reason: str) -> None:
        """A full disk is tried again every second, for days perhaps: its log must not grow by each of them."""
        mono = time.monotonic()
        if mono - self._failure_told < AGAIN:
            self._failures += 1
            return
        since = f" Since the last line about it {self._failures} times more." if self._failures else ""
        tell(f"{reason}{since}", "not_stored", level=logging.ERROR, times=self._failures + 1)
        self._failure_told, self._failures = mono, 0

    # --- words ------------------------------------------------------------------------------------------------
    def _tell_refusal(self, refused: m.Refused, identity: bytes) -> None:
        key, nick = self._who(identity)
        if not key:
            return  # who has no session is told of by the core, with their address
        known = self._refused.get((key, refused.code))
        if known is not None:
            self._refused[key, refused.code] = known[0], known[1] + 1
            return
        self._refused[key, refused.code] = time.monotonic(), 0
        text = f"{nick} ({key}) was refused ({refused.code}): {refused.detail}"
        self._warn(text, "refused", user=key, nick=nick, code=refused.code, reason=refused.detail)

    def _tell(self, event: m.Event) -> None:
        match event:
            case m.Presence(change="joined" | "left" as change):
                why = f" ({event.reason})" if event.reason else ""
                text = f"{event.nick} {change} {event.room}{why}"
                tell(text, change, user=event.key, nick=event.nick, room=event.room, reason=event.reason)
            case m.Entries() if message_log.isEnabledFor(logging.INFO):
                for entry in event.entries:
                    fields: Mapping[str, object] = {
                        "room": event.room,
                        "nick": entry.nick,
                        "user": entry.key,
                        "seq": entry.seq,
                        "kind": entry.kind,
                        "message": entry.text,
                    }
                    words = event.room, entry.nick, entry.text
                    message_log.info("[%s] %s: %s", *words, extra={"event": "message", "fields": fields})
