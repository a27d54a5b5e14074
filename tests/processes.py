"""zchat as programs meet it: the installed command in processes of its own, on pipes.

Each class starts one process and ends it when its `with` block ends. Waiting is for what a process shows, never for
time to pass: `wait_for` returns as soon as it is there, and fails with all that was shown when it is not in time.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Self

from .ports import Ports

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
        env=environment(home, **as_nick(nick)),
        **({"stdin": subprocess.DEVNULL} if data is None else {"input": data}),
        capture_output=True,
        timeout=timeout,
        check=False,
    )
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


def as_nick(nick: str | None) -> dict[str, str]:
    """The variables that give `zchat` a nick, if it is to have one."""
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
            env=environment(home, **as_nick(nick)),
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
        self._ports = Ports()
        self.port = 0
        """ROUTER's port; PUB has the next one."""
        self.link = ""

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as if_it_fails:
            self.port = if_it_fails.enter_context(self._ports).first
            self.start()
            if_it_fails.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._end()
        self._ports.__exit__()

    def _end(self) -> None:
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
        self._end()
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
