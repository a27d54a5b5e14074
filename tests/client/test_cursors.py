"""The cursor file: what is in it, when it is written, and which ones are refused."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from zchat.client import actions as a
from zchat.client.core import ClientCore
from zchat.client.cursors import CursorFile
from zchat.client.output import Reader
from zchat.client.rooms import Start, Stopped
from zchat.client.tailing import Tailer
from zchat.common import messages as m
from zchat.common.errors import InputError, ZchatError

from .test_programs import Play

BROKER = "fingerprint"


class Clock:
    """A clock that a test sets."""

    seconds = 100.0

    def __call__(self) -> float:
        """The time."""
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    """The file's clock."""
    return Clock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the file is to be."""
    return tmp_path / "cursors"


def reached(history: str = "h", **seqs: int) -> a.Reached:
    """So far it has come."""
    return a.Reached(history, seqs)


def content(path: Path) -> dict[str, object]:
    """What the file says."""
    found = json.loads(path.read_text())
    assert isinstance(found, dict)
    return found


# --- what is in it --------------------------------------------------------------------------------------------
def test_the_file_is_made_with_all_that_the_next_run_needs(path: Path) -> None:
    """Only its owner reads it."""
    file = CursorFile(path, BROKER)
    assert file.stopped == Stopped()
    file.write([reached(lobby=7)])
    file.close()

    assert content(path) == {"broker": BROKER, "history": "h", "rooms": {"lobby": 7}, "private": False}
    assert path.stat().st_mode & 0o777 == 0o600
    assert CursorFile(path, BROKER).stopped == Stopped("h", {"lobby": 7})


def test_nothing_is_written_before_there_is_something_to_note(path: Path) -> None:
    """A run that never reached its broker leaves no file."""
    file = CursorFile(path, BROKER)
    file.write([a.Print("no broker", aside=True)])
    file.close()

    assert not path.exists()


def test_rooms_that_are_not_asked_for_are_kept(path: Path) -> None:
    """What moves is what is followed; it may move back."""
    for seqs in ({"lobby": 7, "den": 3}, {"lobby": 4}):
        file = CursorFile(path, BROKER)
        file.write([reached(**seqs)])
        file.close()

    assert content(path)["rooms"] == {"lobby": 4, "den": 3}


def test_another_history_begins_anew_for_every_room(path: Path) -> None:
    """A sequence of the former one would pass over entries of this one."""
    file = CursorFile(path, BROKER)
    file.write([reached(lobby=7, den=3), reached("new"), reached("new", lobby=2)])
    file.close()

    assert (content(path)["history"], content(path)["rooms"]) == ("new", {"lobby": 2, "den": 0})


def test_that_private_messages_were_followed_is_remembered(path: Path) -> None:
    """Whoever is not in the file had written nothing, then; a run without them does not change that."""
    known = []
    for private in (True, False, True):
        file = CursorFile(path, BROKER, private=private)
        known.append(file.had_private)
        file.write([reached(lobby=len(known))])
        file.close()

    assert known == [False, True, True]


# --- which are refused ----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[]",
        b'{"broker": "fingerprint"}',
        b'{"broker": "fingerprint", "history": "", "rooms": {}}',
        b'{"broker": "fingerprint", "history": "h", "rooms": {"lobby": -1}}',
        b'{"broker": "fingerprint", "history": "h", "rooms": {"lobby": "7"}}',
    ],
)
def test_a_damaged_file_is_refused(path: Path, data: bytes) -> None:
    """In a sentence, and it stays as it is."""
    path.write_bytes(data)
    with pytest.raises(InputError, match="is damaged"):
        CursorFile(path, BROKER)

    assert path.read_bytes() == data


def test_a_file_of_another_broker_is_refused(path: Path) -> None:
    """Its sequences mean nothing here."""
    path.write_text('{"broker": "other", "history": "h", "rooms": {}}')
    with pytest.raises(InputError, match="belongs to another broker"):
        CursorFile(path, BROKER)


def test_a_file_without_a_folder_is_refused(tmp_path: Path) -> None:
    """At once, not when it is to be written."""
    with pytest.raises(InputError, match="There is no folder"):
        CursorFile(tmp_path / "missing" / "cursors", BROKER)


# --- when it is written ---------------------------------------------------------------------------------------
def test_it_is_written_once_a_second(path: Path, clock: Clock) -> None:
    """However much comes; and what came last is written though nothing follows. Where a room begins, at once."""
    file = CursorFile(path, BROKER, clock=clock)
    for seq in range(1, 6):
        file.write([reached(lobby=seq)])
    assert content(path)["rooms"] == {"lobby": 1}
    file.write([reached(den=7)])  # where a room begins is told by nothing else
    assert content(path)["rooms"] == {"lobby": 5, "den": 7}
    file.write([reached(lobby=6)])
    assert content(path)["rooms"] == {"lobby": 5, "den": 7}
    clock.seconds += 1
    file.write([reached(lobby=6)])

    assert content(path)["rooms"] == {"lobby": 6, "den": 7}


def test_a_file_that_cannot_be_written_is_told_once(
    tmp_path: Path, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    """The lines go on; at the end it is an error."""
    folder = tmp_path / "folder"
    folder.mkdir()
    file = CursorFile(folder / "cursors", BROKER, clock=clock)
    folder.rmdir()
    folder.write_text("in the way")
    for seq in range(3):
        file.write([a.Print(f"line {seq}"), reached(lobby=seq)])
        clock.seconds += 1
    told = capsys.readouterr()
    assert told.out == "line 0\nline 1\nline 2\n"
    assert told.err.count("cannot be written") == 1
    with pytest.raises(ZchatError, match="cannot be written"):
        file.close()


# --- what the reader of a pipe has taken ----------------------------------------------------------------------
@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """Both ends of a pipe."""
    ends = os.pipe()
    yield ends
    for end in ends:
        try:
            os.close(end)
        except OSError:
            continue


def test_what_is_left_in_a_pipe_was_not_taken(pipe: tuple[int, int]) -> None:
    """It is when it has been read, and never will be when the reader goes."""
    reading, writing = pipe
    reader = Reader(writing)
    assert reader.has_taken_all(0)
    os.write(writing, b"one")
    assert not reader.has_taken_all(0)
    os.read(reading, 2)
    assert not reader.has_taken_all(0)
    os.read(reading, 2)
    assert reader.has_taken_all(0)
    os.write(writing, b"two")
    os.close(reading)
    with pytest.raises(BrokenPipeError):
        reader.has_taken_all(0)


def test_a_reader_that_goes_has_taken_what_it_read(pipe: tuple[int, int]) -> None:
    """The pipe is empty: that it has no reader shows at the next line."""
    reading, writing = pipe
    os.write(writing, b"one")
    os.read(reading, 10)
    os.close(reading)

    assert Reader(writing).has_taken_all(0)


def test_what_the_reader_left_is_not_noted(path: Path, pipe: tuple[int, int]) -> None:
    """Of what was written to a pipe only what was read counts, if its reader goes."""
    reading, writing = pipe
    file = CursorFile(path, BROKER, pipe=writing)
    file.write([reached(lobby=1)])
    os.write(writing, b"two\n")
    file.write([reached(lobby=2)])
    os.close(reading)
    file.close()

    assert content(path)["rooms"] == {"lobby": 1}


def test_what_a_living_reader_will_read_is_noted_at_the_end(path: Path, pipe: tuple[int, int]) -> None:
    """A signal that ends the writer takes nothing out of the pipe."""
    _, writing = pipe
    file = CursorFile(path, BROKER, pipe=writing)
    os.write(writing, b"one\n")
    file.write([reached(lobby=1)])
    assert file.rooms == {}
    file.close()

    assert content(path)["rooms"] == {"lobby": 1}


# --- what a tail tells of it ----------------------------------------------------------------------------------
def tail(core: ClientCore, *, keep: bool = True) -> Tailer:
    """`zchat tail --cursor`."""
    return Tailer(core, rooms=["lobby"], start=Start(after=0), follow=True, json=False, keep=keep)


def entry(seq: int) -> m.Entry:
    """Something of two lines was said."""
    return m.Entry(seq=seq, prev=seq - 1, id=f"i{seq}", time=0, nick="bob", key="bob", text="one\ntwo")


def test_after_each_entry_a_tail_tells_how_far_it_is() -> None:
    """Behind its last line; without a cursor file it tells nothing."""
    for keep, expected in ((True, [a.Print, a.Print, a.Reached]), (False, [a.Print, a.Print])):
        play = Play(lambda core, keep=keep: tail(core, keep=keep))  # type: ignore[misc]
        actions = play.program.notice(a.Heard("lobby", entry(4), True), play.shell.now)

        assert [type(action) for action in actions] == expected
        assert actions[2:] == [a.Reached("h", {"lobby": 4})][: len(expected) - 2]


def test_where_a_tail_begins_is_told_though_nothing_is_printed() -> None:
    """An empty beginning is one, too: the next run goes on from there. It is told before any line of the room."""
    play = Play(tail)
    entered = m.Entered(room="lobby", name="lobby", head=9, after=4)
    assert play.program.notice(a.InRoom(entered), play.shell.now) == [a.Reached("h", {"lobby": 4})]
    (join,) = play.shell.sent(m.Join)
    assert isinstance(join, m.Join)
    play.hear(m.Entered(room="lobby", name="lobby", head=9, after=9, ref=join.ref))

    assert play.program.tick(play.shell.now) == [a.Reached("h", {"lobby": 9})]


def test_a_reader_that_was_slow_is_not_taken_for_a_silent_broker() -> None:
    """Who was held up by the output could not hear the broker either."""
    play = Play(lambda core: Tailer(core, rooms=["lobby"], start=Start(), follow=False, json=False))
    play.wait(1)
    play.shell.mono += 60
    play.do(play.program.tick(play.shell.now))
    assert play.ended is None
    play.wait(11)

    assert play.ended is not None
