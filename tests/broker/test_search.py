"""Searching: what is found, and by whom, on the rules and on every history there is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import Phase, given, settings, strategies as st

from zchat.broker.history import Append, Erase, Find, FoundIn, History, Index, Indexed, Trim, Trimmed
from zchat.broker.policy import Policy
from zchat.broker.postgres import PostgresHistory
from zchat.broker.sqlite import SqliteHistory
from zchat.common import limits, messages as m
from zchat.common.errors import InputError
from zchat.common.searching import parse_search

from ..postgres import Postgres, emptied
from ..simulation.store import MemoryHistory
from .histories import said
from .house import NO_ROOM, House, key, only


def find(history: History, words: str, *readers: str, limit: int = 100, **rooms: int) -> list[str]:
    """The texts that are found, after all was indexed."""
    return [entry.text for _, entry in ask(history, words, *readers, limit=limit, **rooms).entries]


def ask(
    history: History, words: str, *readers: str, limit: int = 100, before: tuple[str, int] | None = None, **rooms: int
) -> FoundIn:
    """What is found, after all was indexed."""
    while history.commit([Index(1_000)]) != [Indexed(0)]:
        pass
    found = history.answer(Find(parse_search(words), readers if readers or rooms else ("",), rooms, limit, before))
    assert isinstance(found, FoundIn)
    return found


# --- the contract of every history ----------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("words", "texts"),
    [
        ("deploy", ["Deploy now", "the deploy, done"]),
        ("now deploy", ["Deploy now"]),
        ("dep*", ["Deploy now", "deployed", "the deploy, done"]),
        ('"the deploy"', ["the deploy, done"]),
        ('"deploy the"', []),
        ('"the dep"*', ["the deploy, done"]),
        ("uber", ["Über Straße"]),
        ("straße", ["Über Straße"]),
        ("привет", ["Привет, мир"]),
        ("missing", []),
        ("42", ["see a-b_c #42"]),
        ("a-b", ["see a-b_c #42"]),
        ("b-a", []),
    ],
)
def test_words_are_found(history: History, words: str, texts: list[str]) -> None:
    """All words, in any order and case, with or without accents; beginnings and phrases as they are typed."""
    history.commit(
        [
            said("Deploy now"),
            said("deployed"),
            said("the deploy, done"),
            said("Über Straße"),
            said("Привет, мир"),
            said("see a-b_c #42"),
        ]
    )

    assert find(history, words) == texts


def test_the_newest_are_found_first_over_all_rooms(history: History) -> None:
    """A page holds the newest, in the order in which they were said, and says whether there is more before."""
    for number in range(6):
        history.commit([said(f"tea {number}", room=f"room-{number % 2}", time=number)])
    page = ask(history, "tea", limit=4)
    first = page.entries[0]
    rest = ask(history, "tea", limit=4, before=(first[0], first[1].seq))

    assert [entry.text for _, entry in page.entries] == ["tea 2", "tea 3", "tea 4", "tea 5"]
    assert [(room, entry.text) for room, entry in rest.entries] == [("room-0", "tea 0"), ("room-1", "tea 1")]
    assert (page.more, rest.more) == (True, False)


def test_a_page_of_matches_fits_a_frame(history: History) -> None:
    """Long texts make a shorter page."""
    history.commit([said("tea " + str(number) * 16_000) for number in range(9)])
    page = ask(history, "tea")

    assert 1 < len(page.entries) < 9
    assert page.more


def test_rooms_are_found_by_their_readers(history: History) -> None:
    """A room of some readers is looked through for them, a room of none for who names it, from a floor on."""
    for time in (1, 2):
        for room, readers in (("open", None), ("@a.b", ("key-a", "key-b")), ("den", ())):
            text = f"tea in {room} {time}"
            history.commit([Append(room, "alice", f"id-{time}", "alice", text, time, readers=readers)])

    assert find(history, "tea", "") == ["tea in open 1", "tea in open 2"]
    assert find(history, "tea", "key-a") == find(history, "tea", "key-b") == ["tea in @a.b 1", "tea in @a.b 2"]
    assert find(history, "tea", "key-c") == find(history, "tea", "key") == []
    assert find(history, "tea", "", den=0) == ["tea in open 1", "tea in den 1", "tea in open 2", "tea in den 2"]
    assert find(history, "tea", den=1) == ["tea in den 2"]
    assert find(history, "tea", nowhere=0) == []


def test_what_is_gone_is_not_found(history: History) -> None:
    """What was erased or trimmed is not found from that moment on, whether or not it was indexed."""
    history.commit([said("tea one"), said("tea two")])
    assert find(history, "tea") == ["tea one", "tea two"]
    history.commit(
        [said("tea three"), said("tea four"), said("tea five"), Erase("lobby", 1, None), Erase("lobby", 3, None)]
    )
    assert find(history, "tea") == ["tea two", "tea four", "tea five"]
    history.commit([Trim("lobby", before=0, keep=1, forget=0)])

    assert find(history, "tea") == ["tea five"]
    history.commit([Trim("lobby", before=9, keep=0, forget=0), said("tea six")])
    assert find(history, "tea") == ["tea six"]


def test_what_is_indexed_survives_a_restart(reopen: Callable[[], History]) -> None:
    """Nothing is found twice or not at all, wherever the indexing stopped."""
    history = reopen()
    history.commit([said("tea 1"), said("tea 2"), said("tea 3")])
    history.commit([Index(2)])
    history.close()
    history = reopen()
    history.commit([said("tea 4")])

    assert find(history, "tea") == ["tea 1", "tea 2", "tea 3", "tea 4"]


# --- the file -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("trim", [False, True])
def test_words_that_were_removed_are_nowhere_in_the_file(tmp_path: Path, trim: bool) -> None:
    """Some steps after a message was deleted or trimmed, the index holds its words no more, though it holds others."""
    history = SqliteHistory(tmp_path / "history.sqlite")
    history.commit([said("verysecretword", id="1"), said("kept words", id="2"), Index(9)])
    history.commit([Trim("lobby", 0, 1, 0) if trim else Erase("lobby", 1, None)])
    steps = 0
    while history.commit([Index(9)]) != [Indexed(0)]:
        steps += 1
    assert 0 < steps < 20
    assert find(history, "kept") == ["kept words"]
    history.close()

    assert not any(b"verysecret" in path.read_bytes() for path in tmp_path.iterdir())


@given(st.text(max_size=60))
@settings(max_examples=300, deadline=None)
def test_no_words_are_a_syntax_error(words: str) -> None:
    """Whatever is typed is a search or refused in words; the database never complains."""
    house = _HOUSE
    sent = house.send(("alice", m.Search(words=words, ref=1)))
    (event,) = [action.event for action in sent]

    assert isinstance(event, m.Matches) or (isinstance(event, m.Refused) and event.code == "search_invalid")


_HOUSE = House(Policy(burst=10_000_000))
_HOUSE.enter("alice")
_HOUSE.say("alice", 'some AND words OR "others" NEAR(x) text:y', room="lobby")


@pytest.mark.parametrize(
    ("words", "refused"),
    [
        ("", True),
        ('"" * **', True),
        ("a*", True),
        ("ab*", False),
        ("東*", False),
        ("a b c d e f g h", False),
        ("a b c d e f g h i", True),
        ('"a b c d e f g h i"', True),
        ("a-b-c-d-e-f-g-h-i", True),
        ("x" * 257, True),
    ],
)
def test_a_search_is_not_without_bounds(words: str, refused: bool) -> None:
    """It has words, not too many, and does not ask for most of all words."""
    if refused:
        with pytest.raises(InputError):
            parse_search(words)
    else:
        assert parse_search(words)


def test_long_texts_are_indexed_and_removed_a_few_at_a_time() -> None:
    """However many entries may be dealt with at once, of their texts it is a quarter of a megabyte at most."""
    history = SqliteHistory(":memory:")
    fit = limits.INDEX_BYTES // limits.MESSAGE_BYTES
    text = ("tea " * limits.MESSAGE_BYTES)[: limits.MESSAGE_BYTES]
    history.commit([Append("open", "k", f"id-{n}", "k", text, n) for n in range(2 * fit + 1)])

    assert [history.commit([Index(1_000)]) for _ in range(3)] == [[Indexed(fit + 1)], [Indexed(1)], [Indexed(0)]]
    trim = Trim("open", before=0, keep=1, forget=0)
    assert [history.commit([trim]) for _ in range(2)] == [[Trimmed(fit, True)], [Trimmed(2 * fit, True)]]
    assert history.commit([trim]) == [Trimmed(2 * fit, False)]
    assert len(ask(history, "tea").entries) == 1
    history.close()


def test_many_rooms_are_indexed_a_few_at_a_time() -> None:
    """A step looks at no more rooms than it takes entries, whoever else waits; in the end all is found."""
    history = SqliteHistory(":memory:", patience=60)
    history.commit([said("tea", id=f"{number}", room=f"room-{number}") for number in range(500)])
    asked: list[str] = []
    history._db.set_trace_callback(asked.append)
    (first,) = history.commit([Index(10)])
    history._db.set_trace_callback(None)
    history.commit([said("tea", id="more", room="room-0")])
    left = [first.left]  # type: ignore[union-attr]
    while left[-1]:
        left.append(history.commit([Index(100)])[0].left)  # type: ignore[union-attr]
    found = find(history, "tea", "", limit=1_000)
    history.close()

    assert sum("FROM entry" in statement for statement in asked) <= 20
    assert left == [490, 391, 291, 191, 91, 0]
    assert len(found) == 501


def test_a_room_that_is_flooded_keeps_no_other_from_being_indexed() -> None:
    """Rooms take turns: what was said in another is findable soon, though more comes to this one than is indexed."""
    history = SqliteHistory(":memory:", patience=60)
    ids = iter(range(1_000))

    def flood() -> None:
        numbers = [next(ids) for _ in range(50)]
        history.commit([Append("flooded", "key", str(number), "nick", "noise", number) for number in numbers])

    flood()
    history.commit([Append("quiet", "key", "tea", "nick", "tea", 50)])
    for _ in range(4):
        flood()
        history.commit([Index(20)])
    found = history.answer(Find(parse_search("tea"), ("",), {}, limit=9))
    history.close()

    assert isinstance(found, FoundIn)
    assert [room for room, _ in found.entries] == ["quiet"]


# --- the rules ------------------------------------------------------------------------------------------------
def search(house: House, user: str, words: str = "tea", **how: object) -> list[str]:
    """The texts that a user finds."""
    matches = house.ask(user, m.Search(words=words, **how), m.Matches).matches  # type: ignore[arg-type]
    return [match.entry.text for match in matches]


@pytest.fixture
def house() -> House:
    """Alice owns a private room and has written to bob; carol knows neither."""
    house = House()
    house.enter("alice", "bob", "carol")
    house.join("den", "alice", private=True)
    house.say("alice", "tea for all", room="lobby")
    house.say("alice", "tea in the den", room="den")
    house.say("alice", "tea for bob", to="bob")
    return house


def test_one_finds_what_one_may_read(house: House) -> None:
    """Public rooms, one's own private rooms, one's own private messages, and nothing else."""
    assert search(house, "alice") == ["tea for all", "tea in the den", "tea for bob"]
    assert search(house, "bob") == ["tea for all", "tea for bob"]
    assert search(house, "carol") == ["tea for all"]
    assert search(house, "carol", to="alice") == []
    assert search(house, "alice", to="bob") == ["tea for bob"]
    assert search(house, "alice", room="DEN") == ["tea in the den"]


def test_what_one_may_not_read_does_not_exist(house: House) -> None:
    """Neither a private room nor private messages can be named in a search, or be used to tell when they were said."""
    direct = f"@{key('alice')}.{key('bob')}"
    for room in ("den", direct, "nowhere"):
        assert house.refused("carol", m.Search(words="tea", room=room)) == NO_ROOM
        assert house.refused("carol", m.Search(words="tea", before_room=room, before=1)) == NO_ROOM
    assert house.refused("carol", m.Search(words="tea", to="nobody")) == "no_such_user"


def test_a_member_finds_from_the_invitation_on(house: House) -> None:
    """What was said before is not found; who is put out finds nothing there; and anew after another invitation."""
    house.done("alice", "invite", "carol", "den")
    house.say("alice", "more tea in the den", room="den")
    assert search(house, "carol") == ["tea for all", "more tea in the den"]
    assert search(house, "carol", room="den") == ["more tea in the den"]
    assert search(house, "carol", before_room="den", before=1) == ["tea for all"]
    house.done("alice", "kick", "carol", "den")
    assert search(house, "carol") == ["tea for all"]
    house.done("alice", "invite", "carol", "den")
    house.say("alice", "tea again", room="den")

    assert search(house, "carol") == ["tea for all", "tea again"]


def test_invitations_into_very_many_rooms_hide_nothing(house: House) -> None:
    """Who is invited into more rooms than a search looks through finds what stands in those where most was said."""
    house.say("alice", "more", "and more", room="den")
    house.enter("mallory")
    for number in range(limits.USER_ROOMS + limits.SEARCH_ROOMS + 1):
        house.join(f"trap{number}", "mallory", private=True)
        house.done("mallory", "invite", "alice", f"trap{number}")
        house.send(("mallory", m.Part(room=f"trap{number}")))

    assert search(house, "alice") == ["tea for all", "tea in the den", "tea for bob"]
    looked_at = house.core._searches._private_rooms(house.core._roster.users[key("alice")])
    assert len(looked_at) <= limits.USER_ROOMS + limits.SEARCH_ROOMS


def test_kinds_that_are_found(house: House) -> None:
    """What is said, asked and set as a topic is found; reasons are not."""
    house.send(("alice", m.Say(id="1", text="tea topic", room="lobby", kind="topic")))
    house.send(("alice", m.Say(id="2", text="tea?", room="lobby", kind="ask", choices=["yes", "no"])))
    house.join("dev", "alice", "bob")
    house.done("alice", "mute", "bob", "dev")
    house.do("alice", "mute", "bob", "dev", text="tea")

    assert search(house, "alice", room="lobby") == ["tea for all", "tea topic", "tea?"]
    assert search(house, "alice", room="dev") == []


def test_a_search_sees_all_that_was_said_before_it(house: House) -> None:
    """What is not indexed yet is indexed first, in steps, however much it is."""
    texts = [f"flood {number}" for number in range(3 * limits.INDEX_ENTRIES // 2)]
    house.say("alice", *texts, room="lobby")
    found = house.ask("bob", m.Search(words="flood"), m.Matches)

    assert [match.entry.text for match in found.matches] == texts[-len(found.matches) :]
    assert found.more


def test_indexing_waits_while_much_is_said(house: House) -> None:
    """A tick that follows a flood indexes nothing; the next quiet one does."""
    house.tick()
    house.say("alice", *(f"flood {number}" for number in range(limits.INDEX_BUSY + 1)), room="lobby")
    house.tick()
    assert indexed(house) == 3
    house.tick()

    assert indexed(house) == limits.INDEX_BUSY + 4


def indexed(house: House) -> int:
    """How many entries the history has indexed."""
    return int(house.history._db.execute("SELECT count(*) FROM indexed").fetchone()[0])


def test_a_full_disk_leaves_what_was_indexed(house: House) -> None:
    """A search that cannot be brought up to date finds what it can."""
    search(house, "bob")
    house.say("alice", "late tea", room="lobby")
    with house.full_disk():
        assert search(house, "bob") == ["tea for all", "tea for bob"]

    assert search(house, "bob") == ["tea for all", "tea for bob", "late tea"]


def test_searching_much_is_paid_for() -> None:
    """A search costs as much as many messages."""
    house = House(Policy(burst=1_100, rate=1))
    house.enter("alice")
    sent = [house.refused("alice", m.Search(words="tea", ref=1)) for _ in range(4)]

    assert sent == ["", "", "too_fast", "too_fast"]


class Slow(SqliteHistory):
    """A history in which every search that takes some steps takes too long."""

    def __init__(self) -> None:
        super().__init__(":memory:", patience=0)


def test_a_search_that_takes_too_long_ends() -> None:
    """Whatever is looked for, nobody is held up: who searches is told, pays for it, and what comes next is heard."""
    house = House(Policy(burst=41_600, rate=1), history=Slow())
    house.enter("alice")
    text = f"bb {'aa ' * 5_000}cc bb"
    house.say("alice", *(f"{text} {number}" for number in range(10)), room="lobby")
    refusal = only(house.send(("alice", m.Search(words='"aa aa bb"', ref=7))), m.Refused, to="alice")

    assert (refusal.code, refusal.ref, "too long" in refusal.detail) == ("search_invalid", 7, True)
    assert house.may_speak("alice", "lobby")
    assert house.refused("alice", m.Search(words='"aa aa bb"', ref=8)) == "search_invalid"
    assert house.refused("alice", m.Search(words='"aa aa bb"', ref=9)) == "too_fast"


# --- both histories find the same -----------------------------------------------------------------------------
TEXTS = st.lists(
    st.sampled_from(["tea", "Tea,", "teapot", "time", "für", "FUR", "x-ray", "10"]), min_size=1, max_size=4
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("say"), st.sampled_from(["open", "den", "@a.b"]), TEXTS.map(" ".join)),
        st.tuples(st.just("erase"), st.sampled_from(["open", "den", "@a.b"]), st.integers(1, 12)),
        st.tuples(st.just("trim"), st.sampled_from(["open", "den", "@a.b"]), st.integers(1, 5)),
        st.tuples(st.just("index"), st.just(""), st.integers(1, 4)),
    ),
    max_size=25,
)
ROOM_READERS: dict[str, tuple[str, ...] | None] = {"open": None, "den": (), "@a.b": ("a", "b")}


WORDS = st.sampled_from(["tea", "te*", "tea tea*", '"tea time"', "fur", "x-ray", "10 tea"])


@given(STEPS, WORDS)
@settings(max_examples=150, deadline=None)
def test_every_history_finds_the_same(steps: list[tuple[str, str, str | int]], words: str) -> None:
    """Whatever is said, erased, trimmed and indexed in between: what is found is what a look at all entries finds."""
    finds_the_same(SqliteHistory(":memory:", patience=60), steps, words)


@given(STEPS, WORDS)
@settings(max_examples=25, deadline=None, phases=set(Phase) - {Phase.shrink})  # each step takes milliseconds
def test_a_database_finds_the_same(postgres: Postgres, steps: list[tuple[str, str, str | int]], words: str) -> None:
    """As above."""
    finds_the_same(PostgresHistory(emptied(postgres.url()), patience=60), steps, words)


def itself(found: tuple[str, m.Entry]) -> tuple[str, int]:
    """The room and sequence of what was found."""
    return found[0], found[1].seq


def finds_the_same(one: History, steps: list[tuple[str, str, str | int]], words: str) -> None:
    """A history finds what that in memory does."""
    histories: list[History] = [one, MemoryHistory()]
    # Rooms take turns at being indexed in parts: then what is found comes only about in the order of time.
    in_parts = any(what == "index" for what, _, _ in steps)
    for time, (what, room, value) in enumerate(steps):
        for history in histories:
            if what == "say":
                append = Append(room, "k", f"id-{time}", "k", str(value), time, readers=ROOM_READERS[room])
                history.commit([append])
            elif what == "index":
                history.commit([Index(int(value))])
            elif what == "erase":
                history.commit([Erase(room, int(value), None)])
            elif history.heads().get(room):
                history.commit([Trim(room, before=0, keep=int(value), forget=0)])
    for readers, rooms in ((("",), {}), (("a",), {}), (("", "b"), {"den": 2}), ((), {"open": 3}), ((), {"den": 0})):
        found = [ask(history, words, *readers, limit=100 if in_parts else 3, **rooms) for history in histories]
        entries = [sorted(each.entries, key=itself) if in_parts else each.entries for each in found]
        assert (entries[0], found[0].more) == (entries[1], found[1].more)
    one.close()
