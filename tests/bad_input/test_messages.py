"""Messages that cannot be sent, and input that stops being text."""

from __future__ import annotations

import secrets

import pytest

from zchat.common import limits
from zchat.common.errors import ExitCode

from .lines import A_MEGABYTE, BASE32, NOT_UTF8, Zchat, assert_line, assert_one_line, texts


@pytest.mark.parametrize(
    ("stdin", "code", "words"),
    [
        ("", ExitCode.USAGE, ["empty"]),
        (" \n\n", ExitCode.USAGE, ["empty"]),
        ("a\0b", ExitCode.USAGE, ["NUL"]),
        (NOT_UTF8, ExitCode.USAGE, ["UTF-8", "byte 5"]),
        (A_MEGABYTE, ExitCode.LIMIT, ["16384"]),
        ("a" * (limits.MESSAGE_BYTES + 1), ExitCode.LIMIT, ["16384"]),
        ("\u00e4" * (limits.MESSAGE_BYTES // 2 + 1), ExitCode.LIMIT, ["16384"]),
        ("line\n" * (limits.MESSAGE_LINES + 1), ExitCode.LIMIT, ["400 lines"]),
    ],
    ids=["nothing", "blank", "NUL", "not UTF-8", "a megabyte", "a byte too many", "umlauts", "lines"],
)
def test_an_unusable_message_is_refused(zchat: Zchat, stdin: str | bytes, code: int, words: list[str]) -> None:
    """What `send` reads and cannot send is said before a broker is asked."""
    assert_one_line(zchat("send", "-b", f"zchat://127.0.0.1:1/{BASE32}", stdin=stdin), code, *words)


def test_the_longest_message_is_taken(zchat: Zchat) -> None:
    """The limit itself is within it, with the line's end that every tool adds."""
    text = "a" * limits.MESSAGE_BYTES
    assert zchat("send", "-r", "long", stdin=text + "\r\n").returncode == 0

    assert zchat("tail", "-r", "long", "--no-follow").stdout.endswith(f" me: {text}\n")


def test_a_message_too_long_as_an_argument_is_refused(zchat: Zchat) -> None:
    """A megabyte in arguments is refused as it is from standard input."""
    assert_one_line(zchat("send", *["a" * 100_000] * 10), ExitCode.LIMIT, "16384")


def test_an_id_cannot_be_used_for_another_text(zchat: Zchat) -> None:
    """The same id with the same text changes nothing; with another text it is refused."""
    id_ = secrets.token_hex(8)
    assert [zchat("send", "-r", "ids", "--id", id_, "once").returncode for _ in range(2)] == [0, 0]
    assert_one_line(zchat("send", "-r", "ids", "--id", id_, "other"), ExitCode.OTHER, "id")

    assert zchat("tail", "-r", "ids", "--no-follow").stdout.count("\n") == 1


def test_a_bad_line_costs_only_itself(zchat: Zchat) -> None:
    """`send --each-line` names a line that cannot be sent, and sends the others."""
    done = zchat("send", "-r", "lines", "--each-line", stdin=f"one\n{A_MEGABYTE}\n\nfour\n")

    assert_one_line(done, ExitCode.LIMIT, "Line 2", "16384")
    assert texts(zchat, "lines") == ["one", "four"]


@pytest.mark.parametrize(("command", "room"), [(["send", "--each-line"], "sent"), (["join"], "joined")])
def test_lines_before_one_that_is_not_utf8_are_sent(zchat: Zchat, command: list[str], room: str) -> None:
    """Input that stops being text stops the command, but what came before it was said."""
    before = [str(number) for number in range(3_000)]
    done = zchat(*command, "-r", room, stdin="\n".join(before).encode() + b"\n" + NOT_UTF8)

    assert done.returncode == ExitCode.USAGE
    assert_line(done.stderr.splitlines(keepends=True)[-1], "Line 3002", "UTF-8")
    assert texts(zchat, room) == [*before, "one"]


def test_a_line_without_end_is_refused(zchat: Zchat) -> None:
    """Input that never ends its line is given up before it fills the memory."""
    assert_one_line(zchat("send", "--each-line", stdin="a" * 3_000_000), ExitCode.USAGE, "Line 1", "does not end")
