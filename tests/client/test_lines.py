"""Reading lines from a descriptor, however they arrive."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from zchat.client.lines import read_all, read_lines
from zchat.common.errors import InputError


@dataclass
class Feed:
    """A pipe: what is written at one end is read at the other."""

    source: int
    sink: int

    def write(self, data: bytes) -> None:
        """Some bytes arrive; never more than a pipe holds."""
        assert os.write(self.sink, data) == len(data)

    def end(self) -> None:
        """Nothing more will come."""
        os.close(self.sink)
        self.sink = -1


@pytest.fixture
def feed() -> Iterator[Feed]:
    """An open pipe."""
    feed = Feed(*os.pipe())
    yield feed
    os.close(feed.source)
    if feed.sink >= 0:
        feed.end()


@pytest.fixture
def ended() -> Iterator[tuple[socket.socket, socket.socket]]:
    """The socket that tells that the client has ended, and the end that tells it by being closed."""
    here, there = socket.socketpair()
    with here, there:
        yield here, there


def all_lines(data: bytes, feed: Feed) -> list[str]:
    """The lines of some bytes that arrive at once, then the end."""
    feed.write(data)
    feed.end()
    return list(read_lines(descriptor=feed.source))


# --- lines ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", []),
        (b"one\ntwo\n", ["one", "two"]),
        (b"one\ntwo", ["one", "two"]),
        (b"\n", [""]),
        (b"\n\none\n\n", ["", "", "one", ""]),
        (b"one\r\ntwo\r\n", ["one", "two"]),
        (b"one\r\n\r\n", ["one", ""]),
        (b"one\rtwo\n", ["one\rtwo"]),
        (b"one\r", ["one"]),
        (" один\t\n \n".encode(), [" один\t", " "]),
        ("one\u2028two\x85three\x0cfour\n".encode(), ["one\u2028two\x85three\x0cfour"]),
        (b"nul\0\n", ["nul\0"]),
    ],
)
def test_what_a_line_is(feed: Feed, data: bytes, expected: list[str]) -> None:
    """A line ends with a newline, with or without a carriage return, or with the input; nothing else ends it."""
    assert all_lines(data, feed) == expected


def test_lines_come_as_they_arrive(feed: Feed) -> None:
    """A line is given as soon as its newline is there, though more is to come."""
    lines = read_lines(descriptor=feed.source)
    feed.write(b"one\ntwo\nthr")
    assert [next(lines), next(lines)] == ["one", "two"]
    feed.write(b"ee\n")
    assert next(lines) == "three"
    feed.end()

    assert list(lines) == []


@pytest.mark.parametrize("cut", range(1, 9))
def test_a_character_may_arrive_in_parts(feed: Feed, cut: int) -> None:
    """A write that ends within a character of UTF-8, or between the two ends of a line, changes nothing."""
    data = "a€😀\r\n".encode()
    lines = read_lines(descriptor=feed.source)
    feed.write(b"first\n" + data[:cut])
    assert next(lines) == "first"
    feed.write(data[cut:] + b"last\n")

    assert [next(lines), next(lines)] == ["a€😀", "last"]


@given(
    lines=st.lists(st.text(alphabet=st.characters(exclude_characters="\n\r", codec="utf-8")), max_size=20),
    size=st.integers(1, 50),
)
def test_any_text_comes_through_in_pieces_of_any_size(lines: list[str], size: int) -> None:
    """What goes in as lines comes out as the same lines."""
    data = "".join(f"{line}\n" for line in lines).encode()
    feed = Feed(*os.pipe())

    def write() -> None:
        for start in range(0, len(data), size):
            feed.write(data[start : start + size])
        feed.end()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert list(read_lines(descriptor=feed.source)) == lines
    finally:
        writer.join()
        os.close(feed.source)


@pytest.mark.parametrize(
    ("bad", "byte"), [(b"\xff", 1), (b"ab\x80c", 3), (b"\xe2\x82", 1), (b"\xed\xa0\x80", 1), (b"\xc0\xaf", 1)]
)
@pytest.mark.parametrize("end", [b"\n", b""])
def test_what_is_not_utf8_is_named_by_its_line(feed: Feed, bad: bytes, byte: int, end: bytes) -> None:
    """The lines before it are given, then the error tells line and byte."""
    feed.write(b"one\ntwo\n" + bad + end)
    feed.end()
    lines = read_lines(descriptor=feed.source)
    assert [next(lines), next(lines)] == ["one", "two"]
    with pytest.raises(InputError, match=rf"Line 3 of the input is not UTF-8 text \(byte {byte}\)"):
        next(lines)


def test_a_line_that_never_ends_is_given_up(tmp_path: Path) -> None:
    """Memory is not filled with a line that no message can be; the error names it."""
    path = tmp_path / "endless"
    path.write_bytes(b"one\n" + b"x" * 3_000_000)
    descriptor = os.open(path, os.O_RDONLY)
    try:
        lines = read_lines(descriptor=descriptor)
        assert next(lines) == "one"
        with pytest.raises(InputError, match=r"Line 2 of the input does not end"):
            next(lines)
        assert os.lseek(descriptor, 0, os.SEEK_CUR) < 1_500_000
    finally:
        os.close(descriptor)


def test_a_long_line_that_ends_is_a_line(tmp_path: Path) -> None:
    """A line too long for a message is given whole: whoever gets it can say so better."""
    path = tmp_path / "long"
    path.write_bytes(b"x" * 1_000_000 + b"\nshort\n")
    descriptor = os.open(path, os.O_RDONLY)
    try:
        assert [len(line) for line in read_lines(descriptor=descriptor)] == [1_000_000, 5]
    finally:
        os.close(descriptor)


# --- the client's end -----------------------------------------------------------------------------------------
def test_lines_come_while_the_client_runs(feed: Feed, ended: tuple[socket.socket, socket.socket]) -> None:
    """A client that has not ended changes nothing."""
    feed.write(b"one\ntwo")
    feed.end()

    assert list(read_lines(ended[0], feed.source)) == ["one", "two"]


def test_the_end_of_the_client_ends_the_lines(feed: Feed, ended: tuple[socket.socket, socket.socket]) -> None:
    """Once the client has ended nothing more is read, even if there is something."""
    lines = read_lines(ended[0], feed.source)
    feed.write(b"one\n")
    assert next(lines) == "one"
    feed.write(b"two\n")
    ended[1].close()

    assert list(lines) == []
    assert os.read(feed.source, 10) == b"two\n"


def test_waiting_for_a_line_ends_with_the_client(feed: Feed, ended: tuple[socket.socket, socket.socket]) -> None:
    """A reader in whose input nothing ever comes is woken."""
    lines = read_lines(ended[0], feed.source)
    feed.write(b"one\n")
    assert next(lines) == "one"
    rest: list[str] = []
    waiter = threading.Thread(target=lambda: rest.extend(lines), daemon=True)
    waiter.start()
    ended[1].close()
    waiter.join(timeout=10)

    assert not waiter.is_alive()
    assert rest == []


# --- all of it ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", ""),
        (b"\n", ""),
        (b"one", "one"),
        (b"one\n", "one"),
        (b"one\r\n", "one"),
        (b"one\n\n", "one\n"),
        (b"one\r\ntwo\n", "one\r\ntwo"),
        ("€\n".encode(), "€"),
    ],
)
def test_all_of_the_input_is_one_text(feed: Feed, data: bytes, expected: str) -> None:
    """Only the last newline is taken off: it is the shell's, not the message's."""
    feed.write(data)
    feed.end()

    assert read_all(100, feed.source) == expected


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
def test_a_text_of_just_the_limit_is_read_whole(feed: Feed, end: bytes) -> None:
    """The newline at the end is not counted."""
    feed.write("é".encode() * 50 + end)
    feed.end()

    assert read_all(100, feed.source) == "é" * 50


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n", b"xx", b"xx\xe2"])
def test_a_longer_text_is_longer_than_the_limit(feed: Feed, end: bytes) -> None:
    """What is too long stays too long, so it is refused for that, though a character may be cut."""
    feed.write(b"x" * 101 + end)
    feed.end()

    assert len(read_all(100, feed.source).encode()) > 100


def test_an_endless_text_is_not_read_to_its_end() -> None:
    """Beyond the limit reading stops, and a cut character is no complaint."""
    descriptor = os.open("/dev/zero", os.O_RDONLY)
    try:
        text = read_all(100, descriptor)
    finally:
        os.close(descriptor)

    assert 100 < len(text) < 200_000


def test_a_text_arrives_in_parts(feed: Feed) -> None:
    """Reading goes on to the end of the input, wherever the writes end."""
    feed.write(b"one \xe2")
    writer = threading.Thread(target=lambda: (feed.write(b"\x82\xac\n"), feed.end()))
    writer.start()
    text = read_all(100, feed.source)
    writer.join()

    assert text == "one €"


def test_a_text_that_is_not_utf8_is_told() -> None:
    """The error names the byte, and what to do."""
    feed = Feed(*os.pipe())
    feed.write(b"abc\xff")
    feed.end()
    with pytest.raises(InputError, match=r"The input is not UTF-8 text \(byte 4\).*iconv"):
        read_all(100, feed.source)
    os.close(feed.source)
