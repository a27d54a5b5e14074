"""The receive thread of a client of the library, and how other threads reach it.

Owns the thread, the calls on their way to it, and its end. Does not know what calls mean (`library_core`) nor who makes
them (`library`, `library_async`).

The receive thread alone owns the network sockets and the core. Any thread may call: it leaves the call in a queue and
says so over the pipe, whose end is used under a lock, since a ZeroMQ socket may go from thread to thread but not be
used by two. What a call brings comes back in a future. When the receive thread ends, for whatever reason, it settles
every call first, and a call that comes later is refused; so nobody waits for ever.

When a process forks, the client stays with the parent: the child has no receive thread, so for it the client has ended.
At exit, clients that were not closed say goodbye.
"""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import secrets
import threading
import weakref
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any, Generic, TypeVar

from ..common.errors import Closed, RefusedError, ZchatError
from ..common.keys import Link
from .connection import Connection
from .core import ClientCore
from .credentials import Credentials
from .library_calls import Call, Close, More, Saying, Settle, Waiting, Withdrawal, late
from .library_core import LibraryCore
from .library_inbox import Inbox
from .session import Profile

log = logging.getLogger("zchat.client")

T = TypeVar("T")

END_PATIENCE = 5.0
"""Seconds that the receive thread has to end: longer than `library_core.FAREWELL` and its last words."""

_running: weakref.WeakSet[Receiver] = weakref.WeakSet()


class Pending(Future[T], Generic[T]):
    """What a call will bring. When it is cancelled, the call is withdrawn."""

    _call: Waiting

    @property
    def id(self) -> str:
        """The id of the message that is to be stored; "" when it is something else."""
        return self._call.say.id if isinstance(self._call, Saying) else ""


class Receiver:
    """One running client; `ended` is settled at its end, with the error it ended with if there is one."""

    def __init__(
        self, link: Link, profile: Profile, credentials: Credentials, *, own: bool, inbox: int, patience: float
    ) -> None:
        self._lock = threading.RLock()  # a finalizer may call in the middle of a call
        self._calls: deque[Call] = deque()
        self._error: ZchatError | None = None
        """Why nothing is taken any more."""
        self._credentials = credentials
        self.place = link.place
        """Where the broker is."""
        self.key = credentials.key.fingerprint
        """Our fingerprint."""
        self.inbox = Inbox(inbox, partial(self._call, More()))
        self.ended: Future[None] = Future()
        core = ClientCore(profile, secrets.token_bytes)
        self._library = LibraryCore(core, self._calls, self.inbox.put, key=self.key, own=own, timeout=patience)
        self._connection = Connection(
            link,
            credentials.key,
            core,
            self._library,
            write=lambda _: None,
            met=credentials.met,
            renamed=credentials.renamed,
        )
        self._thread = threading.Thread(target=self._run, name=f"zchat-{profile.nick}", daemon=True)
        _running.add(self)
        self._thread.start()

    # --- any thread -------------------------------------------------------------------------------------------
    @property
    def nick(self) -> str:
        """What the broker calls us."""
        return self._library.core.profile.nick

    @property
    def connected(self) -> bool:
        """Whether the broker is there."""
        return self._library.connected

    @property
    def is_over(self) -> bool:
        """Whether nothing is taken any more."""
        return self._error is not None

    @property
    def is_current(self) -> bool:
        """Whether this is the receive thread, which must not wait for itself."""
        return threading.current_thread() is self._thread

    def submit(self, make: Callable[[Settle], Waiting], *, soon: bool = False) -> Pending[Any]:
        """Make a call with what settles it, and hand it over; raises what the client ended with.

        Unless it is to be done `soon`, somebody will wait for it.
        """
        if self.is_current and not soon:
            raise ZchatError("The callback of a future must not wait for another one. Use send_soon there.")
        pending: Pending[Any] = Pending()
        pending._call = make(partial(_settle, pending))
        if not self._call(pending._call):
            self.check()
        pending.add_done_callback(self._withdraw)
        return pending

    def _withdraw(self, pending: Future[Any]) -> None:
        if pending.cancelled() and isinstance(pending, Pending):
            self._call(Withdrawal(pending._call))

    def late(self, pending: Pending[Any]) -> ZchatError:
        """The error for a call that was given up."""
        return late(pending._call, self._library.trouble)

    def check(self) -> None:
        """Raise what the client ended with, if it has."""
        if self._error is not None:
            raise self._error.with_traceback(None)  # it is raised again and again

    def _call(self, call: Call) -> bool:
        """Hand a call over; False when nothing is taken any more."""
        with self._lock:
            if self._error is not None:
                return False
            self._calls.append(call)
            # Who finds others before it need not say so again: they are all taken at once.
            if len(self._calls) == 1:
                self._connection.pipe.wake()
            return True

    def close(self, reason: str = "") -> None:
        """Begin to end: goodbye is said once what was sent is acked, soon in any case."""
        self._call(Close(reason))

    def join(self) -> None:
        """Wait until it has ended."""
        if not self.is_current:
            self._thread.join(END_PATIENCE)

    def forked(self) -> None:
        """We are in a child of the process that has the receive thread."""
        self._error = ZchatError("This client was opened before the process forked. Open another one in the child.")
        self._lock = threading.RLock()  # the parent's may be held by a thread that is not here
        self.inbox.forked(self._error)

    # --- the receive thread -----------------------------------------------------------------------------------
    def _run(self) -> None:
        error: ZchatError | None = None
        try:
            self._connection.run()
        except ZchatError as ended_with:
            error = ended_with
            if isinstance(error, RefusedError):
                self._credentials.refused(error)
        except OSError as fault:
            error = ZchatError(f"The account's files cannot be written ({fault}). Make room, or see to their rights.")
            error.__cause__ = fault
        except BaseException as fault:
            log.exception("the receive thread failed")
            error = ZchatError(f"The client failed: {fault!r}. That is a bug; please report it.")
            error.__cause__ = fault
        finally:
            self._finish(error)

    def _finish(self, error: ZchatError | None) -> None:
        ended = error or Closed("The client is closed.")
        with self._lock:
            self._error = ended
            self._connection.close()
        self._library.connected = False
        self._library.abandon(ended)
        self.inbox.end(ended)
        _settle(self.ended, error)


def _settle(future: Future[Any], outcome: object) -> None:
    if not future.set_running_or_notify_cancel():
        return
    if isinstance(outcome, ZchatError):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)


def _forked() -> None:
    for receiver in _running:
        receiver.forked()


if hasattr(os, "register_at_fork"):  # not on Windows, where nothing forks
    os.register_at_fork(after_in_child=_forked)


@atexit.register
def _close_all() -> None:
    for receiver in list(_running):
        receiver.close()
    for receiver in list(_running):
        with contextlib.suppress(RuntimeError):
            receiver.join()
