"""Ctrl-C and the signals that end a process: each is heard, and ends it in order.

Owns their handlers and the wake-up descriptor of the process. Does not know what is ended. `heed` is called by the main
thread, in which the handlers run; a thread of its own looks after signals that got lost.

Python runs a handler in the main thread only, and between two of its instructions. So a signal is lost when it comes
just before that thread waits in the system (the wait is not interrupted), and what the handler raises does harm in some
places: in a finalizer it is swallowed, in an import it may come out as another error, and a ZeroMQ socket that was
begun, but is not yet known to its context, keeps that context from ever ending.
"""

from __future__ import annotations

import _thread
import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from types import FrameType

from .errors import ExitCode

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP")
_AGAIN = 0.05
"""Seconds after which a signal that was not heard is sent once more."""

_SAYING = 1.0
"""Seconds that a last word may take: where it goes may be what everything waits for."""

_last_word: tuple[float, str] | None = None
"""After how many seconds the process is given up, and what is said then."""
_uninterrupted = 0
"""How many blocks of the main thread must not be left halfway."""


def heed() -> None:
    """Let Ctrl-C raise KeyboardInterrupt and the others SystemExit (128 + number) in the main thread, without fail.

    A signal that is ignored from the start, as `nohup` does it, stays so.
    """
    numbers = {number for name in _NAMES if (number := getattr(signal, name, None)) is not None}
    ours = {number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN}
    heard = threading.Event()
    reading, writing = os.pipe()

    def end(number: int, frame: FrameType | None) -> None:
        if _uninterrupted or _imports(frame):
            return  # it comes again
        heard.set()
        raise KeyboardInterrupt if number == signal.SIGINT else SystemExit(128 + number)

    def lost(unraisable: sys.UnraisableHookArgs) -> None:
        if not isinstance(unraisable.exc_value, KeyboardInterrupt | SystemExit):
            sys.__unraisablehook__(unraisable)
            return
        code = unraisable.exc_value.code if isinstance(unraisable.exc_value, SystemExit) else None
        heard.clear()
        os.write(writing, bytes([code - 128 if isinstance(code, int) and code > 128 else signal.SIGINT]))

    def look_after() -> None:
        while number := os.read(reading, 1):
            if _last_word is not None and number[0] in (signal.SIGINT, signal.SIGTERM):
                threading.Thread(target=_give_up, args=_last_word, daemon=True).start()
            while number[0] in ours and signal.getsignal(number[0]) is end and not heard.wait(_AGAIN):
                _kick(number[0])

    if hasattr(os, "set_blocking"):
        os.set_blocking(writing, False)  # a handler must not wait
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    sys.unraisablehook = lost
    threading.Thread(target=look_after, name="zchat-signals", daemon=True).start()
    for number in ours:
        signal.signal(number, end)


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """A block, or a function, which a signal does not end halfway; it ends the process soon after."""
    global _uninterrupted
    if threading.current_thread() is not threading.main_thread():
        yield  # signals are heard in the main thread, which may be changing the count right now
        return
    _uninterrupted += 1
    try:
        yield
    finally:
        _uninterrupted -= 1


def give_up_after(seconds: float, words: str) -> None:
    """From now on Ctrl-C or SIGTERM ends the process (1) in so many seconds at most, whatever its threads wait for.

    `words` then tell why. It takes `heed`.
    """
    global _last_word
    _last_word = seconds, words


def _give_up(seconds: float, words: str) -> None:
    time.sleep(seconds)
    line = f"zchat: {words}\n".encode()
    teller = threading.Thread(target=os.write, args=(2, line), daemon=True)
    teller.start()
    teller.join(_SAYING)
    os._exit(ExitCode.OTHER)


def _imports(frame: FrameType | None) -> bool:
    """Whether a module is being imported: what is raised there is swallowed, or comes out as another error."""
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


def _kick(number: int) -> None:
    if hasattr(signal, "pthread_kill"):
        signal.pthread_kill(threading.main_thread().ident or 0, number)
    else:
        _thread.interrupt_main(signal.Signals(number))
