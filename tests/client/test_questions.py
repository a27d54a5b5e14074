"""Questions and their answers: asked until answered, and put together from parts whatever is lost on the way."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, strategies as st

from zchat.client.questions import AnswerEvent, Questions
from zchat.common import limits, messages as m

LATE = limits.REQUEST_AFTER + 0.1
WHO = m.Who(ref=1)
ROOMS = m.Rooms(ref=2)


def users(*numbers: int) -> list[m.UserInfo]:
    """Some users."""
    return [m.UserInfo(nick=f"n{n}", key=f"k{n}", rooms=[], idle=0, since=0, sessions=1) for n in numbers]


def rooms(*numbers: int) -> list[m.RoomInfo]:
    """Some rooms."""
    return [m.RoomInfo(room=f"r{n}", online=n, topic="", seq=n) for n in numbers]


def roster(start: int, end: int, *, more: bool) -> m.Roster:
    """A part of the answer to `WHO`."""
    return m.Roster(users=users(*range(start, end)), start=start, more=more, ref=1)


@pytest.fixture
def questions() -> Questions:
    """Two questions are open."""
    questions = Questions()
    questions.add(WHO, 0.0)
    questions.add(ROOMS, 0.0)
    return questions


# --- asking ---------------------------------------------------------------------------------------------------
def test_a_question_is_due_when_its_answer_is_late(questions: Questions) -> None:
    """It is asked again after a while, then after the same while once more, and no more when it is answered."""
    assert questions.due(limits.REQUEST_AFTER) == []
    assert questions.due(LATE) == [WHO, ROOMS]
    assert questions.due(LATE) == []
    questions.answer(m.RoomList(rooms=[], ref=2))
    assert questions.due(2 * LATE) == [WHO]
    questions.answer(roster(0, 0, more=False))

    assert questions.due(9 * LATE) == []
    assert len(questions) == 0


def test_everything_is_due_after_a_reconnection(questions: Questions) -> None:
    """What was asked of a connection that broke is asked of the next one at once."""
    assert questions.due(0.1, again=True) == [WHO, ROOMS]


def test_a_refused_question_is_done(questions: Questions) -> None:
    """It is given back once, and its parts count no more."""
    questions.answer(roster(0, 2, more=True))

    assert questions.remove(1) == WHO
    assert questions.remove(1) is None
    assert questions.answer(roster(2, 3, more=False)) is None
    assert len(questions) == 1


# --- parts ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "reply",
    [
        m.Page(room="lobby", entries=[], head=7, ref=1),
        m.Pong(ref=1),
        m.Roster(users=users(1, 2), ref=1),
        m.RoomList(rooms=rooms(1), ref=1),
    ],
)
def test_an_answer_of_one_part_is_whole(questions: Questions, reply: AnswerEvent) -> None:
    """It comes with its question, and a repeat of it is nobody's answer."""
    assert questions.answer(reply) == (WHO, reply)
    assert questions.answer(reply) is None


def test_parts_in_order_make_one_answer(questions: Questions) -> None:
    """The answer is told when the last part is there, with everything in it; two lists at once keep apart."""
    assert questions.answer(roster(0, 2, more=True)) is None
    assert questions.answer(m.RoomList(rooms=rooms(0), more=True, ref=2)) is None
    assert questions.answer(roster(2, 3, more=True)) is None
    assert questions.answer(roster(3, 5, more=False)) == (WHO, roster(0, 5, more=False))
    assert questions.answer(m.RoomList(rooms=rooms(1, 2), start=1, ref=2)) == (
        ROOMS,
        m.RoomList(rooms=rooms(0, 1, 2), ref=2),
    )


def test_a_part_that_came_twice_counts_once(questions: Questions) -> None:
    """Repeats of the first part and of a later one add nothing."""
    for start, end in ((0, 2), (0, 2), (2, 4), (2, 4)):
        assert questions.answer(roster(start, end, more=True)) is None

    assert questions.answer(roster(4, 5, more=False)) == (WHO, roster(0, 5, more=False))


@pytest.mark.parametrize("lost", [0, 1, 2])
def test_a_lost_part_is_asked_for_again(questions: Questions, lost: int) -> None:
    """Without one of its parts there is no answer; the question is due again, and its next answer is whole."""
    parts = [roster(0, 2, more=True), roster(2, 4, more=True), roster(4, 5, more=False)]
    for part in parts[:lost] + parts[lost + 1 :]:
        assert questions.answer(part) is None
    assert WHO in questions.due(LATE)
    answers = [questions.answer(part) for part in parts]

    assert answers == [None, None, (WHO, roster(0, 5, more=False))]


def test_what_was_known_is_dropped_when_it_is_asked_anew(questions: Questions) -> None:
    """Parts of two answers are not put together: somebody may have come or gone between them."""
    questions.answer(roster(0, 2, more=True))
    questions.due(LATE)

    assert questions.answer(roster(2, 4, more=False)) is None
    assert questions.due(2 * LATE) != []


def test_a_part_of_another_kind_is_no_part(questions: Questions) -> None:
    """A list of rooms does not go on a list of users."""
    questions.answer(roster(0, 2, more=True))

    assert questions.answer(m.RoomList(rooms=rooms(2, 3), start=2, ref=1)) is None
    assert questions.answer(roster(2, 3, more=False)) == (WHO, roster(0, 3, more=False))


@st.composite
def tries(draw: st.DrawFn) -> list[list[tuple[m.Roster, int]]]:
    """Answers to one question, each of another length and cut elsewhere: their parts, and how often each arrives."""
    answers = []
    for _ in range(draw(st.integers(1, 4))):
        ends = sorted(draw(st.sets(st.integers(1, 30), min_size=1, max_size=5)))
        parts = [roster(start, end, more=end != ends[-1]) for start, end in itertools.pairwise([0, *ends])]
        answers.append([(part, draw(st.integers(0, 2))) for part in parts])
    return answers


@given(tries())
def test_an_answer_is_whole_or_none(answers: list[list[tuple[m.Roster, int]]]) -> None:
    """Parts lost or doubled in any way: what is told is one whole answer, once, as soon as one has arrived."""
    questions = Questions()
    questions.add(WHO, 0.0)
    whole = [m.Roster(users=[user for part, _ in parts for user in part.users], ref=1) for parts in answers]
    complete = [all(times for _, times in parts) for parts in answers]
    told = []
    for number, parts in enumerate(answers):
        arriving = itertools.chain.from_iterable([part] * times for part, times in parts)
        told += [(number, answer) for part in arriving if (answer := questions.answer(part)) is not None]
        questions.due((number + 1) * LATE)

    expected = complete.index(True) if any(complete) else None
    assert told == ([] if expected is None else [(expected, (WHO, whole[expected]))])
