"""The library on real sockets: talking, asking, and callbacks."""

from __future__ import annotations

import itertools
import queue
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from zchat.broker import Broker
from zchat.client import Client, Message, Presence, Question, Sent
from zchat.common.errors import (
    Closed,
    Code,
    InputError,
    RefusedError,
    TimedOut,
    ZchatError,
)
from zchat.common.keys import KeyPair

from ..processes import PATIENCE, until
from .hearing import next_of, texts


def test_two_talk(embedded: Broker) -> None:
    """What one sends, the other hears; privately too, and `reply` goes to where a message came from."""
    with Client(embedded.link, nick="alice") as alice, Client(embedded.link, nick="bob") as bob:
        sent = alice.send("hello", id="first")
        assert (sent.id, sent.seq, sent.delivered, sent.duplicate) == ("first", 1, 1, False)
        alice.tell("bob", "psst")
        heard = {message.text: message for message in itertools.islice(bob.messages(PATIENCE), 2)}
        assert (heard["hello"].place, heard["psst"].room, heard["psst"].place) == ("lobby", None, "alice")

        bob.reply(heard["hello"], "hi all")
        bob.reply(heard["psst"], "what?")
        replies = {message.text: message.room for message in itertools.islice(alice.messages(PATIENCE), 2)}
        assert replies == {"hi all": "lobby", "what?": None}
        assert alice.send("hello", id="first").duplicate


def test_rooms_people_and_history(embedded: Broker) -> None:
    """Who is where, which rooms there are, and what was said in them, in pages however long it is."""
    with (
        Client(embedded.link, nick="alice", rooms=["dev"]) as alice,
        Client(embedded.link, nick="bob", rooms=[]) as bob,
    ):
        assert [user.nick for user in bob.who("dev")] == ["alice"]
        assert {user.nick: user.rooms for user in bob.who()} == {"alice": ("dev",), "bob": ()}
        pending = [alice.send_soon(f"m{number}") for number in range(1_200)]
        assert [one.result(PATIENCE).seq for one in pending] == list(range(1, 1_201))
        assert [(room.name, room.online, room.seq) for room in bob.rooms()] == [("dev", 1, 1_200)]
        assert [entry.text for entry in bob.history("dev", limit=2)] == ["m1198", "m1199"]
        whole = bob.history("dev", limit=5_000)
        assert [entry.seq for entry in whole] == list(range(1, 1_201))
        assert [entry.seq for entry in bob.history("dev", after=1_000, limit=600)] == list(range(1_001, 1_201))
        assert [entry.seq for entry in bob.history("dev", before=700, limit=600)] == list(range(100, 700))

        bob.join("dev", since=2)
        assert texts(bob, 2) == ["m1198", "m1199"]
        bob.part("dev")
        assert [user.nick for user in bob.who("dev")] == ["alice"]


def test_questions_and_their_answers(embedded: Broker) -> None:
    """A question in a room that the asker does not follow, or in private, waits for the first answer, and no longer."""
    with (
        Client(embedded.link, nick="alice", rooms=["dev"]) as alice,
        Client(embedded.link, nick="ci", rooms=[], key=KeyPair.generate()) as ci,
        ThreadPoolExecutor() as threads,
    ):
        for place in ({"room": "dev"}, {"to": "alice"}):
            asked = threads.submit(ci.ask, "Деплой? 🚀", ["yes", "no"], id="q", timeout=PATIENCE, **place)
            question = next_of(alice, Question)
            assert isinstance(question, Question)
            alice.answer(question, "NO")
            answer = asked.result(PATIENCE)
            assert (answer.choice, answer.number, answer.nick, answer.id) == ("no", 1, "alice", "q")
            with pytest.raises(RefusedError) as refused:
                alice.answer(question, 0)
            assert refused.value.code == Code.ANSWERED
        with pytest.raises(TimedOut, match="id='late'"):
            ci.ask("Again?", room="dev", id="late", timeout=0.3)
        for mistake in (
            {"choices": ["yes"]},
            {"choices": "yes"},
            {"choices": ["yes", "no"], "room": "dev", "to": "alice"},
        ):
            with pytest.raises(ZchatError):
                ci.ask("Again?", **mistake)  # type: ignore[arg-type]

        waiting = threads.submit(ci.ask, "For ever?", room="dev", id="for-ever")
        until(lambda: ci.history("dev", limit=1)[0].id == "for-ever")
        ci.close()
        with pytest.raises(Closed):
            waiting.result(PATIENCE)


def test_searching_and_being_away(embedded: Broker) -> None:
    """What was said is found page by page, in a room, with somebody or everywhere; who is away is told of."""
    with Client(embedded.link, nick="alice") as alice, Client(embedded.link, nick="bob", rooms=["dev"]) as bob:
        for number in range(3):
            alice.send(f"deployed {number}")
        alice.send("deploying", "dev")
        bob.tell("alice", "deploy it")
        assert [found.text for found in alice.search("deploy*", "lobby", limit=2)] == ["deployed 1", "deployed 2"]
        assert [(found.text, found.room) for found in alice.search("deploy*")][-2:] == [
            ("deploying", "dev"),
            ("deploy it", None),
        ]
        assert [found.place for found in bob.search("deploy*", to="alice")] == ["alice"]
        assert bob.search("nothing of the kind") == []
        with pytest.raises(InputError):
            bob.search("!?")

        alice.away("lunch")
        assert bob.tell("alice", "psst").away == "lunch"
        alice.back()
        assert bob.tell("alice", "psst").away is None


def test_nothing_of_the_past_is_told_unless_it_is_wanted(embedded: Broker) -> None:
    """A bot hears what is said from now on; private messages of before wait for people, and for bots that ask."""
    with Client(embedded.link, nick="alice") as alice:
        with Client(embedded.link, nick="bot", bot=True):
            alice.send("old")
        alice.tell("bot", "private and old")
        with Client(embedded.link, nick="bot", bot=True) as bot:
            alice.send("new")
            alice.tell("bot", "private and new")
            assert set(texts(bot, 2)) == {"new", "private and new"}
        alice.tell("bot", "more")
        with Client(embedded.link, nick="bot", bot=True, since="all", private="all") as bot:
            assert set(texts(bot, 5)) == {"old", "new", "private and old", "private and new", "more"}


def test_threads_share_a_client(embedded: Broker) -> None:
    """Two threads send while a third reads: each thread's messages come in its order, and none twice."""
    count = 200

    def send(client: Client, name: str) -> list[int]:
        return [client.send(f"{name}{number}").seq for number in range(count)]

    with Client(embedded.link, nick="alice") as alice, Client(embedded.link, nick="bob") as bob:
        with ThreadPoolExecutor(3) as pool:
            heard = pool.submit(texts, bob, 2 * count)
            sending = [pool.submit(send, alice, name) for name in "ab"]
            seqs = {seq for thread in sending for seq in thread.result(PATIENCE)}
        assert len(seqs) == 2 * count
        for name in "ab":
            own = [text for text in heard.result(PATIENCE) if text.startswith(name)]
            assert own == [f"{name}{number}" for number in range(count)]


def test_a_reader_that_pauses_misses_nothing(embedded: Broker) -> None:
    """A thousand messages that nobody takes cost a bounded inbox, hold up no sending, and all come in the end."""
    with Client(embedded.link, nick="alice") as alice, Client(embedded.link, nick="bob", inbox=50) as bob:
        pending = [alice.send_soon(f"m{number}") for number in range(1_000)]
        for one in pending:
            one.result(PATIENCE)
        assert bob.send("I do not read").delivered == 1
        assert 50 <= len(bob._running.inbox) < 900
        assert texts(bob, 1_000) == [f"m{number}" for number in range(1_000)]


def test_several_threads_share_the_events(embedded: Broker) -> None:
    """Each event goes to one of those who iterate, and closing the client ends them all."""
    heard: queue.Queue[str] = queue.Queue()

    def read(client: Client) -> None:
        for message in client.messages():
            heard.put(message.text)

    with Client(embedded.link, nick="alice") as alice, Client(embedded.link, nick="bob") as bob:
        with ThreadPoolExecutor(2) as pool:
            readers = [pool.submit(read, bob) for _ in range(2)]
            for number in range(100):
                alice.send_soon(f"m{number}")
            told = [heard.get(timeout=PATIENCE) for _ in range(100)]
            bob.close()
            assert [reader.result(PATIENCE) for reader in readers] == [None, None]
        assert sorted(told) == sorted(f"m{number}" for number in range(100))


# --- callbacks ---


def test_callbacks_are_called_one_after_the_other(embedded: Broker, caplog: pytest.LogCaptureFixture) -> None:
    """A callback may use the client; one that raises is logged, and the next message comes all the same."""
    bob = Client(embedded.link, nick="bob")
    came: queue.Queue[Presence] = queue.Queue()

    @bob.on_message
    def answer(message: Message) -> None:
        if message.text == "bad":
            raise ValueError("what is that?")
        bob.reply(message, message.text.upper())

    bob.on(Presence)(came.put)
    with bob, Client(embedded.link, nick="alice") as alice:
        assert came.get(timeout=PATIENCE).nick == "alice"
        alice.send("bad")
        alice.send("good")
        assert texts(alice, 1) == ["GOOD"]
        with pytest.raises(InputError):
            bob.events()
    assert "what is that?" in caplog.text


def test_a_callback_may_close_the_client(embedded: Broker) -> None:
    """Who waits for the end of the client goes on when a callback closes it."""
    bob = Client(embedded.link, nick="bob")

    @bob.on_message
    def end(_: Message) -> None:
        bob.close()

    with bob, Client(embedded.link, nick="alice") as alice:
        with pytest.raises(TimedOut):
            bob.wait(0)
        alice.send("enough")
        bob.wait(PATIENCE)


def test_a_callback_that_the_end_interrupts_is_no_fault(embedded: Broker, caplog: pytest.LogCaptureFixture) -> None:
    """What a callback waited for when the client was closed is not logged as its mistake."""
    began = threading.Event()
    bob = Client(embedded.link, nick="bob")

    @bob.on_message
    def answer(message: Message) -> None:
        embedded.stop()
        began.set()
        bob.reply(message, "never")

    with bob, Client(embedded.link, nick="alice") as alice:
        alice.send("hello")
        assert began.wait(PATIENCE)
        until(lambda: not bob.connected and bob._running._library._saying)
        bob.close()
    assert [record for record in caplog.records if record.name == "zchat.client"] == []


def test_the_callback_of_a_future_must_not_wait(embedded: Broker) -> None:
    """It runs in the receive thread, which would wait for itself: it is told so; send_soon is possible there."""
    outcome: queue.Queue[object] = queue.Queue()

    with Client(embedded.link, nick="alice") as alice:

        def then(_: object) -> None:
            try:
                alice.send("never")
            except ZchatError as error:
                outcome.put(error)
            alice.send_soon("and then").add_done_callback(lambda done: outcome.put(done.result()))

        alice.send_soon("first").add_done_callback(then)
        assert "send_soon" in str(outcome.get(timeout=PATIENCE))
        assert isinstance(outcome.get(timeout=PATIENCE), Sent)
        assert [entry.text for entry in alice.history()] == ["first", "and then"]
