"""SIGHUP: the configuration is read again, and the log reopened; or the terminal is gone, and the broker ends.

Owns which of the two it is, and what is told of it. `hang_up` is called in a signal handler, `reread` by the broker's
thread.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable

from ..common.errors import ZchatError
from .logs import open_log
from .options import ABOUT
from .server import Server
from .settings import Settings
from .watching import tell


class Reloading:
    """The settings in force, and how they are replaced."""

    def __init__(self, reading: Callable[[], Settings], held: Settings, broker: Server) -> None:
        self._reading = reading
        self._held = held
        self._broker = broker
        self._terminal = _has_terminal()

    def hang_up(self) -> None:
        """Read the configuration again; end with the terminal in which the broker was started."""
        if self._terminal and not _has_terminal():
            self._broker.stop()
        else:
            self._broker.post(self.reread)

    def reread(self) -> None:
        """Take what has changed, or keep all as it is and say why."""
        try:
            settings = self._reading()
            start_log(settings)
        except ZchatError as error:
            text = f"the configuration was not taken, the former one holds: {error}"
            tell(text, "config_refused", level=logging.ERROR, reason=str(error))
            return
        self._broker.policy.become(settings.policy)
        before = {name: value for _, name, value, _ in self._held.rows}
        changed = [name for _, name, value, _ in settings.rows if value != before[name]]
        self._held = settings
        now = [name for name in changed if ABOUT[name].reload]
        later = [name for name in changed if not ABOUT[name].reload]
        text = f"the configuration was read again; new: {', '.join(now) or 'nothing'}"
        tell(text, "config_read", changed=now)
        if later:
            text = f"these hold from the next start on: {', '.join(later)}"
            tell(text, "config_restart", level=logging.WARNING, changed=later)


def start_log(settings: Settings) -> None:
    """Open the log that is set."""
    service = settings.service
    open_log(
        service.log,
        messages=service.log_messages,
        form=service.log_format,
        file_bytes=service.log_bytes,
        file_count=service.log_files,
    )


def _has_terminal() -> bool:
    """Whether this process has a terminal that can still be used."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True
