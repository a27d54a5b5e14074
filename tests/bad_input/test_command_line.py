"""Arguments that cannot be meant: one clear line, the right exit code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from zchat.common.errors import ExitCode

from .. import inside
from ..processes import Broker
from .lines import BASE32, BYTE, Zchat, assert_line, assert_one_line

USAGE: dict[str, tuple[str, ...]] = {
    "an unknown command": ("brocker",),
    "a command that is not UTF-8": (BYTE,),
    "a command that would colour the terminal": ("\x1b[31mwho\n",),
    "an unknown option": ("who", "--foo"),
    "an option for none": ("--foo",),
    "an argument too many": ("who", "extra"),
    "an option without its value": ("who", "-r"),
    "a time that is no number": ("who", "--timeout", "soon"),
    "a time of nothing": ("who", "--timeout", "0"),
    "a count that is no number": ("tail", "-n", "ten"),
    "a count below nothing": ("tail", "-n", "-1"),
    "a choice there is not": ("join", "--notices", "loud"),
    "an unknown key command": ("key", "lose"),
    "no broker to forget": ("key", "forget"),
    "a port that is no number": ("broker", "--port", "http"),
    "a port beyond the last": ("broker", "--port", "65535"),
    "an empty message": ("send", ""),
    "a blank message": ("send", " ", "\t"),
    "a message that is not UTF-8": ("send", BYTE),
    "both a room and a nick": ("send", "-r", "lobby", "-t", "bob", "hello"),
    "text beside lines": ("send", "--each-line", "hello"),
    "an id beside lines": ("send", "--each-line", "--id", "1"),
    "an empty id": ("send", "--id", "", "hello"),
    "an id with a blank": ("send", "--id", "a b", "hello"),
    "an id too long": ("send", "--id", "i" * 65, "hello"),
    "an id that is not UTF-8": ("send", "--id", BYTE, "hello"),
    "a beginning that is none": ("tail", "--since", "last week"),
    "an empty room": ("who", "-r", ""),
    "a room with a sign": ("join", "-r", "#lobby"),
    "a room that is not UTF-8": ("tail", "-r", BYTE),
    "an empty broker": ("who", "-b", ""),
    "an empty link": ("who", "-b", "zchat://"),
    "a link cut short": ("who", "-b", f"zchat://127.0.0.1:5555/{BASE32[:-3]}"),
    "a link of another kind": ("who", "-b", "http://127.0.0.1:5555/"),
    "a broker that is not UTF-8": ("who", "-b", BYTE),
    "a broker not known to be forgotten": ("key", "forget", "nowhere"),
    "an advertised host with a port": ("broker", "--advertise", "here:5555"),
    "an advertised host that is none": ("broker", "--advertise", "zchat://here"),
    "a broker's name of many lines": ("broker", "--name", "a\nb"),
}


@pytest.mark.parametrize("arguments", USAGE.values(), ids=USAGE)
def test_wrong_arguments_are_usage_errors(zchat: Zchat, arguments: tuple[str, ...]) -> None:
    """What cannot be meant is refused in one line, and the code is 2."""
    assert_one_line(zchat(*arguments), ExitCode.USAGE)


SLIPS = {
    "an option without its value": (("send", "-r"), "See: zchat send --help."),
    "an option of a command in a group": (("admin", "ban", "--for"), "See: zchat admin ban --help."),
    "a group without a command": (("admin",), "A command is missing. See: zchat admin --help."),
    "a command mistyped": (("jion",), "There is no command jion. Did you mean join? See: zchat --help."),
    "a command of a group mistyped": (("admin", "bann"), "Did you mean ban? See: zchat admin --help."),
}


@pytest.mark.parametrize(("arguments", "end"), SLIPS.values(), ids=SLIPS)
def test_a_slip_names_the_help_that_helps(zchat: Zchat, arguments: tuple[str, ...], end: str) -> None:
    """The line names the very command, and what was probably meant."""
    done = zchat(*arguments)

    assert_one_line(done, ExitCode.USAGE)
    assert done.stderr.rstrip().endswith(end)


NICKS = ["", "n" * 25, "b\u043eb", "\x1b[31m\n", BYTE]


@pytest.mark.parametrize("nick", NICKS, ids=ascii)
def test_an_illegal_nick_is_refused(zchat: Zchat, nick: str) -> None:
    """The line names the fault and the rule, and the code is 5."""
    assert_one_line(zchat("who", "-u", nick), ExitCode.NICK, "nick", "letters")


def test_an_illegal_nick_of_a_partner_is_refused(zchat: Zchat) -> None:
    """It is the same with the nick that a message is for."""
    assert_one_line(zchat("send", "-t", "#bob", "hello"), ExitCode.NICK, "nick", "letters")


def test_a_nick_of_somebody_else_is_refused(zchat: Zchat, broker: Broker, tmp_path: Path) -> None:
    """Another account that takes a nick in use is told to choose another one, whatever the command."""
    assert zchat("who").returncode == 0
    for command in (["who"], ["join"]):
        done = inside.run(tmp_path, *command, "-b", broker.link, nick="me")
        assert_one_line(done, ExitCode.NICK, "me", "another nick")


UNKNOWN: dict[str, tuple[tuple[str, ...], str]] = {
    "who": (("who", "-r", "nowhere"), "nowhere"),
    "tail": (("tail", "--no-follow", "-r", "nowhere"), "nowhere"),
    "send": (("send", "-t", "nobody", "hello"), "nobody"),
    "since": (("tail", "-r", "known", "--since", "no-such-id"), "no-such-id"),
    "since a week": (("tail", "-r", "known", "--since", "1w"), "1w"),
}


@pytest.mark.parametrize(("arguments", "word"), UNKNOWN.values(), ids=UNKNOWN)
def test_what_is_not_there_is_said(zchat: Zchat, arguments: tuple[str, ...], word: str) -> None:
    """An unknown room, user or message is named, and the code is 6."""
    assert zchat("send", "-r", "known", "hello").returncode == 0

    assert_one_line(zchat(*arguments), ExitCode.NOT_FOUND, word)


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        (("foo", "--json"), ExitCode.USAGE, "usage"),
        (("send", "--json", ""), ExitCode.USAGE, "empty"),
        (("who", "--json", "-u", "1"), ExitCode.NICK, "nick_invalid"),
        (("who", "--json", "-r", "nowhere"), ExitCode.NOT_FOUND, "no_such_room"),
        (("send", "--json", "-t", "nobody", "hello"), ExitCode.NOT_FOUND, "no_such_user"),
        (("who", "--json", "-b", "far.example"), ExitCode.NOT_ALLOWED, "not_allowed"),
    ],
)
def test_an_error_is_an_object_too(zchat: Zchat, arguments: tuple[str, ...], code: int, word: str) -> None:
    """With --json the same is printed as one object on standard output."""
    done = zchat(*arguments)

    assert done.returncode == code
    assert_line(done.stderr)
    told = json.loads(done.stdout)
    assert told == {"error": word, "detail": done.stderr.removeprefix("zchat: ").rstrip("\n")}


def test_a_host_whose_key_is_not_known_is_not_asked(zchat: Zchat) -> None:
    """A host alone is not enough the first time: the line says where its link comes from."""
    assert_one_line(zchat("who", "-b", "far.example"), ExitCode.NOT_ALLOWED, "far.example:5555", "link")
