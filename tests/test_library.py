"""The library on real sockets: brokers in this process and one that is killed, clients in threads and in asyncio."""

from __future__ import annotations

import asyncio
import itertools
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from zchat.broker import Broker, Policy
from zchat.client import AsyncClient, Client, Connected, Disconnected, Message, Presence, Question, Sent
from zchat.common.errors import (
    BrokerUnreachable,
    Closed,
    Code,
    InputError,
    NotAcked,
    RefusedError,
    TimedOut,
    ZchatError,
)
from zchat.common.keys import KeyPair, Link

from . import processes
from .processes import PATIENCE


@pytest.fixture(autouse=True)
def account(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An account of its own, for this process too."""
    monkeypatch.setenv("ZCHAT_HOME", str(home))
    for name in ("ZCHAT_BROKER", "ZCHAT_NICK"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def embedded() -> Iterator[Broker]:
    """A broker in this process."""
    with Broker() as broker:
        yield broker


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def until(condition: Callable[[], object]) -> None:
    """Wait until something is so."""
    deadline, never = time.monotonic() + PATIENCE, threading.Event()
    while not condition():
        assert time.monotonic() < deadline
        never.wait(0.001)


def run_python(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([sys.executable, *arguments], capture_output=True, timeout=PATIENCE, check=False)


def texts(client: Client, count: int) -> list[str]:
    """The next so many messages."""
    return [message.text for message in itertools.islice(client.messages(timeout=PATIENCE), count)]


def next_of(client: Client, kind: type) -> object:
    """The next event of a kind."""
    return next(event for event in client.events(timeout=PATIENCE) if isinstance(event, kind))


# --- talking ---


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


# --- what goes wrong ---


def test_no_broker() -> None:
    """Where nobody answers, opening fails in 5 seconds and leaves nothing behind; without a name, at once."""
    before = set(threading.enumerate())
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        link = Link("127.0.0.1", closed.getsockname()[1], KeyPair.generate().public)
        with pytest.raises(BrokerUnreachable), Client(link, nick="alice"):
            pass
    with pytest.raises(BrokerUnreachable, match="No broker of this account"), Client(nick="alice"):
        pass
    assert set(threading.enumerate()) <= before


def test_another_key(embedded: Broker) -> None:
    """A broker that has another key than the link says is not talked to; one that is known is not even tried."""
    link = Link.parse(embedded.link)
    other = Link(link.host, link.port, KeyPair.generate().public)
    with pytest.raises(BrokerUnreachable, match="with this key"), Client(other, nick="alice"):
        pass
    with Client(link, nick="alice"):
        pass
    with pytest.raises(RefusedError, match="HAS CHANGED"), Client(other, nick="alice"):
        pass


def test_a_key_of_its_own(embedded: Broker, home: Path) -> None:
    """A client that brings its key and a link leaves no trace in the account."""
    with Client(embedded.link, nick="alice", key=KeyPair.generate()) as alice:
        alice.send("hello")
    assert not home.exists()


def test_a_nick_that_is_taken(embedded: Broker, home: Path) -> None:
    """Somebody else's nick is refused, and no key is kept for it."""
    with Client(embedded.link, nick="alice", key=KeyPair.generate()):
        with pytest.raises(RefusedError) as refusal, Client(embedded.link, nick="Alice"):
            pass
        assert refusal.value.code == Code.NICK_TAKEN
    assert list(home.glob("data/nicks/*/alice")) == list(home.glob("data/keys/*")) == []


def test_what_is_refused(embedded: Broker) -> None:
    """Each refusal is an exception with the broker's code; what cannot be right is told before it is sent."""
    with Client(embedded.link, nick="alice", rooms=[]) as alice:
        for code, call in (
            (Code.NO_SUCH_USER, lambda: alice.tell("nobody", "x")),
            (Code.NO_SUCH_ROOM, lambda: alice.who("nowhere")),
            (Code.NO_SUCH_ROOM, lambda: alice.history("nowhere")),
            (Code.NO_SUCH_ROOM, lambda: alice.join("nowhere", create=False)),
            (Code.EMPTY, lambda: alice.send(" ")),
            (Code.TOO_LARGE, lambda: alice.send("x" * 20_000)),
            (Code.NICK_INVALID, lambda: alice.tell("no nick", "x")),
        ):
            with pytest.raises(RefusedError) as refusal:
                call()
            assert refusal.value.code == code
        for call in (
            lambda: alice.send("x", "no room"),
            lambda: alice.send("x", id="no id"),
            lambda: alice.join("dev", "?!"),
        ):
            with pytest.raises(InputError):
                call()
        alice.send("x", id="used")
        with pytest.raises(RefusedError) as refusal:
            alice.send("y", id="used")
        assert refusal.value.code == Code.ID_REUSED


def test_a_client_that_is_not_let_in() -> None:
    """Who may not come in is told when opening, with the broker's code."""
    with Broker(policy=Policy(access="closed")) as closed, pytest.raises(RefusedError) as refusal:
        Client(closed.link, nick="alice").open()
    assert refusal.value.code == Code.NOT_ALLOWED


def test_a_client_that_is_shut_out(home: Path, zchat: Callable[..., object]) -> None:
    """A client that is banned while it runs ends: whoever waits or iterates gets the refusal."""
    with processes.Broker(home) as broker, Client(broker.link, nick="alice") as alice:
        zchat("admin", "ban", "alice")
        for call in (lambda: list(alice), lambda: alice.wait(PATIENCE), lambda: alice.send("x")):
            with pytest.raises(RefusedError) as refusal:
                call()
            assert refusal.value.code == Code.NOT_ALLOWED


def test_a_client_that_is_not_open(embedded: Broker) -> None:
    """Before it is opened and after it is closed a client takes nothing, and it is opened once."""
    alice = Client(embedded.link, nick="alice")
    with pytest.raises(Closed):
        alice.send("x")
    with alice, pytest.raises(Closed):
        alice.open()
    for call in (lambda: alice.send("x"), alice.who, lambda: alice.send_soon("x")):
        with pytest.raises(Closed):
            call()
    assert list(alice) == []
    alice.wait(0)
    alice.close()


def test_closing_while_others_wait(embedded: Broker) -> None:
    """Whoever is blocked in a call when the client is closed gets an exception, with the id of the message."""
    with Client(embedded.link, nick="alice") as alice, ThreadPoolExecutor(3) as pool:
        embedded.stop()
        assert next_of(alice, Disconnected)
        sending = pool.submit(alice.send, "x", id="kept", timeout=PATIENCE)
        asking = pool.submit(alice.who, timeout=PATIENCE)
        reading = pool.submit(list, alice)
        library = alice._running._library
        until(lambda: library._saying and library._asking)
        alice.close()
        with pytest.raises(NotAcked) as lost:
            sending.result(PATIENCE)
        assert lost.value.id == "kept"
        with pytest.raises(Closed):
            asking.result(PATIENCE)
        assert reading.result(PATIENCE) == []


def test_what_took_too_long_is_withdrawn(embedded: Broker) -> None:
    """A message that was given up is not said when the broker is back; said again with its id it is there once."""
    with Client(embedded.link, nick="alice") as alice:
        embedded.stop()
        assert next_of(alice, Disconnected)
        with pytest.raises(NotAcked) as lost:
            alice.send("lost", timeout=0.1)
        with pytest.raises(BrokerUnreachable):
            alice.who(timeout=0.1)
        cancelled = alice.send_soon("cancelled")
        assert cancelled.cancel()
        kept = alice.send_soon("kept")
        embedded.start()
        assert kept.result(PATIENCE).seq == 1
        alice.send("lost", id=lost.value.id)
        assert [entry.text for entry in alice.history()] == ["kept", "lost"]


def test_a_failed_receive_thread_fails_every_call(embedded: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the receive thread should end by a fault of ours, nobody waits for it: calls and iteration raise."""
    with Client(embedded.link, nick="alice") as alice, ThreadPoolExecutor(1) as pool:
        embedded.stop()
        assert next_of(alice, Disconnected)
        sending = pool.submit(alice.send, "x", timeout=PATIENCE)
        monkeypatch.setattr(alice._running._library, "tick", lambda now: 1 / 0)
        with pytest.raises(NotAcked):
            sending.result(PATIENCE)
        for call in (alice.who, lambda: list(alice), lambda: alice.wait(PATIENCE)):
            with pytest.raises(ZchatError, match="ZeroDivisionError"):
                call()


# --- a broker that dies ---


def test_a_killed_broker(home: Path) -> None:
    """Through two kill -9 under load, everything that was sent comes once and in order to who iterates."""
    with (
        processes.Broker(home) as broker,
        Client(broker.link, nick="bob", inbox=100) as bob,
        Client(broker.link, nick="alice") as alice,
        ThreadPoolExecutor(1) as pool,
    ):
        heard = pool.submit(texts, bob, 600)
        pending = []
        for number in range(600):
            pending.append(alice.send_soon(f"m{number}"))
            if number in (200, 400):
                broker.kill()
                broker.start()
        seqs = [one.result(3 * PATIENCE).seq for one in pending]
        assert seqs == sorted(set(seqs))
        assert heard.result(3 * PATIENCE) == [f"m{number}" for number in range(600)]
        assert next_of(alice, Disconnected)
        assert next_of(alice, Connected).again  # type: ignore[attr-defined]


# --- asyncio ---


def test_asyncio(embedded: Broker) -> None:
    """The same in asyncio: many sends at once, iterating, callbacks that are coroutines, questions, and the end."""

    async def main() -> None:
        echo = AsyncClient(embedded.link, nick="echo", bot=True)
        questions: asyncio.Queue[Question] = asyncio.Queue()
        echo.on(Question)(questions.put)

        @echo.on_message
        async def answer(message: Message) -> None:
            if message.text == "bad":
                raise ValueError
            await echo.reply(message, message.text.upper())

        async with echo, AsyncClient(embedded.link, nick="alice") as alice:
            await alice.send("bad")
            sent = await asyncio.gather(*(alice.send(f"m{number}") for number in range(100)))
            assert [one.seq for one in sent] == sorted(one.seq for one in sent)
            heard = []
            async for message in alice.messages(PATIENCE):
                heard.append(message.text)
                if len(heard) == 100:
                    break
            assert heard == [f"M{number}" for number in range(100)]
            await alice.tell("echo", "psst")
            async for message in alice.messages(PATIENCE):
                assert (message.text, message.room) == ("PSST", None)
                break
            assert [event async for event in alice.events(timeout=0)] == []
            assert {user.nick for user in await alice.who()} == {"alice", "echo"}
            assert [room.name for room in await alice.rooms()] == ["lobby"]
            assert len(await alice.history(limit=1_000)) == 201
            await alice.join("dev")
            await alice.part("dev")
            asked = asyncio.create_task(alice.ask("Deploy?", ["yes", "no"], to="echo", timeout=PATIENCE))
            question = await questions.get()
            await echo.answer(question, 1)
            assert (await asked).choice == "no"
            assert [found.text for found in await alice.search("deploy")] == ["Deploy?"]
            await echo.away("busy")
            assert (await alice.tell("echo", "bad")).away == "busy"
            await echo.back()
            with pytest.raises(RefusedError):
                await alice.tell("nobody", "x")
        with pytest.raises(Closed):
            await alice.send("x")
        assert [event async for event in alice] == []
        await alice.wait()

    asyncio.run(main())


def test_cancelling_a_task_withdraws_its_call(embedded: Broker) -> None:
    """A task that is cancelled, or runs out of time, has its message withdrawn; the client goes on."""

    async def main() -> None:
        async with AsyncClient(embedded.link, nick="alice") as alice:
            embedded.stop()
            async for event in alice:
                if isinstance(event, Disconnected):
                    break
            task = asyncio.create_task(alice.send("cancelled"))
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            with pytest.raises(NotAcked):
                await alice.send("too late", timeout=0.05)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await alice.who()
            embedded.start()
            await alice.send("kept")
            assert [entry.text for entry in await alice.history()] == ["kept"]

    asyncio.run(main())


def test_asyncio_that_is_refused(embedded: Broker) -> None:
    """What stops `Client` stops `AsyncClient`."""

    async def main() -> None:
        with pytest.raises(RefusedError):
            await AsyncClient(embedded.link, nick="system").open()
        async with AsyncClient(embedded.link, nick="alice") as alice:
            await alice.join("secret", private=True)
            with pytest.raises(RefusedError):
                await AsyncClient(embedded.link, nick="bob", rooms=["secret"]).open()
        with pytest.raises(Closed):
            await AsyncClient(embedded.link, nick="alice").send("x")

    asyncio.run(main())


# --- what is left behind ---


def test_nothing_is_left_behind(embedded: Broker) -> None:
    """After the end of clients, however they ended, no thread and no descriptor of theirs is left."""

    def once() -> None:
        with Client(embedded.link, nick="alice") as alice:
            alice.on_message(print)
            alice.send("x")
        with pytest.raises(RefusedError):
            Client(embedded.link, nick="system").open()

        async def main() -> None:
            async with AsyncClient(embedded.link, nick="bob") as bob:
                bob.on_message(print)
                await bob.send("x")

        asyncio.run(main())

    once()
    before, names = descriptors(), sorted(thread.name for thread in threading.enumerate())
    for _ in range(3):
        once()
    assert sorted(thread.name for thread in threading.enumerate()) == names
    until(lambda: descriptors() <= before)  # the broker's side of the connections needs a moment


def test_a_client_that_was_forgotten(embedded: Broker) -> None:
    """A client that nobody refers to any more says goodbye, with a warning."""
    alice = Client(embedded.link, nick="alice").open()
    ended = alice._running.ended
    forgotten = [alice]
    del alice
    with pytest.warns(ResourceWarning, match="alice"):
        forgotten.clear()
    ended.result(PATIENCE)


KILLED = "import os, signal; os.kill(os.getpid(), signal.SIGINT)"


@pytest.mark.parametrize(("end", "code"), [("", 0), ("raise SystemExit(3)", 3), ("1 / 0", 1), (KILLED, -signal.SIGINT)])
def test_a_program_that_ends_without_closing(embedded: Broker, end: str, code: int) -> None:
    """However a program ends, it does not hang on a client that it did not close, and the others see it leave."""
    program = f"from zchat.client import Client\nclient = Client({embedded.link!r}, nick='alice').open()\n{end}"
    with Client(embedded.link, nick="bob") as bob:
        done = run_python("-c", program)
        assert done.returncode == code
        changes = (event.change for event in bob.events(PATIENCE) if isinstance(event, Presence))
        assert list(itertools.islice(changes, 2)) == ["joined", "left"]


def test_ctrl_c_in_a_blocked_call(embedded: Broker) -> None:
    """Ctrl-C ends a call that waits, an iteration, and the program with them."""
    code = (
        "import sys\nfrom zchat.client import Client\n"
        f"with Client({embedded.link!r}, nick='alice', timeout=60) as client:\n"
        "    try:\n        print('ready', flush=True)\n        for event in client: pass\n"
        "    except KeyboardInterrupt:\n        pass\n"
        "    client.send('interrupted')\n"
        "    print('stop the broker', flush=True)\n    input()\n"
        "    try:\n        print('sending', flush=True)\n        client.send('x')\n"
        "    except KeyboardInterrupt:\n        sys.exit(42)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with process:
        try:
            assert process.stdout.readline() == "ready\n"
            process.send_signal(signal.SIGINT)
            assert process.stdout.readline() == "stop the broker\n"
            embedded.stop()
            process.stdin.write("\n")
            process.stdin.flush()
            assert process.stdout.readline() == "sending\n"
            process.send_signal(signal.SIGINT)
            assert process.wait(PATIENCE) == 42
        finally:
            process.kill()


def test_a_fork(embedded: Broker) -> None:
    """In a child of a process that forks, the client has ended; the parent's goes on."""
    code = (
        "import os\nfrom zchat.client import Client\nfrom zchat.common.errors import ZchatError\n"
        f"with Client({embedded.link!r}, nick='alice') as client:\n"
        "    if os.fork() == 0:\n"
        "        for call in (client.who, lambda: client.send('x'), lambda: next(client.events())):\n"
        "            try:\n                call()\n                os._exit(1)\n"
        "            except ZchatError as error:\n                assert 'forked' in str(error), error\n"
        "        client.close()\n        raise SystemExit(5)\n"
        "    assert os.waitstatus_to_exitcode(os.wait()[1]) == 5\n    client.send('I am still here')\n"
    )
    done = run_python("-W", "error", "-c", code)
    assert (done.returncode, done.stderr) == (0, b"")


def test_the_package_is_light() -> None:
    """Importing the packages loads no socket, so commands stay quick; what they have is found by name, all of it."""
    code = (
        "import sys, zchat.client, zchat.broker\n"
        "assert not {'zmq', 'sqlite3', 'asyncio', 'pytest'} & set(sys.modules), sys.modules\n"
        "for package in (zchat.client, zchat.broker):\n"
        "    for name in package.__all__: assert getattr(package, name).__name__ == name\n"
        "try: zchat.client.nothing\nexcept AttributeError: sys.exit(9)\n"
    )
    done = run_python("-c", code)
    assert (done.returncode, done.stderr) == (9, b"")
