"""What a chat does with what is done to people, rooms and messages."""

from __future__ import annotations

import json

import pytest

from zchat.client import actions as a
from zchat.client.chat import Chat, ChatOptions
from zchat.client.core import ClientCore
from zchat.client.remarks import PATIENCE
from zchat.client.rooms import Start
from zchat.common import messages as m
from zchat.common.errors import Code

from .shell import Player, Shell

DIRECT = "@bob.key"


class Alice(Player):
    """alice's chat in the lobby, with what she typed and saw."""

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
            case a.Run(event):
                self.runs.append(json.loads(event)["text"])
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


@pytest.fixture
def alice() -> Alice:
    """alice is in the lobby."""
    return Alice()


# --- hooks ----------------------------------------------------------------------------------------------------
def test_what_is_meant_for_one_runs_the_hook(alice: Alice) -> None:
    """Mentions and private messages, and not what is said to others or by oneself."""
    alice.entry("bob", "hello all")
    alice.entry("bob", "Alice: hello")
    alice.entry("alice", "alice is me", key="key")
    alice.hear(m.Entries(room=DIRECT, entries=[]))
    (join,) = [join for join in alice.shell.sent(m.Join) if isinstance(join, m.Join) and join.room == DIRECT]
    alice.seq = 0
    alice.enter(join)
    alice.entry("bob", "psst", DIRECT, to="alice")

    assert alice.runs == ["Alice: hello", "psst"]


def test_what_was_said_before_one_came_runs_no_hook() -> None:
    """What was missed while the connection was away does."""
    alice = Alice()
    alice.chat._caught_up.clear()
    one, two, three = (
        m.Entry(seq=seq, prev=seq - 1, id=f"i{seq}", time=0, nick="bob", key="b", text=f"alice {seq}")
        for seq in (1, 2, 3)
    )
    for notice in (
        a.Heard("lobby", one, True),
        a.Heard("lobby", two, True),
        a.CaughtUp("lobby"),
        a.Heard("lobby", three, True),
    ):
        alice.do(alice.chat.notice(notice, alice.shell.now))

    assert alice.runs == ["alice 3"]


# --- rooms ----------------------------------------------------------------------------------------------------
def test_being_put_out_turns_to_another_room() -> None:
    """With the reason; out of the last one it says how to enter another, and what is typed goes nowhere."""
    alice = Alice("lobby", "den")
    alice.hear(m.Parted(room="lobby", reason="kicked by bob: spam"))
    assert alice.lines == ["-- You were removed from lobby (kicked by bob: spam). You are in den now."]
    assert alice.chat.where == "den"
    alice.hear(m.Parted(room="den"))
    assert alice.lines[1:] == ["-- You were removed from den. You are in no room now; enter one with /join ROOM."]
    alice.type("hello?")

    assert alice.lines[-1] == "-- You are in no room. Enter one with /join ROOM."


def test_being_put_out_of_another_room_changes_nothing_here() -> None:
    """What is typed goes on to the current one."""
    alice = Alice("lobby", "den")
    alice.hear(m.Parted(room="den", reason="banned\x1b"))

    assert alice.lines == ["-- You were removed from den (banned\u241b)."]
    assert alice.chat.where == "lobby"


def test_an_invitation_says_how_to_enter(alice: Alice) -> None:
    """By name."""
    alice.hear(m.Invited(room="plans", name="Plans", nick="bob"))

    assert alice.lines == ["-- bob invites you to the private room Plans. Enter it with /join Plans."]


@pytest.mark.parametrize(
    ("private", "role", "told"),
    [
        (True, "owner", "plans (private; you are its owner), alone so far."),
        (True, "member", "plans (private; you are a member), alone so far."),
        (False, "operator", "plans (you are an operator of it), alone so far."),
        (False, "", "plans, alone so far."),
        (False, "wizard\x1b", "plans (wizard\u241b), alone so far."),
    ],
)
def test_entering_tells_what_the_room_is_and_what_we_are(alice: Alice, private: bool, role: str, told: str) -> None:
    """Private or not, and the role."""
    alice.type("/join plans --private")
    join = alice.sent(m.Join)
    assert isinstance(join, m.Join)
    assert (join.room, join.private) == ("plans", True)
    alice.enter(join, private=private, role=role)

    assert alice.lines == [f"-- You joined {told}"]


def test_rooms_can_be_private_from_the_start() -> None:
    """As `zchat join --private -r plans` asks for."""
    join = Alice("plans", private=True).sent(m.Join)

    assert isinstance(join, m.Join)
    assert join.private


# --- people ---------------------------------------------------------------------------------------------------
def test_who_is_acted_upon_is_no_private_partner(alice: Alice) -> None:
    """An entry about somebody is no private message: /reply has nobody to answer."""
    alice.entry("bob", "spam", kind="kick", to="carol", target="c")
    assert alice.lines[-1].endswith("-- bob kicked carol out (spam)")
    alice.type("/reply hi")

    assert alice.lines[-1] == "-- Nobody has written to you privately yet. Write with /msg NICK TEXT."


@pytest.mark.parametrize(
    ("line", "kind", "text", "seconds"),
    [
        ("/kick bob too loud", "kick", "too loud", 0),
        ("/ban bob 10m spam", "ban", "spam", 600),
        ("/mute bob", "mute", "", 0),
        ("/invite bob", "invite", "", 0),
        ("/op bob", "op", "", 0),
    ],
)
def test_commands_act_in_the_current_room(alice: Alice, line: str, kind: str, text: str, seconds: float) -> None:
    """As one `Say`, also while what is typed goes to a person."""
    alice.type("/query bob", line)
    say = alice.sent(m.Say)
    assert isinstance(say, m.Say)

    assert (say.room, say.to, say.kind, say.text, say.seconds) == ("lobby", "bob", kind, text, seconds)


def test_a_renamed_partner_is_followed(alice: Alice) -> None:
    """What is typed goes on to the same person."""
    alice.type("/query bob")
    alice.hear(m.Presence(room="lobby", nick="robert", key="b", change="renamed", time=0, old="bob"))

    assert alice.lines[-1].endswith("-- bob is now robert in lobby")
    assert alice.chat.where == "-> robert"


def test_a_new_nick_is_asked_for_and_told(alice: Alice) -> None:
    """Once, whoever else hears of it."""
    alice.type("/nick alicia")
    rename = alice.sent(m.Rename)
    assert isinstance(rename, m.Rename)
    alice.hear(m.Presence(room="lobby", nick="alicia", key="key", change="renamed", time=0, old="alice"))
    alice.hear(m.Renamed(nick="alicia", ref=rename.ref))

    assert (rename.nick, alice.lines) == ("alicia", ["-- You are called alicia now."])
    alice.type("/nick b@d")
    assert alice.lines[-1].startswith("-- The nick 'b@d' ")


def test_whois_asks_and_tells(alice: Alice) -> None:
    """All that the broker says."""
    alice.type("/whois bob")
    who = alice.sent(m.Who)
    assert isinstance(who, m.Who)
    assert who.nick == "bob"
    user = m.UserInfo(nick="bob", key="b", rooms=[], idle=0, since=0, sessions=0, claimed=1)
    alice.hear(m.Roster(users=[user], ref=who.ref))

    assert alice.lines[:2] == ["bob: fingerprint b", "    away"]


# --- messages -------------------------------------------------------------------------------------------------
def test_delete_takes_the_own_last_message_here(alice: Alice) -> None:
    """Not another's, not that of another place; after it the one before, then nothing."""
    for text in ("one", "two"):
        alice.type(text)
        alice.store()
    alice.entry("bob", "three")
    alice.type("/msg bob psst")
    alice.store(DIRECT, echo=False)
    abouts = []
    for _ in range(2):
        alice.type("/delete")
        say = alice.sent(m.Say)
        assert isinstance(say, m.Say)
        abouts.append((say.kind, say.room, say.to, say.about))
    alice.type("/delete")

    assert abouts == [("delete", "lobby", None, 2), ("delete", "lobby", None, 1)]
    assert "-- Your message 'two' is to be deleted." in alice.lines
    assert alice.lines[-1] == "-- You have said nothing here lately that could be deleted."
    alice.type("/query bob", "/delete")
    say = alice.sent(m.Say)
    assert isinstance(say, m.Say)
    assert (say.room, say.to, say.about) == (None, "bob", 4)


def test_delete_never_takes_an_older_message_than_meant(alice: Alice) -> None:
    """While the last one is not stored yet, nothing is deleted in its stead."""
    alice.type("one")
    alice.store()
    alice.type("oops", "/delete")

    assert alice.lines[-1] == "-- Your last message here is not stored yet. Try again in a moment."


def test_an_operator_deletes_the_last_message_of_somebody(alice: Alice) -> None:
    """In the current room, also while what is typed goes to a person; typed again, the one before."""
    for text in ("one", "two"):
        alice.entry("bob", text)
    alice.entry("carol", "three")
    alice.type("/query bob", "/delete Bob")
    first = alice.sent(m.Say)
    alice.store()
    assert alice.lines[-1].endswith("-- alice deleted a message of bob")
    alice.type("/delete bob", "/delete bob")
    second = alice.sent(m.Say)
    assert isinstance(first, m.Say)
    assert isinstance(second, m.Say)

    assert (first.kind, first.room, first.to, first.about) == ("delete", "lobby", None, 2)
    assert (second.room, second.to, second.about) == ("lobby", None, 1)
    assert "-- The message 'two' of Bob in lobby is to be deleted." in alice.lines
    assert alice.lines[-1] == "-- bob has said nothing here lately that could be deleted."


def test_one_is_somebody_too(alice: Alice) -> None:
    """With the own nick it is as without one, but in the room."""
    alice.type("one")
    alice.store()
    alice.type("/query bob", "/delete alice")
    say = alice.sent(m.Say)
    assert isinstance(say, m.Say)

    assert (say.kind, say.room, say.to, say.about) == ("delete", "lobby", None, 1)
    assert alice.lines[-1] == "-- Your message 'one' is to be deleted."


@pytest.mark.parametrize(
    ("code", "detail", "told"),
    [
        (
            Code.NO_SUCH_MESSAGE,
            "There is no such message of yours.",
            "-- The message of bob was not deleted: only operators of lobby may do that, unless it is gone already.",
        ),
        (Code.NOT_ALLOWED, "You are muted.", "-- You are muted."),
    ],
)
def test_a_refused_deletion_says_why_and_means_the_same_again(alice: Alice, code: Code, detail: str, told: str) -> None:
    """The broker judges who may; what it refused is tried again by the same words, not with an older message."""
    for text in ("one", "two"):
        alice.entry("bob", text)
    for _ in range(2):
        alice.type("/delete bob")
        say = alice.sent(m.Say)
        assert isinstance(say, m.Say)
        assert say.about == 2
        alice.hear(m.Refused(code=code, detail=detail, id=say.id))
        assert alice.lines[-1] == told


@pytest.mark.parametrize(
    ("line", "words"), [("/delete bob now", "one nick and nothing else"), ("/delete b@b", "'b@b'")]
)
def test_delete_says_what_it_takes(alice: Alice, line: str, words: str) -> None:
    """A line that cannot be meant deletes nothing."""
    alice.entry("bob", "one")
    alice.type(line)

    assert words in alice.lines[-1]
    assert not alice.core.waiting_says


def test_a_deletion_by_another_tells_whose_message_it_was(alice: Alice) -> None:
    """As far as it was seen here."""
    alice.entry("bob", "spam")
    alice.entry("carol", "", kind="delete", about=1)
    alice.entry("carol", "", kind="delete", about=1)

    assert [line[17:] for line in alice.lines] == [
        "bob: spam",
        "-- carol deleted a message of bob",
        "-- carol deleted a message",
    ]


# --- a broker that takes nothing ------------------------------------------------------------------------------
def test_a_broker_that_takes_nothing_is_told_once(alice: Alice) -> None:
    """With how many messages wait; what is typed meanwhile is shown as waiting, and later it is told anew."""

    def refuse() -> None:
        first = alice.core.unacked[0]
        alice.hear(m.Refused(code=Code.NOT_STORED, detail="The disk is full.", id=first, retry=5.0))

    alice.type("one")
    refuse()
    alice.type("two")
    assert alice.lines == [
        "-- The broker takes no messages for the moment (The disk is full). 1 message waits.",
        "-- Waits for the broker: two",
    ]
    alice.shell.pass_time(6)
    refuse()
    assert len(alice.lines) == 2
    alice.shell.mono += 6
    alice.hear(m.Beacon(time=0))
    alice.do(alice.core.tick(alice.shell.now))
    alice.store()
    alice.lines.clear()
    alice.type("three")
    refuse()

    assert len(alice.lines) == 1


def test_who_is_shut_out_ends(alice: Alice) -> None:
    """With the broker's reason, exit 4."""
    alice.hear(m.Refused(code=Code.NOT_ALLOWED, detail="You were shut out by bob."))

    assert alice.ended is not None
    assert alice.ended.error is not None
    assert (alice.ended.error.exit_code, str(alice.ended.error)) == (4, "You were shut out by bob.")


def test_programs_see_what_is_done_as_objects() -> None:
    """One a line, like messages."""
    alice = Alice(json=True)
    alice.entry("bob", "spam", kind="ban", to="carol", until=1)
    done = json.loads(alice.lines[-1])

    assert (done["kind"], done["from"], done["to"], done["until"]) == (
        "ban",
        "bob",
        "carol",
        "1970-01-01T00:00:00.001Z",
    )


# --- what is told of one's own messages -----------------------------------------------------------------------
def test_what_becomes_of_a_message_is_told_below_it() -> None:
    """That its addressee is away, though the ack, which tells so, comes before the message itself."""
    alice = Alice()
    alice.type("/msg bob hello")
    (say,) = alice.core.waiting_says
    ack = m.Ack(id=say.id, room=DIRECT, seq=1, time=0, delivered=1, away="lunch")
    alice.hear(m.Acked(acks=[ack]))
    assert alice.lines == []
    entry = m.Entry(seq=1, prev=0, id=say.id, time=0, nick="alice", key="key", text="hello", to="bob")
    alice.hear(m.Entries(room=DIRECT, entries=[entry]))
    (join,) = [join for join in alice.shell.sent(m.Join) if isinstance(join, m.Join) and join.room == DIRECT]
    alice.hear(m.Entered(room=DIRECT, name=DIRECT, head=1, after=0, ref=join.ref))

    assert [line.partition(" -- ")[2] or line[17:] for line in alice.lines[:1]] == ["alice -> bob: hello"]
    assert alice.lines[1:] == ["-- bob is away (lunch); the message waits for them."]


def test_it_is_told_soon_if_the_message_is_not_shown() -> None:
    """Or at the end, if that comes first."""
    for end in (False, True):
        alice = Alice()
        alice.type("anybody?")
        (say,) = alice.core.waiting_says
        alice.hear(m.Acked(acks=[m.Ack(id=say.id, room="lobby", seq=1, time=0, delivered=0)]))
        assert alice.lines == []
        alice.shell.mono += PATIENCE + 2 * end
        if end:
            alice.type("/quit")
            alice.shell.mono += 60
        alice.do(alice.chat.tick(alice.shell.now))

        assert alice.lines == ["-- Nobody else is here; the message is kept for those who come."]
        assert (alice.ended is not None) == end
