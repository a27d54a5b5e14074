"""A PostgreSQL server of the tests' own: in a temporary folder, on a Unix socket, with fsync on.

`find` looks where its programs usually are. The server refuses to run as root, so there it runs as somebody else.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Self, TypedDict

import psycopg

PLACES = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql*/bin",
    "/usr/local/opt/postgresql*/bin",
)
PATIENCE = 30.0
USERS = ("postgres", "nobody")
_MAKING = threading.Lock()
_pattern: Path | None = None
"""What every server of this process begins as."""


def find() -> Path | None:
    """The folder with the programs of the newest server, if there is one."""
    on_path = shutil.which("initdb")
    folders = [Path(on_path).resolve().parent] if on_path else []
    for place in PLACES:
        folders += sorted(Path("/").glob(place[1:]), key=_version, reverse=True)
    return next((folder for folder in folders if (folder / "initdb").exists() and (folder / "postgres").exists()), None)


def _version(folder: Path) -> list[int]:
    return [int(digits) for digits in "".join(c if c.isdigit() else " " for c in str(folder)).split()]


class _As(TypedDict, total=False):
    """The account that the server runs as, for `subprocess`; empty: ours."""

    user: int
    group: int
    extra_groups: list[int]


class Postgres:
    """A server, which can be stopped and started again; its databases are gone with it."""

    def __init__(self) -> None:
        bin_ = find()
        assert bin_ is not None
        self.programs = bin_
        """The folder with its programs."""
        self._as: _As = {}
        if os.geteuid() == 0:
            user = next(entry for entry in pwd.getpwall() if entry.pw_name in USERS)
            self._as = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        self.folder = Path(tempfile.mkdtemp(prefix="zchat-pg-"))
        """Where it has everything; it belongs to the account that it runs as."""
        if self._as:
            os.chown(self.folder, self._as["user"], self._as["group"])
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            self.run("cp", "-R", self._made(), self._data)
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.stop(signal.SIGQUIT)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _made(self) -> Path:
        """The folder of a server that was never started; made once in a process, since it takes a second."""
        global _pattern
        with _MAKING:
            if _pattern is None:
                folder = Path(tempfile.mkdtemp(prefix="zchat-pg-"))
                atexit.register(shutil.rmtree, folder, ignore_errors=True)
                if self._as:
                    os.chown(folder, self._as["user"], self._as["group"])
                pattern = folder / "data"
                self._run(
                    "initdb", "-D", pattern, *["-U", "zchat", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]
                )
                _pattern = pattern
            return _pattern

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def follow(self, primary: Postgres) -> None:
        """Start anew as the standby of another one, which from now on waits for this one's disk, too."""
        shutil.rmtree(self._data, ignore_errors=True)
        with psycopg.connect(primary.url(), autocommit=True) as db:
            self._run("pg_basebackup", "-h", primary.folder, "-U", "zchat", "-D", self._data, "-R", "-c", "fast")
            self.start()
            db.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
            db.execute("SELECT pg_reload_conf()")

    def take_over(self) -> None:
        """Be the primary, and wait for no standby."""
        with psycopg.connect(self.url(), autocommit=True) as db:
            db.execute("ALTER SYSTEM RESET synchronous_standby_names")
            db.execute("SELECT pg_promote()")

    def run(self, *command: object, variables: Mapping[str, str] | None = None) -> None:
        """Run a command in its folder, as the account that it runs as."""
        done = subprocess.run(
            list(map(str, command)),
            cwd=self.folder, env=variables, capture_output=True, text=True, check=False, timeout=PATIENCE, **self._as,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr

    def _run(self, program: str, *arguments: object) -> None:
        self.run(self.programs / program, *arguments)

    def start(self, *options: str) -> None:
        """Start it; it takes connections on return."""
        program, data, folder = str(self.programs / "postgres"), str(self._data), str(self.folder)
        command = [program, "-D", data, "-k", folder, "-c", "listen_addresses=", *options]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, **self._as
            )
        end = time.monotonic() + PATIENCE
        while subprocess.run([self.programs / "pg_isready", "-q", "-h", self.folder], check=False).returncode:
            if self._process.poll() is not None or time.monotonic() > end:
                raise AssertionError((self.folder / "log").read_text())

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """End it: SIGINT in order, SIGQUIT as if the power had failed."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(PATIENCE)
            self._process = None

    @property
    def pid(self) -> int:
        """The main process's id."""
        assert self._process is not None
        return self._process.pid

    def send_signal(self, number: signal.Signals) -> None:
        """Send the server's main process a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    @contextlib.contextmanager
    def silent(self) -> Iterator[None]:
        """All its processes stand still meanwhile: who asks it something is not answered, and not refused either."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children")
        stopped = [self.pid]
        os.kill(self.pid, signal.SIGSTOP)  # first: it starts no more of them
        stopped += map(int, children.read_text(encoding="ascii").split())
        try:
            for pid in stopped[1:]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGSTOP)
            yield
        finally:
            for pid in stopped[::-1]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)

    def url(self, database: str = "postgres", user: str = "zchat", *, or_at: Postgres | None = None) -> str:
        """How one of its databases is named, wherever it can be written to if there is another server."""
        folders = f"{self.folder},{or_at.folder}" if or_at is not None else self.folder
        return f"postgresql://{user}@/{database}?host={folders}"


REASON = "PostgreSQL (initdb, postgres) is not installed"


def emptied(url: str) -> str:
    """The same database without a history's content; making the tables anew would take longer."""
    with psycopg.connect(url, autocommit=True) as db:
        if db.execute("SELECT to_regclass('zchat.about')").fetchone() != (None,):
            db.execute("SET search_path = zchat")
            for table in ("entry", "gone", "room", "state"):
                db.execute(f"DELETE FROM {table}")
    return url
