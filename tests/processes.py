"""zchat as people and programs meet it: the installed command in processes of its own, on pipes and on a terminal.

Each class starts one process and ends it when its `with` block ends. Waiting is for what a process shows, never for
time to pass: `wait_for` returns as soon as it is there, and fails with all that was shown when it is not in time.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Self

import pexpect
import pyte
from wcwidth import wcwidth

ZCHAT = Path(sys.executable).with_name("zchat")
LOGIN = "login"
"""The login name of whoever runs `zchat` in a test."""
PATIENCE = 10.0
"""Seconds until something that should happen is missed."""


def environment(home: Path, **more: str) -> dict[str, str]:
    """What a child of a test sees: its own files, UTF-8, and nothing of whoever runs the tests."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ZCHAT_", "LC_", "PYTHON"))}
    ours = ("DISPLAY", "WAYLAND_DISPLAY", "TERM_PROGRAM", "VTE_VERSION", "KITTY_WINDOW_ID", "TMUX", "STY")
    for unwanted in ("NO_COLOR", "COLORTERM", "COLORFGBG", "COLUMNS", "LINES", "VISUAL", "EDITOR", *ours):
        kept.pop(unwanted, None)
    return {**kept, "LANG": "C.UTF-8", "LOGNAME": LOGIN, "TERM": "dumb", "ZCHAT_HOME": str(home), **more}


def run(
    home: Path,
    *arguments: object,
    stdin: str | bytes | None = None,
    nick: str | None = None,
    timeout: float = PATIENCE,
    program: Path = ZCHAT,
) -> subprocess.CompletedProcess[str]:
    """Run `zchat` to its end; `stdin` is what it reads, None is no input at all."""
    data = stdin.encode() if isinstance(stdin, str) else stdin
    done = subprocess.run(
        [program, *map(str, arguments)],
        env=environment(home, **_nick(nick)),
        **({"stdin": subprocess.DEVNULL} if data is None else {"input": data}),
        capture_output=True,
        timeout=timeout,
        check=False,
    )
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


def _nick(nick: str | None) -> dict[str, str]:
    return {} if nick is None else {"ZCHAT_NICK": nick}


def run_shell(
    home: Path,
    script: str,
    *,
    shell: Sequence[str] = ("bash", "-c"),
    places: Sequence[Path] = (),
    timeout: float = PATIENCE,
    **variables: str,
) -> subprocess.CompletedProcess[str]:
    """Run a script to its end, with `zchat` and what is in other places in its path, and no input."""
    path = os.pathsep.join(map(str, (ZCHAT.parent, *places, os.environ["PATH"])))
    return subprocess.run(
        [*shell, script],
        env=environment(home, PATH=path, **variables),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=timeout,
        check=False,
    )


def holds(line: str, words: Sequence[str]) -> bool:
    """Whether a line has all the words in it."""
    return all(word in line for word in words)


class Process:
    """`zchat` on pipes; threads collect what it writes."""

    def __init__(self, home: Path, *arguments: object, nick: str | None = None, program: Path = ZCHAT) -> None:
        self._popen = subprocess.Popen(
            [program, *map(str, arguments)],
            env=environment(home, **_nick(nick)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self._changed = threading.Condition()
        self._written: dict[str, bytearray] = {"out": bytearray(), "err": bytearray()}
        self._open = {"out", "err"}
        self._pipes = {"out": self._popen.stdout, "err": self._popen.stderr}
        self._readers = [threading.Thread(target=self._collect, args=(name,), daemon=True) for name in self._pipes]
        for reader in self._readers:
            reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """End it however it is, and leave nothing behind."""
        self._popen.kill()
        self._popen.wait()
        for reader in self._readers:
            reader.join()
        self.end_input()
        for pipe in self._pipes.values():
            pipe.close()

    def _collect(self, name: str) -> None:
        while chunk := os.read(self._pipes[name].fileno(), 65_536):
            with self._changed:
                self._written[name] += chunk
                self._changed.notify_all()
        with self._changed:
            self._open.discard(name)
            self._changed.notify_all()

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._popen.pid

    @property
    def out(self) -> str:
        """Standard output so far."""
        return self._written["out"].decode(errors="replace")

    @property
    def err(self) -> str:
        """Standard error so far."""
        return self._written["err"].decode(errors="replace")

    @property
    def lines(self) -> list[str]:
        """The whole lines of standard output, then those of standard error."""
        return [line for text in (self.out, self.err) for line in text.split("\n")[:-1]]

    def wait_for(self, *words: str, times: int = 1) -> str:
        """The line, of standard output or error, that holds all the words (the n-th such line)."""
        found: list[str] = []

        def there() -> bool:
            found[:] = [line for line in self.lines if holds(line, words)]
            return len(found) >= times

        self.wait_until(there, f"{' '.join(words)!r}" + (f" {times} times" if times > 1 else ""))
        return found[times - 1]

    def wait_until(self, condition: Callable[[], bool], what: str) -> None:
        """Until something is true of what it has written."""
        with self._changed:
            self._changed.wait_for(lambda: condition() or not self._open, PATIENCE)
            if not condition():
                ended = "" if self._open else " (it ended)"
                raise AssertionError(f"{what} was not shown{ended}. Output:\n{self.out}\nErrors:\n{self.err}")

    def type(self, *lines: str) -> None:
        """Write lines to its standard input."""
        self.feed("".join(f"{line}\n" for line in lines).encode())

    def feed(self, data: bytes) -> None:
        """Write bytes to its standard input."""
        self._popen.stdin.write(data)
        self._popen.stdin.flush()

    def end_input(self) -> None:
        """Close its standard input."""
        with contextlib.suppress(BrokenPipeError):
            self._popen.stdin.close()

    def send_signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._popen.send_signal(number)

    def wait(self) -> int:
        """Its exit code, once it has ended and all that it wrote is there."""
        code = self._popen.wait(PATIENCE)
        for reader in self._readers:
            reader.join(PATIENCE)
        return code


@contextlib.contextmanager
def _ended_if_it_fails(process: Process) -> Iterator[None]:
    """What is not yet in a `with` block of its own is ended here."""
    try:
        yield
    except BaseException:
        process.__exit__()
        raise


class LineMode(Process):
    """`zchat join` with lines in and lines out; in the room when the constructor returns, unless told not to wait."""

    def __init__(self, home: Path, nick: str | None, *options: object, wait: bool = True) -> None:
        super().__init__(home, "join", *options, nick=nick)
        if wait:
            with _ended_if_it_fails(self):
                self.wait_for("-- You joined")

    def quit(self, reason: str = "") -> int:
        """Leave with /quit; its exit code."""
        self.type(f"/quit {reason}".rstrip())
        return self.wait()


def program(path: Path, text: str) -> Path:
    """A program of that Python text, run by this interpreter; its path may hold blanks, which a first line may not."""
    path.write_text(f"""#!/bin/sh\n'''exec' "{sys.executable}" "$0" "$@"\n' '''\n{text}""")
    path.chmod(0o700)
    return path


class Broker:
    """`zchat broker` on a free pair of ports; it can be stopped or killed and started again on the same ones."""

    def __init__(self, home: Path, *options: object, data: Path | None = None, program: Path = ZCHAT) -> None:
        self._home = home
        self.program = program
        self._options = options
        self._process: Process | None = None
        self._log = ""
        self.data = data or home / "broker"
        self.port = 0
        """ROUTER's port; PUB has the next one."""
        self.link = ""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.__exit__()

    def beside(self, home: Path, *options: object) -> Broker:
        """Another broker of the same chat, with a copy of this one's keys and the options given."""
        other = Broker(home, *options)
        other.data.mkdir(mode=0o700, parents=True)
        for name in ("broker.key", "operator.key"):
            shutil.copy(self.data / name, other.data / name)
        return other

    @property
    def process(self) -> Process:
        """The process that runs now, or ran last."""
        assert self._process is not None
        return self._process

    @property
    def log(self) -> str:
        """All that it wrote to standard error, before restarts too."""
        return self._log + self.process.err

    def start(self) -> None:
        """Start it; returns when it can be joined."""
        self.__exit__()
        if self._process is not None:
            self._log = self.log
        options = ("--port", self.port, "--data", self.data, *self._options)
        self._process = Process(self._home, "broker", *options, program=self.program)
        with _ended_if_it_fails(self._process):
            self.link = self._process.wait_for("zchat broker is ready: ").rpartition(" ")[2]
        self.port = int(self.link.split("/")[2].rpartition(":")[2])

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Stop it as an operator would; its exit code."""
        self.process.send_signal(number)
        return self.process.wait()

    def kill(self) -> None:
        """Kill it with -9."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


class Screen(pyte.Screen):
    """A screen that answers when it is asked where the cursor is, as terminals do, and ignores what takes no cell."""

    def __init__(self, columns: int, rows: int, answer: Callable[[bytes], object]) -> None:
        super().__init__(columns, rows)
        self._answer = answer

    def draw(self, data: str) -> None:
        """Show characters; of some that take no cell pyte would forget what follows."""
        super().draw("".join(c for c in data if wcwidth(c) > 0 or unicodedata.combining(c)))

    def write_process_input(self, data: str) -> None:
        """What the terminal itself says to the program."""
        self._answer(data.encode())


class Terminal:
    """`zchat`, or another program, on a terminal of its own: what is typed goes in, what it shows can be read."""

    def __init__(
        self,
        home: Path,
        *arguments: object,
        nick: str | None = None,
        columns: int = 80,
        rows: int = 40,
        variables: Mapping[str, str] | None = None,
        program: Path | str = ZCHAT,
    ) -> None:
        self.home = home
        self._child = pexpect.spawn(
            str(program),
            [str(argument) for argument in arguments],
            env=environment(home, **{"TERM": "xterm-256color", **_nick(nick), **(variables or {})}),
            dimensions=(rows, columns),
        )
        self._child.delaybeforesend = None  # pexpect waits a little here ...
        self._child.ptyproc.delayafterclose = 0  # ... and here, for programs that are not ours
        self._changed = threading.Condition()  # its lock may be taken twice, so `lines` can be read while waiting
        self._screen = Screen(columns, rows, self._child.send)
        self._stream = pyte.ByteStream(self._screen)
        self.bytes = b""
        """All that was written to the terminal."""
        self._ended = False
        self._reader = threading.Thread(target=self._collect, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """End it however it is, and leave nothing behind."""
        if self._child.isalive():
            self._child.kill(signal.SIGKILL)
            self._child.wait()
        self._reader.join()
        self._child.close()

    def _collect(self) -> None:
        """Show what comes, at once: a program that asks its terminal something waits for the answer."""
        while data := self._read():
            with self._changed:
                self.bytes += data
                self._stream.feed(data)
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _read(self) -> bytes:
        try:
            return os.read(self._child.child_fd, 65_536)
        except OSError:  # how Linux tells that nobody has the terminal open any more
            return b""

    @property
    def lines(self) -> list[str]:
        """What the screen shows, without the empty lines at its end."""
        with self._changed:
            rows = [row.rstrip() for row in self._screen.display]
        kept = itertools.dropwhile(lambda row: not row, reversed(rows))
        return list(kept)[::-1]

    @property
    def cells(self) -> list[list[pyte.screens.Char]]:
        """What the screen shows, cell by cell; the second cell of a wide character is empty."""
        with self._changed:
            buffer, columns = self._screen.buffer, range(self._screen.columns)
            return [[buffer[row][column] for column in columns] for row in range(self._screen.lines)]

    def wait_for(self, *words: str) -> str:
        """The line of the screen that holds all the words."""
        lines = self.wait_until(lambda lines: any(holds(line, words) for line in lines), repr(" ".join(words)))
        return next(line for line in lines if holds(line, words))

    def wait_for_prompt(self, prompt: str) -> None:
        """Until the input line is this prompt, with nothing typed yet, and the status line stands below it."""
        self.wait_until(lambda lines: lines[-2:-1] == [prompt.rstrip()], f"the prompt {prompt!r}")

    def wait_until(self, condition: Callable[[list[str]], bool], what: str = "what was waited for") -> list[str]:
        """The screen's lines, as soon as something is true of them."""
        with self._changed:
            self._changed.wait_for(lambda: condition(self.lines) or self._ended, PATIENCE)
            lines = self.lines
            if not condition(lines):
                raise AssertionError(f"{what} was not on the screen:\n" + "\n".join(lines))
            return lines

    @contextlib.contextmanager
    def unread(self) -> Iterator[None]:
        """Nothing is read meanwhile, so that a long output gets stuck in the middle."""
        with self._changed:
            yield

    def echoes(self, *, within: float) -> bool:
        """Whether the system itself, not the program, would show what is typed: at any moment of so many seconds."""
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            if self._child.getecho():
                return True
        return False

    def type(self, text: str) -> None:
        """Press keys; Enter is a carriage return."""
        self._child.send(text.encode())

    def enter(self, text: str = "") -> None:
        """Type a line and press Enter."""
        self.type(f"{text}\r")

    def paste(self, text: str) -> None:
        """Paste, as terminals tell programs that want to know."""
        self.type(f"\x1b[200~{text}\x1b[201~")

    def resize(self, columns: int, rows: int = 40) -> None:
        """Another size."""
        with self._changed:
            self._screen.resize(rows, columns)
            self._child.setwinsize(rows, columns)

    @property
    def pid(self) -> int:
        """The process's id."""
        return int(self._child.pid)

    def send_signal(self, number: signal.Signals) -> None:
        """Send the process a signal."""
        self._child.kill(number)

    def wait(self) -> int:
        """Its exit code, once it has ended and the screen shows all of it."""
        self._reader.join(PATIENCE)
        assert not self._reader.is_alive(), "it did not end:\n" + "\n".join(self.lines)
        self._child.wait()
        return -self._child.signalstatus if self._child.exitstatus is None else self._child.exitstatus


def until(condition: Callable[[], object], what: str = "what was waited for") -> None:
    """Until something is true that no process shows: looks again and again, and fails when it is not in time."""
    deadline = time.monotonic() + PATIENCE
    nothing = threading.Event()
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come"
        nothing.wait(0.02)


def descriptors(broker: Broker) -> int:
    """How many files and connections the broker has open."""
    return len(os.listdir(f"/proc/{broker.process.pid}/fd"))


def resident(broker: Broker) -> int:
    """The broker's memory in bytes."""
    pages = Path(f"/proc/{broker.process.pid}/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


@contextlib.contextmanager
def started(command: list[str | Path], home: Path, **streams: int) -> Iterator[subprocess.Popen[bytes]]:
    """A process on streams of the test's own."""
    # Nobody answers on that terminal where the cursor is.
    variables = environment(home, TERM="xterm", ZCHAT_NICK="streamer", PROMPT_TOOLKIT_NO_CPR="1")
    with subprocess.Popen(command, env=variables, **streams) as process:
        try:
            yield process
        finally:
            process.kill()
