"""What /answer means: which question, and which of its choices."""

from __future__ import annotations

from zchat.client.answers import Answers
from zchat.common import messages as m


def asked(answers: Answers, seq: int, id_: str, *choices: str) -> None:
    """Somebody has asked in the lobby."""
    entry = m.Entry(
        seq=seq, prev=seq - 1, id=id_, time=0, nick="n", key="k", text="?", kind="ask", choices=list(choices)
    )
    answers.heard("lobby", "lobby", entry, mine=False)


def meant(answers: Answers, typed: str) -> tuple[int, str]:
    """Sequence and choice of what is typed in the lobby."""
    _, choice, seq = answers.meant(typed, "lobby")
    return seq, choice


def test_no_question_catches_the_answer_to_another() -> None:
    """A number is that of a question, whatever a later question has as its id or as a choice."""
    answers = Answers()
    asked(answers, 42, "first", "yes", "no")
    asked(answers, 43, "42", "yes", "no")
    asked(answers, 44, "third", "42 yes", "42 no", "43 perhaps")

    assert meant(answers, "42 yes") == (42, "yes")
    assert meant(answers, "first no") == (42, "no")
    assert meant(answers, "43 perhaps") == (44, "43 perhaps")
    assert meant(answers, "42 NO") == (42, "no")
