"""Where reading begins, and how what the library tells is printed."""

from __future__ import annotations

import datetime as dt

import pytest

from zchat.client import library_events as events
from zchat.client.rooms import UNREAD, Start
from zchat.common import messages as m
from zchat.common.errors import InputError


@pytest.mark.parametrize(
    ("since", "start"),
    [
        ("now", Start()),
        ("all", Start(after=0)),
        ("unread", UNREAD),
        (20, Start(last=20)),
        ("20", Start(last=20)),
        ("10m", Start(since=400_000)),
        (dt.timedelta(seconds=1), Start(since=999_000)),
        (dt.datetime(1970, 1, 1, 0, 0, 5, tzinfo=dt.UTC), Start(since=5_000)),
        ("01a1fee3-9cd1", Start(since_id="01a1fee3-9cd1")),
    ],
)
def test_where_to_begin(since: events.Since, start: Start) -> None:
    """Each way to say where a history is to begin."""
    assert events.start_of(since, 1_000_000) == start


@pytest.mark.parametrize("since", ["", "no such", -1, 2**40, None, 1.5])
def test_what_is_no_place_to_begin_is_refused(since: events.Since) -> None:
    """A mistake is told, not taken for the beginning."""
    with pytest.raises(InputError):
        events.start_of(since, 0)


def test_what_is_printed_does_nothing_to_a_terminal() -> None:
    """`str` of whatever is told shows control characters as signs."""
    bad = "a\x1b[2Jb"
    entry = m.Entry(seq=1, prev=0, id="i", time=0, nick=bad, key="k", text=f"{bad}\n{bad}", to=bad)
    told = [
        events.told(entry, bad, replay=False, key=""),
        events.told(entry, "@x", replay=False, key=""),
        events.told(
            m.Entry(seq=1, prev=0, id="i", time=0, nick=bad, key="k", text=bad, kind="topic"), bad, replay=False, key=""
        ),
        *(
            events.told(
                m.Entry(seq=1, prev=0, id="i", time=0, nick=bad, key="k", text=bad, kind=kind, choices=[bad]),
                bad,
                replay=False,
                key="",
            )
            for kind in ("ask", "answer")
        ),
        events.presence(m.Presence(room=bad, nick=bad, key="k", change=bad, time=0, reason=bad, old=bad), bad, key=""),
        events.Connected(bad, bad, True),
        events.Disconnected(bad),
        events.Removed(bad, bad),
        events.Invited(bad, bad),
        events.Renamed(bad, bad),
        events.Restarted(bad),
        events.NotKept(bad, 1),
    ]
    for event in told:
        assert "\x1b" not in str(event)
        assert "a" in str(event)
