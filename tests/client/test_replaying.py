"""An export said again: what of it, when, and as what."""

from __future__ import annotations

from zchat.client.replaying import Replayer, beats
from zchat.common import messages as m
from zchat.common.exported import ExportedRoom

from .test_programs import Play

ROOM = ExportedRoom("lobby", False, "", [])


def entry(seq: int, time: int, text: str, kind: str = "message") -> m.Entry:
    """One that was said at a millisecond."""
    return m.Entry(seq=seq, prev=seq - 1, id=f"i{seq}", time=time, nick="alice", key="k", text=text, kind=kind)


def test_the_rhythm_is_that_of_the_room() -> None:
    """Pauses are as they were, by the speed; none is too long, or negative for a clock that stepped back."""
    entries = [entry(1, 10_000, "a"), entry(2, 14_000, "b"), entry(3, 13_000, "c"), entry(4, 9_000_000, "d")]

    assert list(beats([ROOM, *entries], 2, 60)) == [
        (0.0, "message a"),
        (2.0, "message b"),
        (0.0, "message c"),
        (60.0, "message d"),
    ]


def test_only_what_was_said_is_said_again() -> None:
    """Nobody is banned, nothing deleted and no topic set by it; the pause goes on over them."""
    kinds = ["message", "topic", "ask", "answer", "ban", "delete", "deleted", "me"]
    entries = [entry(seq, seq * 1_000, kind, kind) for seq, kind in enumerate(kinds, 1)]

    assert list(beats(entries, 1, 60)) == [(0.0, "message message"), (7.0, "me me")]


def test_a_line_is_a_message_of_its_kind() -> None:
    """Whatever it begins with, and however many lines it has."""
    play = Play(lambda core: Replayer(core, room="lobby", to=None, text=None))
    for line in ("message /me is\nhere", "me waves"):
        play.do(play.program.line(line, play.shell.now))
    said = [(say.kind, say.text) for say in play.shell.sent(m.Say) if isinstance(say, m.Say)]

    assert said == [("message", "/me is\nhere"), ("me", "waves")]
