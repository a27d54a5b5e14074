"""The client where Unix is not: run by a Python of its own, with what only Unix has taken away.

Imports every module of the client, then runs the commands that are its arguments, one after the other.
"""

from __future__ import annotations

import asyncio  # noqa: F401 - libraries look for Unix when they are imported, and may
import builtins
import importlib
import os
import pkgutil
import select
import shlex
import signal
import sys
from typing import Any

import click.shell_completion  # noqa: F401
import platformdirs.unix  # noqa: F401
import prompt_toolkit.input.defaults
import prompt_toolkit.output.defaults  # noqa: F401
import zmq.utils.monitor  # noqa: F401

MODULES = {"fcntl", "grp", "posix", "pty", "pwd", "resource", "syslog", "termios", "tty"}
NAMES: dict[Any, str] = {
    os: "fork forkpty getuid geteuid getgid getpgid setsid setpgid killpg uname fchmod fchown chown mkfifo openpty"
    " ttyname sysconf getloadavg nice sched_yield",
    signal: "SIGHUP SIGPIPE SIGTSTP SIGCONT SIGUSR1 SIGUSR2 SIGWINCH SIGCHLD SIGALRM SIGKILL SIGQUIT pthread_kill"
    " pthread_sigmask sigwait setitimer alarm pause",
    select: "poll epoll",
}
_import = builtins.__import__


def _import_as_elsewhere(name: str, globals: Any = None, *more: Any, **named: Any) -> Any:
    ours = str((globals or {}).get("__name__", "")).startswith("zchat")
    if ours and name.partition(".")[0] in MODULES:
        raise ModuleNotFoundError(f"No module named {name!r}")
    return _import(name, globals, *more, **named)


def main() -> None:
    """Take it away, then go on as usual."""
    builtins.__import__ = _import_as_elsewhere
    for module, names in NAMES.items():
        for name in names.split():
            if hasattr(module, name):
                delattr(module, name)
    sys.platform = "win32"
    for package in ("zchat.common", "zchat.client"):
        for found in pkgutil.iter_modules(importlib.import_module(package).__path__, f"{package}."):
            importlib.import_module(found.name)

    from zchat.common.cli import cli
    from zchat.common.signals import heed

    heed()
    for command in sys.argv[1:]:
        cli.main(shlex.split(command), standalone_mode=False)


if __name__ == "__main__":
    main()
