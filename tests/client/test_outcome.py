"""What is said of a command that was waited for."""

from __future__ import annotations

from hypothesis import given, strategies as st

from zchat.client.outcome import LINES, LastLines, report
from zchat.common.rules import refuse_text


def lines_of(*chunks: tuple[str, bytes]) -> list[str]:
    """What is kept of an output."""
    last = LastLines()
    for stream, chunk in chunks:
        last.take(stream, chunk)
    return last.lines


def test_it_tells_the_command_how_it_ended_and_its_last_lines() -> None:
    """In this order, as one message."""
    assert report("make  test", "ended with status 2", 192.0, ["no", "yes"]) == (
        "make test: ended with status 2 after 3m\nno\nyes"
    )
    assert report("true", "", 0.4, []) == "true: is done (status 0) after 0s"


def test_only_the_last_lines_are_kept() -> None:
    """Of both streams, in the order in which they came."""
    many = b"".join(b"%d\n" % number for number in range(1_000))

    assert lines_of(("out", many))[0] == str(1_000 - LINES)
    assert lines_of(("out", b"a\nb"), ("err", b"x\n\ny\n"), ("out", b"c\n")) == ["a", "x", "y", "bc"]
    assert lines_of(("out", b"no line end")) == ["no line end"]


def test_a_line_is_what_a_terminal_would_show_of_it() -> None:
    """Without colours, and of progress only the last state."""
    assert lines_of(("out", b"\x1b[1;32mok\x1b[0m \x1b]0;title\x07done\r\n")) == ["ok done"]
    assert lines_of(("out", b" 10 %\r 90 %\r100 %\n")) == ["100 %"]
    assert lines_of(("out", b"caf\xe9\0\n")) == ["caf\ufffd"]


@given(
    st.text(st.characters(exclude_categories=())),
    st.lists(st.tuples(st.sampled_from(["out", "err"]), st.binary(max_size=5_000) | st.just(b"\xff" * 9_999))),
)
def test_whatever_a_command_prints_can_be_sent(command: str, chunks: list[tuple[str, bytes]]) -> None:
    """The message is text, and within the limits."""
    text = report(command, "ended with status 1", 1.0, lines_of(*chunks))

    assert refuse_text(text) is None
