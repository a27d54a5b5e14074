"""The words of the protocol behind one door: commands (client → broker), events (broker → client), and their parts.

Owns what is said of a message that this version does not know. Does not know how messages become bytes (`wire`). They
are frozen structs that are validated while they are decoded. `docs/protocol.md` tells the same for people; a test
compares the two. Pure; any thread.
"""

from __future__ import annotations

from .commands import (
    Admin as Admin,
    Away as Away,
    Command as Command,
    Goodbye as Goodbye,
    Hello as Hello,
    Inspect as Inspect,
    Join as Join,
    Part as Part,
    Ping as Ping,
    Rename as Rename,
    Replay as Replay,
    Rooms as Rooms,
    Say as Say,
    Search as Search,
    Who as Who,
)
from .events import (
    Absence as Absence,
    Acked as Acked,
    Administered as Administered,
    Beacon as Beacon,
    Closing as Closing,
    Entered as Entered,
    Entries as Entries,
    Event as Event,
    Invited as Invited,
    Matches as Matches,
    Page as Page,
    Parted as Parted,
    Pong as Pong,
    Presence as Presence,
    Refused as Refused,
    Renamed as Renamed,
    Report as Report,
    RoomList as RoomList,
    Roster as Roster,
    Welcome as Welcome,
)
from .parts import (
    Ack as Ack,
    AdminVerb as AdminVerb,
    Choice as Choice,
    Entry as Entry,
    EntryKind as EntryKind,
    Latency as Latency,
    Match as Match,
    Message as Message,
    MessageId as MessageId,
    Millis as Millis,
    Nick as Nick,
    Numbers as Numbers,
    PrivateHead as PrivateHead,
    Ref as Ref,
    RoomInfo as RoomInfo,
    Ruling as Ruling,
    Seq as Seq,
    Text as Text,
    Trouble as Trouble,
    UserInfo as UserInfo,
    Value as Value,
)


class Unknown(Message, frozen=True):
    """A message of a kind that this version does not know; by the forward rule it is ignored."""

    kind: str
