"""What the system tells of processes and of itself: CPU seconds, memory, how long an fsync takes.

Owns the reading of `/proc` (Linux). Does not know what is measured. Any thread.
"""

from __future__ import annotations

import contextlib
import os
import platform
import statistics
import time
from pathlib import Path

import zmq

_TICKS = os.sysconf("SC_CLK_TCK")
FSYNCS = 200


def cpu_seconds(pid: int) -> float:
    """CPU seconds, user and system, that a process, all its threads and its children have used; in steps of 0.01."""
    return sum(_cpu(process) for process in _family(pid))


def _cpu(pid: int) -> float:
    # The name, in parentheses, may hold blanks; what follows it begins with field 3 (proc(5)).
    with contextlib.suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return sum(map(int, fields[11:15])) / _TICKS  # user and system, its own and of children that have ended
    return 0.0


def _family(pid: int) -> list[int]:
    family = [pid]
    for parent in family:
        with contextlib.suppress(OSError):
            for task in Path(f"/proc/{parent}/task").iterdir():
                family += map(int, (task / "children").read_text().split())
    return family


def memory(pid: int) -> int:
    """Bytes of memory that a process holds (RSS)."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def fsync_seconds(folder: Path) -> float:
    """The median time of appending 4 kB to a file and having it on the disk."""
    taken = []
    with (folder / "fsync").open("wb", buffering=0) as file:
        for _ in range(FSYNCS):
            started = time.perf_counter()
            file.write(bytes(4_096))
            os.fsync(file.fileno())
            taken.append(time.perf_counter() - started)
    (folder / "fsync").unlink()
    return statistics.median(taken)


def describe(folder: Path) -> dict[str, object]:
    """This machine, and how busy it is; `folder` is on the disk that is used."""
    model = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return {
        "cpu": model[0].partition(":")[2].strip() if model else platform.processor(),
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "libzmq": zmq.zmq_version(),
        "pyzmq": zmq.pyzmq_version(),
        "fsync_us": round(fsync_seconds(folder) * 1e6),
        "load": round(os.getloadavg()[0], 2),
    }
