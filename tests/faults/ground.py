"""What the faults need of the machine, and how to tell that it is not there.

A broker on a small disk, or behind a cable that can be pulled, runs in a namespace of its own, which ends with it: so
nothing is left on the machine, whatever becomes of the test.
"""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

MT_LIBRARY = "libfaketimeMT.so.1"
SECONDS = 20.0
"""How long a command that sets something up may take."""


class Unable(Exception):
    """This machine does not allow that; the text is for people."""


def _does(*command: str) -> bool:
    if shutil.which(command[0]) is None:
        return False
    return subprocess.run(command, capture_output=True, timeout=SECONDS, check=False).returncode == 0


def _do(*command: object) -> None:
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=SECONDS, check=False)
    if done.returncode:
        raise Unable(f"{' '.join(map(str, command))}: {done.stderr.strip()}")


# --- a disk that is full --------------------------------------------------------------------------------------
class SmallDisk:
    """A file system in memory that only the processes begun `under` it see."""

    def __init__(self, folder: Path, megabytes: int) -> None:
        if not _does("unshare", "-rm", "sh", "-c", "mount -t tmpfs -o size=1m tmpfs /tmp"):
            raise Unable("this account may not mount a file system, not even in a namespace of its own")
        folder.mkdir(parents=True)
        self.folder = folder
        script = f'mount -t tmpfs -o size={megabytes}m,mode=700 tmpfs "$0" && exec "$@"'
        self.under = ("unshare", "-rm", "sh", "-c", script, folder)

    @contextlib.contextmanager
    def filled(self, pid: int) -> Iterator[None]:
        """No byte more fits on the disk that this process sees; a ballast file takes up the room."""
        ballast = Path(f"/proc/{pid}/root{self.folder}/ballast")
        with ballast.open("wb", buffering=0) as file:
            for size in (1 << 16, 1 << 12, 1):
                with contextlib.suppress(OSError):
                    while file.write(b"x" * size) == size:
                        pass
        yield
        ballast.unlink()


class LimitedFiles:
    """A limit to the size of files, which any process of one's own can be given (setrlimit(2), RLIMIT_FSIZE)."""

    under = ()

    def __init__(self) -> None:
        if not hasattr(resource, "prlimit"):
            raise Unable("only Linux lets one process limit another")

    @contextlib.contextmanager
    def filled(self, pid: int) -> Iterator[None]:
        """This process can write to no file; Python ignores the signal that comes with the error."""
        before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (1, before[1]))
        yield
        resource.prlimit(pid, resource.RLIMIT_FSIZE, before)


# --- a cable --------------------------------------------------------------------------------------------------
class Cable:
    """A wire between this machine and a broker in a network namespace of its own; pulled, it loses every packet.

    The addresses are from 198.18.0.0/15, which is for such tests (RFC 2544) and used by nobody.
    """

    under = ("unshare", "-n")

    def __init__(self) -> None:
        if not _does("unshare", "-n", "true"):
            raise Unable("this account may not make network namespaces")
        if shutil.which("ip") is None or shutil.which("nsenter") is None:
            raise Unable("there is no ip (iproute2) or nsenter (util-linux)")
        number = os.getpid() % 16_000
        third, fourth = divmod(number * 4, 256)
        self.host, self._here = (f"198.18.{third}.{fourth + last}" for last in (2, 1))
        self._outside, self._inside = f"zo{number}", f"zi{number}"
        self._pid = 0

    def plug(self, pid: int) -> None:
        """Lay it to the process of the broker; it goes with that."""
        self._pid = pid
        _do("ip", "link", "add", self._outside, "type", "veth", "peer", "name", self._inside, "netns", pid)
        _do("ip", "addr", "add", f"{self._here}/30", "dev", self._outside)
        _do("ip", "link", "set", self._outside, "up")
        self._in_there("addr", "add", f"{self.host}/30", "dev", self._inside)
        self.join()

    def _in_there(self, *words: str) -> None:
        _do("nsenter", "-n", "-t", self._pid, "ip", *words)

    def pull(self) -> None:
        """At the broker's end, so that this one still believes in the wire and sends into it."""
        self._in_there("link", "set", self._inside, "down")

    def join(self) -> None:
        """Put it in again."""
        self._in_there("link", "set", self._inside, "up")


# --- a clock --------------------------------------------------------------------------------------------------
class Clock:
    """A wall clock that can be set, for the processes that get its variables; the monotonic one goes on."""

    def __init__(self, file: Path) -> None:
        library = next(iter(sorted(Path("/usr").glob(f"lib*/**/faketime/{MT_LIBRARY}"))), None)
        if library is None:
            raise Unable("libfaketime is not installed (Debian and Ubuntu: apt-get install libfaketime)")
        file.parent.mkdir(parents=True, exist_ok=True)
        self._file = file
        self.set(0)
        self.variables = {
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": str(file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",
        }

    def set(self, hours: int) -> None:
        """So many hours off the right time."""
        new = self._file.with_suffix(".new")
        new.write_text(f"{hours * 3_600:+d}\n")
        new.replace(self._file)


def file_limit(needed: int) -> None:
    """As many open files as a process needs that this one starts."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise Unable(f"no more than {hard} open files are allowed here ({os.strerror(errno.EMFILE)})")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, needed), hard))
