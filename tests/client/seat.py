"""alice in the chat, without a terminal or a pipe: what she types, and what is told her there."""

from __future__ import annotations

import itertools
import json

from zchat.client import actions as a
from zchat.client.chat import Chat, ChatOptions
from zchat.client.core import ClientCore
from zchat.client.ignoring import Ignored
from zchat.client.rooms import Start
from zchat.client.screen_chat import ScreenChat
from zchat.client.told import Alert, Status, Told
from zchat.common import messages as m

from .shell import Player, Shell

DIRECT = "@bob.key"
"""The room of alice's and bob's private messages."""


class Seat(Player):
    """alice at a terminal, in some rooms with bob; `lines` is what was told since she sat down."""

    def __init__(self, *rooms: str, read: int | None = None, ignored: Ignored | None = None, bell: str = "all") -> None:
        numbers = itertools.count()
        self.shell = Shell(random=lambda size: (next(numbers) % 256).to_bytes(size))
        options = ChatOptions(rooms or ("lobby", "dev"), Start(last=20), ignored=ignored or Ignored(), bell=bell)
        self.chat = self.program = ScreenChat(self.shell.core, options)
        self.told: list[Told] = []
        self.alerts: list[Alert] = []
        self.status = Status()
        self.seqs: dict[str, int] = {}
        self.do(self.chat.start(self.shell.now))
        self.react(self.shell.welcome())
        for join in self.shell.sent(m.Join):
            assert isinstance(join, m.Join)
            self.enter(join, read=read)
        self.told.clear()

    @property
    def lines(self) -> list[str]:
        """What was told, in short."""
        marks = {"event": "-- ", "notice": "-- ", "rule": "== ", "me": "* "}
        return [
            f"{marks.get(t.kind, '')}{f'{t.nick} -> {t.to}: ' if t.to else f'{t.nick}: ' if t.nick else ''}{t.text}"
            for t in self.told
        ]

    def note(self, action: a.Action) -> None:
        """What the chat tells."""
        match action:
            case Told():
                self.told.append(action)
            case Status():
                self.status = action
            case Alert():
                self.alerts.append(action)
            case a.Print():
                raise AssertionError(f"a screen is told lines, not printed to: {action}")

    def enter(self, join: m.Join, *, head: int = 0, read: int | None = None, after: int | None = None) -> None:
        """The broker lets her into a room in which bob is."""
        begin = head if after is None else after
        self.hear(
            m.Entered(
                room=join.room, name=join.room, head=head, after=begin, read=read, online=["alice", "bob"], ref=join.ref
            )
        )

    def entry(self, text: str, room: str = "lobby", nick: str = "bob", key: str = "b", **what: object) -> None:
        """Something is said."""
        seq = self.seqs[room] = self.seqs.get(room, 0) + 1
        entry = m.Entry(seq=seq, prev=seq - 1, id=f"{room}{seq}", time=0, nick=nick, key=key, text=text, **what)  # type: ignore[arg-type]
        if room.startswith("@") and seq == 1:
            self.hear(m.Entries(room=room, entries=[entry]))
            join = self.shell.sent(m.Join)[-1]
            assert isinstance(join, m.Join)
            self.hear(m.Entered(room=room, name=room, head=1, after=0, ref=join.ref))
        else:
            self.hear(m.Entries(room=room, entries=[entry]))

    def presence(self, change: str, nick: str = "bob", key: str = "b", room: str = "lobby", old: str = "") -> None:
        """Somebody comes, goes or is called differently."""
        self.hear(m.Presence(room=room, nick=nick, key=key, change=change, time=0, old=old))

    def asked(self) -> m.Replay:
        """The last page of history that was asked for."""
        replay = self.shell.sent(m.Replay)[-1]
        assert isinstance(replay, m.Replay)
        return replay

    def answer(self, *texts: str, first: int, room: str = "lobby", more: bool = False) -> None:
        """The page that was asked for last."""
        entries = [
            m.Entry(seq=first + n, prev=0, id=f"p{n}", time=0, nick="bob", key="b", text=text)
            for n, text in enumerate(texts)
        ]
        self.hear(m.Page(room=room, entries=entries, head=100, more=more, ref=self.asked().ref))

    def unread(self) -> dict[str, tuple[int, int]]:
        """Place → how many messages are unread there, and how many of them are for her."""
        return {place.name: (place.unread, place.mentions) for place in self.status.places}


class PlainSeat(Player):
    """alice at a pipe, in some rooms; `lines` is what was printed since she sat down."""

    def __init__(self, *rooms: str, json: bool = False, private: bool = False) -> None:
        self.shell = Shell()
        self.core: ClientCore = self.shell.core
        self.chat = self.program = Chat(
            self.core, ChatOptions(rooms or ("lobby",), Start(), json=json, private=private)
        )
        self.lines: list[str] = []
        self.runs: list[str] = []
        """Texts for which a hook was to be run."""
        self.ended: a.End | None = None
        self.seq = 0
        self.do(self.chat.start(self.shell.now))
        self.react(self.shell.welcome())
        for join in self.shell.sent(m.Join):
            assert isinstance(join, m.Join)
            self.enter(join)
        self.lines.clear()

    def note(self, action: a.Action) -> None:
        """What the chat prints and has run, and that it ends."""
        match action:
            case a.Print(text):
                self.lines.append(text)
            case a.Run(message):
                self.runs.append(json.loads(message)["text"])
            case a.End():
                self.ended = action

    def enter(self, join: m.Join, **what: object) -> None:
        """The broker lets us into a room."""
        ids = {"room": join.room.lower(), "name": join.room, "ref": join.ref}
        self.hear(m.Entered(**ids, head=self.seq, after=self.seq, **what))  # type: ignore[arg-type]

    def store(self, room: str = "lobby", *, echo: bool = True) -> None:
        """The broker stores what we said, and tells it."""
        for id_, say in [(say.id, say) for say in self.core.waiting_says]:
            self.seq += 1
            self.hear(m.Acked(acks=[m.Ack(id=id_, room=room, seq=self.seq, time=0, delivered=1)]))
            if echo:
                self.entry("alice", say.text, room, key="key", kind=say.kind, to=say.to, about=say.about, seq=self.seq)

    def entry(self, nick: str, text: str, room: str = "lobby", *, seq: int = 0, key: str = "b", **what: object) -> None:
        """Something is said in a room."""
        self.seq = seq or self.seq + 1
        entry = m.Entry(
            seq=self.seq, prev=self.seq - 1, id=f"i{self.seq}", time=0, nick=nick, key=key, text=text, **what
        )  # type: ignore[arg-type]
        self.hear(m.Entries(room=room, entries=[entry]))

    def sent(self, kind: type[m.Message]) -> m.Message:
        """The last command of a kind."""
        return self.shell.sent(kind)[-1]
