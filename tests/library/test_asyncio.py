"""The library in asyncio."""

from __future__ import annotations

import asyncio

import pytest

from zchat.broker import Broker
from zchat.client import AsyncClient, Disconnected, Message, Question
from zchat.common.errors import (
    Closed,
    NotAcked,
    RefusedError,
)

from ..processes import PATIENCE


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
