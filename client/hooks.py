"""Hooks: commands that the user has run beside the chat, for what should not be missed.

Owns the queue of runs, and the thread that does them one at a time. Does not know for what they are run (`chat`).
`run` is for one thread, and never waits.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Mapping

from . import children, settings
from .environment import environment

QUEUE = 32
"""Runs that wait at most; more are let go, since nobody wants to be told of hundreds of messages one by one."""
PATIENCE = 60.0
"""Seconds after which a run is ended."""


class Hooks:
    """One command. Its thread is begun with the first run, and what still runs does not hold up our end."""

    def __init__(self, argv: list[str], more: Mapping[str, str] | None = None) -> None:
        self._argv = argv
        self._more = more or {}
        self._waiting: queue.Queue[tuple[str, Mapping[str, str]]] = queue.Queue(QUEUE)
        self._thread: threading.Thread | None = None
        self._trouble = ""
        self._told = False

    def run(self, message: str, variables: Mapping[str, str]) -> str:
        """Have the command run with this on its standard input and in its environment; returns at once.

        What it returns is what was wrong with an earlier run: once, else "".
        """
        if self._thread is None:
            self._thread = threading.Thread(target=self._serve, name="zchat-hooks", daemon=True)
            self._thread.start()
        if not self._waiting.full():
            self._waiting.put_nowait((message, variables))
        if not self._trouble or self._told:
            return ""
        self._told = True
        return f"The command of the hook ({self._argv[0]}) {self._trouble}. Check it in: zchat config --path."

    def _serve(self) -> None:
        while True:
            message, variables = self._waiting.get()
            variables = {**variables, **self._more}
            # Its output would stand in the middle of the chat.
            trouble = children.feed(self._argv, message, variables, quiet=True, within=PATIENCE)
            self._trouble = trouble or self._trouble


def configured(name: str, more: Mapping[str, str]) -> Callable[[str], str] | None:
    """What runs the command of a hook, by its setting's name, for a message object; None when there is no such hook.

    Raises `InputError` when the command cannot be run.
    """
    command, origin = settings.lookup(settings.BY_NAME[name])
    if command is None:
        return None
    hooks = Hooks(children.split(str(command), f"The hook {name} ({origin})"), more)
    return lambda message: hooks.run(message, environment(message))
