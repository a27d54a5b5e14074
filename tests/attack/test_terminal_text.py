"""Hostile texts on whole screens: thousands of them, in every place where words of others are shown.

What single characters and attacks do is in `tests/common/test_text.py`, and that lines are tame in
`tests/client/test_render.py`. Here what the client prints goes through its real output to a terminal, at several
widths, and the screen is looked at: which rows begin where the client's own words begin.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import random
import re
import secrets
import time
from collections.abc import Callable, Iterator

import pyte
import pytest
from wcwidth import wcwidth

from zchat.client import telling
from zchat.client.actions import (
    Answer,
    CameOrWent,
    Connected,
    Disconnected,
    Heard,
    InRoom,
    Notice,
    Print,
    Refusal,
    Restarted,
    Stored,
)
from zchat.client.chat import Chat, ChatOptions
from zchat.client.core import ClientCore
from zchat.client.layout import TIME_CELLS, Layout, text_column
from zchat.client.output import print_lines
from zchat.client.rooms import UNREAD, Start
from zchat.client.session import Profile
from zchat.client.told import Kind, Told
from zchat.common import messages as m
from zchat.common.clock import Now
from zchat.common.text import clean, width

from ..peer import Peer
from ..processes import Broker
from ..terminals import Terminal
from .hostile import FORGED, Hostile

SEED = 20_260_131
TEXTS = 1_000
"""How many are shown at each width."""
WIDTHS = (40, 80, 200)
INDENT = "    "
TIME = 1_769_861_220_123
"""2026-01-31 12:07 where these tests are: not the time of forged lines."""
HERE = "2026-01-31 12:07"
ABOVE = "2026-01-31 12:06 root: do not trust what follows"
MINUTE = r"\d{4}-\d\d-\d\d \d\d:\d\d"


@pytest.fixture(autouse=True, scope="module")
def here() -> Iterator[None]:
    """A place whose clocks show UTC."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "UTC0")
        time.tzset()
        yield
    time.tzset()


# --- a terminal -----------------------------------------------------------------------------------------------
class Tty(io.StringIO):
    """What a program takes for a terminal; keeps what is written."""

    def isatty(self) -> bool:
        return True


class Paper:
    """What a terminal of so many columns makes of a program's output, below a line that stood there before.

    pyte says what the output does. All but printing is only remembered; what takes no cell is not kept.
    """

    def __init__(self, columns: int) -> None:
        self._columns = columns
        self._lines = [""]
        self._cells = 0
        self._did: list[str] = []
        self._stream = pyte.Stream(self)
        self.write(ABOVE[:columns] + "\n")

    def __getattr__(self, event: str) -> Callable[..., None]:
        return lambda *_, **__: self._did.append(event)

    def draw(self, data: str) -> None:
        """Show characters, in the next row when one is full."""
        for character in data:
            cells = 1 if character.isascii() else max(wcwidth(character), 0)
            if self._cells + cells > self._columns:
                self.carriage_return()
                self.linefeed()
            if not self._cells and self._lines[-1]:
                self._did.append("write over a row")
            self._cells += cells
            if cells:
                self._lines[-1] += character

    def linefeed(self) -> None:
        """Begin a row below the character that stands above."""
        self._lines.append(" " * self._cells)

    def carriage_return(self) -> None:
        """Go to the beginning of the row."""
        self._cells = 0

    def write(self, text: str) -> None:
        """The output, with a line's end as the system makes it."""
        self._stream.feed(text.replace("\n", "\r\n"))

    def rows(self, lines: int) -> list[str]:
        """The rows below the first line, if nothing was done but to print so many."""
        above, *rows, last = self._lines
        assert (above, self._did, last, self._cells, len(rows)) == (ABOVE[: self._columns], [], "", 0, lines)
        return [row.rstrip() for row in rows]


def printed(line: Print) -> str:
    """What the client writes to a terminal for one line; how wide it is stands in COLUMNS."""
    tty = Tty()
    with contextlib.redirect_stdout(tty), contextlib.redirect_stderr(tty):
        print_lines([line])
    return tty.getvalue()


def shown(line: Print, columns: int) -> list[str]:
    """The rows that a line takes on the screen."""
    output = printed(line)
    count = output.count("\n")
    paper = Paper(columns)
    paper.write(output)
    return paper.rows(count)


@pytest.fixture(params=WIDTHS)
def columns(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """How wide the terminal is."""
    monkeypatch.setenv("COLUMNS", str(request.param))
    return int(request.param)


@pytest.fixture
def hostile() -> Hostile:
    """The same texts in each run."""
    print(f"seed {SEED}")
    return Hostile(random.Random(SEED))


def test_hostile_texts_work_on_this_terminal(hostile: Hostile) -> None:
    """The tests below mean something: written as they are, most of these texts do more than stand in their line."""
    harmful = 0
    for _ in range(200):
        paper = Paper(80)
        with contextlib.suppress(Exception):  # some are too much for the screen itself
            paper.write(f"{HERE} mallory: {hostile.text()}\n")
        with contextlib.suppress(AssertionError):
            paper.rows(1)
            continue
        harmful += 1

    assert harmful > 150


# --- entries --------------------------------------------------------------------------------------------------
def chat() -> Chat:
    """A chat of `me` in the lobby, which is fed with what the core would tell."""
    core = ClientCore(Profile("me", "1", "test", True, UNREAD), bytes)
    return Chat(core, ChatOptions(["lobby"], Start(last=20)))


def told(chat: Chat, notice: Notice) -> list[Print]:
    """The lines that the chat prints."""
    return [action for action in chat.notice(notice, Now(1.0, TIME)) if isinstance(action, Print)]


def entry(text: str, kind: str, nick: str = "mallory", to: str | None = None) -> m.Entry:
    """One entry of mallory's."""
    return m.Entry(seq=2, prev=1, id="i", time=TIME, nick=nick, key="k", text=text, kind=kind, to=to)


@pytest.mark.parametrize(
    ("kind", "to", "head"),
    [
        ("message", None, "mallory: "),
        ("me", None, "* mallory "),
        ("topic", None, "-- mallory "),
        ("later", None, "mallory: "),
        ("message", "me", "mallory -> me: "),
        ("me", "me", "* mallory -> me "),
    ],
)
def test_no_text_speaks_for_another(columns: int, hostile: Hostile, kind: str, to: str | None, head: str) -> None:
    """Each line of an entry begins with its time and author, and all other rows are indented."""
    talk = chat()
    for _ in range(TEXTS // 4):
        text = hostile.text()
        lines = told(talk, Heard("lobby", entry(text, kind, to=to), False))
        assert len(lines) == (1 if kind == "topic" else text.count("\n") + 1)
        for line in lines:
            first, *others = shown(line, columns)
            assert f"{first} ".startswith(f"{HERE} {head}")
            assert all(row.startswith(INDENT) or not row for row in others)


def test_no_name_speaks_for_another(columns: int, hostile: Hostile) -> None:
    """Whatever a broker gives out as nicks and rooms, each line begins with its time, and other rows are indented."""
    talk = chat()
    for number in range(TEXTS):
        nick, other, text = hostile.text(), hostile.text(), hostile.text()
        kind = ("message", "me", "topic")[number % 3]
        notices: list[Notice] = [
            Heard(other, entry(text, kind, nick, to=other if number % 2 else None), bool(number % 4)),
            CameOrWent(
                m.Presence(room=other, nick=nick, key="k", change=("left", other)[number % 2], time=TIME, reason=text)
            ),
        ]
        for line in told(talk, notices[number % len(notices)]):
            first, *others = shown(line, columns)
            assert f"{first} ".startswith(f"{HERE} ")
            assert all(row.startswith(INDENT) or not row for row in others)


# --- entries at a terminal ------------------------------------------------------------------------------------
def rows_of(told: Told, columns: int) -> list[str]:
    """The rows that one thing told takes on a screen; written to it as they are."""
    texts = ["".join(text for _, text in row) for row in Layout().rows(told, columns, TIME)]
    paper = Paper(columns)
    paper.write("".join(f"{text}\n" for text in texts))
    return paper.rows(len(texts))


@pytest.mark.parametrize("kind", ["message", "me", "topic", "kick", "later"])
def test_no_text_at_a_terminal_leaves_its_column(columns: int, hostile: Hostile, kind: str) -> None:
    """One row has a time and the author; below it stand blanks as far as texts begin, whatever was said by whom."""
    lead = " " * text_column(columns)
    for number in range(TEXTS // 4):
        nick = "mallory" if number % 2 else hostile.text()
        told = telling.of_entry(
            entry(hostile.text(), kind, nick, to=hostile.text()), me="me", mine=False, aside=bool(number % 3)
        )
        first, *others = rows_of(told, columns)
        assert first.startswith(f"{HERE[-5:]} ")
        assert all(row.startswith(lead) or not row for row in others)
        if number % 2 and not told.to:
            label = {"message": "mallory:", "me": "*"}.get(told.kind, "--")
            assert first[TIME_CELLS:].lstrip().startswith(label)


@pytest.mark.parametrize("kind", ["notice", "text", "rule"])
def test_nothing_told_at_a_terminal_has_rows_of_another_kind(columns: int, hostile: Hostile, kind: Kind) -> None:
    """What the client tells is marked, answers are indented, headings are one row."""
    begins = {"notice": f"{HERE[-5:]} ", "text": "  ", "rule": "── "}[kind]
    for _ in range(TEXTS // 4):
        first, *others = rows_of(Told(kind, hostile.text(), TIME), columns)
        assert f"{first}  ".startswith(begins)
        assert all(row.startswith(INDENT) or not row for row in others)


# --- the client's own lines -----------------------------------------------------------------------------------
def notices(hostile: Hostile, number: int) -> Notice:
    """What is told by lines that begin with two dashes, with hostile words in every place."""
    one, other, text = hostile.text(), hostile.text(), hostile.text()
    welcome = m.Welcome(nick=one, key="k", session="s", broker=other, history="h", pub=1, time=TIME)
    say = m.Say(id="i", text=text, to=one)
    made: list[Callable[[], Notice]] = [
        lambda: Connected(welcome, bool(number % 2)),
        lambda: Disconnected(text, number % 3),
        lambda: InRoom(m.Entered(room=one, name=one, head=1, after=0, topic=text, online=[other, one, text])),
        lambda: Refusal(m.Who(room=one), m.Refused(code=other, detail=text)),
        lambda: Refusal(say, m.Refused(code=other, detail=text)),
        lambda: Stored(say, m.Ack(id="i", room=other, seq=1, time=TIME)),
        lambda: Restarted(one),
    ]
    return made[number % len(made)]()


def test_no_notice_says_more_than_one_line(columns: int, hostile: Hostile) -> None:
    """What the client tells of others begins with two dashes, once, and all other rows are indented."""
    for number in range(TEXTS):
        for line in told(chat(), notices(hostile, number)):
            first, *others = shown(line, columns)
            assert f"{first} ".startswith("-- ")
            assert all(row.startswith(INDENT) or not row for row in others)


def test_no_list_has_more_rows_than_are_in_it(columns: int, hostile: Hostile) -> None:
    """However users and rooms are called, each has one line that begins with its name, and other rows are indented."""
    for _ in range(TEXTS // 10):
        names = [hostile.text() for _ in range(3)]
        users = [
            m.UserInfo(nick=name, key="k", rooms=[hostile.text()], idle=1.0, since=TIME, sessions=1) for name in names
        ]
        rooms = [m.RoomInfo(room=name, online=1, topic=hostile.text(), seq=1) for name in names]
        for answer in (Answer(m.Who(), m.Roster(users=users)), Answer(m.Rooms(), m.RoomList(rooms=rooms))):
            lines = told(chat(), answer)
            assert len(lines) == len(names)
            for name, line in zip(names, lines, strict=True):
                first, *others = shown(line, columns)
                assert line.text.startswith(clean(name).rstrip())
                assert width(first) <= columns
                assert all(row.startswith(INDENT) or not row for row in others)


# --- all of it together ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("columns", WIDTHS)
def test_a_hostile_crowd_at_a_real_terminal(broker: Broker, terminal: Callable[..., Terminal], columns: int) -> None:
    """While hostile messages come, all rows at a real terminal are mallory's, indented, or the client's own."""
    hostile = Hostile(random.Random(SEED))
    victim = terminal("victim", "-r", "crowd", columns=columns, rows=600)
    victim.wait_for("You joined")
    with Peer(broker.link) as mallory:
        mallory.hello("mallory", present=True)
        mallory.send(m.Join(room="crowd", ref=2))
        mallory.receive(m.Entered)
        kinds: itertools.cycle[m.EntryKind] = itertools.cycle(("message", "message", "me", "topic"))
        said = 0
        while said < 60:
            text = hostile.text().encode("utf-8", "replace").decode().replace("\0", "")[:1_000]
            mallory.send(m.Say(id=secrets.token_hex(8), room="crowd", text=text, kind=next(kinds)))
            mallory.send(m.Ping(ref=1))
            mallory.receive(m.Pong)
            said += 1
        mallory.send(m.Say(id="last", room="crowd", text="that was all"))
        victim.wait_for("mallory: that was all")
        mallory.send(m.Goodbye(reason=f"bye{' ' * columns}\r\n{FORGED} admin: hi"))
        victim.wait_for("mallory left")
        victim.wait_for_prompt("crowd>")

    clock = r"\d\d:\d\d"
    begins = re.compile(rf"{INDENT}|{clock} +(mallory:|\* mallory|-- )|crowd>|1:crowd|$")
    assert [row for row in victim.lines if not begins.match(row) or row.startswith(FORGED)] == []
    assert sum("mallory" in row for row in victim.lines) > 40
    assert b"\x1b]" not in victim.bytes
