"""A broker, writers and readers in processes of their own, and what became of everything that was said.

`Chat` keeps the writers talking at a steady pace while a test does its worst, waits until everybody has something
again, and gives what everybody saw to `checker`. All lines are kept with the moment at which they came.
"""

from __future__ import annotations

import bisect
import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Self

from ..ports import Ports
from ..processes import ZCHAT, environment, run
from .checker import Line, Record, Report, judge, longest_gap, recovery

PATIENCE = 40.0
"""Seconds until somebody who should be back is missed."""
STOPPING = 5.0
"""Seconds that a broker may take to stop."""
PACE = 0.05
"""Seconds between two messages of one writer."""
ROOM = "faults"
ROOT = Path(__file__).resolve().parent.parent.parent


class Actor:
    """A process on pipes; threads keep its lines, with the moment at which each came."""

    def __init__(
        self, name: str, command: Sequence[object], variables: dict[str, str], changed: threading.Condition
    ) -> None:
        self.name = name
        self.lines: list[str] = []
        self.errors: list[str] = []
        self.times: list[float] = []
        """When a message came."""
        self._changed = changed
        self._popen = subprocess.Popen(
            list(map(str, command)),
            env=variables,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self.pid = self._popen.pid
        assert self._popen.stdout is not None
        assert self._popen.stderr is not None
        pipes = ((self._popen.stdout.fileno(), self._take), (self._popen.stderr.fileno(), self.errors.append))
        self._open = len(pipes)
        self._threads = [threading.Thread(target=self._collect, args=pipe, daemon=True) for pipe in pipes]
        for thread in self._threads:
            thread.start()

    def _collect(self, pipe: int, take: Callable[[str], object]) -> None:
        rest = b""
        while chunk := os.read(pipe, 65_536):
            *lines, rest = (rest + chunk).split(b"\n")
            with self._changed:
                for line in lines:
                    take(line.decode(errors="replace"))
                self._changed.notify_all()
        with self._changed:
            self._open -= 1
            self._changed.notify_all()

    def _take(self, line: str) -> None:
        self.lines.append(line)
        if self.is_message(line):
            self.times.append(time.monotonic())

    def is_message(self, line: str) -> bool:
        """Whether a line is a message, and not a notice."""
        return '"kind":"message"' in line

    @property
    def messages(self) -> list[Line]:
        """The messages, as it told them."""
        return [line_of(json.loads(line)) for line in self.lines if self.is_message(line)]

    @property
    def ended(self) -> bool:
        """Whether it has written its last."""
        return not self._open

    def has_since(self, moment: float) -> bool:
        """Whether a message came after that."""
        return bisect.bisect_right(self.times, moment) < len(self.times)

    def count(self, words: str) -> int:
        """How many lines, of errors too, have these words."""
        return sum(words in line for line in [*self.lines, *self.errors])

    def type(self, line: str) -> None:
        """Write a line to its standard input."""
        assert self._popen.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # why it ended, `wait` tells
            self._popen.stdin.write(f"{line}\n".encode())
            self._popen.stdin.flush()

    def end_input(self) -> None:
        """Close its standard input."""
        assert self._popen.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._popen.stdin.close()

    def send_signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._popen.send_signal(number)

    def wait(self) -> int:
        """Its exit code, once it has ended and all that it wrote is there."""
        code = self._popen.wait(PATIENCE)
        for thread in self._threads:
            thread.join(PATIENCE)
        return code

    def close(self) -> None:
        """End it however it is, and leave nothing behind."""
        self._popen.kill()
        self._popen.wait()
        for thread in self._threads:
            thread.join()
        self.end_input()
        for pipe in (self._popen.stdout, self._popen.stderr):
            assert pipe is not None
            pipe.close()


class Person(Actor):
    """`zchat join`, on whose screen a message is a nick and a text."""

    def is_message(self, line: str) -> bool:
        """Whether a line is a message, and not a notice."""
        return ": " in line and " -- " not in line and not line.startswith("--")

    @property
    def messages(self) -> list[Line]:
        """The texts on the screen."""
        return [Line(line.split(": ", 1)[1]) for line in self.lines if self.is_message(line)]


def line_of(told: dict[str, object]) -> Line:
    """A message that was printed as JSON."""
    seq, room = told["seq"], told["room"]
    assert isinstance(seq, int)
    return Line(str(told["text"]), seq, str(told["id"]), str(room))


class Chat:
    """One broker and the people of a room, all ended when the `with` block ends."""

    def __init__(
        self,
        home: Path,
        *,
        options: Sequence[object] = (),
        data: Path | None = None,
        under: Sequence[object] = (),
        variables: Mapping[str, str] | None = None,
    ) -> None:
        self.home = home
        self._under = under
        self._options = ("--data", data or home / "broker", *options)
        self._variables = environment(home, **(variables or {}))
        self.program: Sequence[object] = (ZCHAT,)
        """What starts the broker; another one from the next start on."""
        self._stack = contextlib.ExitStack()
        self.changed = threading.Condition()
        self.writers: list[Actor] = []
        self.readers: list[Actor] = []
        self._sent: dict[str, list[str]] = {}
        self._quiet = threading.Event()
        self._pacer = threading.Thread(target=self._keep_talking, daemon=True)
        self.port = 0
        self.link = ""
        self.recoveries: list[float] = []

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as if_it_fails:
            if_it_fails.enter_context(self._stack)
            self.port = self._stack.enter_context(Ports()).first
            self.start_broker()
            if_it_fails.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._quiet.set()
        if self._pacer.is_alive():
            self._pacer.join()
        self._stack.close()

    # --- the broker -------------------------------------------------------------------------------------------
    def start_broker(self) -> float:
        """Start it, on the same ports as before; returns the moment at which it was ready."""
        command = [*self._under, *self.program, "broker", *self._options, "--port", self.port]
        self.broker = Actor("broker", command, self._variables, self.changed)
        self._stack.callback(self.broker.close)
        ready = "zchat broker is ready: "
        self.wait_until(lambda: self.broker.count(ready) or self.broker.ended, "a broker")
        line = next((line for line in self.broker.errors + self.broker.lines if ready in line), None)
        assert line is not None, "\n".join(self.broker.errors)
        self.link = line.rpartition(" ")[2]
        self.port = int(self.link.split("/")[2].rpartition(":")[2])
        return time.monotonic()

    def kill_broker(self) -> None:
        """Kill it with -9."""
        self.broker.send_signal(signal.SIGKILL)
        self.broker.wait()

    def stop_broker(self) -> None:
        """Stop it as a supervisor does; it has to end in order and in time."""
        began = time.monotonic()
        self.broker.send_signal(signal.SIGTERM)
        assert self.broker.wait() == 0, self.broker.errors[-3:]
        assert time.monotonic() - began < STOPPING

    # --- the people -------------------------------------------------------------------------------------------
    def _enter(self, actor: Actor, among: list[Actor]) -> Actor:
        self._stack.callback(actor.close)
        among.append(actor)
        return actor

    def _client(
        self, kind: type[Actor], name: str, arguments: Sequence[object], link: str | None, variables: dict[str, str]
    ) -> Actor:
        command = [ZCHAT, *arguments, "--broker", link or self.link, "--room", ROOM]
        return kind(name, command, environment(self.home, ZCHAT_NICK=name, **variables), self.changed)

    def writer(self, name: str, link: str | None = None, **variables: str) -> Actor:
        """A pipe into the room."""
        self._sent[name] = []
        arguments = ("send", "--each-line", "--json")
        return self._enter(self._client(Actor, name, arguments, link, variables), self.writers)

    def reader(self, name: str, link: str | None = None, **variables: str) -> Actor:
        """A pipe out of the room, from its beginning on."""
        arguments = ("tail", "--json", "--since", "all")
        return self._enter(self._client(Actor, name, arguments, link, variables), self.readers)

    def person(self, name: str, link: str | None = None, **variables: str) -> Actor:
        """Somebody who has joined the room and reads."""
        return self._enter(self._client(Person, name, ("join",), link, variables), self.readers)

    def people(self, writers: int, tails: int, persons: int, link: str | None = None, prefix: str = "") -> None:
        """So many of each."""
        for number in range(writers):
            self.writer(f"{prefix}writer{number}", link)
        for number in range(tails):
            self.reader(f"{prefix}tail{number}", link)
        for number in range(persons):
            self.person(f"{prefix}person{number}", link)

    def crowd(self, name: str, count: int, speakers: int, pause: float) -> Actor:
        """So many bare peers in one process; see `tests.faults.crowd`."""
        command = [sys.executable, "-m", "tests.faults.crowd", self.link, ROOM, name, count, speakers, pause]
        actor = Actor(name, command, environment(self.home, PYTHONPATH=str(ROOT)), self.changed)
        self._stack.callback(actor.close)
        return actor

    @property
    def everybody(self) -> list[Actor]:
        """Who should go on by themselves, whatever happens."""
        return [*self.writers, *self.readers]

    @property
    def persons(self) -> list[Person]:
        """Those at screens."""
        return [reader for reader in self.readers if isinstance(reader, Person)]

    def talk(self) -> None:
        """Begin, once everybody is there: at first only those who read, so that they see everything."""
        self.those_who_join()
        self._pacer.start()
        self.recovers(time.monotonic())
        self.recoveries.clear()
        self._noticed = len(self.notices())

    def those_who_join(self) -> None:
        """Until they have."""
        self.wait_until(lambda: all(person.count("You joined") for person in self.persons), "those who join")

    def _keep_talking(self) -> None:
        number = 0
        while not self._quiet.wait(PACE):
            number += 1
            for writer in self.writers:
                text = f"{writer.name} says {number}"
                self._sent[writer.name].append(text)
                writer.type(text)

    # --- waiting ----------------------------------------------------------------------------------------------
    def wait_until(self, condition: Callable[[], object], what: str) -> None:
        """Until something is true of what came; fails when it is not in time."""
        with self.changed:
            assert self.changed.wait_for(condition, PATIENCE), f"{what} did not come in {PATIENCE:g} s\n{self._state()}"

    def _state(self) -> str:
        now = time.monotonic()
        return "\n".join(
            f"{actor.name}: last message {now - actor.times[-1] if actor.times else -1:.1f} s ago, "
            f"{'ended, ' if actor.ended else ''}last words {[*actor.lines[-2:], *actor.errors[-2:]]}"
            for actor in (self.broker, *self.everybody)
        )

    def hold(self, seconds: float) -> None:
        """A fault lasts so long, or less if somebody who should not has ended."""
        with self.changed:
            ended = self.changed.wait_for(lambda: any(actor.ended for actor in self.everybody), seconds)
        assert not ended, f"somebody gave up\n{self._state()}"

    def recovers(self, since: float, actors: Iterable[Actor] | None = None) -> float:
        """How long it took until everybody had something again since then."""
        waited = list(self.everybody if actors is None else actors)
        self.wait_until(lambda: all(actor.has_since(since) for actor in waited), "something new for everybody")
        with self.changed:
            took = recovery(since, {actor.name: actor.times for actor in waited})
        self.recoveries.append(took)
        return took

    def says_more(self, count: int) -> None:
        """Until so many more messages are acked."""
        before = sum(len(writer.times) for writer in self.writers)
        self.wait_until(lambda: sum(len(writer.times) for writer in self.writers) >= before + count, "more acks")

    def worst_gap(self, begin: float, end: float, actors: Iterable[Actor]) -> float:
        """The longest that one of them had nothing."""
        with self.changed:
            return longest_gap(begin, end, [actor.times for actor in actors])

    def told(self, words: str, actors: Sequence[Actor]) -> list[int]:
        """How often each of them was told that."""
        with self.changed:
            return [actor.count(words) for actor in actors]

    def until_told(self, words: str, actors: Sequence[Actor], before: Sequence[int]) -> None:
        """Until each of them was told that once more."""

        def are_told() -> bool:
            return all(actor.count(words) > count for actor, count in zip(actors, before, strict=True))

        self.wait_until(are_told, repr(words))

    def notices(self) -> list[str]:
        """The comings and goings that were told."""
        kinds = ('"kind":"joined"', '"kind":"left"', " joined", " left")
        return [line for reader in self.readers for line in reader.lines if any(kind in line for kind in kinds)]

    @property
    def new_notices(self) -> int:
        """How many of them, since everybody was there."""
        return len(self.notices()) - self._noticed

    # --- the end ----------------------------------------------------------------------------------------------
    def report(
        self, fault: str, times: int, besides: str = "", *, crowd: Callable[[Record], None] | None = None
    ) -> Report:
        """Everybody says their last and shows it; then all is judged."""
        self._quiet.set()
        self._pacer.join()
        for writer in self.writers:
            writer.end_input()
        for writer in self.writers:
            assert writer.wait() == 0, "\n".join(writer.errors)
        told = Record(sent=self._sent)
        told.acked = [line for writer in self.writers for line in writer.messages]
        if crowd is not None:
            crowd(told)
        told.history = self.history()
        assert len(told.history) >= sum(map(len, self._sent.values()))
        whole = len(told.history)
        with contextlib.suppress(AssertionError):  # who does not get there has lost something: the judgement tells what
            self.wait_until(lambda: all(len(reader.times) >= whole for reader in self.readers), "the last message")
        with self.changed:
            told.shown |= {reader.name: reader.messages for reader in self.readers}
        verdict = judge(told)
        report = Report(fault, times, verdict, max(self.recoveries), besides)
        assert not verdict.faults, "\n".join([str(report), *verdict.faults[:20]])
        return report

    def history(self) -> list[Line]:
        """What the room holds, as a new reader gets it."""
        return self.history_at(self.link)

    def history_at(self, link: str) -> list[Line]:
        """The same at the broker of a link."""
        arguments = ("--broker", link, "--room", ROOM, "--since", "all", "--no-follow", "--json")
        tail = run(self.home, "tail", *arguments, nick="checker", timeout=PATIENCE)
        assert tail.returncode == 0, tail.stderr
        return [line_of(json.loads(line)) for line in tail.stdout.splitlines() if '"kind":"message"' in line]
