"""The client's core and a broker that says later, never, or get out; and what else it is told unasked."""

from __future__ import annotations

import pytest

from zchat.client import actions as a
from zchat.client.core import ClientCore
from zchat.client.rooms import Start
from zchat.client.session import Profile
from zchat.common import limits, messages as m, wire
from zchat.common.errors import Code, RefusedError

from .shell import STEP, Shell, ack, entered, say


def later(retry: float, *, id_: str | None = None, ref: int = 0, code: str = Code.TOO_FAST) -> m.Refused:
    """The broker wants to be asked again."""
    return m.Refused(code=code, detail="later.", retry=retry, id=id_, ref=ref)


def texts(shell: Shell) -> list[str]:
    """What was said since `clear`."""
    return [command.text for command in shell.sent(m.Say) if isinstance(command, m.Say)]


def last_ref(shell: Shell, kind: type[m.Message]) -> int:
    """The ref of the last command of a kind."""
    return int(getattr(shell.sent(kind)[-1], "ref", 0))


# --- messages -------------------------------------------------------------------------------------------------
def test_what_is_refused_for_now_is_sent_again_in_its_order(live: Shell) -> None:
    """Nothing is sent until the time is over, then all that has no ack, at once; the hold is told once."""
    for text in ("one", "two", "three"):
        say(live, text)
    live.clear()
    for text in ("two", "three"):
        live.receive(later(7.0, id_=f"id-{text}"))
    live.receive(ack("id-one"))
    say(live, "four")
    live.pass_time(7.0 - STEP)
    assert texts(live) == []
    assert live.core.held
    live.pass_time(2 * STEP)

    assert texts(live) == ["two", "three", "four"]
    assert not live.core.held
    (held,) = live.shown(a.Held)
    assert isinstance(held, a.Held)
    assert (held.say.id, held.refused.retry) == ("id-two", 7.0)
    assert live.shown(a.Refusal) == []


def test_the_shell_wakes_when_a_hold_is_over(live: Shell) -> None:
    """A fast broker's short hold does not cost a whole second."""
    say(live, "one")
    live.receive(later(0.05, id_="id-one"))

    assert live.core.due(live.now) <= live.mono + 0.05 + 1e-9


def test_a_new_welcome_ends_a_hold(live: Shell) -> None:
    """Whether the connection was lost or the broker forgot us, what waits goes out with the welcome."""
    say(live, "one")
    live.receive(later(1_000.0, id_="id-one"))
    live.receive(m.Refused(code=Code.HELLO_FIRST, detail=""))
    live.clear()
    live.welcome()

    assert texts(live) == ["one"]


def test_a_refusal_for_good_is_told_and_ends_it(live: Shell) -> None:
    """Without a time to wait the message is given up."""
    say(live, "one")
    live.receive(m.Refused(code=Code.TOO_LARGE, detail="no", id="id-one"))
    live.pass_time(20)

    assert len(live.shown(a.Refusal)) == 1
    assert (live.core.waiting, texts(live)) == (0, ["one"])


# --- questions and joins --------------------------------------------------------------------------------------
def test_a_question_refused_for_now_is_asked_again(live: Shell) -> None:
    """Not before its time, though that is longer than an answer may take; what the broker said is told once."""
    live.do(live.core.ask(m.Who(), live.now))
    for _ in range(2):
        live.receive(later(limits.REQUEST_AFTER + 2, ref=last_ref(live, m.Who)))
        live.clear()
        live.pass_time(limits.REQUEST_AFTER + 1)
        assert live.sent(m.Who) == []
        live.pass_time(2)
        assert len(live.sent(m.Who)) == 1
    live.receive(m.Roster(users=[], ref=last_ref(live, m.Who)))

    assert len(live.shown(a.Answer)) == 1
    assert live.core.asking == 0


def test_a_join_refused_for_now_is_repeated(live: Shell) -> None:
    """The room is kept, nobody is told that it failed, and that it takes time is told once."""
    live.do(live.core.join("den", Start(), live.now))
    told = 0
    for _ in range(2):
        live.receive(later(5.0, ref=last_ref(live, m.Join)))
        told += len(live.shown(a.PutOff))
        live.clear()
        live.pass_time(4.9)
        assert live.sent(m.Join) == []
        live.pass_time(0.7)
    (join,) = live.sent(m.Join)
    assert isinstance(join, m.Join)
    live.receive(entered(join))

    assert told == 1
    assert len(live.shown(a.InRoom)) == 1
    assert live.shown(a.Refusal) == []


def test_being_called_differently_and_governing_are_questions(live: Shell) -> None:
    """They are asked until they are answered."""
    live.do(live.core.ask(m.Admin(verb="kick", target="bob"), live.now))
    live.do(live.core.ask(m.Rename(nick="alicia"), live.now))
    live.pass_time(limits.REQUEST_AFTER + 1)
    assert (len(live.sent(m.Admin)), len(live.sent(m.Rename))) == (2, 2)
    live.receive(m.Administered(detail="done", ref=last_ref(live, m.Admin)))
    live.receive(m.Renamed(nick="alicia", ref=last_ref(live, m.Rename)))

    assert len(live.shown(a.Answer)) == 2
    assert live.core.asking == 0


# --- hello ----------------------------------------------------------------------------------------------------
def test_a_hello_refused_for_now_is_said_again_on_a_new_connection() -> None:
    """We hang up, tell it once with the broker's code, and dial when the time is over."""
    shell = Shell()
    for _ in range(3):
        assert shell.hello is not None
        shell.receive(later(9.0, ref=shell.hello.ref, code=Code.TOO_MANY))
        assert isinstance(shell.actions[-1], a.Show) or shell.actions[-1] == a.HangUp()
        assert 9.0 < shell.until(a.Dial) < 9.5
    shell.welcome()

    (told,) = shell.shown(a.TurnedAway)
    assert isinstance(told, a.TurnedAway)
    assert isinstance(told.error, RefusedError)
    assert (told.error.code, told.error.exit_code, str(told.error)) == (Code.TOO_MANY, 8, "later.")
    assert shell.core.live


def test_a_hello_carries_the_invitation() -> None:
    """On every connection: the first may have been lost before the broker heard it."""
    core = ClientCore(Profile("alice", "i", "test", invite="token"), lambda size: b"\1" * size)
    shell = Shell()
    for _ in range(2):
        (hello,) = [action.command for action in core.dialled(shell.now) if isinstance(action, a.Send)]
        assert isinstance(hello, m.Hello)
        assert hello.invite == "token"


def test_who_is_shut_out_is_told_why_and_stays_out(live: Shell) -> None:
    """A refusal that answers nothing is a refused hello: the program ends with it, and nothing is tried again."""
    live.receive(m.Refused(code=Code.NOT_ALLOWED, detail="banned"))
    live.pass_time(20, alive=False)

    (refusal,) = live.shown(a.Refusal)
    assert isinstance(refusal, a.Refusal)
    assert isinstance(refusal.command, m.Hello)
    assert [type(action) for action in live.actions] == [a.Show]


# --- rooms ----------------------------------------------------------------------------------------------------
def test_who_is_put_out_follows_the_room_no_more(live: Shell) -> None:
    """It is told with the reason, SUB hears no more of it, and it is not entered again after a reconnection."""
    live.receive(m.Parted(room="lobby", reason="kicked by bob"))
    live.receive(m.Parted(room="lobby", reason="kicked by bob"))
    assert live.actions == [a.Unsubscribe(wire.topic("lobby")), a.Show(a.Removed("lobby", "kicked by bob"))]
    live.lose()
    live.until(a.Dial)
    live.clear()
    live.welcome()

    assert live.sent(m.Join) == []


def test_the_answer_to_a_part_puts_nobody_out(live: Shell) -> None:
    """Left and entered again at once: the late answer to the part is not taken for being put out."""
    live.do(live.core.part("lobby"))
    live.do(live.core.join("lobby", Start(), live.now))
    ref = last_ref(live, m.Part)
    assert ref > 0
    live.receive(m.Parted(room="lobby", ref=ref))

    assert list(live.core.rooms) == ["lobby"]
    assert live.shown(a.Removed) == []


def test_who_was_put_out_while_away_is_told_on_the_way_back(live: Shell) -> None:
    """A room that we were in and may not enter again is gone, with the broker's words."""
    live.lose()
    live.until(a.Dial)
    live.clear()
    live.welcome()
    live.receive(m.Refused(code=Code.NOT_ALLOWED, detail="banned", ref=last_ref(live, m.Join)))

    assert live.shown(a.Removed) == [a.Removed("lobby", "banned")]
    assert live.core.rooms == {}


@pytest.mark.parametrize(("name", "told"), [("Plans", "Plans"), ("\x1b[2J", "plans"), ("lobby", "plans")])
def test_an_invitation_is_told(live: Shell, name: str, told: str) -> None:
    """With the room's name, if it is the name of that room."""
    live.receive(m.Invited(room="plans", name=name, nick="bob"))

    assert live.actions == [a.Show(a.InvitedTo("plans", told, "bob"))]


# --- nicks ----------------------------------------------------------------------------------------------------
def test_a_new_nick_is_used_from_then_on(live: Shell) -> None:
    """Whichever session asked for it: it is told once, and the next hello says it."""
    live.receive(m.Renamed(nick="alicia"))
    live.receive(m.Renamed(nick="alicia"))
    assert live.actions == [a.Show(a.NickChanged("alice", "alicia"))]
    live.lose()
    live.until(a.Dial)

    assert live.hello is not None
    assert live.hello.nick == "alicia"


def test_a_welcome_under_another_nick_is_a_new_nick() -> None:
    """Who says hello by a nick of former times learns the present one; the same in other letters is no news."""
    for nick, told in (("alicia", [a.NickChanged("alice", "alicia")]), ("Alice", [])):
        shell = Shell()
        assert shell.hello is not None
        shell.receive(
            m.Welcome(nick=nick, key="k", session="s", broker="b", history="h", pub=1, time=0, ref=shell.hello.ref)
        )

        assert shell.shown(a.NickChanged) == told
        assert shell.core.profile.nick == (nick if told else "alice")


@pytest.mark.parametrize("nick", ["../../etc/passwd", "", "\x1b", "a b"])
def test_a_nick_that_is_none_is_not_believed(live: Shell, nick: str) -> None:
    """It would become the name of a file."""
    live.receive(m.Renamed(nick=nick))

    assert live.actions == []
    assert live.core.profile.nick == "alice"
