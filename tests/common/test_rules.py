"""Which texts can be said, and what is told of those that cannot."""

from __future__ import annotations

import pytest
from hypothesis import given, settings, strategies as st

from zchat.common.errors import Code
from zchat.common.limits import MESSAGE_BYTES, MESSAGE_LINES, REASON_CHARACTERS, TOPIC_CHARACTERS
from zchat.common.rules import ACTS, refuse_text

KINDS = ("message", "me", "topic", "delete", *ACTS)


def code(text: str, kind: str = "message") -> Code | None:
    refusal = refuse_text(text, kind)
    return refusal[0] if refusal else None


@pytest.mark.parametrize("kind", ["message", "me"])
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("hello", None),
        (" x ", None),
        ("one\ntwo\r\n\tthree", None),
        ("\x1b[2J\x07\x9b", None),
        ("x" * MESSAGE_BYTES, None),
        ("x" * (MESSAGE_BYTES + 1), Code.TOO_LARGE),
        ("é" * (MESSAGE_BYTES // 2), None),
        ("é" * (MESSAGE_BYTES // 2) + "x", Code.TOO_LARGE),
        ("\n".join("x" * MESSAGE_LINES), None),
        ("\n".join("x" * (MESSAGE_LINES + 1)), Code.TOO_LARGE),
        ("", Code.EMPTY),
        (" ", Code.EMPTY),
        ("\n\t \u3000\u2028", Code.EMPTY),
        ("a\0b", Code.BAD_FRAME),
        ("a\ud800b", Code.BAD_FRAME),
        ("\udc80", Code.BAD_FRAME),
    ],
)
def test_messages(text: str, kind: str, expected: Code | None) -> None:
    """Bytes and lines are counted, blanks alone are nothing, NUL and surrogates are no text; the rest is free."""
    assert code(text, kind) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", None),
        ("  ", None),
        ("tea at 4", None),
        ("é" * TOPIC_CHARACTERS, None),
        ("é" * (TOPIC_CHARACTERS + 1), Code.TOO_LARGE),
        ("two\nlines", Code.TOO_LARGE),
        ("a\0b", Code.BAD_FRAME),
        ("a\ud800b", Code.BAD_FRAME),
    ],
)
def test_topics(text: str, expected: Code | None) -> None:
    """A topic is one line of counted characters, and may be taken away."""
    assert code(text, "topic") == expected


@pytest.mark.parametrize("kind", ["delete", *ACTS])
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", None),
        (" ", None),
        ("spam", None),
        ("é" * REASON_CHARACTERS, None),
        ("é" * (REASON_CHARACTERS + 1), Code.TOO_LARGE),
        ("two\nlines", Code.TOO_LARGE),
        ("a\0b", Code.BAD_FRAME),
        ("a\ud800b", Code.BAD_FRAME),
    ],
)
def test_reasons(text: str, kind: str, expected: Code | None) -> None:
    """The reason of what is done to somebody or to a message is one line, and need not be given."""
    assert code(text, kind) == expected


@pytest.mark.parametrize("kind", ["message", "me"])
def test_a_broker_may_allow_less(kind: str) -> None:
    """Fewer bytes and lines, and the sentence tells its numbers."""
    assert refuse_text("x" * 300, kind, 300, 5) is None
    assert refuse_text("\n".join("x" * 5), kind, 300, 5) is None
    for text, number in (("x" * 301, "300"), ("\n".join("x" * 6), "5")):
        code, sentence = refuse_text(text, kind, 300, 5) or (None, "")
        assert code == Code.TOO_LARGE
        assert f" {number} " in sentence


@given(text=st.text(st.characters(codec=None, categories=None), max_size=200), kind=st.sampled_from(KINDS))
@settings(max_examples=100, deadline=None)
def test_any_text_is_judged(text: str, kind: str) -> None:
    """A refusal says what is wrong and what to do; what is not refused is text that can be stored."""
    refusal = refuse_text(text, kind)

    if refusal is None:
        assert "\0" not in text
        assert text.encode().decode() == text
    else:
        code, sentence = refusal
        assert code in Code
        assert sentence.endswith(".")
        assert sentence.count(". ") == 1


def test_a_refusal_does_not_repeat_the_text() -> None:
    """What may be secret, long or harmful is not in the sentence."""
    for text in ("pass\0word", "\x1b[2J" * MESSAGE_BYTES, "secret\n" * 1_000):
        _, sentence = refuse_text(text) or (None, "")
        assert text[:4] not in sentence
        assert sentence.isprintable()
