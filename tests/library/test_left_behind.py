"""What clients of the library leave behind, however they or their programs end."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import subprocess
import sys
import threading

import pytest

from zchat.broker import Broker
from zchat.client import AsyncClient, Client, Presence
from zchat.common.errors import (
    RefusedError,
)

from ..processes import PATIENCE, until


def descriptors() -> int:
    """How many files and connections this process has open."""
    return len(os.listdir("/proc/self/fd"))


def run_python(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    """A program of its own."""
    return subprocess.run([sys.executable, *arguments], capture_output=True, timeout=PATIENCE, check=False)


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
